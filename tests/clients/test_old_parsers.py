"""XML as old libraries write it is read, and what we write they read: ws-xmlrpc 3.1, XML-RPC.NET, libxml2."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.bindings import CSHARP, JAVA, Binding, Connection, Misread
from tests.clients.conftest import PASSWORD, USER
from tests.clients.libxml2 import C
from tests.daemon import Failure
from tests.http.dialects import JSON_RPC_2
from tests.http.live import Live

TEXTS = {
    "nothing": "",
    "markup": "<value>&amp;</value> \"'",
    "an end of data": "]]>",
    "other scripts": "\u00fc \u4e2d \U0001f600",
    "blanks around": "  x\ty  ",
    "lines": "one\ntwo\n",
    "a number": "007",
    "a line separator": "a\u2028b\u0085c",
    "long": "<" * 10_000,
}


@pytest.fixture
def connection(live: Live, binding: Binding) -> Any:
    with live.dial("tcp") as client:
        yield Connection(client, binding)


@pytest.fixture
def session(connection: Connection) -> Any:
    session = connection.call("session.login_with_password", USER, PASSWORD, "1.0", "old")
    yield session
    connection.call("session.logout", session)


def by_json(live: Live, method: str, *params: Any) -> Any:
    """What another client sees, which does without XML."""
    with live.dial() as client:
        return live.call(client, JSON_RPC_2, method, live.session, *params)


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_arrives_and_comes_back(live: Live, connection: Connection, session: str, text: str) -> None:
    connection.call("VM.set_name_description", session, live.vm, text)

    assert by_json(live, "VM.get_name_description", live.vm) == text
    assert connection.call("VM.get_name_description", session, live.vm) == text
    assert connection.call("VM.get_record", session, live.vm)["name_description"] == text


@pytest.mark.slow
def test_values_of_every_kind_arrive_and_come_back(live: Live, connection: Connection, session: str) -> None:
    pairs = {"empty": "", 'key <b> & "c"': "value ]]> &", "\u00fc": "\U0001f600"}
    tags = ["one", "two <&>", "\u4e2d"]
    connection.call("VM.set_other_config", session, live.vm, pairs)
    connection.call("VM.set_tags", session, live.vm, tags)
    (template,) = by_json(live, "VM.get_by_name_label", "Other install media")
    connection.call("VM.set_HVM_shadow_multiplier", session, template, 2.5)
    connection.call("VM.set_user_version", session, live.vm, "-7")

    record = connection.call("VM.get_record", session, live.vm)

    assert by_json(live, "VM.get_other_config", live.vm) == pairs == record["other_config"]
    assert sorted(by_json(live, "VM.get_tags", live.vm)) == sorted(tags) == sorted(record["tags"])
    assert (record["user_version"], record["is_control_domain"]) == ("-7", True)
    assert connection.call("VM.get_HVM_shadow_multiplier", session, template) == 2.5
    for empty in ("set_other_config", "set_tags"):
        connection.call(f"VM.{empty}", session, live.vm, {} if "config" in empty else [])
    record = connection.call("VM.get_record", session, live.vm)
    assert (record["other_config"], record["tags"]) == ({}, [])


@pytest.mark.slow
@pytest.mark.parametrize("params", [(), ("",), ("<&>", {"a": ["\u00fc", {}]})], ids=len)
def test_an_error_is_read_whatever_its_parameters_hold(connection: Connection, params: tuple[Any, ...]) -> None:
    with pytest.raises(Failure) as error:
        connection.call("VM.get_record <&> ]]>", *params)

    assert error.value.args[0] in ("MESSAGE_METHOD_UNKNOWN", "SESSION_INVALID", "INTERNAL_ERROR")
    if not params:
        assert error.value.args[1] == "VM.get_record <&> ]]>"


@pytest.mark.slow
def test_a_call_without_parameters_is_read(connection: Connection) -> None:
    connection.client.send(connection.binding.request("system.listMethods"))

    methods = connection.binding.value(connection.client.response().body)
    assert "VM.start" in methods and methods == sorted(set(methods), key=methods.index)


@pytest.mark.slow
@pytest.mark.parametrize("version, kept", [("1.1", "keep-alive"), ("1.0", "close")])
def test_curl_and_dotnet_may_ask_whether_to_go_on(live: Live, binding: Binding, version: str, kept: str) -> None:
    """Neither waits for ever for the answer to ``Expect``: the body comes after a moment, and is answered."""
    body = binding.body("session.get_uuid", live.session, live.session)
    head = f"POST / HTTP/{version}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with live.dial("tcp") as client:
        client.send(head)
        client.silent(0.1)
        client.send(body)
        reply = client.response()
        if reply.status == 100:
            reply = client.response()

    assert (reply.status, reply.headers["connection"]) == (200, kept)
    assert binding.value(reply.body)["Status"] == "Success"


# The readers of these tests are as strict as the libraries are.


def answer(value: str) -> bytes:
    inner = f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
    return f'<?xml version="1.0"?>{inner}'.encode()


REFUSED = {
    "eight bytes": ("<i8>1</i8>", {"ws-xmlrpc"}),
    "nan in small letters": ("<double>nan</double>", {"ws-xmlrpc", "XML-RPC.NET"}),
    "a dash in a date": ("<dateTime.iso8601>2020-01-01T00:00:00Z</dateTime.iso8601>", {"ws-xmlrpc", "XML-RPC.NET"}),
    "true as a word": ("<boolean>true</boolean>", {"ws-xmlrpc", "XML-RPC.NET"}),
    "a name twice": (
        "<struct><member><name>a</name><value>1</value></member><member><name>a</name><value/></member></struct>",
        {"ws-xmlrpc", "XML-RPC.NET"},
    ),
    "an array without data": ("<array></array>", {"ws-xmlrpc", "XML-RPC.NET", "libxml2"}),
    "an unescaped ampersand": ("a & b", {"ws-xmlrpc", "XML-RPC.NET", "libxml2"}),
    "a character that XML forbids": ("\x01", {"ws-xmlrpc", "XML-RPC.NET", "libxml2"}),
}


@pytest.mark.parametrize("value, by", REFUSED.values(), ids=REFUSED)
def test_the_readers_of_these_tests_refuse_what_the_libraries_refuse(value: str, by: set[str]) -> None:
    for binding in filter(None, (JAVA, CSHARP, C)):
        try:
            binding.value(answer(value))
        except Misread:
            assert binding.name in by
        else:
            assert binding.name not in by


@pytest.mark.skipif(C is None, reason="there is no libxml2")
def test_libxml2_takes_what_is_indented_for_a_text() -> None:
    """Which is why nothing may stand between the elements of an answer."""
    assert C is not None
    assert C.value(answer("<array><data></data></array>")) == []
    assert C.value(answer("\n<array><data></data></array>\n")) == "\n\n"
