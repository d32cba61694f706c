"""Messages that change settings of a VM with more care than the ones made from fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from xapid.auth.permissions import assert_may_change
from xapid.datamodel import VM, VMSS, Host
from xapid.datamodel.columns import column_name
from xapid.datamodel.errors import (
    INVALID_VALUE,
    MAP_DUPLICATE_KEY,
    MESSAGE_REMOVED,
    OPERATION_NOT_ALLOWED,
    TOO_MANY_GROUPS,
    VM_BIOS_STRINGS_ALREADY_SET,
    VM_IS_TEMPLATE,
)
from xapid.datamodel.map_keys import EFI_VARIABLES
from xapid.datamodel.types import NULL, DateTime
from xapid.datamodel.vm import DomainType, OnCrashBehaviour, VmOperations, VmPowerState, VmUefiMode
from xapid.ops import secure_boot
from xapid.ops.blob import attach_new_blob
from xapid.ops.vm.create import PLATFORM_VERSION_FOR_VENDOR_DEVICE
from xapid.ops.vm.memory import write_settings
from xapid.rules import nvram
from xapid.rules.domain_spec import GENERIC_BIOS_STRINGS, has_uefi
from xapid.rules.vm import check_power_state
from xapid.runtime.context import Context
from xapid.runtime.texts import check_text

BIOS_ORDER = "BIOS order"
"""The HVM_boot_policy of a machine that boots as hardware does."""
LONGEST_BIOS_STRING = 512
SETTABLE_BIOS_STRINGS = frozenset(GENERIC_BIOS_STRINGS) - {"hp-rombios", "oem-1", "oem-2"}
RESTART_PRIORITIES = ("", "best-effort", "restart")


# --- What kind of machine ----------------------------------------------------------------------------


def set_domain_type(ctx: Context, self: VM, value: DomainType) -> None:
    if value is DomainType.unspecified:
        raise INVALID_VALUE("domain_type", value)
    policy = (self.HVM_boot_policy or BIOS_ORDER) if value is DomainType.hvm else ""
    write_settings(ctx, self, domain_type=value, HVM_boot_policy=policy)


def set_HVM_boot_policy(ctx: Context, self: VM, value: str) -> None:
    check_text(value)
    kind = DomainType.hvm if value else DomainType.pv
    write_settings(ctx, self, HVM_boot_policy=value, domain_type=kind)


def set_has_vendor_device(ctx: Context, self: VM, value: bool) -> None:
    check_power_state(self, VmPowerState.Halted)
    least = PLATFORM_VERSION_FOR_VENDOR_DEVICE if value else 0
    with ctx.write() as tx:
        version = max(self.hardware_platform_version, least)
        tx.set(self, has_vendor_device=value, hardware_platform_version=version)


def set_actions_after_crash(ctx: Context, self: VM, value: OnCrashBehaviour) -> None:
    with ctx.write() as tx:
        tx.set(self, actions_after_crash=value)


# --- Maps --------------------------------------------------------------------------------------------


def _set_map(ctx: Context, vm: VM, field: str, value: Mapping[Any, str]) -> None:
    check_text(value)
    with ctx.write() as tx:
        tx.set(vm, **{field: dict(value)})


def _add_to_map(ctx: Context, vm: VM, field: str, key: str, value: str) -> None:
    present = ctx.now(vm).__dict__[field]
    check_text({key: value})
    if key in present:
        raise MAP_DUPLICATE_KEY("VM", column_name(vm.spec.fields[field]), vm.ref, key)
    _set_map(ctx, vm, field, {**present, key: value})


def _remove_from_map(ctx: Context, vm: VM, field: str, key: str) -> None:
    present = ctx.now(vm).__dict__[field]
    if key in present:
        _set_map(ctx, vm, field, {each: value for each, value in present.items() if each != key})


def set_platform(ctx: Context, self: VM, value: dict[str, str]) -> None:
    assert_may_change(ctx.session, VM, "platform", self.platform, value)
    _set_map(ctx, self, "platform", value)


def add_to_platform(ctx: Context, self: VM, key: str, value: str) -> None:
    _add_to_map(ctx, self, "platform", key, value)


def remove_from_platform(ctx: Context, self: VM, key: str) -> None:
    _remove_from_map(ctx, self, "platform", key)


def set_other_config(ctx: Context, self: VM, value: dict[str, str]) -> None:
    assert_may_change(ctx.session, VM, "other_config", self.other_config, value)
    _set_map(ctx, self, "other_config", value)


def add_to_other_config(ctx: Context, self: VM, key: str, value: str) -> None:
    _add_to_map(ctx, self, "other_config", key, value)


def remove_from_other_config(ctx: Context, self: VM, key: str) -> None:
    _remove_from_map(ctx, self, "other_config", key)


def set_blocked_operations(ctx: Context, self: VM, value: dict[VmOperations, str]) -> None:
    _set_map(ctx, self, "blocked_operations", value)


def add_to_blocked_operations(ctx: Context, self: VM, key: VmOperations, value: str) -> None:
    _add_to_map(ctx, self, "blocked_operations", key, value)


def remove_from_blocked_operations(ctx: Context, self: VM, key: VmOperations) -> None:
    _remove_from_map(ctx, self, "blocked_operations", key)


async def set_NVRAM(ctx: Context, self: VM, value: dict[str, str]) -> None:
    async with ctx.operation(self, VmOperations.changing_NVRAM):
        _set_map(ctx, self, "NVRAM", value)


async def add_to_NVRAM(ctx: Context, self: VM, key: str, value: str) -> None:
    async with ctx.operation(self, VmOperations.changing_NVRAM):
        _add_to_map(ctx, self, "NVRAM", key, value)


async def remove_from_NVRAM(ctx: Context, self: VM, key: str) -> None:
    async with ctx.operation(self, VmOperations.changing_NVRAM):
        _remove_from_map(ctx, self, "NVRAM", key)


def set_NVRAM_EFI_variables(ctx: Context, self: str, value: str) -> None:
    """What the firmware of a guest, which may run, keeps of its variables."""
    vm = ctx.store.get(VM, self)
    _set_map(ctx, vm, "NVRAM", {**vm.NVRAM, EFI_VARIABLES.name: value})


def set_uefi_mode(ctx: Context, self: VM, mode: VmUefiMode) -> str:
    """Whose the keys are that the firmware keeps: the pool's, or anybody's. A firmware that runs is left alone."""
    if has_uefi(self) and self.power_state is VmPowerState.Halted and not self.is_a_snapshot:
        kept = nvram.recorded(self)
        wanted = nvram.disowned(kept)
        if mode is VmUefiMode.user:
            wanted = nvram.enrolled(wanted, secure_boot.certificates(ctx))
        if wanted != kept:
            _set_map(ctx, self, "NVRAM", {**self.NVRAM, EFI_VARIABLES.name: nvram.text_of(wanted)})
    return ""


# --- Numbers and priorities --------------------------------------------------------------------------


def _set_number(ctx: Context, vm: VM, field: str, value: int) -> None:
    if value < 0:
        raise INVALID_VALUE(field, value)
    with ctx.write() as tx:
        tx.set(vm, **{field: value})


def set_start_delay(ctx: Context, self: VM, value: int) -> None:
    _set_number(ctx, self, "start_delay", value)


def set_shutdown_delay(ctx: Context, self: VM, value: int) -> None:
    _set_number(ctx, self, "shutdown_delay", value)


def set_order(ctx: Context, self: VM, value: int) -> None:
    _set_number(ctx, self, "order", value)


def set_ha_restart_priority(ctx: Context, self: str, value: str) -> None:
    if value not in RESTART_PRIORITIES:
        raise INVALID_VALUE("ha_restart_priority", value)
    vm = ctx.store.get(VM, self)
    with ctx.write() as tx:
        tx.set(vm, ha_restart_priority=value)


def set_ha_always_run(ctx: Context, self: VM, value: bool) -> None:
    """The field follows from ha_restart_priority; setting it does nothing."""


# --- What a VM belongs to ----------------------------------------------------------------------------


def set_appliance(ctx: Context, self: VM, value: str) -> None:
    _assert_machine(self, "belongs to an appliance")
    with ctx.write() as tx:
        tx.set(self, appliance=value)


def set_groups(ctx: Context, self: VM, value: tuple[str, ...]) -> None:
    _assert_machine(self, "belongs to a group")
    if len(value) > 1:
        raise TOO_MANY_GROUPS()
    with ctx.write() as tx:
        tx.set(self, groups=value)


def _assert_machine(vm: VM, what: str) -> None:
    if vm.is_control_domain or vm.is_a_template or vm.is_a_snapshot:
        raise OPERATION_NOT_ALLOWED(f"No control domain, template or snapshot {what}")


def set_snapshot_schedule(ctx: Context, self: str, value: str) -> None:
    if value != NULL and ctx.store.find(VMSS, value) is None:
        raise INVALID_VALUE(value)
    vm = ctx.store.get(VM, self)
    if value != NULL and vm.is_control_domain:
        raise INVALID_VALUE(self)
    if value != NULL and vm.is_a_template:
        raise VM_IS_TEMPLATE(vm.ref)
    with ctx.write() as tx:
        tx.set(vm, snapshot_schedule=value)


def set_protection_policy(ctx: Context, self: str, value: str) -> NoReturn:
    raise MESSAGE_REMOVED()


# --- BIOS strings ------------------------------------------------------------------------------------


def set_bios_strings(ctx: Context, self: VM, value: dict[str, str]) -> None:
    """What the machine says of its hardware: the usual words, and these instead of some. Only once."""
    for key, text in value.items():
        if key not in SETTABLE_BIOS_STRINGS:
            raise INVALID_VALUE(key, "Unknown key")
        if not 0 < len(text) <= LONGEST_BIOS_STRING or not text.isascii() or not text.isprintable():
            raise INVALID_VALUE(key, text)
    if self.bios_strings:
        raise VM_BIOS_STRINGS_ALREADY_SET()
    with ctx.write() as tx:
        tx.set(self, bios_strings={**GENERIC_BIOS_STRINGS, **value})


def copy_bios_strings(ctx: Context, vm: VM, host: Host) -> None:
    """Let the machine say of its hardware what the host's says; it belongs there from now on."""
    if vm.bios_strings:
        raise VM_BIOS_STRINGS_ALREADY_SET()
    with ctx.write() as tx:
        tx.set(vm, bios_strings={**GENERIC_BIOS_STRINGS, **host.bios_strings}, affinity=host.ref)


# --- Blobs -------------------------------------------------------------------------------------------


def create_new_blob(ctx: Context, vm: VM, name: str, mime_type: str, public: bool) -> str:
    return attach_new_blob(ctx, vm, name, mime_type, public)


def update_snapshot_metadata(
    ctx: Context, vm: VM, snapshot_of: VM, snapshot_time: DateTime, transportable_snapshot_id: str
) -> None:
    """Record that a machine is a snapshot: of what, when and how it was taken."""
    with ctx.write() as tx:
        tx.set(
            vm,
            is_a_snapshot=True,
            snapshot_of=snapshot_of.ref,
            snapshot_time=snapshot_time,
            transportable_snapshot_id=transportable_snapshot_id,
        )
