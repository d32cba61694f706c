"""Repositories of storage plug-ins of the third kind: volumes by the one folder, how they are opened by another."""

from __future__ import annotations

import datetime
import uuid as uuids
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from xapid.backends import briefing
from xapid.backends.interface import BackendError, DriverInfo, NotFound
from xapid.backends.storage.foreign import Foreign
from xapid.backends.storage.interface import (
    TRACKED_BLOCK,
    Branch,
    Disk,
    NewVolume,
    Sr,
    SrFigures,
    SrFound,
    SrScan,
    Volume,
    VolumeFormat,
)
from xapid.backends.storage.smapiv1 import bitmap, nbd_disk
from xapid.backends.storage.smapiv3_scripts import Scripts, unreadable
from xapid.backends.storage.toolstack import Toolstack
from xapid.backends.storage.uses import Use

TRANSIENT = "clone-on-boot"
"""The key of a volume that names a copy of it which is nobody's."""


class Smapiv3(Foreign):
    """One type of them. What the verbs answer is what we record."""

    def __init__(self, volume: Path, datapaths: Path, info: DriverInfo, folder: Path) -> None:
        """``volume``: the folder of the plug-in; ``datapaths``: that with a folder for each scheme of addresses."""
        super().__init__(info, folder)
        self._verbs = Scripts(volume)
        self._datapaths = datapaths

    # Repository

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        answer = self._call("SR.probe", configuration=config)
        try:
            return [_found(each) for each in answer]
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable("SR.probe", answer) from error

    def create_sr(self, sr: Sr, size: int) -> dict[str, str]:
        api = Toolstack(briefing.current.get())
        ref = api.find("SR", sr.uuid)
        record = api.call("SR.get_record", ref) if ref else {}
        answer = self._call(
            "SR.create",
            uuid=sr.uuid,
            configuration=sr.device_config,
            name=record.get("name_label", ""),
            description=record.get("name_description", ""),
        )
        if answer is None:
            return sr.device_config  # Older ones answer nothing.
        if not isinstance(answer, dict):
            raise unreadable("SR.create", answer)
        return {str(key): str(value) for key, value in answer.items()}

    def destroy_sr(self, sr: Sr) -> None:
        self.attach_sr(sr)
        self._call("SR.destroy", sr=self._attached(sr))
        self._uses.forget(sr)

    def attach_sr(self, sr: Sr) -> None:
        if self._uses.noted(sr) is not None:
            return
        params = {"configuration": sr.device_config}
        if self.info.api_version == "3.0":
            params["uri"] = sr.device_config.get("uri", "")  # type: ignore[assignment]
        answer = self._call("SR.attach", **params)
        if not isinstance(answer, str):
            raise unreadable("SR.attach", answer)
        self._uses.note(sr, answer)

    def detach_sr(self, sr: Sr) -> None:
        if self._uses.noted(sr) is not None:
            self._call("SR.detach", sr=self._attached(sr))
            self._uses.note(sr, None)

    def scan(self, sr: Sr) -> SrScan:
        answer = self._call("SR.ls", sr=self._attached(sr))
        try:
            transient = {each["keys"][TRANSIENT] for each in answer if TRANSIENT in each["keys"]}
            volumes = tuple(_volume(sr, each) for each in answer if each["key"] not in transient)
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable("SR.ls", answer) from error
        return SrScan(volumes, self._space(sr, sum(each.size for each in volumes)))

    def figures(self, sr: Sr) -> SrFigures:
        return self.scan(sr).figures

    def _space(self, sr: Sr, virtual: int) -> SrFigures:
        answer = self._call("SR.stat", sr=self._attached(sr))
        try:
            total, free = int(answer["total_space"]), int(answer["free_space"])
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable("SR.stat", answer) from error
        return SrFigures(total, total - free, virtual)

    # Volume, in life-cycle order

    def create(self, sr: Sr, new: NewVolume) -> Volume:
        answer = self._call(
            "Volume.create",
            sr=self._attached(sr),
            name=new.name,
            description=new.description,
            size=new.size,
            sharable=False,
        )
        made = self._remember(new, _read("Volume.create", sr, answer))
        self._set(made, "vdi-type", str(new.purpose))
        return made

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        branch = self._branch("Volume.snapshot", volume, new)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H:%M:%SZ")
        for key, value in (("snapshot_time", now), ("is_a_snapshot", "true"), ("snapshot_of", volume.key)):
            self._set(branch.new, key, value)
        return branch

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch("Volume.clone", volume, new)

    def _branch(self, verb: str, volume: Volume, new: NewVolume) -> Branch:
        answer = self._call(verb, sr=self._attached(volume.sr), key=volume.key)
        made = self._remember(new, _read(verb, volume.sr, answer))
        return Branch(self.stat(volume), made)

    def _set(self, volume: Volume, key: str, value: str) -> None:
        if self.info.api_version == "3.0" and not self._verbs.has("Volume.set"):
            return  # Such have none.
        self._call("Volume.set", sr=self._attached(volume.sr), key=volume.key, k=key, v=value)

    def introduce(self, sr: Sr, uuid: str, key: str) -> Volume:
        return self.stat(Volume(sr, key, uuid, 0, VolumeFormat.raw))

    def rename(self, volume: Volume, name: str, description: str) -> None:
        where = {"sr": self._attached(volume.sr), "key": volume.key}
        self._say("Volume.set_name", **where, new_name=name)
        self._say("Volume.set_description", **where, new_description=description)

    def rename_sr(self, sr: Sr, name: str, description: str) -> None:
        self._say("SR.set_name", sr=self._attached(sr), new_name=name)
        self._say("SR.set_description", sr=self._attached(sr), new_description=description)

    def offline_call(self, volume: Volume) -> None:
        """The interface knows no such call."""

    def _say(self, verb: str, **params: Any) -> None:
        """What a plug-in that has no such verb need not know."""
        if self._verbs.has(verb):
            self._call(verb, **params)

    def resize(self, volume: Volume, size: int) -> Volume:
        self._uses.assert_unused(volume.sr, volume.key)
        self._call("Volume.resize", sr=self._attached(volume.sr), key=volume.key, new_size=size)
        return self.stat(volume)

    def stat(self, volume: Volume) -> Volume:
        return _read("Volume.stat", volume.sr, self._stat(volume), volume.uuid)

    def _stat(self, volume: Volume) -> dict[str, Any]:
        answer = self._call("Volume.stat", sr=self._attached(volume.sr), key=volume.key)
        if not isinstance(answer, dict):
            raise unreadable("Volume.stat", answer)
        return answer

    def destroy(self, volume: Volume) -> None:
        known = self._known(volume)
        if not known.key:
            return  # It never was.
        self._uses.assert_unused(volume.sr, known.key)
        try:
            self._stat(known)
        except NotFound:
            return
        self._call("Volume.destroy", sr=self._attached(volume.sr), key=known.key)

    # Changes

    def track(self, volume: Volume, on: bool) -> None:
        verb = "Volume.enable_cbt" if on else "Volume.disable_cbt"
        self._call(verb, sr=self._attached(volume.sr), key=volume.key)

    def changed_blocks(self, older: Volume, newer: Volume) -> bytes:
        verb = "Volume.list_changed_blocks"
        where = {"sr": self._attached(newer.sr), "key": older.key, "key2": newer.key}
        answer = self._call(verb, **where, offset=0, length=newer.size)
        match answer:
            case {"granularity": size, "bitmap": str(bits)} if size == TRACKED_BLOCK:
                return bitmap(verb, bits)
        raise unreadable(verb, answer)

    def drop_data(self, volume: Volume) -> Volume:
        self._call("Volume.data_destroy", sr=self._attached(volume.sr), key=volume.key)
        return self.stat(volume)

    # Open

    def _open(self, volume: Volume, use: Use, owner: str, write: bool) -> Disk:
        uri, datapath = self._datapath(self._stat(volume))
        use.notes = {"uri": uri, "domain": owner}
        self._uses.keep(volume.sr, use)
        if datapath.has("Datapath.open"):
            datapath.call("Datapath.open", dbg=self._dbg(), uri=uri, persistent=True)
        disk = _implementation(datapath.call("Datapath.attach", dbg=self._dbg(), uri=uri, domain=owner))
        readonly = not write and datapath.has("Datapath.activate_readonly")
        verb = "Datapath.activate_readonly" if readonly else "Datapath.activate"
        try:
            datapath.call(verb, dbg=self._dbg(), uri=uri, domain=owner)
        except BackendError:
            datapath.call("Datapath.detach", dbg=self._dbg(), uri=uri, domain=owner)
            raise
        return disk

    def _close(self, volume: Volume, use: Use) -> None:
        if "uri" not in use.notes:
            return
        uri, domain = use.notes["uri"], use.notes["domain"]
        datapath = self._of_scheme(uri)
        datapath.call("Datapath.deactivate", dbg=self._dbg(), uri=uri, domain=domain)
        datapath.call("Datapath.detach", dbg=self._dbg(), uri=uri, domain=domain)
        if datapath.has("Datapath.close"):
            datapath.call("Datapath.close", dbg=self._dbg(), uri=uri)

    def _datapath(self, volume: dict[str, Any]) -> tuple[str, Scripts]:
        """The first of a volume's addresses for which there is a datapath. Raises NotFound."""
        addresses = [each for each in volume.get("uri", []) if isinstance(each, str)]
        for uri in addresses:
            scripts = self._of_scheme(uri)
            if scripts.has("Datapath.attach"):
                return uri, scripts
        raise NotFound(f"there is no datapath for {', '.join(addresses) or 'a volume without an address'}", code="46")

    def _of_scheme(self, uri: str) -> Scripts:
        # A scheme has neither slashes nor leading dots: it leads nowhere else.
        return Scripts(self._datapaths / (urlsplit(uri).scheme or "none"))

    # How it is asked

    def _call(self, verb: str, **params: Any) -> Any:
        return self._verbs.call(verb, dbg=self._dbg(), **params)

    @staticmethod
    def _dbg() -> str:
        told = briefing.current.get(None)
        return told.task if told is not None else ""

    def _attached(self, sr: Sr) -> str:
        """What the plug-in calls a repository that is attached. Raises NotFound."""
        noted = self._uses.noted(sr)
        if noted is None:
            raise NotFound(f"the repository {sr.uuid} is not attached", code="47")
        return noted


