"""Figures of the older classes of metrics: nothing by default, and what is true where a host is told to take them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import Workshop, raises_api
from xapid.backends.domain.interface import DomainEventKind
from xapid.backends.interface import Failed
from xapid.observe.figures import Figures

NOTHING = {"io_read_kbs": 0.0, "io_write_kbs": 0.0}


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    """A machine with a disk and an interface that runs."""
    vm = await workshop.vm()
    await workshop.drive(vm, await workshop.disk(await workshop.sr()))
    await workshop.nic(vm, await workshop.network())
    return await workshop.started(vm)


def figures(workshop: Workshop) -> Figures:
    taken: Figures = workshop.fresh.runtime.services["figures"]
    return taken


async def asked_for(workshop: Workshop, value: str) -> None:
    """The host is told to take figures, and its toolstack starts anew."""
    host = await workshop.fresh.the("host")
    await workshop.xapi.host.add_to_other_config(host, "rrd_update_interval", value)
    figures(workshop).begin()


async def looked_at(workshop: Workshop, vm: str, seconds: float = 10.0) -> None:
    """Two looks, between which a machine runs for some time."""
    await figures(workshop).look()
    workshop.fresh.clock.passed += seconds
    workshop.guest(vm).run(seconds)
    workshop.fresh.driver("network").let_pass(seconds)
    await figures(workshop).look()


def device(workshop: Workshop, vm: str, kind: str) -> Any:
    """The metrics of the only drive or interface of a machine."""
    (ref,) = workshop.fresh.store.members(workshop.row(vm), kind)
    return workshop.row(workshop.row(ref).metrics)


async def test_machines_and_devices_show_what_they_do(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")

    await looked_at(workshop, vm)

    # Of a guest of the simulator that does what they all do.
    metrics = await workshop.xapi.VM_metrics.get_record(workshop.row(vm).metrics)
    assert metrics["VCPUs_utilisation"] == {"0": pytest.approx(0.25, rel=0.1)}
    disk = await workshop.xapi.VBD_metrics.get_record(device(workshop, vm, "VBDs").ref)
    assert (disk["io_read_kbs"], disk["io_write_kbs"]) == (pytest.approx(64, rel=0.1), pytest.approx(32, rel=0.1))
    nic = await workshop.xapi.VIF_metrics.get_record(device(workshop, vm, "VIFs").ref)
    assert (nic["io_read_kbs"], nic["io_write_kbs"]) == (pytest.approx(16, rel=0.1), pytest.approx(8, rel=0.1))
    assert await workshop.xapi.VIF_metrics.get_io_read_kbs(device(workshop, vm, "VIFs").ref) == nic["io_read_kbs"]
    assert nic["last_updated"] != "19700101T00:00:00Z"


async def test_the_host_shows_what_it_does(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "2")
    workshop.fresh.driver("host").busy = 0.5

    await looked_at(workshop, vm)

    cpus = await workshop.xapi.host_cpu.get_all_records()
    assert {round(each["utilisation"], 3) for each in cpus.values()} == {0.5}
    pifs = (await workshop.xapi.PIF_metrics.get_all_records()).values()
    assert [each["io_read_kbs"] for each in pifs] == [pytest.approx(4, rel=0.1)]
    host = workshop.row(await workshop.fresh.the("host"))
    _, free = workshop.fresh.driver("host").memory()
    assert await workshop.xapi.host_metrics.get_memory_free(host.metrics) == str(free)


async def test_what_stops_shows_nothing_any_more(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")
    await looked_at(workshop, vm)
    disk = device(workshop, vm, "VBDs").ref

    await workshop.xapi.VM.hard_shutdown(vm)
    await figures(workshop).look()

    assert workshop.row(workshop.row(vm).metrics).VCPUs_utilisation == {0: 0.0}
    assert NOTHING.items() <= workshop.row(disk).__dict__.items()


async def test_a_machine_that_was_started_anew_counts_from_its_start(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")
    await looked_at(workshop, vm)

    await workshop.xapi.VM.hard_shutdown(vm)
    await workshop.started(vm)
    workshop.guest(vm).run(1000)
    await figures(workshop).look()

    assert workshop.row(workshop.row(vm).metrics).VCPUs_utilisation == {0: 0.0}


@pytest.mark.parametrize("value", ["never", None])
async def test_nothing_is_taken_unless_it_is_asked_for(workshop: Workshop, vm: str, value: str | None) -> None:
    if value is not None:
        await asked_for(workshop, value)
    metrics = device(workshop, vm, "VIFs").ref

    assert not figures(workshop).taken
    await figures(workshop).keep()

    assert NOTHING.items() <= workshop.row(metrics).__dict__.items()
    with raises_api("MESSAGE_REMOVED"):
        await workshop.xapi.VIF_metrics.get_io_read_kbs(metrics)
    with raises_api("MESSAGE_REMOVED"):
        await workshop.xapi.VBD_metrics.get_all()


async def test_other_messages_that_were_removed_stay_so(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")

    with raises_api("MESSAGE_REMOVED"):
        await workshop.xapi.VBD_metrics.set_other_config(device(workshop, vm, "VBDs").ref, {})
    with raises_api("MESSAGE_REMOVED"):
        await workshop.xapi.VM_guest_metrics.get_memory(workshop.row(vm).guest_metrics)


async def test_another_interval_is_refused(workshop: Workshop) -> None:
    with raises_api("INVALID_VALUE", "other_config:rrd_update_interval", "3", "It must be never or 1 or 2 or empty"):
        await asked_for(workshop, "3")


async def test_figures_stay_while_a_driver_does_not_answer(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")
    await looked_at(workshop, vm)
    before = workshop.row(workshop.row(vm).metrics)

    workshop.faults("domain").fail("usage", Failed("not now"))
    await figures(workshop).look()

    assert workshop.row(workshop.row(vm).metrics) is before


async def test_a_machine_that_ends_during_a_look_does_no_harm(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")
    await looked_at(workshop, vm)

    workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.stopped)
    await figures(workshop).look()
    await workshop.until(lambda: workshop.row(vm).power_state == "Halted")

    assert figures(workshop).taken


async def test_a_copy_of_a_busy_machine_does_nothing(workshop: Workshop, vm: str) -> None:
    await asked_for(workshop, "1")
    await looked_at(workshop, vm)

    snapshot = await workshop.xapi.VM.snapshot(vm, "as it was", [])

    assert workshop.row(workshop.row(vm).metrics).VCPUs_utilisation[0] > 0
    assert workshop.row(workshop.row(snapshot).metrics).VCPUs_utilisation == {0: 0.0}
