"""The host driver: what this machine is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from xapid.backends.interface import DriverInfo

UNKNOWN_XEN = "(unknown)"
"""The version of Xen where there is none."""


@dataclass(frozen=True)
class Cpu:
    """One logical processor."""

    number: int
    vendor: str
    modelname: str
    family: int
    model: int
    stepping: str
    speed: int
    """MHz"""
    flags: str


@dataclass(frozen=True)
class HostFacts:
    """What a machine says of itself."""

    hostname: str
    kernel: str
    os_release: dict[str, str] = field(default_factory=dict)
    cpus: tuple[Cpu, ...] = ()
    sockets: int = 1
    threads_per_core: int = 1
    nodes: int = 1
    memory_total: int = 0
    """bytes"""
    memory_free: int = 0
    boot_time: float = 0.0
    """seconds since 1970"""
    timezone: str = "UTC"
    name_servers: tuple[str, ...] = ()
    """addresses of those that this machine asks for names"""
    bios_strings: dict[str, str] = field(default_factory=dict)
    """keys as in host.bios_strings; ``oem-N`` from 3 up"""
    iommu: bool = False
    virtualization: frozenset[str] = frozenset()
    """of: hvm (the processor helps), kvm (/dev/kvm opens), xen (this is the control domain of a Xen host)"""
    capabilities: tuple[str, ...] = ()
    """kinds of guests, as the hypervisor names them; empty: it does not say"""
    xen_version: str = UNKNOWN_XEN
    optical_drives: tuple[str, ...] = ()


class HostDriver(Protocol):
    """This machine."""

    info: DriverInfo

    def facts(self) -> HostFacts: ...
    def memory(self) -> tuple[int, int]:
        """Total and free, in bytes."""

    def console_text(self) -> str:
        """What the hypervisor has printed, as much of it as is kept."""

    def send_debug_keys(self, keys: str) -> None:
        """Have the hypervisor do what each key is for. Raises NotSupported where it knows none."""

    def send_log_to(self, destination: str) -> None:
        """Send the log of this machine to another too, ``ADDRESS[:PORT]``; empty: to none. Raises NotSupported."""
