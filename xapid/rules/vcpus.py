"""Numbers of virtual CPUs: what may be set, and what a machine can be started with."""

from __future__ import annotations

from xapid.datamodel import VM
from xapid.datamodel.errors import INVALID_VALUE, VALUE_NOT_SUPPORTED

WHEN_HALTED = "VCPUs: 0 < VCPUs_at_startup, and not more than VCPUs_max"
WHEN_RUNNING = "VCPUs: 0 < number, and not more than VCPUs_max"


def check_max(vm: VM, value: int) -> None:
    """Whether VCPUs_max may become this. Raises INVALID_VALUE."""
    if value < 1 or value < vm.VCPUs_at_startup:
        raise INVALID_VALUE(WHEN_HALTED, value)


def check_at_startup(vm: VM, value: int) -> None:
    """Whether VCPUs_at_startup may become this. Raises INVALID_VALUE."""
    if not 0 < value <= vm.VCPUs_max:
        raise INVALID_VALUE(WHEN_HALTED, value)


def check_live(vm: VM, value: int) -> None:
    """Whether a running VM may have so many. Raises INVALID_VALUE."""
    if not 0 < value <= vm.VCPUs_max:
        raise INVALID_VALUE(WHEN_RUNNING, value)


def check_startable(vm: VM) -> None:
    """Whether a machine can be made with these numbers: VM.create looks at none of them."""
    if vm.VCPUs_max < 1:
        raise INVALID_VALUE("VCPUs_max", vm.VCPUs_max)
    if vm.VCPUs_at_startup < 1:
        raise INVALID_VALUE("VCPUs-at-startup", vm.VCPUs_at_startup)
    if vm.VCPUs_at_startup > vm.VCPUs_max:
        raise VALUE_NOT_SUPPORTED("VCPUs-at-startup", vm.VCPUs_at_startup, "more than VCPUs_max")
