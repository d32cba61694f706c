"""A tree with what the commands of the Makefile need of a clone, and the processes they leave in the foreground."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import xmlrpc.client
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 120.0
"""Seconds for each thing to happen."""


class Started:
    """A `make run` in the foreground of somebody's terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.said += line
                self._news.notify_all()

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.said, LIMIT), self.said

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self.process.stdout
        self.process.stdout.close()
        return status


class Tree:
    """A directory with what the commands need of a clone."""

    def __init__(self, folder: Path, http: str, https: str, drivers: str = "sim", within: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.http = http
        self.flags = ("--drivers", drivers, "--http", http, "--https", https)
        self._within = within
        (folder / "make.d").mkdir()
        shutil.copy(ROOT / "make.d/run.py", folder / "make.d")
        shutil.copy(ROOT / "README.md", folder)
        self.started: list[Started] = []

    def command(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands to its end."""
        return subprocess.run(
            self.python("make.d/run.py", name, *options),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    def up(self) -> Started:
        """Start `up`, and return when it has said what to paste."""
        process = subprocess.Popen(
            self.python("make.d/run.py", "up", *self.flags), env=self.environment(), stdout=subprocess.PIPE, text=True
        )
        started = Started(process)
        self.started.append(started)
        started.wait_for("session.login_with_password")
        return started

    def kill_daemon(self, number: signal.Signals) -> None:
        """End the daemon from outside, and wait until `up` has noticed."""
        os.kill(int((self.folder / "var/state/lock").read_text()), number)
        self.started[-1].end()

    def log_in(self) -> str:
        password = (self.folder / "var/password").read_text().strip()
        with xmlrpc.client.ServerProxy(f"http://{self.http}") as proxy:
            answer = proxy.session.login_with_password("root", password)
        assert isinstance(answer, dict)
        return str(answer["Status"])

    def python(self, *arguments: str) -> list[str]:
        """The words that run Python in this directory, so that it hears Ctrl-C: a job in the background does not."""
        return [*self._within, "env", "--default-signal=INT", f"--chdir={self.folder}", sys.executable, *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
