"""What the C# sample of the SDK does with a machine, through each of the old libraries: guide, 2.3.2."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.bindings import Binding
from tests.clients.java import logged_in
from tests.http.live import Live

pytestmark = pytest.mark.slow
NULL = "OpaqueRef:NULL"


def test_vm_power_states_takes_a_clone_through_them_as_far_as_its_guest_can(live: Live, binding: Binding) -> None:
    """Nothing in a simulated machine says that it can be suspended, at which the sample gives up and cleans up."""
    with logged_in(live, binding) as (connection, session):

        def call(method: str, *params: Any) -> Any:
            return connection.call(method, session, *params)

        original = call("VM.clone", call("VM.get_by_name_label", "Other install media")[0], "of VmPowerStates")
        call("VM.provision", original)
        (pool,) = call("pool.get_all")
        disk = {"name_label": "a disk", "name_description": "", "SR": call("pool.get_default_SR", pool)}
        kind = {"virtual_size": "1048576", "type": "user", "sharable": False, "read_only": False, "other_config": {}}
        drive = {"VM": original, "VDI": call("VDI.create", {**disk, **kind}), "userdevice": "0", "mode": "RW"}
        rest = {"bootable": True, "empty": False, "qos_algorithm_type": "", "qos_algorithm_params": {}}
        call("VBD.create", {**drive, "type": "Disk", "other_config": {}, **rest})

        clone = call("VM.clone", original, "Cloned VM (from 'of VmPowerStates')")
        call("VM.set_name_description", clone, "Another cloned VM")
        record = call("VM.get_record", clone)
        assert (record["name_description"], record["power_state"]) == ("Another cloned VM", "Halted")
        states = []
        for method, *params in (("VM.start", True, True), ("VM.unpause",), ("VM.hard_shutdown",)):
            call(method, clone, *params)
            states.append(call("VM.get_power_state", clone))
        assert states == ["Paused", "Running", "Halted"]

        for vm in (clone, original):
            vdis = [vdi for vbd in call("VM.get_VBDs", vm) if (vdi := call("VBD.get_VDI", vbd)) != NULL]
            assert len(vdis) == 1
            for cls, ref in (("VM", vm), *(("VDI", vdi) for vdi in vdis)):
                assert call(f"{cls}.destroy", ref) == ""
