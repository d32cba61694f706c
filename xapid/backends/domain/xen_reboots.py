"""Machines of Xen between two lives: a reboot is a new domain, and for a while there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import libvirt

from xapid.backends.domain.libvirt_errors import backend_error, is_gone, told

LONGEST_REBOOT = 120.0
"""Seconds between two lives of a guest after which nobody waits for the next any more."""
BETWEEN_LOOKS = 0.1

T = TypeVar("T")


class Lives(Protocol):
    """What is known of the lives of machines, as the watch of Xen knows it."""

    def lives(self, uuid: str) -> bool: ...
    def begins_anew(self, uuid: str) -> None: ...
    def ended(self, uuid: str) -> None: ...


class Reboots:
    """Who reboots. libvirt knows such a machine, has no domain of it, and works on it; nor did it say that it ended."""

    def __init__(self, connection: Callable[[], libvirt.virConnect], watch: Lives) -> None:
        """``connection`` raises Unavailable."""
        self._connection = connection
        self._watch = watch

    def is_on(self, uuid: str) -> bool:
        """Whether a machine is between two lives. Raises Unavailable."""
        return self._lives_on(uuid, lambda domain: not domain.isActive())

    def _may_go_on(self, uuid: str) -> bool:
        """Whether one of which nothing is seen is about to have its next life; libvirt may not know yet."""
        return self._lives_on(uuid, lambda domain: not domain.isActive() or _is_worked_on(domain))

    def _lives_on(self, uuid: str, without_a_domain: Callable[[libvirt.virDomain], bool]) -> bool:
        if not self._watch.lives(uuid):
            return False
        try:
            return without_a_domain(self._connection().lookupByUUIDString(uuid)) and self._watch.lives(uuid)
        except libvirt.libvirtError as error:
            if is_gone(error):
                return False
            raise backend_error(error, f"looking for {uuid}") from error

    def through(self, uuid: str, look: Callable[[], T | None]) -> T | None:
        """What is seen of a machine; between two lives, what is seen of the next. After a while nobody waits any more.

        Raises Unavailable.
        """
        until = time.monotonic() + LONGEST_REBOOT
        while (found := look()) is None:
            if not self._may_go_on(uuid) or time.monotonic() > until:
                # It may have begun since nothing was seen.
                return look()
            time.sleep(BETWEEN_LOOKS)
        return found

    def find(self, is_ours: Callable[[libvirt.virDomain], bool]) -> None:
        """Take note of those that were between two lives before anybody watched them. Raises Unavailable."""
        with told("listing the domains that are not there"):
            for domain in self._connection().listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE):
                try:
                    self._note(domain, is_ours)
                except libvirt.libvirtError as error:
                    if not is_gone(error):
                        raise

    def _note(self, domain: libvirt.virDomain, is_ours: Callable[[libvirt.virDomain], bool]) -> None:
        uuid = domain.UUIDString()
        if self._watch.lives(uuid) or not is_ours(domain):
            return
        self._watch.begins_anew(uuid)
        # From here on its end is heard. A reboot that failed before leaves such a domain, too, which nobody works on.
        if not _is_worked_on(domain):
            self._watch.ended(uuid)


def _is_worked_on(domain: libvirt.virDomain) -> bool:
    return domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE
