"""Equal values of rows are kept once, and never in the place of what only compares equal."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from xapid.datamodel import VM
from xapid.datamodel.vm import VmOperations
from xapid.store.shared import LONG, MOST, shared
from xapid.store.store import Store


@pytest.mark.parametrize("make", [lambda: {"a": "1"}, lambda: ("x", "y"), lambda: "".join(["t"] * LONG), dict, tuple])
def test_equal_values_are_one(make: Any) -> None:
    assert shared(make()) is shared(make())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1,), (1.0,)),
        ((1,), (True,)),
        ({"a": 1}, {"a": True}),
        ({1: "a"}, {1.0: "a"}),
        ((VmOperations.start,), ("start",)),
        ({"a": VmOperations.start}, {"a": "start"}),
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}),
        ({"a": "b"}, {"b": "a"}),
        ((), {}),
        ((0.0,), (-0.0,)),
        ({0: 0.0}, {0: -0.0}),
    ],
)
def test_values_that_are_encoded_differently_stay_two(one: Any, other: Any) -> None:
    first, second = shared(one), shared(other)
    assert (repr(first), repr(second)) == (repr(one), repr(other))
    assert shared(other) is not first or one is other


def test_maps_of_maps_pass_through() -> None:
    value = {"a": {"b": "c"}}
    assert shared(value) is value


def test_what_is_remembered_is_bounded() -> None:
    kept = shared(("kept",))
    for number in range(MOST + 1):
        shared((f"{number}",))
    assert shared(("kept",)) == kept


@pytest.mark.parametrize("make", [str, lambda text: {"a": text}, lambda text: (text,)], ids=["text", "map", "set"])
def test_large_values_do_not_outlive_their_rows(make: Any) -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(200):
        shared(make(f"{number}" + "x" * 100_000))
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept < 1_000_000


def test_rows_share_what_clients_said_alike() -> None:
    store = Store()
    with store.write() as tx:
        rows = [tx.create(VM, platform={"pae": "1"}, tags=("a",), recommendations="r" * LONG) for _ in range(2)]
    for field in ("platform", "tags", "recommendations"):
        assert rows[0].__dict__[field] is rows[1].__dict__[field]
