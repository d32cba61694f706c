"""The guide's walk through the life of a machine, for the client of PyPI and any hypervisor: guide, 3.1, 4.2.1 and 6.3.

Its guest is the demo guest, or one that speaks as that does. A word that it keeps in its memory and another on its disk
tell which of its pasts it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.console_client import Line

MIB = 1 << 20
NULL = "OpaqueRef:NULL"
ALIVE = "xapid demo guest: tick"
"""What it says again and again."""
NO_QOS = {"qos_algorithm_type": "", "qos_algorithm_params": {}}


@dataclass(frozen=True)
class Walker:
    """Somebody who is logged in, and what kind of guest is to be walked with."""

    xapi: Any
    """The ``xenapi`` of a session."""
    template: str
    """The name of the guest's template, which has one disk."""
    line: Callable[[str], AbstractContextManager[Line]]
    """The text console of a machine that runs."""
    disk: str = "/dev/vda"
    """As the guest calls it."""

    def new_machine(self, name: str) -> str:
        """Cloned from its template and provisioned; it says each second that it is alive."""
        records = self.xapi.VM.get_all_records()
        template = next(
            ref for ref, each in records.items() if each["is_a_template"] and each["name_label"] == self.template
        )
        vm = str(self.xapi.VM.clone(template, name))
        self.xapi.VM.set_PV_args(vm, f"{self.xapi.VM.get_PV_args(vm)} demo.tick=1")
        self.xapi.VM.provision(vm)
        assert self.state(vm) == "Halted"
        assert not self.xapi.VM.get_is_a_template(vm)
        return vm

    def state(self, vm: str) -> str:
        return str(self.xapi.VM.get_power_state(vm))

    def remember(self, line: Line, word: str) -> None:
        """Let the guest write a word into its memory and onto its disk."""
        assert line.run(f"echo {word} | tee /word | dd of={self.disk} conv=fsync && echo done") == ["done"]

    def remembered(self, line: Line) -> list[str]:
        """What the guest reads from its memory, if there is anything, and from its disk."""
        return line.run(f"echo 3 >/proc/sys/vm/drop_caches; cat /word; head -n 1 {self.disk}")

    def remembers_after_resume(self, vm: str) -> list[str]:
        self.xapi.VM.resume(vm, False, False)
        assert self.state(vm) == "Running"
        with self.line(vm) as line:
            line.wait_for(ALIVE)
            return self.remembered(line)


def walk(walker: Walker) -> None:
    """From the template to the end of the machine, of which nothing is left."""
    xapi = walker.xapi
    before = set(xapi.VM.get_all()), set(xapi.VDI.get_all())
    vm = walker.new_machine("walked")
    xapi.VM.start(vm, False, False)
    assert walker.state(vm) == "Running"

    with walker.line(vm) as line:
        line.wait_for(ALIVE)
        plug_and_unplug_a_disk(walker, vm, line)
        plug_and_unplug_an_interface(walker, vm, line)
        walker.remember(line, "first")
    xapi.VM.suspend(vm)
    assert walker.state(vm) == "Suspended"
    assert walker.remembers_after_resume(vm) == ["first", "first"]

    snapshots = go_back(walker, vm)
    clean_ends(walker, vm)

    for each in (*snapshots, vm):
        image = xapi.VM.get_suspend_VDI(each)
        disks = [xapi.VBD.get_VDI(vbd) for vbd in xapi.VM.get_VBDs(each)]
        xapi.VM.destroy(each)
        for vdi in (*disks, image):
            if vdi != NULL:
                xapi.VDI.destroy(vdi)
    assert (set(xapi.VM.get_all()), set(xapi.VDI.get_all())) == before


def plug_and_unplug_a_disk(walker: Walker, vm: str, line: Line) -> None:
    xapi, said = walker.xapi, len(line.said)
    (pool,) = xapi.pool.get_all()
    vdi = xapi.VDI.create({
        "name_label": "plugged", "name_description": "", "SR": xapi.pool.get_default_SR(pool), "type": "user",
        "virtual_size": str(48 * MIB), "sharable": False, "read_only": False, "other_config": {},
    })  # fmt: skip
    position = next(iter(sorted(xapi.VM.get_allowed_VBD_devices(vm), key=int)))
    vbd = xapi.VBD.create({
        "VM": vm, "VDI": vdi, "userdevice": position, "bootable": False, "mode": "RW", "type": "Disk",
        "unpluggable": True, "empty": False, "other_config": {}, **NO_QOS,
    })  # fmt: skip

    xapi.VBD.plug(vbd)
    name = line.wait_for_match(r"disk (\w+) 48 MiB", said)[1]
    assert xapi.VBD.get_currently_attached(vbd)
    xapi.VBD.unplug(vbd)
    line.wait_for(f"{name} gone", said)

    assert not xapi.VBD.get_currently_attached(vbd)
    xapi.VBD.destroy(vbd)
    xapi.VDI.destroy(vdi)


def plug_and_unplug_an_interface(walker: Walker, vm: str, line: Line) -> None:
    xapi, said = walker.xapi, len(line.said)
    network = xapi.network.create({"name_label": "plugged", "name_description": "", "other_config": {}})
    position = next(iter(sorted(xapi.VM.get_allowed_VIF_devices(vm), key=int)))
    vif = xapi.VIF.create({
        "VM": vm, "network": network, "device": position, "MAC": "", "MTU": "1500", "other_config": {}, **NO_QOS,
    })  # fmt: skip

    xapi.VIF.plug(vif)
    name = line.wait_for_match(rf"nic (\w+) {xapi.VIF.get_MAC(vif)}", said)[1]
    assert xapi.VIF.get_currently_attached(vif)
    xapi.VIF.unplug(vif)
    line.wait_for(f"{name} gone", said)

    assert not xapi.VIF.get_currently_attached(vif)
    xapi.VIF.destroy(vif)
    xapi.network.destroy(network)


def go_back(walker: Walker, vm: str) -> list[str]:
    """To a checkpoint, which keeps its memory too, and to a snapshot, which does not. The guest is up at the end."""
    xapi = walker.xapi
    snapshot = xapi.VM.snapshot(vm, "while it runs")
    with walker.line(vm) as line:
        walker.remember(line, "second")
    checkpoint = xapi.VM.checkpoint(vm, "with its memory")
    assert walker.state(vm) == "Running"
    # Again and again.
    for word in ("third", "fourth"):
        with walker.line(vm) as line:
            walker.remember(line, word)
        xapi.VM.revert(checkpoint)
        assert walker.state(vm) == "Suspended"
        assert walker.remembers_after_resume(vm) == ["second", "second"]
    assert walker.state(checkpoint) == "Suspended"

    xapi.VM.revert(snapshot)
    assert walker.state(vm) == "Halted"
    xapi.VM.start(vm, False, False)
    with walker.line(vm) as line:
        line.wait_for(ALIVE)
        assert walker.remembered(line) == ["first"]
    return [snapshot, checkpoint]


def clean_ends(walker: Walker, vm: str) -> None:
    """A reboot after which it has forgotten what was in its memory, and a shutdown."""
    xapi = walker.xapi
    with walker.line(vm) as line:
        walker.remember(line, "last")
    xapi.VM.clean_reboot(vm)
    with walker.line(vm) as line:
        line.wait_for(ALIVE)
        assert walker.remembered(line) == ["last"]
    xapi.VM.clean_shutdown(vm)
    assert walker.state(vm) == "Halted"
