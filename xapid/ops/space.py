"""Space of repositories: looked at often, told of when there is little, and guests go on once there is some again."""

from __future__ import annotations

import logging

from xapid.backends.domain.interface import DomainDriver, DomainEvent, DomainEventKind
from xapid.backends.storage.interface import Feature, SrFigures, StorageDriver
from xapid.datamodel import SR, VBD, VDI, VM, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.message import Cls
from xapid.datamodel.vm import VmPowerState
from xapid.ops import alerts, repositories
from xapid.ops.vm import life
from xapid.rules import volume_spec
from xapid.rules.sr import features
from xapid.runtime.context import Context, Runtime
from xapid.runtime.rounds import Rounds

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks at what is due."""
MEASURED_EVERY = 60.0
"""Seconds between two looks at how full one repository is."""
LOW = 0.95
"""How full a repository is of which an alarm tells, as a part of it."""
AGAIN = 3600.0
"""Seconds until what is still so is told again."""
ROOM = 64 << 20
"""Bytes that are free, or a hundredth of the repository if that is less, before a guest goes on that found none."""
REST = 30.0
"""Seconds until a guest that goes on and found no space again is let go on once more."""

STALLED = "VM_STALLED_NO_SPACE"
ALARM = "ALARM"


class Space:
    """One look after another. Each repository and each guest is looked at apart: one that hangs holds up no other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.rounds = Rounds("a look at the space")
        self._measured: dict[str, float] = {}
        """When each repository was last, by its reference and the clock that never jumps."""
        self._told: dict[str, float] = {}
        """When it was told last that a repository is nearly full, or that a guest stands still."""
        self._let_go_on: dict[str, float] = {}
        self._standing: set[str] | None = None
        """uuids of machines that may stand still for want of space; None: all that are paused may."""

    def heard(self, event: DomainEvent) -> None:
        """Something happened to a domain; called in the loop."""
        if event.kind is DomainEventKind.lost:
            self._standing = None
        elif event.kind is DomainEventKind.paused and self._standing is not None:
            self._standing.add(event.uuid)

    def look(self) -> None:
        """Begin what is due; to be called often."""
        store, now = self._runtime.store, self._runtime.clock.monotonic()
        for times in (self._told, self._let_go_on):
            for ref in [ref for ref, when in times.items() if now - when > AGAIN]:
                del times[ref]
        ours = {sr.ref: sr for sr in store.all(SR) if self._is_ours(sr)}
        self._measured = {ref: when for ref, when in self._measured.items() if ref in ours}
        for ref, sr in ours.items():
            if not sr.current_operations and now - self._measured.get(ref, now - MEASURED_EVERY) >= MEASURED_EVERY:
                self._measured[ref] = now
                self.rounds.begin(ref, self._measure(sr))
        for vm in self._may_stand():
            if not vm.current_operations and now - self._let_go_on.get(vm.ref, now - REST) >= REST:
                self.rounds.begin(vm.ref, self._let_go_on_if_it_can(vm))

    def _is_ours(self, sr: SR) -> bool:
        """Whether disks are made in it, and this host works on it."""
        store = self._runtime.store
        return Feature.VDI_CREATE in features(store, sr) and volume_spec.works_on(store, self._runtime.localhost, sr)

    def _may_stand(self) -> list[VM]:
        store = self._runtime.store
        if self._standing is None:
            here = store.where(VM, resident_on=self._runtime.localhost)
            self._standing = {vm.uuid for vm in here if vm.power_state is VmPowerState.Paused}
        known = {uuid: store.find_uuid(VM, uuid) for uuid in self._standing}
        self._standing = {uuid for uuid, vm in known.items() if vm is not None}
        return [vm for vm in known.values() if vm is not None]

    # Repositories

    async def _measure(self, sr: SR) -> None:
        figures = await self._figures(sr)
        latest = self._runtime.store.find(SR, sr.ref)
        if figures is None or latest is None:
            return
        if not latest.current_operations:
            with self._runtime.store.write() as tx:
                tx.set(
                    latest,
                    physical_size=figures.physical_size,
                    physical_utilisation=figures.physical_utilisation,
                    virtual_allocation=figures.virtual_allocation,
                )
        full = figures.physical_utilisation / figures.physical_size if figures.physical_size > 0 else 0.0
        if full < LOW:
            self._told.pop(sr.ref, None)
        elif self._may_tell(sr.ref):
            log.warning("SR %s is full to %.0f %%", sr.uuid, full * 100)
            alerts.leave(self._context(), ALARM, alerts.NOTICE, Cls.SR, sr.uuid, alarm(full))

    async def _figures(self, sr: SR) -> SrFigures | None:
        """None: it cannot be told now."""
        try:
            repository = repositories.of(self._context(), sr)
            return await repository.channel.call(StorageDriver.figures, repository.spec)
        except ApiError as error:
            log.info("how full SR %s is cannot be told: %s", sr.uuid, error)
            return None

    def _may_tell(self, ref: str) -> bool:
        if ref in self._told:
            return False
        self._told[ref] = self._runtime.clock.monotonic()
        return True

    # Guests

    async def _let_go_on_if_it_can(self, vm: VM) -> None:
        ctx = self._context()
        host = ctx.store.get(Host, self._runtime.localhost)
        try:
            domain = await ctx.domains(host).call(DomainDriver.find, vm.uuid)
            if domain is None or not domain.stalled:
                # It stands still for something else, or not at all.
                if self._standing is not None:
                    self._standing.discard(vm.uuid)
                return
            short = self._repositories(domain.stalled)
            self._tell_stalled(ctx, vm, short)
            if await self._have_room(short):
                self._let_go_on[vm.ref] = self._runtime.clock.monotonic()
                await life.unpause(ctx, ctx.now(vm))
        except ApiError as error:
            # It ended, or something else goes on with it: the next look tells.
            log.info("VM %s stands still for want of space: %s", vm.uuid, error)

    def _repositories(self, vbds: tuple[str, ...]) -> list[SR]:
        store = self._runtime.store
        drives = [drive for uuid in vbds if (drive := store.find_uuid(VBD, uuid)) is not None]
        disks = [disk for drive in drives if (disk := store.find(VDI, drive.VDI)) is not None]
        return [store.get(SR, ref) for ref in sorted({disk.SR for disk in disks})]

    def _tell_stalled(self, ctx: Context, vm: VM, short: list[SR]) -> None:
        if self._may_tell(vm.ref):
            where = ", ".join(f"'{sr.name_label}' (uuid: {sr.uuid})" for sr in short)
            body = (
                f"VM '{vm.name_label}' (uuid: {vm.uuid}) stands still: SR {where} has no space for what it writes. "
                "It goes on by itself once there is some."
            )
            log.error("VM %s stands still: there is no space in SR %s", vm.uuid, ", ".join(sr.uuid for sr in short))
            alerts.leave(ctx, STALLED, alerts.MAJOR, Cls.VM, vm.uuid, body)

    async def _have_room(self, short: list[SR]) -> bool:
        for sr in short:
            figures = await self._figures(sr)
            if figures is None:
                return False
            if figures.physical_size - figures.physical_utilisation < min(ROOM, figures.physical_size // 100):
                return False
        return True

    def _context(self) -> Context:
        return Context(self._runtime, self._runtime.tasks.dummy("space"))


def alarm(full: float) -> str:
    """What an alarm says of a repository, in the form that clients of the original read."""
    return (
        f'value: {full:f}\nconfig:\n<variable>\n\t<name value="physical_utilisation"/>\n'
        f'\t<alarm_trigger_level value="{LOW}"/>\n</variable>\n'
    )
