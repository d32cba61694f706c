"""Certificates that pools give each other: by hand in one process, and between two daemons over TLS."""

from __future__ import annotations

import ssl
import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.auth.test_certificates_over_tls import TlsDaemon
from tests.certificates import Made, made, revocation_list, rsa_key
from tests.daemon import Client, Failure
from tests.machines import raises_api
from tests.xapi import Xapi
from xapid.auth.certificate import ensure_certificate, without_key
from xapid.datamodel.errors import (
    CERTIFICATE_DOES_NOT_EXIST,
    CERTIFICATE_NAME_INVALID,
    CRL_CORRUPT,
    INVALID_VALUE,
    ApiError,
)

ONE, OTHER = (made(name, key=rsa_key(number), authority=True) for number, name in enumerate(("one", "other")))


async def prints(xapi: Xapi) -> dict[str, Any]:
    """Fingerprint -> purposes, of all that is trusted."""
    found = (await xapi.Certificate.get_all_records()).values()
    return {each["fingerprint_sha256"]: each["purpose"] for each in found}


@pytest.mark.parametrize("ca", [True, False])
async def test_trusted_certificates_are_taken_and_given(xapi: Xapi, pool: str, ca: bool) -> None:
    await xapi.pool.install_trusted_certificate(pool, ca, ONE.pem, ["licensing"])
    (ref,) = await xapi.Certificate.get_all()

    for _ in range(2):
        given = await xapi.pool.exchange_trusted_certificates_on_join(
            pool, ca, {OTHER.pem: ["ldaps"], ONE.pem: ["licensing"]}, [ref, "OpaqueRef:ghost"]
        )

    assert given == {ONE.pem: ["licensing"]}
    assert await prints(xapi) == {ONE.fingerprint: ["licensing"], OTHER.fingerprint: ["ldaps"]}
    assert await xapi.pool.exchange_trusted_certificates_on_join(pool, not ca, {}, [ref]) == {}
    with pytest.raises(INVALID_VALUE):
        await xapi.pool.exchange_trusted_certificates_on_join(pool, ca, {OTHER.pem: ["everything"]}, [])


async def test_authorities_are_taken_and_given(xapi: Xapi) -> None:
    await xapi.pool.install_ca_certificate("ours.pem", ONE.pem)
    (ref,) = await xapi.Certificate.get_all()

    given = await xapi.pool.exchange_ca_certificates_on_join({"theirs.pem": OTHER.pem}, [ref])
    await xapi.pool.exchange_ca_certificates_on_join({"ours.pem": OTHER.pem}, [])

    assert given == {"ours.pem": ONE.pem}
    assert sorted(await xapi.pool.certificate_list()) == ["ours.pem", "theirs.pem"]
    assert await prints(xapi) == {OTHER.fingerprint: []}
    with pytest.raises(CERTIFICATE_NAME_INVALID):
        await xapi.pool.exchange_ca_certificates_on_join({"../x.pem": OTHER.pem}, [])


async def test_revocation_lists_are_taken_and_given(xapi: Xapi, pool: str) -> None:
    first, second = revocation_list(ONE), revocation_list(OTHER)
    await xapi.pool.crl_install("ours.pem", first)

    given = await xapi.pool.exchange_crls_on_join(pool, {"theirs.pem": second}, ["ours.pem"])

    assert given == {"ours.pem": first}
    assert await xapi.pool.crl_list() == ["ours.pem", "theirs.pem"]
    with pytest.raises(CRL_CORRUPT):
        await xapi.pool.exchange_crls_on_join(pool, {"x.pem": "rubbish"}, [])
    with pytest.raises(CERTIFICATE_DOES_NOT_EXIST):
        await xapi.pool.exchange_crls_on_join(pool, {}, ["nothing.pem"])


@pytest.mark.parametrize("address", ["", "host:port", "host/path", "user@host", "[::1", "host:99999999"])
async def test_what_is_no_address_is_refused(xapi: Xapi, pool: str, address: str) -> None:
    with pytest.raises(ApiError) as error:
        await xapi.pool.sync_trusted_certificates_from(pool, address, "OpaqueRef:x", ONE.pem, True)

    assert error.value.args == ("remote_pool", address)


