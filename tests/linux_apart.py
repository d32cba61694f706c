"""A daemon on the host driver of Linux, in an agent process; its machine is a folder, and the rest is simulated.

The commands of that machine are scripts in front of the path: they note how they were called, and those of systemd keep
which units are enabled and run, as links and control groups below the root.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from tests.daemon import Daemon
from tests.sim_apart import serve
from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.hardware import Hardware, simulated
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config

MACHINE = "LINUX_MACHINE"
NOTE = 'echo "${0##*/} $*" >> "$LINUX_MACHINE/commands"\n'
COMMANDS = {
    "systemctl": """
verb=$1; shift; [ "$verb" = --no-block ] && { verb=$1; shift; }
for unit in "$@"; do
    wants=$LINUX_MACHINE/etc/systemd/system/multi-user.target.wants
    group=$LINUX_MACHINE/sys/fs/cgroup/system.slice/$unit
    case $verb in
        enable) mkdir -p "$wants"; touch "$wants/$unit" ;;
        disable) rm -f "$wants/$unit" ;;
        start|restart) mkdir -p "$group" ;;
        stop) rm -rf "$group" ;;
    esac
done
""",
    "timedatectl": """
case $1 in
    set-timezone) ln -sfn "/usr/share/zoneinfo/$2" "$LINUX_MACHINE/etc/localtime" ;;
    set-ntp) [ "$2" = true ] && verb=enable || verb=disable; systemctl $verb chrony.service ;;
    show) echo yes ;;
esac
""",
    "hostnamectl": """
echo "$3" > "$LINUX_MACHINE/proc/sys/kernel/hostname"
""",
    "chronyc": """
sed -n 's/^server \\([^ ]*\\).*/^,*,\\1,2,6,377,57,0,0,0/p' "$LINUX_MACHINE/etc/chrony/chrony.conf"
""",
    "dmesg": """
echo "Linux version 6.1"
""",
}


class LinuxApart(Daemon):
    """The machine is below ``directory/machine``, where it is to be laid out before the start."""

    module = "tests.linux_apart"

    def __init__(self, directory: Path) -> None:
        self.root = directory / "machine"
        scripts = directory / "bin"
        scripts.mkdir()
        for name, text in COMMANDS.items():
            script = scripts / name
            script.write_text(f"#!/bin/sh\n{NOTE}{text}")
            script.chmod(0o755)
        path = f"{scripts}:{os.environ['PATH']}"
        super().__init__(directory, environment={MACHINE: str(self.root), "PATH": path})

    def commands(self) -> list[str]:
        """All that were run so far."""
        noted = self.root / "commands"
        return noted.read_text().splitlines() if noted.exists() else []


async def hardware(config: Config) -> Hardware:
    linux = DriverSpec("host", "xapid.backends.host.linux:Linux", {"root": os.environ[MACHINE]})
    drivers = tuple(linux if each.kind == "host" else each for each in simulated(config).drivers)
    apart = AgentConfig(tuple(replace(each, immediate=False) for each in drivers))
    return Hardware(LocalBackends(apart, apart=True), True, config.state_dir / "certificate.pem")


if __name__ == "__main__":
    serve(hardware)
