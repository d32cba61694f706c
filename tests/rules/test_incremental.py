"""Derived fields are at every moment what they would be if they were computed from nothing.

Random batches change rows of every kind on which rules depend. The seed is shown when a run fails; XAPID_SEED repeats
it, XAPID_BATCHES says how many batches there are.
"""

from __future__ import annotations

import enum
import os
import random
import types
from collections.abc import Collection
from typing import Any, TypeVar

import pytest

from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import CLASSES, NULL, EnumType, MapType, Object, RefType, SetType, Type
from xapid.datamodel.vbd import VbdType
from xapid.datamodel.vdi import VdiType
from xapid.datamodel.vm import DomainType, VmPowerState
from xapid.rules.registry import CHECKS, DERIVATIONS
from xapid.store.derive import Derivation
from xapid.store.index import Table
from xapid.store.rows import stored_fields
from xapid.store.store import Store

Row = TypeVar("Row", bound=Object)

BATCHES = int(os.environ.get("XAPID_BATCHES", "600"))

MANY = 10_000
"""Batches of a whole run of the tests."""

ROWS = 2
"""Of a class, at most. Few, so that they have much to do with each other."""

WATCHED = {derivation.cls for derivation in DERIVATIONS} | {
    "VM_metrics", "VM_guest_metrics", "VGPU", "VGPU_type", "PCI", "VMPP", "VMSS", "PBD", "SM", "host_metrics",
    "Cluster", "Cluster_host", "network", "PIF", "VLAN", "network_sriov",
}  # fmt: skip
"""Classes whose rows are made, changed and taken away."""

WORDS = ("", "1", "1", "true", "reset", "file", "udev")

KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("pool", "other_config"): ("rolling_upgrade_in_progress", "allow_clone_suspended_vm"),
    ("VM", "other_config"): ("default_template", "is_system_domain"),
    ("VM", "platform"): ("nomigrate", "nested-virt"),
    ("VDI", "sm_config"): ("on_boot", "caching"),
    ("VM_guest_metrics", "PV_drivers_version"): ("major", "minor"),
    ("VM_guest_metrics", "other"): (
        "feature-suspend", "feature-shutdown", "feature-poweroff", "feature-reboot", "feature-vcpu-hotplug",
        "data-cant-suspend-reason",
    ),
    ("SM", "features"): (
        "VDI_CREATE", "VDI_DELETE", "VDI_CLONE", "VDI_SNAPSHOT", "VDI_RESIZE", "VDI_UPDATE", "VDI_MIRROR",
        "SR_UPDATE", "VDI_GENERATE_CONFIG",
    ),
}  # fmt: skip
"""Keys of maps that rules read; beside them there is always one that nobody does."""


USUAL: dict[tuple[str, str], tuple[Any, ...]] = {
    ("VM", "power_state"): (VmPowerState.Running, VmPowerState.Running, VmPowerState.Halted),
    ("VM_metrics", "current_domain_type"): (DomainType.hvm, DomainType.hvm, DomainType.pv),
    ("SR", "type"): ("file",),
    ("SM", "type"): ("file",),
    ("SM", "features"): (dict.fromkeys(KEYS["SM", "features"], 1),),
    ("VDI", "type"): (VdiType.user,),
    ("VDI", "managed"): (True,),
    ("VBD", "type"): (VbdType.Disk,),
}
"""Where the usual value is not the default."""

OFTEN = ("VM", "VM", "VM", "VBD", "VBD", "VM_guest_metrics", "VM_guest_metrics", "VM_metrics", "VGPU", "VDI")
"""Classes that are chosen more often than others: much depends on them."""


