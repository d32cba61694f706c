"""What no client should send to a running daemon: each time the documented error, and the next call is fine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon import Failure
from tests.http.client import Client
from tests.http.dialects import DIALECTS, JSON_RPC_1, JSON_RPC_2, XML_RPC, Dialect
from tests.http.live import Live

pytestmark = pytest.mark.slow

DEEP = 100_000
LIMIT = 307_200
NOWHERE = "OpaqueRef:00000000-0000-0000-0000-000000000000"
NULL = "OpaqueRef:NULL"
NO_UUID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(params=DIALECTS, ids=str)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture(params=["unix", "tcp"])
def client(live: Live, request: pytest.FixtureRequest) -> Iterator[Client]:
    with live.dial(request.param) as client:
        yield client


def failure(live: Live, dialect: Dialect, method: str, *params: Any) -> tuple[str, ...]:
    """The error of a call; the next one on the same connection must be fine."""
    with live.dial() as client:
        with pytest.raises(Failure) as error:
            live.call(client, dialect, method, *live.fill(params))
        live.assert_well(dialect, client)
    return error.value.args


def assert_page(live: Live, dialect: Dialect, request: bytes, status: int = 500, kind: str = "unix") -> None:
    """The request is answered by the page of this status and the end of its connection; others are served as ever."""
    with live.dial(kind) as client:
        client.send(request)

        reply = client.response()

        assert (reply.status, reply.headers["content-type"]) == (status, "text/html")
        assert reply.headers["connection"] == "close"
        assert b"Traceback" not in reply.body
        assert client.rest() == b""
    live.assert_well(dialect)


# Calls that are well written, but wrong


@pytest.mark.parametrize(
    "method, params",
    [
        ("VM.set_name_label", ("$session", "$vm", {"a": "struct"})),
        ("VM.set_name_label", ("$session", "$vm", ["an array"])),
        ("VM.set_name_label", ("$session", "$vm", True)),
        ("VM.set_name_label", ("$session", "$vm", 7)),
        ("VM.set_HVM_shadow_multiplier", ("$session", "$vm", "a lot")),
        ("VM.set_VCPUs_max", ("$session", "$vm", "many")),
        ("VM.set_VCPUs_max", ("$session", "$vm", "9223372036854775808")),
        ("VM.set_VCPUs_max", ("$session", "$vm", 1.5)),
        ("VM.set_is_a_template", ("$session", "$vm", "true")),
        ("VM.set_is_a_template", ("$session", "$vm", 1)),
        ("VM.set_tags", ("$session", "$vm", "a text")),
        ("VM.set_tags", ("$session", "$vm", ["one", {"not": "a text"}])),
        ("VM.set_other_config", ("$session", "$vm", ["an array"])),
        ("VM.set_other_config", ("$session", "$vm", {"key": ["an array"]})),
        ("VM.set_actions_after_shutdown", ("$session", "$vm", "explode")),
        ("VM.get_record", ("$session", ["$vm"])),
        ("VM.get_record", (["$session"], "$vm")),
        ("VM.create", ("$session", "a text")),
        ("VM.create", ("$session", {})),
        ("message.get_since", ("$session", "yesterday")),
        ("session.login_with_password", ("root", {})),
        ("event.from", ("$session", ["*"], "", "soon")),
        # A parameter of the wrong type is told of before a session that is not there.
        ("VM.set_VCPUs_max", (NOWHERE, "$vm", "many")),
    ],
)
def test_a_parameter_of_the_wrong_type_is_an_internal_error(
    live: Live, dialect: Dialect, method: str, params: tuple[Any, ...]
) -> None:
    code, text = failure(live, dialect, method, *params)

    assert code == "INTERNAL_ERROR"
    assert "\n" not in text


@pytest.mark.parametrize(
    "method, params, expected, received",
    [
        ("VM.get_record", (), "1", "-1"),
        ("VM.get_record", ("$session",), "1", "0"),
        ("VM.get_record", ("$session", "$vm", "more"), "1", "2"),
        ("VM.get_all", (), "0", "-1"),
        ("VM.get_all", ("$session", "more"), "0", "1"),
        ("VM.start", ("$session", "$vm", False), "3", "2"),
        ("VM.start", ("$session", "$vm", False, False, "more"), "3", "4"),
        ("Async.VM.start", ("$session", "$vm"), "3", "1"),
        ("VM_start", ("$session",), "3", "0"),
        ("session.login_with_password", (), "2", "0"),
        ("session.login_with_password", ("root",), "2", "1"),
        # The count is looked at before the types, and before the session.
        ("VM.get_record", (NOWHERE, {}, {}), "1", "2"),
    ],
)
def test_too_many_and_too_few_parameters_are_counted(
    live: Live, dialect: Dialect, method: str, params: tuple[Any, ...], expected: str, received: str
) -> None:
    name = method.removeprefix("Async.")

    assert failure(live, dialect, method, *params) == (
        "MESSAGE_PARAMETER_COUNT_MISMATCH",
        name,
        expected,
        received,
    )


def test_a_method_with_defaults_passes_over_what_is_too_much(live: Live, dialect: Dialect) -> None:
    with live.dial() as client:
        session = live.call(
            client, dialect, "session.login_with_password", "root", "", "1.0", "test", "more", ["yet more"]
        )
        assert live.call(client, dialect, "session.logout", session) == ""


@pytest.mark.parametrize("params", [(), ("$session",), ("$session", "$vm", 1)], ids=len)
@pytest.mark.parametrize(
    "method",
    ["VM.fly", "Dragon.get_all", "vm.get_all", "VM.GET_ALL", "VM", ".", "VM.", "..", "\u00fc", "VM.get_all "],
)
def test_an_unknown_method_or_class_is_named(
    live: Live, dialect: Dialect, method: str, params: tuple[Any, ...]
) -> None:
    assert failure(live, dialect, method, *params) == ("MESSAGE_METHOD_UNKNOWN", method)


def test_the_prefix_is_no_part_of_an_unknown_name(live: Live, dialect: Dialect) -> None:
    assert failure(live, dialect, "Async.VM.fly", "$session") == ("MESSAGE_METHOD_UNKNOWN", "VM.fly")
    assert failure(live, dialect, "InternalAsync.VM.fly") == ("MESSAGE_METHOD_UNKNOWN", "VM.fly")


def test_an_unknown_method_with_parameters_needs_a_session(live: Live, dialect: Dialect) -> None:
    assert failure(live, dialect, "VM.fly", NOWHERE) == ("SESSION_INVALID", NOWHERE)


def test_a_getter_has_no_form_that_returns_a_task(live: Live, dialect: Dialect) -> None:
    assert failure(live, dialect, "Async.VM.get_record", "$session", "$vm") == (
        "Fault",
        "No async mode for this operation (rpc: VM.get_record)",
    )


@pytest.mark.parametrize(
    "method, cls",
    [
        ("VM.get_record", "VM"),
        ("VM.get_power_state", "VM"),
        ("VM.hard_shutdown", "VM"),
        ("VM.destroy", "VM"),
        ("VDI.destroy", "VDI"),
        ("host.get_record", "host"),
        ("SR.scan", "SR"),
        ("task.cancel", "task"),
        ("VIF.plug", "VIF"),
    ],
)
@pytest.mark.parametrize("ref", ["$network", NOWHERE, NULL, "", "rubbish", "OpaqueRef:", "$network_uuid"])
def test_a_reference_that_is_dead_or_of_another_class_is_invalid(
    live: Live, dialect: Dialect, method: str, cls: str, ref: str
) -> None:
    (known,) = live.fill((ref,))

    assert failure(live, dialect, method, "$session", ref) == ("HANDLE_INVALID", cls, known)


@pytest.mark.parametrize("uuid", ["$network_uuid", NO_UUID, "", "rubbish", "$vm"])
def test_a_uuid_that_is_unknown_or_of_another_class_is_invalid(live: Live, dialect: Dialect, uuid: str) -> None:
    (known,) = live.fill((uuid,))

    assert failure(live, dialect, "VM.get_by_uuid", "$session", uuid) == ("UUID_INVALID", "VM", known)


@pytest.mark.parametrize("session", [NOWHERE, NULL, "", "rubbish", "$vm"])
@pytest.mark.parametrize("method", ["VM.get_record", "Async.VM.unpause", "VM.destroy"])
def test_a_session_that_is_not_there_is_invalid(live: Live, dialect: Dialect, method: str, session: str) -> None:
    (known,) = live.fill((session,))

    assert failure(live, dialect, method, session, "$vm") == ("SESSION_INVALID", known)


def test_a_session_is_invalid_after_its_logout(live: Live, dialect: Dialect) -> None:
    with live.dial() as client:
        session = live.call(client, dialect, "session.login_with_password", "root", "")
        live.call(client, dialect, "session.logout", session)

    assert failure(live, dialect, "session.logout", session) == ("SESSION_INVALID", session)
    assert failure(live, dialect, "VM.get_all", session) == ("SESSION_INVALID", session)


# Bodies that are no calls


def xml(value: str, prologue: str = "") -> bytes:
    """A call with one parameter, which would be well."""
    return (
        f'<?xml version="1.0"?>{prologue}<methodCall><methodName>system.listMethods</methodName>'
        f"<params><param><value>{value}</value></param></params></methodCall>"
    ).encode()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(30))

XML_BODIES = {
    "a document type": xml("x", "<!DOCTYPE methodCall>"),
    "an external document type": xml("x", '<!DOCTYPE methodCall SYSTEM "file:///etc/passwd">'),
    "an entity": xml("&e;", '<!DOCTYPE methodCall [<!ENTITY e "x">]>'),
    "an external entity": xml("&e;", '<!DOCTYPE methodCall [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
    "a parameter entity": xml("x", '<!DOCTYPE methodCall [<!ENTITY % e SYSTEM "http://127.0.0.1:9/"> %e;]>'),
    "an entity of entities": xml("&l29;", f"<!DOCTYPE methodCall [{LAUGHS}]>"),
    "an entity of itself": xml("&e;", '<!DOCTYPE methodCall [<!ENTITY e "&e;">]>'),
    "an unknown entity": xml("&nbsp;"),
    "a character that XML forbids": xml("&#0;"),
    "a number that is none": xml("<int>many</int>"),
    "an unknown element": xml("<blink>x</blink>"),
    "elements 100,000 deep": b"<a>" * DEEP,
    "values as deep as the body may be": xml("<array><data><value>" * 7_000 + "</value></data></array>" * 7_000),
    "no name": b"<methodCall><methodName></methodName><params/></methodCall>",
    "another root": b"<methodResponse/>",
    "JSON": JSON_RPC_1.body("VM.get_all", NOWHERE),
    "invalid UTF-8": xml("x").replace(b"x</value>", b"\xc3(</value>"),
    "a surrogate": xml("x").replace(b"x</value>", b"\xed\xa0\x80</value>"),
    "UTF-16": xml("x").decode().encode("utf-16"),
    "a body that ends too early": xml("x")[:-1],
    "nothing": b"",
    "zeros": bytes(1000),
    "every byte": bytes(range(256)) * 4,
}


def json_call(params: str) -> bytes:
    return f'{{"jsonrpc":"2.0","method":"system.listMethods","params":{params},"id":1}}'.encode()


JSON_BODIES = {
    "arrays 100,000 deep": json_call("[" * DEEP + "]" * DEEP),
    "arrays 100,000 deep without an end": b"[" * DEEP,
    "objects as deep as the body may be": json_call('[{"a":' * 30_000 + "1" + "}]" * 30_000),
    "a batch": b"[" + json_call("[]") + b"]",
    "another version": json_call("[]").replace(b'"2.0"', b'"3.0"'),
    "no id": json_call("[]").replace(b',"id":1', b""),
    "null as id": json_call("[]").replace(b'"id":1', b'"id":null'),
    "no method": json_call("[]").replace(b'"method"', b'"verb"'),
    "parameters that are a text": json_call('"x"'),
    "an integer beyond 64 bits": json_call("[9223372036854775808]"),
    "half a pair of surrogates": json_call('["\\ud83d"]'),
    "XML": xml("x"),
    "invalid UTF-8": json_call('["x"]').replace(b"x", b"\xc3("),
    "UTF-16": json_call("[]").decode().encode("utf-16"),
    "a body that ends too early": json_call("[]")[:-1],
    "nothing": b"",
    "zeros": bytes(1000),
    "every byte": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("body", XML_BODIES.values(), ids=XML_BODIES)
def test_a_body_that_is_no_xml_rpc_is_the_page_500(live: Live, body: bytes) -> None:
    assert len(body) <= LIMIT

    assert_page(live, XML_RPC, XML_RPC.post(body))


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES)
def test_a_body_that_is_no_json_rpc_is_the_page_500(live: Live, body: bytes) -> None:
    assert len(body) <= LIMIT

    assert_page(live, JSON_RPC_2, JSON_RPC_2.post(body))


def test_a_number_that_json_cannot_express_is_the_page_500(live: Live) -> None:
    for dialect in (JSON_RPC_1, JSON_RPC_2):
        with live.dial() as client:
            task = live.call(client, dialect, "task.create", live.session, "endless", "")
            live.call(client, dialect, "task.set_progress", live.session, task, "inf")

        assert_page(live, dialect, dialect.request("task.get_progress", live.session, task))


# Bodies that are too long, too short, or not there


def test_a_body_of_just_the_limit_is_read(live: Live, dialect: Dialect, client: Client) -> None:
    body = dialect.body("pool.get_all", live.session)
    body += b" " * (LIMIT - len(body))

    client.send(dialect.post(body))

    assert dialect.result(client.response().body) == [live.pool]


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_body_over_the_limit_is_refused_before_it_is_read(live: Live, dialect: Dialect, kind: str) -> None:
    head = f"POST {dialect.path} HTTP/1.1\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode()

    assert_page(live, dialect, head, kind=kind)
    assert_page(live, dialect, head + b"x" * (LIMIT + 1), kind=kind)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("chunks", [1, 40])
def test_a_chunked_body_is_refused_whatever_its_length(live: Live, dialect: Dialect, kind: str, chunks: int) -> None:
    body = dialect.body("pool.get_all", live.session)
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if chunks == 1 else b"4000\r\n" + bytes(0x4000) + b"\r\n"
    head = f"POST {dialect.path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()

    assert_page(live, dialect, head + chunk * chunks + b"0\r\n\r\n", kind=kind)


@pytest.mark.parametrize("length", ["-1", "0x10", "many", "1e3", "", "5, 5", "9" * 30])
def test_a_length_that_is_none_is_refused(live: Live, dialect: Dialect, length: str) -> None:
    assert_page(live, dialect, f"POST {dialect.path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\nhello".encode())


def test_a_body_that_is_cut_off_gets_no_answer(live: Live, dialect: Dialect, client: Client) -> None:
    client.send(dialect.request("pool.get_all", live.session)[:-1])
    client.end()

    assert client.rest() == b""
    live.assert_well(dialect)


def test_what_follows_a_body_is_the_next_request(live: Live, dialect: Dialect, client: Client) -> None:
    client.send(dialect.request("pool.get_all", live.session) + b"rubbish\r\n\r\n")

    assert dialect.result(client.response().body) == [live.pool]
    assert client.response().status == 500
    live.assert_well(dialect)


# Heads


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize(
    "head, status",
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 500),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 500),
        (b"\r\n\r\n", 500),
        (bytes(200) + b"\r\n\r\n", 500),
        (bytes(range(128, 256)) + b"\r\n\r\n", 500),
        (b"POST\r\n\r\n", 500),
        (b"POST / HTTP/1.1 more\r\n\r\n", 500),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\nX: y\r\n\r\n", 500),
        (b"POST / HTTP/1.1\r\nX: \0\r\n\r\n", 500),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501),
        (b"TRACE / HTTP/1.1\r\n\r\n", 501),
        (b"PUT /nowhere HTTP/1.1\r\n\r\n", 403),
        (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", 403),
    ],
)
def test_a_head_that_is_none_is_a_page(live: Live, kind: str, head: bytes, status: int) -> None:
    assert_page(live, XML_RPC, head, status, kind)


@pytest.mark.parametrize(
    "kind, line, lines, status",
    [("tcp", 1100, 1, 431), ("tcp", 100, 20, 431), ("unix", 5000, 1, 500), ("unix", 900, 100, 431)],
)
def test_a_head_that_is_huge_is_refused(live: Live, kind: str, line: int, lines: int, status: int) -> None:
    head = b"POST / HTTP/1.1\r\n" + (b"X: " + b"a" * line + b"\r\n") * lines + b"Content-Length: 0\r\n\r\n"

    assert_page(live, XML_RPC, head, status, kind)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_head_without_an_end_is_refused(live: Live, kind: str) -> None:
    assert_page(live, XML_RPC, b"POST / HTTP/1.1\r\nX: " + b"a" * (1 << 20), 431, kind)
