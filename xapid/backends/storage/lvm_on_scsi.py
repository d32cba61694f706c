"""Repositories in a volume group on a disk that a storage network carries here: over iSCSI, or by adapters."""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from xapid.backends.interface import BackendError, BadConfig, DriverInfo, NotFound, Unavailable
from xapid.backends.storage import servers
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.interface import Sr, SrFound
from xapid.backends.storage.iscsi import Iscsi, Login, Target, iqn
from xapid.backends.storage.lvm import PLACE, Lvm
from xapid.backends.storage.lvm_commands import Lvm as Commands
from xapid.backends.storage.lvm_commands import LvmCommands
from xapid.backends.storage.scsi_disks import ScsiDisk, ScsiDisks

PORT = 3260
SCSI_ID = re.compile(r"[A-Za-z0-9_.:+-]{1,128}")
SECRET_TEXT = re.compile(r"[!-~]{1,255}")
"""What a name or password of CHAP consists of: in a record of open-iscsi a blank or a line's end would mean more."""


class LvmOnScsi(Lvm):
    """The disk is named by what it says of itself, for its device is called otherwise on each host."""

    @abstractmethod
    def reach(self, config: dict[str, str]) -> list[ScsiDisk]:
        """Have the disks here. Raises BadConfig, Unavailable, Failed."""

    @abstractmethod
    def here(self, config: dict[str, str]) -> list[ScsiDisk]:
        """Those that are here already. Raises BadConfig."""

    @abstractmethod
    def leave(self, config: dict[str, str]) -> None:
        """Have them here no longer, unless somebody uses them."""

    @abstractmethod
    def described(self, disks: Iterable[ScsiDisk]) -> str:
        """What clients choose from, as XML."""

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        with self._reached(config):
            return super().probe(config)

    def create_sr(self, sr: Sr, size: int) -> None:
        with self._reached(sr.device_config):
            super().create_sr(sr, size)

    def destroy_sr(self, sr: Sr) -> None:
        with self._reached(sr.device_config):
            super().destroy_sr(sr)

    def attach_sr(self, sr: Sr) -> None:
        with self._reached(sr.device_config, stay=True):
            super().attach_sr(sr)

    def detach_sr(self, sr: Sr) -> None:
        if not self.here(sr.device_config):
            return
        super().detach_sr(sr)
        self.leave(sr.device_config)

    def _devices(self, config: dict[str, str]) -> list[Path]:
        wanted = _scsi_id(config, lambda: self.described(self.reach(config)))
        disk = next((each for each in self.here(config) if each.scsi_id == wanted), None)
        if disk is None:
            raise NotFound(f"there is no disk {wanted}", code="67")
        return [disk.path]

    @contextlib.contextmanager
    def _reached(self, config: dict[str, str], *, stay: bool = False) -> Iterator[None]:
        """Here for as long as that takes, or, once it went well, from now on."""
        before = bool(self.here(config))
        done = False
        try:
            self.reach(config)
            yield
            done = True
        finally:
            if not before and not (stay and done):
                with contextlib.suppress(BackendError):  # What went wrong first is what counts.
                    self.leave(config)


class Lvmoiscsi(LvmOnScsi):
    """On a disk of a server of iSCSI; hosts share it."""

    info = DriverInfo(
        "lvmoiscsi",
        "Disks as logical volumes on a disk of a server of iSCSI",
        Lvm.info.features,
        shared=True,
        configuration={
            "target": "Name or address of the server; several with commas between them.",
            "port": "Port of the server, 3260 if nothing is said.",
            "targetIQN": "IQN of the target.",
            "SCSIid": "The disk, by its SCSI id.",
            "localIQN": "IQN of this host, if not its usual one.",
            "chapuser": "Who logs in.",
            "chappassword": "The password for that.",
            "incoming_chapuser": "As whom the target shows itself.",
            "incoming_chappassword": "The password for that.",
            "allocation": Lvm.info.configuration["allocation"],
        },
        formats=Lvm.info.formats,
    )

    def __init__(
        self,
        root: Path | None = None,
        place: Path = PLACE,
        commands: Callable[[Sequence[Path]], Commands] = LvmCommands,
        before_step: Callable[[], None] = nothing,
        iscsi: Iscsi | None = None,
    ) -> None:
        super().__init__(root, place, commands, before_step)
        self._iscsi = iscsi or Iscsi()

    def reach(self, config: dict[str, str]) -> list[ScsiDisk]:
        hosts, port, login = _hosts(config), _port(config), _login(config)
        if not config.get("targetIQN"):
            found = _targets_xml(self._discover(hosts, port))
            raise BadConfig("targetIQN is missing: a target of the server", key="targetIQN", found=found)
        wanted = iqn(config["targetIQN"], "targetIQN")
        if self._iscsi.session(wanted) is None:
            offered = [each for each in self._discover(hosts, port) if each.iqn == wanted]
            if not offered:
                raise BadConfig(
                    f"the server has no target {wanted}",
                    key="targetIQN",
                    found=_targets_xml(self._discover(hosts, port)),
                )
            self._iscsi.log_in(offered[0], login)
        return self._iscsi.units(wanted)

    def here(self, config: dict[str, str]) -> list[ScsiDisk]:
        _hosts(config)
        return self._iscsi.units(iqn(config["targetIQN"], "targetIQN")) if config.get("targetIQN") else []

    def leave(self, config: dict[str, str]) -> None:
        if config.get("targetIQN"):
            self._iscsi.log_out(iqn(config["targetIQN"], "targetIQN"))

    def described(self, disks: Iterable[ScsiDisk]) -> str:
        root = ElementTree.Element("iscsi-target")
        for disk in disks:
            unit = ElementTree.SubElement(root, "LUN")
            facts = {"vendor": disk.vendor, "serial": disk.serial, "LUNid": disk.address[3]}
            for name, text in {**facts, "size": str(disk.size), "SCSIid": disk.scsi_id}.items():
                ElementTree.SubElement(unit, name).text = text
        return ElementTree.tostring(root, encoding="unicode")

    def _discover(self, hosts: Sequence[str], port: int) -> list[Target]:
        """What the first of these servers offers that answers."""
        for number, host in enumerate(hosts, 1):
            try:
                servers.assert_answers(host, port, "141")
                return self._iscsi.targets(host, port)
            except Unavailable:
                if number == len(hosts):
                    raise
        return []


