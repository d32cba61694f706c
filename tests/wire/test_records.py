"""Rows as records, maps of them, and events."""

from __future__ import annotations

import gc
import json
import tracemalloc
import xmlrpc.client
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xapid.datamodel import VM, Network, Task
from xapid.datamodel.types import CLASSES, EVENT_BATCH, MapType, Object, RecordType, RefType, SetType
from xapid.datamodel.vm import VmPowerState
from xapid.wire import jsonrpc
from xapid.wire import xmlrpc as wire
from xapid.wire.jsonrpc import V2, JsonCall
from xapid.wire.records import EventBatch, EventOut, Kept, RecordEncoder, Rows, record_encoder
from xapid.wire.results import LONG, SLICE

CALL = JsonCall("m", [], 1, V2)
NETWORKS = MapType(RefType("network"), RecordType("network"))


def make_row(cls: type[Object], ref: str, **values: Any) -> Any:
    """A photograph as the store makes them: all fields but the inverse sets."""
    row = object.__new__(cls)
    fields = cls.spec.fields.values()
    row.__dict__.update({field.name: field.empty for field in fields if not field.inverse_of})
    row.__dict__.update(values)
    row.ref, row._gen, row._xml, row._json = ref, 1, None, None  # type: ignore[assignment]
    return row


class Inverse:
    """Knows what is in the inverse sets, and counts how often it is asked."""

    def __init__(self, **sets: tuple[str, ...]) -> None:
        self.sets = sets
        self.asked = 0

    def __call__(self, row: Object, field: str) -> Sequence[str]:
        self.asked += 1
        return self.sets.get(field, ())


def in_xml(kind: Any, value: Any, members: Any) -> Any:
    (answer,), _ = xmlrpc.client.loads(wire.success(kind, value, members).decode(), use_builtin_types=False)
    assert isinstance(answer, dict)
    return answer["Value"]


def in_json(kind: Any, value: Any, members: Any) -> Any:
    return json.loads(jsonrpc.success(CALL, kind, value, members))["result"]


# --- One record --------------------------------------------------------------------------------------


def test_a_network_in_xml() -> None:
    row = make_row(Network, "OpaqueRef:1", uuid="u", name_label="a & b", MTU=9000, tags=("t",), managed=False)

    record = RecordEncoder(Network).xml(row, Inverse(VIFs=("OpaqueRef:2",)))

    # A golden text: if it changes, all clients see it.
    assert record.decode() == (
        "<value><struct>"
        "<member><name>uuid</name><value>u</value></member>"
        "<member><name>name_label</name><value>a &amp; b</value></member>"
        "<member><name>name_description</name><value></value></member>"
        "<member><name>allowed_operations</name><value><array><data></data></array></value></member>"
        "<member><name>current_operations</name><value><struct></struct></value></member>"
        "<member><name>VIFs</name><value><array><data><value>OpaqueRef:2</value></data></array></value></member>"
        "<member><name>PIFs</name><value><array><data></data></array></value></member>"
        "<member><name>MTU</name><value>9000</value></member>"
        "<member><name>other_config</name><value><struct></struct></value></member>"
        "<member><name>bridge</name><value></value></member>"
        "<member><name>managed</name><value><boolean>0</boolean></value></member>"
        "<member><name>blobs</name><value><struct></struct></value></member>"
        "<member><name>tags</name><value><array><data><value>t</value></data></array></value></member>"
        "<member><name>default_locking_mode</name><value>unlocked</value></member>"
        "<member><name>assigned_ips</name><value><struct></struct></value></member>"
        "<member><name>purpose</name><value><array><data></data></array></value></member>"
        "</struct></value>"
    )


def test_a_network_in_json() -> None:
    row = make_row(Network, "OpaqueRef:1", uuid="u", name_label='"a"', MTU=9000, tags=("t",), managed=False)

    record = RecordEncoder(Network).json(row, Inverse(VIFs=("OpaqueRef:2",)))

    assert record == (
        b'{"uuid":"u","name_label":"\\"a\\"","name_description":"","allowed_operations":[],"current_operations":{},'
        b'"VIFs":["OpaqueRef:2"],"PIFs":[],"MTU":9000,"other_config":{},"bridge":"","managed":false,"blobs":{},'
        b'"tags":["t"],"default_locking_mode":"unlocked","assigned_ips":{},"purpose":[]}'
    )


