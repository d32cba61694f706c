"""Messages of class Observer: what is to be traced, and where traces go. Nothing is traced yet: none can be enabled."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from xapid.datamodel import Host, Observer
from xapid.datamodel.errors import INVALID_VALUE, NOT_IMPLEMENTED
from xapid.runtime.context import Context

COMPONENTS = frozenset({"xapi", "xenopsd", "xapi-clusterd", "smapi"})
BUGTOOL = "bugtool"
"""The endpoint that is no URL: files for a bug report."""
_KEY = re.compile(r"[a-z0-9][a-z0-9._]{0,253}[a-z0-9]")
LONGEST_VALUE = 4095


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A new observer. Raises INVALID_VALUE for a component, an endpoint or an attribute that can be none."""
    _check_components(args["components"])
    _check_endpoints(args["endpoints"])
    _check_hosts(ctx, args["hosts"])
    _check_attributes(args["attributes"])
    _check_enabled("Observer.create", args["enabled"])
    with ctx.write() as tx:
        return tx.create(Observer, **args).ref


def destroy(ctx: Context, self: Observer) -> None:
    with ctx.write() as tx:
        tx.delete(self)


def set_hosts(ctx: Context, self: Observer, value: tuple[str, ...]) -> None:
    """The hosts that it is about; none: all of the pool."""
    _check_hosts(ctx, value)
    ctx.change(self, hosts=value)


def set_components(ctx: Context, self: Observer, value: tuple[str, ...]) -> None:
    """The daemons that it is about; none: all."""
    _check_components(value)
    ctx.change(self, components=value)


def set_endpoints(ctx: Context, self: Observer, value: tuple[str, ...]) -> None:
    _check_endpoints(value)
    ctx.change(self, endpoints=value)


def set_attributes(ctx: Context, self: Observer, value: dict[str, str]) -> None:
    _check_attributes(value)
    ctx.change(self, attributes=value)


def set_enabled(ctx: Context, self: Observer, value: bool) -> None:
    _check_enabled("Observer.set_enabled", value)
    ctx.change(self, enabled=value)


def _check_components(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in COMPONENTS:
            raise INVALID_VALUE("component", name)


def _check_endpoints(endpoints: tuple[str, ...]) -> None:
    for endpoint in endpoints:
        if endpoint != BUGTOOL and not _is_url(endpoint):
            raise INVALID_VALUE("endpoint", endpoint)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _check_hosts(ctx: Context, hosts: tuple[str, ...]) -> None:
    for host in hosts:
        ctx.store.get(Host, host)


def _check_attributes(attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        if not _KEY.fullmatch(key) or len(value) >= LONGEST_VALUE:
            raise INVALID_VALUE("attribute", f"{key}={value}")


def _check_enabled(message: str, value: bool) -> None:
    if value:
        raise NOT_IMPLEMENTED(message)
