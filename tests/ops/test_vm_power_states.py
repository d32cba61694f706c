"""What a machine is asked for in the wrong power state is refused with the right ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import MIB, NULL, Workshop
from xapid.datamodel.errors import (
    VM_BAD_POWER_STATE,
)

MESSAGES: dict[str, tuple[tuple[Any, ...], tuple[str, ...]]] = {
    "start": ((False, False), ("halted",)),
    "pause": ((), ("running",)),
    "unpause": ((), ("paused",)),
    "suspend": ((), ("running",)),
    "resume": ((False, False), ("suspended",)),
    "clean_shutdown": ((), ("running",)),
    "hard_shutdown": ((), ("paused", "suspended", "running")),
    "shutdown": ((), ("paused", "suspended", "running")),
    "clean_reboot": ((), ("running",)),
    "hard_reboot": ((), ("paused", "running")),
    "destroy": ((), ("halted", "suspended")),
    "clone": (("a clone",), ("halted",)),
    "copy": (("a copy", NULL), ("halted",)),
    "checkpoint": (("a checkpoint",), ("paused", "suspended", "running")),
    "provision": ((), ("halted",)),
    "set_VCPUs_max": ((2,), ("halted",)),
    "set_VCPUs_number_live": ((1,), ("running",)),
    "set_memory": ((256 * MIB,), ("halted",)),
    "set_memory_limits": ((1, 2, 1, 2), ("halted",)),
    "set_memory_static_range": ((1, 2), ("halted",)),
    "set_memory_dynamic_range": ((1, 2), ("halted", "running")),
    "set_HVM_shadow_multiplier": ((1.0,), ("halted",)),
    "set_is_a_template": ((True,), ("halted",)),
    "add_to_NVRAM": (("a", "b"), ("halted",)),
    "get_boot_record": ((), ("paused", "suspended", "running")),
    "wait_memory_target_live": ((), ("running",)),
    "call_plugin": (("guest-agent-operation", "request-rdp-on", {}), ("running",)),
    "get_data_sources": ((), ("running",)),
    "sysprep": (("<unattend/>", 1.0), ("running",)),
}
"""What follows the VM in each call, and in which states it is taken."""
STATES = ("Halted", "Paused", "Suspended", "Running")


@pytest.mark.parametrize(
    "message, state",
    [(message, state) for message, (_, fine) in MESSAGES.items() for state in STATES if state.lower() not in fine],
)
async def test_a_wrong_power_state_is_named(workshop: Workshop, message: str, state: str) -> None:
    arguments, expected = MESSAGES[message]
    vm = await workshop.vm_in(state)
    before = workshop.row(vm).power_state

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await workshop.xapi.call(f"VM.{message}", vm, *arguments)

    assert error.value.args == (vm, ", ".join(expected), state.lower())
    assert workshop.row(vm).power_state == before
    assert workshop.idle()
