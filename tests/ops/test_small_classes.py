"""Classes with few messages: secrets, users, subjects, blobs, groups, repositories, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import NULL, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.datamodel import (
    PGPU,
    PUSB,
    VDI,
    Crashdump,
    PVS_cache_storage,
    PVS_proxy,
    PVS_server,
    PVS_site,
    SDN_controller,
    Subject,
)
from xapid.datamodel.errors import (
    AUTH_IS_DISABLED,
    BUNDLE_REPOSITORY_ALREADY_EXISTS,
    GPU_GROUP_CONTAINS_PGPU,
    HANDLE_INVALID,
    INTERNAL_ERROR,
    INVALID_BASE_URL,
    INVALID_GPGKEY_PATH,
    MESSAGE_METHOD_UNKNOWN,
    NOT_IMPLEMENTED,
    OPENVSWITCH_NOT_ACTIVE,
    OPERATION_NOT_ALLOWED,
    PVS_CACHE_STORAGE_ALREADY_PRESENT,
    PVS_CACHE_STORAGE_IS_IN_USE,
    PVS_SITE_CONTAINS_RUNNING_PROXIES,
    PVS_SITE_CONTAINS_SERVERS,
    REPOSITORY_ALREADY_EXISTS,
    REPOSITORY_IS_IN_USE,
    ROLE_ALREADY_EXISTS,
    ROLE_NOT_FOUND,
    USB_GROUP_CONTAINS_PUSB,
)

GHOST = "OpaqueRef:ghost"


async def test_a_dump_of_a_machine_goes_with_its_disk(fresh: FreshHost, workshop: Workshop) -> None:
    disk = await workshop.disk(await workshop.sr())
    with fresh.store.write() as tx:
        dump = tx.create(Crashdump, VDI=disk).ref

    await fresh.xapi.crashdump.destroy(dump)

    assert fresh.store.find(Crashdump, dump) is None
    assert fresh.store.find(VDI, disk) is None


async def test_a_dump_goes_although_its_disk_cannot(fresh: FreshHost, workshop: Workshop) -> None:
    disk = await workshop.disk(await workshop.sr())
    with fresh.store.write() as tx:
        dump = tx.create(Crashdump, VDI=disk).ref
    fresh.driver("storage:file").faults.fail("destroy", Failed("the disk is worn out"))

    await fresh.xapi.crashdump.destroy(dump)

    assert fresh.store.find(Crashdump, dump) is None
    assert fresh.store.find(VDI, disk) is not None


async def test_the_controller_of_an_older_pool_is_forgotten(fresh: FreshHost) -> None:
    with fresh.store.write() as tx:
        controller = tx.create(SDN_controller, address="192.0.2.1").ref

    await fresh.xapi.SDN_controller.forget(controller)

    assert fresh.store.find(SDN_controller, controller) is None


@pytest.mark.parametrize(
    "cls, fields",
    [
        ("secret", {"value": "hush", "other_config": {}}),
        ("user", {"short_name": "v", "fullname": "V", "other_config": {}}),
    ],
)
async def test_an_object_is_made_from_its_fields_and_goes(xapi: Xapi, cls: str, fields: dict[str, Any]) -> None:
    ref = await xapi.call(f"{cls}.create", fields)
    record = await xapi.call(f"{cls}.get_record", ref)

    await xapi.call(f"{cls}.destroy", ref)

    assert {key: record[key] for key in fields} == fields
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.call(f"{cls}.destroy", ref)
    assert error.value.args == (cls, ref)


async def test_a_secret_comes_along_with_its_uuid(fresh: FreshHost, xapi: Xapi) -> None:
    uuid = "5a5a5a5a-0000-4000-8000-0000000000b2"
    secret = await xapi.call("secret.introduce", uuid, "hush")

    assert await xapi.secret.get_by_uuid(uuid) == secret
    assert await xapi.secret.get_value(secret) == "hush"
    with pytest.raises(INTERNAL_ERROR):
        await xapi.call("secret.introduce", uuid, "another")
    assert await xapi.secret.get_value(secret) == "hush"


# --- Sites of servers that stream disks: those of an older pool ---------------------------------------


@pytest.fixture
def site(fresh: FreshHost) -> str:
    with fresh.store.write() as tx:
        return tx.create(PVS_site, name_label="streams", PVS_uuid="old").ref


async def test_a_site_gets_another_identity(xapi: Xapi, site: str) -> None:
    await xapi.PVS_site.set_PVS_uuid(site, "new")

    assert await xapi.PVS_site.get_PVS_uuid(site) == "new"


async def test_a_site_goes_when_its_servers_have(fresh: FreshHost, xapi: Xapi, site: str, host: str) -> None:
    with fresh.store.write() as tx:
        server = tx.create(PVS_server, site=site, addresses=("192.0.2.1",)).ref
        proxy = tx.create(PVS_proxy, site=site, currently_attached=True).ref
        cache = tx.create(PVS_cache_storage, site=site, host=host).ref

    with pytest.raises(PVS_SITE_CONTAINS_RUNNING_PROXIES) as running:
        await xapi.PVS_site.forget(site)
    await xapi.PVS_proxy.destroy(proxy)
    with pytest.raises(PVS_SITE_CONTAINS_SERVERS) as served:
        await xapi.PVS_site.forget(site)
    await xapi.PVS_server.forget(server)
    await xapi.PVS_site.forget(site)

    assert (running.value.args, served.value.args) == ((proxy,), (server,))
    assert [fresh.store.find_any(each) for each in (site, server, proxy, cache)] == [None] * 4


async def test_a_host_has_one_cache_for_a_site(workshop: Workshop, xapi: Xapi, site: str, host: str) -> None:
    sr = await workshop.sr()
    cache = await xapi.PVS_cache_storage.create({"host": host, "SR": sr, "site": site, "size": str(1 << 30)})

    record = await xapi.PVS_cache_storage.get_record(cache)
    assert (record["host"], record["SR"], record["site"], record["size"]) == (host, sr, site, str(1 << 30))
    assert record["VDI"] == NULL
    with pytest.raises(PVS_CACHE_STORAGE_ALREADY_PRESENT) as error:
        await xapi.PVS_cache_storage.create({"host": host, "SR": sr, "site": site})
    assert error.value.args == (site, host)
    with pytest.raises(HANDLE_INVALID) as unknown:
        await xapi.PVS_cache_storage.create({"host": host, "SR": sr, "site": GHOST})
    assert unknown.value.args == ("PVS_site", GHOST)


async def test_a_cache_in_use_stays(fresh: FreshHost, workshop: Workshop, xapi: Xapi, site: str, host: str) -> None:
    cache = await xapi.PVS_cache_storage.create({"host": host, "SR": await workshop.sr(), "site": site})
    vm = await workshop.started(await workshop.vm())
    vif = await workshop.nic(vm, await workshop.network())
    with fresh.store.write() as tx:
        proxy = tx.create(PVS_proxy, site=site, VIF=vif, currently_attached=True).ref

    with pytest.raises(PVS_CACHE_STORAGE_IS_IN_USE) as error:
        await xapi.PVS_cache_storage.destroy(cache)
    await xapi.PVS_proxy.destroy(proxy)
    await xapi.PVS_cache_storage.destroy(cache)

    assert error.value.args == (cache,)
    assert fresh.store.find_any(cache) is None


# --- What little there is -----------------------------------------------------------------------------


async def test_a_blob_of_unsaid_kind_is_any_bytes(xapi: Xapi) -> None:
    blob = await xapi.blob.create("", True)

    record = await xapi.blob.get_record(blob)

    assert (record["mime_type"], record["public"], record["size"]) == ("application/octet-stream", True, "0")
    assert await xapi.blob.destroy(blob) == ""


async def test_consoles_come_and_go_with_their_machine(xapi: Xapi) -> None:
    with pytest.raises(NOT_IMPLEMENTED) as made:
        await xapi.console.create({"other_config": {}})
    with pytest.raises(NOT_IMPLEMENTED) as gone:
        await xapi.console.destroy(GHOST)

    assert (made.value.args, gone.value.args) == (("Console.create",), ("Console.destroy",))


async def test_a_kind_of_storage_says_which_file_it_is(xapi: Xapi) -> None:
    (kind, *_) = await xapi.SM.get_all()

    assert await xapi.SM.get_driver_filename(kind) == ""


# --- Subjects ----------------------------------------------------------------------------------------


@pytest.fixture
def subject(fresh: FreshHost) -> str:
    with fresh.store.write() as tx:
        return tx.create(Subject, subject_identifier="S-1-5", roles=()).ref


async def test_a_subject_gets_and_loses_a_role(xapi: Xapi, subject: str) -> None:
    (role,) = await xapi.role.get_by_name_label("read-only")
    await xapi.subject.add_to_roles(subject, role)
    during = await xapi.subject.get_permissions_name_label(subject)
    with pytest.raises(ROLE_ALREADY_EXISTS):
        await xapi.subject.add_to_roles(subject, role)

    await xapi.subject.remove_from_roles(subject, role)

    assert "vm.get_record" in during
    assert await xapi.subject.get_permissions_name_label(subject) == []
    with pytest.raises(ROLE_NOT_FOUND):
        await xapi.subject.remove_from_roles(subject, role)


async def test_a_subject_goes(xapi: Xapi, subject: str) -> None:
    await xapi.subject.destroy(subject)

    assert await xapi.subject.get_all() == []


async def test_subjects_come_from_a_directory(xapi: Xapi) -> None:
    with pytest.raises(AUTH_IS_DISABLED):
        await xapi.subject.create({"subject_identifier": "x", "other_config": {}})
    with pytest.raises(ROLE_NOT_FOUND):
        await xapi.subject.add_to_roles(GHOST, GHOST)


# --- Groups of devices -------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", ["GPU_group", "USB_group"])
async def test_an_empty_group_comes_and_goes(xapi: Xapi, cls: str) -> None:
    ref = await xapi.call(f"{cls}.create", "n", "d", {"a": "b"})
    record = await xapi.call(f"{cls}.get_record", ref)

    await xapi.call(f"{cls}.destroy", ref)

    assert (record["name_label"], record["name_description"], record["other_config"]) == ("n", "d", {"a": "b"})
    assert await xapi.call(f"{cls}.get_all") == []


async def test_a_group_with_devices_stays(fresh: FreshHost) -> None:
    gpus, usbs = await fresh.xapi.GPU_group.create(), await fresh.xapi.USB_group.create()
    with fresh.store.write() as tx:
        gpu, usb = tx.create(PGPU, GPU_group=gpus).ref, tx.create(PUSB, USB_group=usbs).ref

    with pytest.raises(GPU_GROUP_CONTAINS_PGPU) as with_gpu:
        await fresh.xapi.GPU_group.destroy(gpus)
    with pytest.raises(USB_GROUP_CONTAINS_PUSB) as with_usb:
        await fresh.xapi.USB_group.destroy(usbs)

    assert (with_gpu.value.args, with_usb.value.args) == ((gpu,), (usb,))


# --- Repositories ------------------------------------------------------------------------------------

BINARY, SOURCE = "http://updates.example/binary", "https://updates.example/source"


async def test_a_repository_is_introduced_and_forgotten(xapi: Xapi, pool: str) -> None:
    repository = await xapi.Repository.introduce("r", "d", BINARY, SOURCE, True, "key")
    await xapi.Repository.set_gpgkey_path(repository, "other")
    record = await xapi.Repository.get_record(repository)
    await xapi.pool.add_repository(pool, repository)
    with pytest.raises(REPOSITORY_IS_IN_USE):
        await xapi.Repository.forget(repository)
    await xapi.pool.remove_repository(pool, repository)

    await xapi.Repository.forget(repository)

    assert (record["binary_url"], record["source_url"], record["origin"], record["gpgkey_path"]) == (
        BINARY, SOURCE, "remote", "other",
    )  # fmt: skip
    assert await xapi.Repository.get_all() == []


async def test_a_repository_is_there_once(xapi: Xapi) -> None:
    first = await xapi.Repository.introduce("r", "", BINARY, SOURCE, True)
    bundle = await xapi.Repository.introduce_bundle("b", "")

    with pytest.raises(REPOSITORY_ALREADY_EXISTS) as by_name:
        await xapi.Repository.introduce("r", "", "http://elsewhere.example/", SOURCE, True)
    with pytest.raises(REPOSITORY_ALREADY_EXISTS) as by_place:
        await xapi.Repository.introduce("other", "", BINARY, SOURCE, True)
    with pytest.raises(BUNDLE_REPOSITORY_ALREADY_EXISTS) as second_bundle:
        await xapi.Repository.introduce_bundle("c", "")

    assert by_name.value.args == by_place.value.args == (first,)
    assert second_bundle.value.args == (bundle,)


async def test_another_pool_is_a_repository(xapi: Xapi) -> None:
    repository = await xapi.Repository.introduce_remote_pool(
        "p", "", "https://192.0.2.1/repository/enabled", "certificate"
    )

    assert await xapi.Repository.get_origin(repository) == "remote_pool"
    with pytest.raises(INVALID_BASE_URL):
        await xapi.Repository.introduce_remote_pool("q", "", "https://192.0.2.1/elsewhere", "")
    with pytest.raises(INVALID_BASE_URL):
        await xapi.Repository.introduce_remote_pool("q", "", "http://192.0.2.1/repository/enabled", "")


@pytest.mark.parametrize("binary, source", [("", ""), ("ftp://x", SOURCE), (BINARY, ""), ("http://[x", SOURCE)])
async def test_a_repository_has_a_web_address(xapi: Xapi, binary: str, source: str) -> None:
    with pytest.raises(INVALID_BASE_URL):
        await xapi.Repository.introduce("r", "", binary, source, True)


@pytest.mark.parametrize("name", ["key.asc", "../key", "a b", "é"])
async def test_a_key_is_called_by_its_name_alone(xapi: Xapi, name: str) -> None:
    with pytest.raises(INVALID_GPGKEY_PATH) as error:
        await xapi.Repository.introduce("r", "", BINARY, SOURCE, True, name)

    assert error.value.args == (name,)


# --- Refused, or known to be nothing ----------------------------------------------------------------


async def test_plain_bridges_serve_no_streams_and_no_controllers(workshop: Workshop, xapi: Xapi, host: str) -> None:
    with pytest.raises(OPENVSWITCH_NOT_ACTIVE):
        await xapi.PVS_site.introduce("n", "d", "")
    with pytest.raises(OPENVSWITCH_NOT_ACTIVE):
        await xapi.PVS_server.introduce(["192.0.2.1"], 1, 2, GHOST)
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.SDN_controller.introduce("ssl", "192.0.2.1", 6632)
    vif = await workshop.nic(await workshop.vm(), await workshop.network())
    with pytest.raises(OPENVSWITCH_NOT_ACTIVE):
        await xapi.PVS_proxy.create(GHOST, vif)
    with pytest.raises(MESSAGE_METHOD_UNKNOWN):
        await xapi.LVHD.enable_thin_provisioning(host, GHOST, 1, 1)


async def test_some_answers_need_no_object(xapi: Xapi) -> None:
    assert await xapi.Caller.query_call_count(GHOST) == "0"
    assert await xapi.Caller.query_token_usage(GHOST) == 0.0
    assert await xapi.Caller.query_group_call_count("g") == "0"
    assert await xapi.Caller.query_group_token_usage("g") == 0.0
    assert await xapi.Caller.query_all_usage() == []
    assert await xapi.PGPU.get_remaining_capacity(GHOST, GHOST) == "0"
    assert await xapi.pool_patch.clean(GHOST) == ""
