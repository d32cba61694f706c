"""Spans: who caused them, what is within what, and what a block of code has to do for being one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from xapid.datamodel.errors import VM_BAD_POWER_STATE
from xapid.rules.observer import Component
from xapid.runtime.tracing.span import OK, Span, current, handed_on, part, remote
from xapid.runtime.tracing.zipkin import LONGEST, Finished, batch, encoded, parent_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
Begin = Callable[..., Span]


@pytest.fixture
def ended() -> list[Span]:
    return []


@pytest.fixture
def begin(ended: list[Span]) -> Begin:
    return lambda name="VM.start", **given: Span(ended.append, name, **given)


@pytest.mark.parametrize(
    ("header", "trace", "span"),
    [
        (f"00-{TRACE}-{SPAN}-01", TRACE, SPAN),
        (f"00-{TRACE}-{SPAN}-00", TRACE, SPAN),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", TRACE, SPAN),
        (f"00-{TRACE}-{SPAN}-01-more", "", ""),
        (f"ff-{TRACE}-{SPAN}-01", "", ""),
        (f"00-{'0' * 32}-{SPAN}-01", "", ""),
        (f"00-{TRACE}-{'0' * 16}-01", "", ""),
        (f"00-{TRACE.upper()}-{SPAN}-01", "", ""),
        (f"00-{TRACE[1:]}-{SPAN}-01", "", ""),
        (f" 00-{TRACE}-{SPAN}-01", "", ""),
        ("'; rm -rf /", "", ""),
        ("", "", ""),
    ],
)
def test_a_traceparent_is_read_as_the_standard_says(header: str, trace: str, span: str) -> None:
    assert remote(header) == (trace, span)


def test_a_call_goes_on_with_the_trace_of_its_client(begin: Begin) -> None:
    call = begin(caused=remote(f"00-{TRACE}-{SPAN}-01"))
    within = call.within("database commit")

    assert (call.trace, call.remote, within.trace) == (TRACE, SPAN, TRACE)
    assert within.traceparent == f"00-{TRACE}-{within.id}-01"
    assert len({call.id, within.id, SPAN}) == 3


def test_calls_of_nobody_have_traces_of_their_own(begin: Begin) -> None:
    traces = {begin().trace for _ in range(100)}

    assert len(traces) == 100
    assert all(remote(f"00-{each}-{SPAN}-01") for each in traces)


def test_a_part_is_within_the_part_around_it(begin: Begin, ended: list[Span]) -> None:
    call = begin()
    current.set(call)
    with part("domain.start", Component.xenopsd, UUID), part("inside"):
        pass
    current.set(None)
    call.end()

    inside, start, whole = ended
    assert (inside.parent, start.parent, whole.parent) == (start, call, None)
    assert start.attributes == {"xs.xapi.object.uuid": UUID}
    assert (start.component, start.outcome) == (Component.xenopsd, OK)
    assert inside.moment >= start.moment
    assert 0 <= inside.seconds <= start.seconds <= whole.seconds


@pytest.mark.parametrize("about", ["secret", "-----BEGIN PRIVATE KEY-----", f"{UUID} secret", ""])
def test_what_a_part_is_about_is_kept_only_if_it_is_a_uuid(begin: Begin, ended: list[Span], about: str) -> None:
    current.set(begin())
    with part("certificates.install", about=about):
        pass
    current.set(None)

    assert ended[0].attributes == {}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (VM_BAD_POWER_STATE("OpaqueRef:1", "halted", "running"), "VM_BAD_POWER_STATE"),
        (ValueError("the password is hunter2"), "ValueError"),
        (asyncio.CancelledError(), "CANCELLED"),
    ],
)
def test_a_part_that_fails_says_how_and_no_more(
    begin: Begin, ended: list[Span], error: BaseException, outcome: str
) -> None:
    current.set(begin())
    with pytest.raises(type(error)), part("domain.start"):
        raise error
    current.set(None)

    (span,) = as_sent(ended)
    assert (span["tags"]["error"], span["tags"]["xs.xapi.outcome"]) == (outcome, outcome)
    assert "hunter2" not in json.dumps(span)
    assert "halted" not in json.dumps(span)


def test_without_a_call_there_is_no_part(ended: list[Span]) -> None:
    with part("domain.start"):
        assert current.get() is None

    assert (ended, handed_on()) == ([], ())


def test_what_goes_on_after_a_call_is_no_part_of_it(begin: Begin, ended: list[Span]) -> None:
    call = begin()
    current.set(call)
    before = handed_on()
    call.end()
    with part("domain.watch"):
        pass
    after = handed_on()
    current.set(None)

    assert (before, after) == ((("TRACEPARENT", call.traceparent),), ())
    assert ended == [call]


def test_a_call_ends_when_all_who_work_on_it_have_ended(begin: Begin, ended: list[Span]) -> None:
    call = begin()
    call.hold()
    call.end()
    assert ended == []

    call.end("VM_BAD_POWER_STATE")

    assert [each.outcome for each in ended] == ["VM_BAD_POWER_STATE"]


def test_who_is_not_told_of_a_call_sees_its_parts_below_the_clients_own_span(begin: Begin) -> None:
    call = begin(caused=remote(f"00-{TRACE}-{SPAN}-01"))
    middle = call.within("inside", Component.xenopsd)
    part_of_it = middle.within("storage:file.attach", Component.smapi)

    assert parent_id(part_of_it, frozenset({Component.smapi})) == SPAN
    assert parent_id(part_of_it, frozenset({Component.smapi, Component.xapi})) == call.id
    assert parent_id(part_of_it, frozenset(Component)) == middle.id
    assert parent_id(begin(), frozenset(Component)) == ""


def as_sent(spans: list[Span]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(batch([encoded(Finished(each, "", {"site": "Berlin"})) for each in spans]))
    return found


def test_a_span_is_told_in_the_form_of_zipkin(begin: Begin, ended: list[Span]) -> None:
    call = begin()
    call.attributes["xs.xapi.session.originator"] = "x" * 5000 + "\ud800"
    call.within("\ud800").end()
    call.end()

    within, whole = as_sent(ended)

    assert (whole["traceId"], whole["id"], whole["name"], whole["kind"]) == (call.trace, call.id, "VM.start", "SERVER")
    assert abs(whole["timestamp"] - call.moment * 1e6) < 2
    assert isinstance(whole["duration"], int) and whole["duration"] >= 1
    assert whole["localEndpoint"] == {"serviceName": "xapi"}
    assert whole["tags"] == {
        "site": "Berlin", "xs.xapi.session.originator": "x" * LONGEST, "xs.xapi.outcome": "OK",
    }  # fmt: skip
    assert "kind" not in within and within["name"] == "?"
