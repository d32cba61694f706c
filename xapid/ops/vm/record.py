"""What becomes true of a machine when it starts, stops or is suspended, as changes of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xapid.backends.domain.interface import Domain, DomainKind, DomainState, Endpoint
from xapid.datamodel import PCI, PGPU, VBD, VGPU, VIF, VM, VUSB, Console, Host, VM_guest_metrics, VM_metrics
from xapid.datamodel.console import ConsoleProtocol
from xapid.datamodel.map_keys import NESTED_VIRT, NOMIGRATE
from xapid.datamodel.types import NULL, DateTime
from xapid.datamodel.vm import VmPowerState
from xapid.rules import devices, guest
from xapid.rules.domain_spec import is_hvm
from xapid.store.store import Store
from xapid.store.transaction import Transaction

POWER_STATES = {DomainState.running: VmPowerState.Running, DomainState.paused: VmPowerState.Paused}
HALTED = VmPowerState.Halted.lower()
PROTECTED = "restart"
"""The ha_restart_priority of a machine that high availability starts again."""


@dataclass(frozen=True)
class Started:
    """A machine that runs now."""

    host: Host
    domain: Domain
    booted: bool
    """Its guest began anew: what that said before is no longer true."""


def always_runs(vm: VM) -> bool:
    """VM.ha_always_run once a client had the machine started."""
    return vm.ha_always_run or vm.ha_restart_priority == PROTECTED


def running(tx: Transaction, store: Store, vm: VM, started: Started, now: DateTime) -> dict[str, Endpoint]:
    """The machine runs, or is paused. Returns where each of its consoles is, by reference."""
    domain = started.domain
    tx.set(
        vm,
        power_state=POWER_STATES[domain.state],
        resident_on=started.host.ref,
        scheduled_to_be_resident_on=NULL,
        domid=domain.id,
        attached_PCIs=tuple(pci.ref for pci in store.where(PCI, host=started.host.ref) if pci.pci_id in domain.pcis),
        xenstore_data=vm.xenstore_data if domain.xenstore_data is None else domain.xenstore_data,
    )
    for vbd in store.where(VBD, VM=vm.ref):
        attached = vbd.uuid in domain.disks
        device = devices.place(vbd.userdevice, device_model=is_hvm(vm)).name if attached else ""
        tx.set(vbd, currently_attached=attached, device=device)
    for vif in store.where(VIF, VM=vm.ref):
        tx.set(vif, currently_attached=vif.uuid in domain.nics)
    for vusb in store.where(VUSB, VM=vm.ref):
        tx.set(vusb, currently_attached=vusb.uuid in domain.usbs)
    _graphics(tx, store, vm, started)
    _metrics(tx, store, vm, domain, now)
    _guest_metrics(tx, store, vm, started, now)
    return consoles(tx, store, vm, started.host, domain.consoles)


def _graphics(tx: Transaction, store: Store, vm: VM, started: Started) -> None:
    """Which processor serves each of its virtual GPUs: the one that was chosen, if the machine has that."""
    had = {
        card.ref: card
        for card in store.where(PGPU, host=started.host.ref)
        if (device := store.find(PCI, card.PCI)) is not None and device.pci_id in started.domain.pcis
    }
    for vgpu in sorted(store.where(VGPU, VM=vm.ref), key=lambda each: (len(each.device), each.device)):
        chosen = had.pop(vgpu.scheduled_to_be_resident_on, None) or had.pop(vgpu.resident_on, None)
        if chosen is None:
            # Nobody recorded the choice, but there it is.
            chosen = next((card for card in had.values() if card.GPU_group == vgpu.GPU_group), None)
            had.pop(chosen.ref if chosen is not None else NULL, None)
        tx.set(
            vgpu,
            currently_attached=chosen is not None,
            resident_on=NULL if chosen is None else chosen.ref,
            scheduled_to_be_resident_on=NULL,
            PCI=NULL if chosen is None else chosen.PCI,
        )


def _metrics(tx: Transaction, store: Store, vm: VM, domain: Domain, now: DateTime) -> None:
    metrics = store.find(VM_metrics, vm.metrics)
    if metrics is None:
        metrics = tx.create(VM_metrics, VCPUs_utilisation={0: 0.0})
        tx.set(vm, metrics=metrics.ref)
    tx.set(
        metrics,
        memory_actual=domain.memory,
        VCPUs_number=domain.vcpus,
        start_time=DateTime.of(domain.start_time) if domain.start_time else now,
        last_updated=now,
        hvm=domain.kind is DomainKind.hvm,
        current_domain_type=vm.domain_type,
        nested_virt=NESTED_VIRT.of(vm),
        nomigrate=NOMIGRATE.of(vm),
    )


def _guest_metrics(tx: Transaction, store: Store, vm: VM, started: Started, now: DateTime) -> None:
    """What can be done with the guest; of one without drivers nothing is known until it says something itself.

    What else is known of a guest that goes on stays.
    """
    old = guest.metrics_of(store, vm)
    if old is not None and not started.booted:
        tx.set(old, live=True)
        return
    fields = guest.known_of(started.domain.features, None)
    if fields is None:
        if old is not None:
            tx.delete(old)
        tx.set(vm, guest_metrics=NULL)
        return
    fields |= {"live": True, "last_updated": now}
    if old is not None:
        tx.set(old, **fields)
    else:
        tx.set(vm, guest_metrics=tx.create(VM_guest_metrics, **fields).ref)


def console_base(store: Store, host: Host) -> str:
    """Where the consoles of guests are reached: at the same place as the host's own."""
    own = next(iter(store.where(Console, VM=host.control_domain)), None)
    return own.location.partition("?")[0] if own is not None else f"https://{host.address}/console"


