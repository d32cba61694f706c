"""Drivers of the kernel with variants to choose from, by the tool of the systems that have such: driver-tool."""

from __future__ import annotations

import json
from typing import Any

from xapid.backends.host.interface import DriverVariant, KernelDriver
from xapid.backends.host.tree import Tree
from xapid.backends.interface import Failed, NotSupported
from xapid.backends.process import Run

TOOL = "usr/sbin/driver-tool"


def kernel_drivers(tree: Tree, run: Run) -> tuple[KernelDriver, ...]:
    """None without the tool. Raises Failed if what it prints cannot be read."""
    if not tree.is_file(TOOL):
        return ()
    text = run([f"/{TOOL}", "-l"])
    try:
        return tuple(_driver(value) for value in json.loads(text)["drivers"].values())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Failed(f"what /{TOOL} prints cannot be read: {type(error).__name__}: {error}") from error


def _driver(value: dict[str, Any]) -> KernelDriver:
    return KernelDriver(
        name=str(value["friendly_name"]),
        type=str(value["type"]),
        description=str(value["description"]),
        info=str(value["info"]),
        variants=tuple(_variant(name, each) for name, each in value["variants"].items()),
        active=str(value["active"] or ""),
        selected=str(value["selected"] or ""),
    )


def _variant(name: str, value: dict[str, Any]) -> DriverVariant:
    return DriverVariant(
        name=name,
        version=str(value["version"]),
        hardware_present=value["hardware_present"] is True,
        priority=float(value["priority"]),
        status=str(value["status"]),
    )


def select(tree: Tree, run: Run, driver: str, variant: str) -> None:
    if not tree.is_file(TOOL):
        raise NotSupported("this host has no driver with variants to choose from")
    run([f"/{TOOL}", "-s", "-n", driver, "-v", variant] if variant else [f"/{TOOL}", "-d", driver])
