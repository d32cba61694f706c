"""The record of a host: what it holds of the machine, of the software, and of where the host is reached."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xapid
from xapid.backends.host.interface import UNKNOWN_XEN, Cpu, HostFacts, TimeSource
from xapid.backends.network.interface import Nic
from xapid.datamodel import HostCpu
from xapid.datamodel.host import HostNtpMode
from xapid.observe.licence import EDITION, license_params
from xapid.observe.machine import Machine
from xapid.rules.memory import COUNTED, Counted
from xapid.rules.packs import pack_versions
from xapid.runtime.config import Config
from xapid.runtime.settings import Address
from xapid.store.store import Store
from xapid.store.transaction import Transaction

API_VERSION = (2, 23)
DB_SCHEMA = "5.909"
"""The release of the contract, as clients look it up."""
SECONDS = "{:.0f}."
"""How other_config spells a moment: Unix time as a floating point number."""
NO_BIOS_STRINGS: dict[str, str] = {
    **dict.fromkeys(
        (
            "bios-vendor", "bios-version", "system-manufacturer", "system-product-name", "system-version",
            "system-serial-number", "baseboard-manufacturer", "baseboard-product-name", "baseboard-version",
            "baseboard-serial-number",
        ),
        "",
    ),
    "oem-1": "Xen",
    # Windows of the big makers looks for this mark.
    "oem-2": "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d",
    "hp-rombios": "",
}  # fmt: skip


def fields(machine: Machine, config: Config, now: float) -> dict[str, Any]:
    """What is looked at anew at every start."""
    facts = machine.facts
    return {
        "hostname": facts.hostname,
        "address": address(machine, config),
        "API_version_major": API_VERSION[0],
        "API_version_minor": API_VERSION[1],
        "API_version_vendor": "XenSource",
        "software_version": software_version(machine, config, now),
        "capabilities": capabilities(facts),
        "cpu_info": cpu_info(facts),
        "bios_strings": {**NO_BIOS_STRINGS, **facts.bios_strings},
        "chipset_info": {"iommu": str(facts.iommu).lower()},
        "timezone": facts.timezone,
        "ssh_enabled": facts.ssh,
        "ntp_mode": HostNtpMode(facts.time_source),
        # Those of another mode are kept for the day they are asked for.
        **({"ntp_custom_servers": facts.time_servers} if facts.time_source is TimeSource.Custom else {}),
        "sched_policy": "credit",
        "supported_bootloaders": ("pygrub", "eliloader"),
        "virtual_hardware_platform_versions": (0, 1, 2),
        "ssl_legacy": False,
        "license_params": license_params(facts.sockets),
        "edition": EDITION,
        "editions": (EDITION,),
    }


def started(other_config: dict[str, str], machine: Machine, now: float) -> dict[str, str]:
    """``other_config`` with the moments at which the machine and the daemon came up."""
    return {
        **other_config,
        "boot_time": SECONDS.format(machine.facts.boot_time),
        "agent_start_time": SECONDS.format(now),
    }


def software_version(machine: Machine, config: Config, now: float) -> dict[str, str]:
    """Names and versions that clients compare. All keys are always there: some clients fail without one."""
    product = config.product
    api = "{}.{}".format(*API_VERSION)
    return {
        "product_version": product.version,
        "product_version_text": product.version_text,
        "product_version_text_short": product.version_text_short,
        "platform_name": product.platform_name,
        "platform_version": product.platform_version,
        "product_brand": product.brand,
        # A number for those who compare it as one, so without the last part of our version.
        "build_number": product.build_number or xapid.__version__.rpartition(".")[0],
        "git_id": xapid.__version__,
        "hostname": machine.facts.hostname,
        "date": _installed(now),
        "xapi": api,
        "xapi_build": xapid.__version__,
        "xen": machine.facts.xen_version,
        "linux": machine.facts.kernel,
        "xencenter_min": api,
        "xencenter_max": api,
        "network_backend": config.network.backend.value,
        "db_schema": DB_SCHEMA,
        **({} if _squeezes(machine, config) else {COUNTED: Counted.static_max.value}),
        **pack_versions(machine.facts.packs),
    }


def _squeezes(machine: Machine, config: Config) -> bool:
    """Whether guests give memory back when others need it."""
    said = config.guests.ballooning
    return machine.facts.xen_version != UNKNOWN_XEN if said is None else said


def _installed(now: float) -> str:
    """The day on which this software was put here."""
    package = Path(xapid.__file__)
    moment = package.stat().st_mtime if package.exists() else now
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def capabilities(facts: HostFacts) -> tuple[str, ...]:
    """The kinds of guests. Only Xen needs the processor's help for full virtualization: QEMU can emulate it."""
    if facts.capabilities:
        return facts.capabilities
    hvm = "hvm" in facts.virtualization or "xen" not in facts.virtualization
    return ("xen-3.0-x86_64", *(("hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64") if hvm else ()))


def cpu_info(facts: HostFacts) -> dict[str, str]:
    """The processors in one map. The masks that level the hosts of a pool are empty: nothing is masked."""
    first = facts.cpus[0] if facts.cpus else Cpu(0, "", "", 0, 0, "0", 0, "")
    return {
        "cpu_count": str(len(facts.cpus)),
        "socket_count": str(facts.sockets),
        "threads_per_core": str(facts.threads_per_core),
        "nr_nodes": str(facts.nodes),
        "vendor": first.vendor,
        "speed": str(first.speed),
        "modelname": first.modelname,
        "family": str(first.family),
        "model": str(first.model),
        "stepping": first.stepping,
        "flags": first.flags,
        "features_pv": "",
        "features_hvm": "",
        "features_hvm_host": "",
        "features_pv_host": "",
    }


def write_cpus(store: Store, tx: Transaction, host: str, facts: HostFacts) -> None:
    """One host_cpu a logical processor. One that is as before keeps its reference."""
    known = {row.number: row for row in store.where(HostCpu, host=host)}
    for cpu in facts.cpus:
        values: dict[str, Any] = {
            "vendor": cpu.vendor,
            "speed": cpu.speed,
            "modelname": cpu.modelname,
            "family": cpu.family,
            "model": cpu.model,
            "stepping": cpu.stepping,
            "flags": cpu.flags,
        }
        row = known.pop(cpu.number, None)
        if row is None:
            tx.create(HostCpu, host=host, number=cpu.number, **values)
        else:
            tx.set(row, **values)
    for row in known.values():
        tx.delete(row)


# --- Where the host is reached -----------------------------------------------------------------------


def address(machine: Machine, config: Config) -> str:
    """Where clients reach the daemon: where it listens, or else the address of the management interface."""
    for listener in (*config.https, *config.http):
        if not listener.is_everywhere:
            return listener.host
    nic = management_nic(machine.nics)
    addresses = [each.partition("/")[0] for each in nic.addresses] if nic is not None else []
    addresses.sort(key=lambda each: ":" in each)
    return addresses[0] if addresses else "127.0.0.1"


def management_nic(nics: tuple[Nic, ...]) -> Nic | None:
    """The interface with the way out, else one with an address, else the first."""
    return min(nics, key=lambda nic: (not nic.gateway, not nic.addresses), default=None)


def console_base(host_address: str, config: Config) -> str:
    """The beginning of ``console.location``, up to its query. A port that is not the usual one is part of it."""
    plain = bool(config.http) and not config.https
    scheme, listeners, usual = ("http", config.http, 80) if plain else ("https", config.https, 443)
    port = listeners[0].port if listeners else usual
    where = str(Address(host_address, port))
    return f"{scheme}://{where.removesuffix(f':{usual}')}/console"
