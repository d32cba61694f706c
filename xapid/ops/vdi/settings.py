"""What is set of a disk, and what is not offered of it."""

from __future__ import annotations

from typing import NoReturn

from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel import SR, VDI, Host
from xapid.datamodel.errors import MESSAGE_DEPRECATED, VM_BAD_POWER_STATE
from xapid.datamodel.map_keys import SR_MASTER
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.vdi import OnBoot, VdiOperations
from xapid.datamodel.vm import VmPowerState
from xapid.ops import branches, repositories
from xapid.rules import volume_spec
from xapid.runtime.context import Context


async def set_name_label(ctx: Context, self: VDI, value: str) -> None:
    await _rename(ctx, self, name_label=value)


async def set_name_description(ctx: Context, self: VDI, value: str) -> None:
    await _rename(ctx, self, name_description=value)


async def _rename(ctx: Context, vdi: VDI, **changes: str) -> None:
    """Where the repository is out of reach, who finds the disk anew reads there what it was called once."""
    sr = ctx.store.find(SR, vdi.SR)
    if sr is None or volume_spec.working_pbd(ctx.store, sr) is None:
        with ctx.write() as tx:
            tx.set(vdi, **changes)
        return
    repository = repositories.of(ctx, sr)

    async def tell(name: str, description: str) -> None:
        await repository.channel.call(StorageDriver.rename, repository.volume(ctx.now(vdi)), name, description)

    await repositories.rename(ctx, repository, vdi, changes, tell)


def set_allow_caching(ctx: Context, self: VDI, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(self, allow_caching=value)


async def set_on_boot(ctx: Context, self: VDI, value: OnBoot) -> None:
    """Whether what a machine writes is forgotten at its next start: what the disk holds now is laid beneath it then."""
    for vm, _ in branches.open_in_guests(ctx.store, self):
        raise VM_BAD_POWER_STATE(vm.ref, VmPowerState.Halted.lower(), vm.power_state.lower())
    sr = ctx.store.get(SR, self.SR)
    marks = [(sr, StorageOperations.vdi_set_on_boot), (self, VdiOperations.set_on_boot)]
    async with repositories.marked(ctx, marks) as undo:
        begins = value is OnBoot.reset and ctx.now(self).on_boot is not OnBoot.reset
        # A plug-in that keeps records is told at each start, and sees to it.
        begins = begins and not repositories.of(ctx, sr).channel.keeps_records
        twig = await branches.leave_beneath(ctx, undo, self) if begins else None
        with ctx.write() as tx:
            if twig is not None:
                branches.record_source(tx, ctx.store, twig)
            tx.set(self, on_boot=value)


def force_unlock(ctx: Context, vdi: str) -> NoReturn:
    raise MESSAGE_DEPRECATED()


async def generate_config(ctx: Context, host: Host, vdi: VDI) -> str:
    """How a disk is opened on a host while there is no toolstack: a call for its driver, as XML."""
    # Loaded here alone, since hardly anybody asks: the module takes a few milliseconds of every start.
    from xmlrpc.client import dumps

    ctx.check(vdi, VdiOperations.generate_config)
    sr = ctx.store.get(SR, vdi.SR)
    repository = repositories.on(ctx, sr, host)
    if repository.channel.foreign:
        said = await repository.channel.call(StorageDriver.offline_call, repository.volume(vdi))
        if said is not None:
            return said
    call = {
        "command": "vdi_attach_from_config",
        "device_config": {**repository.spec.device_config, SR_MASTER.name: "true"},
        "sr_uuid": sr.uuid,
        "vdi_uuid": vdi.uuid,
        "vdi_location": vdi.location,
    }
    return dumps((call,), "vdi_attach_from_config")
