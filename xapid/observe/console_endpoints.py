"""Where consoles are served on this host: those of guests by their hypervisor, the host's own by its login."""

from __future__ import annotations

from xapid.backends.domain.interface import Endpoint
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import BackendError
from xapid.datamodel import VM, Console
from xapid.observe.domains import DomainWatch
from xapid.runtime.context import Runtime


class ConsoleEndpoints:
    """Finds them."""

    def __init__(self, runtime: Runtime, watch: DomainWatch) -> None:
        self._runtime = runtime
        self._watch = watch

    async def find(self, vm: VM, console: Console) -> Endpoint | str:
        """Where it is; or why it is nowhere, for whoever wants to look at it."""
        if not vm.is_control_domain:
            return self._watch.endpoint(console.ref) or "The console is not served on this host."
        if vm.resident_on != self._runtime.localhost:
            return "It is the console of another host."
        try:
            served = await self._runtime.backends.agent(vm.resident_on, "host").call(HostDriver.login, vm.name_label)
        except BackendError as error:
            return f"{error.message[:1].upper()}{error.message[1:]}."
        by_protocol = {each.protocol: each for each in served}
        return by_protocol.get(console.protocol.value) or "The login has no such console."