def consoles(tx: Transaction, store: Store, vm: VM, host: Host, endpoints: Iterable[Endpoint]) -> dict[str, Endpoint]:
    """One console for each endpoint; those there were before go, unless they are reached as ever."""
    base = console_base(store, host)
    old = {console.protocol: console for console in store.where(Console, VM=vm.ref)}
    found: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        protocol = ConsoleProtocol(endpoint.protocol)
        console = old.pop(protocol, None)
        if console is None or not console.location.startswith(f"{base}?"):
            if console is not None:
                tx.delete(console)
            console = tx.create(Console, protocol=protocol, VM=vm.ref)
            console = tx.set(console, location=f"{base}?uuid={console.uuid}")
        found[console.ref] = endpoint
    for console in old.values():
        tx.delete(console)
    return found


def halted(tx: Transaction, store: Store, vm: VM) -> None:
    """The machine is off: it is nowhere, and nothing is attached to it."""
    _nowhere(tx, store, vm)
    tx.set(
        vm,
        power_state=VmPowerState.Halted,
        suspend_VDI=NULL,
        requires_reboot=False,
        pending_guidances=(),
        pending_guidances_recommended=(),
        pending_guidances_full=(),
    )
    for vbd in store.where(VBD, VM=vm.ref):
        tx.set(vbd, currently_attached=False, device="")
    for vif in store.where(VIF, VM=vm.ref):
        tx.set(vif, currently_attached=False)
    for vusb in store.where(VUSB, VM=vm.ref):
        tx.set(vusb, currently_attached=False)
    for vgpu in store.where(VGPU, VM=vm.ref):
        tx.set(vgpu, currently_attached=False)


def suspended(tx: Transaction, store: Store, vm: VM) -> None:
    """The machine's memory is in its suspend VDI. What is attached to it stays so: it goes on with that."""
    _nowhere(tx, store, vm)
    tx.set(vm, power_state=VmPowerState.Suspended)


def _nowhere(tx: Transaction, store: Store, vm: VM) -> None:
    for console in store.where(Console, VM=vm.ref):
        tx.delete(console)
    known = guest.metrics_of(store, vm)
    if known is not None:
        tx.set(known, live=False)
    tx.set(vm, resident_on=NULL, domid=-1, attached_PCIs=())
    unscheduled(tx, store, vm)
    for vgpu in store.where(VGPU, VM=vm.ref):
        tx.set(vgpu, resident_on=NULL, PCI=NULL)


def unscheduled(tx: Transaction, store: Store, vm: VM) -> None:
    """The machine is not on its way to a host, nor its virtual GPUs to processors there."""
    tx.set(vm, scheduled_to_be_resident_on=NULL)
    for vgpu in store.where(VGPU, VM=vm.ref):
        tx.set(vgpu, scheduled_to_be_resident_on=NULL)
