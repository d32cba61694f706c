"""A daemon that is forked from a process which has imported everything, for tests that start it over and over."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from tests.daemon import ROOT
from tests.qemu_daemon import QemuDaemon


class Nursery:
    """The process that forks daemons, one at a time."""

    def __init__(self, within: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [*within, sys.executable, "-m", "tests.forked_daemon"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def fork(self, arguments: list[str], environment: dict[str, str], log: Path) -> Forked:
        order = json.dumps([arguments, environment, str(log)])
        _pipe(self._process.stdin).write(order.encode() + b"\n")
        return Forked(_pipe(self._process.stdout))

    def close(self) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait()
        _pipe(self._process.stdout).close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


class Forked:
    """A daemon of a nursery, as ``subprocess.Popen`` would show it."""

    def __init__(self, news: IO[bytes]) -> None:
        self._news = news
        self.pid = int(news.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._news], [], [], 0)[0]:
            self.returncode = int(self._news.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._news], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("xapid", timeout or 0)
            self.returncode = int(self._news.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedQemuDaemon(QemuDaemon):
    """``xapid serve --drivers libvirt``, without the seconds that imports take."""

    nursery: Nursery | None = None

    def start(self, *options: str, environment: dict[str, str] | None = None) -> None:
        if self.nursery is None:
            self.nursery = Nursery(self._within)
        arguments = self.arguments(*options)
        self.process = self.nursery.fork(arguments, {**self._environment, **(environment or {})}, self.log)
        self.wait_ready()

    def stop(self) -> None:
        super().stop()
        if self.nursery is not None:
            self.nursery.close()
            self.nursery = None


def main() -> None:
    """Forks a daemon for each line of the input; says its pid, and how it ended."""
    from xapid.cli import server_command

    for line in sys.stdin:
        arguments, environment, log = json.loads(line)
        pid = os.fork()
        if not pid:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.environ.update(environment)
            os._exit(server_command.main(arguments))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
