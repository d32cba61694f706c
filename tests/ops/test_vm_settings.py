"""Settings of machines that are looked at more closely than others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import NULL, Workshop, raises_api
from tests.xapi import Xapi
from xapid.datamodel.errors import (
    INVALID_VALUE,
    MAP_DUPLICATE_KEY,
    OPERATION_NOT_ALLOWED,
    TOO_MANY_GROUPS,
    VM_BAD_POWER_STATE,
    VM_BIOS_STRINGS_ALREADY_SET,
    VM_IS_IMMOBILE,
    VM_IS_PROTECTED,
)

# --- What kind of machine ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind, policy", [("pv", ""), ("hvm", "BIOS order"), ("pvh", ""), ("pv_in_pvh", "")])
async def test_the_kind_of_a_machine_decides_how_it_boots(
    workshop: Workshop, xapi: Xapi, vm: str, kind: str, policy: str
) -> None:
    await xapi.VM.set_domain_type(vm, kind)

    assert (workshop.row(vm).domain_type, workshop.row(vm).HVM_boot_policy) == (kind, policy)


@pytest.mark.parametrize("policy, kind", [("", "pv"), ("BIOS order", "hvm")])
async def test_how_a_machine_boots_decides_its_kind(
    workshop: Workshop, xapi: Xapi, vm: str, policy: str, kind: str
) -> None:
    await xapi.VM.set_HVM_boot_policy(vm, policy)

    assert (workshop.row(vm).domain_type, workshop.row(vm).HVM_boot_policy) == (kind, policy)


async def test_a_machine_is_of_some_kind(xapi: Xapi, vm: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.VM.set_domain_type(vm, "unspecified")

    assert error.value.args == ("domain_type", "unspecified")


async def test_a_vendor_device_needs_a_platform_that_has_it(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(has_vendor_device=False, hardware_platform_version=0)

    await xapi.VM.set_has_vendor_device(vm, True)

    assert (workshop.row(vm).has_vendor_device, workshop.row(vm).hardware_platform_version) == (True, 2)
    await workshop.started(vm)
    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await xapi.VM.set_has_vendor_device(vm, False)
    assert error.value.args == (vm, "halted", "running")


@pytest.mark.parametrize(
    "message", ["set_actions_after_crash", "set_actions_after_shutdown", "set_actions_after_reboot"]
)
async def test_what_follows_an_end_can_be_changed(workshop: Workshop, xapi: Xapi, vm: str, message: str) -> None:
    await xapi.call(f"VM.{message}", vm, "restart")

    assert workshop.row(vm).__dict__[message.removeprefix("set_")] == "restart"


async def test_a_crash_can_have_its_own_consequence(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_actions_after_crash(vm, "preserve")

    assert workshop.row(vm).actions_after_crash == "preserve"


# --- Templates ---------------------------------------------------------------------------------------


async def test_a_machine_becomes_a_template_and_a_machine_again(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    metrics = await xapi.VM.get_metrics(vm)

    await xapi.VM.set_is_a_template(vm, True)
    as_template = workshop.row(vm)
    await xapi.VM.set_is_a_template(vm, False)

    assert (as_template.is_a_template, as_template.metrics) == (True, NULL)
    assert not workshop.is_there(metrics)
    assert workshop.row(vm).is_a_template is False
    await workshop.started(vm)


async def test_a_template_becomes_a_machine_that_was_installed_now(workshop: Workshop, xapi: Xapi) -> None:
    template = await workshop.vm(is_a_template=True)

    await xapi.VM.set_is_a_template(template, False)

    assert str(workshop.row(workshop.row(template).metrics).install_time) > "1971"


async def test_a_protected_machine_becomes_no_template(workshop: Workshop, xapi: Xapi, vm: str, pool: str) -> None:
    await xapi.VM.set_ha_restart_priority(vm, "restart")
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(pool), ha_enabled=True)

    with pytest.raises(VM_IS_PROTECTED) as error:
        await xapi.VM.set_is_a_template(vm, True)

    assert error.value.args == (vm,)


async def test_a_machine_of_an_appliance_becomes_no_template(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    appliance = await xapi.VM_appliance.create({"name_label": "a", "name_description": ""})
    await xapi.VM.set_appliance(vm, appliance)

    with raises_api("VM_IS_PART_OF_AN_APPLIANCE", vm, appliance):
        await xapi.VM.set_is_a_template(vm, True)


async def test_a_default_template_stays(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_is_a_template(vm, True)
    await xapi.VM.set_is_default_template(vm, True)

    with raises_api("VM_IS_TEMPLATE", vm, "destroy"):
        await xapi.VM.destroy(vm)

    assert workshop.row(vm).other_config["default_template"] == "true"
    await xapi.VM.set_is_default_template(vm, False)
    await xapi.VM.destroy(vm)


# --- Maps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["platform", "other_config", "NVRAM"])
async def test_a_map_is_set_added_to_and_taken_from(workshop: Workshop, xapi: Xapi, vm: str, field: str) -> None:
    await xapi.call(f"VM.set_{field}", vm, {"a": "1"})
    await xapi.call(f"VM.add_to_{field}", vm, "b", "2")
    await xapi.call(f"VM.remove_from_{field}", vm, "a")

    assert workshop.row(vm).__dict__[field] == {"b": "2"}
    with pytest.raises(MAP_DUPLICATE_KEY) as error:
        await xapi.call(f"VM.add_to_{field}", vm, "b", "3")
    assert error.value.args == ("VM", field, vm, "b")


async def test_the_variables_of_a_firmware_are_set_by_themselves(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_NVRAM(vm, {"EFI-variables": "old", "EFI-variables-backend": "xapidb"})
    await xapi.VM.add_to_NVRAM(vm, "more", "x")
    await xapi.VM.remove_from_NVRAM(vm, "more")
    await workshop.started(vm)

    await xapi.VM.set_NVRAM_EFI_variables(vm, "bmV3")

    assert workshop.row(vm).NVRAM == {"EFI-variables": "bmV3", "EFI-variables-backend": "xapidb"}


async def test_nothing_runs_on_that_a_mode_of_its_firmware_could_concern(xapi: Xapi, vm: str) -> None:
    assert await xapi.VM.set_uefi_mode(vm, "user") == ""


async def test_a_machine_that_stays_is_not_suspended(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(platform={"sim-guest": "full", "nomigrate": "true"})
    await workshop.started(vm)

    with pytest.raises(VM_IS_IMMOBILE) as error:
        await xapi.VM.suspend(vm)

    assert error.value.args == (vm,)


async def test_blocked_operations_are_told_as_allowed_again_once_they_are(xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_blocked_operations(vm, {"start": "", "clone": "no"})
    blocked = set(await xapi.VM.get_allowed_operations(vm))

    await xapi.VM.remove_from_blocked_operations(vm, "start")
    await xapi.VM.update_allowed_operations(vm)

    allowed = set(await xapi.VM.get_allowed_operations(vm))
    assert allowed - blocked == {"start"}
    with raises_api("OPERATION_BLOCKED", vm, "no"):
        await xapi.VM.clone(vm, "c")


# --- Numbers and priorities --------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["start_delay", "shutdown_delay", "order"])
async def test_delays_and_order_are_not_negative(workshop: Workshop, xapi: Xapi, vm: str, field: str) -> None:
    await xapi.call(f"VM.set_{field}", vm, 3)

    with pytest.raises(INVALID_VALUE) as error:
        await xapi.call(f"VM.set_{field}", vm, -1)

    assert error.value.args == (field, "-1")
    assert workshop.row(vm).__dict__[field] == 3


async def test_a_machine_takes_its_place_in_an_order(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_order(vm, 2)
    await xapi.VM.set_start_delay(vm, 1)
    await xapi.VM.set_shutdown_delay(vm, 1)

    row = workshop.row(vm)
    assert (row.order, row.start_delay, row.shutdown_delay) == (2, 1, 1)


@pytest.mark.parametrize("priority", ["", "best-effort", "restart"])
async def test_a_machine_may_be_restarted_after_a_failure(
    workshop: Workshop, xapi: Xapi, vm: str, priority: str
) -> None:
    await xapi.VM.set_ha_restart_priority(vm, priority)

    assert workshop.row(vm).ha_restart_priority == priority
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.VM.set_ha_restart_priority(vm, "always")
    assert error.value.args == ("ha_restart_priority", "always")


async def test_whether_a_machine_always_runs_follows_from_its_priority(xapi: Xapi, vm: str) -> None:
    assert await xapi.VM.set_ha_always_run(vm, True) == ""
    assert await xapi.VM.get_ha_always_run(vm) is False


# --- What it belongs to ------------------------------------------------------------------------------


async def test_a_machine_belongs_to_one_group_at_most(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    fields = {"name_label": "g", "name_description": "", "placement": "anti_affinity"}
    groups = [await xapi.VM_group.create(fields) for _ in range(2)]

    await xapi.VM.set_groups(vm, groups[:1])

    assert workshop.row(vm).groups == (groups[0],)
    with pytest.raises(TOO_MANY_GROUPS):
        await xapi.VM.set_groups(vm, groups)


@pytest.mark.parametrize("message, value", [("set_appliance", NULL), ("set_groups", [])])
async def test_templates_and_snapshots_belong_to_nothing(
    workshop: Workshop, xapi: Xapi, message: str, value: Any
) -> None:
    template = await workshop.vm(is_a_template=True)
    snapshot = await xapi.VM.snapshot(await workshop.vm(), "s", [])
    zero = await xapi.host.get_control_domain(await workshop.fresh.the("host"))

    for each in (template, snapshot, zero):
        with pytest.raises(OPERATION_NOT_ALLOWED):
            await xapi.call(f"VM.{message}", each, value)


async def test_protection_policies_are_gone(xapi: Xapi, vm: str) -> None:
    with raises_api("MESSAGE_REMOVED"):
        await xapi.VM.set_protection_policy(vm, NULL)


async def test_a_schedule_of_snapshots_must_be_there(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    template = await workshop.vm(is_a_template=True)
    schedule = await xapi.VMSS.create(
        {"name_label": "s", "name_description": "", "enabled": True, "type": "snapshot", "retained_snapshots": 7,
         "frequency": "daily", "schedule": {"hour": "1", "min": "0"}}
    )  # fmt: skip

    await xapi.VM.set_snapshot_schedule(vm, schedule)

    assert await xapi.VMSS.get_VMs(schedule) == [vm]
    with raises_api("INVALID_VALUE", "OpaqueRef:ghost"):
        await xapi.VM.set_snapshot_schedule(vm, "OpaqueRef:ghost")
    with raises_api("VM_IS_TEMPLATE", template):
        await xapi.VM.set_snapshot_schedule(template, schedule)


# --- BIOS strings ------------------------------------------------------------------------------------


async def test_a_machine_says_what_it_was_told_of_its_hardware(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_bios_strings(vm, {"bios-vendor": "somebody"})

    strings = workshop.row(vm).bios_strings
    assert (strings["bios-vendor"], strings["system-product-name"]) == ("somebody", "HVM domU")
    with pytest.raises(VM_BIOS_STRINGS_ALREADY_SET):
        await xapi.VM.set_bios_strings(vm, {"bios-vendor": "somebody else"})


@pytest.mark.parametrize(
    "key, value, why",
    [("bios-vendor", "", ""), ("bios-vendor", "x" * 513, "x" * 513), ("bios-vendor", "\u00e9", "\u00e9"),
     ("hp-rombios", "x", "Unknown key"), ("nonsense", "x", "Unknown key")],
)  # fmt: skip
async def test_bios_strings_are_short_and_plain(
    workshop: Workshop, xapi: Xapi, vm: str, key: str, value: str, why: str
) -> None:
    with raises_api("INVALID_VALUE", key, why):
        await xapi.VM.set_bios_strings(vm, {key: value})

    assert workshop.row(vm).bios_strings == {}


async def test_a_machine_says_of_its_hardware_what_its_host_says(
    workshop: Workshop, xapi: Xapi, vm: str, host: str
) -> None:
    await xapi.VM.copy_bios_strings(vm, host)

    assert workshop.row(vm).bios_strings["system-product-name"] == "Simulator"
    assert workshop.row(vm).affinity == host
    with pytest.raises(VM_BIOS_STRINGS_ALREADY_SET):
        await xapi.VM.copy_bios_strings(vm, host)


# --- Blobs -------------------------------------------------------------------------------------------


async def test_a_blob_is_kept_under_its_name(xapi: Xapi, vm: str) -> None:
    blob = await xapi.VM.create_new_blob(vm, "notes", "text/plain", True)

    assert await xapi.VM.get_blobs(vm) == {"notes": blob}
    assert (await xapi.blob.get_record(blob))["mime_type"] == "text/plain"
    with pytest.raises(MAP_DUPLICATE_KEY) as error:
        await xapi.VM.create_new_blob(vm, "notes", "text/plain")
    assert error.value.args == ("VM", "blobs", vm, "notes")


async def test_a_machine_can_be_recorded_as_a_snapshot_of_another(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    template = await workshop.vm(is_a_template=True)

    await xapi.VM.update_snapshot_metadata(template, vm, "20260102T03:04:05Z", "by the guest")

    row = workshop.row(template)
    assert (row.is_a_snapshot, row.snapshot_of, row.transportable_snapshot_id) == (True, vm, "by the guest")
    assert await xapi.VM.get_snapshot_time(template) == "20260102T03:04:05Z"
    assert await xapi.VM.get_snapshots(vm) == [template]
