"""Commands that drivers run: argument lists only, with a limit of time, their output captured."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from xapid.backends.interface import BackendError, Failed, NoSpace, Unavailable

log = logging.getLogger(__name__)

Run = Callable[[Sequence[str]], str]
"""Runs a command that must succeed and returns what it printed: ``run``, or what a test has in its place."""

LONGEST = 30 * 24 * 3600.0
"""Seconds a copy may take at most."""
MOST = 16 << 20
"""Bytes that a command may print."""
LOOK_AGAIN = 1.0
"""Seconds after which it is looked whether a silent process was cancelled."""


class Cancellation:
    """Whether anybody still waits for a call; if not, the command that it runs is ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self.cancelled = False

    def cancel(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self.cancelled = True
            for process in self._running:
                _kill(process)

    def add(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.add(process)
            if self.cancelled:
                _kill(process)

    def discard(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)


current: contextvars.ContextVar[Cancellation] = contextvars.ContextVar("current")
"""The cancellation of the call that this thread works on."""


def cancelled() -> bool:
    """Whether nobody waits any more for the call that this thread works on."""
    found = current.get(None)
    return found is not None and found.cancelled


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    """As of subprocess: below 0 it is the number of the signal that ended it."""
    output: bytes
    errors: bytes


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60.0,
    directory: Path | None = None,
    on_output: Callable[[bytes], None] | None = None,
) -> str:
    """Run a command that must succeed, in a directory, and return what it printed.

    ``on_output`` gets its output as it comes. Raises Failed with the last lines of its errors, NoSpace if they speak of
    a full device, Unavailable if the program is not installed or took too long.
    """
    try:
        done = ended(argv, timeout=timeout, directory=directory, on_output=on_output)
    except FileNotFoundError as error:
        raise Unavailable(f"{argv[0]} is not installed") from error
    except PermissionError as error:
        raise Unavailable(f"{argv[0]} may not be run by this user") from error
    if done.status:
        raise _failure(argv, done.status, done.errors.decode(errors="replace"))
    return done.output.decode(errors="replace")


def ended(
    argv: Sequence[str],
    *,
    timeout: float,
    directory: Path | None = None,
    on_output: Callable[[bytes], None] | None = None,
    reads: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command to its end, whatever that is; it ``reads`` these bytes, and finds more in its environment.

    Raises Failed if it was cancelled, Unavailable if it took too long, and what subprocess raises if it cannot start.
    """
    cancellation = current.get(None) or Cancellation()
    log.debug("running %s", argv[0])
    # In memory, and nobody has to feed it, as a pipe would have to be.
    with os.fdopen(os.memfd_create("reads"), "w+b") as file:
        file.write(reads)
        file.seek(0)
        # An argument list, never a shell; what comes from outside stands behind `--` or in a value.
        process = subprocess.Popen(  # noqa: S603
            argv,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
        )
    with process:
        cancellation.add(process)
        try:
            output, errors, in_time = _read(process, time.monotonic() + timeout, on_output, cancellation)
            process.wait()
        finally:
            if process.poll() is None:
                _kill(process)
            cancellation.discard(process)
    if cancellation.cancelled:
        raise Failed(f"{argv[0]} was cancelled")
    if not in_time:
        raise Unavailable(f"{argv[0]} took longer than {timeout:.0f} s")
    return Ended(process.returncode, output, errors)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started: it leads a session of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _read(
    process: subprocess.Popen[bytes],
    deadline: float,
    on_output: Callable[[bytes], None] | None,
    cancellation: Cancellation,
) -> tuple[bytes, bytes, bool]:
    """What a process prints until it closes both streams, and whether it did so in time; if not it is killed.

    Of one that was cancelled nothing more is read: somebody else may hold its streams open.
    """
    assert process.stdout and process.stderr
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(process.stderr, selectors.EVENT_READ, errors)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(min(max(0.0, left), LOOK_AGAIN))
            if cancellation.cancelled:
                break
            if not ready and left <= LOOK_AGAIN:
                _kill(process)
                return bytes(output), bytes(errors), False
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fileobj)
                key.data.extend(data)
                if len(key.data) > MOST:
                    _kill(process)
                    raise Failed(f"it printed more than {MOST >> 20} MiB")
                if data and on_output and key.data is output:
                    on_output(data)
    return bytes(output), bytes(errors), True


def _failure(argv: Sequence[str], status: int, errors: str) -> BackendError:
    said = " / ".join(errors.strip().splitlines()[-3:])
    kind = NoSpace if "No space left on device" in errors or "Disk quota exceeded" in errors else Failed
    return kind(f"{argv[0]}: {said or f'ended with status {status}'}", command=argv[0], status=str(status))
