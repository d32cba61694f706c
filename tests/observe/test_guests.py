"""What guests say is true of the records, and asks no more of the daemon than it wants to give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.machines import MIB, NULL, SOMEBODY, Workshop
from xapid.backends.domain.interface import DomainEventKind, DomainKind, DomainSpec, GuestReport
from xapid.backends.interface import Failed
from xapid.datamodel.errors import VM_LACKS_FEATURE
from xapid.observe.guests import REST

SAYS = GuestReport(
    os_version={"name": "Debian GNU/Linux 12", "distro": "debian", "major": "12"},
    netbios_name={"host_name": "web1"},
    drivers_version={"major": "8", "minor": "4"},
    drivers_detected=True,
    networks={"0/ip": "192.0.2.1", "0/ipv4/0": "192.0.2.1"},
    other={"feature-suspend": "1"},
)


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    """A machine that runs, of whose guest nothing is known."""
    return await workshop.vm_in("Running", platform={})


def says(workshop: Workshop, vm: str, report: GuestReport | None) -> None:
    workshop.domains.say(workshop.row(vm).uuid, report)


def known(workshop: Workshop, vm: str) -> Any:
    return workshop.row(workshop.row(vm).guest_metrics)


def heard(workshop: Workshop, vm: str, os: str) -> Callable[[], bool]:
    return lambda: known(workshop, vm).os_version == {"name": os}


async def test_a_record_is_made_of_the_first_words_of_a_guest(workshop: Workshop, vm: str) -> None:
    before = workshop.row(vm).guest_metrics

    says(workshop, vm, SAYS)
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)

    assert before == NULL
    record = await workshop.xapi.VM_guest_metrics.get_record(workshop.row(vm).guest_metrics)
    assert record["os_version"] == SAYS.os_version
    assert record["netbios_name"] == {"host_name": "web1"}
    assert record["networks"] == SAYS.networks
    assert record["PV_drivers_version"] == {"major": "8", "minor": "4"}
    assert (record["PV_drivers_detected"], record["PV_drivers_up_to_date"], record["live"]) == (True, True, True)
    assert (record["memory"], record["disks"]) == ({}, {})
    assert record["can_use_hotplug_vbd"] == "unspecified"


async def test_what_a_guest_can_decides_what_may_be_asked_of_it(workshop: Workshop, vm: str) -> None:
    before = workshop.row(vm).allowed_operations

    says(workshop, vm, GuestReport(other={"feature-shutdown": "1", "feature-suspend": "0"}))
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)

    allowed = workshop.row(vm).allowed_operations
    assert "clean_shutdown" not in before
    assert "clean_shutdown" in allowed and "suspend" not in allowed
    with pytest.raises(VM_LACKS_FEATURE):
        await workshop.xapi.VM.suspend(vm)


async def test_the_same_said_again_changes_nothing(workshop: Workshop, vm: str) -> None:
    says(workshop, vm, GuestReport({"name": "first"}))
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)
    first = known(workshop, vm)

    says(workshop, vm, GuestReport({"name": "first"}))
    await workshop.fresh.clock.let_pass(REST)
    says(workshop, vm, GuestReport({"name": "second"}))
    # The next look is after a rest, and would tell of the same words too.
    unchanged = known(workshop, vm)
    await workshop.fresh.clock.let_pass(REST)
    await workshop.until(heard(workshop, vm, "second"))

    assert unchanged is first
    assert known(workshop, vm).last_updated >= first.last_updated


async def test_a_guest_that_never_stops_talking_is_listened_to_now_and_then(workshop: Workshop, vm: str) -> None:
    clock = workshop.fresh.clock
    says(workshop, vm, GuestReport({"name": "first"}))
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)
    await clock.asleep()
    changes: list[Any] = []
    workshop.fresh.lookers.append(lambda: changes.append(known(workshop, vm).os_version))

    for number in range(1000):
        says(workshop, vm, GuestReport({"name": str(number)}))
    await clock.let_pass(REST - 1.0)
    quiet = list(changes)
    await clock.let_pass(1.0)
    await workshop.until(heard(workshop, vm, "999"))

    assert quiet == []
    assert changes == [{"name": "999"}]


async def test_what_was_said_while_a_machine_started_is_recorded_after_it(workshop: Workshop) -> None:
    vm = await workshop.vm(platform={})
    row, guard = workshop.row(vm), workshop.fresh.runtime.guard
    spec = DomainSpec(row.uuid, "early", DomainKind.hvm, 128 * MIB, 128 * MIB, 1, 1)
    with workshop.fresh.watch.hold(row.uuid):
        guard.mark(row, "start", SOMEBODY)
        workshop.domains.start(spec, paused=False)
        says(workshop, vm, SAYS)
        await workshop.fresh.clock.asleep()
        unknown = workshop.row(vm).guest_metrics

    await workshop.until(lambda: workshop.row(vm).power_state == "Running")
    guard.leave(row, SOMEBODY)
    await workshop.fresh.clock.let_pass(REST)
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)

    assert unknown == NULL
    assert known(workshop, vm).networks == SAYS.networks


async def test_a_hypervisor_that_cannot_tell_now_is_asked_when_there_is_news_again(workshop: Workshop, vm: str) -> None:
    workshop.faults("domain").fail("guest_report", Failed("not now"))
    says(workshop, vm, GuestReport({"name": "first"}))
    await workshop.fresh.clock.let_pass(REST)

    says(workshop, vm, GuestReport({"name": "second"}))
    await workshop.fresh.clock.let_pass(REST)

    await workshop.until(heard(workshop, vm, "second"))


# --- A guest's life ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["VM.clean_reboot", "VM.hard_reboot", "by itself"])
async def test_a_guest_that_began_anew_has_said_nothing_yet(workshop: Workshop, how: str) -> None:
    vm = await workshop.vm_in("Running")
    says(workshop, vm, SAYS)
    await workshop.until(lambda: known(workshop, vm).networks == SAYS.networks)

    if how == "by itself":
        workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.rebooted)
    else:
        await workshop.xapi.call(how, vm)

    await workshop.until(lambda: known(workshop, vm).networks == {})
    fresh = known(workshop, vm)
    assert (fresh.os_version, fresh.netbios_name, fresh.live) == ({}, {}, True)
    assert fresh.other["feature-suspend"] == "1"


async def test_a_guest_that_was_paused_or_looked_at_anew_is_still_known(workshop: Workshop, vm: str) -> None:
    says(workshop, vm, SAYS)
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)

    workshop.domains.pause(workshop.row(vm).uuid)
    await workshop.until(lambda: workshop.row(vm).power_state == "Paused")
    await workshop.fresh.watch.reconcile()

    assert known(workshop, vm).networks == SAYS.networks


async def test_a_guest_that_slept_is_still_known_when_it_wakes_up(workshop: Workshop, sr: str) -> None:
    vm = await workshop.vm_in("Running")
    says(workshop, vm, SAYS)
    await workshop.until(lambda: known(workshop, vm).networks == SAYS.networks)
    await workshop.xapi.VM.set_suspend_SR(vm, sr)

    await workshop.xapi.VM.suspend(vm)
    asleep = known(workshop, vm)
    await workshop.xapi.VM.resume(vm, False, False)

    assert (asleep.live, asleep.networks) == (False, SAYS.networks)
    assert (known(workshop, vm).live, known(workshop, vm).networks) == (True, SAYS.networks)


async def test_what_a_guest_said_stays_after_its_end_until_the_next_start(workshop: Workshop, vm: str) -> None:
    says(workshop, vm, SAYS)
    await workshop.until(lambda: workshop.row(vm).guest_metrics != NULL)

    await workshop.xapi.VM.hard_shutdown(vm)
    off = known(workshop, vm)
    await workshop.xapi.VM.start(vm, False, False)

    assert (off.live, off.networks) == (False, SAYS.networks)
    assert workshop.row(vm).guest_metrics == NULL


async def test_the_device_of_its_drivers_is_there_at_the_next_start(workshop: Workshop, vm: str) -> None:
    says(workshop, vm, GuestReport(device_id="0002"))

    await workshop.until(lambda: workshop.row(vm).platform.get("device_id") == "0002")


# --- Memory ------------------------------------------------------------------------------------------


async def test_the_memory_that_a_guest_has_is_known(workshop: Workshop, vm: str) -> None:
    metrics = workshop.row(vm).metrics

    workshop.domains.balloon(workshop.row(vm).uuid, 200 * MIB)
    await workshop.until(lambda: workshop.row(metrics).memory_actual == 200 * MIB)

    assert (workshop.row(metrics).VCPUs_number, workshop.row(metrics).VCPUs_utilisation) == (1, {0: 0.0})
    assert workshop.row(vm).guest_metrics == NULL
