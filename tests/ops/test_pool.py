"""The pool: its settings, and what may be asked of a pool of one host."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID
from xmlrpc.client import DateTime

import pytest

from tests.conftest import FreshHost
from tests.xapi import REMOTE, Xapi
from xapid.auth.certificate import ensure_certificate
from xapid.auth.sessions import Sessions
from xapid.datamodel import VM, Host, HostMetrics, Pool, Secret
from xapid.datamodel import types as datatypes
from xapid.datamodel.errors import (
    AUTH_IS_DISABLED,
    AUTH_UNKNOWN_TYPE,
    CA_CERTIFICATE_INVALID,
    CANNOT_CREATE_STATE_FILE,
    CANNOT_ENABLE_REDO_LOG,
    CERTIFICATE_DOES_NOT_EXIST,
    CERTIFICATE_NAME_INVALID,
    CRL_DOES_NOT_EXIST,
    CRL_NAME_INVALID,
    HA_NOT_ENABLED,
    HANDLE_INVALID,
    HOST_OFFLINE,
    INTERNAL_ERROR,
    INVALID_REPOSITORY_PROXY_URL,
    INVALID_UPDATE_SYNC_DAY,
    INVALID_VALUE,
    MAP_DUPLICATE_KEY,
    MESSAGE_REMOVED,
    NO_REPOSITORIES_CONFIGURED,
    NO_REPOSITORY_ENABLED,
    OPENVSWITCH_NOT_ACTIVE,
    OPERATION_NOT_ALLOWED,
    POOL_AUTH_ENABLE_FAILED,
    RBAC_PERMISSION_DENIED,
    TELEMETRY_NEXT_COLLECTION_TOO_LATE,
    WLB_NOT_INITIALIZED,
)
from xapid.datamodel.pool import TelemetryFrequency
from xapid.datamodel.types import NULL

GHOST = "OpaqueRef:ghost"


# --- High availability, which is off ----------------------------------------------------------------


async def test_without_protected_guests_every_host_may_fail(xapi: Xapi, host: str) -> None:
    assert await xapi.pool.ha_compute_max_host_failures_to_tolerate() == "1"
    assert await xapi.pool.ha_compute_hypothetical_max_host_failures_to_tolerate({}) == "1"
    assert await xapi.pool.ha_failover_plan_exists(1) is True
    assert await xapi.pool.ha_failover_plan_exists(2) is False
    assert await xapi.pool.ha_compute_vm_failover_plan([host], []) == {}


async def test_a_protected_guest_of_an_only_host_has_nowhere_to_go(fresh: FreshHost) -> None:
    with fresh.store.write() as tx:
        vm = tx.create(VM, name_label="guest", ha_restart_priority="restart").ref

    assert await fresh.xapi.pool.ha_compute_max_host_failures_to_tolerate() == "0"
    assert await fresh.xapi.pool.ha_compute_hypothetical_max_host_failures_to_tolerate({vm: "restart"}) == "0"
    assert await fresh.xapi.pool.ha_compute_hypothetical_max_host_failures_to_tolerate({vm: "best-effort"}) == "1"


async def test_a_priority_is_one_of_three(fresh: FreshHost) -> None:
    with fresh.store.write() as tx:
        vm = tx.create(VM, name_label="guest").ref

    with pytest.raises(INVALID_VALUE) as error:
        await fresh.xapi.pool.ha_compute_hypothetical_max_host_failures_to_tolerate({vm: "urgent"})

    assert error.value.args == ("ha_restart_priority", "urgent")


async def test_the_number_of_hosts_that_may_fail_is_a_number(xapi: Xapi, pool: str) -> None:
    await xapi.pool.set_ha_host_failures_to_tolerate(pool, 5)

    assert await xapi.pool.get_ha_host_failures_to_tolerate(pool) == "5"
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.pool.set_ha_host_failures_to_tolerate(pool, -1)
    assert error.value.args == ("ha_host_failures_to_tolerate", "-1")


async def test_high_availability_needs_storage(xapi: Xapi) -> None:
    with pytest.raises(HA_NOT_ENABLED):
        await xapi.pool.disable_ha()
    with pytest.raises(CANNOT_CREATE_STATE_FILE):
        await xapi.pool.enable_ha([], {})
    with pytest.raises(HANDLE_INVALID):
        await xapi.pool.enable_ha([GHOST], {})
    with pytest.raises(CANNOT_ENABLE_REDO_LOG):
        await xapi.pool.enable_redo_log(GHOST)
    assert await xapi.pool.disable_redo_log() == ""


# --- Updates -----------------------------------------------------------------------------------------


async def introduce(xapi: Xapi) -> str:
    return str(await xapi.Repository.introduce("r", "", "http://updates.example/b", "http://updates.example/s", True))


async def test_repositories_are_enabled_and_disabled(xapi: Xapi, pool: str) -> None:
    repository = await introduce(xapi)
    await xapi.pool.add_repository(pool, repository)
    await xapi.pool.add_repository(pool, repository)
    during = await xapi.pool.get_repositories(pool)

    await xapi.pool.remove_repository(pool, repository)
    await xapi.pool.remove_repository(pool, GHOST)

    assert (during, await xapi.pool.get_repositories(pool)) == ([repository], [])


async def test_only_repositories_that_are_there_are_enabled(xapi: Xapi, pool: str) -> None:
    repository = await introduce(xapi)

    await xapi.pool.set_repositories(pool, [repository])
    with pytest.raises(HANDLE_INVALID):
        await xapi.pool.set_repositories(pool, [repository, GHOST])
    with pytest.raises(HANDLE_INVALID):
        await xapi.pool.add_repository(pool, GHOST)

    assert await xapi.pool.get_repositories(pool) == [repository]


async def test_updates_are_looked_for_where_there_are_repositories(xapi: Xapi, pool: str) -> None:
    with pytest.raises(NO_REPOSITORY_ENABLED):
        await xapi.pool.sync_updates(pool, False)
    with pytest.raises(NO_REPOSITORIES_CONFIGURED):
        await xapi.pool.set_update_sync_enabled(pool, True)
    await xapi.pool.set_repositories(pool, [await introduce(xapi)])

    await xapi.pool.set_update_sync_enabled(pool, True)

    assert await xapi.pool.get_update_sync_enabled(pool) is True


@pytest.mark.parametrize("frequency, day, kept", [("daily", 5, "0"), ("weekly", 2, "2"), ("weekly", 6, "6")])
async def test_the_day_counts_once_a_week(xapi: Xapi, pool: str, frequency: str, day: int, kept: str) -> None:
    await xapi.pool.configure_update_sync(pool, frequency, day)

    assert await xapi.pool.get_update_sync_frequency(pool) == frequency
    assert await xapi.pool.get_update_sync_day(pool) == kept


@pytest.mark.parametrize("day", [-1, 7])
async def test_a_week_has_seven_days(xapi: Xapi, pool: str, day: int) -> None:
    with pytest.raises(INVALID_UPDATE_SYNC_DAY) as error:
        await xapi.pool.configure_update_sync(pool, "weekly", day)

    assert error.value.args == (str(day),)


async def test_hosts_that_are_down_stand_in_the_way_of_updates(fresh: FreshHost, pool: str, host: str) -> None:
    before = await fresh.xapi.pool.check_update_readiness(pool, False)
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(HostMetrics), live=False)

    after = await fresh.xapi.pool.check_update_readiness(pool, False)

    assert (before, after) == ([], [["HOST_OFFLINE", host]])


async def test_the_password_of_the_proxy_is_a_secret(fresh: FreshHost, pool: str) -> None:
    xapi = fresh.xapi
    await xapi.pool.configure_repository_proxy(pool, "http://proxy.example:3128", "user", "first")
    first = await xapi.pool.get_repository_proxy_password(pool)
    await xapi.pool.configure_repository_proxy(pool, "https://proxy.example", "user", "second")
    second = await xapi.pool.get_repository_proxy_password(pool)
    value = await xapi.secret.get_value(second)

    await xapi.pool.disable_repository_proxy(pool)

    assert value == "second"
    assert {fresh.store.find(Secret, ref) for ref in (first, second)} == {None}
    assert await xapi.pool.get_repository_proxy_url(pool) == ""
    assert await xapi.pool.get_repository_proxy_password(pool) == NULL


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", "http://x:99999", "http://[x"])
async def test_a_proxy_has_a_web_address(xapi: Xapi, pool: str, url: str) -> None:
    with pytest.raises(INVALID_REPOSITORY_PROXY_URL) as error:
        await xapi.pool.configure_repository_proxy(pool, url, "", "")

    assert error.value.args == (url,)


async def test_the_pool_is_called_otherwise_for_telemetry(fresh: FreshHost, pool: str) -> None:
    before = fresh.store.get(Secret, fresh.store.one(Pool).telemetry_uuid)

    await fresh.xapi.pool.reset_telemetry_uuid(pool)

    after = fresh.store.get(Secret, fresh.store.one(Pool).telemetry_uuid)
    assert after.value != before.value
    assert UUID(after.value).version == 4
    assert fresh.store.find(Secret, before.ref) is None


@pytest.mark.parametrize("frequency, days", [("daily", 2), ("weekly", 14), ("monthly", 62)])
async def test_telemetry_is_put_off_for_two_periods_at_most(
    fresh: FreshHost, pool: str, frequency: str, days: int
) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(Pool, pool), telemetry_frequency=TelemetryFrequency(frequency))
    end = fresh.clock.now() + days * 24 * 3600
    soon, late = (DateTime(str(datatypes.DateTime.of(end + hours * 3600))) for hours in (-1, 1))
    await fresh.xapi.pool.set_telemetry_next_collection(pool, soon)

    with pytest.raises(TELEMETRY_NEXT_COLLECTION_TOO_LATE) as error:
        await fresh.xapi.pool.set_telemetry_next_collection(pool, late)

    assert error.value.args == (str(late),)
    assert await fresh.xapi.pool.get_telemetry_next_collection(pool) == soon


# --- Who is let in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field, value",
    [
        ("local_auth_max_threads", 4),
        ("ext_auth_max_threads", 99),
        ("ext_auth_cache_size", 0),
        ("ext_auth_cache_expiry", 1),
    ],
)
async def test_limits_of_logins_are_set(xapi: Xapi, pool: str, field: str, value: int) -> None:
    await xapi.call(f"pool.set_{field}", pool, value)

    assert await xapi.call(f"pool.get_{field}", pool) == str(value)


async def test_limits_of_logins_make_sense(xapi: Xapi, pool: str) -> None:
    with pytest.raises(INTERNAL_ERROR):
        await xapi.pool.set_local_auth_max_threads(pool, 0)
    with pytest.raises(INTERNAL_ERROR):
        await xapi.pool.set_ext_auth_max_threads(pool, -1)
    with pytest.raises(INVALID_VALUE) as size:
        await xapi.pool.set_ext_auth_cache_size(pool, -1)
    with pytest.raises(INVALID_VALUE) as expiry:
        await xapi.pool.set_ext_auth_cache_expiry(pool, -1)

    assert (size.value.args, expiry.value.args) == (("size", "-1"), ("expiry", "-1"))


async def test_logins_may_be_remembered(xapi: Xapi, pool: str) -> None:
    await xapi.pool.set_ext_auth_cache_enabled(pool, True)

    assert await xapi.pool.get_ext_auth_cache_enabled(pool) is True


async def test_no_host_is_joined_to_a_directory(xapi: Xapi, pool: str, host: str) -> None:
    with pytest.raises(AUTH_UNKNOWN_TYPE):
        await xapi.pool.enable_external_auth(pool, {}, "x", "nosuch")
    with pytest.raises(POOL_AUTH_ENABLE_FAILED) as error:
        await xapi.pool.enable_external_auth(pool, {}, "", "AD")
    with pytest.raises(AUTH_IS_DISABLED):
        await xapi.pool.external_auth_set_ldaps(pool, True)
    with pytest.raises(AUTH_IS_DISABLED):
        await xapi.auth.get_subject_identifier("somebody")

    assert error.value.args == (host, "enable requires user")
    assert await xapi.pool.disable_external_auth(pool, {}) == ""
    assert await xapi.pool.enable_external_auth(pool, {}, "", "") == ""
    assert await xapi.pool.detect_nonhomogeneous_external_auth(pool) == ""


async def test_no_certificate_is_trusted_yet(xapi: Xapi) -> None:
    assert await xapi.pool.certificate_list() == []
    assert await xapi.pool.uninstall_ca_certificate("no-such.pem", True) == ""
    assert await xapi.pool.crl_list() == []


@pytest.mark.parametrize(
    "message, params, refusal",
    [
        ("certificate_install", ("x.pem", "not a certificate"), CA_CERTIFICATE_INVALID),
        ("install_ca_certificate", ("../x", "y"), CA_CERTIFICATE_INVALID),
        ("certificate_uninstall", ("nosuch",), CERTIFICATE_NAME_INVALID),
        ("uninstall_ca_certificate", (".hidden.pem", True), CERTIFICATE_NAME_INVALID),
        ("uninstall_ca_certificate", ("no-such.pem",), CERTIFICATE_DOES_NOT_EXIST),
        ("crl_install", ("x", "not a list"), CRL_NAME_INVALID),
        ("crl_uninstall", ("../x.pem",), CRL_NAME_INVALID),
        ("crl_uninstall", ("no-such.pem",), CRL_DOES_NOT_EXIST),
    ],
)
async def test_certificates_that_are_refused(
    xapi: Xapi, message: str, params: tuple[Any, ...], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await xapi.call(f"pool.{message}", *params)


# --- Settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("key, value", [("auto_update_enabled", "true"), ("auto_update_url", "https://tools.example/")])
async def test_agents_of_guests_are_told_where_they_get_updates(xapi: Xapi, pool: str, key: str, value: str) -> None:
    await xapi.pool.add_to_guest_agent_config(pool, key, value)
    during = await xapi.pool.get_guest_agent_config(pool)
    with pytest.raises(MAP_DUPLICATE_KEY):
        await xapi.pool.add_to_guest_agent_config(pool, key, value)

    await xapi.pool.remove_from_guest_agent_config(pool, key)

    assert (during, await xapi.pool.get_guest_agent_config(pool)) == ({key: value}, {})


@pytest.mark.parametrize(
    "key, value", [("nosuch", "true"), ("auto_update_enabled", "maybe"), ("auto_update_url", "ftp://x")]
)
async def test_agents_of_guests_are_not_told_nonsense(xapi: Xapi, pool: str, key: str, value: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.pool.add_to_guest_agent_config(pool, key, value)

    assert error.value.args == ("guest_agent_config", f"{key} = {value}")


async def test_plain_bridges_cannot_do_everything(xapi: Xapi, pool: str) -> None:
    with pytest.raises(OPENVSWITCH_NOT_ACTIVE):
        await xapi.pool.set_igmp_snooping_enabled(pool, False)
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.pool.set_vswitch_controller("192.0.2.1")


async def test_nothing_is_restricted_and_never_ends(xapi: Xapi, pool: str) -> None:
    assert (await xapi.pool.get_license_state(pool))["expiry"] == "never"
    assert await xapi.pool.apply_edition(pool, "nosuch") == ""


@pytest.mark.parametrize(
    "message, params",
    [
        ("retrieve_wlb_configuration", ()),
        ("retrieve_wlb_recommendations", ()),
        ("send_wlb_configuration", ({},)),
        ("deconfigure_wlb", ()),
    ],
)
async def test_nobody_balances_the_load(xapi: Xapi, message: str, params: tuple[Any, ...]) -> None:
    with pytest.raises(WLB_NOT_INITIALIZED):
        await xapi.call(f"pool.{message}", *params)


async def test_other_plain_answers_of_the_pool(xapi: Xapi, pool: str) -> None:
    assert await xapi.pool.get_guest_secureboot_readiness(pool) == "not_ready"
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.pool.set_custom_uefi_certificates(pool, "!")
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.pool.set_uefi_certificates(pool, "!")
    with pytest.raises(MESSAGE_REMOVED):
        await xapi.pool.test_archive_target(pool, {})
    blob = await xapi.pool.create_new_blob(pool, "b", "text/plain", False)
    assert await xapi.pool.get_blobs(pool) == {"b": blob}


# --- Its one host ------------------------------------------------------------------------------------


async def test_the_coordinator_stays_what_it_is(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.pool.designate_new_master(host)

    assert fresh.store.one(Pool).master == host
    assert await fresh.xapi.pool.recover_slaves() == []
    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.pool.eject(host)
    with pytest.raises(HOST_OFFLINE):
        await fresh.xapi.pool.eject(GHOST)


async def test_the_database_is_on_disk_when_that_was_asked(xapi: Xapi) -> None:
    assert await xapi.pool.sync_database() == ""


async def test_a_vlan_needs_an_interface(xapi: Xapi) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.pool.create_VLAN("eth99", GHOST, 5)

    assert error.value.args == ("device", "eth99")


# --- Connections ------------------------------------------------------------------------------------


@pytest.fixture
def https_server(tmp_path: Path) -> Iterator[int]:
    """One that answers a POST with what was sent. Returns its port."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"got " + self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *args: object) -> None:
            pass

    ensure_certificate(tmp_path / "server.pem", ["localhost"], ["127.0.0.1"])
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


