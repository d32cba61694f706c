"""Networks of a host: what the driver adds to the kernel's own time, and whether that grows with their number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.bench.report import load_average
from tests.own_network import own_network


def main() -> None:
    print(f"Networks ({load_average()})")
    if os.geteuid() != 0:
        print("bridges of the kernel: not measured, for want of root")
        return
    with own_network() as within:
        subprocess.run([*within, sys.executable, "-m", "tests.bench.real_networks", *sys.argv[1:]], check=True)
    if shutil.which("ovs-vswitchd") is None:
        print("Open vSwitch: not measured, for it is not installed")
        return
    with own_network() as within:
        subprocess.run([*within, sys.executable, "-m", "tests.bench.real_switch", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
