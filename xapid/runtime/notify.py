"""Tells the service manager how the daemon does."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Send one state, such as ``READY=1``, to the socket that systemd named; without one, nothing is sent."""
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    # A name that begins with @ is one in the abstract namespace.
    address = "\0" + name[1:] if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(state.encode(), address)
        except OSError as error:
            # The name may be inherited from whoever is told of something else.
            log.warning("the service manager at %s is not told %s: %s", name, state, error.strerror)


async def keep_watchdog_quiet() -> None:
    """Tell systemd, twice in the time that it allows, that the event loop turns. Returns if it does not ask."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not microseconds.isdigit() or pid not in (None, str(os.getpid())):
        return
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(int(microseconds) / 2_000_000)
