"""What libvirt's events of Xen mean: of a reboot the new domain is told first, and then the end of the old one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libvirt

from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.domain.watch import Watch

UNKNOWN = -1
"""In place of the number of a domain that went before anybody looked."""
STILL = {libvirt.VIR_DOMAIN_EVENT_SUSPENDED: True, libvirt.VIR_DOMAIN_EVENT_RESUMED: False}


class XenWatch(Watch):
    """Knows the numbers of domains, by which it tells the lives of a machine apart."""

    def __init__(self, stopped: Callable[[str], None], begun: Callable[[str], None], tidy: Callable[[], None]) -> None:
        """``begun`` is called on the thread with the uuid of a machine whose domain is another one now."""
        super().__init__(stopped, tidy)
        self._begun = begun
        self._numbers: dict[str, int] = {}
        self._resetting: set[str] = set()
        self._still: dict[str, bool] = {}
        """Whether a machine stands still, as of what was told last."""
        self._by_others: dict[str, bool] = {}
        """The same, of those that libvirt did not hear of."""

    def runs_as(self, uuid: str, id: int) -> None:
        """A machine of ours runs already, as the domain of a number."""
        self.own(uuid)
        self._numbers[uuid] = id

    def begins_anew(self, uuid: str) -> None:
        """A machine of ours is between two lives, of which the first was not seen."""
        self.own(uuid)
        self._numbers[uuid] = UNKNOWN

    def ended(self, uuid: str) -> None:
        """No next life of a machine is to be expected after all."""
        self._end(uuid)

    def lives(self, uuid: str) -> bool:
        """Whether a machine began a life whose end was not told."""
        return uuid in self._numbers

    def still(self, uuid: str) -> bool | None:
        """Whether a machine stands still, where somebody went past libvirt; None: libvirt knows."""
        return self._by_others.get(uuid)

    def differ(self, states: dict[int, bool]) -> bool:
        """Whether what Xen says is new. What is seen for the first time is as it should be."""
        for uuid, number in list(self._numbers.items()):
            if number in states:
                self._still.setdefault(uuid, states[number])
        return bool(self._new(states))

    def stand(self, states: dict[int, bool]) -> None:
        """What stands still, by the numbers of domains: tell what nobody told."""
        for uuid in self._new(states):
            number = self._numbers[uuid]
            self._still[uuid] = self._by_others[uuid] = states[number]
            kind = DomainEventKind.paused if states[number] else DomainEventKind.resumed
            self._events.put(DomainEvent(uuid, kind, "", number))

    def _new(self, states: dict[int, bool]) -> list[str]:
        return [
            uuid
            for uuid, number in list(self._numbers.items())
            if uuid not in self._resetting and states.get(number, self._still.get(uuid)) is not self._still.get(uuid)
        ]

    @contextmanager
    def resetting(self, uuid: str) -> Iterator[None]:
        """While a machine is ended and started anew, which is told as one reboot; as its end where that fails."""
        self._resetting.add(uuid)
        try:
            yield
        except BaseException:
            self._end(uuid)
            self._events.put(DomainEvent(uuid, DomainEventKind.stopped, "failed"))
            raise
        finally:
            self._resetting.discard(uuid)

    def lifecycle(self, uuid: str, id: int, event: int, detail: int) -> None:
        if uuid not in self._ours:
            return
        if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            before = self._numbers.get(uuid)
            self._end(uuid)
            self._numbers[uuid] = id
            if before is not None and before != id:
                self._events.put(DomainEvent(uuid, DomainEventKind.rebooted, "", id))
                return
        elif event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            if uuid in self._resetting or (id > 0 and self._numbers.get(uuid, id) not in (id, UNKNOWN)):
                return
            self._end(uuid)
        elif event in STILL:
            self._still[uuid] = STILL[event]
            if self._by_others.pop(uuid, None) is STILL[event]:
                return  # Seen before libvirt told it.
        super().lifecycle(uuid, id, event, detail)

    def _end(self, uuid: str) -> None:
        """That life is over."""
        for known in (self._numbers, self._still, self._by_others):
            known.pop(uuid, None)

    def _before_telling(self, event: DomainEvent) -> None:
        super()._before_telling(event)
        if event.kind is DomainEventKind.rebooted:
            self._safely(self._begun, event.uuid)
