"""What one block of changes does, and what it leaves behind when it fails."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from xapid.datamodel import VBD, VDI, VIF, VM, Task, VM_metrics
from xapid.datamodel.errors import HANDLE_INVALID, VALUE_NOT_SUPPORTED
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmPowerState
from xapid.rules.registry import DERIVATIONS
from xapid.store.feed import Change
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Batch, change


@pytest.fixture
def store() -> Store:
    return Store()


def test_an_object_has_every_field_from_the_start(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM, name_label="one")

    assert vm.name_label == "one"
    assert vm.is_a_template is False
    assert vm.affinity == NULL
    assert vm.uuid


def test_a_field_that_is_not_there_cannot_be_given(store: Store) -> None:
    with pytest.raises(TypeError, match="nonsense"), store.write() as tx:
        tx.create(VM, nonsense=1)

    assert not store.all(VM)


def test_a_row_is_a_photograph(store: Store) -> None:
    with store.write() as tx:
        before = tx.create(VM, name_label="before")

    with store.write() as tx:
        tx.set(before, name_label="after")

    assert before.name_label == "before"
    assert store.get(VM, before.ref).name_label == "after"


def test_a_change_applies_to_the_latest_row(store: Store) -> None:
    with store.write() as tx:
        old = tx.create(VM)
    with store.write() as tx:
        tx.set(old, name_label="label")

    with store.write() as tx:
        tx.set(old, name_description="description")

    row = store.get(VM, old.ref)
    assert (row.name_label, row.name_description) == ("label", "description")


def test_when_a_block_fails_nothing_happened(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM, name_label="kept")
        drive = tx.create(VBD, VM=vm.ref)
    generation = store.generation

    with pytest.raises(KeyError), store.write() as tx:
        tx.set(vm, name_label="lost")
        tx.delete(drive)
        tx.create(VM, name_label="never")
        raise KeyError

    assert store.get(VM, vm.ref).name_label == "kept"
    assert store.members(vm, "VBDs") == (drive.ref,)
    assert store.where(VM, name_label="never") == []
    assert store.where(VM, name_label="kept") == [store.get(VM, vm.ref)]
    assert store.generation == generation
    assert store.find_uuid(VBD, drive.uuid) is not None


def test_an_equal_value_makes_no_change(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM, name_label="same")
    generation = store.generation

    with store.write() as tx:
        tx.set(vm, name_label="same")

    assert store.generation == generation


def test_an_object_that_is_gone_cannot_be_changed(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM)
    with store.write() as tx:
        tx.delete(vm)

    with pytest.raises(HANDLE_INVALID) as error, store.write() as tx:
        tx.set(vm, name_label="late")

    assert error.value.args == ("VM", vm.ref)


def test_both_ends_of_a_relation_change_together(store: Store) -> None:
    with store.write() as tx:
        vm, other, vdi = tx.create(VM), tx.create(VM), tx.create(VDI)
    with store.write() as tx:
        drive = tx.create(VBD, VM=vm.ref, VDI=vdi.ref)
    heard: list[Change] = []
    store.feed.stream = heard.extend

    with store.write() as tx:
        tx.set(drive, VM=other.ref)

    assert store.members(vm, "VBDs") == ()
    assert store.members(other, "VBDs") == (drive.ref,)
    assert {(change.cls, change.operation, change.ref) for change in heard} == {
        ("VBD", "mod", drive.ref),
        ("VM", "mod", vm.ref),
        ("VM", "mod", other.ref),
    }


def test_a_deleted_end_leaves_the_reference_dangling(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM)
        drive = tx.create(VBD, VM=vm.ref)

    with store.write() as tx:
        tx.delete(vm)

    assert vm.ref == store.get(VBD, drive.ref).VM
    assert store.find(VM, vm.ref) is None


def test_a_block_within_a_block_belongs_to_it(store: Store) -> None:
    with pytest.raises(KeyError), store.write() as tx:
        tx.create(VM, name_label="outer")
        with store.write() as inner:
            inner.create(VM, name_label="inner")
        raise KeyError

    assert not store.all(VM)


def test_an_object_made_and_deleted_in_one_block_is_never_told_of(store: Store) -> None:
    heard: list[Change] = []
    store.feed.stream = heard.extend

    with store.write() as tx:
        tx.delete(tx.create(VM))

    assert heard == []
    assert not list(store.feed.classes["VM"].changed_since(0))


class Recorded:
    """A store that keeps what it gave to the disk and to the feed."""

    def __init__(self) -> None:
        self.store = Store(DERIVATIONS)
        self.batches: list[Batch] = []
        self.published: list[Change] = []
        self.store.sink.submit = self.batches.append  # type: ignore[method-assign]
        self.store.feed.stream = self.published.extend
        with self.store.write() as tx:
            vm = tx.create(VM, ref="OpaqueRef:vm", uuid=str(uuid.UUID(int=1)), name_description="old", tags=("old",))
            tx.create(Task, ref="OpaqueRef:task", uuid=str(uuid.UUID(int=2)), volatile=True)
            tx.create(VBD, ref="OpaqueRef:drive", uuid=str(uuid.UUID(int=3)), VM=vm.ref)
        with self.store.write() as tx:
            tx.set(vm, is_a_template=False, name_label="old")

    def outcome(self) -> tuple[object, ...]:
        rows = [
            (dict(row.__dict__), row.ref, row._gen, row._created, row._wait)
            for table in self.store.tables.values()
            for row in table.rows.values()
        ]
        changes = [(*change[:-1], change.row.__dict__, change.row._gen) for change in self.published]
        newest = {name: table.newest for name, table in self.store.tables.items()}
        changed = {name: list(feed.changed.items()) for name, feed in self.store.feed.classes.items()}
        return rows, list(self.batches), changes, newest, changed, self.store.where(VM, name_label="new") != []


@pytest.mark.parametrize(
    ("cls", "ref", "changes"),
    [
        (VM, "OpaqueRef:vm", {"name_description": "new"}),
        (VM, "OpaqueRef:vm", {"name_description": "new", "tags": ("new",)}),
        (VM, "OpaqueRef:vm", {"name_description": "old"}),
        (VM, "OpaqueRef:vm", {"name_label": "new"}),
        (VM, "OpaqueRef:vm", {"power_state": VmPowerState.Running}),
        (VM, "OpaqueRef:vm", {"current_operations": {"OpaqueRef:task": "start"}}),
        (VM, "OpaqueRef:vm", {}),
        (Task, "OpaqueRef:task", {"progress": 0.5}),
        (VBD, "OpaqueRef:drive", {"userdevice": "1"}),
        (VBD, "OpaqueRef:drive", {"VM": NULL}),
    ],
)
def test_a_change_by_itself_does_what_a_block_with_it_does(cls: type[Any], ref: str, changes: dict[str, Any]) -> None:
    alone, block = Recorded(), Recorded()
    numbers: list[int] = []

    change(alone.store, alone.store.get(cls, ref), numbers.append, **changes)
    with block.store.write() as tx:
        tx.when_numbered(numbers.append)
        tx.set(block.store.get(cls, ref), **changes)

    assert alone.outcome() == block.outcome()
    assert len(numbers) == 2
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("ref", "changes", "error"),
    [
        ("OpaqueRef:gone", {"name_description": "new"}, HANDLE_INVALID),
        ("OpaqueRef:vm", {"nonsense": "new"}, TypeError),
        ("OpaqueRef:vm", {"name_description": "\ud800"}, VALUE_NOT_SUPPORTED),
    ],
)
def test_a_change_by_itself_that_cannot_be_leaves_nothing(
    ref: str, changes: dict[str, Any], error: type[Exception]
) -> None:
    changed = Recorded()
    with changed.store.write() as tx:
        gone = tx.create(VM, ref="OpaqueRef:gone")
    with changed.store.write() as tx:
        tx.delete(gone)
    row = gone if ref == gone.ref else changed.store.get(VM, ref)
    before = changed.outcome()

    with pytest.raises(error):
        change(changed.store, row, pytest.fail, **changes)

    assert changed.outcome() == before


def test_a_change_by_itself_within_a_block_belongs_to_it() -> None:
    changed = Recorded()
    vm = changed.store.get(VM, "OpaqueRef:vm")
    before = changed.outcome()

    with pytest.raises(KeyError), changed.store.write():
        change(changed.store, vm, pytest.fail, name_description="new")
        raise KeyError

    assert changed.outcome() == before


def test_uuids_are_random_ones_of_version_four() -> None:
    made = [new_uuid() for _ in range(1000)]

    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {(4, uuid.RFC_4122)}
    assert [str(uuid.UUID(each)) for each in made] == made
    assert len(set(made)) == 1000


def test_no_two_objects_have_one_uuid(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM)

    with pytest.raises(ValueError, match=vm.uuid), store.write() as tx:
        tx.create(VDI, uuid=vm.uuid)

    assert not store.all(VDI)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_refused_before_anything_happened(store: Store, number: int) -> None:
    with store.write() as tx:
        vm = tx.create(VM)

    with pytest.raises(VALUE_NOT_SUPPORTED) as error, store.write() as tx:
        tx.set(vm, name_label="lost", memory_target=number)

    assert error.value.args[:2] == ("memory_target", str(number))
    assert store.get(VM, vm.ref) == vm
    with pytest.raises(VALUE_NOT_SUPPORTED), store.write() as tx:
        tx.create(VM, memory_target=number)
    with store.write() as tx:
        tx.set(vm, memory_target=2**63 - 1)


@pytest.mark.parametrize("numbers", [{0: 2**63}, {2**63: 0}])
def test_numbers_in_maps_and_sets_are_of_64_bits_too(store: Store, numbers: dict[int, int]) -> None:
    with pytest.raises(VALUE_NOT_SUPPORTED), store.write() as tx:
        tx.create(VM_metrics, numa_node_memory=numbers)
    with pytest.raises(VALUE_NOT_SUPPORTED), store.write() as tx:
        tx.create(VIF, trunks=(1, 2**63))


@pytest.mark.parametrize("change", [{"name_label": "\udcff"}, {"tags": ("\udcff",)}, {"other_config": {"\udcff": ""}}])
def test_names_of_files_that_are_no_text_are_refused(store: Store, change: dict[str, Any]) -> None:
    with store.write() as tx:
        vm = tx.create(VM)

    with pytest.raises(VALUE_NOT_SUPPORTED), store.write() as tx:
        tx.set(vm, **change)

    assert store.get(VM, vm.ref) == vm


def test_what_was_deleted_in_vain_is_back_in_its_place(store: Store) -> None:
    with store.write() as tx:
        before = [tx.create(VM) for _ in range(4)]

    with pytest.raises(KeyError), store.write() as tx:
        tx.delete(before[1])
        tx.create(VM)
        tx.delete(before[0])
        raise KeyError

    assert list(store.all(VM)) == before
