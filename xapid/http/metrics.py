"""``GET /metrics``: how the daemon does, in the form of Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from xapid import __version__
from xapid.auth.sessions import Sessions
from xapid.backends.interface import BackendError
from xapid.backends.network.interface import NetworkDriver
from xapid.datamodel import SR
from xapid.http.authentication import Authentication, Parameters
from xapid.http.exchange import send_reply
from xapid.http.reply import Reply, error_page
from xapid.http.turns import Turns
from xapid.rules.chains import Trees
from xapid.runtime.context import Runtime
from xapid.runtime.figures import BOUNDS, CallFigures
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.writer import Writer
from xapid.wire.records import KEPT

log = logging.getLogger(__name__)

PATH = "/metrics"


async def daemon_figures(runtime: Runtime, turns: Turns) -> list[Metric]:
    """The daemon's own figures, as they are now, and those that the drivers of its host keep."""
    # The first of a piece, within the loop.
    return [*_Figures(runtime, turns).all(), await _dropped(runtime)]


async def _dropped(runtime: Runtime) -> Metric:
    """Of an agent that does not answer nothing is known."""
    counted = CounterMetricFamily(
        "xapid_vif_dropped_packets", "Packets of guests that were not let through.", labels=["vif", "reason"]
    )
    agent = runtime.backends.agent(runtime.localhost, "network")
    try:
        found = await agent.call(NetworkDriver.dropped)
    except BackendError as error:
        log.info("what guests were not let send cannot be told: %s", error)
        return counted
    for vif, reasons in sorted(found.items()):
        for reason, packets in reasons.items():
            counted.add_metric([vif, reason], packets)
    return counted


class _Figures:
    def __init__(self, runtime: Runtime, turns: Turns) -> None:
        self._runtime = runtime
        self._turns = turns

    def all(self) -> Iterator[Metric]:
        yield InfoMetricFamily("xapid", "The program.", {"version": __version__})
        yield from self._calls()
        yield from self._store()
        yield from self._clients()
        yield from self._chains()

    def _calls(self) -> Iterator[Metric]:
        figures: CallFigures = self._runtime.services["call_figures"]
        times = HistogramMetricFamily("xapid_call_seconds", "How long calls took.", labels=["method"])
        failed = CounterMetricFamily("xapid_calls_failed", "Calls that ended with an error.", labels=["method"])
        bounds = [*map(str, BOUNDS), "+Inf"]
        for method, each in sorted(figures.methods.items()):
            times.add_metric([method], list(zip(bounds, accumulate(each.counts), strict=True)), each.seconds)
            failed.add_metric([method], each.failed)
        yield times
        yield failed
        tracer: Tracer = self._runtime.services["tracer"]
        yield _counter("xapid_trace_spans_lost", "Spans that endpoints of Observers did not take.", tracer.lost)
        yield _gauge("xapid_calls_waiting", "Calls that have been read and wait for their turn.", self._turns.waiting)

    def _store(self) -> Iterator[Metric]:
        store, sink = self._runtime.store, self._runtime.store.sink
        objects = GaugeMetricFamily("xapid_objects", "Objects by class.", labels=["class"])
        for name, table in store.tables.items():
            objects.add_metric([name], len(table.rows))
        yield objects
        behind = max(0, store.submitted - sink.durable)
        yield _gauge("xapid_store_behind", "Generations of changes that are not on disk yet.", behind)
        yield _gauge("xapid_store_trouble", "1 while the disk refuses what is to be written.", bool(sink.trouble))
        if isinstance(sink, Writer):
            yield _counter("xapid_store_commits", "Transactions of the database.", sink.commits)
            yield _counter("xapid_store_batches", "Batches of changes that they held.", sink.batches)
        yield _gauge("xapid_event_waiters", "Clients that wait for events.", store.feed.waiting())
        yield _gauge("xapid_kept_encodings_bytes", "Bytes of records that are kept encoded.", KEPT.used)

    def _clients(self) -> Iterator[Metric]:
        sessions: Sessions = self._runtime.services["sessions"]
        yield _gauge("xapid_sessions", "Sessions that are logged in.", len(sessions))
        tasks = GaugeMetricFamily("xapid_tasks", "Tasks by status.", labels=["status"])
        rows = self._runtime.store.tables["task"].rows.values()
        for status, count in sorted(Counter(str(row.status) for row in rows).items()):
            tasks.add_metric([status], count)
        yield tasks

    def _chains(self) -> Iterator[Metric]:
        store = self._runtime.store
        depths = GaugeMetricFamily(
            "xapid_sr_chain_depth", "Images that the disk is read through that is read through most.", labels=["sr"]
        )
        bytes = GaugeMetricFamily(
            "xapid_sr_reclaimable_bytes", "Bytes that shorter chains of images would give back at most.", labels=["sr"]
        )
        for sr in store.all(SR):
            trees = Trees.of(store, sr)
            depths.add_metric([sr.uuid], trees.depth)
            bytes.add_metric([sr.uuid], sum(step.vdi.physical_utilisation for step in trees.steps(sr)))
        yield depths
        yield bytes


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value)


def _counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value)


class _Taken(Collector):
    """Figures that were taken a moment ago."""

    def __init__(self, figures: list[Metric]) -> None:
        self._figures = figures

    def collect(self) -> list[Metric]:
        return self._figures


def text_of(figures: list[Metric]) -> bytes:
    """The figures, with those of the process and of its garbage collector, as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Taken(figures))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return generate_latest(registry)


class MetricsHandler:
    """Tells the figures to whoever may log in."""

    def __init__(self, authentication: Authentication, figures: Callable[[], Awaitable[list[Metric]]]) -> None:
        self._authentication = authentication
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != PATH:
            await send_reply(send, error_page(404))
            return
        async with self._authentication.session(scope, Parameters(scope), "metrics"):
            # Written elsewhere than in the loop, for that takes its time.
            text = await asyncio.to_thread(text_of, await self._figures())
            await send_reply(send, Reply(200, text, CONTENT_TYPE_LATEST))
