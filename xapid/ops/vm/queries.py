"""Messages that ask about a VM and change nothing."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PIF, SR, VBD, VDI, VIF, VM, Host, Network
from xapid.datamodel.errors import (
    HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED,
    HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED,
    HANDLE_INVALID,
    HOST_NOT_LIVE,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
)
from xapid.datamodel.map_keys import ASSUME_SHARED
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmOperations, VmSecurebootReadiness
from xapid.ops import secure_boot
from xapid.ops.wlb_advice import where_to_start
from xapid.rules import devices, nvram, placement
from xapid.rules.domain_spec import has_uefi
from xapid.runtime.context import Context
from xapid.store.rows import copy_row


def get_allowed_VBD_devices(ctx: Context, vm: VM) -> list[str]:
    return devices.free_vbd_devices(ctx.store, vm)


def get_allowed_VIF_devices(ctx: Context, vm: VM) -> list[str]:
    return devices.free_vif_devices(ctx.store, vm)


# --- Where it may run --------------------------------------------------------------------------------


def assert_can_boot_here(ctx: Context, self: VM, host: str) -> None:
    """Say what keeps a machine from starting on a host."""
    row = ctx.store.find(Host, host)
    if row is None:
        raise HOST_NOT_LIVE()
    placement.assert_can_boot_here(ctx.store, self, row)


def get_possible_hosts(ctx: Context, vm: VM) -> list[str]:
    return [host.ref for host in placement.possible_hosts(ctx.store, vm)]


async def retrieve_wlb_recommendations(ctx: Context, vm: VM) -> dict[str, list[str]]:
    return await where_to_start(ctx, vm)


def assert_agile(ctx: Context, self: VM) -> None:
    """Say what ties a machine to one host: a disk or a network that others do not have."""
    for vbd in ctx.store.where(VBD, VM=self.ref):
        vdi = ctx.store.find(VDI, vbd.VDI)
        sr = None if vdi is None else ctx.store.find(SR, vdi.SR)
        if sr is not None and not sr.shared:
            raise HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED(sr.ref)
    for vif in ctx.store.where(VIF, VM=self.ref):
        network = ctx.store.find(Network, vif.network)
        if network is not None and not _is_shared(ctx, network):
            raise HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED(network.ref)


def _is_shared(ctx: Context, network: Network) -> bool:
    """Whether every host has a way into a network."""
    if ASSUME_SHARED.of(network) or not network.managed:
        return True
    attached = {pif.host for pif in ctx.store.where(PIF, network=network.ref)}
    return bool(attached) and all(host.ref in attached for host in ctx.store.all(Host))


# --- What may be asked for ---------------------------------------------------------------------------


def assert_operation_valid(ctx: Context, self: VM, op: VmOperations) -> None:
    """Say what forbids an operation now."""
    ctx.check(self, op)


def update_allowed_operations(ctx: Context, self: VM) -> None:
    """They are kept true at every change; there is nothing to do."""


def get_cooperative(ctx: Context, self: str) -> bool:
    """Whether a guest obeys its balloon: taken for granted since there is nobody who asks."""
    return True


async def get_boot_record(ctx: Context, self: VM) -> VM:
    """The settings with which a machine runs: those it has now."""
    async with ctx.operation(self, VmOperations.get_boot_record):
        row = ctx.now(self)
        ctx.shown(row)
        return copy_row(row)


# --- What the original has no longer, or not here ----------------------------------------------------


async def send_sysrq(ctx: Context, vm: VM, key: str) -> NoReturn:
    async with ctx.operation(vm, VmOperations.send_sysrq):
        raise NOT_IMPLEMENTED("send_sysrq")


async def send_trigger(ctx: Context, vm: VM, trigger: str) -> NoReturn:
    async with ctx.operation(vm, VmOperations.send_trigger):
        raise NOT_IMPLEMENTED("send_trigger")


async def query_services(ctx: Context, self: VM) -> NoReturn:
    async with ctx.operation(self, VmOperations.query_services):
        raise NOT_IMPLEMENTED("query_services")


def get_secureboot_readiness(ctx: Context, self: VM) -> VmSecurebootReadiness:
    if not has_uefi(self):
        return VmSecurebootReadiness.not_supported
    return nvram.readiness(self, secure_boot.certificates(ctx))


def update_secureboot_certificates_on_boot(ctx: Context, self: VM, mark: bool) -> NoReturn:
    raise OPERATION_NOT_ALLOWED("There are no certificates for Secure Boot that could be newer")


def get_SRs_required_for_recovery(ctx: Context, self: VM, session_to: str) -> list[str]:
    """The repositories that another pool would have to introduce: those of the disks, if they are shared."""
    found = [ctx.store.find(VDI, vbd.VDI) for vbd in ctx.store.where(VBD, VM=self.ref)]
    srs = {vdi.SR: ctx.store.find(SR, vdi.SR) for vdi in found if vdi is not None}
    return [ref for ref, sr in srs.items() if sr is not None and sr.shared]


def assert_can_be_recovered(ctx: Context, self: VM, session_to: str) -> None:
    """Whether another pool could take the machine over: one without an appliance can go alone."""
    if session_to == NULL:
        raise HANDLE_INVALID("session", session_to)
