"""The types of repositories that the simulator plays: what they can do, what they need, how large their volumes are."""

from __future__ import annotations

from dataclasses import dataclass

from xapid.backends.storage import sizes
from xapid.backends.storage.interface import Feature

_BASE = frozenset({Feature.VDI_CREATE, Feature.VDI_DELETE, Feature.VDI_ATTACH, Feature.VDI_DETACH})
_BLOCKS = _BASE | {
    Feature.SR_PROBE,
    Feature.SR_UPDATE,
    Feature.VDI_UPDATE,
    Feature.VDI_CLONE,
    Feature.VDI_SNAPSHOT,
    Feature.VDI_RESIZE,
    Feature.VDI_MIRROR,
    Feature.VDI_RESET_ON_BOOT,
    Feature.VDI_CONFIG_CBT,
    Feature.VDI_ACTIVATE,
    Feature.VDI_DEACTIVATE,
    Feature.MERGE,
}
_SHARED_FILES = _BLOCKS | {
    Feature.SR_CACHING,
    Feature.VDI_GENERATE_CONFIG,
    Feature.THIN_PROVISIONING,
    Feature.VDI_READ_CACHING,
}
_SHARED_BLOCKS = _BLOCKS | {
    Feature.SR_TRIM,
    Feature.SR_METADATA,
    Feature.SR_CACHING,
    Feature.VDI_GENERATE_CONFIG,
}


@dataclass(frozen=True)
class Kind:
    """What is particular to a type of repository."""

    features: frozenset[Feature]
    required: tuple[str, ...] = ()
    """Keys of device_config without which there is none."""
    shared: bool = False
    step: int = sizes.MIB
    raw_step: int = sizes.SECTOR
    """The same for raw volumes."""
    limit: int = 2040 * sizes.MIB * 1024
    """The largest volume: that of the VHD format, where volumes have it."""
    capacity: int = 16 * sizes.TIB


KINDS = {
    "file": Kind(
        _BLOCKS - {Feature.VDI_RESET_ON_BOOT} | {Feature.VDI_GENERATE_CONFIG, Feature.THIN_PROVISIONING},
        ("location",),
    ),
    "ext": Kind(
        _SHARED_FILES - {Feature.SR_CACHING} | {Feature.SR_SUPPORTS_LOCAL_CACHING},
        ("device",),
    ),
    "nfs": Kind(_SHARED_FILES, ("server", "serverpath"), shared=True),
    "smb": Kind(_SHARED_FILES, ("server",), shared=True),
    "lvm": Kind(_BLOCKS | {Feature.SR_TRIM}, ("device",), step=2 * sizes.MIB, raw_step=4 * sizes.MIB),
    "lvmoiscsi": Kind(
        _SHARED_BLOCKS, ("target", "targetIQN", "SCSIid"), shared=True, step=2 * sizes.MIB, raw_step=4 * sizes.MIB
    ),
    "lvmohba": Kind(_SHARED_BLOCKS, ("SCSIid",), shared=True, step=2 * sizes.MIB, raw_step=4 * sizes.MIB),
    "dummy": Kind(
        _BASE
        | {
            Feature.SR_PROBE,
            Feature.VDI_ACTIVATE,
            Feature.VDI_DEACTIVATE,
            Feature.VDI_CLONE,
            Feature.VDI_SNAPSHOT,
            Feature.VDI_RESIZE,
            Feature.VDI_INTRODUCE,
            Feature.VDI_MIRROR,
        },
        step=1,
        raw_step=1,
        capacity=2 * 10**12,
    ),
    "iso": Kind(_BASE | {Feature.SR_SCAN, Feature.SR_ATTACH, Feature.SR_DETACH}, ("location",), shared=True, step=512),
    "udev": Kind(
        frozenset(
            {Feature.VDI_INTRODUCE, Feature.VDI_ATTACH, Feature.VDI_DETACH, Feature.VDI_UPDATE, Feature.SR_UPDATE}
        ),
        ("location",),
    ),
}
"""By the name of the type."""
