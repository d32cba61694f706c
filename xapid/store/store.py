"""The store: every row, how rows are found, and the one door through which they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sized
from functools import partial
from typing import Any, Protocol, TypeVar

from xapid.datamodel.errors import HANDLE_INVALID, UUID_INVALID
from xapid.datamodel.types import CLASSES, Object
from xapid.store.derive import Derivation, Derivations
from xapid.store.feed import Change, Deletion, Feed
from xapid.store.index import LOOKED_UP, RELATED, Table, Tally
from xapid.store.rows import FORGETFUL, MESSAGE, SILENT, STORED
from xapid.store.shared import shared
from xapid.store.transaction import Batch, Transaction

R = TypeVar("R", bound=Object)


Told = Callable[[str], None]
"""Called with an empty text once something is on disk, or with the reason why it cannot be recorded."""


class StoreFailed(Exception):
    """The disk refused: what was done may not have been recorded."""


class Sink(Protocol):
    """Whoever takes batches in order: the SQLite writer, later other pool members too."""

    durable: int
    """Everything up to this generation is on disk."""
    trouble: str
    """Why the disk refuses; empty while all is well. Calls that would change something are refused meanwhile."""
    reserved: int
    """Beyond this generation a batch must be submitted, even an empty one."""

    def submit(self, batch: Batch) -> None: ...
    def tell(self, generation: int, function: Told) -> None:
        """Call a function when everything up to the generation is on disk, or when it is known that it will not be."""


class Nowhere:
    """A sink for a store without a disk."""

    durable = 0
    trouble = ""
    reserved = 2**63

    def submit(self, batch: Batch) -> None:
        self.durable = batch.generation

    def tell(self, generation: int, function: Told) -> None:
        self.durable = max(self.durable, generation)
        function("")


class Store:
    """Rows in memory. Reading needs no lock: a row never changes, a change replaces it."""

    def __init__(
        self, derivations: Iterable[Derivation] = (), sink: Sink | None = None, generation: int = 0, epoch: int = 1
    ) -> None:
        self.derivations = Derivations(derivations)
        self.sink: Sink = sink or Nowhere()
        self.generation = generation
        self.epoch = epoch
        """Counts the reigns of coordinators; a write of an older one is refused by the others."""
        self.tables: dict[str, Table] = {name: Table(CLASSES[name], self._indexed_fields(name)) for name in STORED}
        self._ends: dict[str, tuple[Table, str]] = {}
        """Field of a relation (``VBD.VM``) -> its table and name: asked for too often to be looked up each time."""
        self.feed = Feed(name for name in STORED if name not in SILENT)
        self.uuids: dict[str, str] = {}
        """uuid -> reference, over all classes."""
        self.classes: dict[str, str] = {}
        """reference -> class"""
        self._counted: tuple[int, Mapping[str, str], Mapping[str, int]] = (-1, {}, {})
        self._to_count: list[tuple[str, Sized]] = []
        self.open: Transaction | None = None
        self.submitted = generation
        """The last generation that was given to the sink."""

    def _indexed_fields(self, name: str) -> list[str]:
        fields = dict.fromkeys((*RELATED.get(name, ()), *LOOKED_UP.get(name, ())))
        fields.update(dict.fromkeys(field for cls, field in self.derivations.indexed if cls == name))
        if "name_label" in CLASSES[name].spec.fields:
            fields["name_label"] = None
        return list(fields)

    # Reading

    def get(self, cls: type[R], ref: str) -> R:
        """The row of a reference. Raises HANDLE_INVALID."""
        row: R | None = self.tables[cls.spec.name].rows.get(ref)
        if row is None:
            raise HANDLE_INVALID(cls.spec.name, ref)
        return row

    def find(self, cls: type[R], ref: str) -> R | None:
        """The row of a reference, or None for a dangling one."""
        row: R | None = self.tables[cls.spec.name].rows.get(ref)
        return row

    def find_any(self, ref: str) -> Object | None:
        """The row of a reference of whatever class."""
        name = self.classes.get(ref)
        row: Object | None = None if name is None else self.tables[name].rows.get(ref)
        return row

    def all(self, cls: type[R]) -> Collection[R]:
        return self.tables[cls.spec.name].rows.values()

    def one(self, cls: type[R]) -> R:
        """The only row of a class of which there is one: the pool."""
        row: R = next(iter(self.tables[cls.spec.name].rows.values()))
        return row

    def where(self, cls: type[R], /, **fields: Any) -> list[R]:
        """The rows whose fields have these values. One of the fields must be indexed: relations and names are."""
        table = self.tables[cls.spec.name]
        by = next((field for field in fields if field in table.indexes), None)
        if by is None:
            raise TypeError(f"no index of {cls.spec.name} over any of {sorted(fields)}")
        found = [table.rows[ref] for ref in table.filed(by, fields[by])]
        rest = [(field, value) for field, value in fields.items() if field != by]
        return [row for row in found if all(row.__dict__[field] == value for field, value in rest)]

    def by_uuid(self, cls: type[R], uuid: str) -> R:
        """The row of a uuid. Raises UUID_INVALID, for a uuid of another class too."""
        row = self.find_uuid(cls, uuid)
        if row is None:
            raise UUID_INVALID(cls.spec.name, uuid)
        return row

    def find_uuid(self, cls: type[R], uuid: str) -> R | None:
        return self.find(cls, self.uuids.get(uuid, ""))

    def members(self, row: Object, field: str) -> tuple[str, ...]:
        """The inverse set of a row: references of the rows whose field refers to it."""
        table, key = self._other_end(row, field)
        return tuple(table.filed(key, row.ref))

    def rows_of(self, row: Object, field: str) -> Iterator[Any]:
        """The rows of an inverse set, one by one, for who may stop early."""
        table, key = self._other_end(row, field)
        return (table.rows[ref] for ref in table.filed(key, row.ref))

    def has_any(self, row: Object, field: str) -> bool:
        """Whether an inverse set has members."""
        table, key = self._other_end(row, field)
        return bool(table.filed(key, row.ref))

    def _other_end(self, row: Object, field: str) -> tuple[Table, str]:
        """Where the members of an inverse set are filed, and under which of their fields."""
        inverse_of = row.spec.fields[field].inverse_of
        found = self._ends.get(inverse_of)
        if found is None:
            owner, _, key = inverse_of.partition(".")
            found = self._ends[inverse_of] = (self.tables[owner], key)
        return found

    def sums(self, tally: Tally, key: Any) -> tuple[int, ...] | None:
        """What the rows under a key amount to; None: there are none."""
        return self.tables[tally.cls].sums(tally, key)

    def count(self, name: str) -> int:
        return len(self._countable(name))

    def counted(self, names: Mapping[str, str]) -> Mapping[str, int]:
        """The counts of classes, under other names: one and the same map for all who ask, until one of them changes."""
        generation, asked, counts = self._counted
        if asked is not names:
            self._to_count = [(name, self._countable(cls)) for name, cls in names.items()]
        if generation != self.generation or asked is not names:
            found = {name: len(rows) for name, rows in self._to_count}
            if found != counts:
                counts = found
            self._counted = self.generation, names, counts
        return counts

    def _countable(self, name: str) -> Sized:
        """The rows of a class whose number clients are told."""
        return self.tables[name].rows if name in self.tables and name not in (MESSAGE, "role") else ()

    # Changing

    def write(self) -> Transaction:
        """``with store.write() as tx:`` - everything in the block happens, or nothing. No ``await`` in it."""
        return Transaction(self)

    def next_generation(self) -> int:
        self.generation += 1
        return self.generation

    def commit(self, batch: Batch, changes: list[Change]) -> None:
        """Called by the transaction at its end: hand the batch on."""
        if batch.writes or batch.journal:
            self.submitted = batch.generation
            self.sink.submit(batch)
        elif self.generation > self.sink.reserved:
            # Changes that are not written use up generations too: after a restart none may be given again.
            self.sink.submit(Batch(self.generation, self.epoch))
        # Nobody is answered before the disk has it: woken before that, they would only hold up the thread that writes.
        self.feed.published(changes, partial(self.sink.tell, self.submitted))

    async def durable(self, generation: int) -> None:
        """Return when everything up to the generation is on disk. Raises StoreFailed."""
        if self.sink.durable < generation:
            told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self.sink.tell(generation, partial(_answer, told))
            if reason := await told:
                raise StoreFailed(reason)

    async def settled(self) -> None:
        """Return when everything given to the sink so far is on disk."""
        await self.durable(self.submitted)

    def is_durable(self, row: Object) -> bool:
        """Whether a client may see this row already."""
        return row._wait <= self.sink.durable

    def adopt(self, row: Object) -> None:
        """Take a row from the database, at start: no event, nothing written."""
        name = row.spec.name
        self.tables[name].put(row.ref, None, row)
        self.uuids[row.__dict__["uuid"]] = row.ref
        self.classes[row.ref] = name

    def recall(self, deletions: Iterable[tuple[int, str, str, int]]) -> None:
        """Let the feed know every row that was adopted, and the deletions that are known: generation, class, reference,
        created; oldest first.

        What clients saw of fields that are not on disk may be true no longer, so rows with such fields appear changed.
        """
        for name, feed in self.feed.classes.items():
            table = self.tables[name]
            for row in sorted(table.rows.values(), key=lambda row: row._gen):
                if name in FORGETFUL:
                    row._gen = self.next_generation()
                feed.change(row.ref, row._gen)
        for generation, name, ref, created in deletions:
            self.feed.classes[name].deleted.append(Deletion(generation, created, ref))

    def derive_all(self) -> None:
        """Compute every derived field from nothing, at start: no event, nothing written."""
        for derivation in self.derivations.all:
            for row in list(self.tables[derivation.cls].rows.values()):
                row.__dict__[derivation.field] = shared(derivation.compute(self, row))


def _answer(told: asyncio.Future[str], reason: str) -> None:
    if not told.done():
        told.set_result(reason)
