"""What a start hands to the domain driver, and what it refuses, beyond what the recordings show."""

from __future__ import annotations

from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import Scheduling, Screen
from xapid.rules.hardware import generation_uuid

PV = {"HVM_boot_policy": "", "HVM_boot_params": {}, "domain_type": "pv"}


async def test_the_driver_gets_the_settings_of_the_machine(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(
        platform={"sim-guest": "full", "vga": "std", "videoram": "8", "timeoffset": "-60", "nx": "false"},
        VCPUs_params={"weight": "128", "mask": "0"},
        HVM_boot_params={"order": "NC"},
        generation_id="0:0",
    )

    await xapi.VM.start(vm, False, False)

    spec = workshop.guest(vm).spec
    assert spec.screen == Screen("std", 8)
    assert spec.scheduling == Scheduling(128, 0, ((0,),) * spec.vcpus_max)
    assert (spec.clock_offset, spec.hardware.nx, spec.boot_order) == (-60, False, "nc")
    assert workshop.row(vm).generation_id != "0:0"
    assert spec.generation_id == generation_uuid(workshop.row(vm).generation_id)


async def test_a_boot_loader_that_is_not_there_fails_the_start(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(PV_bootloader="eliloader", **PV)

    with raises_api("BOOTLOADER_FAILED", vm, "this host has no boot loader eliloader"):
        await xapi.VM.start(vm, False, False)

    assert workshop.row(vm).power_state == "Halted"


async def test_a_boot_loader_gets_its_arguments(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(
        PV_bootloader="pygrub", PV_bootloader_args="-q", PV_args="quiet", PV_legacy_args="single", **PV
    )

    await xapi.VM.start(vm, False, False)

    spec = workshop.guest(vm).spec
    assert (spec.bootloader, spec.bootloader_args, spec.kernel_args, spec.legacy_args) == (
        "pygrub",
        "-q",
        "quiet",
        "single",
    )
