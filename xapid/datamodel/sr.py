"""The class SR."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import SR_HAS_PBD, SR_UNKNOWN_DRIVER
from xapid.datamodel.roles import (
    CLIENT_CERT,
    LOCAL_ROOT,
    POOL_OPERATOR,
    READ_ONLY,
    VM_OPERATOR,
    VM_POWER_ADMIN,
    role_set,
)
from xapid.datamodel.types import (
    BOOL,
    FLOAT,
    INT,
    NULL,
    STRING,
    STRING_MAP,
    Object,
    Param,
    Ref,
    Set,
    derived,
    dynamic,
    inverse,
    message,
    record,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.blob import Blob
    from xapid.datamodel.dr_task import DR_task
    from xapid.datamodel.pbd import PBD
    from xapid.datamodel.vdi import VDI


class StorageOperations(enum.StrEnum):
    ""

    scan = "scan"
    destroy = "destroy"
    forget = "forget"
    plug = "plug"
    unplug = "unplug"
    update = "update"
    vdi_create = "vdi_create"
    vdi_introduce = "vdi_introduce"
    vdi_destroy = "vdi_destroy"
    vdi_resize = "vdi_resize"
    vdi_clone = "vdi_clone"
    vdi_snapshot = "vdi_snapshot"
    vdi_mirror = "vdi_mirror"
    vdi_enable_cbt = "vdi_enable_cbt"
    vdi_disable_cbt = "vdi_disable_cbt"
    vdi_data_destroy = "vdi_data_destroy"
    vdi_list_changed_blocks = "vdi_list_changed_blocks"
    vdi_set_on_boot = "vdi_set_on_boot"
    vdi_blocked = "vdi_blocked"
    vdi_copy = "vdi_copy"
    vdi_force_unlock = "vdi_force_unlock"
    vdi_forget = "vdi_forget"
    vdi_generate_config = "vdi_generate_config"
    vdi_resize_online = "vdi_resize_online"
    vdi_update = "vdi_update"
    vdi_revert = "vdi_revert"
    pbd_create = "pbd_create"
    pbd_destroy = "pbd_destroy"


class SR(Object, roles=POOL_OPERATOR):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    allowed_operations: Set[StorageOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, StorageOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    VDIs: Set[Ref[VDI]] = inverse("VDI.SR")
    PBDs: Set[Ref[PBD]] = inverse("PBD.SR")
    virtual_allocation: int = dynamic()
    physical_utilisation: int = dynamic()
    physical_size: int = static()
    type: str = static()
    content_type: str = static()
    shared: bool = dynamic()
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.", key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR}
    )
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    sm_config: dict[str, str] = rw({}, since="miami")
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    local_cache_enabled: bool = dynamic(False, since="cowley")
    introduced_by: Ref[DR_task] = dynamic(NULL, since="boston")
    clustered: bool = dynamic(False, since="dundee")
    is_tools_sr: bool = dynamic(False, since="dundee")

    create = message(
        "",
        Param("host", ref("host")),
        Param("device_config", STRING_MAP),
        Param("physical_size", INT),
        Param("name_label", STRING),
        Param("name_description", STRING),
        Param("type", STRING),
        Param("content_type", STRING),
        Param("shared", BOOL),
        Param("sm_config", STRING_MAP, default={}),
        result=ref("SR"),
        errors=(SR_UNKNOWN_DRIVER,),
        runs_on="host",
    )
    introduce = message(
        "",
        Param("uuid", STRING),
        Param("name_label", STRING),
        Param("name_description", STRING),
        Param("type", STRING),
        Param("content_type", STRING),
        Param("shared", BOOL),
        Param("sm_config", STRING_MAP, default={}),
        result=ref("SR"),
    )
    make = message(
        "",
        Param("host", ref("host")),
        Param("device_config", STRING_MAP),
        Param("physical_size", INT),
        Param("name_label", STRING),
        Param("name_description", STRING),
        Param("type", STRING),
        Param("content_type", STRING),
        Param("sm_config", STRING_MAP, default={}),
        result=STRING,
        state="deprecated",
        deprecated="miami",
        runs_on="host",
    )
    destroy = message("", Param("sr", ref("SR")), errors=(SR_HAS_PBD,))
    forget = message("", Param("sr", ref("SR")), errors=(SR_HAS_PBD,))
    update = message("", Param("sr", ref("SR")), since="symc")
    get_supported_types = message("", result=set_of(STRING), roles=role_set(READ_ONLY, CLIENT_CERT), has_async=False)
    scan = message("", Param("sr", ref("SR")), roles=VM_POWER_ADMIN)
    probe = message(
        "",
        Param("host", ref("host")),
        Param("device_config", STRING_MAP),
        Param("type", STRING),
        Param("sm_config", STRING_MAP, default={}),
        result=STRING,
        since="miami",
        runs_on="host",
    )
    probe_ext = message(
        "",
        Param("host", ref("host")),
        Param("device_config", STRING_MAP),
        Param("type", STRING),
        Param("sm_config", STRING_MAP, default={}),
        result=set_of(record("probe_result")),
        since="kolkata",
        runs_on="host",
    )
    set_shared = message("", Param("sr", ref("SR")), Param("value", BOOL))
    set_name_label = message("", Param("sr", ref("SR")), Param("value", STRING))
    set_name_description = message("", Param("sr", ref("SR")), Param("value", STRING))
    create_new_blob = message(
        "",
        Param("sr", ref("SR")),
        Param("name", STRING),
        Param("mime_type", STRING),
        Param("public", BOOL, default=False),
        result=ref("blob"),
        since="orlando",
    )
    set_physical_size = message(
        "", Param("self", ref("SR"), late=True), Param("value", INT), has_async=False, since="miami"
    )
    set_virtual_allocation = message(
        "", Param("self", ref("SR"), late=True), Param("value", INT), roles=LOCAL_ROOT, hidden=True
    )
    set_physical_utilisation = message("", roles=LOCAL_ROOT, hidden=True, arity=2)
    assert_can_host_ha_statefile = message("", Param("sr", ref("SR")), since="orlando")
    assert_supports_database_replication = message("", Param("sr", ref("SR")), since="boston")
    enable_database_replication = message("", Param("sr", ref("SR")), since="boston")
    disable_database_replication = message("", Param("sr", ref("SR")), since="boston")
    get_data_sources = message(
        "",
        Param("sr", ref("SR")),
        result=set_of(record("data_source")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="dundee",
    )
    record_data_source = message(
        "",
        Param("sr", ref("SR")),
        Param("data_source", STRING),
        has_async=False,
        since="dundee",
    )
    query_data_source = message(
        "",
        Param("sr", ref("SR")),
        Param("data_source", STRING),
        result=FLOAT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="dundee",
    )
    forget_data_source_archives = message(
        "",
        Param("sr", ref("SR")),
        Param("data_source", STRING),
        has_async=False,
        since="dundee",
    )
    get_live_hosts = message("", Param("sr", ref("SR"), late=True), result=set_of(ref("host")), hidden=True)
