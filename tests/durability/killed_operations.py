"""What can be done to a machine while somebody is killed: how each operation is prepared, and what must be true."""

from __future__ import annotations

import http.client
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.daemon import Client
from tests.qemu_daemon import QemuDaemon, new_guest

NULL = "OpaqueRef:NULL"
MIB = 1 << 20
PENDING = ("pending", "cancelling")

Things = Counter[str]
"""What there is, each kind of thing with its number."""
Subject = Callable[["Site", str], str]
"""What an operation is done to, by the machine."""


class Killed(Exception):
    """The daemon died before the operation came to its end."""


def carry_out(daemon: QemuDaemon, client: Client, message: str, *params: Any) -> str:
    """Do it, and say which status its task has. Raises Killed."""
    try:
        task = client.call(f"Async.{message}", *params)
        token = ""
        while (status := str(client.call("task.get_status", task))) in PENDING:
            token = client.call("event.from", [f"task/{task}"], token, 30.0)["token"]
    except (OSError, http.client.HTTPException) as error:
        assert daemon.process is not None
        daemon.process.wait(30)
        raise Killed from error
    return status


@dataclass(frozen=True)
class Act:
    """An operation, and in which state the machine has to be for it."""

    message: str
    state: str
    extra: tuple[Any, ...] = ()
    subject: Subject = field(default=lambda _, vm: vm)
    calls: bool = True
    """Whether drivers are called for it."""

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Site:
    """A daemon on QEMU without machines at first, and a client."""

    daemon: QemuDaemon
    client: Client

    def call(self, method: str, *params: Any) -> Any:
        return self.client.call(method, *params)

    # Making ready

    def machine(self, state: str) -> str:
        """A new machine in a power state; ``Up``: that runs, and its guest has booted."""
        if state == "Up":
            return self.bounded(self.daemon.booted("subject"))
        vm = self.bounded(new_guest(self.client, "subject"))
        if state != "Halted":
            self.call("VM.start", vm, state == "Paused", False)
        if state == "Suspended":
            self.call("VM.suspend", vm)
        return vm

    def bounded(self, vm: str) -> str:
        """The same machine, whose interfaces may not send whatever they like."""
        for vif in self.call("VM.get_VIFs", vm):
            self.call("VIF.set_locking_mode", vif, "locked")
        return vm

    @property
    def sr(self) -> str:
        (pool,) = self.call("pool.get_all")
        return str(self.call("pool.get_default_SR", pool))

    def disk(self, vm: str) -> str:
        """A drive with a disk that is not plugged."""
        vdi = self.call("VDI.create", {
            "name_label": "a disk", "name_description": "", "SR": self.sr, "virtual_size": str(16 * MIB),
            "type": "user",
            "sharable": False, "read_only": False, "other_config": {},
        })  # fmt: skip
        return str(self.call("VBD.create", {
            "VM": vm, "VDI": vdi, "userdevice": "autodetect", "bootable": False, "mode": "RW", "type": "Disk",
            "unpluggable": True, "empty": False, "other_config": {}, "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        }))  # fmt: skip

    def nic(self, vm: str) -> str:
        """An interface that is not plugged."""
        return str(self.call("VIF.create", {
            "VM": vm, "network": self.network(), "device": "3", "MAC": "", "MTU": "1500", "other_config": {},
            "qos_algorithm_type": "ratelimit", "qos_algorithm_params": {"kbps": "9000"},
        }))  # fmt: skip

    def network(self) -> str:
        return str(self.call("network.create", {"name_label": "new", "name_description": "", "other_config": {}}))

    def plugged(self, device: str, cls: str) -> str:
        self.call(f"{cls}.plug", device)
        return device

    def first_disk(self, vm: str) -> str:
        return str(self.call("VBD.get_VDI", self.call("VM.get_VBDs", vm)[0]))

    # What is there

    def machines(self) -> dict[str, dict[str, Any]]:
        """Snapshots too."""
        return {
            ref: each
            for ref, each in self.call("VM.get_all_records").items()
            if not each["is_control_domain"] and (each["is_a_snapshot"] or not each["is_a_template"])
        }

    def things(self) -> Things:
        """Guests and their folders, links and files of volumes, each kind with its number."""
        state = self.daemon.directory / "state"
        volumes = [path for path in (state / "sr").rglob("*") if path.is_file()]
        return Counter(
            [
                *("guest" for _ in self.daemon.guests),
                *(f"link {each}" for each in self.daemon.links),
                *("bounds" for _ in range(self.daemon.bounds)),
                *(f"file {path.suffix}" for path in volumes),
                *("folder" for path in (state / "run").glob("*-*-*-*-*")),
            ]
        )

    def open_images(self) -> set[str]:
        """The images of disks that guests have open."""
        found = set()
        for pid in self.daemon.guests:
            said = subprocess.run(["ls", "-l", f"/proc/{pid}/fd"], capture_output=True, text=True).stdout
            found |= set(re.findall(r"-> (\S+\.qcow2)", said))
        return found

    def image(self, vdi: str) -> str:
        (pbd,) = self.call("SR.get_PBDs", self.call("VDI.get_SR", vdi))
        location = self.call("PBD.get_device_config", pbd)["location"]
        return str(Path(location) / f"{self.call('VDI.get_location', vdi)}.qcow2")

    def untruths(self) -> list[str]:
        """What is recorded otherwise than it is, and tasks that never end."""
        tasks = self.call("task.get_all_records").values()
        found = [f"{task['name_label']} is {task['status']}" for task in tasks if task["status"] in PENDING]
        found += [f"{task['name_label']} failed without a reason" for task in tasks if _unexplained(task)]
        machines = self.machines().values()
        run = [each for each in machines if each["power_state"] in ("Running", "Paused")]
        if len(run) != len(self.daemon.guests):
            found.append(f"{len(self.daemon.guests)} guests are there, and {len(run)} are recorded")
        taps = self.daemon.links.count("guest")
        plugged = [self.call("VIF.get_currently_attached", vif) for each in run for vif in each["VIFs"]]
        if taps != sum(plugged):
            found.append(f"{taps} interfaces are there, and {sum(plugged)} are recorded")
        if self.daemon.bounds != sum(plugged):
            found.append(f"{self.daemon.bounds} interfaces have bounds, and {sum(plugged)} are to have some")
        opened = self.open_images()
        for each in machines:
            found += [self._wrong(each, vbd, opened) for vbd in each["VBDs"]]
            if (each["power_state"] == "Suspended") != (each["suspend_VDI"] != NULL):
                found.append(f"it is {each['power_state']}, and its image is {each['suspend_VDI']}")
        for cls in ("VM", "VBD", "VIF", "VDI", "SR"):
            for row in self.call(f"{cls}.get_all_records").values():
                found += [f"a {cls} is busy with {operation}" for operation in row["current_operations"].values()]
        return [each for each in found if each]

    def _wrong(self, vm: dict[str, Any], vbd: str, opened: set[str]) -> str:
        record = self.call("VBD.get_record", vbd)
        attached = record["currently_attached"]
        if vm["is_a_snapshot"] or record["VDI"] == NULL:
            return ""
        match vm["power_state"]:
            case "Halted":
                return "a disk of a machine that is off is attached" if attached else ""
            case "Suspended":
                return ""
        is_open = self.image(record["VDI"]) in opened
        return "" if is_open == attached else f"a disk is {'not ' * attached}open, and its record says the opposite"

    def wake_up(self) -> None:
        """Machines that are said to sleep do so."""
        for vm, record in self.machines().items():
            if record["power_state"] == "Suspended" and not record["is_a_snapshot"]:
                self.call("VM.resume", vm, False, False)

    def clear(self) -> None:
        """Remove all machines, disks and networks that were made."""
        for vm, record in self.machines().items():
            if record["power_state"] != "Halted":
                self.call("VM.hard_shutdown", vm)
            self.call("VM.destroy", vm)
        # Inner nodes go with the last of those that they are part of.
        for vdi in [vdi for vdi in self.call("SR.get_VDIs", self.sr) if self.call("VDI.get_managed", vdi)]:
            self.call("VDI.destroy", vdi)
        for network in self.call("network.get_by_name_label", "new"):
            self.call("network.destroy", network)


def _unexplained(task: dict[str, Any]) -> bool:
    return task["status"] == "failure" and not task["error_info"]


def _host(site: Site, vm: str) -> str:
    return str(site.call("host.get_all")[0])


ACTS = (
    Act("VM.pause", "Running"),
    Act("VM.unpause", "Paused"),
    Act("VM.resume", "Suspended", (False, False)),
    Act("VM.hard_shutdown", "Running"),
    Act("VM.hard_reboot", "Running"),
    Act("VM.clean_shutdown", "Up"),
    Act("VM.clean_reboot", "Up"),
    Act("VM.clone", "Halted", ("copy",)),
    Act("VM.copy", "Halted", ("copy", NULL)),
    Act("VM.csvm", "Suspended"),
    Act("VM.destroy", "Halted", calls=False),
    Act("VM.checkpoint", "Running", ("checkpoint",)),
    Act("VM.revert", "Running", (), lambda site, vm: str(site.call("VM.checkpoint", vm, "checkpoint"))),
    Act("VM.pool_migrate", "Running", (_host, {})),
    Act("VBD.plug", "Running", (), lambda site, vm: site.disk(vm)),
    Act("VBD.unplug", "Up", (), lambda site, vm: site.plugged(site.disk(vm), "VBD")),
    Act("VIF.plug", "Running", (), lambda site, vm: site.nic(vm)),
    Act("VIF.unplug", "Up", (), lambda site, vm: site.plugged(site.nic(vm), "VIF")),
    Act("VIF.move", "Running", (lambda site, vm: site.network(),), lambda site, vm: site.plugged(site.nic(vm), "VIF")),
    Act("VDI.snapshot", "Running", ({},), Site.first_disk),
    Act("VDI.resize_online", "Running", (str(128 * MIB),), Site.first_disk),
    Act("VDI.pool_migrate", "Running", (lambda site, vm: site.sr, {}), Site.first_disk),
    Act("VDI.set_on_boot", "Halted", ("reset",), Site.first_disk),
)
"""Those that have no walk of their own in ``test_kill_points.py``."""
