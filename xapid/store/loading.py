"""Fills a store from its database."""

from __future__ import annotations

from xapid.store.completeness import absent
from xapid.store.database import RESTORE, Database, DatabaseError, first_of
from xapid.store.store import Store


def load(store: Store, database: Database) -> None:
    """Every row and the latest deletions; then what is derived from them."""
    for row in database.rows():
        store.adopt(row)
    store.recall(database.deletions())
    for name, generation in database.forgotten().items():
        store.feed.classes[name].forgotten = generation
    store.derive_all()


def assert_complete(store: Store, database: Database) -> None:
    """Raises DatabaseError if something is lost without which no daemon can work."""
    if lost := absent(store).lost:
        raise DatabaseError(f"database {database.path} is damaged: {first_of(lost)}; {RESTORE}")
