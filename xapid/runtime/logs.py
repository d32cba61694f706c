"""The log: lines that name task, object and session, as text or JSON, on the standard error output."""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import math
import os
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from xapid.runtime.config import LogConfig, LogFormat
from xapid.runtime.journal import JournalHandler, is_connected

task_name: contextvars.ContextVar[str] = contextvars.ContextVar("task_name", default="")
"""The task or call that this code runs for."""
object_name: contextvars.ContextVar[str] = contextvars.ContextVar("object_name", default="")
"""The object that the call is about: its class and uuid."""
originator: contextvars.ContextVar[str] = contextvars.ContextVar("originator", default="")
"""On whose behalf: the session by its track id, and where it comes from."""


LONGEST = 4000
"""Characters of a text in the log: clients send texts of any length, which errors repeat."""
MOST_LINES = 200
"""Lines of a traceback."""
REPEATED = 30.0
"""Seconds in which a text that was logged is not logged again, but counted."""
REMEMBERED = 256
"""Texts that are known for so long."""
BURST = 5
"""Seconds' worth of lines that may come at once."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """A text in which nobody can write lines of his own into the log."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text)} characters)"
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode-escape").decode(), text)


def traceback_of(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """Its lines, indented. Of very many those in the middle are left out: texts of clients are in them, too."""
    assert record.exc_info is not None
    lines = [f"  {one_line(line)}" for line in formatter.formatException(record.exc_info).splitlines()]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines[half:-half] = [f"  ... ({len(lines) - 2 * half} lines)"]
    return lines


class Formatter(logging.Formatter):
    """``2026-11-25T23:11:54.123Z INFO xapid.main [task] <object> (originator) text``; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        about = [f"[{task_name.get()}]"] if task_name.get() else []
        about += [f"<{object_name.get()}>"] if object_name.get() else []
        about += [f"({originator.get()})"] if originator.get() else []
        lines = [one_line(" ".join([moment, record.levelname, record.name, *about, record.getMessage()]))]
        if record.exc_info:
            lines += traceback_of(self, record)
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        shown = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": one_line(record.getMessage()),
            "task": one_line(task_name.get()),
            "object": one_line(object_name.get()),
            "originator": one_line(originator.get()),
        }
        if record.exc_info:
            shown["traceback"] = "\n".join(line.removeprefix("  ") for line in traceback_of(self, record))
        return json.dumps({key: value for key, value in shown.items() if value != ""})


class JournalFormatter(logging.Formatter):
    """The text alone; when, who and how grave are fields of the journal's."""

    def format(self, record: logging.LogRecord) -> str:
        record.XAPID_TASK, record.XAPID_ORIGINATOR = one_line(task_name.get()), one_line(originator.get())
        record.XAPID_OBJECT = one_line(object_name.get())
        lines = [one_line(f"{record.name}: {record.getMessage()}")]
        if record.exc_info:
            lines += traceback_of(self, record)
        return "\n".join(lines)


class About(NamedTuple):
    """What a line tells beside its text."""

    task: str = ""
    object: str = ""
    originator: str = ""

    @classmethod
    def now(cls) -> About:
        return cls(*(each.get()[:LONGEST] for each in (task_name, object_name, originator)))

    def set(self) -> None:
        task_name.set(self.task)
        object_name.set(self.object)
        originator.set(self.originator)


class Repeat:
    """A text that was logged a while ago, and again and again since."""

    __slots__ = ("about", "again", "began", "level", "name", "text")

    def __init__(self, record: logging.LogRecord, text: str, began: float) -> None:
        # Not the record, whose arguments may be as long as calls.
        self.name, self.level, self.text = record.name, record.levelno, text
        self.about = About.now()
        self.began = began
        self.again = 0


class Bounded(logging.Handler):
    """Passes records on: the same text once in a while only, and no more than so many a second.

    What is left out is counted and said, at the latest by the next record that passes.
    """

    def __init__(self, target: logging.Handler, rate: int, now: Callable[[], float] = time.monotonic) -> None:
        """``rate``: records a second; 0 for any number."""
        super().__init__()
        self._target = target
        self._rate = rate
        self._now = now
        self._allowance = float(rate * BURST)
        self._seen = now()
        self._left_out = 0
        self._repeats: OrderedDict[tuple[str, int, str, str], Repeat] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        now = self._now()
        self._tell_repeats(now - REPEATED)
        # A traceback is worth more than its text: two of the same text may come from two places.
        if record.exc_info is None and self._is_repeated(record, now):
            return
        if self._rate and not self._allowed(now):
            self._left_out += 1
            return
        self._tell_left_out()
        self._target.handle(record)

    def _is_repeated(self, record: logging.LogRecord, now: float) -> bool:
        text = record.getMessage()[:LONGEST]
        # Of two clients each is told of: one is not to hide what another does.
        key = (record.name, record.levelno, text, originator.get()[:LONGEST])
        known = self._repeats.get(key)
        if known is not None:
            known.again += 1
            return True
        self._repeats[key] = Repeat(record, text, now)
        if len(self._repeats) > REMEMBERED:
            self._tell(self._repeats.popitem(last=False)[1])
        return False

    def _allowed(self, now: float) -> bool:
        self._allowance = min(self._allowance + (now - self._seen) * self._rate, float(self._rate * BURST))
        self._seen = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _tell_repeats(self, before: float) -> None:
        while self._repeats and next(iter(self._repeats.values())).began <= before:
            self._tell(self._repeats.popitem(last=False)[1])

    def _tell(self, repeat: Repeat) -> None:
        if repeat.again:
            text = f"{repeat.text} (and {repeat.again} times more)"
            # On behalf of who was told of first, whoever is at work now.
            self._say(_note(repeat.name, repeat.level, text), repeat.about)

    def _tell_left_out(self) -> None:
        if self._left_out:
            text = f"{self._left_out} lines of the log were left out: there were more than {self._rate} a second"
            self._left_out = 0
            self._say(_note(__name__, logging.WARNING, text), About())

    def _say(self, note: logging.LogRecord, about: About) -> None:
        def say() -> None:
            about.set()
            self._target.handle(note)

        contextvars.Context().run(say)

    def flush(self) -> None:
        """Say what is still to be said."""
        self._tell_repeats(math.inf)
        self._tell_left_out()
        self._target.flush()

    def close(self) -> None:
        self.flush()
        super().close()


def _note(name: str, level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 0, "%s", (text,), None)


def set_up_logging(config: LogConfig) -> None:
    """Log to the journal where that takes the standard error output, else to that itself, from now on."""
    root = logging.getLogger()
    for old in root.handlers:
        old.flush()
    root.handlers[:] = [Bounded(_target(config), config.rate)]
    root.setLevel(config.level.upper())
    for noisy in ("uvicorn", "alembic", "sqlalchemy", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _target(config: LogConfig) -> logging.Handler:
    handler: logging.Handler
    if config.format is not LogFormat.json and is_connected(os.environ, sys.stderr.fileno()):
        with contextlib.suppress(OSError):
            handler = JournalHandler()
            handler.setFormatter(JournalFormatter())
            return handler
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format is LogFormat.json else Formatter())
    return handler
