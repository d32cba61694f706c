"""A template becomes a machine, with the disks that it asks for."""

from __future__ import annotations

import pytest

from tests.machines import MIB, Workshop, raises_api
from xapid.backends.interface import NoSpace
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    PERMISSION_DENIED,
    PROVISION_ONLY_ALLOWED_ON_TEMPLATE,
    UUID_INVALID,
    ApiError,
)

BOMB = """<!DOCTYPE provision [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<provision><disk device="0" size="&b;" sr="SR" bootable="true"/></provision>"""
OUTSIDE = """<!DOCTYPE provision [<!ENTITY file SYSTEM "file:///etc/hostname">]>
<provision><disk device="&file;" size="1" sr="SR" bootable="true"/></provision>"""
TWO = "\N{SUPERSCRIPT TWO}"
"""A digit, but no number."""


def disk(**changes: str) -> str:
    """One disk as the XML of a template has it."""
    attributes = {"device": "0", "size": str(8 * MIB), "sr": "SR", "bootable": "true"} | changes
    return "<disk " + " ".join(f'{name}="{value}"' for name, value in attributes.items()) + "/>"


async def template(workshop: Workshop, text: str, sr: str) -> str:
    """A template that asks for disks; SR in the text stands for the repository's uuid."""
    uuid = workshop.row(sr).uuid
    return await workshop.vm(is_a_template=True, other_config={"disks": text.replace("SR", uuid), "keep": "me"})


async def test_the_disks_that_a_template_asks_for_are_made(workshop: Workshop) -> None:
    sr = await workshop.sr()
    text = f"<provision>{disk()}{disk(device='1', size=str(5 * MIB), bootable='false', type='user')}</provision>"
    vm = await template(workshop, text, sr)

    await workshop.xapi.VM.provision(vm)

    row = workshop.row(vm)
    first, second = sorted((workshop.row(ref) for ref in await workshop.xapi.VM.get_VBDs(vm)), key=userdevice)
    assert (row.is_a_template, row.other_config["keep"], "disks" in row.other_config) == (False, "me", False)
    assert (first.bootable, first.mode, first.unpluggable, first.other_config) == (True, "RW", False, {"owner": ""})
    assert (second.bootable, second.unpluggable) == (False, True)
    assert described(workshop, first.VDI) == ("0", sr, 8 * MIB, "system", {"vmhint": row.uuid})
    assert described(workshop, second.VDI) == ("1", sr, 5 * MIB, "user", {"vmhint": row.uuid})
    await workshop.started(vm)


def userdevice(vbd: object) -> str:
    return str(vbd.__dict__["userdevice"])


def described(workshop: Workshop, vdi: str) -> tuple[object, ...]:
    row = workshop.row(vdi)
    hint = {"vmhint": row.sm_config.get("vmhint")}
    return (row.name_label, row.SR, row.virtual_size, row.type, hint)


@pytest.mark.parametrize(
    "kind, made",
    [("system", "system"), ("user", "user"), ("ephemeral", "ephemeral"), ("nonsense", "system"), ("", "system")],
)
async def test_a_disk_is_of_the_type_that_is_asked_for(workshop: Workshop, kind: str, made: str) -> None:
    vm = await template(workshop, f"<provision>{disk(type=kind)}</provision>", await workshop.sr())

    await workshop.xapi.VM.provision(vm)

    (vbd,) = await workshop.xapi.VM.get_VBDs(vm)
    assert workshop.row(workshop.row(vbd).VDI).type == made


@pytest.mark.parametrize("config", [{}, {"disks": "<provision/>"}, {"disks": "<provision></provision>"}])
async def test_a_template_may_ask_for_nothing(workshop: Workshop, config: dict[str, str]) -> None:
    vm = await workshop.vm(is_a_template=True, other_config=config)

    await workshop.xapi.VM.provision(vm)

    assert workshop.row(vm).is_a_template is False
    assert str(workshop.row(workshop.row(vm).metrics).install_time) > "1971"
    assert await workshop.xapi.VM.get_VBDs(vm) == []


