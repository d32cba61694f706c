"""Features that a licence may withhold, as the pool's restrictions say."""

from __future__ import annotations

from xapid.datamodel import Pool
from xapid.store.store import Store


def the_pool(store: Store) -> Pool | None:
    """The pool, which is there from the first start on."""
    return next(iter(store.all(Pool)), None)


def restricted(store: Store, feature: str) -> bool:
    """Whether the licence withholds a feature: ``dmc``, ``vif_locking``."""
    pool = the_pool(store)
    return pool is not None and pool.restrictions.get(f"restrict_{feature}") == "true"