@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if cls.spec.in_db])
def test_every_class_has_all_its_fields_in_order(name: str) -> None:
    cls = CLASSES[name]
    row, members = make_row(cls, "OpaqueRef:1"), Inverse()
    kind = RecordType(name)

    written = in_xml(kind, row, members), in_json(kind, row, members), record_encoder(cls).dict_of(row, members)

    for record in written:
        assert list(record) == list(cls.spec.fields)


def test_the_neutral_form_has_values_as_rows_hold_them() -> None:
    row = make_row(VM, "OpaqueRef:1", power_state=VmPowerState.Running, memory_target=5)

    values = record_encoder(VM).dict_of(row, Inverse(VBDs=("OpaqueRef:2",)))

    assert values["power_state"] is VmPowerState.Running
    assert values["VBDs"] == ("OpaqueRef:2",)
    assert values["memory_target"] == 5
    assert "ref" not in values


def test_integers_are_texts_in_xml_and_numbers_in_json() -> None:
    row = make_row(VM, "OpaqueRef:1", memory_static_max=2**33)

    xml, text = in_xml(RecordType("VM"), row, Inverse()), in_json(RecordType("VM"), row, Inverse())

    assert (xml["memory_static_max"], text["memory_static_max"]) == ("8589934592", 2**33)


def test_an_odd_number_does_not_spoil_a_record() -> None:
    row = make_row(Task, "OpaqueRef:1", progress=float("nan"))

    assert in_json(RecordType("task"), row, Inverse())["progress"] == "NaN"


def test_a_row_with_a_value_of_the_wrong_type_raises() -> None:
    for values in ({"MTU": "1500"}, {"name_label": None}, {"tags": "t"}, {"managed": 1}, {"other_config": {"a": 1}}):
        row = make_row(Network, "OpaqueRef:1", **values)

        with pytest.raises((TypeError, AttributeError)):
            record_encoder(Network).xml(row, Inverse())
        with pytest.raises(TypeError):
            record_encoder(Network).json(row, Inverse())


# --- Kept bytes --------------------------------------------------------------------------------------


def test_a_row_is_encoded_once_in_each_format() -> None:
    row, members = make_row(Network, "OpaqueRef:1"), Inverse()
    first = in_xml(NETWORKS, Rows([row]), members), in_json(NETWORKS, Rows([row]), members)
    asked = members.asked

    second = in_xml(NETWORKS, Rows([row]), members), in_json(NETWORKS, Rows([row]), members)

    assert second == first
    assert members.asked == asked


def test_what_is_kept_is_limited_and_given_back() -> None:
    kept = Kept(100)
    rows = [make_row(Network, str(number)) for number in range(3)]

    for row in rows:
        kept.keep(row, "_xml", b"x" * 40)
        assert row._xml is not None

    assert sum(row._xml is not None for row in rows) == 2
    assert kept.used == 80


