"""A network of a test's own, so that daemons on one machine do not take each other's ports and bridges. Needs root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

HOLD = """
ip link set lo up
# /sys shows the network of whoever mounted it; control groups are mounted in it, and must stay.
mount --rbind /sys/fs/cgroup /mnt
mount -t sysfs sysfs /sys
mount --rbind /mnt /sys/fs/cgroup
echo there
exec sleep infinity
"""


@contextmanager
def own_network() -> Iterator[tuple[str, ...]]:
    """The words before a command that run it in a network of its own."""
    command = ["unshare", "--net", "--mount", "sh", "-ec", HOLD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "there\n"
            # In the folder we are in: else Python would find another xapid than that of this clone.
            place = f"/proc/{holder.pid}"
            yield ("nsenter", f"--net={place}/ns/net", f"--mount={place}/ns/mnt", f"--wd={place}/cwd", "--")
        finally:
            # Popen waits for it, whatever went wrong.
            holder.kill()
