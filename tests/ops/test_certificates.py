"""Certificates: the one that a host shows, those that the pool trusts, and the reasons why others are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.certificates import key_pem, made, revocation_list, rsa_key
from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import (
    CERTIFICATE_ALREADY_EXISTS,
    CERTIFICATE_DOES_NOT_EXIST,
    CERTIFICATE_LACKS_PURPOSE,
    CERTIFICATE_LIBRARY_CORRUPT,
    CRL_ALREADY_EXISTS,
    CRL_CORRUPT,
    CRL_DOES_NOT_EXIST,
    CRL_NAME_INVALID,
    HA_IS_ENABLED,
    HANDLE_INVALID,
    INTERNAL_ERROR,
    NOT_TRUSTED_CERTIFICATE,
    SERVER_CERTIFICATE_CHAIN_INVALID,
    SERVER_CERTIFICATE_EXPIRED,
    SERVER_CERTIFICATE_INVALID,
    SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED,
    SERVER_CERTIFICATE_KEY_INVALID,
    SERVER_CERTIFICATE_KEY_MISMATCH,
    SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED,
    SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED,
    SERVER_CERTIFICATE_NOT_VALID_YET,
    SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED,
    TRUSTED_CERTIFICATE_ALREADY_EXISTS,
    TRUSTED_CERTIFICATE_EXPIRED,
    TRUSTED_CERTIFICATE_INVALID,
    ApiError,
)

THREE_PRIMES = (Path(__file__).parent / "three_primes.pem").read_text()


async def only(xapi: Xapi, kind: str) -> dict[str, Any]:
    """The only certificate of a type."""
    records: dict[str, dict[str, Any]] = await xapi.Certificate.get_all_records()
    (record,) = [record for record in records.values() if record["type"] == kind]
    return record


# --- The one that a host shows -----------------------------------------------------------------------


async def test_without_a_file_there_is_no_certificate(xapi: Xapi, host: str) -> None:
    with pytest.raises(INTERNAL_ERROR):
        await xapi.host.get_server_certificate(host)


async def test_an_installed_certificate_has_an_object_and_a_file(fresh: FreshHost, host: str) -> None:
    xapi, ours = fresh.xapi, made("xen1.example")

    await xapi.host.install_server_certificate(host, ours.pem, ours.key_pem, "")

    record = await only(xapi, "host")
    assert (record["host"], record["fingerprint_sha256"], record["name"]) == (host, ours.fingerprint, "")
    assert ours.key_pem in (fresh.runtime.config.state_dir / "certificate.pem").read_text()


async def test_nobody_is_told_the_key(xapi: Xapi, host: str) -> None:
    authority = made("authority", authority=True)
    ours = made("xen1.example", authority, key=rsa_key(1))
    await xapi.host.install_server_certificate(host, ours.pem, ours.key_pem, authority.pem)

    assert await xapi.host.get_server_certificate(host) == ours.pem


async def test_the_object_of_a_replaced_certificate_goes(xapi: Xapi, host: str) -> None:
    for name in "first", "second":
        ours = made(name)
        await xapi.host.install_server_certificate(host, ours.pem, ours.key_pem, "")

    assert (await only(xapi, "host"))["fingerprint_sha256"] == ours.fingerprint


@pytest.mark.parametrize("emergency", [False, True])
async def test_a_host_signs_a_new_certificate_itself(fresh: FreshHost, host: str, emergency: bool) -> None:
    xapi, ours = fresh.xapi, made("elsewhere")
    await xapi.host.install_server_certificate(host, ours.pem, ours.key_pem, "")

    if emergency:
        await xapi.host.emergency_reset_server_certificate()
    else:
        await xapi.host.reset_server_certificate(host)

    assert (await only(xapi, "host"))["fingerprint_sha256"] != ours.fingerprint
    shown = (await xapi.host.get_server_certificate(host)).encode()
    assert shown != ours.pem.encode()


async def test_a_host_whose_address_is_none_signs_a_certificate_without_it(fresh: FreshHost, host: str) -> None:
    row = fresh.store.get(Host, host)
    with fresh.store.write() as tx:
        tx.set(row, address="no address", hostname="\u00fcber")

    await fresh.xapi.host.reset_server_certificate(host)

    assert "BEGIN CERTIFICATE" in await fresh.xapi.host.get_server_certificate(host)


ANOTHER = rsa_key(1)


def refused() -> dict[str, tuple[type[ApiError], tuple[str, ...], tuple[str, str, str]]]:
    """What is wrong: the error, its parameters as far as they are known, and what is offered."""
    good, other = made("good"), made("other", key=ANOTHER)
    short, long = rsa_key(2, 1024), ec.generate_private_key(ec.SECP256R1())
    edwards = ed25519.Ed25519PrivateKey.generate()
    locked = good.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    ).decode()
    odd = made("odd", hash_with=hashes.SHA384())
    weak = made("weak", key=short, authority=True)
    algorithm, length = SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED, SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED
    return {
        "the key of another": (SERVER_CERTIFICATE_KEY_MISMATCH, (), (good.pem, other.key_pem, "")),
        "no key": (SERVER_CERTIFICATE_KEY_INVALID, (), (good.pem, "rubbish", "")),
        "an empty key": (SERVER_CERTIFICATE_KEY_INVALID, (), (good.pem, "", "")),
        "a locked key": (SERVER_CERTIFICATE_KEY_INVALID, (), (good.pem, locked, "")),
        "a short key": (length, ("1024",), (made("short", key=short).pem, key_pem(short), "")),
        "an elliptic key": (algorithm, ("1.2.840.10045.2.1",), (good.pem, key_pem(long), "")),
        "an Edwards key": (algorithm, ("1.3.101.112",), (good.pem, key_pem(edwards), "")),
        "three primes": (SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED, (), (good.pem, THREE_PRIMES, "")),
        "no certificate": (SERVER_CERTIFICATE_INVALID, (), ("rubbish", good.key_pem, "")),
        "half a certificate": (SERVER_CERTIFICATE_INVALID, (), ("-----BEGIN CERTIFICATE-----", good.key_pem, "")),
        "expired": (SERVER_CERTIFICATE_EXPIRED, (), (made("e", begins=-9, days=-1).pem, good.key_pem, "")),
        "not yet valid": (SERVER_CERTIFICATE_NOT_VALID_YET, (), (made("n", begins=1).pem, good.key_pem, "")),
        "SHA-384": (SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED, (), (odd.pem, good.key_pem, "")),
        "no chain": (SERVER_CERTIFICATE_CHAIN_INVALID, (), (good.pem, good.key_pem, "rubbish")),
        "a weak chain": (SERVER_CERTIFICATE_CHAIN_INVALID, (), (good.pem, good.key_pem, weak.pem)),
    }


@pytest.mark.parametrize("what", sorted(refused()))
async def test_what_a_server_cannot_show_is_refused(xapi: Xapi, host: str, what: str) -> None:
    error, details, (certificate, key, chain) = refused()[what]
    before = made("before")
    await xapi.host.install_server_certificate(host, before.pem, before.key_pem, "")

    with pytest.raises(error) as caught:
        await xapi.host.install_server_certificate(host, certificate, key, chain)

    assert caught.value.args[: len(details)] == details
    assert await xapi.host.get_server_certificate(host) == before.pem


async def test_the_moments_of_a_certificate_are_told(xapi: Xapi, host: str) -> None:
    late = made("late", begins=-9, days=-1)

    with pytest.raises(SERVER_CERTIFICATE_EXPIRED) as error:
        await xapi.host.install_server_certificate(host, late.pem, late.key_pem, "")

    now, not_after = error.value.args
    assert not_after == late.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ") < now


async def test_under_high_availability_no_certificate_changes(fresh: FreshHost, host: str) -> None:
    ours = made("xen1.example")
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Pool), ha_enabled=True)

    with pytest.raises(HA_IS_ENABLED):
        await fresh.xapi.host.install_server_certificate(host, ours.pem, ours.key_pem, "")


# --- Those that the pool trusts ----------------------------------------------------------------------

AUTHORITY = made("authority", authority=True)


@pytest.mark.parametrize("old", [False, True])
async def test_an_authority_is_trusted_until_it_is_uninstalled(xapi: Xapi, host: str, old: bool) -> None:
    """``old``: by the names that these messages had first."""
    if old:
        await xapi.pool.certificate_install("ours.pem", AUTHORITY.pem)
    else:
        await xapi.pool.install_ca_certificate("ours.pem", AUTHORITY.pem)

    record = await only(xapi, "ca")
    assert (record["name"], record["fingerprint_sha256"]) == ("ours.pem", AUTHORITY.fingerprint)
    assert record["host"] == "OpaqueRef:NULL"
    assert await xapi.pool.certificate_list() == await xapi.host.certificate_list(host) == ["ours.pem"]
    with pytest.raises(CERTIFICATE_ALREADY_EXISTS):
        await xapi.pool.install_ca_certificate("ours.pem", AUTHORITY.pem)

    if old:
        await xapi.pool.certificate_uninstall("ours.pem")
    else:
        await xapi.pool.uninstall_ca_certificate("ours.pem", False)

    assert await xapi.pool.certificate_list() == await xapi.host.certificate_list(host) == []
    assert await xapi.Certificate.get_all() == []


@pytest.mark.parametrize(
    "name, text, error",
    [
        ("x.pem", "rubbish", "CA_CERTIFICATE_INVALID"),
        ("../x.pem", "rubbish", "CA_CERTIFICATE_INVALID"),
        ("../x.pem", AUTHORITY.pem, "CERTIFICATE_NAME_INVALID"),
        (".x.pem", AUTHORITY.pem, "CERTIFICATE_NAME_INVALID"),
        ("x", AUTHORITY.pem, "CERTIFICATE_NAME_INVALID"),
        ("x" * 252 + ".pem", AUTHORITY.pem, "CERTIFICATE_NAME_INVALID"),
        ("x.pem", made("old", authority=True, begins=-9, days=-1).pem, "CA_CERTIFICATE_EXPIRED"),
        ("x.pem", made("new", authority=True, begins=1).pem, "CA_CERTIFICATE_NOT_VALID_YET"),
    ],
)
async def test_authorities_that_are_refused(xapi: Xapi, name: str, text: str, error: str) -> None:
    with pytest.raises(ApiError) as caught:
        await xapi.pool.install_ca_certificate(name, text)

    assert caught.value.code == error
    assert await xapi.pool.certificate_list() == []


async def test_by_force_what_is_left_of_an_authority_goes(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    await xapi.pool.install_ca_certificate("ours.pem", AUTHORITY.pem)
    (fresh.runtime.config.state_dir / "certs" / "ours.pem").unlink()

    await xapi.pool.uninstall_ca_certificate("ours.pem", True)

    assert await xapi.pool.certificate_list() == []
    with pytest.raises(CERTIFICATE_DOES_NOT_EXIST):
        await xapi.pool.uninstall_ca_certificate("ours.pem")


async def test_an_authority_that_cannot_be_recorded_leaves_no_file(fresh: FreshHost, host: str) -> None:
    (fresh.runtime.config.state_dir / "certs").write_text("in the way")

    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.pool.install_ca_certificate("ours.pem", AUTHORITY.pem)

    assert await fresh.xapi.Certificate.get_all() == []


async def test_revocation_lists_come_and_go(xapi: Xapi, host: str) -> None:
    text = revocation_list(AUTHORITY)
    await xapi.pool.crl_install("list.pem", text)
    with pytest.raises(CRL_ALREADY_EXISTS):
        await xapi.pool.crl_install("list.pem", text)

    during = await xapi.pool.crl_list(), await xapi.host.crl_list(host)
    await xapi.pool.crl_uninstall("list.pem")

    assert during == (["list.pem"], ["list.pem"])
    assert await xapi.pool.crl_list() == []
    with pytest.raises(CRL_DOES_NOT_EXIST):
        await xapi.pool.crl_uninstall("list.pem")


@pytest.mark.parametrize("name, error", [("list.pem", CRL_CORRUPT), ("list.crl", CRL_NAME_INVALID)])
async def test_what_is_no_revocation_list_is_refused(xapi: Xapi, name: str, error: type[ApiError]) -> None:
    with pytest.raises(error):
        await xapi.pool.crl_install(name, AUTHORITY.pem)


async def test_a_host_has_copies_of_its_own(fresh: FreshHost, host: str) -> None:
    xapi, text = fresh.xapi, revocation_list(AUTHORITY)
    await xapi.host.install_ca_certificate(host, "own.pem", AUTHORITY.pem)
    await xapi.host.crl_install(host, "own.pem", text)
    with pytest.raises(CERTIFICATE_ALREADY_EXISTS):
        await xapi.host.install_ca_certificate(host, "own.pem", AUTHORITY.pem)
    with pytest.raises(CRL_ALREADY_EXISTS):
        await xapi.host.crl_install(host, "own.pem", text)
    assert await xapi.host.certificate_list(host) == await xapi.host.crl_list(host) == ["own.pem"]

    await xapi.host.certificate_sync(host)
    await xapi.pool.certificate_sync()
    await xapi.host.uninstall_ca_certificate(host, "own.pem")
    await xapi.host.uninstall_ca_certificate(host, "own.pem", True)
    await xapi.host.crl_uninstall(host, "own.pem")

    assert await xapi.host.certificate_list(host) == await xapi.host.crl_list(host) == []
    with pytest.raises(CERTIFICATE_DOES_NOT_EXIST):
        await xapi.host.uninstall_ca_certificate(host, "own.pem")
    with pytest.raises(CRL_DOES_NOT_EXIST):
        await xapi.host.crl_uninstall(host, "own.pem")


async def test_a_library_that_cannot_be_read_is_said_to_be_corrupt(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.pool.install_ca_certificate("ours.pem", AUTHORITY.pem)
    (fresh.runtime.config.state_dir / "certs" / "ours.pem").write_text("half")

    with pytest.raises(CERTIFICATE_LIBRARY_CORRUPT):
        await fresh.xapi.host.certificate_sync(host)


@pytest.mark.parametrize(
    "message, name, parameters",
    [
        ("get_server_certificate", "certificate.pem", ()),
        ("uninstall_ca_certificate", "certs/own.pem", ("own.pem",)),
        ("uninstall_ca_certificate", "certs/own.pem", ("own.pem", True)),
        ("crl_uninstall", "crls/own.pem", ("own.pem",)),
    ],
)
async def test_a_file_in_trouble_is_told_of_with_the_reason(
    fresh: FreshHost, host: str, message: str, name: str, parameters: tuple[Any, ...]
) -> None:
    (fresh.runtime.config.state_dir / name).mkdir(parents=True)

    with pytest.raises(INTERNAL_ERROR) as error:
        await fresh.xapi.call(f"host.{message}", host, *parameters)

    said = "read: It is no file" if message.startswith("get") else "removed: Is a directory"
    assert error.value.args == (f"{Path(name).name} cannot be {said}",)


@pytest.mark.parametrize("message, folder", [("install_ca_certificate", "certs"), ("crl_install", "crls")])
async def test_a_copy_that_cannot_be_written_is_told_of_with_the_reason(
    fresh: FreshHost, host: str, message: str, folder: str
) -> None:
    (fresh.runtime.config.state_dir / folder).write_text("in the way")

    with pytest.raises(INTERNAL_ERROR) as error:
        await fresh.xapi.call(f"host.{message}", host, "own.pem", AUTHORITY.pem)

    assert error.value.args == ("own.pem cannot be written: File exists",)


# --- Those that are trusted for a purpose ------------------------------------------------------------


@pytest.mark.parametrize("ca, kind", [(True, "ca"), (False, "pinned")])
async def test_a_certificate_is_trusted_for_a_purpose(xapi: Xapi, pool: str, ca: bool, kind: str) -> None:
    await xapi.pool.install_trusted_certificate(pool, ca, AUTHORITY.pem, ["licensing"])

    record = await only(xapi, kind)
    assert (record["purpose"], record["name"]) == (["licensing"], "")
    assert await xapi.pool.certificate_list() == []
    with pytest.raises(TRUSTED_CERTIFICATE_ALREADY_EXISTS) as error:
        await xapi.pool.install_trusted_certificate(pool, ca, AUTHORITY.pem, ["ldaps", "licensing"])
    assert error.value.args == (AUTHORITY.fingerprint,)

    await xapi.pool.install_trusted_certificate(pool, ca, AUTHORITY.pem, ["ldaps"])
    for ref in await xapi.Certificate.get_all():
        await xapi.pool.uninstall_trusted_certificate(pool, ref)

    assert await xapi.Certificate.get_all() == []


async def test_the_files_of_trusted_certificates_go_with_them(fresh: FreshHost, pool: str) -> None:
    folder = fresh.runtime.config.state_dir / "trusted"
    await fresh.xapi.pool.install_trusted_certificate(pool, True, AUTHORITY.pem, [])
    during = [path.name for path in folder.iterdir()]

    (ref,) = await fresh.xapi.Certificate.get_all()
    uuid = await fresh.xapi.Certificate.get_uuid(ref)
    await fresh.xapi.pool.uninstall_trusted_certificate(pool, ref)

    assert (during, list(folder.iterdir())) == ([f"{uuid}.pem"], [])


@pytest.mark.parametrize(
    "ca, text, purpose, error",
    [
        (False, AUTHORITY.pem, [], CERTIFICATE_LACKS_PURPOSE),
        (True, "rubbish", [], TRUSTED_CERTIFICATE_INVALID),
        (True, made("old", begins=-9, days=-1).pem, [], TRUSTED_CERTIFICATE_EXPIRED),
    ],
)
async def test_certificates_that_are_not_trusted(
    xapi: Xapi, pool: str, ca: bool, text: str, purpose: list[str], error: type[ApiError]
) -> None:
    with pytest.raises(error):
        await xapi.pool.install_trusted_certificate(pool, ca, text, purpose)

    assert await xapi.Certificate.get_all() == []


async def test_a_host_s_own_certificate_is_not_uninstalled(xapi: Xapi, pool: str, host: str) -> None:
    ours = made("xen1.example")
    await xapi.host.install_server_certificate(host, ours.pem, ours.key_pem, "")
    (ref,) = await xapi.Certificate.get_all()

    with pytest.raises(NOT_TRUSTED_CERTIFICATE):
        await xapi.pool.uninstall_trusted_certificate(pool, ref)
    with pytest.raises(HANDLE_INVALID):
        await xapi.pool.uninstall_trusted_certificate(pool, "OpaqueRef:ghost")


# --- TLS ---------------------------------------------------------------------------------------------


async def test_the_certificate_for_the_pool_is_made_anew(fresh: FreshHost, host: str) -> None:
    xapi, prints = fresh.xapi, []
    for _ in range(2):
        await xapi.host.refresh_server_certificate(host)
        prints.append((await only(xapi, "host_internal"))["fingerprint_sha256"])

    assert len(set(prints)) == 2
    assert (await xapi.pool.get_all_records())[await fresh.the("pool")]["current_operations"] == {}


async def test_a_pool_speaks_https_only_as_soon_as_all_hosts_do(xapi: Xapi, pool: str, host: str) -> None:
    before = await xapi.host.get_https_only(host)
    await xapi.pool.set_https_only(pool, True)
    during = await xapi.host.get_https_only(host)

    await xapi.host.set_https_only(host, False)

    assert (before, during, await xapi.host.get_https_only(host)) == (False, True, False)


async def test_old_tls_is_off_whether_one_says_so_or_not(xapi: Xapi, pool: str, host: str) -> None:
    assert await xapi.pool.disable_ssl_legacy(pool) == ""
    assert await xapi.host.get_ssl_legacy(host) is False


async def test_clients_may_log_in_by_certificate_while_the_pool_says_so(xapi: Xapi, pool: str) -> None:
    await xapi.pool.enable_client_certificate_auth(pool, "backup.example")
    during = (await xapi.pool.get_all_records())[pool]

    await xapi.pool.disable_client_certificate_auth(pool)

    after = (await xapi.pool.get_all_records())[pool]
    fields = "client_certificate_auth_enabled", "client_certificate_auth_name"
    assert [during[each] for each in fields] == [True, "backup.example"]
    assert [after[each] for each in fields] == [False, ""]
