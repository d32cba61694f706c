"""Repositories of files on block devices of this host, with a file system of their own: ext4."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from xapid.backends.interface import AlreadyExists, BackendError, DriverInfo, Failed, NotFound
from xapid.backends.process import ended, run
from xapid.backends.storage import block_devices
from xapid.backends.storage.file import File
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.interface import Feature, Sr, SrFound
from xapid.backends.storage.lvm_commands import Lvm, LvmCommands
from xapid.backends.storage.mounted import Mounted
from xapid.backends.storage.mounts import Mounts
from xapid.backends.storage.repository_groups import FILES, JOINED, Joined, assert_in_no_group, resolved

log = logging.getLogger(__name__)

KIND = "ext4"
LABEL = "xapid-sr"
"""Of the file system: for whoever looks at the device, and for probing."""
MEMBER = "LVM2_member"
"""What a device is that belongs to a volume group."""
CHECKING = 6 * 3600.0
"""Seconds that a check of a damaged file system may take."""
REPAIRED = 1
"""How e2fsck ends at most where all is well afterwards."""


class Ext(Mounted):
    """The file system bears the uuid of its repository: so it is found whatever the device is called by now."""

    info = DriverInfo(
        "ext",
        "Disks as files on block devices of the host",
        File.info.features | {Feature.SR_SUPPORTS_LOCAL_CACHING},
        configuration={
            "device": "The block device, or several with commas between them, which are joined by LVM. All that is on "
            "them is lost when the repository is made."
        },
    )

    def __init__(
        self,
        root: Path | None = None,
        mounts: Mounts | None = None,
        commands: Callable[[Sequence[Path]], Lvm] = LvmCommands,
        before_step: Callable[[], None] = nothing,
    ) -> None:
        super().__init__(root, mounts, before_step)
        self._commands = commands

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        devices = resolved(config)
        if len(devices) > 1:
            names = sorted(set(self._commands(devices).groups()))
            return [SrFound(config, mine[1]) for name in names if (mine := FILES.fullmatch(name))]
        found = block_devices.signature(devices[0])
        if found.get("TYPE") != KIND or found.get("LABEL") != LABEL:
            return []
        return [SrFound({"device": config["device"]}, found["UUID"])]

    def mount(self, sr: Sr) -> Path:
        devices = resolved(sr.device_config)
        joined = self._joined(sr, devices)
        device = devices[0] if joined is None else joined.open()
        if self.mounts.at(sr.uuid) is None:
            if block_devices.signature(device).get("UUID") != sr.uuid:
                raise NotFound(f"{device} does not hold the repository {sr.uuid}", path=str(device), code="47")
            _check(device)
        try:
            return self.mounts.mount(sr.uuid, KIND, str(device), ("noatime",))
        except Failed as error:
            raise Failed(error.message, code="52") from error

    def unmount(self, sr: Sr) -> None:
        super().unmount(sr)
        try:
            joined = self._joined(sr, resolved(sr.device_config))
            if joined is not None:
                joined.close()
        except BackendError as error:
            log.error("the devices of %s are not let go: %s", sr.uuid, error.message)

    def make(self, sr: Sr) -> Path:
        devices = resolved(sr.device_config)
        joined = self._joined(sr, devices)
        for device in devices:
            self._assert_free(device, sr)
        device = devices[0] if joined is None else joined.make()
        if block_devices.signature(device).get("UUID") != sr.uuid:
            try:
                run(["mkfs.ext4", "-q", "-F", "-m", "0", "-L", LABEL, "-U", sr.uuid, "--", str(device)])
            except BackendError as error:
                raise Failed(error.message, code="57") from error
        return self.mount(sr)

    def unmake(self, sr: Sr) -> None:
        devices = resolved(sr.device_config)
        joined = self._joined(sr, devices)
        if joined is not None:
            joined.part()
        elif block_devices.signature(devices[0]).get("UUID") == sr.uuid:
            run(["wipefs", "-q", "-a", "--", str(devices[0])])

    def _joined(self, sr: Sr, devices: Sequence[Path]) -> Joined | None:
        """Several devices as one; None: there is but one."""
        return Joined(sr.uuid, devices, self._commands(devices)) if len(devices) > 1 else None

    def _assert_free(self, device: Path, sr: Sr) -> None:
        """Raises AlreadyExists for a device that carries another repository, InUse for one that is in use."""
        found = block_devices.signature(device)
        if found.get("UUID") == sr.uuid:
            return
        if found.get("LABEL") == LABEL:
            raise AlreadyExists(
                f"{device} holds the repository {found['UUID']}: introduce that, or remove it by wipefs", code="42"
            )
        if found.get("TYPE") != MEMBER:
            block_devices.assert_free(device)
        elif f"{JOINED}{sr.uuid}" not in (lvm := self._commands([device])).groups():
            assert_in_no_group(lvm)


def _check(device: Path) -> None:
    """Mend what a power cut left behind. Raises Failed for what nobody should mend without looking."""
    done = ended(["e2fsck", "-p", "--", str(device)], timeout=CHECKING)
    if done.status > REPAIRED:
        said = done.output.decode(errors="replace").strip().splitlines()[-3:]
        raise Failed(f"{device} is damaged; look at it with e2fsck: {' / '.join(said)}", path=str(device), code="47")
