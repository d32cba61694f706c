"""Fills a store from its database."""

from __future__ import annotations

from xapid.store.database import Database
from xapid.store.store import Store


def load(store: Store, database: Database) -> None:
    """Every row and the latest deletions; then what is derived from them."""
    for row in database.rows():
        store.adopt(row)
    store.recall(database.deletions())
    for name, generation in database.forgotten().items():
        store.feed.classes[name].forgotten = generation
    store.derive_all()
