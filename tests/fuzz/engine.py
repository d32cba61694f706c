"""The fuzzer: changes inputs at random and keeps those that reach code which no other has reached."""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

OURS = "/xapid/"
LONGEST = 4096
"""Bytes of an input that is kept. Now and then a longer one is tried."""
SLOW = 1.0
"""Seconds of processor time that nothing may take, without the tracing."""

Run = Callable[[bytes], None]
Edge = tuple[CodeType, int, int]


@dataclass(frozen=True)
class Target:
    """Code under attack. ``run`` raises for a mistake of ours; what the code refuses as documented is no mistake."""

    name: str
    run: Run
    words: tuple[bytes, ...]
    """Pieces of the language, to be put in."""
    seeds: tuple[bytes, ...]
    mutate: Callable[[random.Random, bytes, Sequence[bytes]], bytes] | None = None
    """For inputs that are no bytes at heart: another way to change one, given the other inputs."""
    longest: int = LONGEST
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Finding:
    """An input that breaks something."""

    target: str
    data: bytes
    what: str
    """The error, and the line of ours where it was raised: the same mistake has the same text."""
    trace: str = field(compare=False)


class TooSlow(Exception):
    """The input took longer than anything may."""


class Wrong(AssertionError):
    """Two ways that must agree do not, or an answer is none."""


class Broken(Wrong):
    """The same, with the input that it takes, where that is not just the last one."""

    def __init__(self, data: bytes, what: str) -> None:
        super().__init__(what)
        self.data = data


# --- What an input reaches ----------------------------------------------------------------------------------


class Reached:
    """Steps from line to line in our code that some input has made."""

    def __init__(self) -> None:
        self.edges: set[Edge] = set()

    def by(self, run: Run, data: bytes) -> set[Edge]:
        """Those that this input makes. What it raises goes on to the caller."""
        made: set[Edge] = set()
        add = made.add

        def enter(frame: FrameType, event: str, argument: Any) -> Any:
            code = frame.f_code
            if OURS not in code.co_filename:
                return None
            last = 0

            def step(frame: FrameType, event: str, argument: Any) -> Any:
                nonlocal last
                if event == "line":
                    line = frame.f_lineno
                    add((code, last, line))
                    last = line
                return step

            return step

        before = sys.gettrace()
        sys.settrace(enter)
        try:
            run(data)
        finally:
            sys.settrace(before)
        return made


# --- Changing inputs ----------------------------------------------------------------------------------------

NUMBERS = (
    b"0", b"-1", b"1", b"255", b"2147483648", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809",
    b"1e400", b"-0", b"00", b"0x7fffffffffffffff", b"1" * 60, b"NaN", b"1.5",
)  # fmt: skip
BYTES = (
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbf\xbe",
    b"\r",
    b"\n",
    b"\x1f",
    b" ",
)


def mutated(chance: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """The input with one to a few changes."""
    new = bytearray(data)
    for _ in range(1 << chance.randrange(4)):
        at = chance.randrange(len(new) + 1)
        end = min(len(new), at + chance.choice((1, 1, 2, 4, 8, 32, 128)))
        match chance.randrange(10):
            case 0 | 1:
                new[at:at] = chance.choice(words)
            case 2:
                new[at:end] = chance.choice(words)
            case 3:
                del new[at:end]
            case 4:
                new[at:at] = new[at:end] * chance.choice((1, 1, 2, 16, 100))
            case 5:
                new[at:end] = chance.choice(BYTES)
            case 6 if new:
                new[at % len(new)] ^= 1 << chance.randrange(8)
            case 7:
                new[at:end] = chance.choice(NUMBERS)
            case 8 if others:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                new[at:end] = other[start : start + chance.choice((4, 16, 64, 1024))]
            case 9:
                new[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
    return bytes(new)


# --- Searching ----------------------------------------------------------------------------------------------


class Search:
    """One target, the inputs that are kept, and what was found."""

    def __init__(self, target: Target, corpus: Iterable[bytes], seed: int) -> None:
        self.target = target
        self.inputs: list[bytes] = []
        self.findings: dict[str, Finding] = {}
        self.tried = 0
        self._chance = random.Random(f"{seed} {target.name}")
        self._reached = Reached()
        for data in dict.fromkeys((*target.seeds, *corpus)):
            self.try_one(data)

    def run_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.try_one(self._changed())

    def _changed(self) -> bytes:
        chance, target = self._chance, self.target
        # Those that were kept last lead to what was not reached before.
        recent = self.inputs[-20:] if chance.random() < 0.5 else self.inputs
        data = chance.choice(recent or [b""])
        if target.mutate is not None:
            return target.mutate(chance, data, self.inputs)
        new = mutated(chance, data, self.inputs, target.words)
        if chance.random() < 0.002:
            new *= 50
        return new if chance.random() < 0.01 else new[: target.longest]

    def try_one(self, data: bytes) -> None:
        """Run an input; keep it if it reaches something new, note it if it breaks something."""
        self.tried += 1
        began = time.process_time()
        try:
            made = self._reached.by(self.target.run, data)
            if time.process_time() - began > SLOW:
                timed(self.target.run, data)
        except Exception as error:
            if isinstance(error, Broken):
                data = error.data
            found = Finding(self.target.name, data, described(error), "".join(traceback.format_exception(error)))
            known = self.findings.get(found.what)
            if known is None or len(data) < len(known.data):
                self.findings[found.what] = found
            return
        if not made <= self._reached.edges and len(data) <= self.target.longest:
            self._reached.edges |= made
            self.inputs.append(data)

    def smallest(self) -> list[bytes]:
        """Few inputs that together reach what all reach: short ones first."""
        kept, covered = [], set()
        for data in sorted(self.inputs, key=lambda each: (len(each), each)):
            made = self._reached.by(self.target.run, data)
            if not made <= covered:
                covered |= made
                kept.append(data)
        return kept

    @property
    def edges(self) -> int:
        return len(self._reached.edges)


def timed(run: Run, data: bytes) -> None:
    """Raises TooSlow, if twice in a row it takes too long without the tracing."""
    for _ in range(2):
        began = time.process_time()
        run(data)
        if time.process_time() - began <= SLOW:
            return
    raise TooSlow(f"{len(data)} bytes take more than {SLOW} s")


def described(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if OURS in frame.filename]
    where = f" at {frames[-1].filename.rpartition(OURS)[2]}:{frames[-1].name}" if frames else ""
    return f"{type(error).__name__}: {str(error)[:80]}{where}"
