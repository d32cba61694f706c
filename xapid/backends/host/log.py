"""Where the log of this machine goes: to another machine too, by rsyslog."""

from __future__ import annotations

from xapid.backends.host.tree import Tree
from xapid.backends.interface import NotSupported
from xapid.backends.process import Run

DIRECTORY = "etc/rsyslog.d"
FILE = f"{DIRECTORY}/xapid-remote.conf"


def send_log_to(tree: Tree, run: Run, destination: str) -> None:
    """By UDP, as syslog always went. Raises NotSupported without rsyslog."""
    if not tree.is_directory(DIRECTORY):
        if destination:
            raise NotSupported("this host has no rsyslog that could send its log elsewhere")
        return
    if destination:
        tree.write(FILE, f"# host.syslog_reconfigure writes this file.\n*.* @{_bracketed(destination)}\n")
    else:
        tree.remove(FILE)
    run(["systemctl", "restart", "rsyslog"])


def _bracketed(destination: str) -> str:
    """An address of IPv6 without a port, so that its last colon is not taken for one."""
    return f"[{destination}]" if destination.count(":") > 1 and "[" not in destination else destination