def _read(verb: str, sr: Sr, answer: Any, uuid: str = "") -> Volume:
    """The volume that an answer describes. ``uuid``: that of its record."""
    try:
        return _volume(sr, answer, uuid)
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(verb, answer) from error


def _volume(sr: Sr, answer: dict[str, Any], uuid: str = "") -> Volume:
    return Volume(
        sr,
        str(answer["key"]),
        # Of one that has none the same at every scan.
        uuid or answer.get("uuid") or str(uuids.uuid5(uuids.UUID(sr.uuid), answer["key"])),
        int(answer["virtual_size"]),
        VolumeFormat.raw,
        physical=int(answer["physical_utilisation"]),
        name=str(answer["name"]),
        read_only=not answer["read_write"],
        tracked=bool(answer.get("cbt_enabled")),
    )


def _found(answer: dict[str, Any]) -> SrFound:
    config = {str(key): str(value) for key, value in answer["configuration"].items()}
    stat = answer.get("sr")
    if stat is None:
        return SrFound(config, config.get("sr_uuid", "") if answer["complete"] else "")
    total, free = int(stat["total_space"]), int(stat["free_space"])
    return SrFound(
        config, stat.get("uuid") or config.get("sr_uuid", ""), SrFigures(total, total - free, 0), str(stat["name"])
    )


