"""Whether KVM works here, found out by booting the demo guest on it."""

from __future__ import annotations

import json
import logging
import os
import platform
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.interface import BackendError
from xapid.backends.process import run
from xapid.demo.build import READY, DemoGuest

log = logging.getLogger(__name__)

QEMU = "qemu-system-x86_64"
SILENCE = 8.0
"""Seconds without a word from the guest after which it counts as hung. Where KVM works the first comes within 1 s."""
WHOLE_BOOT = 60.0
"""Seconds for all of it, however talkative the guest is."""


@dataclass(frozen=True)
class KvmVerdict:
    """Whether to use KVM, and why or why not, for the log."""

    usable: bool
    reason: str


def kvm_usable(
    demo: DemoGuest,
    cache_dir: Path,
    timeout: float = SILENCE,
    *,
    device: Path = Path("/dev/kvm"),
    qemu: str = QEMU,
) -> KvmVerdict:
    """Boot the demo guest on KVM, unless that was tried with this kernel and this QEMU before. Blocks for that long.

    There are machines whose /dev/kvm opens, and makes a guest, which then hangs without a word; so only a boot tells.
    """
    if not device.exists():
        return KvmVerdict(False, f"there is no {device}")
    if not os.access(device, os.R_OK | os.W_OK):
        return KvmVerdict(False, f"{device} may not be opened by this user")
    try:
        version = run([qemu, "--version"]).partition("\n")[0]
    except BackendError as error:
        return KvmVerdict(False, error.message)
    kept = _Kept(cache_dir / "kvm-check.json", f"Linux {platform.release()}, {version}")
    verdict = kept.read()
    if verdict is None:
        log.info("trying whether a guest boots on KVM; once, and for some seconds")
        try:
            verdict = _try_boot(demo, qemu, timeout)
        except _QemuEnded as error:
            # Known at once, so not worth keeping; and it may be the moment's, such as want of memory.
            return KvmVerdict(False, f"QEMU ended: {error}")
        kept.write(verdict)
    return verdict


class _QemuEnded(Exception):
    """QEMU did not stay; the text is its last word."""


@dataclass(frozen=True)
class _Kept:
    """The verdict in a file, good for one kernel and one QEMU. To have KVM tried again, remove the file."""

    path: Path
    made_with: str

    def read(self) -> KvmVerdict | None:
        try:
            content = json.loads(self.path.read_text())
            if content["made_with"] != self.made_with:
                return None
            return KvmVerdict(bool(content["usable"]), str(content["reason"]))
        except (OSError, ValueError, KeyError, TypeError):
            # None yet, or one that cannot be read: then it is made anew.
            return None

    def write(self, verdict: KvmVerdict) -> None:
        content = {"made_with": self.made_with, "usable": verdict.usable, "reason": verdict.reason}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(self.path)


def _try_boot(demo: DemoGuest, qemu: str, silence: float) -> KvmVerdict:
    """Raises _QemuEnded if it did before the guest was ready."""
    command = [
        # Ends QEMU with this process, should that be killed meanwhile: a hung guest would stay for ever.
        *("setpriv", "--pdeathsig", "KILL", "--", qemu),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-accel", "kvm", "-m", "128"),
        *("-kernel", str(demo.kernel), "-initrd", str(demo.initrd)),
        *("-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1"),
        *("-serial", "stdio"),
    ]
    begun = time.monotonic()
    with (
        tempfile.TemporaryFile(dir=demo.kernel.parent) as errors,
        subprocess.Popen(  # noqa: S603 - a list of arguments of our own
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            output = b""
            for piece in _pieces(process, silence):
                output += piece
                if READY.encode() in output:
                    return KvmVerdict(True, f"a guest booted on it in {time.monotonic() - begun:.1f} s")
            if process.poll() is not None:
                errors.seek(0)
                raise _QemuEnded(_last_line(errors.read()) or f"status {process.returncode}")
        finally:
            process.kill()
    if last := _last_line(output):
        return KvmVerdict(False, f"a guest on it stopped after printing: {last}")
    return KvmVerdict(False, f"a guest on it printed nothing for {silence:.0f} s")


def _pieces(process: subprocess.Popen[bytes], silence: float) -> Iterator[bytes]:
    """What the process prints, until it ends, falls silent, or takes too long."""
    assert process.stdout is not None
    deadline = time.monotonic() + WHOLE_BOOT
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(min(silence, left)):
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                process.wait()
                return
            yield piece


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
