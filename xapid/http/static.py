"""The file server: GET of everything that no other handler has."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from xapid.http.exchange import PEER, send_reply
from xapid.http.peer import Peer
from xapid.http.reply import Reply, error_page

CHUNK = 262144


@dataclass(frozen=True, slots=True)
class FileServer:
    """Serves the files below one directory. Without one, nothing is there."""

    root: Path | None
    https_only: bool = True
    """Others than this machine get no files over plain HTTP; else they are sent to HTTPS."""
    hsts_max_age: int = -1
    """Seconds for which browsers shall insist on HTTPS; negative: the header is left out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._insecure(scope)
        if refusal is not None:
            await send_reply(send, refusal)
            return
        inside = inside_path(scope["path"])
        if inside is None:
            await send_reply(send, error_page(403))
            return
        found = await asyncio.to_thread(self._open, inside)
        if isinstance(found, Reply):
            await send_reply(send, found)
            return
        with found as file:
            await self._send_file(file, send)

    def _insecure(self, scope: Scope) -> Reply | None:
        peer: Peer = scope["extensions"][PEER]
        if peer.tls or peer.unix or not peer.address or ip_address(peer.address).is_loopback:
            return None
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if self.https_only or not host:
            return error_page(403)
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        location = f"https://{_without_port(host)}{scope['raw_path'].decode()}{query}"
        return Reply(301, b"", "", (("location", location),), version="1.1")

    def _open(self, inside: str) -> BinaryIO | Reply:
        """The file, or the page to send instead. A link that leads out of the directory is no way out."""
        if self.root is None or "\0" in inside:
            return _not_found()
        root = self.root.resolve()
        path = (root / inside).resolve()
        if path.is_dir():
            path = (path / "index.html").resolve()
        if not path.is_relative_to(root):
            return error_page(403)
        try:
            return path.open("rb")
        except OSError:
            return _not_found()

    async def _send_file(self, file: BinaryIO, send: Send) -> None:
        left = os.fstat(file.fileno()).st_size
        headers = [(b"content-length", b"%d" % left)]
        kind, _ = mimetypes.guess_type(file.name)
        if kind is not None:
            headers.append((b"content-type", kind.encode()))
        if self.hsts_max_age >= 0:
            headers.append((b"strict-transport-security", b"max-age=%d" % self.hsts_max_age))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while left > 0:
            data = await asyncio.to_thread(file.read, min(left, CHUNK))
            if not data:  # it has been cut meanwhile: the exchange ends the connection
                return
            left -= len(data)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def inside_path(path: str) -> str | None:
    """The path below the root, without ``.`` and ``..``; None if it leads out."""
    inside: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not inside:
                return None
            inside.pop()
        elif part not in ("", "."):
            inside.append(part)
    return "/".join(inside)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _not_found() -> Reply:
    """The page for people, which unlike other pages names no type."""
    return error_page(404)._replace(content_type="")
