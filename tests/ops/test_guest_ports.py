"""What guests may send: told to the host before they have an interface, as it changes, and until it goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import Workshop
from xapid.backends.interface import Failed
from xapid.backends.network.interface import GuestPort, Locking
from xapid.backends.network.sim import Sim
from xapid.datamodel.errors import INTERNAL_ERROR, VIF_IN_USE, ApiError
from xapid.ops.guest_ports import Guarded

LIMIT = {"qos_algorithm_type": "ratelimit", "qos_algorithm_params": {"kbps": "500", "timeslice_us": "100"}}


@pytest.fixture
async def network(workshop: Workshop) -> str:
    return await workshop.network()


@pytest.fixture
async def vif(workshop: Workshop, vm: str, network: str) -> str:
    return await workshop.nic(vm, network)


def driver(workshop: Workshop) -> Sim:
    found = workshop.fresh.driver("network")
    assert isinstance(found, Sim)
    return found


def port(workshop: Workshop, vif: str) -> GuestPort | None:
    """The port of an interface, if it has bounds."""
    return driver(workshop).guarded.get(workshop.row(vif).uuid)


async def test_a_machine_starts_with_the_bounds_of_its_interfaces(workshop: Workshop, vm: str, vif: str) -> None:
    await workshop.xapi.VIF.set_locking_mode(vif, "locked")
    await workshop.xapi.VIF.set_ipv4_allowed(vif, ["192.0.2.7"])
    await workshop.xapi.VIF.set_ipv6_allowed(vif, ["2001:db8::/64"])
    before = port(workshop, vif)

    await workshop.started(vm)

    row = workshop.row(vif)
    link = workshop.guest(vm).nics[row.uuid].link
    assert before is None
    assert port(workshop, vif) == GuestPort(
        row.uuid, (link,), row.MAC, Locking.locked, ("192.0.2.7",), ("2001:db8::/64",)
    )
    assert len(link) <= 15


async def test_the_host_is_told_nothing_of_interfaces_without_bounds(workshop: Workshop, vm: str, vif: str) -> None:
    workshop.faults("network").fail("guard", Failed("it is not to be asked"))

    await workshop.started(vm)

    assert workshop.row(vif).currently_attached is True


@pytest.mark.parametrize(
    ("mode", "default", "locking"),
    [
        ("network_default", "disabled", Locking.disabled),
        ("locked", "disabled", Locking.locked),
        ("unlocked", "disabled", None),
        ("disabled", "unlocked", Locking.disabled),
        ("network_default", "unlocked", None),
    ],
)
async def test_the_network_says_what_its_interfaces_leave_open(
    workshop: Workshop, vm: str, network: str, vif: str, mode: str, default: str, locking: Locking | None
) -> None:
    await workshop.xapi.network.set_default_locking_mode(network, default)
    await workshop.xapi.VIF.set_locking_mode(vif, mode)

    await workshop.started(vm)

    found = port(workshop, vif)
    assert (found and found.locking) == locking


async def test_changes_are_in_force_at_once(workshop: Workshop, vm: str, vif: str) -> None:
    await workshop.started(vm)
    found = []

    for message, value in [
        ("set_locking_mode", "locked"),
        ("add_ipv4_allowed", "192.0.2.7"),
        ("add_ipv4_allowed", "192.0.2.8"),
        ("remove_ipv4_allowed", "192.0.2.7"),
        ("set_ipv6_allowed", ["2001:db8::7"]),
        ("set_locking_mode", "unlocked"),
    ]:
        await workshop.xapi.call(f"VIF.{message}", vif, value)
        now = port(workshop, vif)
        found.append(now and (now.ipv4_allowed, now.ipv6_allowed))

    assert found == [
        ((), ()),
        (("192.0.2.7",), ()),
        (("192.0.2.7", "192.0.2.8"), ()),
        (("192.0.2.8",), ()),
        (("192.0.2.8",), ("2001:db8::7",)),
        None,
    ]


async def test_a_change_that_the_host_refuses_is_not_recorded(workshop: Workshop, vm: str, vif: str) -> None:
    await workshop.started(vm)
    workshop.faults("network").fail("guard", Failed("it will not"))

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VIF.set_locking_mode(vif, "locked")

    assert workshop.row(vif).locking_mode == "network_default"


@pytest.mark.parametrize("fields", [LIMIT, {"locking_mode": "locked"}])
async def test_bounds_come_with_a_plug_and_go_with_an_unplug(
    workshop: Workshop, vm: str, network: str, fields: dict[str, Any]
) -> None:
    await workshop.started(vm)
    vif = await workshop.nic(vm, network, **fields)
    before = port(workshop, vif)

    await workshop.xapi.VIF.plug(vif)
    while_plugged = port(workshop, vif)
    await workshop.xapi.VIF.unplug(vif)

    assert before is None
    assert while_plugged is not None
    assert while_plugged.kbps == (500 if fields is LIMIT else 0)
    assert driver(workshop).guarded == {}


@pytest.mark.parametrize("kbps", ["", "fast", "-5", "0", "1e3", "9" * 30])
async def test_a_rate_that_is_none_bounds_nothing(workshop: Workshop, vm: str, network: str, kbps: str) -> None:
    params = {"kbps": kbps} if kbps else {}
    vif = await workshop.nic(vm, network, qos_algorithm_type="ratelimit", qos_algorithm_params=params)

    await workshop.started(vm)

    assert port(workshop, vif) is None


@pytest.mark.parametrize("end", ["hard_shutdown", "clean_shutdown", "suspend"])
async def test_bounds_go_with_the_machine(workshop: Workshop, vm: str, network: str, sr: str, end: str) -> None:
    await workshop.nic(vm, network, **LIMIT)
    await workshop.fresh.xapi.VM.set_suspend_SR(vm, sr)
    await workshop.started(vm)

    await workshop.xapi.call(f"VM.{end}", vm)

    assert driver(workshop).guarded == {}


@pytest.mark.parametrize("method", ["start", "guard"])
async def test_a_start_that_fails_leaves_no_bounds(workshop: Workshop, vm: str, network: str, method: str) -> None:
    vif = await workshop.nic(vm, network, **LIMIT)
    workshop.faults("domain" if method == "start" else "network").fail(method, Failed("it will not"))

    with pytest.raises(ApiError):
        await workshop.started(vm)

    assert port(workshop, vif) is None
    assert workshop.idle()


@pytest.mark.parametrize("tighter", [True, False])
async def test_a_move_brings_the_bounds_of_the_other_network(
    workshop: Workshop, vm: str, network: str, vif: str, tighter: bool
) -> None:
    other = await workshop.network()
    await workshop.xapi.network.set_default_locking_mode(other if tighter else network, "disabled")
    await workshop.started(vm)
    before = port(workshop, vif)

    await workshop.xapi.VIF.move(vif, other)

    assert (before is None, port(workshop, vif) is None) == (tighter, not tighter)


async def test_a_move_keeps_what_the_interface_itself_may(workshop: Workshop, vm: str, network: str) -> None:
    vif = await workshop.nic(vm, network, locking_mode="locked", ipv4_allowed=["192.0.2.7"], **LIMIT)
    await workshop.started(vm)
    before = port(workshop, vif)

    await workshop.xapi.VIF.move(vif, await workshop.network())

    assert port(workshop, vif) == before
    assert before is not None


async def test_a_move_that_fails_leaves_the_bounds_as_they_were(workshop: Workshop, vm: str, vif: str) -> None:
    other = await workshop.network()
    await workshop.xapi.network.set_default_locking_mode(other, "disabled")
    await workshop.started(vm)
    workshop.faults("domain").fail("move_nic", Failed("it will not"))

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VIF.move(vif, other)

    assert port(workshop, vif) is None


async def test_the_mode_of_a_network_stays_while_a_guest_is_in_it(
    workshop: Workshop, vm: str, network: str, vif: str
) -> None:
    await workshop.started(vm)

    with pytest.raises(VIF_IN_USE) as error:
        await workshop.xapi.network.set_default_locking_mode(network, "disabled")

    assert error.value.args == (network, vif)
    assert port(workshop, vif) is None


async def test_what_was_lost_comes_back_and_what_is_nobodys_any_more_goes(
    workshop: Workshop, vm: str, network: str
) -> None:
    vif = await workshop.nic(vm, network, **LIMIT)
    idle = await workshop.nic(await workshop.vm(), network, **LIMIT)
    await workshop.started(vm)
    wanted = port(workshop, vif)
    assert wanted is not None
    foreign = GuestPort("00000000-0000-4000-8000-000000000000", ("guest0",), wanted.mac, kbps=5)
    left = GuestPort(workshop.row(idle).uuid, ("guest1",), wanted.mac, kbps=5)
    driver(workshop).guarded = {each.vif: each for each in (foreign, left)}

    await workshop.fresh.watch.reconcile()

    assert driver(workshop).guarded == {each.vif: each for each in (foreign, wanted)}


# --- Where the hypervisor names the links, as Xen does -------------------------------------------------


@pytest.fixture
def naming(workshop: Workshop) -> Workshop:
    workshop.domains.names_links = True
    return workshop


def names(workshop: Workshop, vif: str) -> tuple[str, ...]:
    found = port(workshop, vif)
    assert found is not None
    return found.links


async def test_a_guest_runs_only_once_its_links_are_bounded(naming: Workshop, vm: str, network: str) -> None:
    vif = await naming.nic(vm, network, **LIMIT)
    seen = []

    def look() -> None:
        guest = naming.domains.find(naming.row(vm).uuid)
        if guest is not None and (found := port(naming, vif)):
            seen.append((guest.state.value, found.links[0].partition(".")[0].rstrip("0123456789")))

    naming.fresh.lookers.append(look)
    await naming.started(vm)

    assert names(naming, vif) == (f"vif{naming.row(vm).domid}.0",)
    assert naming.row(vm).power_state == "Running"
    assert ("running", "guest") not in seen


async def test_one_that_was_to_be_paused_stays_paused(naming: Workshop, vm: str, network: str) -> None:
    vif = await naming.nic(vm, network, **LIMIT)

    await naming.xapi.VM.start(vm, True, False)

    assert names(naming, vif) == (f"vif{naming.row(vm).domid}.0",)
    assert naming.row(vm).power_state == "Paused"


async def test_changes_and_plugs_and_moves_go_by_the_name_that_the_link_has(
    naming: Workshop, vm: str, network: str
) -> None:
    await naming.started(vm)
    vif = await naming.nic(vm, network)
    await naming.xapi.VIF.plug(vif)
    name = f"vif{naming.row(vm).domid}.0"

    await naming.xapi.VIF.set_locking_mode(vif, "locked")
    changed = names(naming, vif)
    await naming.xapi.VIF.move(vif, await naming.network())
    moved = names(naming, vif)
    await naming.xapi.VIF.unplug(vif)
    await naming.xapi.VIF.plug(vif)

    assert (changed, moved, names(naming, vif)) == ((name,), (name,), (name,))


async def test_a_reboot_that_makes_another_domain_brings_other_names(naming: Workshop, vm: str, network: str) -> None:
    vif = await naming.nic(vm, network, **LIMIT)
    await naming.started(vm)
    before = names(naming, vif)

    await naming.xapi.VM.hard_reboot(vm)

    assert names(naming, vif) == (f"vif{naming.row(vm).domid}.0",) != before


async def test_after_a_start_of_the_daemon_the_names_are_known_again(naming: Workshop, vm: str, network: str) -> None:
    vif = await naming.nic(vm, network, **LIMIT)
    await naming.started(vm)
    wanted = names(naming, vif)
    naming.fresh.runtime.services["guarded"] = Guarded()
    driver(naming).guarded.clear()

    await naming.fresh.watch.reconcile()

    assert names(naming, vif) == wanted
