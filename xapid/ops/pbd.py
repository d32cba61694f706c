"""Messages of class PBD: how a host sees a repository."""

from __future__ import annotations

import logging
from typing import Any

from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel import PBD, SR, VDI
from xapid.datamodel.errors import (
    OPERATION_NOT_ALLOWED,
    PBD_EXISTS,
    SR_NOT_SHARABLE,
    VALUE_NOT_SUPPORTED,
    VDI_IN_USE,
    ApiError,
)
from xapid.datamodel.map_keys import DIRTY, SR_MASTER
from xapid.datamodel.message import Cls
from xapid.datamodel.sr import StorageOperations
from xapid.ops import alerts, repositories, scan_records
from xapid.ops.branches import open_in_guests
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.store import Store

log = logging.getLogger(__name__)

SCAN_FAILED = "POST_ATTACH_SCAN_FAILED"


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A record only: the host sees the repository once it is plugged."""
    known = [pbd for pbd in ctx.store.where(PBD, SR=args["SR"]) if pbd.host == args["host"]]
    if known:
        raise PBD_EXISTS(args["SR"], args["host"], known[0].ref)
    sr = ctx.store.get(SR, args["SR"])
    config = args["device_config"]
    if SR_MASTER.name in config:
        raise VALUE_NOT_SUPPORTED(SR_MASTER.name, config[SR_MASTER.name], "Set by the toolstack")
    with ctx.write() as tx:
        return str(tx.create(PBD, host=args["host"], SR=sr.ref, device_config=config).ref)


def destroy(ctx: Context, self: PBD) -> None:
    if self.currently_attached:
        raise OPERATION_NOT_ALLOWED("The PBD is plugged")
    with ctx.write() as tx:
        tx.delete(self)


async def plug(ctx: Context, self: PBD) -> None:
    """Let the host see the repository, and take up what is in it."""
    sr = ctx.store.get(SR, self.SR)
    async with ctx.operation(sr, StorageOperations.plug) as undo:
        pbd = ctx.now(self)
        if pbd.currently_attached:
            return
        elsewhere = [other for other in ctx.store.where(PBD, SR=sr.ref) if other.currently_attached]
        if elsewhere and not sr.shared:
            raise SR_NOT_SHARABLE(sr.ref, elsewhere[0].host)
        await _attach(ctx, undo, pbd)


async def _attach(ctx: Context, undo: Undo, pbd: PBD) -> None:
    repository = repositories.by_pbd(ctx, pbd)
    undo.push(repository.channel, StorageDriver.detach_sr, repository.spec)
    await repository.channel.call(StorageDriver.attach_sr, repository.spec)
    began = ctx.store.generation
    try:
        found = await repository.channel.call(StorageDriver.scan, repository.spec)
    except ApiError as error:
        _note_unscanned(ctx, pbd, repository.row, error)
        return
    with ctx.write() as tx:
        tx.set(pbd, currently_attached=True)
        scan_records.record(ctx, tx, repository, found, began)


def _note_unscanned(ctx: Context, pbd: PBD, sr: SR, error: ApiError) -> None:
    """Record that a repository is there, but what is in it could not be read: that is tried again until it can."""
    log.error("SR %s is plugged in and cannot be scanned: %s", sr.uuid, error)
    body = f"SR '{sr.name_label}' (uuid: {sr.uuid}) could not be scanned: {' '.join(error.description)}"
    with ctx.write() as tx:
        tx.set(pbd, currently_attached=True)
        latest = ctx.now(sr)
        tx.set(latest, other_config={**latest.other_config, DIRTY.name: ""})
        alerts.leave(ctx, SCAN_FAILED, alerts.MAJOR, Cls.SR, sr.uuid, body)


async def try_to_plug(ctx: Context, pbd: PBD) -> bool:
    """The same as a part of a call that goes on where it fails: that is logged, and the PBD stays unplugged."""
    try:
        with ctx.part("Async.PBD.plug", kept=True) as part:
            await plug(part, pbd)
    except ApiError as error:
        log.error("PBD %s cannot be plugged: %s", pbd.uuid, error)
        return False
    return True


async def unplug(ctx: Context, self: PBD) -> None:
    """Let go of the repository; no machine of the host may have a disk of it open."""
    sr = ctx.store.get(SR, self.SR)
    async with ctx.operation(sr, StorageOperations.unplug):
        pbd = ctx.now(self)
        if not pbd.currently_attached:
            return
        used = _in_use(ctx.store, pbd)
        if used:
            raise VDI_IN_USE(*used)
        repository = repositories.by_pbd(ctx, pbd)
        await repository.channel.call(StorageDriver.detach_sr, repository.spec)
        with ctx.write() as tx:
            tx.set(pbd, currently_attached=False)


def _in_use(store: Store, pbd: PBD) -> list[str]:
    """The disks that machines on the host of a PBD have open."""
    disks = store.where(VDI, SR=pbd.SR)
    return [vdi.ref for vdi in disks if any(vm.resident_on == pbd.host for vm, _ in open_in_guests(store, vdi))]


def set_device_config(ctx: Context, self: PBD, value: dict[str, str]) -> None:
    """Storage plug-ins alone may write this."""
    repositories.assert_its_driver(ctx, self.SR)
    with ctx.write() as tx:
        tx.set(self, device_config=value)
