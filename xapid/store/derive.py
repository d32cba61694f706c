"""Derived fields: what they depend on, and computing anew just those that a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xapid.datamodel.types import CLASSES, Object, RefType, SetType

if TYPE_CHECKING:
    from xapid.store.store import Store

Compute = Callable[["Store", Any], Any]


@dataclass(frozen=True)
class Derivation:
    """One derived field, the function that computes it, and the paths it reads (``VBDs.VDI.read_only``).

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


@dataclass(frozen=True)
class _Trigger:
    """If ``field`` of a row changes, walk ``back`` from it to the rows whose derivation reads it."""

    back: tuple[_Step, ...]
    everywhere: bool
    derivation: Derivation


class Derivations:
    """Every derivation, turned round: from a changed field to what has to be computed anew."""

    def __init__(self, derivations: Iterable[Derivation]) -> None:
        self.all = tuple(derivations)
        self._triggers: dict[str, dict[str, list[_Trigger]]] = {}
        """class -> field -> what its change sets off"""
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
        if path.startswith("*"):
            cls, _, name = path[1:].partition(".")
            self._trigger(cls, name, _Trigger((), True, derivation))
            return
        cls, back = derivation.cls, list[_Step]()
        for name in path.split("."):
            field = CLASSES[cls].spec.fields[name]
            if field.inverse_of:
                owner, _, key = field.inverse_of.partition(".")
                # A row that joins or leaves the set changes its own reference: that is the trigger.
                self._trigger(owner, key, _Trigger((*back, _Step(owner, key, True)), False, derivation))
                back.append(_Step(owner, key, True))
                cls = owner
                continue
            self._trigger(cls, name, _Trigger(tuple(back), False, derivation))
            target = field.type.item if isinstance(field.type, SetType) else field.type
            if isinstance(target, RefType) and name != path.rpartition(".")[2]:
                self.indexed.add((cls, name))
                back.append(_Step(cls, name, False))
                cls = target.target

    def _trigger(self, cls: str, field: str, trigger: _Trigger) -> None:
        self._triggers.setdefault(cls, {}).setdefault(field, []).append(trigger)

    def concerned(
        self, store: Store, cls: str, old: Any | None, new: Any | None, fields: set[str] | None
    ) -> set[tuple[str, Derivation]]:
        """References of the rows, each with the derivation, that a change of a row concerns.

        ``fields`` are those that changed; None for a row that came or went.
        """
        found: set[tuple[str, Derivation]] = set()
        triggers = self._triggers.get(cls, {})
        for name in triggers if fields is None else triggers.keys() & fields:
            for trigger in triggers[name]:
                if trigger.everywhere:
                    refs: Iterable[str] = store.tables[trigger.derivation.cls].rows
                else:
                    refs = {
                        ref for row in (old, new) if row is not None for ref in self._walk(store, row, trigger.back)
                    }
                found.update((ref, trigger.derivation) for ref in refs)
        if new is not None and old is None:
            found.update((new.ref, derivation) for derivation in self.of(cls))
        return found

    @staticmethod
    def _walk(store: Store, row: Object, back: tuple[_Step, ...]) -> set[str]:
        rows: set[Any] = {row}
        for step in reversed(back):
            if step.inverse:
                refs = {ref for each in rows for ref in _refs(each, step.field)}
                rows = {found for ref in refs if (found := store.find_any(ref)) is not None}
            else:
                table = store.tables[step.owner]
                refs = {ref for each in rows for ref in table.filed(step.field, each.ref)}
                rows = {table.rows[ref] for ref in refs}
        return {each.ref for each in rows}


def _refs(row: Any, field: str) -> tuple[str, ...]:
    value = row.__dict__[field]
    return value if isinstance(value, tuple) else (value,)
