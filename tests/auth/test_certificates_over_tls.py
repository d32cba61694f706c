"""Certificates as clients see them: real handshakes with a real daemon."""

from __future__ import annotations

import hashlib
import socket
import ssl
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.load import free_port
from tests.certificates import Made, made, revocation_list, rsa_key
from tests.daemon import Client, Daemon, Failure

pytestmark = pytest.mark.slow

AUTHORITY = made("authority", key=rsa_key(9), authority=True)


class TlsDaemon(Daemon):
    """A daemon that listens for HTTPS."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        # Tests that are refused a login would wait for each other.
        environment = {"XAPID_LIMITS_LOGIN_FAILURE_DELAY": "0"}
        super().__init__(directory, "--https", f"127.0.0.1:{self.port}", environment=environment)

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


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsDaemon]:
    with TlsDaemon(tmp_path_factory.mktemp("daemon")) as daemon:
        yield daemon


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


# --- For the pool ------------------------------------------------------------------------------------


def test_hosts_of_the_pool_are_shown_a_certificate_of_their_own(daemon: TlsDaemon, client: Client) -> None:
    (host,) = client.call("host.get_all")
    world, internal = daemon.shown(), daemon.shown("pool")
    assert [internal] == recorded(client, "host_internal")

    client.call("host.refresh_server_certificate", host)

    assert [daemon.shown("pool")] == recorded(client, "host_internal") != [internal]
    assert daemon.shown() == daemon.shown(None) == world != internal


def test_who_has_the_pool_s_secret_is_let_in_over_http(daemon: TlsDaemon, client: Client, tmp_path: Path) -> None:
    client.call("pool.rotate_secret")
    secret = (daemon.directory / "state" / "pool-secret").read_text().strip()

    with TlsClient(daemon, tmp_path, None) as host:
        session = host.call("session.slave_login", client.call("host.get_all")[0], secret)
        assert host.call("pool.get_all", session)
        answers = [host.status(f"GET /audit_log?pool_secret={each}") for each in (secret, "guess", "")]

    assert answers == [200, 401, 401]


# --- Clients with certificates -----------------------------------------------------------------------

BACKUP = made("backup.example", AUTHORITY, key=rsa_key(1), client=True)


class TlsClient:
    """Calls over TLS with a certificate."""

    def __init__(self, daemon: TlsDaemon, folder: Path, shows: Made | None, chain: str = "") -> None:
        context = trusting_all()
        if shows is not None:
            file = folder / "client.pem"
            file.write_text(shows.key_pem + shows.pem + chain)
            context.load_cert_chain(file)
        self.context = context
        self.daemon = daemon
        self._proxy = xmlrpc.client.ServerProxy(f"https://127.0.0.1:{daemon.port}", context=context)

    def __enter__(self) -> TlsClient:
        return self

    def __exit__(self, *error: object) -> None:
        self._proxy("close")()

    def call(self, method: str, *params: Any) -> Any:
        answer = getattr(self._proxy, method)(*params)
        if answer["Status"] != "Success":
            raise Failure(*answer["ErrorDescription"])
        return answer["Value"]

    def log_in(self) -> str:
        return str(self.call("session.login_with_password", "somebody", "no password", "1.0", "test"))

    def status(self, request: str) -> int:
        """Of a handler's reply."""
        with self.daemon.connect(self.context) as connection:
            connection.sendall(f"{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return int(connection.makefile("rb").readline().split()[1])


@pytest.fixture
def enabled(client: Client) -> Iterator[str]:
    """The pool, in which the client ``backup.example`` may log in by its certificate."""
    (pool,) = client.call("pool.get_all")
    client.call("pool.install_ca_certificate", "ours.pem", AUTHORITY.pem)
    client.call("pool.enable_client_certificate_auth", pool, "backup.example")
    yield str(pool)
    client.call("pool.disable_client_certificate_auth", pool)
    client.call("pool.uninstall_ca_certificate", "ours.pem", True)
    for name in client.call("pool.crl_list"):
        client.call("pool.crl_uninstall", name)


def test_a_client_is_known_by_its_certificate(daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path) -> None:
    with TlsClient(daemon, tmp_path, BACKUP) as known:
        session = known.log_in()

        record = known.call("session.get_record", session, session)
        assert (record["client_certificate"], record["is_local_superuser"]) == (True, False)
        assert record["auth_user_name"] == "somebody"
        assert known.call("pool.get_uuid", session, enabled)
        with pytest.raises(Failure) as error:
            known.call("pool.set_name_label", session, enabled, "mine")
        assert error.value.args[:2] == ("RBAC_PERMISSION_DENIED", "pool.set_name_label")


def test_an_authority_that_goes_takes_its_clients_along(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    with TlsClient(daemon, tmp_path, BACKUP) as known:
        assert known.log_in()
        client.call("pool.install_ca_certificate", "another.pem", made("another", authority=True, key=rsa_key(1)).pem)
        assert known.log_in(), "one more changes nothing"

        client.call("pool.uninstall_ca_certificate", "ours.pem", False)
        with pytest.raises(Failure) as error:
            known.log_in()

    client.call("pool.uninstall_ca_certificate", "another.pem", False)
    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


def test_those_between_a_client_and_the_authority_count_too(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    between = made("between", AUTHORITY, key=rsa_key(2), authority=True)
    shows = made("backup.example", between, key=rsa_key(3), client=True)
    with TlsClient(daemon, tmp_path, shows, between.pem) as known:
        assert known.log_in()

        client.call("pool.crl_install", "ours.pem", revocation_list(AUTHORITY, between))
        with pytest.raises(Failure) as error:
            known.log_in()

    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_who_comes_again_is_known_again(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    between = made("between", AUTHORITY, key=rsa_key(2), authority=True)
    shows = made("backup.example", between, key=rsa_key(3), client=True)
    context = TlsClient(daemon, tmp_path, shows, between.pem).context
    context.minimum_version = context.maximum_version = version

    def metrics(session: ssl.SSLSession | None) -> tuple[int, bool | None, ssl.SSLSession | None]:
        plain = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            status = int(connection.recv(65536).split()[1])
            return status, connection.session_reused, connection.session

    first, _, session = metrics(None)
    again, resumed, _ = metrics(session)

    # Whoever shakes hands anew shows its certificates anew.
    assert (first, again, resumed) == (200, 200, version is ssl.TLSVersion.TLSv1_2)


def test_what_may_be_read_by_anybody_may_be_read_over_http(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    with TlsClient(daemon, tmp_path, BACKUP) as known, TlsClient(daemon, tmp_path, None) as unknown:
        assert (known.status("GET /metrics"), unknown.status("GET /metrics")) == (200, 401)
        console = client.call("console.get_all")[0]
        assert known.status(f"CONNECT /console?ref={console}") == 403


def test_a_client_without_a_certificate_needs_a_password(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    with TlsClient(daemon, tmp_path, None) as unknown, pytest.raises(Failure) as error:
        unknown.log_in()

    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


def test_a_certificate_for_another_name_needs_a_password(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    another = made("other.example", AUTHORITY, key=rsa_key(1), client=True)

    with TlsClient(daemon, tmp_path, another) as unknown, pytest.raises(Failure) as error:
        unknown.log_in()

    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


@pytest.mark.parametrize(
    "shows",
    [
        made("backup.example", client=True),
        made("backup.example", made("authority", key=rsa_key(8), authority=True), key=rsa_key(1), client=True),
        made("backup.example", AUTHORITY, key=rsa_key(1), client=True, begins=-9, days=-1),
        made("backup.example", AUTHORITY, key=rsa_key(1), client=False),
    ],
    ids=["of its own", "of an authority that only has the name", "expired", "of a server"],
)
def test_a_certificate_that_does_not_prove_anything_is_refused(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path, shows: Made
) -> None:
    with TlsClient(daemon, tmp_path, shows) as unknown, pytest.raises(OSError):  # ssl.SSLError, or a reset
        unknown.log_in()

    with TlsClient(daemon, tmp_path, BACKUP) as known:
        assert known.log_in()


def test_a_revoked_certificate_needs_a_password(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    other = made("backup.example", AUTHORITY, key=rsa_key(1), client=True)
    client.call("pool.crl_install", "list.pem", revocation_list(AUTHORITY, other))

    with TlsClient(daemon, tmp_path, other) as revoked, pytest.raises(Failure) as error:
        revoked.log_in()
    with TlsClient(daemon, tmp_path, BACKUP) as known:
        assert known.log_in()

    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


def test_nobody_is_asked_for_a_certificate_before_or_after(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    with TlsClient(daemon, tmp_path, BACKUP) as known:
        known.log_in()

        client.call("pool.disable_client_certificate_auth", enabled)

        with pytest.raises(Failure) as error:
            known.log_in()  # over the connection that was made before
    with TlsClient(daemon, tmp_path, made("stranger", client=True)) as stranger, pytest.raises(Failure):
        stranger.log_in()
    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


def test_without_its_authority_no_certificate_counts(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    client.call("pool.uninstall_ca_certificate", "ours.pem")

    with TlsClient(daemon, tmp_path, BACKUP) as unknown, pytest.raises(Failure) as error:
        unknown.log_in()

    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"


def test_who_is_enabled_without_a_name_is_nobody(
    daemon: TlsDaemon, client: Client, enabled: str, tmp_path: Path
) -> None:
    client.call("pool.enable_client_certificate_auth", enabled, "")

    with TlsClient(daemon, tmp_path, BACKUP) as unknown, pytest.raises(Failure) as error:
        unknown.log_in()

    assert error.value.args[0] == "SESSION_AUTHENTICATION_FAILED"
