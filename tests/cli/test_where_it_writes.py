"""All that the daemon writes lies below its state directory, its sockets aside."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.daemon import Client, Daemon

pytestmark = pytest.mark.slow

WATCH = '''
"""Python runs this first, in the daemon and in each process that it starts: notes down what is to be written."""

import os
import sys

RECORD = os.open({record!r}, os.O_WRONLY | os.O_APPEND)
CHANGES = {{
    "os.mkdir": (0,), "os.rmdir": (0,), "os.remove": (0,), "os.rename": (0, 1), "os.link": (0, 1), "os.symlink": (1,),
    "os.truncate": (0,), "os.chmod": (0,), "os.chown": (0,), "os.utime": (0,), "os.setxattr": (0,),
    "sqlite3.connect": (0,), "shutil.rmtree": (0,), "tempfile.mkstemp": (0,), "tempfile.mkdtemp": (0,),
    "socket.sethostname": (0,),
}}


def paths(event, args):
    if event == "open":
        return args[:1] if args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) else ()
    if event == "socket.bind":
        return args[1:2]
    return [args[at] for at in CHANGES.get(event, ())]


def watch(event, args):
    for path in paths(event, args):
        if isinstance(path, (str, bytes, os.PathLike)):
            full = os.path.abspath(os.fsdecode(path).removeprefix("file:").partition("?")[0])
            os.write(RECORD, os.fsencode(f"{{event}} {{full}}\\n"))


sys.addaudithook(watch)
'''


def exercise(client: Client, directory: Path) -> None:
    """Some of everything that might leave a file."""
    host, pool = client.call("host.get_all")[0], client.call("pool.get_all")[0]
    sr = client.call("SR.create", host, {"location": str(directory)}, "0", "sr", "", "file", "user", False, {})
    template = client.call("VM.get_by_name_label", "Other install media")[0]
    vm = client.call("VM.clone", template, "guest")
    client.call("VM.provision", vm)
    vdi = {
        "name_label": "disk", "name_description": "", "SR": sr, "virtual_size": "4194304", "type": "user",
        "sharable": False, "read_only": False, "other_config": {},
    }  # fmt: skip
    disk = client.call("VDI.create", vdi)
    client.call("VDI.snapshot", disk, {})
    client.call("VM.start", vm, False, False)
    client.call("VM.snapshot", vm, "snapshot", [])
    client.call("VM.hard_shutdown", vm)
    client.call("message.create", "HELLO", "3", "Pool", client.call("pool.get_uuid", pool), "")
    client.call("secret.create", {"value": "secret", "other_config": {}})
    client.call("host.set_name_label", host, "another name")
    client.call("event.from", ["*"], "", 0.0)


def written(record: Path) -> set[Path]:
    """The files and directories that were written or changed."""
    return {Path(line.partition(" ")[2]) for line in record.read_text().splitlines()}


def test_all_that_the_daemon_writes_lies_below_its_state_directory(tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.touch()
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(WATCH.format(record=str(record)))
    own = tmp_path / "own"
    own.mkdir()
    paths = os.pathsep.join([str(tmp_path / "first"), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    daemon = Daemon(own, "--https", "127.0.0.1:0", environment={"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"})

    for turn in range(2):
        daemon.start()
        client = daemon.client()
        exercise(client, own / "state" / f"repository {turn}")
        client.close()
        daemon.stop()

    found = written(record)
    state = own / "state"
    assert found > {state / "xapid.db", state / "lock", daemon.socket}
    elsewhere = {each for each in found if not each.is_relative_to(state) and not each.is_relative_to("/dev")}
    # A socket is made under another name beside its own.
    assert {each for each in elsewhere if each != daemon.socket and not re.fullmatch(r"\.\d+", each.name)} == {own}
    assert {each.parent for each in elsewhere - {own}} == {own}
