"""What a guest changed that is to outlive its domain: variables of its firmware, what its TPM keeps, its clock."""

from __future__ import annotations

import logging

from xapid.backends.domain.interface import DomainDriver, Kept
from xapid.datamodel import VM, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.map_keys import EFI_VARIABLES, TIME_OFFSET
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmPowerState
from xapid.ops import vtpm
from xapid.rules import nvram
from xapid.runtime.context import Context
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)

LIVE = (VmPowerState.Running, VmPowerState.Paused)


async def keep_what_was_left(ctx: Context, vm: VM, host: Host) -> None:
    """After a domain is gone: record what it left, and then have the host forget it.

    If the host does not answer, it is asked again when it starts (``keep_all``); the machine is off all the same.
    """
    channel = ctx.domains(host)
    try:
        kept = await channel.call(DomainDriver.kept, vm.uuid)
        _record(ctx, vm, kept)
        if kept.efi_variables is not None or kept.tpm is not None:
            channel.wait_for(ctx.until)
            await channel.call(DomainDriver.forget, vm.uuid)
    except ApiError as error:
        log.error("what VM %s left is not recorded yet: %s", vm.uuid, error)


async def keep_what_is_there(ctx: Context, vm: VM) -> None:
    """Before a machine that runs is copied: record what it has changed so far."""
    host = ctx.store.find(Host, vm.resident_on) if vm.power_state in LIVE else None
    if host is not None:
        _record(ctx, vm, await ctx.domains(host).call(DomainDriver.kept, vm.uuid))


async def keep_all(ctx: Context, host: Host) -> None:
    """Record what machines left on a host while nobody could be told, and have it forget what is nobody's."""
    channel = ctx.domains(host)
    for uuid in await channel.call(DomainDriver.keeping):
        vm = ctx.store.find_uuid(VM, uuid)
        if vm is None:
            await channel.call(DomainDriver.forget, uuid)
        elif vm.resident_on == NULL and not vm.current_operations:
            await keep_what_was_left(ctx, vm, host)


def _record(ctx: Context, vm: VM, kept: Kept) -> None:
    latest = ctx.store.find(VM, vm.ref)
    if latest is not None:
        with ctx.write(settle=False) as tx:
            _write(ctx, tx, latest, kept)


def _write(ctx: Context, tx: Transaction, vm: VM, kept: Kept) -> None:
    if kept.efi_variables is not None and not nvram.starts_afresh(vm):
        text = nvram.text_of(kept.efi_variables)
        if text != EFI_VARIABLES.of(vm):
            tx.set(vm, NVRAM={**vm.NVRAM, EFI_VARIABLES.name: text})
    if kept.tpm is not None:
        vtpm.keep(tx, ctx.store, vm, kept.tpm)
    if kept.clock_offset is not None and kept.clock_offset != TIME_OFFSET.of(vm):
        tx.set(vm, platform={**vm.platform, TIME_OFFSET.name: str(kept.clock_offset)})
