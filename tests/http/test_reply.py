"""Replies as bytes, and the pages of the protocol."""

from __future__ import annotations

import pytest

from xapid.http.reply import Reply, cross_origin, encode_reply, error_page, unauthorized


def test_a_reply_says_version_connection_type_and_length() -> None:
    data = encode_reply(Reply(200, b"body", "text/xml", (("X", "y"),)), "1.0", keep_alive=True)

    assert data == (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncache-control: no-cache, no-store\r\n"
        b"content-type: text/xml\r\nX: y\r\ncontent-length: 4\r\n\r\nbody"
    )


def test_a_reply_may_have_no_type_and_its_own_caching() -> None:
    data = encode_reply(Reply(200, b"", "", (("Cache-Control", "private"),)), "1.1", keep_alive=False)

    assert data == b"HTTP/1.1 200 OK\r\nconnection: close\r\nCache-Control: private\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("text", ["a\r\nx: y", "a\nb", "a\0b"])
def test_a_header_holds_no_line_break(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode_reply(Reply(200, b"", "", (("location", text),)), "1.1", True)
    with pytest.raises(ValueError, match="line break"):
        encode_reply(Reply(200, b"", "", ((text, "x"),)), "1.1", True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 431, 500, 501, 503])
def test_a_page_ends_the_connection_and_shows_no_markup_of_others(status: int) -> None:
    page = error_page(status, detail="<script>")

    assert (page.status, page.content_type, page.close, page.version) == (status, "text/html", True, "1.1")
    assert b"<script>" not in page.body


def test_the_page_401_asks_for_a_password() -> None:
    assert unauthorized("get_export").headers == (("WWW-Authenticate", 'Basic realm="get_export"'),)


@pytest.mark.parametrize("requested, allowed", [(None, "X-Requested-With"), ("a, b", "a, b, X-Requested-With")])
def test_other_sites_may_send_the_headers_they_ask_for(requested: str | None, allowed: str) -> None:
    assert ("Access-Control-Allow-Headers", allowed) in cross_origin(requested).headers
