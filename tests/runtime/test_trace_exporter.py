"""The way of spans to collectors and files, and what becomes of it while those are down, slow, or full."""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector import PATIENCE, Silent
from tests.collector import Collector as TheCollector
from xapid.runtime.tracing.collector import Collector, is_address
from xapid.runtime.tracing.exporter import BATCH, LARGEST, Exporter
from xapid.runtime.tracing.files import Bounds, TraceFiles, tidy
from xapid.runtime.tracing.span import Span
from xapid.runtime.tracing.zipkin import Finished

Made = Callable[..., Exporter]


@pytest.fixture
def exporter() -> Iterator[Made]:
    made: list[Exporter] = []

    def make(send: Callable[[bytes], None], interval: float = 0.01, most: int = 10_000) -> Exporter:
        made.append(Exporter("somebody", send, interval, most))
        return made[-1]

    yield make
    for each in made:
        each.close()
        each.join(PATIENCE)


def put(exporter: Exporter, *names: str) -> None:
    for name in names:
        span = Span(lambda _: None, name)
        span.end()
        exporter.put(Finished(span, "", {}))


def names(spans: list[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in spans]


def end(exporter: Exporter) -> None:
    exporter.close()
    exporter.join(PATIENCE)


# --- Collectors --------------------------------------------------------------------------------------


def test_spans_are_posted_in_batches_in_their_order(exporter: Made) -> None:
    wanted = [f"call {number}" for number in range(2 * BATCH + 1)]
    with TheCollector() as there:
        way = exporter(Collector(there.address, 5.0), interval=60.0)
        put(way, *wanted)
        end(way)

        batches: list[tuple[str, str, list[dict[str, Any]]]] = []
        while sum(len(spans) for _, _, spans in batches) < len(wanted):
            batches.append(there.batches.get(timeout=PATIENCE))

    assert {batch[:2] for batch in batches} == {("/api/v2/spans", "application/json")}
    assert [name for _, _, spans in batches for name in names(spans)] == wanted
    assert max(len(spans) for _, _, spans in batches) == BATCH
    assert way.lost == 0


def test_a_few_spans_do_not_wait_for_more(exporter: Made) -> None:
    with TheCollector() as there:
        put(exporter(Collector(there.address, 5.0)), "one")

        assert names(there.spans()) == ["one"]


def test_a_full_batch_does_not_wait_for_the_interval(exporter: Made) -> None:
    with TheCollector() as there:
        put(exporter(Collector(there.address, 5.0), interval=3600.0), *["call"] * BATCH)

        assert len(there.spans()) == BATCH


def test_a_collector_that_comes_late_loses_nothing_and_is_spoken_of_once(
    exporter: Made, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tried, there = threading.Semaphore(0), threading.Event()
    got: list[str] = []

    def send(batch: bytes) -> None:
        tried.release()
        if not there.is_set():
            raise ConnectionRefusedError("nobody listens")
        got.extend(names(json.loads(batch)))

    way = exporter(send)
    put(way, "one")
    for _ in range(3):
        assert tried.acquire(timeout=PATIENCE)
    put(way, "two")
    there.set()
    assert tried.acquire(timeout=PATIENCE)
    end(way)

    assert (got, way.lost) == (["one", "two"], 0)
    assert [record.getMessage() for record in caplog.records] == [
        "traces for somebody cannot be sent, the latest 10000 wait: nobody listens",
        "traces for somebody are sent again; 0 spans are lost",
    ]


def test_one_that_hangs_keeps_nobody_waiting_and_costs_no_more_memory_than_is_said(exporter: Made) -> None:
    with Silent() as there:
        way = exporter(Collector(there.address, 3600.0), interval=0.0, most=100)
        put(way, "first")
        assert there.arrived.wait(PATIENCE)
        began = time.monotonic()
        put(way, *["later"] * 10_000)

        assert time.monotonic() - began < 5.0
        assert len(way._waiting) == 100
        assert way.lost == 9_900
        assert not there.gone.is_set()


@pytest.mark.parametrize("drips", [b"", b"H"], ids=["silent", "a byte at a time"])
def test_one_that_takes_too_long_is_given_up(drips: bytes) -> None:
    with Silent(drips) as there:
        with pytest.raises(TimeoutError):
            Collector(there.address, 0.3)(b"[]")

        assert there.gone.wait(PATIENCE)


@pytest.mark.parametrize("status", [400, 404, 301, 413])
def test_what_a_collector_refuses_is_not_sent_again(
    exporter: Made, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with TheCollector(status) as there:
        way = exporter(Collector(there.address, 5.0))
        put(way, "odd")
        end(way)

    assert way.lost == 1
    assert [record.getMessage() for record in caplog.records] == [f"traces for somebody are refused: HTTP {status}"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_is_not_ready_is_asked_again(status: int) -> None:
    with TheCollector(status) as there, pytest.raises(OSError, match=f"HTTP {status}"):
        Collector(there.address, 5.0)(b"[]")


def test_who_does_not_speak_http_is_no_collector() -> None:
    with Silent(b"SSH-2.0-OpenSSH\r\n\r\n") as there, pytest.raises(OSError, match="does not speak HTTP"):
        Collector(there.address, 5.0)(b"[]")


def test_a_collector_without_a_certificate_that_we_trust_gets_nothing(tmp_path: Path) -> None:
    with TheCollector() as there:
        address = there.address.replace("http:", "https:")
        with pytest.raises(ssl.SSLError):
            Collector(address, 5.0)(b'[{"name":"VM.start"}]')

        assert there.batches.empty()


def test_the_name_of_a_collector_tells_no_secret_of_its_address() -> None:
    assert Collector("https://collector.example:9411/spans?token=hunter2", 1.0).name == (
        "https://collector.example:9411/spans"
    )


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("http://collector.example", True),
        ("https://collector.example:9411/api/v2/spans?token=1", True),
        ("http://[2001:db8::1]:9411/", True),
        ("http://user:hunter2@collector.example/", False),
        ("http://token@collector.example/", False),
        ("ftp://collector.example", False),
        ("http://", False),
        ("http://[::1", False),
        ("http://collector.example:0/", False),
        ("http://collector.example:99999/", False),
        ("http://collector.example/\r\nX-Header: 1", False),
        ("http://collector.example/a b", False),
        ("http://b\u00fccher.example/", False),
        (f"http://{'a' * 64}.example/", False),
        ("http://a..b/", False),
        ("collector", False),
    ],
)
def test_an_address_is_one_that_spans_can_be_posted_to(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one


def test_batches_of_large_spans_have_fewer_of_them(exporter: Made) -> None:
    sizes: list[int] = []
    way = exporter(lambda batch: sizes.append(len(batch)), interval=60.0)
    for _ in range(BATCH):
        span = Span(lambda _: None, "VM.start")
        way.put(Finished(span, "", {f"key.{number}": "x" * 1000 for number in range(100)}))
    end(way)

    assert sum(sizes) > 50_000_000
    assert max(sizes) < LARGEST + 200_000


def test_one_odd_batch_keeps_no_other_back(exporter: Made, caplog: pytest.LogCaptureFixture) -> None:
    got: list[str] = []

    def send(batch: bytes) -> None:
        if not got and b"odd" in batch:
            got.append("tried")
            raise ValueError("odd")
        got.extend(names(json.loads(batch)))

    way = exporter(send, interval=60.0)
    put(way, *["odd"] * BATCH, "plain")
    end(way)

    assert (got, way.lost) == (["tried", "plain"], BATCH)


def test_the_end_does_not_wait_for_who_is_down(exporter: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    way = exporter(Collector(f"http://127.0.0.1:{port}/", 5.0), interval=3600.0)
    put(way, "one")

    end(way)

    assert not way.alive


# --- Files -------------------------------------------------------------------------------------------

HOST = "8f2c5a3e-0000-4000-8000-000000000001"


def written(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_a_file_has_a_batch_a_line_and_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    write = TraceFiles(folder, HOST, Bounds(4096, 1 << 20, 1.0))
    write(b'[{"name":"one"}]')
    write(b'[{"name":"two"}]')

    (path,) = written(folder)

    assert path.name.startswith(f"xapi-{HOST}-20") and path.name.endswith("Z.ndjson")
    assert [names(json.loads(line)) for line in path.read_text().splitlines()] == [["one"], ["two"]]
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_files_are_bounded_one_by_one_and_together(tmp_path: Path) -> None:
    write = TraceFiles(tmp_path, HOST, Bounds(1000, 5000, 1.0))
    for number in range(100):
        write(json.dumps([{"name": f"call {number}", "tags": "x" * 300}]).encode())

    found = written(tmp_path)

    assert all(path.stat().st_size < 1400 for path in found)
    assert sum(path.stat().st_size for path in found) <= 5000 + 1400
    assert len(found) >= 4
    assert "call 99" in found[-1].read_text()
    assert 'call 1"' not in "".join(path.read_text() for path in found)


def test_files_go_with_time_and_nothing_else_does(tmp_path: Path) -> None:
    bounds = Bounds(1000, 5000, 2.0)
    old, new, other = (tmp_path / name for name in ("xapi-a-1.ndjson", "xapi-a-2.ndjson", "notes.txt"))
    for path in (old, new, other):
        path.write_text("[]\n")
    for path, days in ((old, 3), (new, 1), (other, 300)):
        os.utime(path, (time.time() - days * 86400,) * 2)

    tidy(tmp_path, bounds)
    tidy(tmp_path / "not there", bounds)

    assert written(tmp_path) == [other, new]


def test_a_disk_that_is_nearly_full_is_left_to_others(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nearly full"):
        TraceFiles(tmp_path, HOST, Bounds(1000, 5000, 1.0, spared=1 << 62))(b"[]")

    assert written(tmp_path) == []


def test_after_half_a_line_a_new_file_is_begun(tmp_path: Path) -> None:
    write = TraceFiles(tmp_path, HOST, Bounds(1 << 20, 1 << 20, 1.0))
    write(b"[1]")
    (first,) = written(tmp_path)
    first.chmod(0o600)
    first.unlink()
    first.mkdir()  # What cannot be written.
    with pytest.raises(OSError):
        write(b"[2]")

    write(b"[3]")

    assert [path.read_text() for path in written(tmp_path) if path.is_file()] == ["[3]\n"]


def test_a_full_disk_is_spoken_of_once_and_written_to_again(
    exporter: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "traces"
    folder.write_text("in the way")
    tried = threading.Semaphore(0)
    write = TraceFiles(folder, HOST, Bounds(1 << 20, 1 << 20, 1.0))

    def send(batch: bytes) -> None:
        try:
            write(batch)
        finally:
            tried.release()

    way = exporter(send)
    put(way, "one")
    for _ in range(2):
        assert tried.acquire(timeout=PATIENCE)
    folder.unlink()
    assert tried.acquire(timeout=PATIENCE)
    end(way)

    assert [names(json.loads(path.read_text())) for path in written(folder)] == [["one"]]
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
