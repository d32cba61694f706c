"""Lines that libvirt writes, as they come into our log."""

from __future__ import annotations

import logging

import pytest

from xapid.backends.domain.libvirt_log import read


@pytest.mark.parametrize(
    "line, level, text",
    [
        ("2026-11-28 11:11:18.626+0000: 14017: info : hostname: vm", logging.DEBUG, "hostname: vm"),
        (
            "2026-11-28 11:11:18.626+0000: 14017: warning : qemuDomainObjTaintMsg:6603 : Domain id=1 is tainted",
            logging.WARNING,
            "Domain id=1 is tainted",
        ),
        ("2026-11-28 11:11:18.626+0000: 7: error : virX:1 : cannot: a : b", logging.ERROR, "cannot: a : b"),
    ],
)
def test_level_and_text_are_told_apart(line: str, level: int, text: str) -> None:
    assert read(line) == (level, text)


@pytest.mark.parametrize("line", ["", "Traceback (most recent call last):", "2026-11-28 11:11:18: 1: shout : x"])
def test_other_lines_are_none_of_libvirts(line: str) -> None:
    assert read(line) is None
