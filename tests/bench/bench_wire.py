"""How long the wire formats take, as ratios to the standard library and to orjson in the same run."""

from __future__ import annotations

import json
import time
import xmlrpc.client
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson

from xapid.datamodel import VM
from xapid.datamodel.types import STRING, DateTime, MapType, Object, RecordType, RefType
from xapid.store.rows import make_row, new_ref
from xapid.wire import jsonrpc
from xapid.wire import xmlrpc as wire
from xapid.wire.decode import decoder
from xapid.wire.records import Rows, record_encoder

COUNT = 1000
RECORDS = MapType(RefType("VM"), RecordType("VM"))
MEMBERS = (new_ref(), new_ref())


def members(_: Object, __: str) -> Sequence[str]:
    return MEMBERS


def make_vm(number: int) -> VM:
    values = {
        "name_label": f"vm {number}",
        "name_description": "one of many & the rest",
        "memory_static_max": 2**33,
        "other_config": {"mac_seed": new_ref(), "folder": "/a <b>"},
        "platform": {"acpi": "true", "apic": "true", "pae": "true", "vga": "std", "device-model": "qemu-upstream"},
        "HVM_boot_params": {"order": "cdn", "firmware": "bios"},
        "recommendations": '<restrictions><restriction field="memory-static-max" max="137438953472"/></restrictions>',
        "bios_strings": {f"bios-{each}": "Xen" for each in range(9)},
    }
    return make_row(VM, new_ref(), values)


def seconds(function: Callable[[], object], times: int = 5) -> float:
    """The best of several runs, in processor time: others use this machine too."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def each(function: Callable[[], object], count: int = 5000) -> float:
    def run() -> None:
        for _ in range(count):
            function()

    return seconds(run, 3) / count


def as_texts(value: Any) -> Any:
    """A value as the standard library writes it in XML with the same content as ours."""
    match value:
        case DateTime():
            return xmlrpc.client.DateTime(str(value))
        case dict():
            return {str(key): as_texts(item) for key, item in value.items()}
        case list() | tuple():
            return [as_texts(item) for item in value]
        case bool() | float():
            return value
    return str(value)


def report(what: str, ours: float, name: str, theirs: float) -> None:
    unit, scale = ("ms", 1e3) if ours > 1e-3 else ("us", 1e6)
    print(
        f"{what:44} {ours * scale:9.2f} {unit}   {name:22} {theirs * scale:9.2f} {unit}   "
        f"{theirs / ours:7.2f} x as fast"
    )


def make_rows() -> Rows:
    return Rows([make_vm(number) for number in range(COUNT)])


def get_all_records() -> None:
    call = jsonrpc.JsonCall("VM.get_all_records", [], 1, jsonrpc.V2)

    def xml(rows: Rows) -> bytes:
        return wire.success(RECORDS, rows, members)

    def text(rows: Rows) -> bytes:
        return jsonrpc.success(call, RECORDS, rows, members)

    def cold(function: Callable[[Rows], bytes]) -> float:
        # Rows that are new keep nothing yet. To make them is not timed.
        fresh = [make_rows() for _ in range(5)]
        return min(seconds(partial(function, rows), 1) for rows in fresh)

    def warm(function: Callable[[Rows], bytes]) -> float:
        rows = make_rows()
        function(rows)
        return seconds(partial(function, rows), 20)

    rows = make_rows()
    plain = {row.ref: record_encoder(type(row)).dict_of(row, members) for row in rows.rows}
    for_xml = {"Status": "Success", "Value": as_texts(plain)}
    for_json = orjson.loads(text(rows))
    theirs_xml = seconds(lambda: xmlrpc.client.dumps((for_xml,), methodresponse=True).encode(), 3)
    theirs_json = seconds(lambda: orjson.dumps(for_json))
    print(f"{COUNT} VMs: {len(xml(rows)) / 1e6:.1f} MB of XML, {len(text(rows)) / 1e6:.1f} MB of JSON")
    report("get_all_records, XML, nothing kept", cold(xml), "xmlrpc.client.dumps", theirs_xml)
    report("get_all_records, XML, kept", warm(xml), "xmlrpc.client.dumps", theirs_xml)
    report("get_all_records, JSON, nothing kept", cold(text), "orjson.dumps", theirs_json)
    report("get_all_records, JSON, kept", warm(text), "orjson.dumps", theirs_json)


def small_calls() -> None:
    session, vm = new_ref(), new_ref()
    xml = xmlrpc.client.dumps((session, vm), "VM.get_power_state").encode()
    xml_map = xmlrpc.client.dumps((session, vm, {"a": "b"}), "VM.set_other_config").encode()
    create = xmlrpc.client.dumps(
        (session, as_texts(record_encoder(VM).dict_of(make_vm(1), members))), "VM.create"
    ).encode()
    text = json.dumps({"jsonrpc": "2.0", "method": "VM.get_power_state", "params": [session, vm], "id": 1}).encode()
    call = jsonrpc.parse_call(text)
    state = VM.spec.fields["power_state"].type
    value = state.empty
    answer = {"Status": "Success", "Value": "Halted"}
    json_answer = {"jsonrpc": "2.0", "result": "Halted", "id": 1}

    report("read a call, XML", each(lambda: wire.parse_call(xml)), "xmlrpc.client.loads", each(lambda: load(xml)))
    report(
        "read a call with a map, XML",
        each(lambda: wire.parse_call(xml_map)),
        "xmlrpc.client.loads",
        each(lambda: load(xml_map)),
    )
    report(
        "read a VM.create, XML",
        each(lambda: wire.parse_call(create), 500),
        "xmlrpc.client.loads",
        each(lambda: load(create), 500),
    )
    report(
        "read a call, JSON", each(lambda: jsonrpc.parse_call(text)), "orjson.loads", each(lambda: orjson.loads(text))
    )
    decode = decoder(STRING)
    report("decode a text", each(lambda: decode(vm)), "str", each(lambda: str(vm)))
    report(
        "answer with an enum, XML",
        each(lambda: wire.success(state, value)),
        "xmlrpc.client.dumps",
        each(lambda: xmlrpc.client.dumps((answer,), methodresponse=True)),
    )
    report(
        "answer with an enum, JSON",
        each(lambda: jsonrpc.success(call, state, value)),
        "orjson.dumps",
        each(lambda: orjson.dumps(json_answer)),
    )


def load(body: bytes) -> object:
    return xmlrpc.client.loads(body)


def main() -> None:
    small_calls()
    get_all_records()


if __name__ == "__main__":
    main()
