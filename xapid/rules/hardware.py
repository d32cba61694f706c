"""What VM.platform and VM.VCPUs_params say of a machine, as values for a domain driver."""

from __future__ import annotations

import uuid

from xapid.backends.domain.interface import Hardware, IoClass, IoPriority, Scheduling, Screen
from xapid.datamodel import VBD, VM
from xapid.datamodel.map_keys import (
    ACPI,
    APIC,
    CPU_CAP,
    CPU_MASK,
    CPU_WEIGHT,
    GRAPHICS,
    HPET,
    IO_CLASS,
    IO_LEVEL,
    KEYMAP,
    NESTED_VIRT,
    NX,
    PAE,
    PARALLEL,
    SERIAL,
    TSC_MODE,
    USB,
    USB_TABLET,
    VBD_IO_LEVEL,
    VIDEO_MEMORY,
    VIRIDIAN,
    VIRIDIAN_PARTS,
)
from xapid.datamodel.vm import DomainType

NONE = "none"
IONICE = "ionice"
IO_CLASSES = {"rt": IoClass.real_time, "real-time": IoClass.real_time, "idle": IoClass.idle}
IO_LEVELS = {"highest": 0, "high": 2, "normal": 4, "low": 6, "lowest": 7}
LAST_IO_LEVEL = 7


def hardware(vm: VM) -> Hardware:
    """What the machine has. Paravirtual ones have little, and a line to their console in any case."""
    if vm.domain_type is not DomainType.hvm:
        return Hardware(tsc_mode=TSC_MODE.of(vm))
    usb = USB.of(vm)
    parallel = PARALLEL.of(vm)
    return Hardware(
        acpi=ACPI.of(vm),
        apic=APIC.of(vm),
        pae=PAE.of(vm),
        nx=NX.of(vm),
        hpet=HPET.of(vm),
        nested_virt=NESTED_VIRT.of(vm),
        viridian=viridian(vm),
        tsc_mode=TSC_MODE.of(vm),
        usb=usb,
        tablet=usb and USB_TABLET.of(vm),
        serial=SERIAL.of(vm) != NONE,
        parallel="" if parallel == NONE else parallel,
    )


def viridian(vm: VM) -> frozenset[str]:
    """What of Hyper-V the guest is shown: ``base``, and the names of other keys after ``viridian_``."""
    if not VIRIDIAN.of(vm):
        return frozenset()
    parts = (key.name.removeprefix(f"{VIRIDIAN.name}_") for key in VIRIDIAN_PARTS if key.of(vm))
    return frozenset({"base", *parts})


def screen(vm: VM) -> Screen:
    if vm.domain_type is not DomainType.hvm:
        return Screen(keymap=KEYMAP.of(vm))
    card = "std" if GRAPHICS.of(vm) == "std" else "cirrus"
    return Screen(card, VIDEO_MEMORY.of(vm), KEYMAP.of(vm))


def scheduling(vm: VM) -> Scheduling:
    weight = CPU_WEIGHT.of(vm) if CPU_WEIGHT.name in vm.VCPUs_params else 0
    return Scheduling(weight, CPU_CAP.of(vm), affinity(CPU_MASK.of(vm), vm.VCPUs_max))


def affinity(mask: str, vcpus: int) -> tuple[tuple[int, ...], ...]:
    """For each processor of a machine those of the host; where the mask names none, the first list counts."""
    if not mask:
        return ()
    lists = [tuple(sorted({int(number) for number in part.split(",")})) for part in mask.split(";")]
    return tuple(lists[number] if number < len(lists) else lists[0] for number in range(vcpus))


def io_priority(vbd: VBD) -> IoPriority | None:
    """Where requests of a drive stand; None: nothing is said, or in a way that nobody knows."""
    if vbd.qos_algorithm_type == IONICE:
        kind = IO_CLASSES.get(IO_CLASS.of(vbd), IoClass.best_effort)
        return IoPriority(kind, _io_level(IO_LEVEL.of(vbd)))
    level = VBD_IO_LEVEL.of(vbd)
    return None if level is None else IoPriority(IoClass.best_effort, level)


def _io_level(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 4:
        return min(int(text), LAST_IO_LEVEL)
    return IO_LEVELS.get(text, IO_LEVELS["normal"])


def generation_uuid(generation_id: str) -> str:
    """A generation_id, two signed numbers of 64 bits, as the uuid whose bytes a guest finds; else nothing."""
    first, _, second = generation_id.partition(":")
    try:
        halves = [int(half).to_bytes(8, "little", signed=True) for half in (first, second)]
    except (ValueError, OverflowError):
        return ""
    return str(uuid.UUID(bytes_le=b"".join(halves)))
