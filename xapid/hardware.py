"""Which drivers serve this daemon: the simulator's, or those for what this host has; and the machine they describe."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from xapid.auth.certificate import ensure_certificate
from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.backends.certificates.interface import SERVER
from xapid.backends.domain import embed
from xapid.backends.domain.interface import DomainEvent
from xapid.backends.host.hypervisor import runs_xen
from xapid.backends.host.interface import HostDriver
from xapid.backends.host.tree import Tree
from xapid.backends.interface import DriverInfo
from xapid.backends.network.interface import NetworkDriver
from xapid.backends.storage import DRIVERS
from xapid.backends.storage.interface import Progress
from xapid.backends.storage.plugin_interface import Dialect, Plugin
from xapid.demo.build import DemoGuest, DemoGuestError, ensure
from xapid.demo.kvm_check import kvm_usable
from xapid.observe.machine import Machine
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config, Drivers, NetworkBackend

log = logging.getLogger(__name__)

SYSTEM_URI = "qemu:///system"
XEN_URI = "xen:///system"
USES_LIBVIRTD = "uses-libvirtd"
"""An empty file in the state directory: guests are the system's libvirtd's."""
SIMULATED_TYPES = ("file", "dummy", "ext", "iso", "udev", "nfs", "lvm", "lvmoiscsi", "smb")
"""Types of repositories that the simulator plays."""


PLUGIN_TIMEOUT = 3600.0
"""Seconds after which a call of a storage plug-in is given up: the protocols know no limit, and some format devices."""


class DriverChoiceError(Exception):
    """The drivers that were asked for cannot be had; the text says why, in one line."""


@dataclass
class Hardware:
    """The back ends of this host, and what is told of them."""

    backends: LocalBackends
    simulated: bool
    certificate: Path
    demo: DemoGuest | None = None
    _host: str = field(default="localhost", init=False)

    def watch_domains(self, tell: Callable[[DomainEvent], None]) -> None:
        """Hear of everything that happens to domains. To be called before the back ends start."""
        self.backends.agent(self._host, "domain").watch(tell)

    def watch_storage(self, tell: Callable[[Progress], None]) -> None:
        """Hear how far long work on volumes is. Likewise."""
        for kind in self.backends.kinds:
            if kind.startswith("storage:"):
                self.backends.agent(self._host, kind).watch(tell)

    async def machine(self) -> Machine:
        """What the machine says of itself now. Raises BackendError."""
        agents = self.backends
        facts = await agents.agent(self._host, "host").call(HostDriver.facts)
        nics = await agents.agent(self._host, "network").call(NetworkDriver.nics)
        storage = {
            kind.removeprefix("storage:"): await agents.agent(self._host, kind).info()
            for kind in agents.kinds
            if kind.startswith("storage:")
        }
        addresses = [each.partition("/")[0] for nic in nics for each in nic.addresses]
        ensure_certificate(self.certificate, [facts.hostname, "localhost"], ["127.0.0.1", *addresses])
        return Machine(facts, tuple(nics), storage, self.certificate, self.demo, self.simulated)


async def chosen_hardware(config: Config) -> Hardware:
    """Choose, as ``drivers`` says. Raises DriverChoiceError."""
    certificate = config.state_dir / SERVER
    if config.drivers is Drivers.sim:
        demo = await _demo(config, needed=False)
        return Hardware(LocalBackends(simulated(config), apart=False), True, certificate, demo)
    try:
        import libvirt  # noqa: F401 - an optional extra
    except ImportError as error:
        reason = f"libvirt-python is not installed ({error}): install xapid[libvirt], or choose --drivers sim"
        raise DriverChoiceError(reason) from error
    demo = await _demo(config, needed=True)
    if runs_xen(Tree()):
        uri = config.libvirt.uri or XEN_URI
        log.info("drivers: Xen through %s, because this is its control domain", uri)
        return Hardware(LocalBackends(xen(config, uri), apart=True), False, certificate, demo)
    accel, why = await _acceleration(config, demo)
    uri = config.libvirt.uri or libvirt_uri(config.state_dir.resolve())
    log.info("drivers: QEMU (%s) through %s, because %s", accel, uri, why)
    return Hardware(LocalBackends(real(config, uri, accel), apart=True), False, certificate, demo)


@asynccontextmanager
async def started(hardware: Hardware) -> AsyncIterator[None]:
    """The back ends at work; guests run on afterwards."""
    await hardware.backends.start()
    try:
        yield
    finally:
        await hardware.backends.stop()


def simulated(config: Config) -> AgentConfig:
    """All in memory, in this process; but programs and certificates are of this machine, and consoles are sockets."""
    run = str(config.state_dir.resolve() / "run")
    drivers = [
        DriverSpec("domain", "xapid.backends.domain.sim:SimDomains", {"run_dir": run}, immediate=True),
        DriverSpec("datapath", "xapid.backends.datapath.sim:SimDatapath", uses={"domains": "domain"}, immediate=True),
        DriverSpec("network", "xapid.backends.network.sim:Sim", immediate=True),
        DriverSpec("host", "xapid.backends.host.sim:Sim", immediate=True),
        _programs(config),
        _plugins(config),
        _certificates(config),
        *(DriverSpec(f"storage:{kind}", DRIVERS["sim"], {"type": kind}, immediate=True) for kind in SIMULATED_TYPES),
    ]
    return AgentConfig(tuple(drivers))


def real(config: Config, uri: str, accel: str) -> AgentConfig:
    """QEMU and what else this host has, in an agent process."""
    state = str(config.state_dir.resolve())
    libvirt = "xapid.backends.domain.libvirt_driver:LibvirtDomains"
    return _with_this_hosts(
        config,
        DriverSpec("domain", libvirt, {"uri": uri, "folder": state, "accel": accel}),
        DriverSpec("datapath", "xapid.backends.datapath.qemu:QemuDatapath", uses={"domains": "domain"}),
    )


def xen(config: Config, uri: str) -> AgentConfig:
    """Xen and what else this host has, in an agent process."""
    state = config.state_dir.resolve()
    libxl = "xapid.backends.domain.xen_driver:XenDomains"
    return _with_this_hosts(
        config,
        DriverSpec("disks", "xapid.backends.datapath.open_disks:OpenDisks", {"folder": str(state / "disks")}),
        DriverSpec("domain", libxl, {"uri": uri, "folder": str(state)}, uses={"disks": "disks"}),
        DriverSpec("datapath", "xapid.backends.datapath.xen:XenDatapath", uses={"domains": "domain", "disks": "disks"}),
    )


def _with_this_hosts(config: Config, *hypervisor: DriverSpec) -> AgentConfig:
    state = config.state_dir.resolve()
    drivers = [
        *hypervisor,
        _networks(config),
        DriverSpec(
            "host",
            "xapid.backends.host.linux:Linux",
            {"traces": str(config.traces.resolve()), "login": str(state / "login")},
        ),
        _programs(config),
        _plugins(config),
        _certificates(config),
        *(
            DriverSpec(f"storage:{kind}", driver, {"root": str(state / "sr")})
            for kind, driver in DRIVERS.items()
            if kind != "sim"
        ),
    ]
    return AgentConfig(tuple(drivers))


def _networks(config: Config) -> DriverSpec:
    state = config.state_dir.resolve()
    kept: dict[str, str | int | float | bool | list[str] | DriverInfo | None] = {
        "leases": str(state / "leases"),
        "memory": str(state / "links.json"),
        "resolv_conf": str(config.network.resolv_conf),
        "names": config.network.names.value,
    }
    if config.network.backend is NetworkBackend.openvswitch:
        driver = "xapid.backends.network.openvswitch:OpenVSwitch"
        return DriverSpec("network", driver, {"datapath": config.network.datapath.value, **kept})
    return DriverSpec("network", "xapid.backends.network.bridge:Bridges", kept)


def _programs(config: Config) -> DriverSpec:
    return DriverSpec(
        "programs", "xapid.backends.programs.local:Programs", {"directory": str(config.programs)}, threads=32
    )


def _plugins(config: Config) -> DriverSpec:
    where = config.storage
    args: dict[str, str | int | float | bool | list[str] | DriverInfo | None] = {
        "smapiv1": str(where.smapiv1),
        "smapiv3": str(where.smapiv3),
        "allowed": list(where.plugins),
    }
    return DriverSpec("plugins", "xapid.backends.storage.plugins:Plugins", args)


def plugin_spec(plugin: Plugin, config: Config) -> DriverSpec:
    """The driver of a type of repository that a plug-in serves."""
    folder = str(config.state_dir.resolve() / "plugins")
    if plugin.dialect is Dialect.smapiv1:
        return DriverSpec(
            f"storage:{plugin.type}",
            "xapid.backends.storage.smapiv1:Smapiv1",
            {"program": plugin.path, "info": plugin.info, "folder": folder},
            timeout=PLUGIN_TIMEOUT,
            foreign=True,
            keeps_records=True,
        )
    datapaths = str(config.storage.smapiv3 / "datapath")
    return DriverSpec(
        f"storage:{plugin.type}",
        "xapid.backends.storage.smapiv3:Smapiv3",
        {"volume": plugin.path, "datapaths": datapaths, "info": plugin.info, "folder": folder},
        timeout=PLUGIN_TIMEOUT,
        foreign=True,
    )


def _certificates(config: Config) -> DriverSpec:
    directory = str(config.state_dir.resolve())
    return DriverSpec("certificates", "xapid.backends.certificates.local:Certificates", {"directory": directory})


def libvirt_uri(state: Path, socket: Path = embed.LIBVIRTD) -> str:
    """The libvirt that runs guests: the system's own, or one without a daemon, below the state directory.

    Decided at the first start: whatever is installed later, guests that run must be found again where they are.
    """
    root, uses_daemon = embed.root_below(state), state / USES_LIBVIRTD
    if root.exists():
        return embed.uri(root)
    if not uses_daemon.exists():
        closed = embed.closed_to_others(state)
        # Unlike Path.exists, this bears a folder that is closed to this user: then it is none that he could use.
        runs = os.access(socket, os.F_OK, effective_ids=True)
        if closed is not None or not runs:
            if runs:
                log.info("the system's libvirtd is passed over: its guests could not get through %s", closed)
            return embed.uri(root)
        uses_daemon.touch(mode=0o600)
    return SYSTEM_URI


async def _demo(config: Config, *, needed: bool) -> DemoGuest | None:
    """The demo guest, found or made. Without it there is no template of that name; nothing else is lost."""
    if not config.first_start.demo_guest or not needed:
        return None
    try:
        return await asyncio.to_thread(ensure, config.state_dir / "demo")
    except DemoGuestError as error:
        log.warning("no demo guest: %s", error)
        return None


async def _acceleration(config: Config, demo: DemoGuest | None) -> tuple[str, str]:
    """kvm or tcg, and why."""
    if demo is None:
        return "tcg", "without the demo guest it cannot be told whether KVM works"
    verdict = await asyncio.to_thread(kvm_usable, demo, config.state_dir / "demo")
    return ("kvm" if verdict.usable else "tcg"), verdict.reason
