"""The networks of a host: a PIF and a network for each interface, and those that exist inside the host only."""

from __future__ import annotations

from xapid.backends.network.interface import Nic
from xapid.datamodel import PIF, Network, PIF_metrics
from xapid.datamodel.types import DateTime
from xapid.rules.nics import device_fields, metrics_fields, network_fields, new_pif_fields, pif_fields
from xapid.store.store import Store
from xapid.store.transaction import Transaction

INTERNAL_BRIDGE = "xenapi"
INTERNAL_CONFIG = {
    "is_guest_installer_network": "true",
    "is_host_internal_management_network": "true",
    "ip_begin": "169.254.0.1",
    "ip_end": "169.254.255.254",
    "netmask": "255.255.0.0",
}
DEMO_BRIDGE = "xapi0"


def create_physical(tx: Transaction, host: str, nic: Nic, now: float, *, management: bool) -> PIF:
    """A PIF over an interface, with its metrics and a network of its own."""
    network = tx.create(Network, **network_fields(nic))
    metrics = tx.create(PIF_metrics, **metrics_fields(nic, DateTime.of(now)))
    return tx.create(
        PIF,
        host=host,
        network=network.ref,
        metrics=metrics.ref,
        management=management,
        currently_attached=management or bool(nic.bridge),
        managed=not nic.bridge,
        **new_pif_fields(nic),
    )


def create_internal(tx: Transaction) -> None:
    """The network by which guests can talk to the toolstack of their host. Clients know it and hide it."""
    tx.create(
        Network,
        name_label="Host internal management network",
        name_description="Between guests and the host they run on; leads nowhere else.",
        bridge=INTERNAL_BRIDGE,
        other_config=INTERNAL_CONFIG,
    )


def demo_network(store: Store, tx: Transaction) -> Network:
    """The network of demo guests: a bridge without a way out, there while a guest needs it."""
    for network in store.all(Network):
        if network.bridge == DEMO_BRIDGE:
            return network
    return tx.create(
        Network,
        name_label="Internal network",
        name_description="Guests of one host reach each other by it, and nobody else.",
        bridge=DEMO_BRIDGE,
    )


def refresh_physical(
    store: Store,
    tx: Transaction,
    host: str,
    nics: tuple[Nic, ...],
    name_servers: tuple[str, ...],
    now: float,
    chosen: str = "",
) -> None:
    """Look at the interfaces anew. One that is gone keeps its PIF, without a carrier.

    ``chosen``: uuid of the interface that a client chose for the management.
    """
    present = {nic.device: nic for nic in nics}
    for pif in store.where(PIF, host=host):
        if not pif.physical:
            continue
        nic = present.get(pif.device)
        metrics = store.find(PIF_metrics, pif.metrics)
        if nic is not None:
            if pif.management and pif.uuid != chosen:
                # The machine asks for names by its management interface.
                tx.set(pif, DNS=",".join(name_servers), **pif_fields(nic))
            elif not pif.managed:
                tx.set(pif, DNS="", **pif_fields(nic))
            else:
                # How it is reached is for clients to say.
                tx.set(pif, **device_fields(nic))
        if metrics is not None:
            changes = metrics_fields(nic, DateTime.of(now)) if nic is not None else {"carrier": False}
            tx.set(metrics, **changes)
