"""What libvirt's errors mean to the callers of a driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from xapid.backends.interface import (
    AlreadyExists,
    BackendError,
    Busy,
    Failed,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
    Unavailable,
)

BY_CODE: dict[int, type[BackendError]] = {
    libvirt.VIR_ERR_NO_DOMAIN: NotFound,
    libvirt.VIR_ERR_DEVICE_MISSING: NotFound,
    libvirt.VIR_ERR_DOM_EXIST: AlreadyExists,
    libvirt.VIR_ERR_OPERATION_TIMEOUT: Busy,
    libvirt.VIR_ERR_RESOURCE_BUSY: Busy,
    libvirt.VIR_ERR_NO_SUPPORT: NotSupported,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: NotSupported,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: NotSupported,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: NotSupported,
    libvirt.VIR_ERR_INVALID_CONN: Unavailable,
    libvirt.VIR_ERR_NO_CONNECT: Unavailable,
    libvirt.VIR_ERR_AUTH_FAILED: Unavailable,
    libvirt.VIR_ERR_RPC: Unavailable,
}
BY_WORDS: tuple[tuple[str, type[BackendError]], ...] = (
    ("is already active as", AlreadyExists),
    ("already exists with uuid", AlreadyExists),
    ('Failed to get "write" lock', InUse),
    ('Failed to get shared "write" lock', InUse),
    ("No space left on device", NoSpace),
    ("Failed to acquire pid file", InUse),
    ("is in use by driver", InUse),
)
"""Where the code says no more than that something failed."""

FORGETS = 10.0
"""Seconds in which libvirt forgets a machine whose end it has told."""
SHORTLY = 0.02


def is_gone(error: libvirt.libvirtError) -> bool:
    """Whether the error says that there is no such domain."""
    return error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN


def backend_error(error: libvirt.libvirtError, doing: str) -> BackendError:
    """The error in the words of the driver interface."""
    message = error.get_error_message() or str(error)
    kind = BY_CODE.get(error.get_error_code() or 0, Failed)
    if error.get_error_domain() == libvirt.VIR_FROM_RPC:
        kind = Unavailable
    for words, meant in BY_WORDS:
        if words in message:
            kind = meant
    return kind(f"{doing}: {message}")


def once_forgotten(begin: Callable[..., Any], *args: Any) -> Any:
    """Let a machine begin by a call of libvirt, which may be about to forget one of that uuid that has just ended."""
    end = time.monotonic() + FORGETS
    while True:
        try:
            return begin(*args)
        except libvirt.libvirtError as error:
            if "is already being removed" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(SHORTLY)


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Raise libvirt's errors as those of the driver interface; ``doing`` says what failed."""
    try:
        yield
    except libvirt.libvirtError as error:
        raise backend_error(error, doing) from error
