"""Which console a request is about, and whether it may be: the same for all ways to look at one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from xapid.auth.sessions import SessionState
from xapid.backends.domain.interface import Endpoint
from xapid.datamodel import VM, Console
from xapid.datamodel.console import ConsoleProtocol
from xapid.datamodel.types import Object
from xapid.datamodel.vm import VmPowerState
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.reply import error_page
from xapid.store.store import Store

log = logging.getLogger(__name__)

FindEndpoint = Callable[[VM, Console], Awaitable[Endpoint | str]]
"""Where a console is served on this host; or, in words for its user, why it is not."""


@dataclass(frozen=True)
class Meeting:
    """What a client asked to be joined with."""

    vm: VM
    console: Console
    endpoint: Endpoint

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Both ways to what serves the console. Raises Refused (500)."""
        try:
            return await asyncio.open_unix_connection(self.endpoint.path)
        except OSError as error:
            log.warning("the console at %s does not answer: %s", self.endpoint.path, error.strerror)
            raise Refused(error_page(500)) from error


class Meetings:
    """Finds the console of a request, for those who may look at it."""

    def __init__(self, store: Store, authentication: Authentication, endpoint: FindEndpoint) -> None:
        self._store = store
        self._authentication = authentication
        self._endpoint = endpoint

    async def find(
        self, session: SessionState, parameters: Parameters, action: str, of_host: str, *, screen: bool = False
    ) -> Meeting:
        """The one that ``uuid`` or ``ref`` names: a console, or a VM, whose first screen it is then.

        ``action``: as permissions name it; ``of_host``: the part of it that is about the consoles of hosts; ``screen``:
        only a screen will do. Raises Refused (403, 404, 500).
        """
        named = self._named(parameters)
        console = self._screen(named) if isinstance(named, VM) else named
        vm = self._store.find(VM, console.VM) if console is not None else named
        if not isinstance(vm, VM):
            raise Refused(error_page(500))
        self._authentication.permit(session, action)
        if vm.is_control_domain:
            self._authentication.permit(session, f"{action}/{of_host}")
        if screen and (console is None or console.protocol is not ConsoleProtocol.rfb):
            raise Refused(error_page(404, detail="The machine has no screen."))
        if console is None or vm.power_state not in (VmPowerState.Running, VmPowerState.Paused):
            raise Refused(error_page(500))
        if not console.location:
            raise Refused(error_page(404))
        endpoint = await self._endpoint(vm, console)
        if isinstance(endpoint, str):
            raise Refused(error_page(404 if vm.is_control_domain else 500, detail=endpoint))
        return Meeting(vm, console, endpoint)

    def _named(self, parameters: Parameters) -> VM | Console | None:
        found: Object | None = None
        if (uuid := parameters.get("uuid")) is not None:
            found = self._store.find_uuid(Console, uuid) or self._store.find_uuid(VM, uuid)
        elif (ref := parameters.get("ref")) is not None:
            found = self._store.find_any(ref) or self._store.find_uuid(Console, ref) or self._store.find_uuid(VM, ref)
        return found if isinstance(found, VM | Console) else None

    def _screen(self, vm: VM) -> Console | None:
        consoles = self._store.where(Console, VM=vm.ref)
        return next((each for each in consoles if each.protocol is ConsoleProtocol.rfb), None)
