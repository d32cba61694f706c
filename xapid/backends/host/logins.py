"""Logins to this machine: SSH on or off, and when idle ones end."""

from __future__ import annotations

from xapid.backends.host.tree import Tree
from xapid.backends.interface import NotSupported
from xapid.backends.process import Run

SERVICES = ("ssh.service", "sshd.service")
"""The server, as Debian calls it and as others do."""
SOCKET = "ssh.socket"
"""Where systemd listens for it."""
TOOLSTACK = "xapid.service"
AUTO = f"etc/systemd/system/{TOOLSTACK}.d/ssh.conf"
IDLE = "etc/profile.d/xapid_idle.sh"
SLICES = ("sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice")
"""A unit that runs has a control group below."""


class Logins:
    """The server for SSH of the machine whose files are below a root, by systemd."""

    def __init__(self, tree: Tree, run: Run) -> None:
        self._tree = tree
        self._run = run

    def ssh(self) -> bool:
        """Whether somebody listens."""
        runs = any(self._tree.is_directory(f"{folder}/{unit}") for folder in SLICES for unit in SERVICES)
        return runs or self._tree.unit_enabled(SOCKET)

    def set_ssh(self, enabled: bool, at_boot: bool) -> None:
        service = self._service()
        if self._tree.has_unit(SOCKET):
            # Or systemd would go on to listen. Where it did, the server itself does from now on.
            self._run(["systemctl", "disable", "--now", SOCKET])
        self._run(["systemctl", "enable" if at_boot else "disable", service])
        self._run(["systemctl", "start" if enabled else "stop", service])

    def set_ssh_auto(self, value: bool) -> None:
        """By systemd, which learns of every end of the toolstack: of a crash, and of a hang by its watchdog."""
        if not value:
            if self._tree.text(AUTO):
                self._tree.remove(AUTO)
                self._run(["systemctl", "daemon-reload"])
            return
        service = self._service()
        if not self._tree.has_unit(TOOLSTACK):
            raise NotSupported("the toolstack is no service of systemd, so nobody would see it end")
        # A failure is passed over: at the end of the machine nothing is started any more.
        wanted = (
            "# host.set_ssh_auto_mode writes this file.\n[Service]\n"
            f"ExecStopPost=-systemctl --no-block start {service}\n"
        )
        if self._tree.text(AUTO) != wanted.strip():
            self._tree.write(AUTO, wanted)
            self._run(["systemctl", "daemon-reload"])

    def set_idle_timeout(self, seconds: int) -> None:
        if seconds:
            self._tree.write(IDLE, f"# host.set_console_idle_timeout writes this file.\nexport TMOUT={seconds}\n")
        else:
            self._tree.remove(IDLE)

    def _service(self) -> str:
        for service in SERVICES:
            if self._tree.has_unit(service):
                return service
        raise NotSupported("this host has no server for SSH")
