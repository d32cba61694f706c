"""What a guest changed that is to outlive its domain gets into the records, however the domain ends."""

from __future__ import annotations

import base64

import pytest

from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind, EfiVariable, Kept
from xapid.backends.interface import Unavailable
from xapid.rules.nvram import recorded, text_of

UEFI = {"HVM_boot_params": {"firmware": "uefi", "order": "cd"}}
OLD = EfiVariable("Lang", "8be4df61-93ca-11d2-aa0d-00e098032b8c", b"en", 0x7)
NEW = EfiVariable("Lang", "8be4df61-93ca-11d2-aa0d-00e098032b8c", b"de", 0x7)
LEFT = Kept((NEW,), b"sealed", 3600)


@pytest.fixture
async def vm(workshop: Workshop, xapi: Xapi) -> str:
    """A machine with UEFI and a TPM, off."""
    vm = await workshop.vm(NVRAM={"EFI-variables": text_of([OLD]), "a": "b"}, **UEFI)
    await xapi.VTPM.create(vm, False)
    return vm


async def tpm_contents(xapi: Xapi, vm: str) -> bytes:
    (vtpm,) = await xapi.VM.get_VTPMs(vm)
    return base64.b64decode(await xapi.VTPM.get_contents(vtpm))


async def assert_kept(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    row = workshop.row(vm)
    assert recorded(row) == (NEW,)
    assert row.NVRAM["a"] == "b"
    assert await tpm_contents(xapi, vm) == b"sealed"
    assert row.platform["timeoffset"] == "3600"


async def test_a_machine_starts_with_what_it_had(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    (vtpm,) = await xapi.VM.get_VTPMs(vm)
    await xapi.VTPM.set_contents(vtpm, base64.b64encode(b"sealed").decode())

    await xapi.VM.start(vm, False, False)

    spec = workshop.guest(vm).spec
    assert (spec.firmware, spec.efi_variables, spec.secure_boot) == ("uefi", (OLD,), False)
    assert spec.tpm is not None and spec.tpm.contents == b"sealed"
    assert "sealed" not in repr(spec)


@pytest.mark.parametrize("call", ["clean_shutdown", "hard_shutdown", "suspend", "hard_reboot", "clean_reboot"])
async def test_what_the_guest_changed_is_recorded_when_it_stops(
    workshop: Workshop, xapi: Xapi, vm: str, call: str
) -> None:
    await xapi.VM.set_suspend_SR(vm, await workshop.sr())
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)

    await getattr(xapi.VM, call)(vm)

    if call == "clean_reboot":
        # The domain lives, and has it still.
        await xapi.VM.hard_shutdown(vm)
    await assert_kept(workshop, xapi, vm)
    assert workshop.domains.keeping() == []


async def test_a_guest_that_stops_by_itself_has_it_recorded_too(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)

    workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.stopped)

    await workshop.until(lambda: workshop.row(vm).power_state == "Halted")
    await assert_kept(workshop, xapi, vm)


async def test_a_rebooted_machine_goes_on_with_it(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)

    await xapi.VM.hard_reboot(vm)

    spec = workshop.guest(vm).spec
    assert (spec.efi_variables, spec.clock_offset) == ((NEW,), 3600)


async def test_a_snapshot_of_a_running_machine_has_it(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)

    snapshot = await xapi.VM.snapshot(vm, "now", [])

    await assert_kept(workshop, xapi, snapshot)
    workshop.domains.leave(workshop.row(vm).uuid, Kept((OLD,), b"later"))
    await xapi.VM.hard_shutdown(vm)
    assert await tpm_contents(xapi, vm) == b"later"
    await xapi.VM.revert(snapshot)
    await assert_kept(workshop, xapi, vm)


async def test_a_checkpoint_of_a_running_machine_has_it(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.set_suspend_SR(vm, await workshop.sr())
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)

    checkpoint = await xapi.VM.checkpoint(vm, "now")

    await assert_kept(workshop, xapi, checkpoint)
    assert workshop.guest(vm).spec.efi_variables == (NEW,)


async def test_a_unique_tpm_is_empty_in_a_copy(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(**UEFI)
    await xapi.VTPM.create(vm, True)
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)
    await xapi.VM.hard_shutdown(vm)

    copy = await xapi.VM.clone(vm, "copy")

    assert await tpm_contents(xapi, vm) == b"sealed"
    assert await tpm_contents(xapi, copy) == b""
    assert recorded(workshop.row(copy)) == (NEW,)


async def test_variables_that_are_reset_are_not_recorded(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.add_to_NVRAM(vm, "EFI-variables-on-boot", "reset")
    await xapi.VM.start(vm, False, False)
    assert workshop.guest(vm).spec.efi_variables == ()
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)

    await xapi.VM.hard_shutdown(vm)

    assert recorded(workshop.row(vm)) == (OLD,)


async def test_a_host_that_does_not_answer_is_asked_again(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.start(vm, False, False)
    uuid = workshop.row(vm).uuid
    workshop.domains.leave(uuid, LEFT)
    workshop.domains.faults.fail("kept", Unavailable("not now"))

    await xapi.VM.hard_shutdown(vm)
    assert workshop.row(vm).power_state == "Halted"
    assert recorded(workshop.row(vm)) == (OLD,)
    await workshop.fresh.watch.reconcile()

    assert recorded(workshop.row(vm)) == (NEW,)
    assert workshop.domains.keeping() == []


async def test_what_is_nobodys_goes(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    await xapi.VM.start(vm, False, False)
    workshop.domains.leave(workshop.row(vm).uuid, LEFT)
    workshop.domains.faults.fail("kept", Unavailable("not now"))
    await xapi.VM.hard_shutdown(vm)
    await xapi.VM.destroy(vm)

    await workshop.fresh.watch.reconcile()

    assert workshop.domains.keeping() == []


async def test_a_tpm_without_uefi_is_refused(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()
    await xapi.VTPM.create(vm, False)

    with raises_api("NOT_IMPLEMENTED", "a TPM of a machine without UEFI"):
        await xapi.VM.start(vm, False, False)

    assert workshop.row(vm).power_state == "Halted"
    assert workshop.domains.domains() == []


async def test_variables_that_cannot_be_read_are_refused(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(NVRAM={"EFI-variables": "z"}, **UEFI)

    with raises_api("INVALID_VALUE", "NVRAM['EFI-variables']", "they are not in Base64, or have names that are none"):
        await xapi.VM.start(vm, False, False)
