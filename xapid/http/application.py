"""What the listeners serve: the calls, and a handler for each declared path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client.metrics_core import Metric
from starlette.types import ASGIApp

from xapid.auth.audit import AuditLog
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.http.audit import AuditLogHandler
from xapid.http.authentication import Authentication
from xapid.http.console import ConsoleHandler, WebSocketConsoleHandler
from xapid.http.meeting import FindEndpoint, Meetings
from xapid.http.metrics import MetricsHandler
from xapid.http.routes import METRICS, Handlers, standard_routes
from xapid.http.screenshot import ScreenshotHandler
from xapid.http.service import Direct, Limits, Service
from xapid.http.static import FileServer
from xapid.http.traced import TracedHandlers
from xapid.http.turns import Turns
from xapid.http.unbuilt import Unbuilt
from xapid.runtime.figures import RequestFigures
from xapid.runtime.tasks import Tasks
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.store import Store


def build_service(
    store: Store,
    tasks: Tasks,
    authentication: Authentication,
    endpoint: FindEndpoint,
    calls: Direct,
    limits: Limits,
    audit: AuditLog,
    figures: Callable[[Turns], Awaitable[list[Metric]]],
    https_only: Callable[[], bool],
    requests: RequestFigures,
    system_status: ASGIApp,
    logs: ASGIApp,
    tracer: Tracer,
    came: Callable[[str, bool], None],
) -> Service:
    """The application with its direct path for calls."""
    turns, meetings = Turns(), Meetings(store, authentication, endpoint)
    handlers: dict[str, ASGIApp] = {
        "connect_console": ConsoleHandler(store, authentication, meetings),
        "connect_console_ws": WebSocketConsoleHandler(store, authentication, meetings),
        "get_vncsnapshot": ScreenshotHandler(authentication, meetings),
        "get_root": FileServer(None),
        "get_audit_log": AuditLogHandler(authentication, audit),
        "get_system_status": system_status,
        "get_host_logs_download": logs,
        METRICS.name: MetricsHandler(authentication, partial(figures, turns)),
    }
    for action in HTTP_ACTIONS:
        if action.name not in handlers:
            handlers[action.name] = Unbuilt(action, store, authentication)
    return Service(
        TracedHandlers(Handlers(handlers, tasks), tracer),
        calls,
        standard_routes(),
        limits,
        turns,
        https_only,
        came,
        requests,
    )
