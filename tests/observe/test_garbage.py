"""Rows that joined two objects go when one of the two is gone."""

from __future__ import annotations

import pytest

from xapid.datamodel import PBD, SR, VBD, VDI, VIF, VM, Console, Host, HostCpu, Network, VBD_metrics
from xapid.datamodel.types import NULL, Object
from xapid.datamodel.vbd import VbdType
from xapid.observe import garbage
from xapid.observe.garbage import Dangling
from xapid.store import feed as feeds
from xapid.store.store import Store


@pytest.fixture
def store() -> Store:
    return Store()


def delete(store: Store, *rows: Object) -> None:
    with store.write() as tx:
        for row in rows:
            tx.delete(row)


@pytest.mark.parametrize(
    ("cls", "field"), [(cls, field) for cls, ends in garbage.ENDS.items() for field in ends], ids=str
)
@pytest.mark.parametrize("passes_before", [0, 1])
def test_a_row_goes_with_either_of_its_ends(store: Store, cls: type[Object], field: str, passes_before: int) -> None:
    dangling, gone = Dangling(store), {}
    with store.write() as tx:
        for each, end in garbage.ENDS[cls].items():
            fields = {"SR": tx.create(SR).ref} if end is VDI else {}
            gone[each] = tx.create(end, **fields)
        kind = {"type": VbdType.Disk} if cls is VBD else {}
        row = tx.create(cls, **{each: end.ref for each, end in gone.items()}, **kind)
    for _ in range(passes_before):
        dangling.collect()
    assert store.find(cls, row.ref) is not None

    delete(store, gone[field])
    dangling.collect()

    assert store.find(cls, row.ref) is None


def test_a_cd_drive_whose_disc_is_gone_is_empty(store: Store) -> None:
    with store.write() as tx:
        vm, sr = tx.create(VM), tx.create(SR)
        disc = tx.create(VDI, SR=sr.ref)
        drive = tx.create(VBD, VM=vm.ref, VDI=disc.ref, type=VbdType.CD)
    dangling = Dangling(store)
    dangling.collect()

    delete(store, disc)
    dangling.collect()

    found = store.get(VBD, drive.ref)
    assert (found.VDI, found.empty) == (NULL, True)


def test_what_goes_takes_with_it_what_hangs_on_it(store: Store) -> None:
    with store.write() as tx:
        vm, sr, metrics = tx.create(VM), tx.create(SR), tx.create(VBD_metrics)
        disk = tx.create(VDI, SR=sr.ref)
        tx.create(VBD, VM=vm.ref, VDI=disk.ref, type=VbdType.Disk, metrics=metrics.ref)
    dangling = Dangling(store)
    dangling.collect()

    delete(store, sr)
    dangling.collect()

    assert [len(store.all(cls)) for cls in (VDI, VBD, VBD_metrics)] == [0, 0, 0]
    assert store.find(VM, vm.ref) is not None


def test_a_row_that_comes_to_refer_to_nothing_goes(store: Store) -> None:
    with store.write() as tx:
        vm, network = tx.create(VM), tx.create(Network)
        nic = tx.create(VIF, VM=vm.ref, network=network.ref)
    dangling = Dangling(store)
    dangling.collect()

    with store.write() as tx:
        tx.set(nic, network="OpaqueRef:never")
    dangling.collect()

    assert store.find(VIF, nic.ref) is None


def test_deletions_that_the_feed_forgot_are_found_all_the_same(store: Store) -> None:
    with store.write() as tx:
        hosts = [tx.create(Host) for _ in range(3)]
        for host in hosts:
            tx.create(HostCpu, host=host.ref)
            tx.create(PBD, host=host.ref, SR=tx.create(SR).ref)
    dangling = Dangling(store)
    dangling.collect()

    delete(store, *hosts)
    for _ in range(feeds.DELETIONS_KEPT):
        with store.write() as tx:
            host = tx.create(Host)
        delete(store, host)
    dangling.collect()

    assert not store.all(HostCpu)
    assert not store.all(PBD)


def test_a_pass_looks_only_at_what_changed(store: Store) -> None:
    with store.write() as tx:
        vms = [tx.create(VM) for _ in range(100)]
        for vm in vms:
            tx.create(Console, VM=vm.ref)
    dangling = Dangling(store)
    dangling.collect()

    delete(store, vms[7])

    assert [row.VM for row in dangling.suspects()] == [vms[7].ref]
