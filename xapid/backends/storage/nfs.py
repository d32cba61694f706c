"""Repositories of files on a server of NFS."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from xapid.backends.interface import BackendError, BadConfig, DriverInfo
from xapid.backends.process import run
from xapid.backends.storage import servers
from xapid.backends.storage.exported import Exported
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import SrFound
from xapid.backends.storage.mounts import Mounts

PORT = 2049
VERSION = re.compile(r"3|4(\.[0-2])?")
DEFAULT_VERSION = "4"
COHERENT = ("acdirmin=0", "acdirmax=0", "lookupcache=positive")
"""A host sees at once which files another has made or removed."""
LOOKING = 20.0
"""Seconds that the list of what is exported may take."""


class Nfs(Exported):
    """Requests to a server that is away wait until it is back, so that no guest loses what it wrote."""

    info = DriverInfo(
        "nfs",
        "Disks as files on a server of NFS",
        File.info.features,
        shared=True,
        configuration={
            "server": "Name or address of the server.",
            "serverpath": "The folder that it exports.",
            "nfsversion": "Version of the protocol: 3, 4 (if nothing is said), 4.0, 4.1 or 4.2.",
            "options": "More options of the mount, with commas between them.",
        },
    )
    mount_code = "73"

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        if not config.get("serverpath"):
            name = _server(config)
            raise BadConfig(
                "serverpath is missing: a folder that the server exports", key="serverpath", found=_exports(name)
            )
        return super().probe(config)

    def mount_export(self, place: str, config: dict[str, str], below: str) -> Path:
        return mount_export(self.mounts, place, config, below, COHERENT)


def mount_export(mounts: Mounts, place: str, config: dict[str, str], below: str, options: tuple[str, ...]) -> Path:
    """Mount what a server exports, or a folder ``below`` it, at a place of ours.

    Raises BadConfig, Unavailable, and what the command does.
    """
    server, version = _server(config), config.get("nfsversion") or DEFAULT_VERSION
    if not config.get("serverpath"):
        raise BadConfig("serverpath is missing: a folder that the server exports", key="serverpath")
    path = servers.folder(config["serverpath"], "serverpath")
    if not VERSION.fullmatch(version):
        raise BadConfig(f"nfsversion is 3, 4, 4.0, 4.1 or 4.2, not {version[:255]!r}", key="nfsversion", code="72")
    more = servers.options(config.get("options", ""))
    if mounts.at(place) is None:
        servers.assert_answers(server, PORT, "108")
    source = f"{servers.in_brackets(server)}:{path}"
    if below:
        source = f"{source.rstrip('/')}/{below}"
    protocol = "proto=tcp6" if ":" in server else "proto=tcp"
    return mounts.mount(place, "nfs", source, (f"vers={version}", protocol, *options, *more))


def _server(config: dict[str, str]) -> str:
    if not config.get("server"):
        raise BadConfig("server is missing: the server of NFS", key="server")
    return servers.host(config["server"])


def _exports(server: str) -> str:
    """What a server says that it exports, as XML for clients. A server of version 4 alone says nothing."""
    root = ElementTree.Element("nfs-exports")
    servers.assert_answers(server, PORT, "108")
    try:
        lines = run(["showmount", "--no-headers", "--exports", "--", server], timeout=LOOKING).splitlines()
    except BackendError:
        lines = []
    for path, _, allowed in (line.rpartition(" ") for line in lines):
        export = ElementTree.SubElement(root, "Export")
        for name, text in (("Target", server), ("Path", path.rstrip()), ("Accesslist", allowed)):
            ElementTree.SubElement(export, name).text = text
    return ElementTree.tostring(root, encoding="unicode")
