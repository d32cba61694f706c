"""What libvirt's events of Xen mean: of a reboot the new domain is told first, and then the end of the old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt

from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.domain.watch import Watch


class XenWatch(Watch):
    """Knows the numbers of domains, by which it tells the lives of a machine apart."""

    def __init__(self, stopped: Callable[[str], None], begun: Callable[[str], None], tidy: Callable[[], None]) -> None:
        """``begun`` is called on the thread with the uuid of a machine whose domain is another one now."""
        super().__init__(stopped, tidy)
        self._begun = begun
        self._numbers: dict[str, int] = {}
        self._resetting: set[str] = set()

    def runs_as(self, uuid: str, id: int) -> None:
        """A machine of ours runs already, as the domain of a number."""
        self.own(uuid)
        self._numbers[uuid] = id

    @contextmanager
    def resetting(self, uuid: str) -> Iterator[None]:
        """While a machine is ended and started anew, which is told as one reboot; as its end where that fails."""
        self._resetting.add(uuid)
        try:
            yield
        except BaseException:
            self._numbers.pop(uuid, None)
            self._events.put(DomainEvent(uuid, DomainEventKind.stopped, "failed"))
            raise
        finally:
            self._resetting.discard(uuid)

    def lifecycle(self, uuid: str, id: int, event: int, detail: int) -> None:
        if uuid not in self._ours:
            return
        if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            before, self._numbers[uuid] = self._numbers.get(uuid), id
            if before is not None and before != id:
                self._events.put(DomainEvent(uuid, DomainEventKind.rebooted, "", id))
                return
        elif event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            if uuid in self._resetting or (id > 0 and self._numbers.get(uuid, id) != id):
                return
            self._numbers.pop(uuid, None)
        super().lifecycle(uuid, id, event, detail)

    def _before_telling(self, event: DomainEvent) -> None:
        super()._before_telling(event)
        if event.kind is DomainEventKind.rebooted:
            self._safely(self._begun, event.uuid)
