"""Storage repositories at a start: those that an installation makes, and plugging what the host had plugged."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from xapid.backends.interface import BackendError
from xapid.backends.storage.interface import Sr, SrFigures, StorageDriver
from xapid.datamodel import PBD, SR, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.message import Cls
from xapid.rules.volume_spec import sr_spec
from xapid.runtime import messages
from xapid.runtime.context import Runtime
from xapid.store.rows import new_ref, new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

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


async def plug_all(runtime: Runtime, host: Host) -> None:
    """Plug what is configured for a host. What cannot be plugged shows as unplugged; a message and the log say so."""
    failed = [pbd for pbd in runtime.store.where(PBD, host=host.ref) if not await _plug(runtime, pbd)]
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
    with store.write() as tx:
        tx.set(pbd, currently_attached=figures is not None)
        if figures is not None:
            tx.set(
                store.get(SR, pbd.SR),
                physical_size=figures.physical_size,
                physical_utilisation=figures.physical_utilisation,
                virtual_allocation=figures.virtual_allocation,
            )
    return figures is not None
