"""The simulated machine: always the same plausible host."""

from __future__ import annotations

import time

from xapid.backends.faults import SimFaults
from xapid.backends.host.interface import Cpu, HostFacts
from xapid.backends.interface import DriverInfo

CPUS = tuple(
    Cpu(number, "GenuineIntel", "Simulated processor", 6, 85, "7", 2000, "fpu vme de pse tsc msr pae vmx sse sse2")
    for number in range(8)
)
MEMORY = 16 * 2**30


class Sim:
    """A machine of eight processors and 16 GiB."""

    info = DriverInfo("sim", "A machine that is not there")

    def __init__(self) -> None:
        self.faults = SimFaults()
        self._started = time.time()
        self.debug_keys = ""
        """All that were sent."""
        self.log_destination = ""

    def facts(self) -> HostFacts:
        return HostFacts(
            hostname="sim",
            kernel="6.1.0-sim",
            os_release={"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"},
            cpus=CPUS,
            sockets=1,
            threads_per_core=1,
            memory_total=MEMORY,
            memory_free=MEMORY - 2**30,
            boot_time=self._started,
            bios_strings={
                "bios-vendor": "xapid",
                "bios-version": "1",
                "system-manufacturer": "xapid",
                "system-product-name": "Simulator",
            },
            iommu=True,
            virtualization=frozenset({"hvm", "xen"}),
            xen_version="4.17",
        )

    def memory(self) -> tuple[int, int]:
        return MEMORY, MEMORY - 2**30

    def console_text(self) -> str:
        return "Xen simulator"

    def send_debug_keys(self, keys: str) -> None:
        self.debug_keys += keys

    def send_log_to(self, destination: str) -> None:
        self.log_destination = destination
