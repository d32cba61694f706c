"""The message VM.provision: a machine of a template, with the disks that the template asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xapid.backends.storage.interface import NewVolume, StorageDriver, Volume
from xapid.datamodel import SR, VBD, VM, VBD_metrics
from xapid.datamodel.errors import INTERNAL_ERROR, PERMISSION_DENIED, UUID_INVALID
from xapid.datamodel.map_keys import OWNER, POSTINSTALL, PROVISION_DISKS, VM_HINT
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import Object
from xapid.datamodel.vbd import VbdMode, VbdType
from xapid.datamodel.vdi import VdiType
from xapid.datamodel.vm import VmOperations
from xapid.ops import repositories
from xapid.ops.vdi import disks
from xapid.ops.vm.create import make_into_machine
from xapid.rules import devices, volume_spec
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid

DISK_TYPES = {each.value: each for each in (
    VdiType.system, VdiType.user, VdiType.ephemeral, VdiType.suspend, VdiType.crashdump,
)}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """One disk that a template asks for."""

    device: str
    size: int
    sr: str
    """uuid"""
    bootable: bool
    type: VdiType


async def provision(ctx: Context, vm: VM) -> None:
    """Make the disks that the template asks for; from then on it is a machine.

    It is one also where that fails half-way, as clients know it.
    """
    async with ctx.operation(vm, VmOperations.provision):
        latest = ctx.now(vm)
        text = latest.other_config.get(PROVISION_DISKS.name)
        wanted = read_disks(text) if text is not None else []
        make_into_machine(ctx, latest)
        if POSTINSTALL.of(latest):
            raise PERMISSION_DENIED("illegal provision script: there is no folder of scripts")
        if wanted:
            await _make_disks(ctx, latest, wanted)


def read_disks(text: str) -> list[Wanted]:
    """The disks that the XML of ``other_config:disks`` asks for. Raises INTERNAL_ERROR for anything else."""
    # Loaded here alone: templates of ours ask for disks, but most calls of a daemon do not.
    from xml.etree import ElementTree

    if "<!" in text:
        raise INTERNAL_ERROR("other_config:disks: declarations of XML are not understood")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without declarations there are no entities to expand
    except ElementTree.ParseError as error:
        raise INTERNAL_ERROR(f"other_config:disks: {error}") from error
    if root.tag != "provision" or root.attrib or any(each.tag != "disk" for each in root):
        raise INTERNAL_ERROR("other_config:disks: not a list of disks")
    return [_read_disk(each.attrib) for each in root]


def _read_disk(attributes: dict[str, str]) -> Wanted:
    try:
        device, size, sr, bootable = (attributes[name] for name in ("device", "size", "sr", "bootable"))
    except KeyError as error:
        raise INTERNAL_ERROR(f"other_config:disks: a disk without {error}") from error
    if not re.fullmatch(r"[0-9]{1,19}", size):
        raise INTERNAL_ERROR(f"other_config:disks: {size!r} is no size")
    kind = DISK_TYPES.get(attributes.get("type", ""), VdiType.system)
    return Wanted(device, int(size), sr, bootable == "true", kind)


async def _make_disks(ctx: Context, vm: VM, wanted: list[Wanted]) -> None:
    devices.check_vbd_devices(ctx.store, vm, (each.device for each in wanted))
    places = [(_repository(ctx, each.sr), each) for each in wanted]
    marks: list[tuple[Object, str]] = [(sr, StorageOperations.vdi_create) for sr, _ in places]
    async with repositories.marked(ctx, marks) as undo:
        made = [(sr, each, await _make(ctx, undo, sr, each)) for sr, each in places]
        with ctx.write() as tx:
            for sr, each, volume in made:
                disk = disks.record(
                    tx,
                    repositories.of(ctx, sr),
                    volume,
                    name_label=each.device,
                    name_description="Created by template provisioner",
                    type=each.type,
                    sm_config={VM_HINT.name: vm.uuid},
                )
                tx.create(
                    VBD,
                    VM=vm.ref,
                    VDI=disk.ref,
                    userdevice=devices.resolve_vbd_device(ctx.store, vm, each.device, VbdType.Disk),
                    bootable=each.bootable,
                    mode=VbdMode.RW,
                    type=VbdType.Disk,
                    unpluggable=each.type is not VdiType.system,
                    other_config={OWNER.name: ""},
                    metrics=tx.create(VBD_metrics).ref,
                )
            done = (PROVISION_DISKS.name, POSTINSTALL.name)
            config = {key: value for key, value in ctx.now(vm).other_config.items() if key not in done}
            tx.set(vm, other_config=config)


def _repository(ctx: Context, uuid: str) -> SR:
    sr = ctx.store.find_uuid(SR, uuid)
    if sr is None:
        raise UUID_INVALID("sr", uuid)
    return sr


async def _make(ctx: Context, undo: Undo, sr: SR, wanted: Wanted) -> Volume:
    repository = repositories.of(ctx, sr)
    new = NewVolume(new_uuid(), wanted.size, wanted.device, purpose=wanted.type)
    undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
    return await repository.channel.call(StorageDriver.create, repository.spec, new)
