"""``xapid serve`` as a process: what it needs, what it refuses in one line, and how it ends."""

import json
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.daemon import Client, Daemon, Failure
from xapid.store.database import Database

pytestmark = pytest.mark.slow
LIMIT = 60.0


def refusal(*options: str) -> str:
    """What a daemon says that does not start."""
    command = [sys.executable, "-m", "xapid", "serve", "--drivers", "sim", "--http", "", "--https", "", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_a_second_daemon_on_a_state_directory_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"

    with Daemon(tmp_path):
        said = refusal("--state-dir", str(state), "--unix", str(tmp_path / "other"))

    assert said.startswith(f"xapid: state directory {state} is used by another daemon (process ")


def test_who_reads_json_is_told_in_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAPID_LOG_FORMAT", "json")
    (tmp_path / "s").touch()

    said = json.loads(refusal("--state-dir", str(tmp_path / "s"), "--unix", ""))

    assert (said["level"], said["message"]) == ("critical", f"state directory {tmp_path}/s: File exists")


def test_a_busy_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = other.getsockname()[1]

        said = refusal("--state-dir", str(tmp_path / "s"), "--unix", "", "--http", f"127.0.0.1:{port}")

    assert f"127.0.0.1:{port}" in said
    assert "in use" in said


def test_a_directory_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "s" / "local.json"
    file.mkdir(parents=True)

    said = refusal("--state-dir", str(tmp_path / "s"), "--unix", "")

    assert said == f"xapid: state directory {tmp_path}/s cannot be written: Is a directory: {file}"


def test_a_state_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = refusal("--state-dir", str(tmp_path / "file" / "s"), "--unix", "")

    assert said == f"xapid: state directory {tmp_path}/file/s: Not a directory"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a database."""
    state = tmp_path / "state"
    state.mkdir()
    Database(state / "xapid.db").open()
    return state


def change(state: Path, statement: str) -> bytes:
    """Change the database behind the daemon's back. Returns what is in it then."""
    with closing(sqlite3.connect(state / "xapid.db")) as connection:
        connection.execute(statement)
        connection.commit()
    return (state / "xapid.db").read_bytes()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE _meta SET value = '99' WHERE key = 'format'", "format 99, made by a newer xapid"),
        ("UPDATE alembic_version SET version_num = 'later'", "revision later, made by a newer xapid"),
    ],
)
def test_a_state_directory_of_a_newer_version_is_refused_and_left_alone(
    state: Path, statement: str, reason: str
) -> None:
    before = change(state, statement)

    said = refusal("--state-dir", str(state), "--unix", "")

    assert said.startswith(f"xapid: database {state}/xapid.db ")
    assert reason in said
    assert (state / "xapid.db").read_bytes() == before


def test_a_database_that_is_none_is_refused_and_left_alone(state: Path) -> None:
    (state / "xapid.db").write_text("no database\n" * 1000)

    said = refusal("--state-dir", str(state), "--unix", "")

    helps = "put back a backup with `xapid db restore`"
    assert said == f"xapid: database {state}/xapid.db: file is not a database; {helps}"
    assert (state / "xapid.db").read_text() == "no database\n" * 1000


@pytest.mark.root
@pytest.mark.parametrize("used_before", [True, False])
def test_a_state_directory_that_cannot_be_written_is_refused(tmp_path: Path, used_before: bool) -> None:
    state = tmp_path / "state"
    state.mkdir()
    if used_before:
        Database(state / "xapid.db").open()
        (state / "lock").touch()
    subprocess.run(["mount", "--bind", state, state], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)

        said = refusal("--state-dir", str(state), "--unix", "")
    finally:
        subprocess.run(["umount", state], check=True)

    assert said == f"xapid: state directory {state}: Read-only file system"


def test_readiness_is_told_to_the_service_manager_once_the_daemon_answers(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, environment={"NOTIFY_SOCKET": str(tmp_path / "manager")})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "manager"))
        manager.settimeout(LIMIT)
        daemon.start()

        ready = manager.recv(100)
        daemon.stop()
        stopping = manager.recv(100)

    assert (ready, stopping) == (b"READY=1", b"STOPPING=1")


@pytest.mark.parametrize("listener", ["--http", "--https"])
def test_a_listener_that_is_switched_off_is_not_there(tmp_path: Path, listener: str) -> None:
    port = free_port()
    on = {"--http": f"127.0.0.1:{port}", "--https": f"127.0.0.1:{port}", listener: ""}

    with Daemon(tmp_path, *(word for option in on.items() for word in option)) as daemon:
        text = daemon.tail()

    assert f"{listener.strip('-')}://" not in text
    assert str(port) in text


@pytest.mark.slow
def test_who_waits_is_told_that_the_daemon_stops(tmp_path: Path) -> None:
    def failure(client: Client, *call: object) -> tuple[str, ...]:
        with pytest.raises(Failure) as error:
            client.call(*call)  # type: ignore[arg-type]  # a method and its parameters
        return error.value.args

    with (
        Daemon(tmp_path, environment={"XAPID_SIM_DELAYS": "start=3600"}) as daemon,
        closing(daemon.client()) as caller,
        closing(daemon.client()) as watcher,
        ThreadPoolExecutor(2) as threads,
    ):
        (template,) = caller.call("VM.get_by_name_label", "Other install media")
        vm = caller.call("VM.clone", template, "a guest")
        caller.call("VM.provision", vm)
        token = watcher.call("event.from", ["pool"], "", 0.0)["token"]

        starting = threads.submit(failure, caller, "VM.start", vm, False, False)
        waiting = threads.submit(failure, watcher, "event.from", ["network"], token, 3600.0)
        with closing(daemon.client()) as look:
            while not look.call("VM.get_current_operations", vm):
                pass
        daemon.stop()

    assert starting.result() == ("INTERNAL_ERROR", "the daemon is stopping")
    assert waiting.result() == ("SESSION_INVALID", watcher.session)


@pytest.mark.slow
def test_as_many_files_may_be_open_as_the_system_allows(tmp_path: Path) -> None:
    within = ("/bin/sh", "-c", 'ulimit -S -n 256; ulimit -H -n 3000; exec "$@"', "sh")
    with Daemon(tmp_path, within=within) as daemon:
        assert daemon.process is not None
        limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()

    (line,) = (line for line in limits.splitlines() if line.startswith("Max open files"))
    assert line.split()[3:5] == ["3000", "3000"]
