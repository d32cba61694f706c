"""What happened since when: each object once, the latest change counts."""

from __future__ import annotations

import asyncio

import pytest

from xapid.datamodel import VM, Network
from xapid.store import feed as feeds
from xapid.store.store import Nowhere, Store, Told
from xapid.store.transaction import Batch


async def turns() -> None:
    """Let everybody have a turn who was woken."""
    for _ in range(5):
        await asyncio.sleep(0)


def make(store: Store, label: str) -> VM:
    with store.write() as tx:
        return tx.create(VM, name_label=label)


def test_changes_melt_together() -> None:
    store = Store()
    vm = make(store, "one")
    other = make(store, "two")
    since = store.generation

    for number in range(10):
        with store.write() as tx:
            tx.set(vm, name_label=str(number))

    assert list(store.feed.classes["VM"].changed_since(since)) == [vm.ref]
    assert list(store.feed.classes["VM"].changed_since(0)) == [vm.ref, other.ref]


def test_a_deletion_is_told_to_those_who_knew_the_object() -> None:
    store = Store()
    before = store.generation
    vm = make(store, "one")
    knows = store.generation

    with store.write() as tx:
        tx.delete(vm)

    feed = store.feed.classes["VM"]
    assert [gone.ref for gone in feed.deleted_since(knows)] == [vm.ref]
    assert list(feed.deleted_since(before)) == []


def test_the_oldest_deletions_are_forgotten_and_that_is_known() -> None:
    store = Store()
    feed = store.feed.classes["VM"]

    for number in range(feeds.DELETIONS_KEPT + 1):
        feed.delete(f"ref {number}", number + 1, 0)

    assert len(feed.deleted) == feeds.DELETIONS_KEPT
    assert feed.forgotten == 1


async def test_who_waits_is_woken_by_his_classes_only() -> None:
    store = Store()
    waiting = asyncio.ensure_future(store.feed.wait(frozenset({"VM"}), None))
    await asyncio.sleep(0)

    with store.write() as tx:
        tx.create(Network)
    await turns()
    asleep = not waiting.done()
    make(store, "one")

    assert asleep
    assert await waiting is True


class Disk(Nowhere):
    """One that takes its time."""

    def __init__(self) -> None:
        self.waiting: list[Told] = []

    def submit(self, batch: Batch) -> None:
        """Nothing is on it yet."""

    def tell(self, generation: int, function: Told) -> None:
        self.waiting.append(function)


@pytest.mark.parametrize("reason", ["", "no space is left"])
async def test_who_waits_is_woken_when_the_disk_has_the_change_or_refused_it(reason: str) -> None:
    disk = Disk()
    store = Store(sink=disk)
    waiting = asyncio.ensure_future(store.feed.wait(frozenset({"VM"}), None))
    await asyncio.sleep(0)

    make(store, "one")
    await turns()
    asleep = not waiting.done()
    for told in disk.waiting:
        told(reason)

    assert asleep
    assert await waiting is True


async def test_waiting_ends_when_the_time_is_over() -> None:
    store = Store()

    assert await store.feed.wait(frozenset({"VM"}), 0.01) is False


async def test_a_waiter_that_gives_up_leaves_nothing_behind() -> None:
    store = Store()

    await store.feed.wait(None, 0)
    await store.feed.wait(frozenset({"VM"}), 0)

    assert not store.feed._any
    assert not any(store.feed._waiters.values())
