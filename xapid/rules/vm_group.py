"""Whether the machines of a group keep apart, as far as its pool has hosts for that."""

from __future__ import annotations

from xapid.datamodel import Host, VM_group
from xapid.datamodel.vm import VmPowerState
from xapid.datamodel.vm_group import PlacementPolicy
from xapid.rules.host import is_live
from xapid.store.store import Store


def crowded(store: Store, group: VM_group) -> Host | None:
    """The host that all running machines of a group are on although they are to keep apart; None if there is none.

    One machine is no crowd, and where no other host takes guests there is nothing to be done.
    """
    if group.placement is not PlacementPolicy.anti_affinity:
        return None
    homes = [vm.resident_on for vm in store.rows_of(group, "VMs") if vm.power_state is VmPowerState.Running]
    if len(homes) < 2 or len(set(homes)) != 1:
        return None
    if not any(host.enabled and is_live(store, host) for host in store.all(Host) if host.ref != homes[0]):
        return None
    return store.find(Host, homes[0])