async def test_a_text_is_posted_and_the_answer_told(xapi: Xapi, https_server: int) -> None:
    assert await xapi.pool.send_test_post("127.0.0.1", https_server, "héllo") == "got héllo"


@pytest.mark.parametrize("host, port", [("127.0.0.1", 1), ("no such host", 443), ("127.0.0.1", 99999), ("a\nb", 1)])
async def test_why_a_server_cannot_be_reached_is_told(xapi: Xapi, host: str, port: int) -> None:
    with pytest.raises(INTERNAL_ERROR) as error:
        await xapi.pool.send_test_post(host, port, "x")

    assert str(port) in error.value.args[0]


# --- What members say to their coordinator ----------------------------------------------------------


async def test_a_host_that_says_hello_is_reached_where_it_says(fresh: FreshHost, host: str) -> None:
    uuid = await fresh.xapi.host.get_uuid(host)

    answer = await fresh.xapi.pool.hello(uuid, "2001:db8::7")

    assert answer == "ok"
    assert await fresh.xapi.host.get_address(host) == "2001:db8::7"
    locations = [record["location"] for record in (await fresh.xapi.console.get_all_records()).values()]
    assert locations
    assert all(each.startswith("https://[2001:db8::7]/console?ref=") for each in locations)


async def test_who_is_not_of_the_pool_is_unknown(xapi: Xapi, pool: str) -> None:
    assert await xapi.pool.hello(await xapi.pool.get_uuid(pool), "192.0.2.1") == "unknown_host"


