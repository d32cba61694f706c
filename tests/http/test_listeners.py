"""Opening and closing of listeners: addresses, the socket file, TLS and its certificate."""

from __future__ import annotations

import hashlib
import socket
import ssl
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.http.client import Client, call
from tests.http.conftest import LOCAL, LoopFactory, ServerThread
from tests.http.service import echo_service
from xapid.auth.certificate import read_certificate, self_signed
from xapid.http.listeners import ListenerConfig, ListenError, Listeners, heard_at
from xapid.runtime.settings import Address

SERVICE = echo_service()

pytestmark = pytest.mark.slow


def local_client(path: Path) -> Client:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return Client(connection)


def echoes(client: Client) -> bool:
    with client:
        client.send(call(b"x"))
        return client.response().body == b"x"


# Addresses


def test_several_addresses_are_served(loop_factory: LoopFactory) -> None:
    config = ListenerConfig(http=(*LOCAL, Address("::1", 0), Address("::", 0)))

    with ServerThread(loop_factory, config, SERVICE) as thread:
        first, second, all_of_them = thread.listeners.http

        for host, port in (("127.0.0.1", first), ("::1", second), ("127.0.0.1", all_of_them), ("::1", all_of_them)):
            assert echoes(Client(socket.create_connection((host, port.port))))


def test_all_of_ipv4_and_all_of_ipv6_are_listened_on_side_by_side(loop_factory: LoopFactory) -> None:
    port = free_port()
    config = ListenerConfig(http=(Address("0.0.0.0", port), Address("::", port)))

    with ServerThread(loop_factory, config, SERVICE):
        for host in "127.0.0.1", "::1":
            assert echoes(Client(socket.create_connection((host, port))))


def test_an_ipv4_client_of_an_ipv6_listener_has_its_own_address(loop_factory: LoopFactory) -> None:
    with (
        ServerThread(loop_factory, ListenerConfig(http=(Address("::", 0),)), SERVICE) as thread,
        Client(socket.create_connection(("127.0.0.1", thread.listeners.http[0].port))) as client,
    ):
        client.send(call(b"request"))

        assert b'"address": "127.0.0.1"' in client.response().body


def test_a_busy_port_is_named_in_one_line(loop_factory: LoopFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = ListenerConfig(http=(Address("127.0.0.1", port),))

        with pytest.raises(ListenError) as error, ServerThread(loop_factory, config, SERVICE):
            pass

    assert str(error.value) == f"http 127.0.0.1:{port}: address already in use"


def test_a_failed_start_leaves_nothing_behind(loop_factory: LoopFactory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config = ListenerConfig(http=LOCAL, https=LOCAL, certificate=tmp_path / "missing.pem", unix=tmp_path / "socket")

    with pytest.raises(ListenError) as error, ServerThread(loop_factory, config, SERVICE):
        pass

    assert str(error.value) == f"certificate {tmp_path}/missing.pem: No such file or directory"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_https_needs_a_certificate() -> None:
    with pytest.raises(ValueError, match="certificate"):
        Listeners(ListenerConfig(https=LOCAL), SERVICE)


# Where the host is reached


def follow(thread: ServerThread, host: str | None) -> None:
    """Returns when the listeners have followed. Raises what they raise."""
    thread.run(partial(thread.listeners.follow, host))


def is_heard(host: str, port: int) -> bool:
    try:
        return echoes(Client(socket.create_connection((host, port), timeout=5)))
    except OSError:
        return False


@pytest.mark.parametrize(
    "configured, host, heard",
    [
        (("0.0.0.0", "::"), "192.0.2.2", ("0.0.0.0", "::")),
        (("0.0.0.0", "::"), None, ("127.0.0.1", "::1")),
        (("192.0.2.1", "127.0.0.1"), "192.0.2.2", ("192.0.2.2", "127.0.0.1")),
        (("192.0.2.1", "127.0.0.1"), None, ("127.0.0.1",)),
        (("2001:db8::1",), "2001:db8::2", ("2001:db8::2",)),
        (("::1", "localhost"), None, ("::1", "localhost")),
    ],
)
def test_where_listeners_are_once_the_host_is_elsewhere(
    configured: tuple[str, ...], host: str | None, heard: tuple[str, ...]
) -> None:
    found = heard_at(tuple(Address(each, 443) for each in configured), host)

    assert found == tuple(Address(each, 443) for each in heard)


def test_a_host_that_is_reached_nowhere_hears_itself(loop_factory: LoopFactory, certificate: Path) -> None:
    plain, secure = free_port(), free_port()
    config = ListenerConfig(
        http=(Address("0.0.0.0", plain),), https=(Address("0.0.0.0", secure),), certificate=certificate
    )
    outside = socket.gethostbyname(socket.gethostname())
    with ServerThread(loop_factory, config, SERVICE) as thread:
        with Client(socket.create_connection(("127.0.0.1", plain))) as client:
            client.send(call(b"before"))
            assert client.response().body == b"before"
            follow(thread, None)
            alone = is_heard("127.0.0.1", plain)
            bound = thread.listeners.places
            follow(thread, outside)

        assert alone
        assert bound == {"http": (Address("127.0.0.1", plain),), "https": (Address("127.0.0.1", secure),)}
        assert thread.listeners.places == {"http": config.http, "https": config.https}
        assert is_heard("127.0.0.1", plain)


# The socket file


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_the_socket_file_has_its_mode_and_goes_with_the_server(
    loop_factory: LoopFactory, tmp_path: Path, mode: int
) -> None:
    path = tmp_path / "run" / "xapi"

    with ServerThread(loop_factory, ListenerConfig(unix=path, unix_mode=mode), SERVICE):
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert echoes(local_client(path))
        assert [each.name for each in path.parent.iterdir()] == ["xapi"]

    assert not path.exists()


def test_a_socket_file_left_by_a_crash_is_replaced(loop_factory: LoopFactory, tmp_path: Path) -> None:
    path = tmp_path / "xapi"
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))

    with ServerThread(loop_factory, ListenerConfig(unix=path), SERVICE):
        assert echoes(local_client(path))


