"""The log is bounded: texts that repeat and floods of them are counted, and what was left out is said."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.runtime import logs
from xapid.runtime.config import LogConfig
from xapid.runtime.journal import JournalHandler, encoded, is_connected
from xapid.runtime.logs import (
    BURST,
    LONGEST,
    REMEMBERED,
    REPEATED,
    About,
    Bounded,
    JournalFormatter,
    originator,
    task_name,
)


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class Log:
    """A log, what is heard of it, and its clock."""

    def __init__(self, rate: int = 0) -> None:
        self.time = 100.0
        self.heard = Heard()
        self.handler = Bounded(self.heard, rate, lambda: self.time)

    def say(self, text: str, level: int = logging.INFO, failed: bool = False) -> None:
        error = (ValueError, ValueError("odd"), None) if failed else None
        self.handler.handle(logging.LogRecord("xapid.test", level, __file__, 1, text, (), error))


def test_a_text_is_said_once_and_then_counted() -> None:
    log = Log()
    for _ in range(5):
        log.say("the disk refuses")
    log.say("something else")
    assert log.heard.texts == ["the disk refuses", "something else"]

    log.time += REPEATED
    log.say("later")
    log.say("the disk refuses")

    assert log.heard.texts[2:] == ["the disk refuses (and 4 times more)", "later", "the disk refuses"]


def test_levels_and_tracebacks_are_told_apart() -> None:
    log = Log()
    log.say("x")
    log.say("x", logging.ERROR)
    log.say("x", failed=True)
    log.say("x", failed=True)
    assert log.heard.texts == ["x"] * 4


def test_what_was_counted_is_said_at_the_end() -> None:
    log = Log()
    log.say("x")
    log.say("x")
    log.handler.flush()
    log.handler.flush()
    assert log.heard.texts == ["x", "x (and 1 times more)"]


class Whose(Heard):
    """Hears on whose behalf a line is said, too."""

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{task_name.get()} {originator.get()}: {record.getMessage()}")


def test_nobodys_lines_hide_those_of_another_nor_are_counted_in_his_name() -> None:
    log = Log()
    log.handler = Bounded(Whose(), 0, lambda: log.time)
    heard: Whose = log.handler._target  # type: ignore[assignment]

    def say(task: str, whose: str, text: str = "refused") -> None:
        task_name.set(task)
        originator.set(whose)
        log.say(text)

    for task, whose in (("one", "ann"), ("two", "bob"), ("three", "bob")):
        contextvars.Context().run(say, task, whose)
    log.time += REPEATED
    contextvars.Context().run(say, "four", "cay", "calm")

    assert heard.texts == [
        "one ann: refused",
        "two bob: refused",
        "two bob: refused (and 1 times more)",
        "four cay: calm",
    ]


def test_what_is_remembered_of_a_long_text_is_not_all_of_it() -> None:
    log = Log()
    argument = "x" * 1_000_000
    log.handler.handle(logging.LogRecord("xapid.test", logging.INFO, __file__, 1, "%s", (argument,), None))
    log.handler.handle(logging.LogRecord("xapid.test", logging.INFO, __file__, 1, "%s", (argument,), None))
    assert len(next(iter(log.handler._repeats.values())).text) == LONGEST
    log.handler.flush()
    assert len(log.heard.texts[-1]) < LONGEST + 100


def test_a_flood_is_cut_and_said_to_be() -> None:
    log = Log(rate=10)
    for number in range(1000):
        log.say(f"line {number}")
    assert len(log.heard.texts) == 10 * BURST

    log.time += 1
    log.say("calm again")

    assert log.heard.texts[-2:] == [
        "950 lines of the log were left out: there were more than 10 a second",
        "calm again",
    ]


def test_what_is_remembered_of_texts_is_bounded() -> None:
    log = Log()
    log.say("x")
    log.say("x")
    for number in range(REMEMBERED):
        log.say(f"line {number}")
    assert "x (and 1 times more)" in log.heard.texts
    assert len(log.handler._repeats) == REMEMBERED


# --- The journal -------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[socket.socket, JournalHandler]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        handler = JournalHandler(tmp_path / "socket")
        handler.setFormatter(JournalFormatter())
        yield listening, handler
        handler.close()


def test_a_journal_that_does_not_read_holds_nobody_up(
    journal: tuple[socket.socket, JournalHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    listening, handler = journal
    began = time.monotonic()
    for number in range(3000):
        handler.handle(logging.LogRecord("xapid.test", logging.INFO, __file__, 1, f"line {number}", (), None))
    assert time.monotonic() - began < 5

    taken = 0
    listening.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while listening.recv(65536):
            taken += 1
    handler.handle(logging.LogRecord("xapid.test", logging.INFO, __file__, 1, "calm again", (), None))

    assert f"{3000 - taken} lines of the log were left out".encode() in listening.recv(65536)
    assert b"calm again" in listening.recv(65536)
    assert capsys.readouterr().err == ""


def test_an_entry_names_its_task_and_cannot_forge_fields(journal: tuple[socket.socket, JournalHandler]) -> None:
    listening, handler = journal
    context = contextvars.Context()
    context.run(About("VM.start OpaqueRef:1", "VM a-uuid", "me\nPRIORITY=0").set)
    context.run(handler.handle, logging.LogRecord("xapid.test", logging.ERROR, __file__, 1, "a\nPRIORITY=0", (), None))

    entry = dict(line.split("=", 1) for line in listening.recv(65536).decode().splitlines())

    assert entry == {
        "MESSAGE": r"xapid.test: a\nPRIORITY=0",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "xapid",
        "XAPID_LOGGER": "xapid.test",
        "XAPID_TASK": "VM.start OpaqueRef:1",
        "XAPID_OBJECT": "VM a-uuid",
        "XAPID_ORIGINATOR": r"me\nPRIORITY=0",
    }


def test_a_value_of_several_lines_goes_with_its_length() -> None:
    assert encoded({"MESSAGE": "a\nbc"}) == b"MESSAGE\n" + bytes([4, 0, 0, 0, 0, 0, 0, 0]) + b"a\nbc\n"


def test_what_the_journal_does_not_take_goes_to_the_standard_error_output(
    journal: tuple[socket.socket, JournalHandler], capsys: pytest.CaptureFixture[str]
) -> None:
    listening, handler = journal
    listening.close()
    handler.handle(logging.LogRecord("xapid.test", logging.INFO, __file__, 1, "kept", (), None))
    assert capsys.readouterr().err == "xapid.test: kept\n"


def test_the_journal_is_known_by_what_systemd_says(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert is_connected({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, stream.fileno())
        assert not is_connected({"JOURNAL_STREAM": f"{found.st_dev}:1"}, stream.fileno())
        assert not is_connected({}, stream.fileno())


def test_without_a_journal_the_log_goes_to_the_standard_error_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    target = logs._target(LogConfig())
    assert isinstance(target, logging.StreamHandler)
