"""Repositories of files on a block device of this host, with a file system of their own: ext4."""

from __future__ import annotations

from pathlib import Path

from xapid.backends.interface import AlreadyExists, BackendError, DriverInfo, Failed, NotFound, NotSupported
from xapid.backends.process import ended, run
from xapid.backends.storage import block_devices
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Feature, Sr, SrFound
from xapid.backends.storage.mounted import Mounted

KIND = "ext4"
LABEL = "xapid-sr"
"""Of the file system: for whoever looks at the device, and for probing."""
CHECKING = 6 * 3600.0
"""Seconds that a check of a damaged file system may take."""
REPAIRED = 1
"""How e2fsck ends at most where all is well afterwards."""


class Ext(Mounted):
    """The file system bears the uuid of its repository: so it is found whatever the device is called by now."""

    info = DriverInfo(
        "ext",
        "Disks as files on a block device of the host",
        File.info.features | {Feature.SR_SUPPORTS_LOCAL_CACHING},
        configuration={"device": "The block device. All that is on it is lost when the repository is made."},
    )

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        device = _device(config)
        found = block_devices.signature(device)
        if found.get("TYPE") != KIND or found.get("LABEL") != LABEL:
            return []
        return [SrFound({"device": config["device"]}, found["UUID"])]

    def mount(self, sr: Sr) -> Path:
        device = _device(sr.device_config)
        if self.mounts.at(sr.uuid) is None:
            if block_devices.signature(device).get("UUID") != sr.uuid:
                raise NotFound(f"{device} does not hold the repository {sr.uuid}", path=str(device), code="47")
            _check(device)
        try:
            return self.mounts.mount(sr.uuid, KIND, str(device), ("noatime",))
        except Failed as error:
            raise Failed(error.message, code="52") from error

    def make(self, sr: Sr) -> Path:
        device = _device(sr.device_config)
        found = block_devices.signature(device)
        if found.get("UUID") != sr.uuid:
            if found.get("LABEL") == LABEL:
                raise AlreadyExists(
                    f"{device} holds the repository {found['UUID']}: introduce that, or remove it by wipefs", code="42"
                )
            block_devices.assert_free(device)
            try:
                run(["mkfs.ext4", "-q", "-F", "-m", "0", "-L", LABEL, "-U", sr.uuid, "--", str(device)])
            except BackendError as error:
                raise Failed(error.message, code="57") from error
        return self.mount(sr)

    def unmake(self, sr: Sr) -> None:
        device = _device(sr.device_config)
        if block_devices.signature(device).get("UUID") == sr.uuid:
            run(["wipefs", "-q", "-a", "--", str(device)])


def _device(config: dict[str, str]) -> Path:
    found = block_devices.devices(config)
    if len(found) > 1:
        raise NotSupported("this driver takes one device; join several by LVM or RAID before", key="device", code="91")
    return found[0]


def _check(device: Path) -> None:
    """Mend what a power cut left behind. Raises Failed for what nobody should mend without looking."""
    done = ended(["e2fsck", "-p", "--", str(device)], timeout=CHECKING)
    if done.status > REPAIRED:
        said = done.output.decode(errors="replace").strip().splitlines()[-3:]
        raise Failed(f"{device} is damaged; look at it with e2fsck: {' / '.join(said)}", path=str(device), code="47")
