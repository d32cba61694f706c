"""A driver in a process of its own, for tests that kill it: it does what the lines of its input say, and answers."""

from __future__ import annotations

import base64
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from xapid.backends.domain import embed
from xapid.backends.interface import BackendError


class Child:
    """The test's side: a driver, on a root and a run directory below a folder, that can be killed."""

    def __init__(self, folder: Path, within: tuple[str, ...] = ()) -> None:
        """``within``: words before the command."""
        command = [*within, sys.executable, "-m", "tests.backends.domain.child", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, method: str, *args: Any) -> Any:
        """Call a method of the driver. Raises what it raises."""
        self.begin(method, *args)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the driver died in {method}")
        answer = _unpacked(line)
        if isinstance(answer, BackendError):
            raise answer
        return answer

    def begin(self, method: str, *args: Any) -> None:
        """Call a method and do not wait."""
        assert self._process.stdin is not None
        self._process.stdin.write(_packed((method, args)))
        self._process.stdin.flush()

    def kill(self) -> None:
        """As kill -9 does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _packed(value: Any) -> bytes:
    return base64.b64encode(pickle.dumps(value)) + b"\n"


def _unpacked(line: bytes) -> Any:
    return pickle.loads(base64.b64decode(line))


def main() -> None:
    from xapid.backends.domain.libvirt_driver import LibvirtDomains
    from xapid.backends.domain.qemu_xml import Accel

    folder = Path(sys.argv[1])
    driver: LibvirtDomains | None = None
    for line in sys.stdin.buffer:
        method, args = _unpacked(line)
        answer: Any
        try:
            if driver is None:
                driver = LibvirtDomains(embed.uri(folder / "root"), folder, Accel.tcg)
            answer = getattr(driver, method)(*args)
        except BackendError as error:
            answer = error
        sys.stdout.buffer.write(_packed(answer))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