def test_a_socket_in_use_is_refused_and_left_alone(loop_factory: LoopFactory, tmp_path: Path) -> None:
    path = tmp_path / "xapi"
    config = ListenerConfig(unix=path)
    with ServerThread(loop_factory, config, SERVICE):
        with pytest.raises(ListenError) as error, ServerThread(loop_factory, config, SERVICE):
            pass

        assert str(error.value) == f"unix {path}: another process listens there"
        assert echoes(local_client(path))


def test_another_file_at_the_path_is_left_alone(loop_factory: LoopFactory, tmp_path: Path) -> None:
    path = tmp_path / "xapi"
    path.write_text("precious")

    with pytest.raises(ListenError) as error, ServerThread(loop_factory, ListenerConfig(unix=path), SERVICE):
        pass

    assert str(error.value) == f"unix {path}: a file which is no socket is in the way"
    assert path.read_text() == "precious"


def test_a_socket_that_has_been_replaced_is_not_removed(loop_factory: LoopFactory, tmp_path: Path) -> None:
    path = tmp_path / "xapi"
    with ServerThread(loop_factory, ListenerConfig(unix=path), SERVICE):
        path.unlink()
        path.write_text("of somebody else")

    assert path.read_text() == "of somebody else"


# TLS


@pytest.fixture
def own_certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    path.write_bytes(self_signed(["localhost"], ["127.0.0.1"]))
    return path


@pytest.fixture
def tls_server(loop_factory: LoopFactory, own_certificate: Path) -> Iterator[Address]:
    config = ListenerConfig(https=LOCAL, certificate=own_certificate)
    with ServerThread(loop_factory, config, SERVICE) as thread:
        yield thread.listeners.https[0]


def tls_client(address: Address, server_name: str | None, context: ssl.SSLContext | None = None) -> Client:
    context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((address.host, address.port))
    try:
        return Client(context.wrap_socket(plain, server_hostname=server_name))
    except OSError:
        plain.close()
        raise


def shown(address: Address, server_name: str | None) -> str:
    """The fingerprint of the certificate that a new client is shown."""
    with tls_client(address, server_name) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        certificate = client.socket.getpeercert(binary_form=True)
    assert certificate is not None
    return hashlib.sha256(certificate).digest().hex(":").upper()


@pytest.mark.parametrize("server_name", ["localhost", "another.name", None])
def test_a_replaced_certificate_is_shown_to_new_clients(
    tls_server: Address, own_certificate: Path, server_name: str | None
) -> None:
    before = read_certificate(own_certificate).sha256
    assert shown(tls_server, server_name) == before
    with tls_client(tls_server, server_name) as old_client:
        replace(own_certificate, self_signed(["new"], []))

        assert shown(tls_server, server_name) == read_certificate(own_certificate).sha256 != before
        assert echoes(old_client)


def test_a_certificate_that_cannot_be_read_is_passed_over(tls_server: Address, own_certificate: Path) -> None:
    before = read_certificate(own_certificate).sha256
    replace(own_certificate, b"rubbish")
    assert shown(tls_server, None) == before

    replace(own_certificate, self_signed(["new"], []))

    assert shown(tls_server, None) == read_certificate(own_certificate).sha256


def replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_new_tls_is_spoken(tls_server: Address, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version

    assert echoes(tls_client(tls_server, "localhost", context))


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"])
def test_a_client_that_knows_but_one_rsa_cipher_is_served(tls_server: Address, cipher: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)

    with tls_client(tls_server, "localhost", context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        assert (client.socket.cipher() or [""])[0] == cipher


def test_cipher_suites_without_forward_secrecy_are_refused(tls_server: Address) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256")

    with pytest.raises(ssl.SSLError):
        tls_client(tls_server, "localhost", context)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_certificate_finds_its_names(
    own_certificate: Path, tls_server: Address, name: str
) -> None:
    context = ssl.create_default_context(cafile=str(own_certificate))

    with context.wrap_socket(socket.create_connection((tls_server.host, tls_server.port)), server_hostname=name) as tls:
        assert tls.version() == "TLSv1.3"


def test_plain_http_on_the_tls_port_harms_nobody(tls_server: Address) -> None:
    with Client(socket.create_connection((tls_server.host, tls_server.port))) as client:
        client.send(call(b"x"))
        client.rest()

    assert echoes(tls_client(tls_server, None))
