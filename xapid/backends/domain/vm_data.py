"""What host and guest share in xenstore below ``vm-data/``."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.backends.domain.xenstore import Xenstore

FOLDER = "vm-data"


def home(domain: int) -> str:
    """A domain's own folder."""
    return f"/local/domain/{domain}"


def lay_down(store: Xenstore, domain: int, data: Mapping[str, str]) -> None:
    """What a guest is told, which it owns from then on. What is not below ``vm-data/`` is dropped.

    Raises BadConfig for what is too long.
    """
    # The keys below have the owner of the folder, by xenstore's own rule.
    store.write(f"{home(domain)}/{FOLDER}", "")
    store.give(f"{home(domain)}/{FOLDER}", domain)
    for key, value in data.items():
        if key.startswith(f"{FOLDER}/"):
            store.write(f"{home(domain)}/{key}", value)


def is_laid_down(store: Xenstore, domain: int) -> bool:
    """Whether a guest was told already."""
    return FOLDER in store.tree(home(domain), [FOLDER])


def shared(store: Xenstore, domain: int) -> dict[str, str]:
    """What lies there now, folders that say nothing themselves left out."""
    tree = store.tree(home(domain), [FOLDER])
    folders = {key.rpartition("/")[0] for key in tree}
    return {key: value for key, value in tree.items() if value or (key not in folders and key != FOLDER)}
