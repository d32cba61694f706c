"""What the fuzzer found once stays mended, and the fuzzer finds what is there to be found."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from tests.fuzz import corpus
from tests.fuzz.engine import Search, Target, TooSlow, Wrong, described, timed
from tests.fuzz.messages import Host, parameter, record
from tests.fuzz.targets import TARGETS
from xapid.datamodel.types import CLASSES


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in TARGETS])
def test_nothing_breaks_that_once_reached_something_new(name: str) -> None:
    target = TARGETS[name]()
    inputs = [*target.seeds, *corpus.read(name)]
    assert len(inputs) > len(target.seeds)

    with closing(target):
        for data in inputs:
            timed(target.run, data)


PLANTED = """
def run(data):
    if data[:1] == b"b":
        if data[1:2] == b"u":
            if data[2:3] == b"g":
                raise KeyError("planted")
"""


def planted() -> Target:
    names: dict[str, Any] = {}
    exec(compile(PLANTED, "/xapid/planted.py", "exec"), names)
    return Target("planted", names["run"], (b"x",), (b"",))


def test_a_mistake_behind_several_conditions_is_found() -> None:
    """By chance alone it would take some ten million tries."""
    search = Search(planted(), (), seed=1)
    while not search.findings and search.tried < 1_000_000:
        search.try_one(search._changed())

    (finding,) = search.findings.values()
    assert finding.data[:3] == b"bug"
    assert finding.what == "KeyError: 'planted' at planted.py:run"
    assert {data[:2] for data in search.smallest()} >= {b"bu"}


def test_the_same_seed_tries_the_same_inputs() -> None:
    tried: list[list[bytes]] = []
    for _ in range(2):
        seen: list[bytes] = []
        search = Search(Target("noted", seen.append, (b"word",), (b"seed",)), (), seed=7)
        for _ in range(50):
            search.try_one(search._changed())
        tried.append(seen)

    assert tried[0] == tried[1]
    assert len(set(tried[0])) > 40


def test_what_takes_too_long_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.engine.SLOW", 0.0)

    with pytest.raises(TooSlow):
        timed(lambda data: None, b"x")


def test_a_message_that_nobody_foresaw_is_found_with_the_calls_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(ctx: Any, self: Any, value: str) -> None:
        if any(task.name_label == "trigger" for task in ctx.store.all(CLASSES["task"])):
            raise ZeroDivisionError("planted")

    host = Host()
    method = host._methods["network.set_name_description"]
    monkeypatch.setitem(host._methods, method.name, replace(method, run=broken))
    useless = '["pool.get_all", []], ["task.create", ["other", ""]]'
    last = '["network.set_name_description", ["$network:0", ""]]'
    program = f'[{useless}, ["task.create", ["trigger", ""]], {useless}, {last}]'

    with closing(host), pytest.raises(Wrong) as error:
        host.run(program.encode())

    assert "ZeroDivisionError: planted" in described(error.value)
    assert error.value.data == (  # type: ignore[attr-defined]
        b'[["task.create", ["trigger", ""]], ["network.set_name_description", ["$network:0", ""]]]'
    )


def test_parameters_are_mostly_of_their_types() -> None:
    chance = random.Random(3)
    records = [record(chance, "VM") for _ in range(50)]
    assert all(set(each) <= set(CLASSES["VM"].spec.fields) for each in records)
    assert sum(isinstance(each.get("name_label"), str) for each in records) > 30
    kinds = [param.type for each in CLASSES["VM"].spec.messages.values() for param in each.params]
    assert len({type(parameter(chance, kind)) for kind in kinds * 3}) >= 5
