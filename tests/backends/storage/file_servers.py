"""Servers of files on this host, which is to be spoiled: they serve it over 127.0.0.1. Need root and systemd."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from tempfile import mkdtemp

ADDRESS = "127.0.0.1"
USER, PASSWORD = "keeper", "a pass, word"
SHARE = "disks"
SMB_CONF = Path("/etc/samba/smb.conf")


def command(*words: str, reads: str = "") -> str:
    """What a command prints that must succeed."""
    return subprocess.run(words, input=reads, stdout=subprocess.PIPE, text=True, check=True).stdout


class Servers:
    """Each is started when it is first asked for, and serves the same folder."""

    def __init__(self) -> None:
        self._ends = ExitStack()

    def stop(self) -> None:
        self._ends.close()

    @cached_property
    def folder(self) -> str:
        """What is exported by NFS, with the same path on the server as here."""
        folder = self._served
        command("systemctl", "start", "nfs-server")
        export = f"{ADDRESS}:{folder}"
        command("exportfs", "-o", "rw,no_root_squash,insecure,no_subtree_check,fsid=77", export)
        self._ends.callback(partial(command, "exportfs", "-u", export))
        # As long as one is mounted, others of this server are so at once.
        held = mkdtemp(prefix="held-")
        command("mount", "-t", "nfs", "-o", "vers=4,proto=tcp", export, held)
        self._ends.callback(partial(command, "umount", held))
        return folder

    @cached_property
    def share(self) -> str:
        """What is shared by SMB, as clients write it; for one user."""
        SMB_CONF.write_text(
            f"[global]\nserver role = standalone server\nsmb ports = 445\n"
            f"[{SHARE}]\npath = {self._served}\nread only = no\nvalid users = {USER}\nforce user = root\n"
        )
        subprocess.run(["useradd", "--no-create-home", USER], check=False, stderr=subprocess.DEVNULL)
        command("smbpasswd", "-s", "-a", USER, reads=f"{PASSWORD}\n{PASSWORD}\n")
        command("systemctl", "restart", "smbd")
        self._ends.callback(partial(command, "systemctl", "stop", "smbd"))
        return rf"\\{ADDRESS}\{SHARE}"

    @cached_property
    def _served(self) -> str:
        return mkdtemp(prefix="served-")


servers = Servers()
