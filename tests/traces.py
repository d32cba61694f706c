"""Traces of a host under test: they are switched on by its API, and read where its Observer has them written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xapid.runtime.tracing.tracer import Tracer

if TYPE_CHECKING:
    from tests.conftest import FreshHost

Told = dict[str, Any]
"""A span as it is told."""


class Traces:
    """The traces of one host, in files."""

    def __init__(self, fresh: FreshHost) -> None:
        self._fresh = fresh
        self._tracer: Tracer = fresh.runtime.services["tracer"]

    async def on(self, **fields: Any) -> str:
        """Make an Observer."""
        wanted = {
            "name_label": "tests", "name_description": "", "hosts": [], "attributes": {}, "endpoints": ["bugtool"],
            "components": [], "enabled": True,
        }  # fmt: skip
        return str(await self._fresh.xapi.Observer.create(wanted | fields))

    async def text(self) -> str:
        """All that was written until now."""
        await self._tracer.close()
        found = "".join(path.read_text() for path in sorted(self._tracer.folder.glob("*")))
        self._tracer.look(self._fresh.store, self._fresh.runtime.localhost)
        return found

    async def spans(self) -> list[Told]:
        return [span for line in (await self.text()).splitlines() for span in json.loads(line)]

    async def call(self, name: str) -> tuple[Told, list[Told]]:
        """The only call of a method, and its parts in the order of their beginning."""
        spans = await self.spans()
        (call,) = (each for each in spans if each["name"] == name and each.get("kind") == "SERVER")
        parts = [each for each in spans if each["traceId"] == call["traceId"] and each is not call]
        return call, sorted(parts, key=lambda each: (each["timestamp"], -each["duration"]))
