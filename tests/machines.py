"""A machine with disks and interfaces on a simulated host; a test names only what it is about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.xapi import Xapi
from xapid.backends.domain.sim import FULL, Guest, SimDomains
from xapid.backends.faults import SimFaults
from xapid.datamodel import SR
from xapid.datamodel.errors import ApiError, OtherError

if TYPE_CHECKING:
    from tests.conftest import FreshHost

MIB = 1 << 20
NULL = "OpaqueRef:NULL"
SOMEBODY = "OpaqueRef:somebody"
"""The task of another client."""
WITH_DRIVERS = {"sim-guest": FULL}
"""platform of a guest that takes devices while it runs."""


@dataclass(frozen=True)
class Workshop:
    """Makes machines and what belongs to them, by calls of a client."""

    fresh: FreshHost
    directory: Path

    @property
    def xapi(self) -> Xapi:
        return self.fresh.xapi

    async def sr(self, type: str = "file", **config: str) -> str:
        """A repository that is plugged."""
        host = await self.fresh.the("host")
        device_config = {"location": str(self.directory / f"sr-{type}"), "device": "/dev/sdz"} | config
        return str(await self.xapi.SR.create(host, device_config, 0, "a repository", "", type, "user", False, {}))

    async def disk(self, sr: str, **fields: Any) -> str:
        wanted = {
            "name_label": "a disk", "name_description": "", "SR": sr, "virtual_size": 4 * MIB, "type": "user",
            "sharable": False, "read_only": False, "other_config": {},
        }  # fmt: skip
        return str(await self.xapi.VDI.create(wanted | fields))

    async def vm(self, **fields: Any) -> str:
        """A machine that is off, whose guest has drivers."""
        wanted = {
            "name_label": "guest", "name_description": "", "user_version": 1, "is_a_template": False,
            "affinity": NULL, "memory_target": 0, "memory_static_max": 256 * MIB, "memory_dynamic_max": 256 * MIB,
            "memory_dynamic_min": 256 * MIB, "memory_static_min": 128 * MIB, "VCPUs_params": {}, "VCPUs_max": 1,
            "VCPUs_at_startup": 1, "actions_after_shutdown": "destroy", "actions_after_reboot": "restart",
            "actions_after_crash": "destroy", "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "", "PV_args": "",
            "PV_bootloader_args": "", "PV_legacy_args": "", "HVM_boot_policy": "BIOS order",
            "HVM_boot_params": {"order": "cd"}, "platform": WITH_DRIVERS, "PCI_bus": "",
            "other_config": {"mac_seed": "00000000-0000-0000-0000-000000000000"}, "recommendations": "",
        }  # fmt: skip
        return str(await self.xapi.VM.create(wanted | fields))

    async def drive(self, vm: str, vdi: str = NULL, **fields: Any) -> str:
        """A VBD: with a disk, or an empty CD drive."""
        empty = vdi == NULL
        wanted = {
            "VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": "RO" if empty else "RW",
            "type": "CD" if empty else "Disk", "unpluggable": True, "empty": empty, "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        }  # fmt: skip
        return str(await self.xapi.VBD.create(wanted | fields))

    async def network(self, **fields: Any) -> str:
        wanted = {"name_label": "a network", "name_description": "", "other_config": {}}
        return str(await self.xapi.network.create(wanted | fields))

    async def nic(self, vm: str, network: str, **fields: Any) -> str:
        wanted = {
            "VM": vm, "network": network, "device": "0", "MAC": "", "MTU": 1500, "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        }  # fmt: skip
        return str(await self.xapi.VIF.create(wanted | fields))

    async def started(self, vm: str) -> str:
        await self.xapi.VM.start(vm, False, False)
        return vm

    async def vm_in(self, state: str, **fields: Any) -> str:
        """A machine in a power state."""
        vm = await self.vm(**fields)
        if state != "Halted":
            await self.xapi.VM.start(vm, state == "Paused", False)
        if state == "Suspended":
            await self.xapi.VM.set_suspend_SR(vm, await self.sr())
            await self.xapi.VM.suspend(vm)
        return vm

    @asynccontextmanager
    async def waiting(self, vm: str, call: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.Task[Any]]:
        """Within the block a call that starts the machine waits for a drive of it; the operation is marked."""
        drive, guard = self.row(await self.drive(vm)), self.fresh.runtime.guard
        guard.mark(drive, "attach", SOMEBODY)
        work = asyncio.create_task(call)
        await self.until(lambda: bool(self.row(vm).current_operations))
        try:
            yield work
        finally:
            guard.leave(drive, SOMEBODY)
            await asyncio.wait({work})

    # What there is behind the API

    def row(self, ref: str) -> Any:
        """The latest photograph of an object."""
        found = self.fresh.store.find_any(ref)
        assert found is not None, f"{ref} is gone"
        return found

    def is_there(self, ref: str) -> bool:
        return self.fresh.store.find_any(ref) is not None

    @property
    def domains(self) -> SimDomains:
        domains: SimDomains = self.fresh.driver("domain")
        return domains

    def guest(self, vm: str) -> Guest:
        """The machine as its hypervisor has it."""
        return self.domains.guest(self.row(vm).uuid)

    def bridges(self) -> set[str]:
        return {bridge.name for bridge in self.fresh.driver("network").bridges()}

    def faults(self, kind: str) -> SimFaults:
        faults: SimFaults = self.fresh.driver(kind).faults
        return faults

    def volumes(self, sr: str) -> set[str]:
        """uuids of what is in a repository, inner nodes too."""
        row: SR = self.row(sr)
        return {volume.uuid for volume in self.fresh.driver(f"storage:{row.type}").contents(row.uuid)}

    def leases(self, sr: str) -> dict[str, str]:
        """Who may write which volume of a repository: uuids of VDIs and their holders."""
        row: SR = self.row(sr)
        leases: dict[str, str] = self.fresh.driver(f"storage:{row.type}").holders(row.uuid)
        return leases

    def idle(self) -> bool:
        """Whether nothing goes on with any object. Tasks keep for ever that somebody cancelled them."""
        tables = (table for name, table in self.fresh.store.tables.items() if name != "task")
        marked = (row for table in tables for row in table.rows.values())
        return not any(row.__dict__.get("current_operations") for row in marked)

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Return once the records are so; fail if they do not become so."""
        await self.fresh.until(condition, seconds)


@contextmanager
def in_use(vdi: str) -> Iterator[None]:
    """VDI_IN_USE with one parameter, where the contract declares two."""
    with pytest.raises(OtherError) as error:
        yield
    assert (error.value.code, error.value.args) == ("VDI_IN_USE", (vdi,))


@contextmanager
def raises_api(*description: str) -> Iterator[None]:
    """The block fails with this error, code and parameters, declared so or not."""
    with pytest.raises(ApiError) as error:
        yield
    assert error.value.description == list(description)
