"""From rows of SR, PBD and VDI to the values a storage driver works with, and back."""

from __future__ import annotations

from typing import Any

from xapid.backends.storage.interface import Branch, NewVolume, Sr, Volume, VolumeFormat
from xapid.datamodel import PBD, SR, VDI, Host, Pool
from xapid.datamodel.map_keys import IMAGE_FORMAT, PARENT, USB_PATH
from xapid.store.kept_apart import revealed
from xapid.store.store import Store

BASE_COPY = "base copy"
"""Name of the inner nodes that snapshots and clones leave behind."""


def sr_spec(store: Store, pbd: PBD) -> Sr:
    """A repository as the host of a PBD sees it, with the passwords that its configuration only points to."""
    sr = store.get(SR, pbd.SR)
    return Sr(sr.uuid, sr.type, revealed(store, pbd.device_config), revealed(store, sr.sm_config))


def plugged(store: Store, sr: SR, host: Host) -> PBD | None:
    """The PBD by which a host sees a repository now."""
    return next((pbd for pbd in store.where(PBD, SR=sr.ref) if pbd.currently_attached and pbd.host == host.ref), None)


def working_pbd(store: Store, sr: SR, *, unplugged: bool = False) -> PBD | None:
    """The PBD of the host that works on a repository: the coordinator's if it is shared, else whichever is plugged.

    With ``unplugged`` one that is not plugged serves as well.
    """
    pbds = [pbd for pbd in store.where(PBD, SR=sr.ref) if pbd.currently_attached or unplugged]
    pbds = [pbd for pbd in pbds if store.find(Host, pbd.host) is not None]
    coordinator = store.one(Pool).master
    if sr.shared:
        pbds = [pbd for pbd in pbds if pbd.host == coordinator]
    pbds.sort(key=lambda pbd: (not pbd.currently_attached, pbd.host != coordinator))
    return pbds[0] if pbds else None


def works_on(store: Store, host: str, sr: SR) -> bool:
    """Whether this host is the one that works on a repository, and reaches it."""
    pbd = working_pbd(store, sr)
    return pbd is not None and pbd.host == host


def volume(vdi: VDI, sr: Sr) -> Volume:
    """A disk as its driver knows it."""
    return Volume(
        sr=sr,
        key=vdi.location,
        uuid=vdi.uuid,
        size=vdi.virtual_size,
        format=_format(vdi),
        physical=vdi.physical_utilisation,
        hidden=not vdi.managed,
        name=vdi.name_label,
        read_only=vdi.read_only,
        tracked=vdi.cbt_enabled,
    )


def _format(vdi: VDI) -> VolumeFormat:
    """How its bytes are laid out. Plug-ins write what they like there; what they open is raw."""
    said = IMAGE_FORMAT.of(vdi)
    return VolumeFormat(said) if said in VolumeFormat.__members__ else VolumeFormat.raw


def facts(made: Volume, sm_config: dict[str, str], parent: str = "") -> dict[str, Any]:
    """What a driver says of a volume, as fields of its VDI. ``parent`` is the uuid of the volume it continues."""
    config = {key: value for key, value in sm_config.items() if key != PARENT.name}
    config[IMAGE_FORMAT.name] = str(made.format)
    if parent:
        config[PARENT.name] = parent
    if made.usb_port:
        config[USB_PATH.name] = made.usb_port
    return {
        "location": made.key,
        "virtual_size": made.size,
        "physical_utilisation": made.physical,
        "sm_config": config,
    }


def unborn(sr: Sr, new: NewVolume) -> Volume:
    """A volume that is about to be made, for undoing that: of its key nothing is known yet, only its uuid."""
    return Volume(sr, "", new.uuid, new.size, new.format or VolumeFormat.raw, name=new.name)


def unborn_branch(before: Volume, new: NewVolume, base_uuid: str) -> Branch:
    """A snapshot or clone that is about to be made, for undoing it: known by the uuids alone."""
    base = Volume(before.sr, "", base_uuid, before.size, before.format, hidden=True)
    active = Volume(before.sr, "", before.uuid, before.size, before.format)
    return Branch(active, unborn(before.sr, new), base)


def unreferenced_parents(store: Store, vdi: VDI) -> list[VDI]:
    """The inner nodes that nobody needs once a disk is gone, innermost first. Its driver removes the same ones."""
    found: list[VDI] = []
    gone = {vdi.ref}
    current = vdi
    while (parent := store.find_uuid(VDI, PARENT.of(current))) is not None and not parent.managed:
        siblings = [row for row in store.where(VDI, SR=vdi.SR) if PARENT.of(row) == parent.uuid]
        if any(row.ref not in gone for row in siblings):
            break
        found.append(parent)
        gone.add(parent.ref)
        current = parent
    return found
