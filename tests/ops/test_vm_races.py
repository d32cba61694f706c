"""Calls that race with a machine's being switched off: each fails with what its client can understand, or works."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.machines import NULL, Workshop, raises_api
from xapid.backends.domain.interface import DomainEventKind
from xapid.datamodel import VBD
from xapid.datamodel.errors import INTERNAL_ERROR, ApiError

LIVE = ("Running", "Paused")
CLIENTS, CALLS = 8, 40
SLOW = (
    "start", "destroy", "pause", "unpause", "suspend", "resume", "attach", "detach", "ensure_bridge", "snapshot",
    "clone", "attach_disk", "detach_disk", "attach_nic", "detach_nic", "request_shutdown", "request_reboot", "switch",
)  # fmt: skip
"""Calls of drivers that take a moment, so that others come in between."""


@dataclass
class Crowd:
    """Clients that ask the same few machines for anything, in an order that a seed gives."""

    workshop: Workshop
    chance: random.Random
    network: str
    vms: list[str]
    resetting: bool
    """Whether they have power states reset, too."""
    surprises: list[str] = field(default_factory=list)
    """What a client was told that says nothing to it."""

    def rows(self, cls: str) -> Iterator[Any]:
        return iter(list(self.workshop.fresh.store.tables[cls].rows.values()))

    async def client(self) -> None:
        for _ in range(CALLS):
            name, *arguments = self.chance.choice(list(self.calls(self.chance.choice(self.vms))))
            try:
                await self.workshop.xapi.call(name, *arguments)
            except ApiError as error:
                if isinstance(error, INTERNAL_ERROR) or NULL in error.description:
                    self.surprises.append(f"{name}: {error.description}")
            await asyncio.sleep(self.chance.random() * 0.005)

    def calls(self, vm: str) -> Iterator[tuple[Any, ...]]:
        """What may be asked of a machine now."""
        yield from [("VM.start", vm, False, False)] * 3
        yield from [("VM.hard_shutdown", vm)] * 2
        yield ("VM.start", vm, True, False)
        yield ("VM.resume", vm, False, False)
        for name in (
            "pause", "unpause", "suspend", "clean_shutdown", "shutdown", "hard_reboot", "clean_reboot",
        ):  # fmt: skip
            yield (f"VM.{name}", vm)
        if self.resetting:
            yield ("VM.power_state_reset", vm)
        yield ("VM.snapshot", vm, "s", [])
        yield ("VM.checkpoint", vm, "c")
        yield ("VM.clone", vm, "another")
        yield ("VM.set_VCPUs_number_live", vm, "1")
        for vbd in [each.ref for each in self.rows("VBD") if vm == each.VM]:
            for name in ("plug", "unplug", "unplug_force", "eject"):
                yield (f"VBD.{name}", vbd)
        for vif in [each.ref for each in self.rows("VIF") if vm == each.VM]:
            yield ("VIF.plug", vif)
            yield ("VIF.unplug", vif)
            yield ("VIF.move", vif, self.network)
        snapshots = [each for each in self.rows("VM") if each.is_a_snapshot and each.snapshot_of == vm]
        if snapshots:
            yield ("VM.revert", self.chance.choice(snapshots).ref)

    async def fate(self) -> None:
        """Guests that end, crash and reboot by themselves, until it is cancelled."""
        kinds = (DomainEventKind.stopped, DomainEventKind.crashed, DomainEventKind.rebooted)
        while True:
            await asyncio.sleep(self.chance.random() * 0.05)
            running = [each.uuid for each in self.workshop.domains.domains()]
            if running:
                self.workshop.domains.happen(self.chance.choice(running), self.chance.choice(kinds))

    def agreed(self) -> bool:
        """Whether what is recorded of the machines is what their hypervisor has."""
        domains = {each.uuid: each for each in self.workshop.domains.domains()}
        return self.workshop.idle() and all(
            self._recorded(vm) == self._found(domains.get(vm.uuid))
            for vm in self.rows("VM")
            if not vm.is_control_domain
        )

    def _recorded(self, vm: Any) -> tuple[Any, ...]:
        attached = [
            {each.uuid for each in self.rows(cls) if vm.ref == each.VM and each.currently_attached}
            for cls in ("VBD", "VIF")
        ]
        if vm.power_state in LIVE:
            return (vm.domid, vm.power_state.lower(), *attached)
        return (-1, "", set(), set()) if vm.power_state == "Suspended" else (vm.domid, "", *attached)

    def _found(self, domain: Any) -> tuple[Any, ...]:
        if domain is None:
            return (-1, "", set(), set())
        return (domain.id, str(domain.state), set(domain.disks), set(domain.nics))

    def open_for_writing(self) -> dict[str, str]:
        """Disks that the records say are open, and for which drive."""
        live = {vm.ref for vm in self.rows("VM") if vm.power_state in LIVE}
        disks = {vdi.ref: vdi.uuid for vdi in self.rows("VDI")}
        return {
            disks[vbd.VDI]: vbd.uuid
            for vbd in self.rows("VBD")
            if vbd.VM in live and vbd.currently_attached and vbd.VDI in disks and vbd.mode == "RW"
        }


@pytest.mark.parametrize("resetting", [False, True])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_whatever_races_the_records_are_true_and_the_errors_understood(
    workshop: Workshop, seed: int, resetting: bool
) -> None:
    sr, network = await workshop.sr(), await workshop.network()
    vms = [await machine(workshop, sr, network) for _ in range(3)]
    crowd = Crowd(workshop, random.Random(seed), network, vms, resetting)
    for kind in ("domain", "network", "datapath", "storage:file"):
        for method in SLOW:
            workshop.faults(kind).delay(method, 0.002)

    fate = asyncio.create_task(crowd.fate())
    await asyncio.gather(*(crowd.client() for _ in range(CLIENTS)))
    fate.cancel()
    await workshop.until(crowd.agreed)

    assert crowd.surprises == []
    assert workshop.leases(sr) == crowd.open_for_writing()
    assert workshop.volumes(sr) == {vdi.uuid for vdi in crowd.rows("VDI")}
    images = {vdi.ref for vdi in crowd.rows("VDI") if vdi.type == "suspend"}
    slept_in = {vm.suspend_VDI for vm in crowd.rows("VM")} - {NULL}
    # A power state is reset in the records alone: an image stays, for its owner to look at.
    assert slept_in <= images if resetting else slept_in == images
    assert not [task for task in crowd.rows("task") if task.status == "pending"]


async def machine(workshop: Workshop, sr: str, network: str) -> str:
    """One that is off, with two disks, a CD drive and an interface."""
    vm = await workshop.vm()
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    for _ in range(2):
        await workshop.drive(vm, await workshop.disk(sr))
    await workshop.drive(vm)
    await workshop.nic(vm, network)
    return vm


# One at a time


@pytest.fixture
async def vm(workshop: Workshop, sr: str) -> str:
    """It runs, with a disk that is plugged and one that is not."""
    vm = await machine(workshop, sr, await workshop.network())
    await workshop.started(vm)
    return vm


def second_drive(workshop: Workshop, vm: str) -> str:
    return next(vbd.ref for vbd in workshop.fresh.store.where(VBD, VM=vm) if vbd.userdevice == "1")


def ends(workshop: Workshop, vm: str) -> Callable[[], None]:
    """The guest ends at a moment that a test names."""
    return lambda: workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.stopped)


async def test_a_guest_that_ended_is_a_machine_in_the_wrong_state(workshop: Workshop, vm: str) -> None:
    drive = second_drive(workshop, vm)
    with workshop.domains.unheard():
        workshop.domains.vanish(workshop.row(vm).uuid)

        with raises_api("VM_BAD_POWER_STATE", vm, "running", "halted"):
            await workshop.xapi.VBD.unplug(drive)


async def test_a_disk_is_closed_whose_guest_ended_while_it_was_plugged(workshop: Workshop, vm: str, sr: str) -> None:
    drive = second_drive(workshop, vm)
    await workshop.xapi.VBD.unplug(drive)
    workshop.faults("storage:file").afterwards("attach", ends(workshop, vm))

    with raises_api("VM_BAD_POWER_STATE", vm, "running", "halted"):
        await workshop.xapi.VBD.plug(drive)

    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())
    assert not workshop.row(drive).currently_attached
    assert workshop.leases(sr) == {}


async def test_a_snapshot_is_made_although_the_guest_ended_meanwhile(workshop: Workshop, vm: str, sr: str) -> None:
    workshop.faults("storage:file").afterwards("snapshot", ends(workshop, vm))

    snapshot = await workshop.xapi.VM.snapshot(vm, "just in time", [])

    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())
    assert workshop.is_there(snapshot)
    assert workshop.leases(sr) == {}


async def test_a_reboot_waits_for_the_checkpoint_that_is_being_made(workshop: Workshop, vm: str) -> None:
    workshop.faults("domain").delay("suspend", 0.05)
    checkpoint = asyncio.create_task(workshop.xapi.VM.checkpoint(vm, "asleep"))
    await workshop.until(lambda: bool(workshop.row(vm).current_operations))

    await workshop.xapi.VM.hard_reboot(vm)

    assert workshop.is_there(await checkpoint)
    assert workshop.row(vm).power_state == "Running"
    assert workshop.guest(vm).id == workshop.row(vm).domid
