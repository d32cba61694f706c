"""A daemon with the example storage plug-ins installed, and what tests do with them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.daemon import Client, Daemon
from tests.machines import MIB
from tests.storage_plugins import V1, Installed, install, short_folder

HANGS = "import time; time.sleep(3600)"
"""What a plug-in does in an accident of which it does not return."""


@dataclass
class Host:
    """A daemon with the examples installed, and a client of it."""

    daemon: Daemon
    plugins: Installed
    client: Client
    folder: Path

    def call(self, method: str, *params: Any) -> Any:
        return self.client.call(method, *params)

    @property
    def diary(self) -> Path:
        return self.folder / "diary"

    def said(self, command: str) -> list[dict[str, Any]]:
        """With what the plug-in was called."""
        lines = [json.loads(line) for line in self.diary.read_text().splitlines()] if self.diary.exists() else []
        return [params for name, params in lines if name == command]

    def sr(self, name: str = "sr", kind: str = V1, **config: str) -> str:
        """A repository of the example."""
        (self.folder / "accidents").mkdir(exist_ok=True)
        (host,) = self.call("host.get_all")
        words = {"location": str(self.folder / name), "diary": str(self.diary), "accidents": str(self.accidents)}
        return str(self.call("SR.create", host, words | config, "0", name, "", kind, "user", False, {"k": "v"}))

    @property
    def accidents(self) -> Path:
        return self.folder / "accidents"

    def accident(self, command: str, code: str) -> None:
        """What happens at the next calls of a command: lines of Python."""
        (self.accidents / command).write_text(code)

    def no_accident(self, command: str) -> None:
        (self.accidents / command).unlink()

    def disk(self, sr: str, size: int = 4 * MIB, **fields: Any) -> str:
        wanted = {
            "name_label": "a disk", "name_description": "of a test", "SR": sr, "virtual_size": str(size),
            "type": "user", "sharable": False, "read_only": False, "other_config": {"folder": "/x"},
            "sm_config": {"hint": "1"},
        }  # fmt: skip
        return str(self.call("VDI.create", wanted | fields))

    def vdi(self, ref: str) -> dict[str, Any]:
        return dict(self.call("VDI.get_record", ref))

    def again(self) -> None:
        """Another daemon begins where the last one ended."""
        self.client.close()
        self.daemon.start()
        self.client = self.daemon.client()


Start = Callable[[Path, dict[str, str]], Daemon]
"""A daemon, not yet started, for a directory and with variables of the environment."""


def on_simulator(folder: Path, environment: dict[str, str]) -> Daemon:
    return Daemon(folder, environment=environment)


@contextmanager
def started(make: Start = on_simulator) -> Iterator[Daemon]:
    """A daemon that finds the examples below its directory."""
    folder = short_folder()
    try:
        with make(folder, install(folder / "plugins").environment) as daemon:
            yield daemon
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What it says once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.05)
    return found


def a_machine(host: Host, vdi: str) -> str:
    """One with that disk."""
    template = next(ref for ref, each in host.call("VM.get_all_records").items() if each["is_a_template"])
    vm = str(host.call("VM.clone", template, "a machine"))
    host.call("VM.remove_from_other_config", vm, "disks")
    host.call("VM.provision", vm)
    drive = {
        "VM": vm, "VDI": vdi, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "unpluggable": True,
        "empty": False, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    }  # fmt: skip
    host.call("VBD.create", drive)
    return vm
