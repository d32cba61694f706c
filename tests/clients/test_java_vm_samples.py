"""What the Java samples of the SDK do with machines, through each of the old libraries: guide, 2.3.3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.bindings import Binding, Connection
from tests.clients.java import logged_in, record
from tests.daemon import Failure
from tests.http.live import Live

pytestmark = pytest.mark.slow
PATIENCE = 30.0
NULL = "OpaqueRef:NULL"


class Sample:
    """A sample that has logged in; it says each call as its class and name, as the binding's methods do."""

    def __init__(self, connection: Connection, session: str) -> None:
        self._connection = connection
        self._session = session

    def __call__(self, method: str, *params: Any) -> Any:
        return self._connection.call(method, self._session, *params)

    def wait_for(self, task: str) -> str:
        """As ``waitForTask``: asks for the state until it is one of those at the end, and returns that."""
        deadline = time.monotonic() + PATIENCE
        while (status := self("task.get_status", task)) in ("pending", "cancelling"):
            assert 0.0 <= self("task.get_progress", task) <= 1.0 and time.monotonic() < deadline
            time.sleep(0.02)
        return str(status)

    def windows_clone(self, name: str, *, in_background: bool) -> str:
        """A copy of the first template whose name has Windows in it, on a host that says it can run such."""
        (pool,) = self("pool.get_all")
        assert any("hvm" in each for each in self("host.get_capabilities", self("pool.get_master", pool)))
        records = self("VM.get_all_records").items()
        template = next(ref for ref, each in records if each["is_a_template"] and "Windows" in each["name_label"])
        if not in_background:
            return str(self("VM.clone", template, name))
        task = self("Async.VM.clone", template, name)
        assert self.wait_for(task) == "success"
        # What the binding finds in a result: the reference between the tags.
        result = str(self("task.get_result", task))
        return result.removeprefix("<value>").removesuffix("</value>")

    def nic(self, vm: str) -> dict[str, Any]:
        """The record of a first interface, in the first network there is."""
        network = self("network.get_all")[0]
        return record("VIF", VM=vm, network=network, device="0", MTU="1500", locking_mode="network_default")

    def put_disks_on_default_storage(self, vm: str) -> None:
        """In the words of the template that say which disks there are to be."""
        (pool,) = self("pool.get_all")
        storage = self("SR.get_uuid", self("pool.get_default_SR", pool))
        other_config = self("VM.get_other_config", vm)
        assert 'sr=""' in other_config["disks"]
        other_config["disks"] = other_config["disks"].replace('sr=""', f'sr="{storage}"')
        self("VM.set_other_config", vm, other_config)

    def disks(self, vm: str) -> list[str]:
        vdis = (self("VBD.get_VDI", vbd) for vbd in self("VM.get_VBDs", vm))
        return [vdi for vdi in vdis if vdi != NULL]


@pytest.fixture
def sample(live: Live, binding: Binding) -> Iterator[Sample]:
    """What it made is gone at the end, which the samples leave."""
    with logged_in(live, binding) as (connection, session):
        sample = Sample(connection, session)
        before = set(sample("VM.get_all"))
        yield sample
        for vm in set(sample("VM.get_all")) - before:
            if sample("VM.get_power_state", vm) != "Halted":
                sample("VM.hard_shutdown", vm)
            disks = sample.disks(vm)
            sample("VM.destroy", vm)
            for vdi in disks:
                sample("VDI.destroy", vdi)


def test_async_vm_create_makes_a_machine_by_tasks_alone(sample: Sample) -> None:
    vm = sample.windows_clone("made by AsyncVMCreate", in_background=True)
    assert sample("VM.get_name_label", vm) == "made by AsyncVMCreate"
    nic = sample.nic(vm)
    assert sample.wait_for(sample("Async.VIF.create", nic)) == "success"

    again = sample("Async.VIF.create", nic)

    assert sample.wait_for(again) == "failure"
    assert sample("task.get_error_info", again) == ["DEVICE_ALREADY_EXISTS", "0"]
    sample.put_disks_on_default_storage(vm)
    for method, *params in (("VM.provision",), ("VM.start", False, False)):
        assert sample.wait_for(sample(f"Async.{method}", vm, *params)) == "success"
    assert sample("VM.get_power_state", vm) == "Running"
    shutdown = sample("Async.VM.clean_shutdown", vm)
    # Nothing runs in a machine that was never installed; the sample does not look how this ended.
    assert sample.wait_for(shutdown) == "failure"
    assert sample("task.get_error_info", shutdown) == ["VM_LACKS_FEATURE", vm]
    assert len(sample.disks(vm)) == 1


def test_create_vm_makes_a_machine_with_a_nic_a_disk_and_an_empty_drive(sample: Sample) -> None:
    vm = sample.windows_clone("made by CreateVM", in_background=False)
    vif = sample("VIF.create", sample.nic(vm))
    sample.put_disks_on_default_storage(vm)
    drive = record("VBD", VM=vm, VDI="", userdevice="3", mode="RO", type="CD", empty=True)
    vbd = sample("VBD.create", drive)

    sample("VM.provision", vm)
    sample("VM.start", vm, False, False)

    assert sample("VM.get_power_state", vm) == "Running"
    assert sample("VIF.get_currently_attached", vif) is True
    assert (sample("VBD.get_empty", vbd), sample("VBD.get_currently_attached", vbd)) == (True, True)
    (disk,) = sample.disks(vm)
    (pool,) = sample("pool.get_all")
    assert sample("VDI.get_SR", disk) == sample("pool.get_default_SR", pool)
    sample("VM.hard_shutdown", vm)
    assert sample("VM.get_power_state", vm) == "Halted"


def test_start_all_vms_hears_of_each_why_it_does_not_start(sample: Sample) -> None:
    vm = sample.windows_clone("to be started", in_background=False)
    sample.put_disks_on_default_storage(vm)
    sample("VM.provision", vm)
    wrong, started, seen = [], [], set()

    # Twice, so that those that run by then are among them.
    for each in (*sample("VM.get_all_records").values(), *sample("VM.get_all_records").values()):
        ref = sample("VM.get_by_uuid", each["uuid"])
        state = sample("VM.get_power_state", ref)
        try:
            sample("VM.start", ref, False, False)
            started.append(ref)
        except Failure as error:
            seen.add(error.args[0])
            expected = {
                "VM_IS_TEMPLATE": each["is_a_template"],
                "VM_BAD_POWER_STATE": state != "Halted",
            }
            if not expected.get(error.args[0]):
                wrong.append((each["name_label"], error.args))

    assert (started, wrong) == ([vm], [])
    assert seen == {"VM_IS_TEMPLATE", "VM_BAD_POWER_STATE"}


def test_vm_lifecycle_starts_a_clone_paused_once_it_says_that_it_may(sample: Sample) -> None:
    original = sample.windows_clone("to be cloned", in_background=False)
    sample.put_disks_on_default_storage(original)
    sample("VM.provision", original)
    records = sample("VM.get_all_records").items()
    halted = [
        ref
        for ref, each in records
        if not each["is_a_template"] and not each["is_control_domain"] and each["power_state"] == "Halted"
    ]
    assert original in halted

    clone = sample("VM.clone", original, "Cloned by VMlifecycle.java")
    sample("VM.set_name_description", clone, "Created at some time")

    assert "start" in sample("VM.get_allowed_operations", clone)
    sample("VM.start", clone, True, False)
    assert sample("VM.get_power_state", clone) == "Paused"
    assert "unpause" in sample("VM.get_allowed_operations", clone)
    sample("VM.unpause", clone)
    assert sample("VM.get_power_state", clone) == "Running"
