"""Transactions: changes made in one block, given on as one batch, or taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from xapid.datamodel.errors import HANDLE_INVALID, VALUE_NOT_SUPPORTED
from xapid.datamodel.types import Object
from xapid.store import kept_apart
from xapid.store.feed import Change
from xapid.store.rows import COLUMNS, FIELDS, MESSAGE, copy_row, make_row, new_ref
from xapid.store.shared import shared

if TYPE_CHECKING:
    from xapid.store.store import Store

R = TypeVar("R", bound=Object)

LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""Of the whole numbers that the wire carries and a column holds."""


def _check_values(values: dict[str, Any]) -> None:
    """Refuse what neither the disk nor an answer can hold. Raises VALUE_NOT_SUPPORTED.

    Here and not in the writer, where it would be too late: the row is in memory then, and its writing would be tried
    for ever.
    """
    for name, value in values.items():
        # Half of the fields of a new object are empty.
        if value and (reason := _flaw(value)):
            raise VALUE_NOT_SUPPORTED(name, ascii(value), reason)


def _flaw(value: Any) -> str:
    kind = type(value)
    if kind is int:
        return "" if LOWEST <= value <= HIGHEST else "it is no integer of 64 bits"
    if kind is str:
        return "" if value.isascii() or _is_unicode(value) else "it is no Unicode text"
    if kind is tuple or kind is dict:
        for part in value if kind is tuple else (*value, *value.values()):
            if (type(part) is not str or not part.isascii()) and (reason := _flaw(part)):
                return reason
    return ""