def test_what_is_kept_goes_for_what_is_new_and_with_its_row() -> None:
    kept = Kept(1000)
    rows = [make_row(Network, str(number)) for number in range(300)]

    for number, row in enumerate(rows):
        for slot, size in (("_xml", 7), ("_json", number % 50)):
            kept.keep(row, slot, b"x" * size)
            found = sum(len(getattr(each, name) or b"") for each in rows for name in ("_xml", "_json"))
            assert kept.used == found <= 1000
        if number % 3 == 0:
            rows[number // 2] = make_row(Network, "new")
            gc.collect(0)
            kept.keep(row, "_other", b"")

    rows.clear()
    del row
    gc.collect()
    kept.keep(make_row(Network, "last"), "_xml", b"")
    assert kept.used == 0


def test_what_is_longer_than_the_limit_is_not_kept() -> None:
    kept, row, other = Kept(100), make_row(Network, "1"), make_row(Network, "2")
    kept.keep(other, "_xml", b"x" * 100)

    kept.keep(row, "_xml", b"x" * 101)

    assert row._xml is None
    assert other._xml is not None


def test_both_formats_of_a_row_are_counted() -> None:
    kept, row = Kept(100), make_row(Network, "1")

    kept.keep(row, "_xml", b"x" * 40)
    kept.keep(row, "_json", b"x" * 30)
    assert kept.used == 70
    del row
    gc.collect()
    kept.keep(make_row(Network, "2"), "_xml", b"")

    assert kept.used == 0


def test_without_room_a_row_is_encoded_for_each_answer() -> None:
    row, members = make_row(Network, "OpaqueRef:1", uuid="u"), Inverse()
    encoder = RecordEncoder(Network, Kept(0))

    first, second = encoder.xml(row, members), encoder.xml(row, members)

    assert first == second
    assert members.asked == 2 * len(["VIFs", "PIFs"])


# --- Many records ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, SLICE, SLICE + 1, 3 * SLICE])
def test_records_by_reference(count: int) -> None:
    rows = [make_row(Network, f"OpaqueRef:{number}", uuid=str(number)) for number in range(count)]

    for read in (in_xml, in_json):
        answer = read(NETWORKS, Rows(rows), Inverse())

        assert list(answer) == [row.ref for row in rows]
        assert [record["uuid"] for record in answer.values()] == [row.uuid for row in rows]


def test_records_by_reference_may_be_a_map() -> None:
    row = make_row(Network, "OpaqueRef:1", uuid="u")

    for read in (in_xml, in_json):
        answer = read(NETWORKS, {"OpaqueRef:1": row, "<&>": row}, Inverse())

        assert [(ref, record["uuid"]) for ref, record in answer.items()] == [("OpaqueRef:1", "u"), ("<&>", "u")]


def test_slices_are_the_same_answer() -> None:
    rows = Rows([make_row(Network, f"OpaqueRef:{number}") for number in range(3 * SLICE)])

    xml = list(wire.success_slices(NETWORKS, rows, Inverse()))
    text = list(jsonrpc.success_slices(CALL, NETWORKS, rows, Inverse()))

    assert b"".join(chain.from_iterable(xml)) == wire.success(NETWORKS, rows, Inverse())
    assert b"".join(chain.from_iterable(text)) == jsonrpc.success(CALL, NETWORKS, rows, Inverse())
    assert len(xml) == len(text) == len(["head", "1", "2", "3", "end of the map", "tail"])


def test_a_slice_is_made_when_it_is_asked_for() -> None:
    members = Inverse()
    slices = wire.success_slices(
        NETWORKS, Rows([make_row(Network, f"OpaqueRef:{number}") for number in range(3 * SLICE)]), members
    )

    next(slices)
    next(slices)

    assert members.asked == SLICE * 2


def test_a_long_record_ends_its_slice() -> None:
    rows = Rows([make_row(Network, f"OpaqueRef:{number}", name_label="x" * LONG) for number in range(3)])

    xml = list(wire.success_slices(NETWORKS, rows, Inverse()))

    assert b"".join(chain.from_iterable(xml)) == wire.success(NETWORKS, rows, Inverse())
    assert len(xml) == len(["head", "1", "2", "3", "end of the map", "tail"])


# --- Events ------------------------------------------------------------------------------------------

EVENTS = SetType(RecordType("event"))


def make_batch() -> EventBatch:
    row = make_row(Network, "OpaqueRef:1", uuid="u")
    return EventBatch(
        [EventOut(5, "0.0", "network", "add", row.ref, row), EventOut(6, "0.0", "vm", "del", "OpaqueRef:2", None)],
        {"network": 1, "message": 0},
        "00000000000000000006,00000000000000000000",
    )


def test_a_batch_of_events_in_xml() -> None:
    text = wire.value_text(EVENT_BATCH, make_batch(), Inverse())

    snapshot = RecordEncoder(Network).xml(make_row(Network, "OpaqueRef:1", uuid="u"), Inverse()).decode()
    assert text == (
        "<value><struct><member><name>events</name><value><array><data>"
        "<value><struct><member><name>id</name><value>5</value></member>"
        "<member><name>timestamp</name><value>0.0</value></member>"
        "<member><name>class</name><value>network</value></member>"
        "<member><name>operation</name><value>add</value></member>"
        "<member><name>ref</name><value>OpaqueRef:1</value></member>"
        f"<member><name>snapshot</name>{snapshot}</member></struct></value>"
        "<value><struct><member><name>id</name><value>6</value></member>"
        "<member><name>timestamp</name><value>0.0</value></member>"
        "<member><name>class</name><value>vm</value></member>"
        "<member><name>operation</name><value>del</value></member>"
        "<member><name>ref</name><value>OpaqueRef:2</value></member></struct></value>"
        "</data></array></value></member>"
        "<member><name>valid_ref_counts</name><value><struct>"
        "<member><name>network</name><value><i4>1</i4></value></member>"
        "<member><name>message</name><value><i4>0</i4></value></member></struct></value></member>"
        "<member><name>token</name><value>00000000000000000006,00000000000000000000</value></member></struct></value>"
    )


def test_a_batch_of_events_in_json() -> None:
    answer = jsonrpc.success(CALL, EVENT_BATCH, make_batch(), Inverse())

    snapshot = RecordEncoder(Network).json(make_row(Network, "OpaqueRef:1", uuid="u"), Inverse()).decode()
    assert answer.decode() == (
        '{"jsonrpc":"2.0","result":{"events":['
        '{"id":"5","timestamp":"0.0","class":"network","operation":"add","ref":"OpaqueRef:1",'
        f'"snapshot":{snapshot}}},'
        '{"id":"6","timestamp":"0.0","class":"vm","operation":"del","ref":"OpaqueRef:2"}],'
        '"valid_ref_counts":{"network":1,"message":0},"token":"00000000000000000006,00000000000000000000"},"id":1}'
    )


def test_a_batch_may_be_empty() -> None:
    batch = EventBatch([], {}, "t")

    for read in (in_xml, in_json):
        assert read(EVENT_BATCH, batch, Inverse()) == {"events": [], "valid_ref_counts": {}, "token": "t"}


def test_events_alone_show_the_same() -> None:
    batch = make_batch()

    for read in (in_xml, in_json):
        alone, in_batch = read(EVENTS, batch.events, Inverse()), read(EVENT_BATCH, batch, Inverse())

        assert alone == in_batch["events"]
        assert [list(event)[-1] for event in alone] == ["snapshot", "ref"]


def test_events_show_the_bytes_kept_on_the_row() -> None:
    batch, members = make_batch(), Inverse()
    in_json(NETWORKS, Rows([batch.events[0].row] if batch.events[0].row else []), members)
    asked = members.asked

    in_json(EVENT_BATCH, batch, members)

    assert members.asked == asked


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@given(TEXT, st.dictionaries(TEXT, TEXT), st.lists(TEXT))
def test_any_text_in_a_record_arrives(label: str, config: dict[str, str], tags: list[str]) -> None:
    row = make_row(Network, "OpaqueRef:1", name_label=label, other_config=config, tags=tuple(tags))

    for read in (in_xml, in_json):
        record = read(RecordType("network"), row, Inverse())

        assert (record["name_label"], record["other_config"], record["tags"]) == (label, config, tags)


def test_kept_encodings_take_no_more_memory_than_they_have_bytes() -> None:
    """What encoders return may lie in a buffer that is larger: of ten thousand records that makes 80 MB."""
    rows = [make_row(Network, f"OpaqueRef:{number}", name_label=f"n{number}") for number in range(200)]
    encoder = RecordEncoder(Network, Kept(10 * 2**20))
    encoder.json(make_row(Network, "warm"), lambda *_: ())
    encoder.xml(make_row(Network, "warm"), lambda *_: ())
    for encode in (encoder.json, encoder.xml):
        tracemalloc.start()
        size = sum(len(encode(row, lambda *_: ())) for row in rows)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken < 1.5 * size + 500 * len(rows)
