"""Lines of the log: one a record, whatever clients write into their texts."""

from __future__ import annotations

import contextvars
import json
import logging
import sys

import pytest

from xapid.runtime.logs import LONGEST, About, Formatter, JournalFormatter, JsonFormatter, originator


def record(text: str, *args: object, failed: bool = False) -> logging.LogRecord:
    try:
        if failed:
            raise ValueError("odd\n2026-01-01T00:00:00.000Z INFO forged")
    except ValueError:
        return logging.LogRecord("xapid.test", logging.WARNING, __file__, 1, text, args, sys.exc_info())
    return logging.LogRecord("xapid.test", logging.WARNING, __file__, 1, text, args, None)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nb", r"a\nb"),
        ("a\r\x1b[31mb", r"a\r\x1b[31mb"),
        ("a\0b", r"a\x00b"),
        ("a\u2028b", r"a\u2028b"),
        ("a\udc80b", r"a\udc80b"),
        ("Zürich ☃", "Zürich ☃"),
    ],
)
def test_a_text_stays_in_its_line(text: str, shown: str) -> None:
    line = Formatter().format(record("said: %s", text))

    assert line.endswith(f" WARNING xapid.test said: {shown}")
    assert line.encode().isascii() or "Zürich" in line


def test_who_a_line_is_about_cannot_break_it_either() -> None:
    line = about("VM.start OpaqueRef:1", "VM a-uuid", "evil\nroot").run(Formatter().format, record("done"))

    assert line.endswith(r"[VM.start OpaqueRef:1] <VM a-uuid> (evil\nroot) done")


def about(task: str, named: str, whose: str) -> contextvars.Context:
    """Where code runs for a task, about an object, on somebody's behalf."""
    context = contextvars.Context()
    context.run(About(task, named, whose).set)
    return context


def test_a_traceback_is_indented_so_that_none_of_its_lines_passes_for_one_of_ours() -> None:
    first, *others = Formatter().format(record("failed", failed=True)).splitlines()

    assert first.endswith("failed")
    assert others and all(line.startswith("  ") for line in others)


def test_a_long_text_is_cut() -> None:
    line = Formatter().format(record("x" * 1_000_000))

    assert len(line) < LONGEST + 100
    assert line.endswith("characters)")


def test_in_json_a_line_is_an_object() -> None:
    found = json.loads(JsonFormatter().format(record("a\nb %s", "c", failed=True)))

    assert found["message"] == r"a\nb c"
    assert (found["level"], found["logger"]) == ("warning", "xapid.test")
    assert not {"task", "object", "originator"} & set(found)
    assert "ValueError" in found["traceback"]


def test_in_json_task_object_and_originator_are_members() -> None:
    line = about("VM.start OpaqueRef:1", "VM a-uuid", "me").run(JsonFormatter().format, record("done"))

    found = json.loads(line)
    assert [found[name] for name in ("task", "object", "originator")] == ["VM.start OpaqueRef:1", "VM a-uuid", "me"]


@pytest.mark.parametrize("formatter", [Formatter(), JsonFormatter(), JournalFormatter()])
def test_neither_a_traceback_nor_an_originator_is_endless(formatter: logging.Formatter) -> None:
    token = originator.set("x" * 1_000_000)
    try:
        raise ValueError("line\n" * 100_000)
    except ValueError:
        entry = logging.LogRecord("xapid.test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
        text = formatter.format(entry)
    finally:
        originator.reset(token)

    assert len(text) < 5 * LONGEST
    assert "ValueError: line" in text
    assert "lines)" in text
    assert len(getattr(entry, "XAPID_ORIGINATOR", "")) < 2 * LONGEST
