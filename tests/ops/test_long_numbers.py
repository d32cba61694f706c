"""Numbers of thousands of digits, and interfaces with numbers that nobody needs: refused as any other wrong value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.machines import Workshop
from xapid.datamodel import VIF
from xapid.datamodel.errors import ApiError
from xapid.rules.addresses import LAST_VIF_DEVICE, seeded_mac

LONG = "9" * 5000
ZEROS = "0" * 5000


@pytest.mark.parametrize("device", [LONG, f"-{LONG}", ZEROS, f"sda{LONG}", f"hda{LONG}", f"d{LONG}", f"d0p{LONG}"])
async def test_no_drive_has_such_a_place(workshop: Workshop, device: str) -> None:
    vm = await workshop.vm()

    with pytest.raises(ApiError) as error:
        await workshop.drive(vm, userdevice=device)

    assert error.value.description == ["INVALID_DEVICE", device]


@pytest.mark.parametrize("device", [LONG, ZEROS, str(LAST_VIF_DEVICE + 1), "9999999999999999999"])
async def test_no_interface_has_such_a_number(workshop: Workshop, device: str) -> None:
    vm, network = await workshop.vm(), await workshop.network()

    with pytest.raises(ApiError) as error:
        await workshop.nic(vm, network, device=device)

    assert error.value.description == ["INVALID_DEVICE", device]
    assert await workshop.nic(vm, network, device=str(LAST_VIF_DEVICE))


async def test_one_that_is_in_the_database_already_does_no_harm(workshop: Workshop) -> None:
    vm, network = await workshop.vm(), await workshop.network()
    nic = await workshop.nic(vm, network)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.fresh.store.get(VIF, nic), device="9999999999999999")

    clone = await workshop.xapi.VM.clone(vm, "another")

    assert len(await workshop.xapi.VM.get_VIFs(clone)) == 1
    assert seeded_mac("seed", 10**15) == seeded_mac("seed", LAST_VIF_DEVICE)


Ask = Callable[[Workshop, str], Awaitable[Any]]
CALLS: dict[str, tuple[Ask, str]] = {
    "token": (lambda w, vm: w.xapi.event.from_(["VM"], f"{LONG},0", 0.0), "EVENT_FROM_TOKEN_PARSE_FAILURE"),
    "cores": (lambda w, vm: _started_with(w, vm, "cores-per-socket"), "INVALID_VALUE"),
    "prefix": (lambda w, vm: _nic_call(w, vm, "set_ipv4_allowed", [f"1.2.3.4/{LONG}"]), "INVALID_IP_ADDRESS_SPECIFIED"),
    "size": (lambda w, vm: _provisioned(w, f'size="{LONG}" device="0"'), "INTERNAL_ERROR"),
    "place": (lambda w, vm: _provisioned(w, f'size="1" device="{LONG}"'), "INVALID_DEVICE"),
}


async def _started_with(workshop: Workshop, vm: str, key: str) -> None:
    await workshop.xapi.VM.add_to_platform(vm, key, LONG)
    await workshop.xapi.VM.start(vm, False, False)


async def _nic_call(workshop: Workshop, vm: str, message: str, value: Any) -> None:
    nic = await workshop.nic(vm, await workshop.network())
    await workshop.xapi.call(f"VIF.{message}", nic, value)


async def _provisioned(workshop: Workshop, disk: str) -> None:
    template = await workshop.vm(is_a_template=True)
    text = f'<provision><disk {disk} sr="" bootable="true" type="system"/></provision>'
    await workshop.xapi.VM.add_to_other_config(template, "disks", text)
    await workshop.xapi.VM.provision(template)


@pytest.mark.parametrize("name", CALLS)
async def test_the_error_is_that_of_any_wrong_value(
    workshop: Workshop, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask, code = CALLS[name]

    with pytest.raises(ApiError) as error:
        await ask(workshop, await workshop.vm())

    assert error.value.description[0] == code
    assert "Traceback" not in caplog.text


async def test_a_size_of_packets_of_so_many_digits_is_no_size(workshop: Workshop) -> None:
    """Clients cannot write it, but an older database may hold it."""
    vm = await workshop.vm()
    nic = await workshop.nic(vm, await workshop.network())
    with pytest.raises(ApiError) as refused:
        await workshop.xapi.VIF.add_to_other_config(nic, "mtu", LONG)
    assert refused.value.description[:2] == ["INVALID_VALUE", "other_config:mtu"]
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(nic), other_config={"mtu": LONG})

    await workshop.started(vm)

    assert await workshop.xapi.VM.get_power_state(vm) == "Running"