async def test_a_host_that_is_another_is_not_talked_to_yet(fresh: FreshHost) -> None:
    with fresh.store.write() as tx:
        other = tx.create(Host)

    assert await fresh.xapi.pool.hello(other.uuid, "192.0.2.1") == "cannot_talk_back"


async def test_what_is_no_address_is_refused(xapi: Xapi, host: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.pool.hello(await xapi.host.get_uuid(host), "nowhere")

    assert error.value.args == ("host_address", "nowhere")


async def test_the_secret_is_told_to_nobody_who_may_less_than_all(fresh: FreshHost) -> None:
    operator = fresh.xapi.beside(REMOTE)
    sessions: Sessions = fresh.runtime.services["sessions"]
    operator.session = sessions.start(
        "EXAMPLE\\jo", "", superuser=False, roles=frozenset({"pool-operator"}), user_sid="S-1-5-7"
    ).ref

    with pytest.raises(RBAC_PERMISSION_DENIED) as error:
        await operator.pool.initial_auth()

    assert error.value.args[0] == "pool.initial_auth"


async def test_a_host_that_joins_is_told_the_secret(fresh: FreshHost) -> None:
    secret = await fresh.xapi.pool.initial_auth()

    other = fresh.xapi.beside(REMOTE)
    other.session = await other.send("session.slave_login", await fresh.the("host"), secret)
    assert await other.pool.get_all() == [await fresh.the("pool")]