async def test_only_templates_are_provisioned(workshop: Workshop) -> None:
    vm = await workshop.vm()
    snapshot = await workshop.xapi.VM.snapshot(vm, "s", [])

    with pytest.raises(PROVISION_ONLY_ALLOWED_ON_TEMPLATE):
        await workshop.xapi.VM.provision(vm)
    with raises_api("VM_IS_SNAPSHOT", snapshot, "provision"):
        await workshop.xapi.VM.provision(snapshot)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        OUTSIDE,
        "",
        "no XML",
        "<provision>",
        "<other/>",
        "<provision a='b'/>",
        "<provision><floppy/></provision>",
        f"<provision>{disk()}<other/></provision>",
        f"{disk()}",
        "<provision><disk/></provision>",
        f"<provision>{disk(size='many')}</provision>",
        f"<provision>{disk(size='-1')}</provision>",
        f"<provision>{disk(size='1.5')}</provision>",
        f"<provision>{disk(size=TWO)}</provision>",
        "<provision>" + disk().replace('device="0" ', "") + "</provision>",
        "<provision>" + disk().replace(' bootable="true"', "") + "</provision>",
        "<provision>" + "<disk>" * 100_000,
    ],
    ids=range(18),
)
async def test_what_is_no_list_of_disks_makes_none(workshop: Workshop, text: str) -> None:
    sr = await workshop.sr()
    vm = await template(workshop, text, sr)

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VM.provision(vm)

    assert workshop.volumes(sr) == set()
    assert await workshop.xapi.VM.get_VBDs(vm) == []
    assert workshop.idle()
    await workshop.xapi.VM.get_record(vm)


@pytest.mark.parametrize(
    "devices, error",
    [
        (("0", "0"), ("DEVICE_ALREADY_EXISTS", "0")),
        (("1", "xvdb"), ("DEVICE_ALREADY_EXISTS", "xvdb")),
        (("0", "3"), ("DEVICE_ALREADY_EXISTS", "3")),
        (("nonsense",), ("INVALID_DEVICE", "nonsense")),
        (("",), ("INVALID_DEVICE", "")),
    ],
)
async def test_each_disk_has_a_place_of_its_own(
    workshop: Workshop, devices: tuple[str, ...], error: tuple[str, str]
) -> None:
    sr = await workshop.sr()
    vm = await template(workshop, f"<provision>{''.join(disk(device=each) for each in devices)}</provision>", sr)
    await workshop.drive(vm, userdevice="3")

    with raises_api(*error):
        await workshop.xapi.VM.provision(vm)

    assert workshop.volumes(sr) == set()
    assert len(await workshop.xapi.VM.get_VBDs(vm)) == 1


async def test_a_disk_may_leave_its_place_open(workshop: Workshop) -> None:
    text = f"<provision>{disk(device='autodetect')}{disk(device='autodetect')}</provision>"
    vm = await template(workshop, text, await workshop.sr())

    await workshop.xapi.VM.provision(vm)

    assert sorted(workshop.row(vbd).userdevice for vbd in await workshop.xapi.VM.get_VBDs(vm)) == ["0", "1"]


@pytest.mark.parametrize("sr", ["", "no uuid", "00000000-0000-4000-8000-00000000dead"])
async def test_a_repository_that_nobody_knows_is_named(workshop: Workshop, sr: str) -> None:
    vm = await template(workshop, f"<provision>{disk(sr=sr)}</provision>", await workshop.sr())

    with pytest.raises(UUID_INVALID) as error:
        await workshop.xapi.VM.provision(vm)

    assert error.value.args == ("sr", sr)


async def test_without_space_no_disk_is_left(workshop: Workshop) -> None:
    sr = await workshop.sr()
    vm = await template(workshop, f"<provision>{disk()}{disk(device='1')}</provision>", sr)
    workshop.faults("storage:file").fail("create", NoSpace("the disk is full"), skip=1)

    with pytest.raises(ApiError) as error:
        await workshop.xapi.VM.provision(vm)

    assert error.value.description[0] == "SR_BACKEND_FAILURE_44"
    assert workshop.volumes(sr) == set()
    assert await workshop.xapi.VM.get_VBDs(vm) == []
    assert await workshop.xapi.SR.get_VDIs(sr) == []
    assert workshop.idle()


async def test_a_disk_larger_than_any_is_refused(workshop: Workshop) -> None:
    sr = await workshop.sr()
    vm = await template(workshop, f"<provision>{disk(size=str(1 << 62))}</provision>", sr)

    with pytest.raises(ApiError) as error:
        await workshop.xapi.VM.provision(vm)

    assert error.value.description[0] == "SR_BACKEND_FAILURE_79"
    assert workshop.volumes(sr) == set()


async def test_scripts_of_templates_are_not_run(workshop: Workshop) -> None:
    vm = await workshop.vm(is_a_template=True, other_config={"postinstall": "/etc/passwd"})

    with pytest.raises(PERMISSION_DENIED):
        await workshop.xapi.VM.provision(vm)


async def test_a_template_that_is_provisioned_can_be_followed(workshop: Workshop) -> None:
    sr = await workshop.sr()
    vm = await template(workshop, f"<provision>{disk()}</provision>", sr)
    workshop.faults("storage:file").delay("create", 3600)

    task = await workshop.xapi.call("Async.VM.provision", vm)
    await workshop.until(lambda: bool(workshop.row(vm).current_operations))

    assert workshop.row(vm).current_operations == {task: "provision"}
    assert list(workshop.row(sr).current_operations.values()) == ["vdi_create"]