def _is_unicode(text: str) -> bool:
    """False for the lone surrogates by which names of files stand that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Write(NamedTuple):
    """What the database is to do with one row."""

    kind: str
    """insert, update or delete"""
    cls: type[Object]
    ref: str
    values: dict[str, Any]
    generation: int
    created: int


class JournalWrite(NamedTuple):
    """A line of the undo journal to add (``payload``) or, without one, all lines of a task to drop."""

    task: str
    number: int
    payload: str | None


@dataclass
class Batch:
    """The outcome of one transaction, as the disk and other hosts get it."""

    generation: int = 0
    """Of its last change."""
    epoch: int = 1
    writes: list[Write] = field(default_factory=list)
    journal: list[JournalWrite] = field(default_factory=list)


class _Draft:
    """One object that the transaction changes."""

    __slots__ = ("fields", "new", "old", "touched")

    def __init__(self, old: Any, new: Any) -> None:
        self.old = old
        self.new = new
        self.fields: set[str] = set()
        self.touched = False
        """Changed only in an inverse set, or by event.inject: an event, but nothing to write."""


class Transaction:
    """One block of changes. Rows of the block are visible to its own reads at once, to others at its end."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.batch = Batch(epoch=store.epoch)
        self._drafts: dict[str, _Draft] = {}
        self._at_end: list[Callable[[Transaction], None]] = []
        self._when_numbered: list[Callable[[int], None]] = []
        self._outer: Transaction | None = None
        self._met = 0
        """Generation of rows that were found to have the value already: it must be on disk as well."""

    def __enter__(self) -> Self:
        # A block inside a block belongs to the outer one.
        self._outer = self.store.open
        if self._outer is not None:
            self._outer._at_end += self._at_end
            self._outer._when_numbered += self._when_numbered
            return self._outer  # type: ignore[return-value]  # Self of a class that is never derived
        self.store.open = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outer is not None:
            return
        try:
            if kind is None:
                for function in self._at_end:
                    function(self)
                self._commit()
                for report in self._when_numbered:
                    report(max(self.batch.generation, self._met))
            else:
                self._roll_back()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self.store.open = None

    # Changes

    def create(self, cls: type[R], /, *, ref: str = "", volatile: bool = False, **values: Any) -> R:
        """Make an object. Fields left out take their defaults; the uuid is random unless given."""
        store = self.store
        name = cls.spec.name
        _check_values(values)
        if name in kept_apart.FIELDS:
            values = kept_apart.written(self, name, values)
        row = make_row(cls, ref or new_ref(), {name: shared(value) for name, value in values.items()})
        if row.ref in store.classes or row.__dict__["uuid"] in store.uuids:
            raise ValueError(f"there is an object {row.ref} or {row.__dict__['uuid']} already")
        if volatile:
            row._volatile = True
        store.tables[name].put(row.ref, None, row)
        store.classes[row.ref] = name
        store.uuids[row.__dict__["uuid"]] = row.ref
        draft = self._drafts.setdefault(row.ref, _Draft(None, row))
        draft.new = row
        if draft.old is not None:
            draft.fields.update(draft.old.__dict__.keys() & row.spec.fields.keys())
        for field_name in store.tables[name].related:
            self._touch_targets(store.tables[name].values(row, field_name))
        return row

    def set(self, row: R, **changes: Any) -> R:
        """Change fields of the latest photograph of an object; returns the new one. Equal values change nothing."""
        store = self.store
        name = row.spec.name
        table = store.tables[name]
        latest: R | None = table.rows.get(row.ref)
        if latest is None:
            raise HANDLE_INVALID(name, row.ref)
        if not changes.keys() <= FIELDS[name]:
            raise TypeError(f"{name} has no field {sorted(changes.keys() - FIELDS[name])}")
        values = latest.__dict__
        real = {key: value for key, value in changes.items() if values[key] != value}
        if not real:
            self._met = max(self._met, latest._wait)
            return latest
        _check_values(real)
        if name in kept_apart.FIELDS:
            real = kept_apart.written(self, name, real, latest)
        draft = self._draft(latest)
        new: R = draft.new
        if not table.filing.isdisjoint(real):
            before = copy_row(new)
            new.__dict__.update(real)
            table.put(new.ref, before, new)
            for field_name in table.related.keys() & real.keys():
                self._touch_targets(table.values(before, field_name))
                self._touch_targets(table.values(new, field_name))
        else:
            new.__dict__.update(real)
        draft.fields.update(real)
        return new

    def delete(self, row: Object) -> None:
        """Take an object away. Deleting one that is gone raises HANDLE_INVALID. References to it stay as they are."""
        store = self.store
        name = row.spec.name
        table = store.tables[name]
        latest = table.rows.get(row.ref)
        if latest is None:
            raise HANDLE_INVALID(name, row.ref)
        if name in kept_apart.FIELDS:
            kept_apart.deleted(self, latest)
        draft = self._draft(latest)
        for field_name in table.related:
            self._touch_targets(table.values(draft.new, field_name))
        table.put(row.ref, draft.new, None)
        store.classes.pop(row.ref)
        store.uuids.pop(latest.__dict__["uuid"], None)
        draft.new = None

    def touch(self, row: Object) -> None:
        """Let an object appear changed although no field of its own did."""
        if row.ref in self.store.classes:
            self._draft(self.store.tables[row.spec.name].rows[row.ref]).touched = True

    def journal(self, task: str, number: int, payload: str | None) -> None:
        """Add a line to the undo journal of a task; None drops the whole of it."""
        self.batch.journal.append(JournalWrite(task, number, payload))

    def at_end(self, function: Callable[[Transaction], None]) -> None:
        """Call a function with the transaction when its block ended well, just before it is committed."""
        self._at_end.append(function)

    def when_numbered(self, function: Callable[[int], None]) -> None:
        """Call a function with the generation up to which the disk must be, before anybody is told of the changes."""
        self._when_numbered.append(function)

    # Inside

    def _draft(self, latest: Any) -> _Draft:
        draft = self._drafts.get(latest.ref)
        if draft is None:
            new = copy_row(latest)
            draft = self._drafts[latest.ref] = _Draft(latest, new)
            self.store.tables[latest.spec.name].replace(latest.ref, new)
        return draft

    def _touch_targets(self, refs: tuple[str, ...]) -> None:
        for ref in refs:
            name = self.store.classes.get(ref)
            if name is not None:
                self._draft(self.store.tables[name].rows[ref]).touched = True

    def _derive(self) -> None:
        """Compute the derived fields that the changes concern."""
        store = self.store
        work: set[tuple[str, Any]] = set()
        for draft in list(self._drafts.values()):
            row = draft.new if draft.new is not None else draft.old
            if row is None:
                continue
            whole = draft.old is None or draft.new is None
            fields = None if whole else draft.fields
            if fields is None or store.derivations.watched(row.spec.name, fields):
                work |= store.derivations.concerned(store, row.spec.name, draft.old, draft.new, fields)
        for ref, derivation in work:
            row = store.tables[derivation.cls].rows.get(ref)
            if row is None:
                continue
            value = derivation.compute(store, row)
            if row.__dict__[derivation.field] != value:
                self._draft(row).new.__dict__[derivation.field] = shared(value)
                self._drafts[ref].fields.add(derivation.field)

    def _commit(self) -> None:
        if not self._drafts:
            if self.batch.journal:
                self.batch.generation = self.store.next_generation()
                self.store.commit(self.batch, [])
            return
        self._derive()
        changes: list[Change] = []
        last_written = 0
        for ref, draft in self._drafts.items():
            generation = self._commit_one(ref, draft, changes)
            last_written = generation or last_written
        if self.batch.journal and not last_written:
            last_written = self.store.next_generation()
        self.batch.generation = last_written
        if last_written:
            for draft in self._drafts.values():
                row = draft.new if draft.new is not None else draft.old
                if row is not None:
                    self.store.tables[row.spec.name].newest = last_written
                # Nobody sees a part of a batch before the whole is on disk.
                if draft.new is not None and (draft.fields or draft.touched or draft.old is None):
                    draft.new._wait = last_written
        self.store.commit(self.batch, changes)

    def _commit_one(self, ref: str, draft: _Draft, changes: list[Change]) -> int:
        """Number one object's change. Returns the generation if it is to be written, else 0."""
        store, old, new = self.store, draft.old, draft.new
        if old is None and new is None:
            return 0
        if new is not None and old is not None and not draft.fields and not draft.touched:
            return 0
        row = new if new is not None else old
        name = row.spec.name
        feed = store.feed.classes.get(name)
        generation = store.next_generation()
        written = False
        if new is None:
            written = not old._volatile
            if written:
                self.batch.writes.append(Write("delete", type(old), ref, {}, generation, old._created))
            if feed is not None:
                feed.delete(ref, generation, old._created)
                changes.append(Change(generation, name, "del", ref, old))
            return generation if written else 0
        new._gen = generation
        if old is None:
            new._created = generation
        if not new._volatile:
            written = self._write_row(new, old, draft, generation)
        if feed is not None:
            feed.change(ref, generation)
            changes.append(Change(generation, name, "add" if old is None else "mod", ref, new))
        return generation if written else 0

    def _write_row(self, new: Any, old: Any | None, draft: _Draft, generation: int) -> bool:
        cls, fields = type(new), new.__dict__
        columns = COLUMNS[cls.spec.name]
        if old is None:
            values = {key: fields[key] for key in columns}
            self.batch.writes.append(Write("insert", cls, new.ref, values, generation, generation))
            return True
        values = {key: fields[key] for key in draft.fields if key in columns}
        if values:
            self.batch.writes.append(Write("update", cls, new.ref, values, generation, new._created))
        return bool(values)

    def _roll_back(self) -> None:
        store = self.store
        disordered = set()
        for ref, draft in reversed(self._drafts.items()):
            row = draft.new if draft.new is not None else draft.old
            if row is None:
                continue
            table = store.tables[row.spec.name]
            current = table.rows.get(ref)
            table.put(ref, current, draft.old)
            if draft.old is None:
                store.classes.pop(ref, None)
                if current is not None:
                    store.uuids.pop(current.__dict__["uuid"], None)
            else:
                store.classes[ref] = draft.old.spec.name
                store.uuids[draft.old.__dict__["uuid"]] = ref
                if current is None:
                    disordered.add(table)
        for table in disordered:
            table.restore_order()


