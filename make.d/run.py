"""`make run`, `make stop` and `make clean`: a daemon of this clone, with everything it keeps below ./var."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import secrets
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from xapid.auth.passwords import PasswordFile
from xapid.backends.interface import BackendError
from xapid.backends.whole_files import write_whole
from xapid.runtime.settings import Address

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var"
STATE = VAR / "state"
SOCKET = VAR / "xapi"
LOG = VAR / "log" / "xapid.log"
PASSWORD = VAR / "password"
PASSWORDS = VAR / "passwords"
SETTINGS = VAR / "xapid.toml"
RUNNING = VAR / "running.json"

PATIENCE = 300.0
"""Seconds for a start. The first makes the demo guest, tries KVM by it, and lets libvirt look at QEMU."""
NEWS_EVERY = 10.0
STOP_PATIENCE = 60.0


class RunError(Exception):
    """Why it does not go on, in one line."""


@dataclass(frozen=True)
class Running:
    """What was started, as ``var/running.json`` keeps it."""

    pid: int
    """Of the daemon, or of the sudo above it."""
    http: str
    https: str
    drivers: str

    @classmethod
    def find(cls) -> Running | None:
        """The one that runs, if it does."""
        try:
            found = cls(**json.loads(RUNNING.read_text()))
            words = Path(f"/proc/{found.pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, TypeError):
            return None
        # The number may be another process's by now.
        return found if b"serve" in words and str(SETTINGS).encode() in words else None

    def keep(self) -> None:
        RUNNING.write_text(json.dumps(asdict(self)))


def up(address: str, tls_address: str, drivers: str) -> None:
    """Start the daemon, say how to reach it, and stay until it ends. One that runs is told of again."""
    running = Running.find()
    if running is not None:
        print("xapid runs already.")
        tell(running)
        return
    LOG.parent.mkdir(parents=True, exist_ok=True)
    become = as_root() if drivers != "sim" else []
    make_password()
    write_settings(address, tls_address, drivers)
    xapid = [*become, *python(), "-m", "xapid"]
    refuse_trouble([*xapid, "doctor", "--config", str(SETTINGS)])
    with daemon([*xapid, "serve", "--config", str(SETTINGS)], left_of_guests(drivers)) as process:
        running = Running(process.pid, address, tls_address, drivers)
        running.keep()
        wait_ready(process, address)
        tell(running)
        status = process.wait()
        if status < 0:
            raise RunError(f"the daemon was ended by signal {-status}; {left_of_guests(drivers)}")
        if status > 0:
            raise RunError(f"the daemon ended with status {status}: {log_end()}")
    print(f"xapid has ended; its log is {LOG.relative_to(ROOT)}.")


def left_of_guests(drivers: str) -> str:
    """What becomes of guests when the daemon ends."""
    return "simulated guests end with it" if drivers == "sim" else "guests run on"


def write_settings(http: str, https: str, drivers: str) -> None:
    """In a file, so that other commands of xapid can be told of them in one word."""
    settings = {
        "state_dir": str(STATE),
        "unix": [str(SOCKET)],
        "password_file": str(PASSWORDS),
        "http": [http] if http else [],
        "https": [https] if https else [],
        "drivers": drivers,
    }
    # What JSON writes of texts and of lists of texts is TOML too.
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items())
    write_whole(SETTINGS, "".join(f"{line}\n" for line in lines).encode(), 0o644)


def as_root() -> list[str]:
    """The words before a command that make it root's. Asks for a password now, if one is needed."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise RunError("guests need root, and there is no sudo here: run as root, or `make run DRIVERS=sim`")
    if subprocess.run(["sudo", "-v"]).returncode != 0:  # noqa: S607 - the sudo that is found is the one meant
        raise RunError("guests need root, and sudo refuses: run as root, or `make run DRIVERS=sim`")
    return ["sudo", "--"]


def python() -> list[str]:
    """The words that run this Python as whoever it may be: byte code in the clone would be root's."""
    return ["env", "PYTHONDONTWRITEBYTECODE=1", sys.executable]


def make_password() -> None:
    if PASSWORD.exists() and PASSWORDS.exists():
        return
    password = secrets.token_urlsafe(9)
    PasswordFile(PASSWORDS).set("root", password)
    write_whole(PASSWORD, f"{password}\n".encode())


def refuse_trouble(doctor: list[str]) -> None:
    """Stop here if the doctor finds what would keep the daemon or its guests from running."""
    done = subprocess.run(doctor, cwd=ROOT, capture_output=True, text=True)  # noqa: S603 - our own command
    trouble = [line.removeprefix("trouble").strip() for line in done.stdout.splitlines() if line.startswith("trouble")]
    if trouble:
        raise RunError("; ".join(trouble))
    if done.returncode != 0:
        raise RunError(last_line(done.stderr).removeprefix("xapid: "))


