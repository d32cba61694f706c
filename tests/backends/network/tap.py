"""Devices for guests, as a hypervisor has them open."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

TUNSETIFF, TUNSETPERSIST, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x400454CB, 2, 0x1000


@contextmanager
def opened_tap(name: str, *, persistent: bool = True) -> Iterator[int]:
    """A device for a guest, which this process has open within the block: what is read and written are frames."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        fcntl.ioctl(fd, TUNSETPERSIST, int(persistent))
        yield fd
    finally:
        os.close(fd)