def change(store: Store, row: Object, numbered: Callable[[int], None], /, **changes: Any) -> None:
    """Change fields of one object, as a block with nothing but ``tx.when_numbered(numbered)`` and ``tx.set`` does.

    Where nothing but the row itself is concerned that takes 4 us instead of 9. Most calls that write are of this kind.
    """
    name, ref = row.spec.name, row.ref
    table = store.tables[name]
    latest = table.rows.get(ref)
    alone = table.filing.isdisjoint(changes) and not store.derivations.watched(name, changes.keys())
    alone = alone and kept_apart.FIELDS.get(name, {}).keys().isdisjoint(changes)
    if store.open is not None or not alone or latest is None or not changes.keys() <= FIELDS[name]:
        with store.write() as tx:
            tx.when_numbered(numbered)
            tx.set(row, **changes)
        return
    before = latest.__dict__
    real = {key: value for key, value in changes.items() if before[key] != value}
    if not real:
        numbered(latest._wait)
        return
    _check_values(real)
    new = copy_row(latest)
    new.__dict__.update(real)
    generation = new._gen = store.next_generation()
    batch = Batch(epoch=store.epoch)
    columns = COLUMNS[name]
    kept = {} if new._volatile else {key: value for key, value in real.items() if key in columns}
    if kept:
        batch.generation = new._wait = table.newest = generation
        batch.writes.append(Write("update", type(new), ref, kept, generation, new._created))
    table.replace(ref, new)
    feed = store.feed.classes.get(name)
    if feed is not None:
        feed.change(ref, generation)
    store.commit(batch, [] if feed is None else [Change(generation, name, "mod", ref, new)])
    numbered(batch.generation)


__all__ = ["MESSAGE", "Batch", "JournalWrite", "Transaction", "Write"]
