"""The servers that are measured: daemons with many objects, and applications on uvicorn."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Rate, connect, drive, free_port
from tests.bench.report import cpu_seconds
from tests.daemon import Daemon
from xapid.datamodel import VBD, VIF, VM, Network, VBD_metrics, VIF_metrics, VM_metrics
from xapid.datamodel.vbd import VbdType
from xapid.main import opened_store
from xapid.store.transaction import Transaction

OBJECTS_A_MACHINE = 10


@dataclass(frozen=True)
class Server:
    """A process that answers at an address."""

    address: tuple[str, int]
    pid: int

    def cost(self, requests: list[bytes], seconds: float, connections: int = 8, depth: int = 1) -> tuple[float, Rate]:
        """Processor seconds of an answer, and the rate of answers."""
        before = cpu_seconds(self.pid)
        rate = drive(self.address, requests, seconds, connections, depth)
        return (cpu_seconds(self.pid) - before) / rate.count, rate


@contextmanager
def uvicorn(application: str, http: str) -> Iterator[Server]:
    """An ASGI application on uvicorn with uvloop, served by this HTTP protocol class."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.stock", application, http, str(port)])
    try:
        while True:
            try:
                connect(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"uvicorn with {http} ended with {process.returncode}") from None
                time.sleep(0.05)
        yield Server(("127.0.0.1", port), process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def daemon(directory: Path, machines: int = 0, within: tuple[str, ...] = ()) -> Iterator[tuple[Daemon, Server]]:
    """``xapid serve`` with its store on disk, with so many machines in it, of ten objects each.

    ``within``: words before the command.
    """
    directory.mkdir()
    port = free_port()
    server = Daemon(directory, "--http", f"127.0.0.1:{port}", within=within)
    server.start()
    try:
        if machines:
            server.stop()
            asyncio.run(fill(directory / "state", machines))
            server.start()
        assert server.process is not None
        yield server, Server(("127.0.0.1", port), server.process.pid)
    finally:
        server.stop()


async def fill(state: Path, machines: int) -> None:
    """Put machines into the database of a daemon that does not run."""
    async with opened_store(state) as (store, _):
        network = next(iter(store.all(Network))).ref
        for start in range(0, machines, 200):
            with store.write() as tx:
                for number in range(start, min(start + 200, machines)):
                    _machine(tx, number, network)
            await store.settled()


def _machine(tx: Transaction, number: int, network: str) -> None:
    vm = tx.create(
        VM,
        name_label=f"machine {number}",
        name_description="one of many & the rest",
        memory_static_max=2**32,
        memory_dynamic_max=2**32,
        metrics=tx.create(VM_metrics, VCPUs_utilisation={0: 0.0}).ref,
        other_config={"mac_seed": f"seed {number}", "base_template_name": "Debian Bookworm 12", "folder": "/a <b>"},
        platform={"acpi": "true", "apic": "true", "pae": "true", "vga": "std", "device-model": "qemu-upstream-uefi"},
        HVM_boot_params={"order": "cdn", "firmware": "uefi"},
        recommendations='<restrictions><restriction field="memory-static-max" max="137438953472"/></restrictions>',
        bios_strings={f"bios-{each}": "Xen" for each in range(9)},
    )
    for place in range(2):
        tx.create(
            VBD, VM=vm.ref, userdevice=str(place), empty=True, type=VbdType.CD, metrics=tx.create(VBD_metrics).ref
        )
        mac, metrics = f"aa:00:00:00:00:0{place}", tx.create(VIF_metrics)
        tx.create(VIF, VM=vm.ref, network=network, device=str(place), MAC=mac, metrics=metrics.ref)
