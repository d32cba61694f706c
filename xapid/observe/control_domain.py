"""The control domain: the machine that stands for the host itself among its guests."""

from __future__ import annotations

from typing import Any

from xapid.backends.host.interface import HostFacts
from xapid.datamodel import VM, Console, Host, VM_metrics
from xapid.datamodel.console import ConsoleProtocol
from xapid.datamodel.types import DateTime
from xapid.datamodel.vm import DomainType, OnCrashBehaviour, OnNormalExit, OnSoftrebootBehavior, VmPowerState
from xapid.rules.host import CONTROL_DOMAIN
from xapid.store.rows import new_ref
from xapid.store.store import Store
from xapid.store.transaction import Transaction

MIB = 1024 * 1024
SHARE = 16
LEAST = 512 * MIB
"""The host keeps a sixteenth of the memory for itself, but so much at least, and half of it at most."""


def create_control_domain(tx: Transaction, host: str, facts: HostFacts, now: float) -> VM:
    """The control domain of a host, with its metrics. Its consoles are made by ``write_consoles``."""
    metrics = tx.create(VM_metrics, install_time=DateTime.of(now), current_domain_type=DomainType.pv)
    return tx.create(
        VM,
        metrics=metrics.ref,
        is_control_domain=True,
        power_state=VmPowerState.Running,
        domid=0,
        resident_on=host,
        affinity=host,
        user_version=1,
        name_description="The host itself: what it keeps of its memory and processors.",
        domain_type=DomainType.pv,
        generation_id="",
        has_vendor_device=False,
        actions_after_softreboot=OnSoftrebootBehavior.soft_reboot,
        actions_after_shutdown=OnNormalExit.destroy,
        actions_after_reboot=OnNormalExit.destroy,
        actions_after_crash=OnCrashBehaviour.destroy,
        **_facts(facts),
    )


def refresh_control_domain(store: Store, tx: Transaction, host: Host, facts: HostFacts, now: float) -> None:
    """Look at the machine anew."""
    domain = store.get(VM, host.control_domain)
    domain = tx.set(domain, power_state=VmPowerState.Running, resident_on=host.ref, domid=0, **_facts(facts))
    tx.set(
        store.get(VM_metrics, domain.metrics),
        memory_actual=domain.memory_target,
        VCPUs_number=domain.VCPUs_max,
        state=("running",),
        start_time=DateTime.of(facts.boot_time),
        last_updated=DateTime.of(now),
        current_domain_type=DomainType.pv,
    )


def _facts(facts: HostFacts) -> dict[str, Any]:
    kept = min(max(facts.memory_total // SHARE, LEAST), facts.memory_total // 2)
    cpus = max(len(facts.cpus), 1)
    return {
        "name_label": CONTROL_DOMAIN + facts.hostname,
        "memory_target": kept,
        "memory_static_min": min(LEAST, kept),
        "memory_dynamic_min": kept,
        "memory_dynamic_max": kept,
        "memory_static_max": kept,
        "VCPUs_max": cpus,
        "VCPUs_at_startup": cpus,
    }


# --- Consoles ----------------------------------------------------------------------------------------


def write_consoles(store: Store, tx: Transaction, host: Host, base: str) -> None:
    """The consoles of the control domain, and where those of all guests of the host are reached now."""
    here = {console.protocol for console in store.where(Console, VM=host.control_domain)}
    for protocol in (ConsoleProtocol.rfb, ConsoleProtocol.vt100):
        if protocol not in here:
            ref = new_ref()
            tx.create(Console, ref=ref, protocol=protocol, VM=host.control_domain, location=f"{base}?ref={ref}")
    for machine in store.where(VM, resident_on=host.ref):
        for console in store.where(Console, VM=machine.ref):
            tx.set(console, location=f"{base}?{console.location.partition('?')[2]}")
