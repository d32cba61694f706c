"""Derived fields: what they depend on, and computing anew just those that a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xapid.datamodel.types import CLASSES, Object, RefType, SetType

if TYPE_CHECKING:
    from xapid.store.store import Store

Compute = Callable[["Store", Any], Any]


@dataclass(frozen=True, eq=False)
class Derivation:
    """One derived field, the function that computes it, and the paths it reads (``VBDs.VDI.read_only``).

    A path may end in one key of a map (``VBDs.VDI.sm_config[on_boot]``): then only a change under that key counts.

    A path that begins with ``*`` names a class whose objects all matter (``*pool.other_config``): a change there
    concerns every row. Keep such classes small.
    """

    cls: str
    field: str
    compute: Compute
    depends: tuple[str, ...]


@dataclass(frozen=True)
class _Step:
    """The way back along one step of a path: from a row of ``cls`` to the rows that lead to it."""

    owner: str
    field: str
    inverse: bool


@dataclass(frozen=True, eq=False)
class _Trigger:
    """If one of ``fields`` of a row changes, walk ``back`` from it to the rows whose derivation reads them."""

    derivation: Derivation
    back: tuple[_Step, ...] | None
    """None: every row of the derivation's class."""
    fields: set[str] = field(default_factory=set)
    keys: set[tuple[str, str]] = field(default_factory=set)
    """Fields of which only one key matters, each with the key."""

    def touched(self, old: Any, new: Any, fields: set[str]) -> bool:
        return not self.fields.isdisjoint(fields) or any(
            name in fields and old.__dict__[name].get(key) != new.__dict__[name].get(key) for name, key in self.keys
        )


class Derivations:
    """Every derivation, turned round: from a changed field to what has to be computed anew."""

    def __init__(self, derivations: Iterable[Derivation]) -> None:
        self.all = tuple(derivations)
        self._triggers: dict[str, dict[tuple[Any, ...], _Trigger]] = {}
        """class -> derivation and way back -> what a change of the class sets off"""
        self._watched: dict[str, set[str]] = {}
        """class -> fields that set off anything"""
        self._own: dict[str, list[Derivation]] = {}
        self.indexed: set[tuple[str, str]] = set()
        """Fields that must be indexed, for walking back along references."""
        for derivation in self.all:
            self._own.setdefault(derivation.cls, []).append(derivation)
            for path in derivation.depends:
                self._add_path(derivation, path)

    def of(self, cls: str) -> list[Derivation]:
        return self._own.get(cls, [])

    def _add_path(self, derivation: Derivation, path: str) -> None:
        path, _, key = path.rstrip("]").partition("[")
        if path.startswith("*"):
            cls, _, name = path[1:].partition(".")
            self._watch(derivation, None, cls, name, key)
            return
        cls, back = derivation.cls, list[_Step]()
        names = path.split(".")
        for place, name in enumerate(names):
            field = CLASSES[cls].spec.fields[name]
            if field.inverse_of:
                owner, _, reference = field.inverse_of.partition(".")
                # A row that joins or leaves the set changes its own reference: that is the trigger.
                back.append(_Step(owner, reference, True))
                self._watch(derivation, tuple(back), owner, reference)
                cls = owner
                continue
            last = place == len(names) - 1
            self._watch(derivation, tuple(back), cls, name, key if last else "")
            target = field.type.item if isinstance(field.type, SetType) else field.type
            if isinstance(target, RefType) and not last:
                self.indexed.add((cls, name))
                back.append(_Step(cls, name, False))
                cls = target.target

    def _watch(
        self, derivation: Derivation, back: tuple[_Step, ...] | None, cls: str, field: str, key: str = ""
    ) -> None:
        if field not in CLASSES[cls].spec.fields:
            raise ValueError(f"{derivation.cls}.{derivation.field} depends on {cls}.{field}, which there is not")
        triggers = self._triggers.setdefault(cls, {})
        trigger = triggers.setdefault((derivation.cls, derivation.field, back), _Trigger(derivation, back))
        if key:
            trigger.keys.add((field, key))
        else:
            trigger.fields.add(field)
        self._watched.setdefault(cls, set()).add(field)

    def concerned(
        self, store: Store, cls: str, old: Any | None, new: Any | None, fields: set[str] | None
    ) -> set[tuple[str, Derivation]]:
        """References of the rows, each with the derivation, that a change of a row concerns.

        ``fields`` are those that changed; None for a row that came or went.
        """
        found: set[tuple[str, Derivation]] = set()
        if fields is None or not self._watched.get(cls, set()).isdisjoint(fields):
            walked: dict[tuple[_Step, ...], set[str]] = {}
            for trigger in self._triggers.get(cls, {}).values():
                if fields is not None and not trigger.touched(old, new, fields):
                    continue
                refs: Iterable[str]
                if trigger.back is None:
                    refs = store.tables[trigger.derivation.cls].rows
                elif trigger.back in walked:
                    refs = walked[trigger.back]
                else:
                    refs = walked[trigger.back] = self._walk(store, (old, new), trigger.back)
                found.update((ref, trigger.derivation) for ref in refs)
        if new is not None and old is None:
            found.update((new.ref, derivation) for derivation in self.of(cls))
        return found

    @staticmethod
    def _walk(store: Store, changed: Iterable[Object | None], back: tuple[_Step, ...]) -> set[str]:
        """References of the rows from which the path leads to one of those that changed."""
        rows: list[Any] = [row for row in changed if row is not None]
        for step in reversed(back):
            if step.inverse:
                refs = {ref for row in rows for ref in _refs(row, step.field)}
                rows = [row for ref in refs if (row := store.find_any(ref)) is not None]
            else:
                table = store.tables[step.owner]
                refs = {ref for row in rows for ref in table.filed(step.field, row.ref)}
                rows = [table.rows[ref] for ref in refs]
        return {row.ref for row in rows}


def _refs(row: Any, field: str) -> tuple[str, ...]:
    value = row.__dict__[field]
    return value if isinstance(value, tuple) else (value,)
