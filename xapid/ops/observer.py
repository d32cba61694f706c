"""Messages of class Observer: what is to be traced, and where traces go."""

from __future__ import annotations

import re
from typing import Any

from xapid.datamodel import Host, Observer
from xapid.datamodel.errors import INVALID_VALUE
from xapid.rules.observer import BUGTOOL, Component
from xapid.runtime.context import Context
from xapid.runtime.tracing.collector import is_address
from xapid.runtime.tracing.tracer import Tracer

_KEY = re.compile(r"[a-z0-9][a-z0-9._]{0,253}[a-z0-9]")
LONGEST_VALUE = 4095


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A new observer. Raises INVALID_VALUE for a component, an endpoint or an attribute that can be none."""
    _check_components(args["components"])
    _check_endpoints(args["endpoints"])
    _check_hosts(ctx, args["hosts"])
    _check_attributes(args["attributes"])
    with ctx.write() as tx:
        ref = tx.create(Observer, **args).ref
    _look(ctx)
    return ref


def destroy(ctx: Context, self: Observer) -> None:
    with ctx.write() as tx:
        tx.delete(self)
    _tracer(ctx).heed(self.ref)
    _look(ctx)


def set_hosts(ctx: Context, self: Observer, value: tuple[str, ...]) -> None:
    """The hosts that it is about; none: all of the pool."""
    _check_hosts(ctx, value)
    _change(ctx, self, hosts=value)


def set_components(ctx: Context, self: Observer, value: tuple[str, ...]) -> None:
    """The daemons that it is about; none: all."""
    _check_components(value)
    _change(ctx, self, components=value)


def set_endpoints(ctx: Context, self: Observer, value: tuple[str, ...]) -> None:
    _check_endpoints(value)
    _change(ctx, self, endpoints=value)


def set_attributes(ctx: Context, self: Observer, value: dict[str, str]) -> None:
    _check_attributes(value)
    _change(ctx, self, attributes=value)


def set_enabled(ctx: Context, self: Observer, value: bool) -> None:
    _change(ctx, self, enabled=value)


def register(ctx: Context, self: Observer, host: Host) -> None:
    """Do what it says on a host, as every host does by itself for an Observer that concerns it."""
    _tracer(ctx).heed(self.ref)
    _look(ctx)


def unregister(ctx: Context, self: Observer, host: Host) -> None:
    """Do nothing of what it says on a host, until it is registered there or the daemon starts again."""
    _tracer(ctx).set_aside(self.ref)
    _look(ctx)


def _change(ctx: Context, observer: Observer, **changes: Any) -> None:
    ctx.change(observer, **changes)
    _look(ctx)


def _look(ctx: Context) -> None:
    """The next call is traced as the records say now."""
    _tracer(ctx).look(ctx.store, ctx.runtime.localhost)


def _tracer(ctx: Context) -> Tracer:
    tracer: Tracer = ctx.runtime.services["tracer"]
    return tracer


def _check_components(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in list(Component):
            raise INVALID_VALUE("component", name)


def _check_endpoints(endpoints: tuple[str, ...]) -> None:
    for endpoint in endpoints:
        if endpoint != BUGTOOL and not is_address(endpoint):
            raise INVALID_VALUE("endpoint", endpoint)


def _check_hosts(ctx: Context, hosts: tuple[str, ...]) -> None:
    for host in hosts:
        ctx.store.get(Host, host)


def _check_attributes(attributes: dict[str, str]) -> None:
    for key, value in attributes.items():
        if not _KEY.fullmatch(key) or len(value) >= LONGEST_VALUE:
            raise INVALID_VALUE("attribute", f"{key}={value}")
