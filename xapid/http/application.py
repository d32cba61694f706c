"""What the listeners serve: the calls, and a handler for each declared path."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from xapid.http.authentication import Authentication
from xapid.http.console import ConsoleHandler, FindEndpoint
from xapid.http.exchange import send_reply
from xapid.http.reply import error_page
from xapid.http.routes import Handlers, standard_routes
from xapid.http.service import Direct, Limits, Service
from xapid.store.store import Store


def build_service(
    store: Store, authentication: Authentication, endpoint: FindEndpoint, calls: Direct, limits: Limits
) -> Service:
    """The application with its direct path for calls."""
    handlers: dict[str, ASGIApp] = {
        "connect_console": ConsoleHandler(store, authentication, endpoint),
        "get_root": not_found,
    }
    application = Starlette(routes=[Mount("/", app=Handlers(handlers))])
    return Service(application, calls, standard_routes(), limits)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """There are no files to serve yet."""
    await send_reply(send, error_page(404))
