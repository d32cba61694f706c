"""Repositories of files on a share of SMB."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from xapid.backends.interface import BadConfig, DriverInfo
from xapid.backends.storage import servers
from xapid.backends.storage.exported import Exported
from xapid.backends.storage.file import File
from xapid.backends.storage.mounts import Mounts

PORT = 445
SHARE = re.compile(r"[^/\\\x00-\x1f\"<>|:*?,]{1,80}")
FOR_DISKS = ("file_mode=0600", "dir_mode=0700", "nobrl")
"""Options for repositories. QEMU locks some bytes of an image, which on a server of SMB would keep everybody, QEMU
itself too, from writing there. So locks are this host's alone."""
SECRETS = ("username", "password", "domain")


class Smb(Exported):
    """The share is mounted by root; who logs in to the server is a matter between the two."""

    info = DriverInfo(
        "smb",
        "Disks as files on a share of SMB",
        File.info.features,
        shared=True,
        configuration={
            "server": r"The share: \\server\share.",
            "username": "Who logs in to the server; if nobody is named, a guest does.",
            "password": "The password.",
            "domain": "The domain that the user belongs to.",
        },
    )
    mount_code = "111"

    def mount_export(self, place: str, config: dict[str, str], below: str) -> Path:
        if not config.get("server"):
            raise BadConfig(r"server is missing: the share, as \\server\share", key="server")
        return mount_share(self.mounts, place, config["server"], config, below, FOR_DISKS)


def mount_share(
    mounts: Mounts, place: str, share: str, config: dict[str, str], below: str, options: tuple[str, ...]
) -> Path:
    """Mount ``\\\\server\\share``, or a folder ``below`` it, at a place of ours, logged in as the configuration says.

    Raises BadConfig, Unavailable, and what the command does.
    """
    server, name = _share(share)
    said = {each: config.get(each, "") for each in SECRETS}
    said["password"] = said["password"] or config.get("cifspassword", "")
    for key, text in said.items():
        if not text.isprintable():
            raise BadConfig(f"{key} has characters in it that no line of a file can have", key=key)
    if mounts.at(place) is None:
        servers.assert_answers(server, PORT, "111")
    # The command line of a mount, and the table of mounts, can be read by all.
    with tempfile.NamedTemporaryFile("w", prefix="xapid-smb-", dir=_memory()) as file:
        file.write("".join(f"{key}={text}\n" for key, text in said.items() if text))
        file.flush()
        who = f"credentials={file.name}" if said["username"] else "guest"
        source = f"//{server}/{name}/{below}" if below else f"//{server}/{name}"
        return mounts.mount(place, "cifs", source, (who, *options))


def _memory() -> str:
    """A folder whose files are on no disk."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()  # noqa: S108, PTH112


def _share(text: str) -> tuple[str, str]:
    """Server and name of a share, with slashes of either kind. Raises BadConfig."""
    parts = text.replace("\\", "/").rstrip("/").split("/")
    if len(parts) != 4 or parts[:2] != ["", ""] or not SHARE.fullmatch(parts[3]) or parts[3] in (".", ".."):
        raise BadConfig(rf"a share is written as \\server\share, not {text[:255]!r}", key="server")
    return servers.host(parts[2]), parts[3]
