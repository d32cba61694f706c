"""The consoles of guests: CONNECT joins the client with the guest's screen or serial line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from xapid.auth.audit import Meant
from xapid.auth.sessions import SessionState
from xapid.backends.domain.interface import Endpoint
from xapid.datamodel import VM, Console
from xapid.datamodel.console import ConsoleProtocol
from xapid.datamodel.types import Object
from xapid.datamodel.vm import VmPowerState
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.exchange import RAW
from xapid.http.raw import RawStream
from xapid.http.reply import error_page
from xapid.store.store import Store

log = logging.getLogger(__name__)

HEAD = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n\r\n"
BLOCK = 65536

FindEndpoint = Callable[[str], Endpoint | None]
"""Where the console of a reference is served on this host."""


class ConsoleHandler:
    """``CONNECT /console?uuid=U`` or ``?ref=R``: of a console, or of a VM, whose first screen it is then."""

    def __init__(self, store: Store, authentication: Authentication, endpoint: FindEndpoint) -> None:
        self._store = store
        self._authentication = authentication
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = Parameters(scope)
        async with self._authentication.session(scope, parameters, "connect_console") as session:
            vm, endpoint = self._find(session, parameters)
            reader, writer = await _opened(endpoint)
            self._authentication.used(session, "connect_console", about=(Meant("vm", vm),))
            try:
                await carry(scope["extensions"][RAW](), reader, writer)
            finally:
                writer.close()

    def _find(self, session: SessionState, parameters: Parameters) -> tuple[VM, Endpoint]:
        console = self._console(parameters)
        vm = self._store.find(VM, console.VM) if console is not None else None
        if console is None or vm is None:
            raise Refused(error_page(500))
        self._authentication.permit(session, "connect_console")
        if vm.is_control_domain:
            self._authentication.permit(session, "connect_console/host_console")
        if vm.power_state is not VmPowerState.Running and vm.power_state is not VmPowerState.Paused:
            raise Refused(error_page(500))
        if not console.location:
            raise Refused(error_page(404))
        endpoint = self._endpoint(console.ref)
        if endpoint is None:
            raise Refused(error_page(500))
        return vm, endpoint

    def _console(self, parameters: Parameters) -> Console | None:
        found: Object | None = None
        if (uuid := parameters.get("uuid")) is not None:
            found = self._store.find_uuid(Console, uuid) or self._store.find_uuid(VM, uuid)
        elif (ref := parameters.get("ref")) is not None:
            found = self._store.find_any(ref) or self._store.find_uuid(Console, ref) or self._store.find_uuid(VM, ref)
        if isinstance(found, VM):
            screens = (
                each for each in self._store.where(Console, VM=found.ref) if each.protocol is ConsoleProtocol.rfb
            )
            found = next(screens, None)
        return found if isinstance(found, Console) else None


async def _opened(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(endpoint.path)
    except OSError as error:
        log.warning("the console at %s does not answer: %s", endpoint.path, error.strerror)
        raise Refused(error_page(500)) from error


async def carry(client: RawStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes both ways until either side ends. Who is slow to read holds up the other, and fills no memory.

    A client that ends only its sending side is let go as well: one that has left looks the same, and would keep a
    serial line, which serves one at a time, from the next.
    """
    try:
        await client.write(HEAD)
        down = asyncio.ensure_future(_to_client(client, reader))
        up = asyncio.ensure_future(_to_guest(client, writer))
        done, pending = await asyncio.wait({down, up}, return_when=asyncio.FIRST_COMPLETED)
        for each in pending:
            each.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for each in done:
            each.result()
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        log.debug("a console viewer left: %s", error)
    finally:
        client.close()


async def _to_client(client: RawStream, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(BLOCK):
        await client.write(data)


async def _to_guest(client: RawStream, writer: asyncio.StreamWriter) -> None:
    while data := await client.read(BLOCK):
        writer.write(data)
        await writer.drain()
