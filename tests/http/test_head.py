"""How heads of requests are read: request line, target, Content-Length and Connection."""

from __future__ import annotations

import pytest

from xapid.http.head import Head, HeadError, parse_head


def head(request_line: str = "GET / HTTP/1.1", *headers: str) -> Head:
    return parse_head("\r\n".join([request_line, *headers]).encode(), 4096)


@pytest.mark.parametrize(
    "target, path, query",
    [
        ("/", "/", ""),
        ("/export?uuid=a%20b&x=1?2", "/export", "uuid=a%20b&x=1?2"),
        ("/a%20b/%C3%BC", "/a b/\u00fc", ""),
        ("/%2e%2e/etc", "/../etc", ""),
        ("/\u00fc", "/\u00fc", ""),
        ("http://x/export?a", "/export", "a"),
        ("https://x:80/", "/", ""),
        ("http://x", "", ""),
        ("//", "", ""),
        ("//x/export", "/export", ""),
        ("/a//b", "/a//b", ""),
        ("*", "*", ""),
        ("?a", "", "a"),
    ],
)
def test_a_target_has_a_path_and_a_query(target: str, path: str, query: str) -> None:
    read = head(f"GET {target} HTTP/1.1")

    assert (read.path, read.query) == (path, query)


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", " GET / HTTP/1.1", "GET  /  HTTP/1.1 "])
def test_blanks_in_the_request_line_do_not_count(line: str) -> None:
    assert head(line).method == "GET"


@pytest.mark.parametrize(
    "line, status",
    [
        ("", 500),
        ("GET", 500),
        ("GET /", 500),
        ("GET / HTTP/1.1 x", 500),
        ("GET / x", 500),
        ("HEAD / HTTP/1.1", 501),
        ("get / HTTP/1.1", 501),
        ("DELETE / HTTP/1.1", 501),
    ],
)
def test_what_is_no_request_line_has_a_status(line: str, status: int) -> None:
    with pytest.raises(HeadError) as error:
        head(line)

    assert error.value.status == status


@pytest.mark.parametrize(
    "text, version", [("1.0", "1.0"), *((text, "1.1") for text in ("1.1", "0.9", "2.0", "1.2", "x", "1"))]
)
def test_every_version_but_1_0_is_1_1(text: str, version: str) -> None:
    assert head(f"GET / HTTP/{text}").version == version


@pytest.mark.parametrize(
    "text, length", [("5", 5), ("+5", 5), ("005", 5), ("0", 0), ("9223372036854775807", 2**63 - 1)]
)
def test_a_length_is_a_number(text: str, length: int) -> None:
    assert head("PUT / HTTP/1.1", f"Content-Length: {text}").length == length


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "5, 5", "0x10", "5.0", "++5", "\u0665", "9223372036854775808", "9" * 5000]
)
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(HeadError) as error:
        parse_head(f"PUT / HTTP/1.1\r\nContent-Length: {text}".encode(), 10000)

    assert error.value.status == 500


def test_the_last_length_wins() -> None:
    assert head("PUT / HTTP/1.1", "Content-Length: 5", "content-length:7").length == 7


def test_without_a_length_there_is_none() -> None:
    assert head().length is None


@pytest.mark.parametrize(
    "value, new, old",
    [
        ("close", False, False),
        ("Close", False, False),
        ("keep-alive", True, True),
        ("KEEP-ALIVE", True, True),
        ("keep-alive, x", True, False),
        ("close, x", True, False),
        ("upgrade", True, False),
        ("", True, False),
    ],
)
def test_a_connection_is_kept_as_the_client_says(value: str, new: bool, old: bool) -> None:
    assert head("GET / HTTP/1.1", f"Connection: {value}").keep_alive is new
    assert head("GET / HTTP/1.0", f"Connection: {value}").keep_alive is old


def test_a_connection_of_which_nothing_is_said_is_kept_by_new_clients() -> None:
    assert head("GET / HTTP/1.1").keep_alive is True
    assert head("GET / HTTP/1.0", "Keep-Alive: 5").keep_alive is False


def test_lines_that_are_no_headers_are_passed_over() -> None:
    read = head("GET / HTTP/1.1", "no colon here", " folded: x", ": empty", "A :  b : c ")

    assert read.headers == (("folded", "x"), ("", "empty"), ("a", "b : c"))


def test_bytes_that_are_no_text_are_kept() -> None:
    read = parse_head(b"GET /\xe9 HTTP/1.1\r\nX: \xff", 4096)

    assert read.path == "/\u00e9"
    assert read.fields == ((b"x", b"\xff"),)


@pytest.mark.parametrize("line", ["X: a\nY: b", "X: a\rY: b", "X: a\0", "X: a\n", "\rX: a"])
def test_a_line_holds_no_other_line_break(line: str) -> None:
    with pytest.raises(HeadError) as error:
        head("GET / HTTP/1.1", line)

    assert error.value.status == 500


def test_a_line_has_a_limit() -> None:
    with pytest.raises(HeadError) as error:
        head("GET / HTTP/1.1", "X: " + "a" * 4096)

    assert error.value.status == 500
