"""Reports of a machine, and files sent to a server that is really there."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.backends.host.machines import DEBIAN, lay_out
from xapid.backends.host.interface import Packed
from xapid.backends.host.linux import Linux
from xapid.backends.host.report import MOST_OF_A_FILE
from xapid.backends.interface import BadConfig, Failed, NotFound, Unavailable
from xapid.backends.process import Cancellation, current

CRASH = "20260101-120000-UTC"
PARTS = ("system-load", "network-config")


def run(argv: Sequence[str]) -> str:
    """A machine that has but one command."""
    if argv[0] != "dmesg":
        raise Unavailable(f"{argv[0]} is not installed")
    return "Linux version 6.1\n"


@pytest.fixture
def machine(tmp_path: Path) -> Linux:
    files: dict[str, str | bytes] = {
        "proc/loadavg": "0.00 0.01 0.05 1/100 1\n",
        "proc/pressure/cpu": "some avg10=0.00\n",
        "etc/network/interfaces.d/one": "auto eth0\n",
        f"var/crash/{CRASH}/vmcore": b"\x7fELF",
        f"var/crash/{CRASH}/crash.log": "panic\n",
    }
    return Linux(lay_out(tmp_path / "root", DEBIAN, files), run)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """Takes what is put to it, but below /closed."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((self.path, body, dict(self.headers)))
            self.send_response(403 if "/closed" in self.path else 201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    taken: list[tuple[str, bytes, dict[str, str]]] = []
    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        found.taken = taken  # type: ignore[attr-defined]
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def address(server: HTTPServer, path: str = "/", user: str = "") -> str:
    return f"http://{user}127.0.0.1:{server.server_port}{path}"


def contents(archive: bytes) -> dict[str, bytes]:
    """Files below the folder of a report."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = ((member.name, tar.extractfile(member)) for member in tar if member.isfile())
        return {name.partition("/")[2]: file.read() for name, file in found if file is not None}


def written(machine: Linux, folder: Path, *parts: str) -> dict[str, bytes]:
    path = folder / "report"
    machine.write_report(str(path), parts, Packed.tar)
    return contents(path.read_bytes())


def test_a_report_has_files_and_what_commands_say(machine: Linux, tmp_path: Path) -> None:
    found = written(machine, tmp_path, "system-load", "kernel-info", "network-config")

    assert found["system-load/proc/loadavg"] == b"0.00 0.01 0.05 1/100 1\n"
    assert found["system-load/proc/pressure/cpu"] == b"some avg10=0.00\n"
    assert found["network-config/etc/network/interfaces.d/one"] == b"auto eth0\n"
    assert found["kernel-info/dmesg.out"] == b"Linux version 6.1\n"


def test_what_cannot_be_had_is_named(machine: Linux, tmp_path: Path) -> None:
    found = written(machine, tmp_path, "kernel-info", "process-list", "nosuch")

    lines = found["missing.txt"].decode().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["sysctl", "ps"]
    assert all("is not installed" in line for line in lines)
    assert not any(name.startswith(("nosuch", "process-list")) for name in found)


def test_of_a_long_log_the_end_is_taken(machine: Linux, tmp_path: Path) -> None:
    log = tmp_path / "root/var/log/syslog"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"a" * 100 + b"b" * MOST_OF_A_FILE)

    found = written(machine, tmp_path, "system-logs")

    assert found["system-logs/var/log/syslog"] == b"b" * MOST_OF_A_FILE


def test_a_report_has_the_traces_of_calls(tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    (traces / "xapi-1.ndjson").write_text("[]\n")
    (traces / "passwords").write_text("root:...\n")

    found = written(Linux(tmp_path / "root", run, str(traces)), tmp_path, "traces")

    assert found == {"traces/xapi-1.ndjson": b"[]\n", "missing.txt": b""}


def test_a_report_is_for_its_owner_and_replaces_nothing(machine: Linux, tmp_path: Path) -> None:
    written(machine, tmp_path)

    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Failed):
        written(machine, tmp_path)


def test_every_part_of_this_machine_can_be_told(tmp_path: Path) -> None:
    this = Linux()
    parts = tuple(part.key for part in this.report_parts())

    found = written(this, tmp_path, *parts)

    assert {"system-load/proc/meminfo", "kernel-info/proc/version"} <= found.keys()


@pytest.mark.parametrize("path", ["/upload/", "/upload/named.tar.bz2"])
def test_a_report_is_put_to_a_server(machine: Linux, server: HTTPServer, path: str) -> None:
    machine.send_report(address(server, path, user="u:p%20w@"), "", PARTS)

    ((where, body, headers),) = server.taken  # type: ignore[attr-defined]
    assert where == (path if path.endswith("bz2") else "/upload/alpha-report.tar.bz2")
    assert headers["Authorization"].startswith("Basic ")
    assert {"system-load/proc/loadavg", "network-config/etc/resolv.conf"} <= contents(body).keys()


def test_a_proxy_is_asked_instead(machine: Linux, server: HTTPServer) -> None:
    machine.send_report("http://faults.invalid/up", address(server), PARTS)

    ((where, _, _),) = server.taken  # type: ignore[attr-defined]
    assert where == "http://faults.invalid/up"


def test_a_dump_of_a_crash_is_sent_whole(machine: Linux, server: HTTPServer) -> None:
    machine.send_crash_dump(CRASH, address(server), "")

    ((where, body, _),) = server.taken  # type: ignore[attr-defined]
    assert where == f"/{CRASH}.tar.bz2"
    assert contents(body) == {"vmcore": b"\x7fELF", "crash.log": b"panic\n"}
    with pytest.raises(NotFound):
        machine.send_crash_dump("../../etc", address(server), "")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("gopher://127.0.0.1/x", "none that files can be sent to"),
        ("file:///nosuch/xapid-report", "none that files can be sent to"),
        ("http://nosuch.invalid/", "name of the server"),
        ("http://127.0.0.1:1/", "nobody takes the connection"),
    ],
)
def test_an_address_that_takes_nothing_is_told_why(machine: Linux, url: str, reason: str) -> None:
    with pytest.raises(Failed, match=reason):
        machine.send_report(url, "", PARTS)


def test_a_server_that_refuses_is_no_success(machine: Linux, server: HTTPServer) -> None:
    with pytest.raises(Failed, match="403"):
        machine.send_report(address(server, "/closed/"), "", PARTS)


@pytest.mark.parametrize("url", ["http://127.0.0.1/\noutput = /etc/passwd", ""])
def test_an_address_is_one_line(machine: Linux, url: str) -> None:
    with pytest.raises(BadConfig) as error:
        machine.send_report(url, "", PARTS)

    assert error.value.facts == {"key": "url", "value": url}


def test_an_address_with_odd_characters_is_the_address(machine: Linux, server: HTTPServer) -> None:
    machine.send_report(address(server, '/a"b\\c[1-2]{x,y}'), "", PARTS)

    ((where, _, _),) = server.taken  # type: ignore[attr-defined]
    assert where.startswith("/a")
    assert len(server.taken) == 1  # type: ignore[attr-defined]


def test_who_gives_up_ends_the_sending(machine: Linux, server: HTTPServer) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    token = current.set(cancellation)
    try:
        with pytest.raises(Failed):
            machine.send_report(address(server), "", PARTS)
    finally:
        current.reset(token)
