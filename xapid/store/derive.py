"""Derived fields: what they depend on, and computing anew just those that a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from xapid.datamodel.types import CLASSES, Object, RefType, SetType

if TYPE_CHECKING:
    from xapid.store.store import Store

Compute = Callable[["Store", Any], Any]
Reading = Callable[[Any], Any]


@dataclass(frozen=True)
class Part:
    """A path of which only counts what ``reading`` makes of the value at its end."""

    path: str
    reading: Reading


def key(path: str, name: str) -> Part:
    """A path to a map, of which only one key counts."""
    return Part(path, lambda value: value.get(name))


@dataclass(frozen=True, eq=False)
class Derivation:
    """One derived field, the function that computes it, and the paths it reads (``VBDs.VDI.read_only``).

    A path through a reference reads whether there is such an object, too; ``VDI.uuid`` reads nothing else.
    A path that begins with ``*`` names a class whose objects all matter (``*pool.other_config``): a change there
    concerns every row. Keep such classes small.
    """

    cls: str
    field: str
    compute: Compute
    depends: tuple[str | Part, ...]


class _Step(NamedTuple):
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
    parts: list[tuple[str, Reading]] = field(default_factory=list)
    """Fields of which only a part matters, each with what reads the part."""

    def touched(self, old: Any, new: Any, fields: set[str]) -> bool:
        return not self.fields.isdisjoint(fields) or any(
            name in fields and read(old.__dict__[name]) != read(new.__dict__[name]) for name, read in self.parts
        )


class Derivations:
    """Every derivation, turned round: from a changed field to what has to be computed anew."""

    def __init__(self, derivations: Iterable[Derivation]) -> None:
        self.all = tuple(derivations)
        self._triggers: dict[str, dict[tuple[Derivation, tuple[_Step, ...] | None], _Trigger]] = {}
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

    def watched_by(self, derivation: Derivation) -> set[tuple[str, str]]:
        """Class and name of every field whose change sets the derivation off."""
        return {
            (cls, name)
            for cls, triggers in self._triggers.items()
            for trigger in triggers.values()
            if trigger.derivation is derivation
            for name in (*trigger.fields, *(part for part, _ in trigger.parts))
        }

    def _add_path(self, derivation: Derivation, depends: str | Part) -> None:
        path, reading = (depends.path, depends.reading) if isinstance(depends, Part) else (depends, None)
        if path.startswith("*"):
            cls, _, name = path[1:].partition(".")
            self._watch(derivation, None, cls, name, reading)
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
            self._watch(derivation, tuple(back), cls, name, reading if last else None)
            target = field.type.item if isinstance(field.type, SetType) else field.type
            if isinstance(target, RefType) and not last:
                self.indexed.add((cls, name))
                back.append(_Step(cls, name, False))
                cls = target.target
                # The row referred to may come and go without a field of its own being read.
                self._watch(derivation, tuple(back), cls, "uuid")

    def _watch(
        self,
        derivation: Derivation,
        back: tuple[_Step, ...] | None,
        cls: str,
        field: str,
        reading: Reading | None = None,
    ) -> None:
        if field not in CLASSES[cls].spec.fields:
            raise ValueError(f"{derivation.cls}.{derivation.field} depends on {cls}.{field}, which there is not")
        triggers = self._triggers.setdefault(cls, {})
        trigger = triggers.setdefault((derivation, back), _Trigger(derivation, back))
        if reading is None:
            trigger.fields.add(field)
        else:
            trigger.parts.append((field, reading))
        self._watched.setdefault(cls, set()).add(field)

    def watched(self, cls: str, fields: Set[str]) -> bool:
        """Whether a change of one of these fields may concern anything that is derived."""
        watched = self._watched.get(cls)
        return watched is not None and not watched.isdisjoint(fields)

    def concerned(
        self, store: Store, cls: str, old: Any | None, new: Any | None, fields: set[str] | None
    ) -> set[tuple[str, Derivation]]:
        """References of the rows, each with the derivation, that a change of a row concerns.

        ``fields`` are those that changed; None for a row that came or went.
        """
        found: set[tuple[str, Derivation]] = set()
        if fields is None or self.watched(cls, fields):
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
        rows: Iterable[Any] = [row for row in changed if row is not None]
        found = {row.ref for row in rows}
        for step in reversed(back):
            if step.inverse:
                found = {ref for row in rows for ref in _refs(row, step.field) if ref in store.classes}
            else:
                filed = store.tables[step.owner].filed
                found = {ref for target in found for ref in filed(step.field, target)}
            if not found:
                break
            # They are looked up only if the next step asks for them.
            rows = map(store.find_any, found)
        return found


def _refs(row: Any, field: str) -> tuple[str, ...]:
    value = row.__dict__[field]
    return value if isinstance(value, tuple) else (value,)