ORDER = ("BlockDevice", "File", "Nbd", "XenDisk")
"""Which implementation of an open volume is taken, if there are several."""


def _implementation(answer: Any) -> Disk:
    """How an open volume is reached."""
    try:
        offered = {str(kind): details for kind, details in answer["implementations"]}
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable("Datapath.attach", answer) from error
    for kind in ORDER:
        details = offered.get(kind)
        if isinstance(details, dict) and (disk := _disk(kind, details)) is not None:
            return disk
    raise unreadable("Datapath.attach", answer)


def _disk(kind: str, details: dict[str, Any]) -> Disk | None:
    match kind, details:
        case "BlockDevice", {"path": str(path)}:
            return Disk(path, VolumeFormat.raw, "block")
        case "File", {"path": str(path)}:
            return Disk(path, VolumeFormat.raw, "file")
        case "Nbd", {"uri": str(uri)}:
            return nbd_disk(uri) or _nbd_uri(uri)
        case "XenDisk", {"params": str(params)} if params.startswith("/"):
            return Disk(params, VolumeFormat.raw, "block" if Path(params).is_block_device() else "file")
    return None


def _nbd_uri(uri: str) -> Disk | None:
    """``nbd+unix:///NAME?socket=PATH``."""
    parts = urlsplit(uri)
    socket = parse_qs(parts.query).get("socket", [""])[0]
    if parts.scheme != "nbd+unix" or not socket.startswith("/"):
        return None
    return Disk(socket, VolumeFormat.raw, "nbd", export=unquote(parts.path[1:]))
