"""Repositories of storage plug-ins of the first kind, which keep the records of their volumes by calling back."""

from __future__ import annotations

import base64
import contextlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xapid.backends import briefing
from xapid.backends.interface import BackendError, DriverInfo, NotFound, NotSupported
from xapid.backends.storage.foreign import Foreign, log
from xapid.backends.storage.interface import (
    Branch,
    Disk,
    Feature,
    NewVolume,
    Sr,
    SrFigures,
    SrFound,
    SrScan,
    Volume,
    VolumeFormat,
)
from xapid.backends.storage.smapiv1_program import Program, failed
from xapid.backends.storage.toolstack import Refused, Toolstack
from xapid.backends.storage.uses import Use

MASTER = {"SRmaster": "true"}
"""Part of the configuration on the host that changes a repository."""
FOUND = re.compile(r"<UUID>\s*([0-9a-f-]{36})\s*</UUID>")
EPOCH, NULL = "19700101T00:00:00Z", "OpaqueRef:NULL"


class Smapiv1(Foreign):
    """One type of them. Sizes, names and figures are read back from the records that the plug-in writes."""

    def __init__(self, program: Path, info: DriverInfo, folder: Path) -> None:
        super().__init__(info, folder)
        self._program = Program(program)
        self._turn = threading.Lock()
        """The protocol says that a host attaches, detaches and probes one at a time."""

    # Repository

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        with self._turn, self._without_passwords(config) as safe:
            text = self._run("sr_probe", None, device_config=safe | MASTER, sr_sm_config={})
        if not isinstance(text, str):
            raise failed("sr_probe answers with a text", "", f"XML parse failure: {text!r}", "no text")
        uuids = FOUND.findall(text)
        return [SrFound(config, uuid, text=text) for uuid in uuids] or [SrFound({}, text=text)]

    def create_sr(self, sr: Sr, size: int) -> None:
        self._run("sr_create", sr, args=[str(size)])

    def destroy_sr(self, sr: Sr) -> None:
        self.attach_sr(sr)
        self._run("sr_delete", sr)
        try:
            self.detach_sr(sr)
        except BackendError as error:
            log.info("%s is gone, and letting go of it failed: %s", sr.uuid, error.message)
        self._uses.forget(sr)

    def attach_sr(self, sr: Sr) -> None:
        with self._turn:
            self._run("sr_attach", sr)

    def detach_sr(self, sr: Sr) -> None:
        with self._turn:
            self._run("sr_detach", sr)

    def scan(self, sr: Sr) -> SrScan:
        self._run("sr_scan", sr)
        records = self._toolstack().call("VDI.get_all_records_where", f'field "SR" = "{self._ref(sr)}"')
        return SrScan(tuple(_volume(sr, each) for each in records.values()), self._figures(sr))

    def figures(self, sr: Sr) -> SrFigures:
        if Feature.SR_UPDATE in self._features:
            self._run("sr_update", sr)
        return self._figures(sr)

    def _figures(self, sr: Sr) -> SrFigures:
        record = self._toolstack().call("SR.get_record", self._ref(sr))
        sizes = [int(record[each]) for each in ("physical_size", "physical_utilisation", "virtual_allocation")]
        return SrFigures(*sizes)

    # Volume, in life-cycle order

    def create(self, sr: Sr, new: NewVolume) -> Volume:
        words = [str(new.size), new.name, new.description, "", "false", EPOCH, NULL, "false"]
        made = self._run("vdi_create", sr, args=words, vdi_type=str(new.purpose), vdi_sm_config=dict(new.sm_config))
        return self._remember(new, self._made_volume(sr, made))

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch("vdi_snapshot", volume, new)

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch("vdi_clone", volume, new)

    def _branch(self, command: str, volume: Volume, new: NewVolume) -> Branch:
        made = self._run(command, volume.sr, volume, driver_params=dict(new.driver_params))
        return Branch(self._read(volume), self._remember(new, self._made_volume(volume.sr, made)))

    def introduce(self, sr: Sr, uuid: str, key: str) -> Volume:
        made = self._run("vdi_introduce", sr, new_uuid=uuid, vdi_uuid=uuid, vdi_location=key)
        return self._made_volume(sr, made)

    def rename(self, volume: Volume, name: str, description: str) -> None:
        """It reads the records, which say so already."""
        if Feature.VDI_UPDATE in self._features:
            self._run("vdi_update", volume.sr, volume)

    def rename_sr(self, sr: Sr, name: str, description: str) -> None:
        if Feature.SR_UPDATE in self._features:
            self._run("sr_update", sr)

    def offline_call(self, volume: Volume) -> str:
        text = self._run("vdi_generate_config", volume.sr, volume)
        if not isinstance(text, str):
            said = f"XML parse failure: {text!r}"
            raise failed(f"vdi_generate_config answers with a text, not {text!r}", "", said, "no text")
        return text

    def resize(self, volume: Volume, size: int) -> Volume:
        command = "vdi_resize"
        if any(use.key == volume.key and use.owners for use in self._uses.of(volume.sr)):
            if Feature.VDI_RESIZE_ONLINE not in self._features:
                self._uses.assert_unused(volume.sr, volume.key)
            command = "vdi_resize_online"
        made = self._run(command, volume.sr, volume, args=[str(size)])
        return self._made_volume(volume.sr, made)

    def stat(self, volume: Volume) -> Volume:
        if Feature.VDI_UPDATE in self._features:
            self._run("vdi_update", volume.sr, volume)
        return self._read(volume)

    def destroy(self, volume: Volume) -> None:
        known = self._known(volume)
        if self._record(known) is None:
            return
        self._uses.assert_unused(volume.sr, known.key)
        self._run("vdi_delete", volume.sr, known)

    def rewind(self, volume: Volume) -> Volume:
        """The plug-in forgets what was written by itself, as it is told how the disk is to begin when it is opened."""
        if Feature.VDI_RESET_ON_BOOT not in self._features:
            raise NotSupported(f"disks of repositories of type {volume.sr.type} do not begin anew")
        return self._read(volume)

    # Changes

    def track(self, volume: Volume, on: bool) -> None:
        self._run("vdi_enable_cbt" if on else "vdi_disable_cbt", volume.sr, volume)

    def changed_blocks(self, older: Volume, newer: Volume) -> bytes:
        found = self._record(newer)
        if found is None:
            raise NotFound(f"there is no record of the volume {newer.key}", key=newer.key)
        return bitmap("vdi_list_changed_blocks", self._run("vdi_list_changed_blocks", older.sr, older, [found[0]]))

    def drop_data(self, volume: Volume) -> Volume:
        self._run("vdi_data_destroy", volume.sr, volume)
        return self._read(volume)

    # Open

    def _open(self, volume: Volume, use: Use, owner: str, write: bool) -> Disk:
        word = "true" if write else "false"
        disk = _disk(self._run("vdi_attach", volume.sr, volume, args=[word]))
        if Feature.VDI_ACTIVATE in self._features:
            try:
                self._run("vdi_activate", volume.sr, volume, args=[word])
            except BackendError:
                with contextlib.suppress(BackendError):
                    self._run("vdi_detach", volume.sr, volume)
                raise
        return disk

    def _close(self, volume: Volume, use: Use) -> None:
        if Feature.VDI_DEACTIVATE in self._features:
            self._run("vdi_deactivate", volume.sr, volume)
        self._run("vdi_detach", volume.sr, volume)

    # How it is asked

    def _toolstack(self) -> Toolstack:
        return Toolstack(briefing.current.get())

    def _run(
        self, command: str, sr: Sr | None, volume: Volume | None = None, args: Sequence[str] = (), **more: Any
    ) -> Any:
        told = briefing.current.get()
        params: dict[str, Any] = {"host_ref": told.host, "session_ref": told.session, "args": list(args)}
        if told.task:
            params["subtask_of"] = told.task
        if sr is not None:
            params |= self._about_repository(sr)
        if volume is not None:
            params |= self._about_volume(volume)
        cache = self._local_cache()
        if cache:
            params["local_cache_sr"] = cache
        return self._program.call(command, params | more, secret=told.session, socket=told.socket)

    def _about_repository(self, sr: Sr) -> dict[str, Any]:
        record = self._toolstack().call("SR.get_record", self._ref(sr))
        return {
            "sr_ref": self._ref(sr),
            "sr_uuid": sr.uuid,
            "sr_sm_config": record["sm_config"],
            "device_config": self._configuration(record["PBDs"]) | MASTER,
        }

    def _configuration(self, pbds: Sequence[str]) -> dict[str, str]:
        """That of this host as it is recorded: a password is the uuid of a secret, for others see command lines."""
        api, host = self._toolstack(), briefing.current.get().host
        records = [api.call("PBD.get_record", pbd) for pbd in pbds]
        return next((dict(each["device_config"]) for each in records if each["host"] == host), {})

    @contextlib.contextmanager
    def _without_passwords(self, config: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """A configuration that is not recorded, with secrets that last as long as the block."""
        api, made, safe = self._toolstack(), [], dict(config)
        try:
            for key in [key for key in config if key.endswith("password")]:
                made.append(api.call("secret.create", {"value": safe.pop(key), "other_config": {}}))
                safe[f"{key}_secret"] = api.call("secret.get_uuid", made[-1])
            yield safe
        finally:
            for secret in made:
                api.call("secret.destroy", secret)

    def _about_volume(self, volume: Volume) -> dict[str, Any]:
        found = self._record(volume)
        if found is None:
            raise NotFound(f"there is no record of the volume {volume.key}", key=volume.key)
        ref, record = found
        return {
            "vdi_ref": ref,
            "vdi_uuid": record["uuid"],
            "vdi_location": record["location"],
            "vdi_type": record["type"],
            "vdi_sm_config": record["sm_config"],
            "vdi_on_boot": record["on_boot"],
            "vdi_allow_caching": "true" if record["allow_caching"] else "false",
        }

    def _local_cache(self) -> str:
        """The uuid of the repository in which this host caches; empty: none."""
        api = self._toolstack()
        ref = api.call("host.get_local_cache_sr", briefing.current.get().host)
        try:
            return "" if ref == NULL else str(api.call("SR.get_uuid", ref))
        except Refused:
            return ""  # It is gone.

    # What it has written

    def _ref(self, sr: Sr) -> str:
        ref = self._toolstack().find("SR", sr.uuid)
        if ref is None:
            raise NotFound(f"there is no record of the repository {sr.uuid}", code="47")
        return ref

    def _record(self, volume: Volume) -> tuple[str, dict[str, Any]] | None:
        """Reference and record of a volume of its repository: by its uuid, which is quick, or else by its key."""
        api = self._toolstack()
        sr = self._ref(volume.sr)
        ref = api.find("VDI", volume.uuid)
        if ref is not None:
            record = api.call("VDI.get_record", ref)
            if record["SR"] == sr and volume.key in ("", record["location"]):
                return ref, record
        if not volume.key:
            return None
        where = f'field "SR" = "{sr}" and field "location" = "{_quoted(volume.key)}"'
        return next(iter(api.call("VDI.get_all_records_where", where).items()), None)

    def _read(self, volume: Volume) -> Volume:
        found = self._record(volume)
        if found is None:
            raise NotFound(f"there is no volume {volume.key}", key=volume.key)
        return _volume(volume.sr, found[1])

    def _made_volume(self, sr: Sr, answer: Any) -> Volume:
        """The volume of which an answer tells. Raises Failed for what is no such answer."""
        match answer:
            case {"uuid": str(uuid), "location": str(location)}:
                return self._read(Volume(sr, location, uuid, 0, VolumeFormat.raw))
        said = "<struct> missing field: uuid and location"
        raise failed(f"an answer that names no volume: {answer!r}", "", f"XML parse failure: {answer!r}", said)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _volume(sr: Sr, record: Mapping[str, Any]) -> Volume:
    return Volume(
        sr,
        record["location"],
        record["uuid"],
        int(record["virtual_size"]),
        # As who opens it sees it: what is beneath is the plug-in's affair.
        VolumeFormat.raw,
        physical=int(record["physical_utilisation"]),
        hidden=not record["managed"],
        name=record["name_label"],
        read_only=record["read_only"],
        tracked=record["cbt_enabled"],
    )


def bitmap(command: str, answer: Any) -> bytes:
    """The bits of an answer in base64. Raises Failed."""
    try:
        return base64.b64decode(answer, validate=True)
    except (ValueError, TypeError) as error:
        raise failed(
            f"{command} answers with no bitmap", "", f"XML parse failure: {answer!r:.100}", "base64"
        ) from error


def _disk(answer: Any) -> Disk:
    """How what was attached is opened: as the plug-in's path says, else at its NBD server. Older ones answer a path."""
    said = answer if isinstance(answer, dict) else {"params": answer}
    path, nbd = said.get("params"), said.get("params_nbd")
    if isinstance(path, str) and path.startswith("/"):
        return Disk(path, VolumeFormat.raw, "block" if Path(path).is_block_device() else "file")
    if isinstance(nbd, str) and (disk := nbd_disk(nbd)) is not None:
        return disk
    raise failed(f"vdi_attach answers with no disk: {answer!r}", "", f"XML parse failure: {answer!r}", "no params_nbd")


def nbd_disk(address: str) -> Disk | None:
    """``nbd:unix:PATH:exportname=NAME``; None for anything else."""
    found = re.fullmatch(r"nbd:unix:(/[^:]+)(?::exportname=(.*))?", address, re.DOTALL)
    return Disk(found[1], VolumeFormat.raw, "nbd", export=found[2] or "") if found else None
