"""The log: lines that name task and session, as text or JSON, on the standard error output."""

from __future__ import annotations

import contextvars
import json
import logging
import re
import sys
import time

from xapid.runtime.config import LogConfig, LogFormat

task_name: contextvars.ContextVar[str] = contextvars.ContextVar("task_name", default="")
"""The task or call that this code runs for."""
originator: contextvars.ContextVar[str] = contextvars.ContextVar("originator", default="")
"""On whose behalf: the session by its track id, and where it comes from."""


LONGEST = 4000
"""Characters of a text in the log: clients send texts of any length, which errors repeat."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def one_line(text: str) -> str:
    """A text in which nobody can write lines of his own into the log."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text)} characters)"
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode-escape").decode(), text)


class Formatter(logging.Formatter):
    """``2026-11-25T23:11:54.123Z INFO xapid.main [task] (originator) text``; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        about = [f"[{task_name.get()}]"] if task_name.get() else []
        about += [f"({originator.get()})"] if originator.get() else []
        lines = [one_line(" ".join([moment, record.levelname, record.name, *about, record.getMessage()]))]
        if record.exc_info:
            lines += [f"  {one_line(line)}" for line in self.formatException(record.exc_info).splitlines()]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        shown = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": one_line(record.getMessage()),
            "task": task_name.get(),
            "originator": originator.get(),
        }
        if record.exc_info:
            shown["traceback"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in shown.items() if value != ""})


def set_up_logging(config: LogConfig) -> None:
    """Log to the standard error output from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if config.format is LogFormat.json else Formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level.upper())
    for noisy in ("uvicorn", "alembic", "sqlalchemy", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
