"""Who traces: begins spans, and brings those that are over to the endpoints of the Observers."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from xapid.datamodel import Host
from xapid.rules.observer import BUGTOOL, Aims, aims
from xapid.runtime.config import TracingConfig
from xapid.runtime.tracing.collector import Collector
from xapid.runtime.tracing.exporter import Exporter
from xapid.runtime.tracing.files import Bounds, TraceFiles, tidy
from xapid.runtime.tracing.span import Span, remote
from xapid.runtime.tracing.zipkin import Finished, parent_id
from xapid.store.store import Store

log = logging.getLogger(__name__)

MOST = 32
"""Endpoints that are told of calls: each has a thread and a queue."""
PATIENCE = 2.0
"""Seconds which all endpoints together have when the daemon stops."""


class Tracer:
    """All that is traced by this daemon. While no Observer wants anything, it is asked for ``active`` and no more."""

    def __init__(self, config: TracingConfig, folder: Path) -> None:
        self.active = False
        """Whether anybody wants to hear of calls."""
        self.folder = folder
        self._config = config
        self._bounds = Bounds(config.file_size, config.total_size, config.days)
        self._aims: Aims = {}
        self._exporters: dict[str, Exporter] = {}
        self._set_aside: set[str] = set()
        self._ending: list[Exporter] = []
        """What sends its last spans."""
        self._lost = 0

    # Calls

    def begin(self, name: str, traceparent: str = "", began: float = 0.0) -> Span:
        """A call has come, or did so at ``began`` (``perf_counter``)."""
        return Span(self._finished, name, caused=remote(traceparent), began=began)

    def _finished(self, span: Span) -> None:
        for endpoint, wanted in self._aims.items():
            attributes = wanted.get(span.component)
            if attributes is not None:
                self._exporters[endpoint].put(Finished(span, parent_id(span, wanted.keys()), attributes))

    # Observers

    def look(self, store: Store, localhost: str) -> None:
        """Do from now on what the Observers say."""
        wanted = self._bounded(aims(store, localhost, self._set_aside))
        for endpoint in [each for each in self._exporters if each not in wanted]:
            self._end(endpoint)
        for endpoint in wanted:
            if endpoint not in self._exporters:
                self._exporters[endpoint] = self._exporter(endpoint, store.get(Host, localhost).uuid)
        self._aims = wanted
        self.active = bool(wanted)

    def _bounded(self, wanted: Aims) -> Aims:
        more = list(wanted)[MOST:]
        if more and len(self._aims) < MOST:
            log.warning("Observers name %d endpoints; only %d of them are told of calls", len(wanted), MOST)
        return {endpoint: of for endpoint, of in wanted.items() if endpoint not in more} if more else wanted

    def set_aside(self, observer: str) -> None:
        """Let an Observer have nothing from this host, whatever it says."""
        self._set_aside.add(observer)

    def heed(self, observer: str) -> None:
        """The opposite."""
        self._set_aside.discard(observer)

    def _exporter(self, endpoint: str, host: str) -> Exporter:
        config = self._config
        if endpoint == BUGTOOL:
            files = TraceFiles(self.folder, host, self._bounds)
            return Exporter(str(self.folder), files, config.interval, config.waiting)
        collector = Collector(endpoint, config.timeout)
        return Exporter(collector.name, collector, config.interval, config.waiting)

    def _end(self, endpoint: str) -> None:
        over = self._exporters.pop(endpoint)
        over.close()
        still = []
        for each in self._ending:
            if each.alive:
                still.append(each)
            else:
                self._lost += each.lost
        self._ending = [*still, over]

    @property
    def lost(self) -> int:
        """Spans that got to no endpoint, since the daemon started."""
        return self._lost + sum(each.lost for each in (*self._exporters.values(), *self._ending))

    def tidy(self) -> None:
        """Remove files that are too old, also while nothing is traced."""
        try:
            tidy(self.folder, self._bounds)
        except OSError as error:
            log.warning("old traces cannot be removed: %s", error)

    async def close(self) -> None:
        """Send what there is, as far as that is possible now."""
        self.active, self._aims = False, {}
        for endpoint in list(self._exporters):
            self._end(endpoint)
        await asyncio.to_thread(_join, self._ending)


def _join(exporters: list[Exporter]) -> None:
    deadline = time.monotonic() + PATIENCE
    for each in exporters:
        each.join(max(0.0, deadline - time.monotonic()))
