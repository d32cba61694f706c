"""Sums that are kept true at every change equal those that are counted from nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from xapid.datamodel import VBD, VM
from xapid.datamodel.types import NULL
from xapid.store.index import Tally
from xapid.store.store import Store
from xapid.store.transaction import change

HOSTS = ("OpaqueRef:a", "OpaqueRef:b", NULL)
MEMORY = Tally(
    "VM",
    frozenset({"resident_on", "scheduled_to_be_resident_on", "memory_static_max", "memory_overhead"}),
    lambda vm: {vm.resident_on, vm.scheduled_to_be_resident_on} - {NULL},
    lambda vm: (vm.memory_static_max, vm.memory_overhead),
)


def counted(store: Store, key: str) -> tuple[int, ...] | None:
    rows = [vm for vm in store.all(VM) if key in (vm.resident_on, vm.scheduled_to_be_resident_on)]
    return (sum(vm.memory_static_max for vm in rows), sum(vm.memory_overhead for vm in rows)) if rows else None


def agrees(store: Store) -> bool:
    return all(store.sums(MEMORY, key) == counted(store, key) for key in HOSTS[:2])


@pytest.mark.parametrize("seed", range(20))
def test_sums_stay_true_whatever_changes(seed: int) -> None:
    chance, store, rows = random.Random(seed), Store(), list[VM]()
    done: Counter[str] = Counter()
    asked_at = chance.randrange(50)

    for turn in range(200):
        size, host = chance.randrange(1000), chance.choice(HOSTS)
        what = chance.choice(["make", "set", "set both", "alone", "delete", "fail", "other"])
        if what == "make" or not rows:
            with store.write() as tx:
                rows.append(tx.create(VM, memory_static_max=size, resident_on=host))
        vm = chance.choice(rows)
        try:
            with store.write() as tx:
                if what == "set":
                    tx.set(vm, memory_static_max=size)
                elif what == "set both":
                    tx.set(vm, scheduled_to_be_resident_on=host, memory_overhead=size)
                    tx.set(vm, resident_on=host, memory_static_max=size)
                elif what == "delete":
                    tx.delete(vm)
                    rows.remove(vm)
                elif what == "fail":
                    tx.set(vm, memory_static_max=size, resident_on=host)
                    tx.create(VM, memory_static_max=size, resident_on=host)
                    tx.delete(vm)
                    raise LookupError
                elif what == "other":
                    tx.create(VBD, VM=vm.ref)
        except LookupError:
            pass
        if what == "alone":
            change(store, vm, lambda generation: None, memory_static_max=size)
        done[what] += 1
        assert turn < asked_at or agrees(store)

    assert len(done) == 7


def test_nothing_is_left_of_what_counts_no_more() -> None:
    store = Store()
    with store.write() as tx:
        vm = tx.create(VM, resident_on=HOSTS[0], memory_static_max=5)
    before = store.sums(MEMORY, HOSTS[0])

    with store.write() as tx:
        tx.set(vm, resident_on=NULL)

    assert (before, store.sums(MEMORY, HOSTS[0])) == ((5, 0), None)
