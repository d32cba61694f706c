"""Storage repositories at a start: those that an installation makes, and plugging what the host had plugged."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from xapid.backends.interface import BackendError
from xapid.backends.storage.interface import Sr, SrFigures, StorageDriver
from xapid.datamodel import PBD, SR, Host, Pool
from xapid.datamodel.errors import ApiError
from xapid.datamodel.message import Cls
from xapid.rules.volume_spec import sr_spec
from xapid.runtime import messages
from xapid.runtime.context import Runtime
from xapid.store.kept_apart import revealed
from xapid.store.rows import new_ref, new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

PATIENCE = 30.0
"""Seconds for which a start waits for repositories."""
PLUG_FAILED = "PBD_PLUG_FAILED_ON_SERVER_START"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Installed:
    """A repository as an installation makes it. Names are texts that clients translate, by ``key``."""

    key: str
    name: str
    description: str
    type: str
    content_type: str
    config: dict[str, str]
    sm_config: dict[str, str]
    shared: bool = False
    tools: bool = False
    ref: str = ""
    uuid: str = ""

    @property
    def spec(self) -> Sr:
        """As its driver knows it."""
        return Sr(self.uuid, self.type, self.config, self.sm_config)


def installed(state_dir: Path) -> tuple[Installed, ...]:
    """The four repositories, the local one first, each with a reference and a uuid of its own."""
    made = (
        Installed("local-storage", "Local storage", "Disks of guests, on this host", "file", "user", {}, {}),
        Installed(
            "local-hotplug-cd", "DVD drives", "Discs in the drives of this host", "udev", "iso",
            {"location": "/dev/xapi/cd"}, {"type": "cd"},
        ),
        Installed(
            "local-hotplug-disk", "Removable storage", "Disks that were put into this host", "udev", "disk",
            {"location": "/dev/xapi/block"}, {"type": "block"},
        ),
        Installed(
            "xenserver-tools", "Guest tools", "Discs with the drivers and tools that guests install", "iso", "iso",
            {"location": str(state_dir / "tools"), "legacy_mode": "true"}, {}, shared=True, tools=True,
        ),
    )  # fmt: skip
    named = tuple(replace(each, ref=new_ref(), uuid=new_uuid()) for each in made)
    local = replace(named[0], config={"location": str(state_dir / "sr" / named[0].uuid)})
    return (local, *named[1:])


def create_repository(tx: Transaction, host: str, repository: Installed) -> None:
    """The objects of a repository and of its PBD, which is plugged later."""
    other_config = {
        "i18n-key": repository.key,
        "i18n-original-value-name_label": repository.name,
        "i18n-original-value-name_description": repository.description,
    }
    if repository.tools:
        other_config |= {"xensource_internal": "true", "xenserver_tools_sr": "true"}
    tx.create(
        SR,
        ref=repository.ref,
        uuid=repository.uuid,
        name_label=repository.name,
        name_description=repository.description,
        type=repository.type,
        content_type=repository.content_type,
        shared=repository.shared,
        is_tools_sr=repository.tools,
        sm_config=repository.sm_config,
        other_config=other_config,
    )
    tx.create(PBD, host=host, SR=repository.ref, device_config=repository.config, currently_attached=False)


async def plug_all(runtime: Runtime, host: Host, patience: float = PATIENCE, *, of_plugins: bool = False) -> None:
    """Plug what is configured for a host, all at once. What cannot be plugged shows as unplugged; a message and the log
    say so. After ``patience`` seconds the start goes on: what a dead server holds up is plugged when it answers.

    ``of_plugins``: those that plug-ins serve, who call back: once we answer. Until then they show as unplugged.
    """
    _complete(runtime.store, host)
    pbds = runtime.store.where(PBD, host=host.ref)
    theirs = {pbd.ref for pbd in pbds if _is_of_plugin(runtime, pbd)}
    if not of_plugins:
        with runtime.store.write() as tx:
            for pbd in pbds:
                if pbd.ref in theirs:
                    tx.set(pbd, currently_attached=False)
    due = [pbd for pbd in pbds if (pbd.ref in theirs) == of_plugins]
    work = {asyncio.create_task(_plug(runtime, pbd)): pbd for pbd in due}
    if not work:
        return
    done, late = await asyncio.wait(work, timeout=patience)
    _tell_failed(runtime, host, [work[each] for each in done if not each.result()])
    if not late:
        return
    with runtime.store.write() as tx:
        for each in late:
            log.error("PBD %s takes long to be plugged; the start does not wait for it", work[each].uuid)
            tx.set(work[each], currently_attached=False)
    left = {each: work[each] for each in late}
    plugging: list[asyncio.Future[None]] = runtime.services.setdefault("plugging", [])
    plugging.append(asyncio.ensure_future(_plug_late(runtime, host, left)))


def _is_of_plugin(runtime: Runtime, pbd: PBD) -> bool:
    sr = runtime.store.find(SR, pbd.SR)
    try:
        return sr is not None and runtime.backends.agent(pbd.host, f"storage:{sr.type}").spec.foreign
    except ApiError:
        return False  # Of a type that nobody knows.


async def _plug_late(runtime: Runtime, host: Host, work: dict[asyncio.Task[bool], PBD]) -> None:
    try:
        await asyncio.wait(work)
    except asyncio.CancelledError:
        for each in work:
            each.cancel()
        raise
    _tell_failed(runtime, host, [pbd for each, pbd in work.items() if not each.result()])


def _complete(store: Store, host: Host) -> None:
    """A host sees every shared repository as the coordinator does, unless it is told otherwise."""
    coordinator = store.one(Pool).master
    with store.write() as tx:
        for sr in [sr for sr in store.all(SR) if sr.shared]:
            known = {pbd.host: pbd for pbd in store.where(PBD, SR=sr.ref)}
            if host.ref not in known and coordinator in known:
                config = revealed(store, known[coordinator].device_config)
                tx.create(PBD, host=host.ref, SR=sr.ref, device_config=config)


def _tell_failed(runtime: Runtime, host: Host, failed: list[PBD]) -> None:
    if failed:
        with runtime.store.write() as tx:
            body = "Not plugged: " + ", ".join(_described(runtime.store, pbd) for pbd in failed)
            messages.leave(tx, runtime.clock, PLUG_FAILED, 3, Cls.Host, host.uuid, body)


def _described(store: Store, pbd: PBD) -> str:
    sr = store.find(SR, pbd.SR)
    return f"PBD {pbd.uuid}" if sr is None else f"PBD {pbd.uuid} of SR '{sr.name_label}' (uuid: {sr.uuid})"


async def _plug(runtime: Runtime, pbd: PBD) -> bool:
    """Plug one, and record what is known of its space. Whether it went well."""
    store = runtime.store
    figures: SrFigures | None = None
    try:
        spec = sr_spec(store, pbd)
        agent = runtime.backends.agent(pbd.host, f"storage:{spec.type}")
        await agent.call(StorageDriver.attach_sr, spec)
        figures = await agent.call(StorageDriver.figures, spec)
    except (BackendError, ApiError) as error:
        # Of a type that nobody knows, for one: such can be introduced, and the daemon starts all the same.
        log.error("the storage repository of PBD %s cannot be plugged: %s", pbd.uuid, error)
    latest, sr = store.find(PBD, pbd.ref), store.find(SR, pbd.SR)
    if latest is None:
        return True  # Somebody has removed it meanwhile.
    with store.write() as tx:
        tx.set(latest, currently_attached=figures is not None)
        if figures is not None and sr is not None:
            tx.set(
                sr,
                physical_size=figures.physical_size,
                physical_utilisation=figures.physical_utilisation,
                virtual_allocation=figures.virtual_allocation,
            )
    return figures is not None