@contextmanager
def daemon(command: list[str], guests: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon, in the same terminal: its Ctrl-C reaches the daemon too, which then ends by itself."""
    if LOG.exists():
        LOG.rename(LOG.with_suffix(".old"))
    with LOG.open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
    try:
        yield process
    except KeyboardInterrupt:
        print(f"\nxapid is stopping; {guests}.")
    finally:
        if process.poll() is None:
            send(process.pid, signal.SIGTERM)
        process.wait(STOP_PATIENCE)
        RUNNING.unlink(missing_ok=True)


def wait_ready(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the API answers, and say from time to time what it is at. Raises RunError."""
    begun = time.monotonic()
    news = begun + NEWS_EVERY
    while not answers(address):
        if process.poll() is not None:
            raise RunError(f"the daemon did not start: {log_end()}")
        now = time.monotonic()
        if now > begun + PATIENCE:
            raise RunError(f"the daemon does not answer after {PATIENCE:.0f} s; see {LOG.relative_to(ROOT)}")
        if now > news:
            print(f"xapid is still starting after {now - begun:.0f} s: {log_end()}")
            news = now + NEWS_EVERY
        time.sleep(0.1)


def answers(address: str) -> bool:
    """Whether the API answers: not only is the port open."""
    where = Address.parse(address)
    connection = http.client.HTTPConnection(where.host, where.port, timeout=10)
    try:
        connection.request("POST", "/jsonrpc", '{"method":"system.listMethods","params":[],"id":1}')
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tell(running: Running) -> None:
    print(
        f"""
  URL       http://{running.http}   https://{running.https}
  user      root
  password  {PASSWORD.read_text().strip()}
  socket    {SOCKET.relative_to(ROOT)}
  log       {LOG.relative_to(ROOT)}
  drivers   {running.drivers}

Ctrl-C here or `make stop` elsewhere stops the daemon; {left_of_guests(running.drivers)}.
In another terminal, in this directory, start .venv/bin/python and paste:
"""
    )
    lines = lines_to_paste(Address.parse(running.http))
    if running.drivers == "sim":
        # Nothing boots there, so there is no demo guest: the lines that log in are what is of use.
        lines = "".join(lines.splitlines(keepends=True)[:2]) + "xapi.host.get_all_records()\n"
    print(lines, flush=True)


def lines_to_paste(http: Address) -> str:
    """The Python of the README, for a daemon at that address."""
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    if block is None:
        raise RunError("README.md has no lines of Python to paste")
    return block[1].replace("127.0.0.1:8080", str(http)).replace('("127.0.0.1", 8080)', str((http.host, http.port)))


def stop(told: str = "") -> None:
    """Ask the daemon to end, and wait until it did. ``told``: what is told of its guests."""
    running = Running.find()
    if running is None:
        print("xapid does not run.")
        return
    end(running.pid)
    # Who waits for the daemon removes it too, at a moment when all of var may be on its way out.
    RUNNING.unlink(missing_ok=True)
    print(f"xapid has stopped; {told or left_of_guests(running.drivers)}.")


def clean() -> None:
    """Stop the daemon, end its guests, and remove all that they had."""
    stop("its guests end as well")
    if not VAR.exists():
        return
    ours = all(path.lstat().st_uid == os.geteuid() for path in (VAR, *VAR.iterdir()))
    if ours:
        wipe()
    else:
        subprocess.run([*as_root(), *python(), __file__, "wipe"], check=True)  # noqa: S603 - our own command
    print(f"{VAR.relative_to(ROOT)} is gone, with all that the guests had.")


def wipe() -> None:
    """What of cleaning needs to be whoever the daemon was."""
    for pid in guests():
        end(pid)
    remove_bridges()
    shutil.rmtree(VAR)


def guests() -> list[int]:
    """The QEMUs whose files lie below the state directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            # It has ended meanwhile.
            continue
        if b"qemu-system" in words.split(b"\0")[0] and str(STATE).encode() in words:
            found.append(int(path.parent.name))
    return found


def remove_bridges() -> None:
    """Remove the bridges of the networks in the database: their guests cannot do it any more."""
    # Imported for this alone: it takes a second, in which Ctrl-C would show the imports.
    from xapid.backends.network.bridge import Bridges

    database = STATE / "xapid.db"
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection:
        networks = {uuid for (uuid,) in connection.execute("SELECT uuid FROM network")}
    driver = Bridges()
    for bridge in driver.bridges():
        if bridge.uuid in networks:
            driver.remove_bridge(bridge.name)


def end(pid: int) -> None:
    """Ask a process to end, and wait until it did. Raises RunError."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        send(pid, signal.SIGTERM)
        if not select.select([handle], [], [], STOP_PATIENCE)[0]:
            raise RunError(f"process {pid} was asked to end, and has not after {STOP_PATIENCE:.0f} s")
    finally:
        os.close(handle)


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        subprocess.run([*as_root(), "kill", f"-{number.name.removeprefix('SIG')}", str(pid)], check=False)  # noqa: S603


def log_end() -> str:
    return last_line(LOG.read_text(errors="replace"))


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("xapid: ") if lines else "(it says nothing)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    upwards = commands.add_parser("up")
    upwards.add_argument("--http", default="127.0.0.1:8080")
    upwards.add_argument("--https", default="127.0.0.1:8443")
    upwards.add_argument("--drivers", default="auto")
    commands.add_parser("stop")
    commands.add_parser("clean")
    commands.add_parser("wipe")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "up":
                up(arguments.http, arguments.https, arguments.drivers)
            case "stop":
                stop()
            case "clean":
                clean()
            case _:
                wipe()
    except (RunError, OSError, subprocess.SubprocessError, sqlite3.Error, BackendError) as error:
        print(f"xapid: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # A second one, or one before the daemon was there. It has got them too, and ends by itself.
        print("\nxapid: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
