"""Which domains stand still, asked of Xen itself: libvirt does not hear of those that somebody else pauses."""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from xapid.backends.interface import BackendError, Unavailable

log = logging.getLogger(__name__)

PAUSE = 0.5
"""Seconds between two looks."""
PAUSE_SHARE = 4
"""And so many times as long as a look takes."""
SETTLED = 0.2
"""Seconds for which a state that nobody told of must last: who changed it may be about to tell."""


class XenStates:
    """Xen's list of domains, through its library of figures."""

    def __init__(self) -> None:
        """Raises Unavailable."""
        name = ctypes.util.find_library("xenstat")
        try:
            self._library: Any = ctypes.CDLL(name or "libxenstat.so")
        except OSError as error:
            raise Unavailable(f"Xen cannot be asked for its domains: {error}") from error
        for call, gives, takes in (
            ("init", ctypes.c_void_p, []),
            ("get_node", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_uint]),
            ("free_node", None, [ctypes.c_void_p]),
            ("node_num_domains", ctypes.c_uint, [ctypes.c_void_p]),
            ("node_domain_by_index", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_uint]),
            ("domain_id", ctypes.c_uint, [ctypes.c_void_p]),
            ("domain_paused", ctypes.c_uint, [ctypes.c_void_p]),
            ("domain_shutdown", ctypes.c_uint, [ctypes.c_void_p]),
            ("domain_dying", ctypes.c_uint, [ctypes.c_void_p]),
        ):
            function = getattr(self._library, f"xenstat_{call}")
            function.restype, function.argtypes = gives, takes
        self._using = threading.Lock()
        self._handle = self._library.xenstat_init()
        if not self._handle:
            raise Unavailable("Xen cannot be asked for its domains")

    def __call__(self) -> dict[int, bool]:
        """Whether each stands still, by its number; not those that are about to go. Raises Unavailable."""
        ask = self._library
        with self._using:
            node = ask.xenstat_get_node(self._handle, 0)
            if not node:
                raise Unavailable("Xen does not list its domains")
            try:
                domains = [ask.xenstat_node_domain_by_index(node, i) for i in range(ask.xenstat_node_num_domains(node))]
                return {
                    ask.xenstat_domain_id(each): bool(ask.xenstat_domain_paused(each))
                    for each in domains
                    if not ask.xenstat_domain_dying(each) and not ask.xenstat_domain_shutdown(each)
                }
            finally:
                ask.xenstat_free_node(node)


class Standing:
    """Looks again and again, on a thread of its own, and tells what differs from what is known."""

    def __init__(
        self,
        states: Callable[[], dict[int, bool]],
        differs: Callable[[dict[int, bool]], bool],
        tell: Callable[[dict[int, bool]], None],
    ) -> None:
        """``differs``: whether there is anything in it to tell."""
        self._states = states
        self._differs = differs
        self._tell = tell
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="xapid-xen-states", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        pause = PAUSE
        while not self._ending.wait(pause):
            began = time.monotonic()
            try:
                self._look()
            except BackendError as error:
                log.warning("%s", error.message)
            except Exception:
                log.exception("the states of domains were not looked at")
            pause = max(PAUSE, PAUSE_SHARE * (time.monotonic() - began))

    def _look(self) -> None:
        first = self._states()
        if self._differs(first) and not self._ending.wait(SETTLED):
            second = self._states()
            self._tell({number: still for number, still in second.items() if first.get(number) is still})