class Lvmohba(LvmOnScsi):
    """On a disk that an adapter of the host carries here (Fibre Channel, SAS); hosts share it."""

    info = DriverInfo(
        "lvmohba",
        "Disks as logical volumes on a disk behind an adapter of the host",
        Lvm.info.features,
        shared=True,
        configuration={
            "SCSIid": "The disk, by its SCSI id.",
            "allocation": Lvm.info.configuration["allocation"],
        },
        formats=Lvm.info.formats,
    )

    def __init__(
        self,
        root: Path | None = None,
        place: Path = PLACE,
        commands: Callable[[Sequence[Path]], Commands] = LvmCommands,
        before_step: Callable[[], None] = nothing,
        disks: ScsiDisks | None = None,
    ) -> None:
        super().__init__(root, place, commands, before_step)
        self._disks = disks or ScsiDisks()

    def reach(self, config: dict[str, str]) -> list[ScsiDisk]:
        return self._disks.all()

    def here(self, config: dict[str, str]) -> list[ScsiDisk]:
        return self._disks.all()

    def leave(self, config: dict[str, str]) -> None:
        """They are always here."""

    def described(self, disks: Iterable[ScsiDisk]) -> str:
        root = ElementTree.Element("Devlist")
        for disk in disks:
            device = ElementTree.SubElement(root, "BlockDevice")
            facts = {"path": str(disk.path), "SCSIid": disk.scsi_id, "vendor": disk.vendor, "serial": disk.serial}
            places = dict(zip(("hba", "channel", "id", "lun"), disk.address, strict=True))
            facts |= {"size": str(disk.size), "adapter": f"host{disk.address[0]}", **places}
            for name, text in facts.items():
                ElementTree.SubElement(device, name).text = text
        for host in sorted({disk.address[0] for disk in disks}):
            adapter = ElementTree.SubElement(root, "Adapter")
            for name, text in (("host", f"host{host}"), ("id", host)):
                ElementTree.SubElement(adapter, name).text = text
        return ElementTree.tostring(root, encoding="unicode")


def _scsi_id(config: dict[str, str], found: Callable[[], str]) -> str:
    said = config.get("SCSIid", "")
    if not said:
        raise BadConfig("SCSIid is missing: a disk", key="SCSIid", found=found())
    if not SCSI_ID.fullmatch(said):
        raise BadConfig(f"SCSIid must be what a disk says of itself, not {said[:255]!r}", key="SCSIid")
    return said


def _hosts(config: dict[str, str]) -> list[str]:
    names = [each.strip() for each in config.get("target", "").split(",") if each.strip()]
    if not names:
        raise BadConfig("target is missing: the server of iSCSI", key="target")
    return [servers.host(each, "target") for each in names]


def _port(config: dict[str, str]) -> int:
    said = config.get("port") or str(PORT)
    if not re.fullmatch("[0-9]{1,5}", said) or not 0 < int(said) < 1 << 16:
        raise BadConfig(f"port is a number from 1 to 65535, not {said[:255]!r}", key="port", code="142")
    return int(said)


def _login(config: dict[str, str]) -> Login:
    texts = {}
    for name in ("chapuser", "chappassword", "incoming_chapuser", "incoming_chappassword"):
        texts[name] = config.get(name, "")
        if texts[name] and not SECRET_TEXT.fullmatch(texts[name]):
            raise BadConfig(f"{name} may have up to 255 printable characters, and no blanks", key=name)
    if bool(texts["chapuser"]) != bool(texts["chappassword"]):
        raise BadConfig("chapuser and chappassword go together", key="chapuser")
    local = config.get("localIQN", "")
    return Login(iqn(local, "localIQN") if local else "", *texts.values())


def _targets_xml(targets: Sequence[Target]) -> str:
    root = ElementTree.Element("iscsi-target-iqns")
    for number, target in enumerate(targets):
        each = ElementTree.SubElement(root, "TGT")
        facts = {"Index": str(number), "IPAddress": target.address, "Port": str(target.port), "TargetIQN": target.iqn}
        for name, text in facts.items():
            ElementTree.SubElement(each, name).text = text
    return ElementTree.tostring(root, encoding="unicode")
