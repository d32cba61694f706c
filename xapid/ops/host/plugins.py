"""Programs that a host lends to clients: plug-ins, and extensions of the API. None can be run yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import orjson

from xapid.datamodel import Host
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    MESSAGE_METHOD_UNKNOWN,
    NOT_IMPLEMENTED,
    XENAPI_MISSING_PLUGIN,
)
from xapid.runtime.context import Context

PLUGINS = Path("/etc/xapi.d/plugins")
EXTENSIONS = Path("/etc/xapi.d/extensions")


def is_program(directory: Path, name: str) -> bool:
    """Whether a directory itself, and none above or below it, has a program of this name."""
    return Path(name).name == name and (directory / name).is_file()


def call_plugin(ctx: Context, host: Host, plugin: str, fn: str, args: dict[str, str]) -> NoReturn:
    if not is_program(PLUGINS, plugin):
        raise XENAPI_MISSING_PLUGIN(plugin)
    raise NOT_IMPLEMENTED("host.call_plugin")


def has_extension(ctx: Context, host: Host, name: str) -> bool:
    return is_program(EXTENSIONS, name)


def call_extension(ctx: Context, host: Host, call: str) -> NoReturn:
    """Call an extension by a call in JSON-RPC."""
    try:
        parsed: Any = orjson.loads(call)
    except orjson.JSONDecodeError as error:
        raise INTERNAL_ERROR(f"the call cannot be read: {error}") from error
    name = parsed.get("method") if isinstance(parsed, dict) else None
    if not isinstance(name, str):
        raise INTERNAL_ERROR("the call names no method")
    if not is_program(EXTENSIONS, name):
        raise MESSAGE_METHOD_UNKNOWN(name)
    raise NOT_IMPLEMENTED("host.call_extension")
