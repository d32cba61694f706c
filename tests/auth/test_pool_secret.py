"""The secret of the pool: who has it is a host of it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import FreshHost
from tests.xapi import REMOTE, Xapi
from xapid.auth.pool_secret import PoolSecret
from xapid.datamodel import Pool
from xapid.datamodel.errors import (
    HA_IS_ENABLED,
    HANDLE_INVALID,
    INTERNAL_ERROR,
    TLS_VERIFICATION_NOT_ENABLED_IN_POOL,
    OtherError,
)

REFUSED = "SESSION_AUTHENTICATION_FAILED"


def secret(fresh: FreshHost) -> PoolSecret:
    found: PoolSecret = fresh.runtime.services["pool_secret"]
    return found


@pytest.fixture
def far(xapi: Xapi) -> Xapi:
    return xapi.beside(REMOTE)


def test_the_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "state" / "pool-secret"
    first = PoolSecret(path).current()

    assert PoolSecret(path).current() == first
    assert len(first) >= 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("given", ["", "guess", "\ud800", "\0"])
def test_nothing_else_is_the_secret(tmp_path: Path, given: str) -> None:
    assert not PoolSecret(tmp_path / "secret").is_right(given)


@pytest.mark.parametrize("left", ["\n", "x\n", "\0" * 65, "\0" * 4096 + "\n"])
def test_a_file_that_was_emptied_or_cut_short_lets_nobody_in(tmp_path: Path, left: str) -> None:
    file = tmp_path / "secret"
    file.write_text(left)
    secret = PoolSecret(file)

    assert not secret.is_right(left) and not secret.is_right(left.strip())
    assert len(secret.current()) > 40
    assert secret.is_right(secret.current())


def test_many_who_want_it_first_get_the_same(tmp_path: Path) -> None:
    secret = PoolSecret(tmp_path / "secret")
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: secret.current(), range(64)))) == 1


async def test_a_host_of_the_pool_logs_in_by_its_secret(fresh: FreshHost, far: Xapi, host: str) -> None:
    session = await far.send("session.slave_login", host, secret(fresh).current())

    record = await fresh.xapi.call("session.get_record", session)
    assert (record["pool"], record["is_local_superuser"], record["this_host"]) == (True, True, host)
    assert await far.send("pool.get_all", session)
    with pytest.raises(OtherError, match=REFUSED) as error:
        await far.send("session.slave_login", host, "a guess")
    assert error.value.args == (host, "Pool credentials invalid")


async def test_a_local_session_by_the_secret_has_no_object(fresh: FreshHost, far: Xapi) -> None:
    session = await far.send("session.slave_local_login", secret(fresh).current())

    assert await far.send("host.get_all", session)
    with pytest.raises(HANDLE_INVALID):
        await fresh.xapi.call("session.get_record", session)
    await far.send("session.local_logout", session)
    with pytest.raises(OtherError, match=REFUSED):
        await far.send("session.slave_local_login", "a guess")


async def test_after_a_rotation_the_old_secret_is_void(fresh: FreshHost, far: Xapi, host: str, pool: str) -> None:
    old = secret(fresh).current()

    await fresh.xapi.pool.rotate_secret()

    assert await far.send("session.slave_login", host, secret(fresh).current())
    with pytest.raises(OtherError, match=REFUSED):
        await far.send("session.slave_login", host, old)
    assert await fresh.xapi.pool.get_is_psr_pending(pool) is False


async def test_under_high_availability_the_secret_stays(fresh: FreshHost) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Pool), ha_enabled=True)

    with pytest.raises(HA_IS_ENABLED):
        await fresh.xapi.pool.rotate_secret()
    with pytest.raises(HA_IS_ENABLED):
        await fresh.xapi.pool.emergency_transition_to_master()


async def test_hosts_agree_on_a_new_secret_step_by_step(fresh: FreshHost, far: Xapi, host: str) -> None:
    xapi, old, new = fresh.xapi, secret(fresh).current(), "the new secret"

    async def lets_in() -> list[bool]:
        answers = []
        for each in old, new:
            try:
                await far.send("session.slave_login", host, each)
                answers.append(True)
            except OtherError:
                answers.append(False)
        return answers

    before = await lets_in()
    await xapi.host.notify_accept_new_pool_secret(host, old, new)
    accepted, shown = await lets_in(), secret(fresh).current()
    await xapi.host.notify_send_new_pool_secret(host, old, new)
    sent, shown_then = await lets_in(), secret(fresh).current()
    await xapi.host.cleanup_pool_secret(host, old, new)
    after = await lets_in()

    assert (before, accepted, sent, after) == ([True, False], [True, True], [True, True], [False, True])
    assert (shown, shown_then) == (old, new)
    with pytest.raises(INTERNAL_ERROR):
        await xapi.host.notify_accept_new_pool_secret(host, old, "another")
    await xapi.host.update_pool_secret(host, "of another pool")
    assert secret(fresh).current() == "of another pool"


# --- Emergencies -------------------------------------------------------------------------------------


async def test_a_host_that_is_its_own_coordinator_is_in_no_emergency(xapi: Xapi, host: str) -> None:
    assert await xapi.host.is_in_emergency_mode() is False
    assert await xapi.host.ha_xapi_healthcheck() is True
    assert await xapi.host.local_assert_healthy() == ""
    assert await xapi.pool.is_slave(host) is False
    assert await xapi.pool.emergency_transition_to_master() == ""


async def test_guidance_is_cleared_in_an_emergency(fresh: FreshHost, host: str) -> None:
    row = fresh.store.find_any(host)
    assert row is not None
    with fresh.store.write() as tx:
        tx.set(row, pending_guidances=("reboot_host",))

    await fresh.xapi.host.emergency_clear_mandatory_guidance()

    assert await fresh.xapi.host.get_pending_guidances(host) == []


async def test_hosts_verify_each_other_until_an_emergency(xapi: Xapi, host: str, pool: str) -> None:
    with pytest.raises(TLS_VERIFICATION_NOT_ENABLED_IN_POOL):
        await xapi.host.emergency_reenable_tls_verification()
    await xapi.pool.enable_tls_verification()
    enabled = await xapi.host.get_tls_verification_enabled(host)

    await xapi.host.emergency_disable_tls_verification()
    disabled = await xapi.host.get_tls_verification_enabled(host)
    await xapi.host.emergency_reenable_tls_verification()

    assert (enabled, disabled, await xapi.host.get_tls_verification_enabled(host)) == (True, False, True)
    assert await xapi.pool.get_tls_verification_enabled(pool) is True
    (message,) = (await xapi.message.get_all_records()).values()
    assert (message["name"], message["priority"]) == ("TLS_VERIFICATION_EMERGENCY_DISABLED", "3")
