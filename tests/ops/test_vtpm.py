"""TPMs of machines: one each, destroyed with what they keep, copied unless they are unique."""

from __future__ import annotations

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    INTERNAL_ERROR,
    VM_BAD_POWER_STATE,
    VTPM_MAX_AMOUNT_REACHED,
)

KEPT = "a2VwdA=="


async def test_a_machine_has_one_tpm(xapi: Xapi, vm: str) -> None:
    vtpm = await xapi.VTPM.create(vm, False)

    record = await xapi.VTPM.get_record(vtpm)
    assert (record["VM"], record["is_unique"], record["persistence_backend"]) == (vm, False, "xapi")
    assert record["allowed_operations"] == ["destroy"]
    assert await xapi.VM.get_VTPMs(vm) == [vtpm]
    assert "create_vtpm" not in await xapi.VM.get_allowed_operations(vm)
    with pytest.raises(VTPM_MAX_AMOUNT_REACHED) as error:
        await xapi.VTPM.create(vm, False)
    assert error.value.args == ("1",)


async def test_a_tpm_is_given_to_a_machine_that_is_off(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await xapi.VTPM.create(vm, False)

    assert error.value.args == (vm, "halted", "running")


async def test_a_licence_may_withhold_tpms(fresh: FreshHost, xapi: Xapi, vm: str, pool: str) -> None:
    restrictions = await xapi.pool.get_restrictions(pool)
    with fresh.store.write() as tx:
        row = fresh.store.find_any(pool)
        assert row is not None
        tx.set(row, restrictions=restrictions | {"restrict_vtpm": "true"})

    with raises_api("FEATURE_RESTRICTED", "restrict_vtpm"):
        await xapi.VTPM.create(vm, False)

    assert await xapi.VM.get_VTPMs(vm) == []


async def test_a_tpm_keeps_what_it_is_given(xapi: Xapi, vm: str) -> None:
    vtpm = await xapi.VTPM.create(vm, False)
    empty = await xapi.VTPM.get_contents(vtpm)

    await xapi.VTPM.set_contents(vtpm, KEPT)

    assert (empty, await xapi.VTPM.get_contents(vtpm)) == ("", KEPT)
    with pytest.raises(INTERNAL_ERROR):
        await xapi.VTPM.set_contents(vtpm, "no Base64")
    assert await xapi.VTPM.get_contents(vtpm) == KEPT


async def test_a_tpm_goes_with_what_it_keeps(xapi: Xapi, vm: str) -> None:
    before = await xapi.secret.get_all()
    vtpm = await xapi.VTPM.create(vm, False)
    await xapi.VTPM.set_contents(vtpm, KEPT)

    await xapi.VTPM.destroy(vtpm)

    assert (await xapi.VTPM.get_all(), await xapi.secret.get_all()) == ([], before)
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.VTPM.destroy(vtpm)
    assert error.value.args == ("VTPM", vtpm)


async def test_a_machine_takes_its_tpm_along(xapi: Xapi, vm: str) -> None:
    before = await xapi.secret.get_all()
    await xapi.VTPM.create(vm, False)

    await xapi.VM.destroy(vm)

    assert (await xapi.VTPM.get_all(), await xapi.secret.get_all()) == ([], before)


@pytest.mark.parametrize("unique, contents", [(False, KEPT), (True, "")])
@pytest.mark.parametrize("message, arguments", [("clone", ("c",)), ("snapshot", ("s", []))])
async def test_a_copy_has_a_tpm_of_its_own(
    xapi: Xapi, vm: str, message: str, arguments: tuple[object, ...], unique: bool, contents: str
) -> None:
    vtpm = await xapi.VTPM.create(vm, unique)
    await xapi.VTPM.set_contents(vtpm, KEPT)

    copy = await xapi.call(f"VM.{message}", vm, *arguments)

    (other,) = await xapi.VM.get_VTPMs(copy)
    assert other != vtpm
    assert await xapi.VTPM.get_is_unique(other) is unique
    assert await xapi.VTPM.get_contents(other) == contents
    assert await xapi.VTPM.get_contents(vtpm) == KEPT


async def test_a_tpm_goes_back_with_its_machine(xapi: Xapi, vm: str) -> None:
    vtpm = await xapi.VTPM.create(vm, False)
    await xapi.VTPM.set_contents(vtpm, KEPT)
    snapshot = await xapi.VM.snapshot(vm, "before", [])
    await xapi.VTPM.set_contents(vtpm, "bmV3")

    await xapi.VM.revert(snapshot)

    (now,) = await xapi.VM.get_VTPMs(vm)
    assert await xapi.VTPM.get_contents(now) == KEPT
