"""How many virtual CPUs a VM may have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xapid.datamodel import VM
from xapid.datamodel.errors import INVALID_VALUE, VALUE_NOT_SUPPORTED
from xapid.rules.vcpus import check_at_startup, check_live, check_max, check_startable
from xapid.store.store import Store


def vm_with(at_startup: int, maximum: int) -> VM:
    with Store().write() as tx:
        return tx.create(VM, VCPUs_at_startup=at_startup, VCPUs_max=maximum)


@pytest.mark.parametrize("value, good", [(1, False), (5, True), (100, True), (4, False), (0, False), (-1, False)])
def test_the_maximum_is_not_below_the_number_at_startup(value: int, good: bool) -> None:
    vm = vm_with(5, 100)

    if good:
        check_max(vm, value)
        return
    with pytest.raises(INVALID_VALUE) as error:
        check_max(vm, value)
    assert error.value.args[1] == str(value)


@pytest.mark.parametrize("value, good", [(1, True), (100, True), (101, False), (0, False), (-1, False)])
@pytest.mark.parametrize("check", [check_at_startup, check_live])
def test_a_number_is_between_one_and_the_maximum(check: Callable[[VM, int], None], value: int, good: bool) -> None:
    vm = vm_with(1, 100)

    if good:
        check(vm, value)
        return
    with pytest.raises(INVALID_VALUE) as error:
        check(vm, value)
    assert error.value.args[1] == str(value)


@pytest.mark.parametrize(
    "at_startup, maximum, args",
    [(0, 0, ("VCPUs_max", "0")), (1, -1, ("VCPUs_max", "-1")), (0, 1, ("VCPUs-at-startup", "0"))],
)
def test_a_machine_has_a_cpu(at_startup: int, maximum: int, args: tuple[str, str]) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        check_startable(vm_with(at_startup, maximum))

    assert error.value.args == args


def test_a_machine_starts_with_no_more_cpus_than_it_has_room_for() -> None:
    check_startable(vm_with(1, 1))
    with pytest.raises(VALUE_NOT_SUPPORTED) as error:
        check_startable(vm_with(2, 1))
    assert error.value.args[:2] == ("VCPUs-at-startup", "2")
