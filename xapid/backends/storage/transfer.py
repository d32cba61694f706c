"""Bytes from one disk to another, by QEMU's tools: they know the formats, and where nothing was ever written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from xapid.backends.process import LONGEST, run
from xapid.backends.storage.interface import Disk, VolumeFormat

PERCENT = re.compile(rb"\(([0-9.]+)/100%\)")

Tell = Callable[[float], None]
"""Hears how far it is, from 0 to 1."""


def copy_into(source: Disk, path: Path, kind: VolumeFormat, tell: Tell) -> None:
    """Make an image of a disk's contents; where nothing is written holes stay. Raises Failed, NoSpace, Unavailable."""
    _run(["convert", "-p", "-f", source.format, "-O", kind, "--", source.address, str(path)], tell)


def write_over(source: Disk, target: Disk, tell: Tell) -> None:
    """Write all that one disk holds over another, which is not smaller and keeps what lies behind the end of the one.

    Raises as above; then the target may hold some of both.
    """
    _run(["convert", "-p", "-n", "-f", source.format, "-O", target.format, "--", source.address, target.address], tell)


def write_differences(source: Disk, base: Disk, target: Disk, overlay: Path, tell: Tell) -> None:
    """The same where ``source`` and ``base`` differ, and nowhere else. ``overlay``: a file to be made meanwhile.

    An image that continues the source is made to continue the base: so it comes to hold what differs, and that is then
    written down into the target. What the two share without anybody having written to it is not even read.
    """
    _run(["create", "-q", "-f", "qcow2", "-b", source.address, "-F", source.format, "--", str(overlay)])
    _run(
        ["rebase", "-p", "-f", "qcow2", "-b", base.address, "-F", base.format, "--", str(overlay)],
        lambda fraction: tell(fraction / 2),
    )
    _run(["rebase", "-u", "-f", "qcow2", "-b", target.address, "-F", target.format, "--", str(overlay)])
    _run(["commit", "-p", "-d", "-f", "qcow2", "--", str(overlay)], lambda fraction: tell((1 + fraction) / 2))


def write_down(source: Disk, speed: int, tell: Tell) -> None:
    """Write what an image holds over the one that it continues, and leave it as it is.

    ``speed``: bytes a second at most; 0: any number. Raises as above; then the lower image holds some of it, which
    nobody sees who reads through both.
    """
    rate = ["-r", str(speed)] if speed else []
    _run(["commit", "-p", "-d", *rate, "-f", source.format, "--", source.path], tell)


def _run(words: list[str], tell: Tell | None = None) -> None:
    def heard(data: bytes) -> None:
        if tell is not None and (percents := PERCENT.findall(data)):
            tell(float(percents[-1]) / 100)

    run(["qemu-img", *map(str, words)], timeout=LONGEST, on_output=heard)
