"""Storage plug-ins of third parties that come and go: each serves a type of repository while it is there."""

from __future__ import annotations

import logging
from collections.abc import Callable

from xapid.backends.agent import DriverSpec
from xapid.backends.interface import BackendError
from xapid.backends.storage.plugin_interface import Plugin, PluginDriver
from xapid.observe.storage_kinds import write_plugin_kinds
from xapid.runtime.agents import LocalBackends
from xapid.store.store import Store

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks at the folders."""


class PluginWatch:
    """Keeps the drivers of the host in step with the plug-ins that lie there."""

    def __init__(self, backends: LocalBackends, host: str, spec: Callable[[Plugin], DriverSpec]) -> None:
        """``host``: as the agents call it; ``spec``: the driver of a plug-in."""
        self._backends = backends
        self._host = host
        self._spec = spec
        self._own = frozenset(backends.kinds)
        self._served: dict[str, Plugin] = {}

    async def serve(self) -> tuple[dict[str, Plugin], frozenset[str]]:
        """Look once. Returns what is new, or other than before, and the types that are gone; no record is written."""
        try:
            found = await self._backends.agent(self._host, "plugins").call(PluginDriver.find)
        except BackendError as error:
            log.error("storage plug-ins cannot be looked for: %s", error.message)
            return {}, frozenset()
        there = {plugin.type: plugin for plugin in found if f"storage:{plugin.type}" not in self._own}
        changed = {kind: plugin for kind, plugin in there.items() if self._served.get(kind) != plugin}
        gone = frozenset(self._served) - frozenset(there)
        for plugin in changed.values():
            self._backends.serve(self._spec(plugin))
        for kind in gone:
            log.error("the storage plug-in for repositories of type %s is gone", kind)
            self._backends.drop(f"storage:{kind}")
        self._served = there
        return changed, gone

    async def look(self, store: Store) -> None:
        """The same while the daemon runs: records say what there is."""
        changed, gone = await self.serve()
        if changed or gone:
            with store.write() as tx:
                write_plugin_kinds(store, tx, {kind: plugin.info for kind, plugin in changed.items()}, gone)
