"""The real demo guest in a bare QEMU: what it says, and what it does when asked."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo_guest import demo_guest

pytestmark = [pytest.mark.libvirt, pytest.mark.slow]
LIMIT = 120.0
"""Seconds for each thing to happen: emulated processors on a busy machine are slow."""


class Machine:
    """A guest, its serial line, and QEMU's monitor."""

    def __init__(self, folder: Path, disk: Path) -> None:
        guest = demo_guest()
        monitor = folder / "qmp"
        command = [
            *("qemu-system-x86_64", "-accel", "tcg", "-m", "128", "-nodefaults", "-vga", "std", "-display", "none"),
            *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd)),
            *("-append", f"{guest.kernel_args} demo.tick=1 demo.ip=10.9.8.7/24"),
            *("-drive", f"file={disk},if=virtio,format=raw", "-nic", "user,model=virtio-net-pci,restrict=on"),
            *("-serial", "stdio", "-qmp", f"unix:{monitor},server=on,wait=off"),
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._said = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._monitor = monitor

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self._said += line.decode(errors="replace")
                self._news.notify_all()

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self._said, LIMIT), f"no {text!r} in:\n{self._said}"

    def type_on_serial(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, command: str, **arguments: Any) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(LIMIT)
            sock.connect(str(self._monitor))
            with sock.makefile("rw") as stream:
                stream.readline()
                for each in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                    stream.write(json.dumps(each) + "\n")
                    stream.flush()
                    while "return" not in (answer := json.loads(stream.readline())):
                        assert "error" not in answer, answer

    def close(self) -> None:
        self.process.kill()
        # Before the pipes are closed: it reads from one of them.
        self._reader.join()
        self.process.communicate()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    machine = Machine(tmp_path, disk)
    machine.wait_for("xapid demo guest: ready 10.9.8.7/24")
    yield machine
    machine.close()


def test_it_tells_of_its_devices_and_ticks(machine: Machine) -> None:
    machine.wait_for("xapid demo guest: disk vda 64 MiB")
    machine.wait_for("xapid demo guest: nic eth0 52:54:00:12:34:56")
    machine.wait_for("xapid demo guest: tick 2")


def test_a_key_on_its_keyboard_shows_on_the_serial_line_and_a_shell_answers_there(machine: Machine) -> None:
    machine.wait_for("built-in shell")
    # Said beside the shell.
    machine.wait_for("xapid demo guest: address eth0")

    machine.ask("send-key", keys=[{"type": "qcode", "data": "a"}])
    machine.type_on_serial("ip -o address show eth0; echo forty-$((40+2))")

    machine.wait_for("xapid demo guest: key a")
    machine.wait_for("inet 10.9.8.7/24")
    machine.wait_for("forty-42")


def test_the_power_button_turns_it_off(machine: Machine) -> None:
    machine.ask("system_powerdown")

    assert machine.process.wait(LIMIT) == 0
    machine.wait_for("xapid demo guest: poweroff")
