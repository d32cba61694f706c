"""Supplemental packs of this machine, each a folder with a description in XML."""

from __future__ import annotations

import logging
from xml.etree import ElementTree

from xapid.backends.host.interface import Pack
from xapid.backends.host.tree import Tree

log = logging.getLogger(__name__)

PACKS = "etc/xensource/installed-repos"
DESCRIPTION = "XS-REPOSITORY"


def packs(tree: Tree) -> tuple[Pack, ...]:
    """One that cannot be read is passed over."""
    return tuple(pack for name in tree.names(PACKS) if (pack := _read(tree, name)) is not None)


def _read(tree: Tree, name: str) -> Pack | None:
    text = tree.text(f"{PACKS}/{name}/{DESCRIPTION}")
    try:
        # Its entities could grow without bound.
        root = ElementTree.fromstring(text) if "<!DOCTYPE" not in text else None  # noqa: S314
        if root is None:
            raise ValueError("it has a DOCTYPE")
        attributes = root.attrib
        return Pack(
            originator=attributes["originator"],
            name=attributes["name"],
            version=attributes["version"],
            description=(root.findtext("description") or "").strip(),
            build=attributes.get("build", ""),
            homogeneous=attributes.get("enforce-homogeneity") == "true",
        )
    except (ElementTree.ParseError, ValueError, KeyError) as error:
        log.warning("pack %s is passed over: %r", name, error)
        return None
