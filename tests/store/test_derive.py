"""Derived fields are computed anew when, and only when, something they depend on changes."""

from __future__ import annotations

from typing import Any

import pytest

from xapid.datamodel import PIF, VBD, VDI, VIF, VM, Network, Pool, VM_metrics
from xapid.datamodel.types import NULL
from xapid.store.derive import Derivation, Part, key
from xapid.store.store import Store


class Counting:
    """A derivation that remembers what it was computed for."""

    def __init__(self, *depends: str | Part, cls: str = "VM") -> None:
        self.seen: list[str] = []
        self.derivation = Derivation(cls, "allowed_operations", self._compute, depends)

    def _compute(self, store: Store, row: Any) -> tuple[str, ...]:
        self.seen.append(row.ref)
        return ()

    def taken(self) -> list[str]:
        seen, self.seen = self.seen, []
        return seen


def test_a_new_row_is_computed() -> None:
    counting = Counting("power_state")
    store = Store([counting.derivation])

    with store.write() as tx:
        vm = tx.create(VM)

    assert counting.taken() == [vm.ref]


def test_only_the_fields_named_count() -> None:
    counting = Counting("name_label")
    store = Store([counting.derivation])
    with store.write() as tx:
        vm = tx.create(VM)
    counting.taken()

    with store.write() as tx:
        tx.set(vm, name_description="other")
    assert counting.taken() == []

    with store.write() as tx:
        tx.set(vm, name_label="changed")
    assert counting.taken() == [vm.ref]


def test_a_row_is_computed_once_whatever_changed() -> None:
    counting = Counting("name_label", "name_description", "VBDs.VDI.read_only", "VBDs.mode")
    store = Store([counting.derivation])

    with store.write() as tx:
        vm = tx.create(VM)
        tx.create(VBD, VM=vm.ref, VDI=tx.create(VDI).ref)

    assert counting.taken() == [vm.ref]


def test_a_change_at_the_end_of_a_path_is_noticed() -> None:
    counting = Counting("VBDs.VDI.read_only")
    store = Store([counting.derivation])
    with store.write() as tx:
        vm, other, vdi = tx.create(VM), tx.create(VM), tx.create(VDI)
        tx.create(VBD, VM=vm.ref, VDI=vdi.ref)
        tx.create(VBD, VM=other.ref)
    counting.taken()

    with store.write() as tx:
        tx.set(vdi, read_only=True)

    assert counting.taken() == [vm.ref]


@pytest.mark.parametrize("field", ["VM", "VDI"])
def test_a_link_that_moves_concerns_both_ends(field: str) -> None:
    counting = Counting("VBDs.VDI.read_only")
    store = Store([counting.derivation])
    with store.write() as tx:
        vm, other, vdi = tx.create(VM), tx.create(VM), tx.create(VDI)
        vbd = tx.create(VBD, VM=vm.ref)
    counting.taken()

    with store.write() as tx:
        tx.set(vbd, **{field: {"VM": other.ref, "VDI": vdi.ref}[field]})

    assert sorted(counting.taken()) == sorted({vm.ref, other.ref} if field == "VM" else {vm.ref})


def test_rows_that_join_or_leave_a_set_are_noticed() -> None:
    counting = Counting("VBDs")
    store = Store([counting.derivation])
    with store.write() as tx:
        vm = tx.create(VM)
    counting.taken()

    with store.write() as tx:
        vbd = tx.create(VBD, VM=vm.ref)
    assert counting.taken() == [vm.ref]

    with store.write() as tx:
        tx.delete(vbd)
    assert counting.taken() == [vm.ref]


def test_the_target_of_a_reference_may_come_and_go() -> None:
    counting = Counting("metrics.nomigrate")
    store = Store([counting.derivation])
    with store.write() as tx:
        vm = tx.create(VM, metrics="OpaqueRef:later")
    counting.taken()

    with store.write() as tx:
        metrics = tx.create(VM_metrics, ref="OpaqueRef:later")
    assert counting.taken() == [vm.ref]

    with store.write() as tx:
        tx.set(metrics, memory_actual=1)
    assert counting.taken() == []

    with store.write() as tx:
        tx.delete(metrics)
    assert counting.taken() == [vm.ref]


def test_an_object_in_the_middle_of_a_path_may_come_and_go() -> None:
    counting = Counting("network.PIFs.sriov_logical_PIF_of", cls="VIF")
    store = Store([counting.derivation])
    with store.write() as tx:
        vif = tx.create(VIF, network="OpaqueRef:later")
        tx.create(PIF, network="OpaqueRef:later")
    counting.taken()

    with store.write() as tx:
        network = tx.create(Network, ref="OpaqueRef:later")
    assert counting.taken() == [vif.ref]

    with store.write() as tx:
        tx.set(network, name_label="other")
    assert counting.taken() == []

    with store.write() as tx:
        tx.delete(network)
    assert counting.taken() == [vif.ref]


def test_of_a_map_one_key_may_count() -> None:
    counting = Counting(key("metrics.other_config", "wanted"), key("platform", "nomigrate"))
    store = Store([counting.derivation])
    with store.write() as tx:
        metrics = tx.create(VM_metrics)
        vm = tx.create(VM, metrics=metrics.ref, platform={"acpi": "1"})
    counting.taken()

    with store.write() as tx:
        tx.set(vm, platform={"acpi": "0"})
        tx.set(metrics, other_config={"else": "1"})
    assert counting.taken() == []

    with store.write() as tx:
        tx.set(vm, platform={"acpi": "0", "nomigrate": "true"})
    assert counting.taken() == [vm.ref]

    with store.write() as tx:
        tx.set(metrics, other_config={"wanted": ""})
    assert counting.taken() == [vm.ref]


def test_what_is_read_of_a_value_may_be_said() -> None:
    counting = Counting(Part("VCPUs_max", lambda number: number > 4))
    store = Store([counting.derivation])
    with store.write() as tx:
        vm = tx.create(VM, VCPUs_max=1)
    counting.taken()

    with store.write() as tx:
        tx.set(vm, VCPUs_max=4)
    assert counting.taken() == []

    with store.write() as tx:
        tx.set(vm, VCPUs_max=5)
    assert counting.taken() == [vm.ref]


def test_a_change_in_a_class_that_matters_as_a_whole_concerns_every_row() -> None:
    counting = Counting(key("*pool.other_config", "upgrade"))
    store = Store([counting.derivation])
    with store.write() as tx:
        vms = [tx.create(VM), tx.create(VM)]
        pool = tx.create(Pool)
    counting.taken()

    with store.write() as tx:
        tx.set(pool, other_config={"else": "1"})
    assert counting.taken() == []

    with store.write() as tx:
        tx.set(pool, other_config={"upgrade": "1"})
    assert sorted(counting.taken()) == sorted(vm.ref for vm in vms)


def test_a_dangling_link_is_no_way_back() -> None:
    counting = Counting("VBDs.mode")
    store = Store([counting.derivation])

    with store.write() as tx:
        tx.create(VBD, VM=NULL)

    assert counting.taken() == []


@pytest.mark.parametrize("path", ["nonsense", "VBDs.nonsense", "*pool.nonsense", "nonsense.mode"])
def test_a_path_that_leads_nowhere_is_an_error_of_the_programmer(path: str) -> None:
    with pytest.raises((ValueError, KeyError), match="nonsense"):
        Store([Counting(path).derivation])
