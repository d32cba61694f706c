"""The free keys of a host, of which some say a second time what fields of it say: older clients set those."""

from __future__ import annotations

from typing import Any

from xapid.backends.host.interface import HostDriver
from xapid.datamodel import Host
from xapid.datamodel.errors import INVALID_VALUE, MAP_DUPLICATE_KEY
from xapid.datamodel.map_keys import ISCSI_IQN, LOGGED_MULTIPATHING, MULTIPATHING
from xapid.runtime.context import Context
from xapid.runtime.texts import check_text


async def set_other_config(ctx: Context, self: Host, value: dict[str, str]) -> None:
    fields = await _following(ctx, self, value)
    ctx.change(ctx.now(self), other_config=value, **fields)


async def add_to_other_config(ctx: Context, self: Host, key: str, value: str) -> None:
    _assert_new(self, "other_config", key)
    fields = await _following(ctx, self, {key: value})
    host = ctx.now(self)
    _assert_new(host, "other_config", key)
    ctx.change(host, other_config={**host.other_config, key: value}, **fields)


def set_logging(ctx: Context, self: Host, value: dict[str, str]) -> None:
    """Where a guide of the API has the key multipathing."""
    check_text(value)
    said, fields = _said_anew(self.logging, value), dict[str, Any]()
    if LOGGED_MULTIPATHING.name in said:
        fields["multipathing"] = LOGGED_MULTIPATHING.kind.read(said[LOGGED_MULTIPATHING.name])
    ctx.change(self, logging=value, **fields)


def add_to_logging(ctx: Context, self: Host, key: str, value: str) -> None:
    _assert_new(self, "logging", key)
    set_logging(ctx, self, {**self.logging, key: value})


def _assert_new(host: Host, field: str, key: str) -> None:
    if key in getattr(host, field):
        raise MAP_DUPLICATE_KEY("host", field, host.ref, key)


def _said_anew(present: dict[str, str], value: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in value.items() if text and text != present.get(key)}


async def _following(ctx: Context, host: Host, value: dict[str, str]) -> dict[str, Any]:
    """The fields that follow what is said anew; a key that is taken away, or empty, leaves its field as it is."""
    check_text(value)
    said, fields = _said_anew(host.other_config, value), dict[str, Any]()
    if MULTIPATHING.name in said:
        fields["multipathing"] = MULTIPATHING.kind.read(said[MULTIPATHING.name])
    if ISCSI_IQN.name in said:
        name = fields["iscsi_iqn"] = said[ISCSI_IQN.name]
        if not name.isprintable():
            raise INVALID_VALUE(f"other_config:{ISCSI_IQN.name}", name)
        if name != host.iscsi_iqn:
            await ctx.machine(host).call(HostDriver.set_initiator, name)
    return fields
