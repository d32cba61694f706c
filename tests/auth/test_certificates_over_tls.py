"""Certificates as clients see them: real handshakes with a real daemon."""

from __future__ import annotations

import hashlib
import socket
import ssl
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.certificates import Made, made, rsa_key
from tests.daemon import Client, Daemon, Failure

pytestmark = pytest.mark.slow

AUTHORITY = made("authority", key=rsa_key(9), authority=True)


class TlsDaemon(Daemon):
    """A daemon that listens for HTTPS."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        super().__init__(directory, "--https", f"127.0.0.1:{self.port}")

    def connect(self, context: ssl.SSLContext, name: str | None = "localhost") -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), timeout=30), server_hostname=name)

    def shown(self, name: str | None = "localhost") -> str:
        """The fingerprint of what a new client is shown."""
        with self.connect(trusting_all(), name) as connection:
            certificate = connection.getpeercert(binary_form=True)
        assert certificate is not None
        return hashlib.sha256(certificate).digest().hex(":").upper()


def trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[TlsDaemon]:
    daemon = TlsDaemon(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def client(daemon: TlsDaemon) -> Iterator[Client]:
    client = daemon.client()
    yield client
    client.close()


def recorded(client: Client, kind: str = "host") -> list[str]:
    records = client.call("Certificate.get_all_records").values()
    return [record["fingerprint_sha256"] for record in records if record["type"] == kind]


def install(client: Client, ours: Made, chain: str = "") -> str:
    (host,) = client.call("host.get_all")
    client.call("host.install_server_certificate", host, ours.pem, ours.key_pem, chain)
    return str(host)


def test_an_installed_certificate_is_shown_at_once_and_after_a_restart(daemon: TlsDaemon, client: Client) -> None:
    ours = made("localhost", AUTHORITY)
    assert recorded(client) == [daemon.shown()]
    with daemon.connect(trusting_all()) as old:
        install(client, ours, AUTHORITY.pem)

        assert daemon.shown() == ours.fingerprint
        with daemon.connect(ssl.create_default_context(cadata=AUTHORITY.pem)) as checking:
            assert checking.version() == "TLSv1.3"
        old.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert old.recv(12) == b"HTTP/1.1 404"

    client.close()
    daemon.kill()
    daemon.start()
    after = daemon.client()
    assert [daemon.shown()] == [ours.fingerprint] == recorded(after)
    after.close()


def test_a_refused_certificate_changes_nothing(daemon: TlsDaemon, client: Client) -> None:
    before, ours = daemon.shown(), made("localhost")
    (host,) = client.call("host.get_all")

    with pytest.raises(Failure) as error:
        client.call("host.install_server_certificate", host, ours.pem, made("x", key=rsa_key(1)).key_pem, "")

    assert error.value.args == ("SERVER_CERTIFICATE_KEY_MISMATCH",)
    assert [daemon.shown()] == [before] == recorded(client)


def test_a_host_that_signs_for_itself_is_known_by_its_names(daemon: TlsDaemon, client: Client) -> None:
    ours = made("localhost")
    host = install(client, ours)

    client.call("host.reset_server_certificate", host)

    assert daemon.shown() != ours.fingerprint
    context = ssl.create_default_context(cadata=client.call("host.get_server_certificate", host))
    for name in "localhost", "127.0.0.1", client.call("host.get_hostname", host):
        with daemon.connect(context, name) as connection:
            assert connection.version() == "TLSv1.3"


def test_a_client_finds_no_key_in_a_certificate(daemon: TlsDaemon, client: Client) -> None:
    (host,) = client.call("host.get_all")

    text = client.call("host.get_server_certificate", host)

    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in text
    assert ssl.PEM_cert_to_DER_cert(text)


def test_a_certificate_is_replaced_over_the_connection_that_it_protects(daemon: TlsDaemon, client: Client) -> None:
    ours = made("localhost")
    (host,) = client.call("host.get_all")

    with xmlrpc.client.ServerProxy(f"https://127.0.0.1:{daemon.port}", context=trusting_all()) as proxy:
        for _ in range(2):
            answer = proxy.host.install_server_certificate(client.session, host, ours.pem, ours.key_pem, "")
            assert answer == {"Status": "Success", "Value": ""}

    assert daemon.shown() == ours.fingerprint
