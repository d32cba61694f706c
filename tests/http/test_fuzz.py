"""Any bytes at all: never silence, nothing of our insides on the wire, and the daemon goes on as before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.client import Hangup, Response
from tests.http.dialects import DIALECTS, JSON_RPC_1, JSON_RPC_2, XML_RPC, Dialect
from tests.http.live import Live

pytestmark = pytest.mark.slow

STATUSES = {200, 301, 400, 401, 403, 404, 408, 431, 500, 501}
INSIDES = (b"Traceback", b'File "', b"/xapid/", b"site-packages", b"object at 0x")

# The same bytes in every run: what is found once stays found.
fuzz = settings(
    max_examples=250,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def conversation(live: Live, sent: bytes, kind: str) -> list[Response]:
    """All replies to these bytes. The client ends its side, so there is an end; what is no reply fails the test."""
    replies = []
    with live.dial(kind) as client:
        client.send(sent)
        client.end()
        try:
            while True:
                replies.append(client.response())
        except Hangup:
            assert client.rest() == b""
    return replies


def assert_harmless(live: Live, sent: bytes, dialect: Dialect, kind: str = "unix") -> None:
    for reply in conversation(live, sent, kind):
        assert reply.status in STATUSES
        assert not any(word in reply.body for word in INSIDES)
    live.assert_well(dialect)


def tokens(pieces: Sequence[bytes], most: int = 30) -> st.SearchStrategy[bytes]:
    """Words of a language in any order, with some that are none between them."""
    return st.lists(st.sampled_from(pieces) | st.binary(max_size=4), max_size=most).map(b"".join)


@st.composite
def damaged(draw: Callable[..., int], whole: bytes, pieces: Sequence[bytes]) -> bytes:
    """Something right in which a few places are cut out, overwritten or put in."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        put: bytes = draw(st.sampled_from(pieces) | st.binary(max_size=4))  # type: ignore[assignment]
        data[at : at + draw(st.integers(0, 12))] = put
    return bytes(data)


def words(text: str, *others: bytes) -> list[bytes]:
    return [*text.encode().split(), *others]


HEAD_WORDS = words(
    """
    GET POST PUT CONNECT OPTIONS HEAD HTTP/1.1 HTTP/1.0 HTTP/9 close keep-alive
    / /RPC2 /jsonrpc /console /export /import /cli /rrd_updates // /.. * ? & = % %00 http://x/ session_id=
    : Content-Length: Transfer-Encoding: chunked Connection: Cookie: Authorization: Basic Expect: 100-continue
    Upgrade: websocket task-id: subtask-of: x-http-other-config-a: 0 5 -1
    """,
    *(b"\r\n", b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\xff", b"a" * 200),
)
XML_WORDS = words(
    """
    <methodCall> </methodCall> <methodName> </methodName> <params> </params> <params/> <param> </param>
    <value> </value> <value/> <array> </array> <data> </data> <struct> </struct> <member> </member> <name> </name>
    <int> </int> <boolean> </boolean> <double> </double> <dateTime.iso8601> <base64> <nil/> &a; &lt; &#0; &#xD800;
    <![CDATA[ ]]> <!-- --> <? ?> < > & ]> pool.get_all VM.get_record Async. OpaqueRef:NULL 1 -
    """,
    *(b'<?xml version="1.0"?>', b"<!DOCTYPE x [", b"<!ENTITY a 'b'>", b" ", b"\n"),
)
JSON_WORDS = words(
    r"""
    { } [ ] : , " \ "method" "params" "id" "jsonrpc" "2.0" "1.0" "pool.get_all" "VM.get_record" "OpaqueRef:NULL"
    null true false NaN Infinity 1 - . e 1e999 9223372036854775808 \u0000 \ud800 /* */ // "" {} []
    """,
    *(b" ", b"\n", b"\0", b"\xef\xbb\xbf"),
)
CALLS = {dialect: dialect.body("VM.get_record", "OpaqueRef:NULL", "OpaqueRef:NULL") for dialect in DIALECTS}
REQUEST = XML_RPC.request("pool.get_all", "OpaqueRef:NULL")


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@fuzz
@given(sent=tokens(HEAD_WORDS) | damaged(REQUEST, HEAD_WORDS) | st.binary(max_size=2000))
def test_any_head_is_answered_or_refused(live: Live, kind: str, sent: bytes) -> None:
    assert_harmless(live, sent, XML_RPC, kind)


@fuzz
@given(body=tokens(XML_WORDS) | damaged(CALLS[XML_RPC], XML_WORDS) | st.binary(max_size=200))
def test_any_body_of_xml_is_answered_or_refused(live: Live, body: bytes) -> None:
    assert_harmless(live, XML_RPC.post(body), XML_RPC)


@pytest.mark.parametrize("dialect", [JSON_RPC_1, JSON_RPC_2], ids=str)
@fuzz
@given(data=st.data())
def test_any_body_of_json_is_answered_or_refused(live: Live, dialect: Dialect, data: st.DataObject) -> None:
    body = data.draw(tokens(JSON_WORDS) | damaged(CALLS[dialect], JSON_WORDS) | st.binary(max_size=200))

    assert_harmless(live, dialect.post(body), dialect)
