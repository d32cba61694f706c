"""The guests that start with their host: once after each of its boots, not at each start of the toolstack."""

from __future__ import annotations

import asyncio
import logging

from xapid.datamodel import VM, Pool
from xapid.datamodel.errors import ApiError
from xapid.datamodel.map_keys import AUTO_POWERON, POOL_AUTO_POWERON
from xapid.datamodel.vm import VmPowerState
from xapid.ops import alerts
from xapid.ops.alerts import VmAlert
from xapid.ops.vm.in_order import in_order
from xapid.ops.vm.life import started
from xapid.runtime.context import Context, Runtime
from xapid.runtime.local_settings import GUESTS_TO_START, LocalSettings
from xapid.store.store import Store

log = logging.getLogger(__name__)


class ComingUp:
    """Who starts them. Who asks later is told what came of it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._work: asyncio.Task[dict[str, ApiError]] | None = None

    def begin(self) -> None:
        """Start them in the background, if the host has booted since that was done last."""
        if self._work is None:
            self._work = asyncio.ensure_future(self._start())

    async def failed(self) -> dict[str, ApiError]:
        """Wait until all are started; the answer is what failed, by the references of the machines."""
        self.begin()
        assert self._work is not None
        return await asyncio.shield(self._work)

    async def close(self) -> None:
        """What is not started yet is left to the next start of the toolstack."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _start(self) -> dict[str, ApiError]:
        settings: LocalSettings = self._runtime.services["local_settings"]
        if settings.get(GUESTS_TO_START) != "true":
            return {}
        ctx = Context(self._runtime, self._runtime.tasks.dummy("coming_up"))
        wanted = guests_to_start(ctx.store)
        if wanted:
            log.info("%d machines start with their host", len(wanted))
        failed = await in_order(ctx, "VM.start", wanted, _started)
        try:
            await asyncio.to_thread(settings.put, GUESTS_TO_START, "")
        except OSError as error:
            log.warning(
                "the next start of the toolstack will start guests, although the host has not booted: %s", error
            )
        return failed


def guests_to_start(store: Store) -> list[VM]:
    """The machines that are off and start with their host."""
    if not POOL_AUTO_POWERON.of(store.one(Pool)):
        return []
    return [
        vm
        for vm in store.all(VM)
        if AUTO_POWERON.of(vm) and vm.power_state is VmPowerState.Halted and not (vm.is_a_template or vm.is_a_snapshot)
    ]


async def _started(ctx: Context, vm: VM) -> int:
    try:
        return await started(ctx, vm, False, False)
    except ApiError as error:
        log.warning("machine %s does not start with its host: %s", vm.uuid, error)
        why = " ".join(error.description)
        alerts.of_vm(ctx, vm, VmAlert.VM_AUTO_POWERON_FAILED, f"was to start with its host, and did not: {why}")
        raise
