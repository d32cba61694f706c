"""What the maps of a VM say of its hardware, in the values that domain drivers take."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.rules.rows import World
from xapid.backends.domain.interface import Hardware, IoClass, IoPriority, Scheduling, Screen
from xapid.datamodel import VBD, VM
from xapid.datamodel.vm import DomainType
from xapid.rules.hardware import affinity, generation_uuid, hardware, io_priority, scheduling, screen


def machine(world: World, platform: dict[str, str] | None = None, **fields: Any) -> VM:
    return world.make(VM, **{"domain_type": DomainType.hvm, "VCPUs_max": 2, "platform": platform or {}} | fields)


def test_a_machine_of_which_nothing_is_said_has_what_machines_have(world: World) -> None:
    vm = machine(world)

    assert hardware(vm) == Hardware(usb=True, tablet=True)
    assert screen(vm) == Screen("cirrus", 4, "")
    assert scheduling(vm) == Scheduling()


def test_a_paravirtual_machine_has_no_emulated_devices(world: World) -> None:
    platform = {"usb": "true", "acpi": "0", "hvm_serial": "none", "tsc_mode": "2", "keymap": "fr"}

    vm = machine(world, platform, domain_type=DomainType.pv)

    assert hardware(vm) == Hardware(tsc_mode=2)
    assert screen(vm).keymap == "fr"


@pytest.mark.parametrize(
    "platform, wanted",
    [
        (
            {"acpi": "0", "apic": "false", "pae": "FALSE", "nx": "0", "hpet": "false"},
            Hardware(acpi=False, apic=False, pae=False, nx=False, hpet=False, usb=True, tablet=True),
        ),
        ({"usb": "false", "usb_tablet": "true"}, Hardware()),
        ({"usb_tablet": "false"}, Hardware(usb=True)),
        ({"hvm_serial": "none", "parallel": "none"}, Hardware(usb=True, tablet=True, serial=False)),
        ({"hvm_serial": "x", "parallel": "/dev/parport1"}, Hardware(usb=True, tablet=True, parallel="/dev/parport1")),
        ({"nested-virt": "true", "tsc_mode": "3"}, Hardware(usb=True, tablet=True, nested_virt=True, tsc_mode=3)),
        ({"viridian_stimer": "true"}, Hardware(usb=True, tablet=True)),
        (
            {"viridian": "true", "viridian_stimer": "true", "viridian_crash_ctl": "false"},
            Hardware(usb=True, tablet=True, viridian=frozenset({"base", "stimer"})),
        ),
    ],
)
def test_platform_says_what_it_has(world: World, platform: dict[str, str], wanted: Hardware) -> None:
    assert hardware(machine(world, platform)) == wanted


@pytest.mark.parametrize(
    "platform, wanted",
    [
        ({"vga": "std", "videoram": "16"}, Screen("std", 16)),
        ({"vga": "x", "videoram": "x"}, Screen("cirrus", 4)),
        ({"keymap": "en-us"}, Screen("cirrus", 4, "en-us")),
    ],
)
def test_platform_says_what_is_seen(world: World, platform: dict[str, str], wanted: Screen) -> None:
    assert screen(machine(world, platform)) == wanted


def test_parameters_of_processors_say_what_part_a_machine_gets(world: World) -> None:
    vm = machine(world, VCPUs_params={"weight": "512", "cap": "80", "mask": "1,2;3"})

    assert scheduling(vm) == Scheduling(512, 80, ((1, 2), (3,)))


@pytest.mark.parametrize(
    "mask, wanted",
    [
        ("", ()),
        ("2,1", ((1, 2), (1, 2), (1, 2))),
        ("1,2;3,4", ((1, 2), (3, 4), (1, 2))),
        ("0;1;2;3", ((0,), (1,), (2,))),
    ],
)
def test_a_mask_counts_for_all_or_for_each(mask: str, wanted: tuple[tuple[int, ...], ...]) -> None:
    assert affinity(mask, 3) == wanted


@pytest.mark.parametrize(
    "fields, wanted",
    [
        ({}, None),
        ({"qos_algorithm_type": "other", "qos_algorithm_params": {"class": "high"}}, None),
        ({"qos_algorithm_type": "ionice"}, IoPriority(IoClass.best_effort, 4)),
        (
            {"qos_algorithm_type": "ionice", "qos_algorithm_params": {"sched": "rt", "class": "highest"}},
            IoPriority(IoClass.real_time, 0),
        ),
        (
            {"qos_algorithm_type": "ionice", "qos_algorithm_params": {"sched": "idle", "class": "12"}},
            IoPriority(IoClass.idle, 7),
        ),
        (
            {"qos_algorithm_type": "ionice", "qos_algorithm_params": {"sched": "x", "class": "²"}},
            IoPriority(IoClass.best_effort, 4),
        ),
        ({"other_config": {"class": "3"}}, IoPriority(IoClass.best_effort, 3)),
        ({"other_config": {"class": "x"}}, None),
    ],
)
def test_a_drive_says_when_its_requests_are_served(
    world: World, fields: dict[str, Any], wanted: IoPriority | None
) -> None:
    assert io_priority(world.make(VBD, **fields)) == wanted


def test_a_generation_id_becomes_the_bytes_that_a_guest_finds() -> None:
    made = uuid.UUID(generation_uuid("1:-2"))

    assert made.bytes_le == b"\x01" + bytes(7) + b"\xfe" + b"\xff" * 7


@pytest.mark.parametrize("text", ["", "x", "1", "1:x", "1:9223372036854775808"])
def test_what_is_no_generation_id_is_none(text: str) -> None:
    assert generation_uuid(text) == ""
