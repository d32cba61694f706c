"""The audit log: what stands in it, what never does, and how its files rotate."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import FreshHost
from tests.machines import raises_api
from tests.xapi import REMOTE, Xapi
from xapid.auth.audit import AuditLog, Entry, Meant, line
from xapid.auth.sessions import Sessions, track_id_of
from xapid.datamodel import VM, Pool
from xapid.datamodel.errors import ApiError
from xapid.store.rows import make_row

MOMENT = 1764230430.25


@pytest.fixture
def audit(fresh: FreshHost) -> Iterator[AuditLog]:
    """That of the daemon under test, being written."""
    log: AuditLog = fresh.runtime.services["audit"]
    log.start()
    written(log)
    log.path.unlink()  # The login of the client that every test has.
    yield log
    log.stop()


def written(audit: AuditLog, since: str = "") -> list[str]:
    """The lines, once all that was noted is on disk."""
    audit.stop()
    found = list(audit.lines(since))
    audit.start()
    return found


def with_role(fresh: FreshHost, role: str, originator: str = "somebody's script") -> Xapi:
    """A client that is logged in as a user of a directory."""
    sessions: Sessions = fresh.runtime.services["sessions"]
    client = fresh.xapi.beside(REMOTE)
    client.session = sessions.start(
        "EXAMPLE\\jo", originator, superuser=False, roles=frozenset({role}), user_sid="S-1-5-7"
    ).ref
    return client


async def test_a_call_is_noted_with_who_made_it_and_what_it_was_about(fresh: FreshHost, audit: AuditLog) -> None:
    network = await fresh.xapi.network.create({"name_label": "back office", "other_config": {}})
    await fresh.xapi.network.set_name_description(network, "the words are nobody's business")

    (created, changed) = (each for each in written(audit) if "'network." in each)

    uuid = await fresh.xapi.network.get_uuid(network)
    assert created.split("|")[1] == "audit"
    assert "'LOCAL_SUPERUSER' 'root' 'ALLOWED' 'OK' 'API' 'network.create'" in created
    assert f"'network.set_name_description' (('self' 'back office' '{uuid}' '{network}')))" in changed
    assert "business" not in changed


@pytest.mark.parametrize(
    ("cls", "fields"),
    [("network", {"name_label": "attic", "other_config": {}}), ("secret", {"value": "hush", "other_config": {}})],
)
async def test_what_a_call_removes_is_noted_with_its_name_and_uuid(
    fresh: FreshHost, audit: AuditLog, cls: str, fields: dict[str, object]
) -> None:
    made = await fresh.xapi.call(f"{cls}.create", fields)
    uuid = await fresh.xapi.call(f"{cls}.get_uuid", made)
    await fresh.xapi.call(f"{cls}.destroy", made)
    with raises_api("HANDLE_INVALID", cls, made):
        await fresh.xapi.call(f"{cls}.destroy", made)

    removed, once_more = (each for each in written(audit) if f"'{cls}.destroy'" in each)

    assert f"'{cls}.destroy' (('self' '{fields.get('name_label', '')}' '{uuid}' '{made}')))" in removed
    assert f"'{cls}.destroy' (('self' '' '' '{made}')))" in once_more


async def test_a_call_that_is_denied_and_one_that_fails_are_noted_with_their_originator(
    fresh: FreshHost, audit: AuditLog
) -> None:
    reader, admin = with_role(fresh, "read-only"), with_role(fresh, "pool-admin", "backup")
    (pool,) = await reader.pool.get_all()
    with pytest.raises(ApiError):
        await reader.pool.set_name_label(pool, "mine")
    with raises_api("HANDLE_INVALID", "VM", "OpaqueRef:gone"):
        await admin.VM.start("OpaqueRef:gone", False, False)

    denied, failed = written(audit)

    assert r"|somebody\u0027s script|audit]" in denied
    assert r"'S-1-5-7' 'EXAMPLE\u005cjo' 'DENIED' 'RBAC_PERMISSION_DENIED' 'API' 'pool.set_name_label'" in denied
    assert "|backup|audit]" in failed
    assert "'ALLOWED' 'HANDLE_INVALID' 'API' 'VM.start' (('vm' '' '' 'OpaqueRef:gone')))" in failed


async def test_a_call_that_the_end_of_the_daemon_broke_off_is_noted(fresh: FreshHost, audit: AuditLog) -> None:
    async with fresh.runtime.locks.held(fresh.runtime.store.one(Pool).ref):
        task = await fresh.xapi.call("Async.pool.rotate_secret")
        await asyncio.sleep(0)  # It begins, and waits for the lock.
        work = fresh.runtime.tasks.active[task].work
        assert work is not None
        work.cancel()
        await asyncio.wait([work])

    (noted,) = (each for each in written(audit) if "'pool.rotate_secret'" in each)
    assert "'ALLOWED' 'TASK_CANCELLED'" in noted


async def test_what_everybody_may_read_is_not_noted(fresh: FreshHost, audit: AuditLog) -> None:
    await fresh.xapi.VM.get_all_records()
    await fresh.xapi.host.get_all()

    assert written(audit) == []


async def test_a_member_tells_of_its_own_calls_a_line_each(fresh: FreshHost, audit: AuditLog) -> None:
    await fresh.xapi.pool.audit_log_append("[20261127T08:20:30.123Z|audit|beta|||audit] ('' 'x')\n[forged]\u2028\\")
    await fresh.xapi.pool.audit_log_append("x" * 20000)

    first, second = (each for each in written(audit) if "audit_log_append" not in each)
    assert first == "[20261127T08:20:30.123Z|audit|beta|||audit] ('' 'x')\\u000a[forged]\\u2028\\\n"
    assert second == "x" * 16384 + "\n"


async def test_logins_are_noted_also_those_that_fail_and_no_password_is(fresh: FreshHost, audit: AuditLog) -> None:
    guest = fresh.xapi.beside(REMOTE)
    with raises_api("SESSION_AUTHENTICATION_FAILED", "mallory", "Authentication failure"):
        await guest.send("session.login_with_password", "mallory", "open sesame", "1.0", "door")
    await fresh.xapi.beside().log_in()

    failed, fine = written(audit)

    assert "|door|audit]" in failed
    assert "'mallory' 'ALLOWED' 'SESSION_AUTHENTICATION_FAILED' 'API' 'session.login_with_password'" in failed
    assert "sesame" not in failed
    assert "'OK' 'API' 'session.login_with_password'" in fine


async def test_no_secret_and_no_session_gets_into_the_log(fresh: FreshHost, audit: AuditLog, host: str) -> None:
    secret = await fresh.xapi.secret.create({"value": "hush hush", "other_config": {}})
    await fresh.xapi.secret.set_value(secret, "even more hush")
    with pytest.raises(ApiError):
        await fresh.xapi.SR.create(host, {"cifspassword": "hush"}, 0, "a", "", "smb", "user", True, {})
    await fresh.xapi.call("session.change_password", "hush", "hush again")

    text = "".join(written(audit))

    assert "'secret.set_value'" in text and "'session.change_password'" in text
    assert "hush" not in text
    assert fresh.xapi.session not in text


async def test_a_session_is_named_by_what_nobody_can_use(fresh: FreshHost, audit: AuditLog) -> None:
    """Whoever may read the log could use its reference, or find that by its uuid."""
    sessions: Sessions = fresh.runtime.services["sessions"]
    local = sessions.start("root", "", superuser=True, local=True)
    own = fresh.xapi.session
    uuid = await fresh.xapi.call("session.get_uuid", own)
    await fresh.xapi.call("session.add_to_other_config", own, "key", "value")
    (pool,) = await fresh.xapi.pool.get_all()
    for wrong in (own, local.ref):
        with raises_api("HANDLE_INVALID", "VM", wrong):
            await fresh.xapi.VM.start(wrong, False, False)
    with pytest.raises(ApiError):
        await fresh.xapi.pool.sync_trusted_certificates_from(pool, "elsewhere", "OpaqueRef:theirs", "", False)

    text = "".join(written(audit))

    assert f"'session.add_to_other_config' (('self' '' '' '{track_id_of(own)}'))" in text
    assert f"'VM.start' (('vm' '' '' '{track_id_of(own)}'))" in text
    assert f"'VM.start' (('vm' '' '' '{track_id_of(local.ref)}'))" in text
    assert f"('remote_session' '' '' '{track_id_of('OpaqueRef:theirs')}')" in text
    assert not any(each in text for each in (own, uuid, local.ref, "theirs"))


# Lines and files


def entry(call: str = "VM.start", moment: float = MOMENT, **facts: str) -> Entry:
    return Entry(moment, call, "OK", **facts)  # type: ignore[arg-type]  # only texts are given


def test_a_line_has_the_form_of_the_original() -> None:
    vm = make_row(VM, "OpaqueRef:v", {"name_label": "web", "uuid": "u"})
    noted = entry(user="root", track_id="trackid=1", originator="xe", task="OpaqueRef:t")

    shown = line(noted._replace(about=(Meant("vm", vm), Meant("host", "OpaqueRef:gone"))), "dom0")

    assert shown == (
        "[20251127T08:00:30.250Z|audit|dom0|OpaqueRef:t|xe|audit] ('trackid=1' 'LOCAL_SUPERUSER' 'root' 'ALLOWED' 'OK'"
        " 'API' 'VM.start' (('vm' 'web' 'u' 'OpaqueRef:v') ('host' '' '' 'OpaqueRef:gone')))\n"
    )


@pytest.mark.parametrize("text", ["a\n[forged", "it's", "a\\'b", "\0\x1b[1m", "a|b|c", "\udc80", "x" * 100_000])
def test_nobody_writes_lines_or_quotes_of_his_own(text: str) -> None:
    shown = line(entry(user=text, originator=text), "dom0")

    assert shown.count("\n") == 1 and shown.endswith("\n")
    assert shown.count("'") == 2 * 7
    assert shown.partition("]")[0].count("|") == 5
    assert len(shown) < 2000


@contextmanager
def running(path: Path, size: int, files: int) -> Iterator[AuditLog]:
    log = AuditLog(path, size, files)
    log.start()
    yield log
    log.stop()


def test_files_rotate_and_the_oldest_goes(tmp_path: Path) -> None:
    for number in range(5):
        with running(tmp_path / "audit.log", size=1, files=3) as log:
            log.note(entry(f"call {number}"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.log.1", "audit.log.2", "audit.log.3"]
    assert [each.split("'")[13] for each in log.lines()] == ["call 2", "call 3", "call 4"]


ROOM = 8 << 20
"""Bytes that a file may have in a test: more than anything else writes meanwhile."""


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file grows beyond a size: what does not fit is cut short, as on a disk that gets full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_a_full_disk_cuts_short_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"\0" * (ROOM - 301) + b"\n")

    with room_for(ROOM), running(path, size=2 * ROOM, files=2) as log:
        for each in ("VM.start", "VM.pause", "VM.unpause", "VM.suspend"):
            log.note(entry(each))
    full = path.read_bytes()[ROOM - 300 :].decode().splitlines(keepends=True)
    with running(path, size=2 * ROOM, files=2) as log:
        log.note(entry("VM.resume"))

    *before, last = path.read_bytes()[ROOM - 300 :].decode().splitlines(keepends=True)
    assert [each.endswith(" ())\n") for each in full] == [True] * len(full)
    assert 0 < len(full) < 4
    assert before == full
    assert "'VM.resume'" in last


def test_a_line_that_was_half_written_when_the_daemon_died_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text("[20251127T08:00:30.250Z|audit|host|||audit] ('' 'LOC")

    with running(path, size=10_000, files=2) as log:
        log.note(entry("VM.start"))

    half, line = path.read_text().splitlines()
    assert half.endswith("'LOC")
    assert line.startswith("[20251127T08:00:30.250Z|audit|")


def test_only_the_daemons_user_may_read_it(tmp_path: Path) -> None:
    with running(tmp_path / "audit.log", size=10_000, files=3) as log:
        log.note(entry())

    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o600


def test_an_entry_that_is_odd_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(tmp_path / "audit.log", 10**6, 2) as log:
        log.note(entry("VM.start"))
        log.note(entry("VM.suspend", moment=float("nan")))
        log.note(entry("VM.resume"))
    assert [each.split("'API' ")[1].split()[0] for each in log.lines()] == ["'VM.start'", "'VM.resume'"]
    assert "a call of VM.suspend cannot be noted" in caplog.text


@pytest.mark.parametrize(
    "since, expected",
    [("", 2), ("20251127T08:00:31Z", 1), ("2025-11-27T08:00:30Z", 2), ("20251127", 2), ("20990101T00:00:00Z", 0)],
)
def test_lines_are_told_from_a_moment_on(tmp_path: Path, since: str, expected: int) -> None:
    with running(tmp_path / "audit.log", size=10_000, files=3) as log:
        log.note(entry())
        log.note(entry(moment=MOMENT + 1))

    assert len(list(log.lines(since))) == expected


def test_a_log_that_cannot_be_written_is_told_once_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gone" / "audit.log"
    for _ in range(2):
        with running(path, size=10_000, files=3) as log:
            log.note(entry("lost"))
    path.parent.mkdir()
    log.start()
    log.note(entry("kept"))
    log.stop()

    assert caplog.text.count("the audit log cannot be written") == 2
    assert ["kept" in each for each in log.lines()] == [True]


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_neither_written_nor_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "audit.log"
    make(path)
    with running(path, size=1000, files=3) as log:
        log.note(entry("VM.start"))
        assert list(log.lines()) == []
        assert "is no file" in caplog.text
        path.rmdir() if path.is_dir() else path.unlink()
        log.note(entry("VM.pause"))
        assert ["VM.pause" in each for each in log.lines()] == [True]


def test_any_number_of_files_may_be_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    for name in ("audit.log.0", "audit.log.01", "audit.log.x", "audit.log.-1", "audit.log.\u0662"):
        (tmp_path / name).write_text("somebody's")
    for number in range(4):
        with running(path, size=1, files=10**12) as log:
            log.note(entry(f"VM.start{number}"))
            assert [f"VM.start{known}" in each for known, each in enumerate(log.lines())] == [True] * (number + 1)
    assert (tmp_path / "audit.log.4").exists()