class Dice:
    """Random rows, and random changes of them."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.random = random.Random(seed)

    def some_ref(self, cls: str) -> str:
        """A row of a class; now and then none, or one that is not there."""
        refs = list(self.store.tables[cls].rows)
        return self.random.choice([*refs * 6, NULL, f"OpaqueRef:ghost-{cls}"])

    def odd(self, cls: str, name: str, now: Any = None) -> Any:
        """Any value for a field. Of a map one key changes."""
        kind = CLASSES[cls].spec.fields[name].type
        if not isinstance(kind, MapType):
            return self._of(kind)
        key = self._of(kind.key) if isinstance(kind.key, EnumType) else self._key(cls, name)
        rest = {each: value for each, value in (now or {}).items() if each != key}
        return rest if self.random.random() < 0.3 else {**rest, key: self._of(kind.value)}

    def calm(self, cls: str) -> dict[str, Any]:
        """Values for the fields that rules read: nearly all the usual ones, lest one hide what another does."""
        fields = CLASSES[cls].spec.fields
        return {
            name: self.odd(cls, name)
            if isinstance(fields[name].type, RefType) or self.random.random() < 0.1
            else self.random.choice(USUAL.get((cls, name), (fields[name].empty,)))
            for name in sorted(READ[cls])
        }

    def _of(self, kind: Type) -> Any:
        if isinstance(kind, EnumType):
            return self.random.choice(list(kind.python))
        if isinstance(kind, RefType):
            return self.some_ref(kind.target)
        if isinstance(kind, SetType):
            return tuple(self._of(kind.item) for _ in range(self.random.randrange(3)))
        if isinstance(kind.empty, bool):
            return self.random.random() < 0.5
        return self.random.randrange(3) if isinstance(kind.empty, int) else self.random.choice(WORDS)

    def _key(self, cls: str, name: str) -> str:
        return self.random.choice((*KEYS.get((cls, name), ()), "other"))

    def changes(self, row: Object) -> dict[str, Any]:
        """Changes of a row: one or two odd values, now and then of a field that no rule reads."""
        cls = row.spec.name
        read = sorted(READ[cls] or FIELDS[cls])
        names = {self.random.choice(read) for _ in range(self.random.randrange(1, 3))}
        if self.random.random() < 0.1:
            names.add(self.random.choice(sorted(FIELDS[cls])))
        before = self.calm(cls) if self.random.random() < 0.3 else {}
        return before | {name: self.odd(cls, name, row.__dict__[name]) for name in sorted(names)}


FIELDS: dict[str, frozenset[str]] = {
    cls: frozenset(field.name for field in stored_fields(CLASSES[cls]) if not field.derived and field.name != "uuid")
    for cls in WATCHED
}


def _fields_read() -> dict[str, frozenset[str]]:
    """The fields on which derivations depend, and those by which objects are related."""
    store = Store(DERIVATIONS)
    watched = {each for derivation in DERIVATIONS for each in store.derivations.watched_by(derivation)}
    return {
        cls: FIELDS[cls] & ({name for owner, name in watched if owner == cls} | store.tables[cls].related.keys())
        for cls in WATCHED
    }


READ = _fields_read()


def batch(store: Store, dice: Dice) -> None:
    """One transaction: a few rows made, changed, taken away."""
    with store.write() as tx:
        for _ in range(dice.random.randrange(1, 4)):
            name = dice.random.choice((*OFTEN, *sorted(WATCHED)))
            rows = list(store.tables[name].rows.values())
            action = dice.random.random()
            if name == "pool" or (rows and action < 0.8):
                row = dice.random.choice(rows)
                tx.set(row, **dice.changes(row))
            elif len(rows) < ROWS:
                tx.create(CLASSES[name], **dice.calm(name))
            else:
                tx.delete(dice.random.choice(rows))


def stale(store: Store) -> list[str]:
    """The derived fields that are not what they should be."""
    return [
        f"{row}.{derivation.field}: {row.__dict__[derivation.field]} should be {expected}"
        for derivation in DERIVATIONS
        for row in store.tables[derivation.cls].rows.values()
        if row.__dict__[derivation.field] != (expected := derivation.compute(store, row))
    ]


def new_store() -> Store:
    store = Store(DERIVATIONS)
    with store.write() as tx:
        tx.create(CLASSES["pool"])
    return store


@pytest.mark.parametrize("batches", [BATCHES, pytest.param(MANY, marks=pytest.mark.slow)])
def test_incremental_is_the_same_as_from_nothing(batches: int) -> None:
    seed = int(os.environ.get("XAPID_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"XAPID_SEED={seed}")
    store = new_store()
    dice = Dice(store, seed)

    for number in range(batches):
        batch(store, dice)
        assert stale(store) == [], f"after batch {number}: XAPID_SEED={seed}"


NOT_DERIVED = {"network", "task", "Cluster", "Cluster_host"}
"""Their allowed operations follow from no other row: those of a task its own work sets, the others have none."""


def test_the_allowed_operations_of_every_class_are_derived() -> None:
    listing = {name for name, cls in CLASSES.items() if "allowed_operations" in cls.spec.fields}

    assert {derivation.cls for derivation in DERIVATIONS} == listing - NOT_DERIVED


class Witness(Store):
    """A store that notes what is read of it."""

    def __init__(self) -> None:
        super().__init__(DERIVATIONS)
        self.read: set[tuple[str, str]] = set()
        self._kinds: dict[type[Object], type[Object]] = {}

    def get(self, cls: type[Row], ref: str) -> Row:
        self.read.add((cls.spec.name, EXISTENCE))
        return super().get(cls, ref)

    def find(self, cls: type[Row], ref: str) -> Row | None:
        self.read.add((cls.spec.name, EXISTENCE))
        return super().find(cls, ref)

    def all(self, cls: type[Row]) -> Collection[Row]:
        self.read.add((cls.spec.name, EXISTENCE))
        return super().all(cls)

    def where(self, cls: type[Row], **fields: Any) -> list[Row]:
        self.read.update((cls.spec.name, name) for name in fields)
        return super().where(cls, **fields)

    def _other_end(self, row: Object, field: str) -> tuple[Table, str]:
        table, key = super()._other_end(row, field)
        self.read.add((table.name, key))
        return table, key

    def watch_rows(self) -> None:
        """Note from now on what is read of the rows that there are."""
        for table in self.tables.values():
            for row in table.rows.values():
                row.__class__ = self._watched_kind(table.cls)

    def _watched_kind(self, cls: type[Object]) -> type[Object]:
        if cls not in self._kinds:
            read, names = self.read, cls.spec.fields.keys()

            def note(row: Object, name: str) -> Any:
                if name in names:
                    read.add((cls.spec.name, name))
                return object.__getattribute__(row, name)

            kind: Any = types.new_class(cls.__name__, (cls,), {"registered": False})
            kind.__getattribute__ = note
            kind.spec = cls.spec
            self._kinds[cls] = kind
        return self._kinds[cls]


EXISTENCE = "uuid"
"""Whoever looks an object up depends on whether it is there."""


def test_what_a_rule_reads_it_declares() -> None:
    seed = int(os.environ.get("XAPID_SEED", random.SystemRandom().randrange(1 << 32)))
    store = Witness()
    with store.write() as tx:
        tx.create(CLASSES["pool"])
    dice = Dice(store, seed)

    for _ in range(min(BATCHES, 1000)):
        batch(store, dice)
        store.watch_rows()
        for derivation in DERIVATIONS:
            store.read.clear()
            for row in store.tables[derivation.cls].rows.values():
                derivation.compute(store, row)
            assert undeclared(store, derivation) == set(), f"{derivation.cls}: XAPID_SEED={seed}"


def undeclared(store: Witness, derivation: Derivation) -> set[tuple[str, str]]:
    declared = store.derivations.watched_by(derivation)
    # A row that comes or goes sets off whatever reads any field of its class.
    declared |= {(cls, EXISTENCE) for cls, _ in declared} | {(derivation.cls, EXISTENCE)}
    return store.read - declared


def test_what_is_listed_is_what_a_call_may_do() -> None:
    """But for the rules that concern the call alone, or the list alone."""
    seed = int(os.environ.get("XAPID_SEED", random.SystemRandom().randrange(1 << 32)))
    store = new_store()
    dice = Dice(store, seed)
    for _ in range(40):
        batch(store, dice)

    for row in _rows(store, "VM", "VIF", "SR", "pool", "VM_appliance", "VUSB"):
        listed = set(row.__dict__["allowed_operations"])
        everything: set[enum.StrEnum] = set(row.spec.fields["allowed_operations"].type.item.python)
        refused = {each for each in everything if not _passes(store, row, each)}
        assert listed.isdisjoint(refused), f"{row}: XAPID_SEED={seed}"


def _rows(store: Store, *classes: str) -> list[Any]:
    return [row for name in classes for row in store.tables[name].rows.values()]


def _passes(store: Store, row: Object, operation: str) -> bool:
    try:
        CHECKS[row.spec.name](store, row, operation)
    except ApiError:
        return False
    return True


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda derivation: derivation.cls)
def test_rolling_back_a_batch_leaves_nothing_stale(derivation: Any) -> None:
    store = new_store()
    dice = Dice(store, 1)
    for _ in range(20):
        batch(store, dice)

    with pytest.raises(KeyError), store.write() as tx:
        for row in list(store.tables[derivation.cls].rows.values()):
            tx.set(row, **dice.changes(row))
        raise KeyError

    assert stale(store) == []
