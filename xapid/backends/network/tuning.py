"""How devices work: offloads, speed and duplex, and the MTU; what was changed is put back once nobody wants it."""

from __future__ import annotations

import ctypes
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pyroute2.ethtool.ioctl import EthtoolError, IoctlEthtool

from xapid.backends.whole_files import write_whole

log = logging.getLogger(__name__)

OFFLOADS = {
    "rx": "rx-checksumming",
    "tx": "tx-checksumming",
    "sg": "scatter-gather",
    "tso": "tcp-segmentation-offload",
    "ufo": "udp-fragmentation-offload",
    "gso": "generic-segmentation-offload",
    "gro": "generic-receive-offload",
    "lro": "large-receive-offload",
}
"""As keys of clients call them, and as the library does."""
LINK = ("speed", "duplex", "autoneg", "advertise")
"""What host and switch agree on; all of it is set at once."""
MTU = "mtu"
SET_LINK = 2
"""ETHTOOL_SSET"""
DUPLEX = {"half": 0, "full": 1}
ON, OFF = "on", "off"
BOOT = Path("/proc/sys/kernel/random/boot_id")

Settings = dict[str, str]


class Tuner:
    """Devices of this host, and how they were. Called by one thread at a time."""

    def __init__(self, memory: Path | None = None, opened: Callable[[str], Any] = IoctlEthtool, boot: Path = BOOT):
        """``memory``: a file in which it is kept how devices were, as long as the machine runs."""
        self._memory = memory
        self._opened = opened
        self._boot = boot
        self._were: dict[str, Settings] | None = None

    def tune(self, device: str, wanted: Mapping[str, str]) -> None:
        """Let a device work as wanted, and in all else as it did. What it cannot do is logged."""
        were = self._of(device)
        ours = {name: value for name, value in were.items() if name != MTU}
        if not wanted and not ours:
            return
        try:
            with closing(self._opened(device)) as ethtool:
                now = _read(ethtool)
                target = {**ours, **wanted}
                differing = {name: value for name, value in target.items() if now.get(name) != value}
                self._remember(device, {name: now[name] for name in differing if name in now and name not in were})
                _write(device, ethtool, now, differing)
        except (EthtoolError, OSError) as error:
            log.warning("%s cannot be asked how it works: %s", device, error)
            return
        self._forget(device, ours.keys() - wanted.keys())

    def note_mtu(self, device: str, mtu: int) -> None:
        """To be called before the MTU of a device is changed."""
        if MTU not in self._of(device):
            self._remember(device, {MTU: str(mtu)})

    def put_back(self, device: str) -> int:
        """Let a device work as it did. Returns the MTU that it had, for who can set it; 0: it is that still."""
        self.tune(device, {})
        mtu = int(self._of(device).get(MTU, 0))
        self._forget(device, [MTU])
        return mtu

    # What is kept

    def _all(self) -> dict[str, Settings]:
        if self._were is None:
            self._were = {}
            if self._memory is not None and self._memory.exists():
                try:
                    kept = json.loads(self._memory.read_text())
                    # The kernel of another boot knows nothing of what was set in the one before.
                    self._were = kept["devices"] if kept["boot"] == self._boot.read_text().strip() else {}
                except (OSError, ValueError, KeyError, TypeError) as error:
                    log.warning("%s does not tell how devices were: %s", self._memory, error)
        return self._were

    def _of(self, device: str) -> Settings:
        return self._all().get(device, {})

    def _remember(self, device: str, settings: Settings) -> None:
        if settings:
            self._all()[device] = {**self._of(device), **settings}
            self._keep()

    def _forget(self, device: str, names: Iterable[str]) -> None:
        left = {name: value for name, value in self._of(device).items() if name not in set(names)}
        if left != self._of(device):
            self._all()[device] = left
            if not left:
                del self._all()[device]
            self._keep()

    def _keep(self) -> None:
        if self._memory is None:
            return
        try:
            kept = {"boot": self._boot.read_text().strip(), "devices": self._all()}
            write_whole(self._memory, json.dumps(kept).encode())
        except OSError as error:
            log.warning("it cannot be kept how devices were: %s", error)


def _read(ethtool: Any) -> Settings:
    """How a device works, as far as it says."""
    flags = ethtool.get_offload_flags()
    found = {name: ON if flags[long] else OFF for name, long in OFFLOADS.items() if long in flags}
    try:
        link = ethtool.get_cmd()
    except (EthtoolError, OSError):
        return found  # Many a device that is none of metal has no link to be set.
    duplex = next((name for name, value in DUPLEX.items() if value == link.duplex), "")
    return found | {
        "speed": str(link.speed | link.speed_hi << 16),
        "duplex": duplex,
        "autoneg": ON if link.autoneg else OFF,
        "advertise": f"0x{link.advertising:x}",
    }


def _write(device: str, ethtool: Any, now: Settings, differing: Settings) -> None:
    for name, value in differing.items():
        if name not in OFFLOADS:
            continue
        try:
            ethtool.set_offload_flag(OFFLOADS[name], value == ON)
        except (EthtoolError, OSError) as error:
            log.warning("%s cannot have %s %s: %s", device, name, value, error)
    link = {name: differing[name] for name in LINK if name in differing}
    if not link:
        return
    try:
        _set_link(ethtool, link)
    except (EthtoolError, OSError, ValueError) as error:
        log.warning(
            "%s cannot have %s: %s", device, ", ".join(f"{name} {value}" for name, value in link.items()), error
        )


def _set_link(ethtool: Any, wanted: Settings) -> None:
    command = ethtool.get_cmd()
    command.cmd = SET_LINK
    if "speed" in wanted:
        command.speed, command.speed_hi = int(wanted["speed"]) & 0xFFFF, int(wanted["speed"]) >> 16
    if "duplex" in wanted:
        command.duplex = DUPLEX.get(wanted["duplex"], command.duplex)
    if "autoneg" in wanted:
        command.autoneg = wanted["autoneg"] == ON
    if "advertise" in wanted:
        command.advertising = int(wanted["advertise"], 16)
    ethtool.ifreq.ifr_data = ctypes.pointer(command)
    ethtool.ioctl()
