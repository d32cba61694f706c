"""The recorded conversations: the same requests are malformed, and the same parameters are of the wrong type."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from xapid.datamodel.implicit import all_messages
from xapid.wire import jsonrpc, xmlrpc
from xapid.wire.decode import TypeMismatch, decoder
from xapid.wire.raw import MalformedRequest, Raw

VECTORS = Path(__file__).parent.parent / "vectors"
MESSAGES = all_messages()

ELSEWHERE = {
    # The one difference: the original reads over a DOCTYPE, we refuse it.
    ("xml-documents", "<!DOCTYPE"),
    # Found when the value is to be written, not when it is read.
    ("json-values", "\\u0001"),
    ("json-values", "\\u0000"),
    ("json-values", '{"":'),
}

Parse = Callable[[bytes], Any]


def scenarios(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(VECTORS / f"{name}.json.gz") as file:
        yield from json.load(file)["scenarios"]


def parser_of(path: str) -> Parse:
    return jsonrpc.parse_call if path == "/jsonrpc" else xmlrpc.parse_call


def outcome(parse: Parse, body: bytes) -> str:
    """``malformed``, ``mismatch`` or ``fine``."""
    try:
        call = parse(body)
    except MalformedRequest:
        return "malformed"
    return "mismatch" if mismatches(call.method, call.params) else "fine"


def mismatches(method: str, params: list[Raw]) -> bool:
    spec = MESSAGES.get(method.removeprefix("Async."))
    try:
        for parameter, raw in zip(spec.all_params if spec else (), params, strict=False):
            decoder(parameter.type)(raw)
    except TypeMismatch:
        return True
    return False


def posts() -> Iterator[Any]:
    for scenario in scenarios("encodings"):
        for number, step in enumerate(scenario["steps"]):
            if "post" not in step or step["post"] == "//":
                continue
            if any(scenario["name"] == name and sign in step["body"] for name, sign in ELSEWHERE):
                continue
            yield pytest.param(step, id=f"{scenario['name']}-{number}")


@pytest.mark.parametrize("step", list(posts()))
def test_bodies_of_our_own_making(step: dict[str, Any]) -> None:
    body = step["body"].encode(step.get("encoding", "utf-8"))

    result = outcome(parser_of(step["post"]), body)

    failed = "INTERNAL_ERROR" in json.dumps(step.get("reply", ""))
    assert result == ("malformed" if step["status"] == 500 else "mismatch" if failed else "fine")


def xml_of(value: Any) -> str:
    match value:
        case {"@date": text}:
            return f"<value><dateTime.iso8601>{text}</dateTime.iso8601></value>"
        case None:
            return "<value><nil/></value>"
        case bool():
            return f"<value><boolean>{value:d}</boolean></value>"
        case int():
            return f"<value><int>{value}</int></value>"
        case float():
            return f"<value><double>{value}</double></value>"
        case str():
            return f"<value>{escape(value)}</value>"
        case list():
            return f"<value><array><data>{''.join(map(xml_of, value))}</data></array></value>"
    members = (f"<member><name>{escape(key)}</name>{xml_of(item)}</member>" for key, item in value.items())
    return f"<value><struct>{''.join(members)}</struct></value>"


def without_marks(value: Any) -> Any:
    if isinstance(value, list):
        return [without_marks(item) for item in value]
    if isinstance(value, dict):
        return value.get("@date") or {key: without_marks(item) for key, item in value.items()}
    return value


def request_of(step: dict[str, Any], via: str) -> tuple[Parse, bytes]:
    method, args = step["call"], step["args"]
    if via == "xmlrpc":
        params = "".join(f"<param>{xml_of(value)}</param>" for value in args)
        return xmlrpc.parse_call, (
            f"<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>".encode()
        )
    envelope = {"method": method, "params": without_marks(args), "id": 1}
    return jsonrpc.parse_call, json.dumps(envelope | ({"jsonrpc": "2.0"} if via == "jsonrpc2" else {})).encode()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".json.gz") for path in VECTORS.glob("dispatch-*.gz")))
def test_parameters_of_wrong_types(name: str) -> None:
    for scenario in scenarios(name):
        if not scenario["name"].endswith("-types"):
            continue
        for number, step in enumerate(scenario["steps"]):
            result = outcome(*request_of(step, step.get("via") or scenario.get("via", "xmlrpc")))

            code = step.get("err", [""])[0]
            expected = "malformed" if step.get("http") == 500 else "mismatch" if code == "INTERNAL_ERROR" else "fine"
            assert result == expected, f"{scenario['name']} #{number}: {step}"
