"""What the daemon does again and again while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from xapid.auth.admission import Admission
from xapid.datamodel import Host
from xapid.observe.anti_affinity import AntiAffinityWatch
from xapid.observe.certificate_expiry import CertificateExpiry
from xapid.observe.certificate_files import CertificateFiles
from xapid.observe.failed_logins import FailedLoginWatch
from xapid.observe.figures import Figures
from xapid.observe.full_disk import FullDiskWatch
from xapid.observe.garbage import EVERY, Collector
from xapid.observe.storage_plugins import EVERY as PLUGINS_EVERY
from xapid.observe.storage_plugins import PluginWatch
from xapid.observe.storage_watch import StorageWatch
from xapid.ops.auto_scan import EVERY as SCAN_EVERY
from xapid.ops.auto_scan import AutoScan
from xapid.ops.chain_keeper import EVERY as CHAINS_EVERY
from xapid.ops.chain_keeper import ChainKeeper
from xapid.ops.event.log import heartbeat
from xapid.ops.host.heartbeat import look_for_silent
from xapid.ops.pif.link_state import EVERY as LINKS_EVERY
from xapid.ops.pif.link_state import LinkStates
from xapid.ops.space import EVERY as SPACE_EVERY
from xapid.ops.space import Space
from xapid.ops.vm.balloons import EVERY as BALANCE_EVERY
from xapid.ops.vm.balloons import Balloons
from xapid.ops.vmss.timetable import EVERY as LOOK_EVERY
from xapid.ops.vmss.timetable import Timetable
from xapid.runtime.context import Context, Runtime

log = logging.getLogger(__name__)


@asynccontextmanager
async def upkeep(runtime: Runtime, certificate: Path, plugins: PluginWatch, space: Space) -> AsyncIterator[None]:
    """All of it goes on inside ``async with``. ``certificate``: the file that the host shows."""
    async with AsyncExitStack() as stack:

        def goes_on(work: Coroutine[None, None, None]) -> None:
            stack.callback(asyncio.ensure_future(work).cancel)

        goes_on(keep_plugins(runtime, plugins))
        goes_on(keep_house(runtime, certificate))
        goes_on(keep_validating(runtime))
        goes_on(keep_listening(runtime))
        timetable = Timetable(runtime)
        stack.push_async_callback(timetable.close)
        goes_on(keep_timetable(timetable))
        goes_on(keep_balloons(runtime))
        taken: Figures = runtime.services["figures"]
        taken.begin()
        goes_on(taken.keep())
        auto_scan = AutoScan(runtime)
        stack.push_async_callback(auto_scan.rounds.close)
        goes_on(keep_scanning(auto_scan))
        stack.push_async_callback(space.rounds.close)
        goes_on(keep_space(space, StorageWatch(runtime)))
        chains = ChainKeeper(runtime)
        stack.push_async_callback(chains.close)
        goes_on(keep_chains_short(chains))
        goes_on(keep_links(runtime))
        yield


async def keep_house(runtime: Runtime, certificate: Path) -> None:
    """Remove what goes with time, and show clients that we are here."""
    collector = Collector(runtime, runtime.services["sessions"])
    files = CertificateFiles(runtime, certificate)
    looks = (
        collector.collect,
        files.look,
        CertificateExpiry(runtime).look,
        FailedLoginWatch(runtime).look,
        AntiAffinityWatch(runtime).look,
        FullDiskWatch(runtime).look,
        partial(heartbeat, runtime.store),
    )
    while True:
        for look in looks:
            with _going_on("housekeeping failed"):
                look()
        await asyncio.sleep(EVERY)


async def keep_validating(runtime: Runtime) -> None:
    """Let go who may not be here any more. By itself, for a directory may take its time."""
    admission: Admission = runtime.services["admission"]
    while True:
        with _going_on("the users of the directory could not be looked up"):
            await admission.validate()
        await asyncio.sleep(EVERY)


async def keep_listening(runtime: Runtime) -> None:
    """See which members were not heard of for long."""
    while True:
        await asyncio.sleep(EVERY)
        with _going_on("it was not seen which members are silent"):
            await look_for_silent(Context(runtime, runtime.tasks.dummy("look_for_silent")))


async def keep_timetable(timetable: Timetable) -> None:
    """Take snapshots when they are due."""
    while True:
        with _going_on("it was not seen which snapshots are due"):
            await timetable.look()
        await asyncio.sleep(LOOK_EVERY)


async def keep_scanning(auto_scan: AutoScan) -> None:
    """Scan the repositories that are to be scanned by themselves."""
    while True:
        await asyncio.sleep(SCAN_EVERY)
        with _going_on("it was not seen which repositories are to be scanned"):
            auto_scan.look()


async def keep_space(space: Space, watch: StorageWatch) -> None:
    """See how full repositories are, which guests can go on, and which repositories do not answer."""
    while True:
        await asyncio.sleep(SPACE_EVERY)
        with _going_on("it was not seen how full the repositories are"):
            space.look()
        with _going_on("it was not seen which repositories answer"):
            watch.look()


async def keep_links(runtime: Runtime) -> None:
    """See which links of the host are up."""
    states: LinkStates = runtime.services["link_states"]
    while True:
        with _going_on("it was not seen which links are up"):
            ctx = Context(runtime, runtime.tasks.dummy("links"))
            await states.look(ctx, runtime.store.get(Host, runtime.localhost))
        await asyncio.sleep(LINKS_EVERY)


async def keep_chains_short(chains: ChainKeeper) -> None:
    """Let images go that nobody needs, and chains of them become shorter."""
    while True:
        await asyncio.sleep(CHAINS_EVERY)
        with _going_on("it was not seen which chains of images can become shorter"):
            chains.look()


async def keep_plugins(runtime: Runtime, plugins: PluginWatch) -> None:
    """See which storage plug-ins come and go."""
    while True:
        await asyncio.sleep(PLUGINS_EVERY)
        with _going_on("it was not seen which storage plug-ins there are"):
            await plugins.look(runtime.store)


async def keep_balloons(runtime: Runtime) -> None:
    """Give guests the memory that others have left."""
    balloons: Balloons = runtime.services["balloons"]
    while True:
        await asyncio.sleep(BALANCE_EVERY)
        with _going_on("it was not seen which guests are to have other memory"):
            await balloons.look()


@contextmanager
def _going_on(failed: str) -> Iterator[None]:
    """What is done again and again goes on although it failed once."""
    try:
        yield
    except Exception:
        log.exception(failed)
