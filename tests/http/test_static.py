"""The file server, asked through ASGI."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from xapid.http.exchange import PEER
from xapid.http.peer import Peer
from xapid.http.static import FileServer, inside_path

LOCAL = Peer("", 0, True, 0, 1, False)
FAR_PLAIN = Peer("192.0.2.1", 5000, False, None, None, False)
FAR_TLS = Peer("192.0.2.1", 5000, False, None, None, True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    (root / "sub").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "index.html").write_text("home")
    (root / "sub" / "index.html").write_text("sub home")
    (root / "large.bin").write_bytes(bytes(700000))
    (tmp_path / "secret").write_text("secret")
    (root / "way-out").symlink_to(tmp_path / "secret")
    return root


async def ask(server: FileServer, path: str, peer: Peer = LOCAL) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the reply."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("a GET has no body")

    scope = {
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"a=b",
        "headers": [(b"host", b"xen.example:80")],
        "extensions": {PEER: peer},
    }
    await server(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


@pytest.mark.parametrize(
    "path, body",
    [("/", b"home"), ("/index.html", b"home"), ("/sub", b"sub home"), ("/sub/./../sub//index.html", b"sub home")],
)
async def test_files_and_the_indexes_of_directories_are_served(root: Path, path: str, body: bytes) -> None:
    status, headers, found = await ask(FileServer(root), path)

    assert (status, found) == (200, body)
    assert headers == {"content-length": str(len(body)), "content-type": "text/html"}


async def test_a_large_file_comes_whole(root: Path) -> None:
    _, headers, found = await ask(FileServer(root), "/large.bin")

    assert len(found) == int(headers["content-length"]) == 700000


@pytest.mark.parametrize("path", ["/nosuch", "/empty", "/index.html/x", "/a\0b", "/sub/\u00fc"])
async def test_what_is_not_there_is_a_page_without_a_type(root: Path, path: str) -> None:
    status, headers, found = await ask(FileServer(root), path)

    assert (status, headers) == (404, {"connection": "close"})
    assert b"404" in found


async def test_without_a_directory_nothing_is_there() -> None:
    assert (await ask(FileServer(None), "/"))[0] == 404


@pytest.mark.parametrize("path", ["/../secret", "/sub/../../secret", "/way-out"])
async def test_no_way_leads_out_of_the_directory(root: Path, path: str) -> None:
    assert (await ask(FileServer(root), path))[0] == 403


@pytest.mark.parametrize("path, inside", [("/a/../b", "b"), ("/", ""), ("/a//./b", "a/b"), ("/a/../..", None)])
def test_a_path_is_made_plain(path: str, inside: str | None) -> None:
    assert inside_path(path) == inside


async def test_browsers_may_be_told_to_insist_on_https(root: Path) -> None:
    _, headers, _ = await ask(FileServer(root, hsts_max_age=60), "/", FAR_TLS)

    assert headers["strict-transport-security"] == "max-age=60"


@pytest.mark.parametrize("peer, status", [(FAR_PLAIN, 403), (FAR_TLS, 200), (LOCAL, 200)])
async def test_others_get_no_files_over_plain_http(root: Path, peer: Peer, status: int) -> None:
    assert (await ask(FileServer(root), "/", peer))[0] == status


async def test_others_may_be_sent_to_https_instead(root: Path) -> None:
    status, headers, _ = await ask(FileServer(root, https_only=False), "/sub", FAR_PLAIN)

    assert (status, headers["location"]) == (301, "https://xen.example/sub?a=b")
