"""What Xen itself says of its domains. Which stand still: libvirt does not hear of those that somebody else pauses. And
how long their processors ran, which libvirt's driver does not tell."""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from xapid.backends.interface import BackendError, Unavailable

log = logging.getLogger(__name__)

WITH_PROCESSORS = 1
"""XENSTAT_VCPU"""
NANO = 1e-9

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
            ("domain_num_vcpus", ctypes.c_uint, [ctypes.c_void_p]),
            ("domain_vcpu", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_uint]),
            ("vcpu_online", ctypes.c_uint, [ctypes.c_void_p]),
            ("vcpu_ns", ctypes.c_ulonglong, [ctypes.c_void_p]),
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
        with self._domains(0) as domains:
            return {
                ask.xenstat_domain_id(each): bool(ask.xenstat_domain_paused(each))
                for each in domains
                if not ask.xenstat_domain_dying(each) and not ask.xenstat_domain_shutdown(each)
            }

    def processor_seconds(self) -> dict[int, dict[int, float]]:
        """How long each processor of each has run, by the numbers of both; not those it has not now.

        Raises Unavailable.
        """
        with self._domains(WITH_PROCESSORS) as domains:
            return {self._library.xenstat_domain_id(each): self._processors(each) for each in domains}

    def _processors(self, domain: int) -> dict[int, float]:
        ask = self._library
        vcpus = {i: ask.xenstat_domain_vcpu(domain, i) for i in range(ask.xenstat_domain_num_vcpus(domain))}
        return {i: ask.xenstat_vcpu_ns(each) * NANO for i, each in vcpus.items() if ask.xenstat_vcpu_online(each)}

    @contextmanager
    def _domains(self, facts: int) -> Iterator[list[int]]:
        """Those that are there, with facts beyond their states, which are gone after the block."""
        ask = self._library
        with self._using:
            node = ask.xenstat_get_node(self._handle, facts)
            if not node:
                raise Unavailable("Xen does not list its domains")
            try:
                yield [ask.xenstat_node_domain_by_index(node, i) for i in range(ask.xenstat_node_num_domains(node))]
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