@pytest.mark.parametrize("answer", ["rubbish", 5, [], ["a", "b"], {}, {"a": "b"}, {"a": {"b": "c"}}], ids=str)
async def test_a_pool_that_answers_something_else_is_not_followed(
    xapi: Xapi, pool: str, tmp_path: Path, answer: Any
) -> None:
    class Impostor(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            said = xmlrpc.client.dumps(({"Status": "Success", "Value": answer},), methodresponse=True)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *args: object) -> None:
            pass

    path = tmp_path / "server.pem"
    ensure_certificate(path, ["localhost"], ["127.0.0.1"])
    with HTTPServer(("127.0.0.1", 0), Impostor) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with raises_api("INTERNAL_ERROR", "127.0.0.1 answers what is no answer"):
                await xapi.pool.sync_trusted_certificates_from(
                    pool, f"127.0.0.1:{server.server_port}", "OpaqueRef:x", without_key(path.read_text()), True
                )
        finally:
            server.shutdown()
            thread.join()


# --- Two pools ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[TlsDaemon]]:
    with ExitStack() as stack:
        yield [stack.enter_context(TlsDaemon(tmp_path_factory.mktemp(name))) for name in ("near", "far")]


@pytest.fixture
def near(daemons: list[TlsDaemon]) -> Iterator[Client]:
    client = daemons[0].client()
    yield client
    _clear(client)


@pytest.fixture
def far(daemons: list[TlsDaemon]) -> Iterator[Client]:
    client = daemons[1].client()
    yield client
    _clear(client)


def _clear(client: Client) -> None:
    (pool,) = client.call("pool.get_all")
    for ref, record in client.call("Certificate.get_all_records").items():
        if record["type"] in ("ca", "pinned"):
            client.call("pool.uninstall_trusted_certificate", pool, ref)
    client.close()


def trusts(client: Client, *found: Made) -> None:
    (pool,) = client.call("pool.get_all")
    for each in found:
        client.call("pool.install_trusted_certificate", pool, True, each.pem, ["licensing"])


def whom(daemons: list[TlsDaemon], near: Client, far: Client, certificate: str = "", session: str = "") -> list[Any]:
    """Parameters: the near pool, and how the far one is reached and known."""
    (pool,), (host,) = near.call("pool.get_all"), far.call("host.get_all")
    shown = certificate or far.call("host.get_server_certificate", host)
    return [pool, f"127.0.0.1:{daemons[1].port}", session or far.session, shown, True]


@pytest.mark.slow
def test_a_pool_trusts_what_another_trusts(daemons: list[TlsDaemon], near: Client, far: Client) -> None:
    trusts(far, ONE, OTHER)
    trusts(near, OTHER)

    (new,) = near.call("pool.sync_trusted_certificates_from", *whom(daemons, near, far))

    record = near.call("Certificate.get_record", new)
    assert (record["fingerprint_sha256"], record["purpose"]) == (ONE.fingerprint, ["licensing"])
    assert near.call("pool.sync_trusted_certificates_from", *whom(daemons, near, far)) == []


@pytest.mark.slow
def test_another_certificate_than_was_told_is_not_believed(
    daemons: list[TlsDaemon], near: Client, far: Client, tmp_path: Path
) -> None:
    trusts(far, ONE)

    with pytest.raises(Failure) as error:
        near.call("pool.sync_trusted_certificates_from", *whom(daemons, near, far, made("127.0.0.1").pem))

    assert error.value.args == ("TLS_CONNECTION_FAILED", "127.0.0.1", str(daemons[1].port))


@pytest.mark.slow
def test_what_the_other_pool_refuses_is_told(daemons: list[TlsDaemon], near: Client, far: Client) -> None:
    with pytest.raises(Failure) as error:
        near.call("pool.sync_trusted_certificates_from", *whom(daemons, near, far, session="OpaqueRef:nobody"))

    assert error.value.args == ("SESSION_INVALID", "OpaqueRef:nobody")
