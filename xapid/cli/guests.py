"""``xapid guests``: what the units of a host do with its guests when it has come up, and before it goes down."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from xapid.cli.local_client import ANSWER, LocalClient, NoDaemonError, RefusedError, first_that_answers
from xapid.datamodel.map_keys import AUTO_POWEROFF
from xapid.runtime.config import Config

LOST = 75
"""Exit status that says: try again; the daemon was not there, or went away meanwhile."""
BY_FORCE = 60.0
"""Seconds within which a guest that is switched off is off."""
STARTING = 120.0
"""Seconds within which a daemon has started."""
GRACE = 60.0
"""Seconds beyond those that the daemon gives all guests."""
POLL = 20.0
"""Seconds for which events are waited for at a time."""
PENDING = ("pending", "cancelling")


def start(config: Config) -> int:
    """Wait until the guests that start with their host are started. Returns the exit status."""
    try:
        with closing(first_that_answers(config.unix)) as client:
            failed: dict[str, str] = client.call("xapid.start_guests", seconds=None)
    except (NoDaemonError, RefusedError) as error:
        print(f"xapid: {error}", file=sys.stderr)
        return LOST
    for uuid, why in failed.items():
        print(f"xapid: guest {uuid} did not start: {why}", file=sys.stderr)
    return 1 if failed else 0


def stop(config: Config, flags: Mapping[str, str], seconds: float | None) -> int:
    """End the guests of this host, which takes none from then on until it has booted. Returns the exit status.

    Cleanly and in order; those that run after so many seconds are switched off. ``flags``: by which these settings are
    had again.
    """
    patience = config.guests.all_end_with_host + GRACE if seconds is None else seconds
    deadline = time.monotonic() + patience
    try:
        with _daemon(config, flags) as client:
            host = client.call("session.get_this_host", client.session)
            _end_cleanly(client, host, deadline)
            left = _switch_off(client, host)
    except (NoDaemonError, RefusedError) as error:
        print(f"xapid: {error}", file=sys.stderr)
        return LOST
    for name in left:
        print(f"xapid: guest {name} still runs", file=sys.stderr)
    return 1 if left else 0


@contextmanager
def _daemon(config: Config, flags: Mapping[str, str]) -> Iterator[LocalClient]:
    """The daemon of this host; if it was stopped, one that lives as long as the block. Raises NoDaemonError."""
    try:
        client = first_that_answers(config.unix)
    except NoDaemonError as error:
        print(f"xapid: {error}; one is started for the end of the guests", file=sys.stderr)
    else:
        with closing(client):
            yield client
        return
    with tempfile.TemporaryDirectory(prefix="xapid-") as folder:
        path = Path(folder, "xapi")
        own = {**flags, "--http": "", "--https": "", "--unix": str(path)}
        command = [sys.executable, "-m", "xapid", "serve", *chain.from_iterable(own.items())]
        process = subprocess.Popen(command)  # noqa: S603 - our own
        try:
            with closing(_once_ready(process, path)) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def _once_ready(process: subprocess.Popen[bytes], path: Path) -> LocalClient:
    deadline = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return LocalClient(path)
        except NoDaemonError:
            time.sleep(0.1)
    raise NoDaemonError("no daemon can be started: guests are left to the end of the host")


def _end_cleanly(client: LocalClient, host: str, deadline: float) -> None:
    if client.call("host.get_enabled", host):
        client.call("host.disable", host)
    task = client.call("Async.host.prepare_for_poweroff", host)
    if not _wait(client, [task], deadline):
        print("xapid: guests did not end in time, and are switched off", file=sys.stderr)


def _switch_off(client: LocalClient, host: str) -> list[str]:
    """Switch off the guests that run. Returns the names of those that cannot be."""
    running = _ending_guests(client, host)
    tasks = [client.call("Async.VM.hard_shutdown", vm) for vm in running]
    _wait(client, tasks, time.monotonic() + BY_FORCE)
    return [vm["name_label"] for vm in _ending_guests(client, host).values()]


def _ending_guests(client: LocalClient, host: str) -> dict[str, dict[str, Any]]:
    """Those that are to end before their host."""
    vms: dict[str, dict[str, Any]] = client.call("VM.get_all_records")
    here = {ref: vm for ref, vm in vms.items() if vm["resident_on"] == host and not vm["is_control_domain"]}
    return {ref: vm for ref, vm in here.items() if AUTO_POWEROFF.of(SimpleNamespace(**vm))}


def _wait(client: LocalClient, tasks: list[str], deadline: float) -> bool:
    """Whether these tasks are over in time."""
    token = ""
    while (left := deadline - time.monotonic()) > 0 and any(_is_pending(client, task) for task in tasks):
        classes = [f"task/{task}" for task in tasks]
        token = client.call("event.from", classes, token, min(left, POLL), seconds=ANSWER)["token"]
    return not any(_is_pending(client, task) for task in tasks)


def _is_pending(client: LocalClient, task: str) -> bool:
    try:
        return client.call("task.get_status", task) in PENDING
    except RefusedError:
        return False  # It is over for so long that it was forgotten.
