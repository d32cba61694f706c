"""Block devices of the kernel's NBD client: ``/dev/nbdN``, found by the name of what is behind them."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pyroute2.netlink import NLM_F_ACK, NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

from xapid.backends.datapath.nbd import Export
from xapid.backends.interface import Failed, Unavailable
from xapid.backends.process import run

log = logging.getLogger(__name__)

SYSFS = Path("/sys/block")
DEVICES = Path("/dev")
CONNECT, DISCONNECT, RECONFIGURE = 1, 2, 3
BLOCK = 512
"""What guests know as a sector. The server takes requests of any size, whatever is below."""
PATIENCE = 120
"""Seconds for which requests wait once the server hung up, until there is another connection: a moment while a disk
grows, and as long as we take to come back if we are killed just then."""
RESEND = 3000
"""Milliseconds after which the kernel looks at a request without an answer: what was lost with the connection is sent
once more through the new one."""


class _Message(genlmsg):  # type: ignore[misc]
    """linux/nbd-netlink.h"""

    nla_map = (
        ("NBD_ATTR_UNSPEC", "none"),
        ("NBD_ATTR_INDEX", "uint32"),
        ("NBD_ATTR_SIZE_BYTES", "uint64"),
        ("NBD_ATTR_BLOCK_SIZE_BYTES", "uint64"),
        ("NBD_ATTR_TIMEOUT", "uint64"),
        ("NBD_ATTR_SERVER_FLAGS", "uint64"),
        ("NBD_ATTR_CLIENT_FLAGS", "uint64"),
        ("NBD_ATTR_SOCKETS", "sockets"),
        ("NBD_ATTR_DEAD_CONN_TIMEOUT", "uint64"),
        ("NBD_ATTR_DEVICE_LIST", "hex"),
        ("NBD_ATTR_BACKEND_IDENTIFIER", "asciiz"),
    )

    class sockets(nla):  # type: ignore[misc]
        nla_map = (("NBD_SOCK_ITEM_UNSPEC", "none"), ("NBD_SOCK_ITEM", "item"))

        class item(nla):  # type: ignore[misc]
            nla_map = (("NBD_SOCK_UNSPEC", "none"), ("NBD_SOCK_FD", "uint32"))


class Devices(Protocol):
    """Makes devices of connections. ``name``: of what is behind; it finds the device again, whoever made it."""

    def find(self, name: str) -> Path | None: ...
    def names(self) -> list[str]:
        """Of all that are connected, by whomever."""

    def connect(self, name: str, server: socket.socket, export: Export) -> Path:
        """A new device on a connection; none has this name."""

    def reconnect(self, name: str, server: socket.socket, export: Export) -> None:
        """Go on through another connection, as big as the export is now; the earlier one was closed by the server."""

    def disconnect(self, name: str) -> None:
        """Nothing is there afterwards. Who has it open gets errors."""


class NbdDevices:
    """Those of this machine."""

    def __init__(self) -> None:
        # Two that connect at the same time would not get the same device, but one that is found is in use.
        self._changing = threading.Lock()

    def find(self, name: str) -> Path | None:
        return next((DEVICES / device for device, behind in _connected() if behind == name), None)

    def names(self) -> list[str]:
        return [name for _, name in _connected()]

    def connect(self, name: str, server: socket.socket, export: Export) -> Path:
        with self._changing, _kernel() as kernel:
            (made,) = kernel.ask(CONNECT, *_facts(name, server, export), ("NBD_ATTR_BLOCK_SIZE_BYTES", BLOCK))
            device = f"nbd{made.get_attr('NBD_ATTR_INDEX')}"
            (SYSFS / device / "queue" / "io_timeout").write_text(str(RESEND))
        return DEVICES / device

    def reconnect(self, name: str, server: socket.socket, export: Export) -> None:
        with self._changing, _kernel() as kernel:
            kernel.ask(RECONFIGURE, ("NBD_ATTR_INDEX", self._number(name)), *_facts(name, server, export))

    def disconnect(self, name: str) -> None:
        if self.find(name) is None:
            return
        with self._changing, _kernel() as kernel:
            kernel.ask(DISCONNECT, ("NBD_ATTR_INDEX", self._number(name)))

    def _number(self, name: str) -> int:
        device = self.find(name)
        if device is None:
            raise Failed(f"no device is connected to {name}")
        return int(device.name.removeprefix("nbd"))


class _Kernel:
    def __init__(self, netlink: Any) -> None:
        self._netlink = netlink

    def ask(self, command: int, *attributes: tuple[str, object]) -> list[Any]:
        message = _Message()
        message["cmd"], message["version"] = command, 1
        message["attrs"] = list(attributes)
        answers = self._netlink.nlm_request(message, msg_type=self._netlink.prid, msg_flags=NLM_F_REQUEST | NLM_F_ACK)
        return list(answers)


def _facts(name: str, server: socket.socket, export: Export) -> list[tuple[str, object]]:
    item = {"attrs": [("NBD_SOCK_FD", server.fileno())]}
    return [
        ("NBD_ATTR_SOCKETS", {"attrs": [("NBD_SOCK_ITEM", item)]}),
        ("NBD_ATTR_SIZE_BYTES", export.size),
        ("NBD_ATTR_SERVER_FLAGS", export.flags),
        ("NBD_ATTR_DEAD_CONN_TIMEOUT", PATIENCE),
        ("NBD_ATTR_BACKEND_IDENTIFIER", name),
    ]


@contextmanager
def _kernel() -> Iterator[_Kernel]:
    """A connection to the kernel's NBD client, whose module is loaded if need be. Raises Failed, Unavailable."""
    if not Path("/sys/module/nbd").exists():
        # Partitions of a guest's disk are none of this host's affair.
        run(["modprobe", "nbd", "max_part=0"])
    try:
        with GenericNetlinkSocket() as netlink:
            netlink.bind("nbd", _Message)
            yield _Kernel(netlink)
    except NetlinkError as error:
        kind = Unavailable if error.code == errno.ENOENT else Failed
        raise kind(f"the kernel's NBD client refuses: {error.args[-1]}", errno=str(error.code)) from error


def _connected() -> Iterator[tuple[str, str]]:
    """Names of devices, and of what is behind them."""
    for file in SYSFS.glob("nbd*/backend"):
        try:
            yield file.parent.name, file.read_text().removesuffix("\n")
        except OSError:
            # It was disconnected just now.
            continue
