"""Where the daemon writes: below its state directory, and nowhere else, as its system calls tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.daemon import Client, Daemon

pytestmark = pytest.mark.slow

CHANGES = (
    "open,openat,openat2,creat,truncate,mkdir,mkdirat,rmdir,rename,renameat,renameat2,unlink,unlinkat,link,linkat,"
    "symlink,symlinkat,mknod,mknodat,chmod,fchmodat,chown,lchown,fchownat,utimensat,setxattr,mount,bind"
)
"""System calls that change something which has a path."""
OPENS = ("open", "openat", "openat2")
WRITES = re.compile(r"\bO_(WRONLY|RDWR|CREAT|TRUNC)\b")
CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<directory>[^>]*)>, )?"(?P<path>(?:[^"\\]|\\.)*)"')
NO_FILES = ("/dev/", "/proc/")
"""Where to write is to speak to the kernel."""


def calls(trace: Path) -> Iterator[re.Match[str]]:
    """The system calls; one that another thread's came between stands there in two parts."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        thread, _, text = line.partition(" ")
        text = RESUMED.sub(lambda _, thread=thread: begun.pop(thread, ""), text.lstrip())  # type: ignore[misc]
        if text.endswith(UNFINISHED):
            begun[thread] = text.removesuffix(UNFINISHED)
        elif call := CALL.match(text):
            yield call


def changed(trace: Path) -> Iterator[tuple[str, str]]:
    """System call and path of every change that came about."""
    for call in calls(trace):
        name, arguments = call["name"], call["arguments"]
        if call["result"] == "-1" or (name in OPENS and not WRITES.search(arguments)):
            continue
        if name == "bind" and "AF_UNIX" not in arguments:
            continue
        for found in PATH.finditer(arguments):
            yield name, os.path.normpath(Path(found["directory"] or "/", found["path"]))


def used(client: Client, repository: Path) -> None:
    """Some of what a daemon is there for: a repository, disks, a guest through its life."""
    host = client.call("host.get_all")[0]
    sr = client.call(
        "SR.create", host, {"location": str(repository)}, "0", "files", "", "file", "user", False, {}
    )  # fmt: skip
    disk = client.call(
        "VDI.create",
        {
            "name_label": "disk", "name_description": "", "SR": sr, "virtual_size": str(1 << 20), "type": "user",
            "sharable": False, "read_only": False, "other_config": {},
        },
    )  # fmt: skip
    client.call("VDI.snapshot", disk, {})
    network = client.call("network.create", {"name_label": "inside", "name_description": "", "other_config": {}})
    template = client.call("VM.get_by_name_label", "Other install media")[0]
    vm = client.call("VM.clone", template, "guest")
    client.call("VM.provision", vm)
    client.call("VM.add_to_platform", vm, "sim-guest", "full")
    client.call(
        "VIF.create",
        {
            "device": "0", "network": network, "VM": vm, "MAC": "", "MTU": "1500", "other_config": {},
            "qos_algorithm_type": "", "qos_algorithm_params": {},
        },
    )  # fmt: skip
    client.call(
        "VBD.create",
        {
            "VM": vm, "VDI": disk, "userdevice": "0", "bootable": True, "mode": "RW", "type": "Disk", "empty": False,
            "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
        },
    )  # fmt: skip
    client.call("VM.start", vm, False, False)
    client.call("VM.snapshot", vm, "of a running guest", [])
    client.call("VM.suspend", vm)
    client.call("VM.resume", vm, False, False)
    client.call("VM.clean_shutdown", vm)


def test_all_that_the_daemon_writes_lies_below_its_state_directory(tmp_path: Path) -> None:
    directory, trace, repository = tmp_path / "daemon", tmp_path / "trace", tmp_path / "repository"
    directory.mkdir()
    # -D: the daemon stays the process that was started, so that it can be told to stop.
    within = ("strace", "-A", "-D", "-f", "-qq", "-y", "-s4096", "-esignal=none", f"-etrace={CHANGES}", f"-o{trace}")
    environment = {"XAPID_FIRST_START_REPOSITORIES": "true", "PYTHONDONTWRITEBYTECODE": "1"}
    daemon = Daemon(directory, "--https", "127.0.0.1:0", environment=environment, within=within)

    with daemon, closing(daemon.client()) as client:
        used(client, repository)
    with daemon:
        """What a second start writes."""

    found = set(changed(trace))
    written = {path for _, path in found}
    # Where a repository lies is for its client to say.
    own = (f"{directory}/state", str(repository), str(daemon.socket), f"{daemon.socket.parent}/.", *NO_FILES)
    assert {(name, path) for name, path in found if not path.startswith(own)} == set()
    assert {f"{directory}/state/xapid.db", f"{directory}/state/certificate.pem"} <= written
