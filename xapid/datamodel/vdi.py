"""The class VDI."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    OPERATION_NOT_ALLOWED,
    SR_HAS_NO_PBDS,
    SR_NOT_ATTACHED,
    SR_OPERATION_NOT_SUPPORTED,
    UNIMPLEMENTED_IN_SM_BACKEND,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_IS_A_PHYSICAL_DEVICE,
    VDI_MISSING,
    VDI_NO_CBT_METADATA,
    VDI_NOT_SPARSE,
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION,
    VDI_READONLY,
    VDI_TOO_SMALL,
)
from xapid.datamodel.roles import (
    CLIENT_CERT,
    LOCAL_ROOT,
    POOL_OPERATOR,
    READ_ONLY,
    VM_ADMIN,
    VM_OPERATOR,
    VM_POWER_ADMIN,
    role_set,
)
from xapid.datamodel.types import (
    BOOL,
    DATETIME,
    EPOCH,
    INT,
    NULL,
    STRING,
    STRING_MAP,
    DateTime,
    Object,
    Param,
    Ref,
    Set,
    derived,
    dynamic,
    enum_of,
    inverse,
    message,
    record,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.crashdump import Crashdump
    from xapid.datamodel.pool import Pool
    from xapid.datamodel.sr import SR
    from xapid.datamodel.vbd import VBD


class VdiOperations(enum.StrEnum):
    ""

    clone = "clone"
    copy = "copy"
    resize = "resize"
    resize_online = "resize_online"
    snapshot = "snapshot"
    mirror = "mirror"
    destroy = "destroy"
    forget = "forget"
    update = "update"
    force_unlock = "force_unlock"
    generate_config = "generate_config"
    enable_cbt = "enable_cbt"
    disable_cbt = "disable_cbt"
    data_destroy = "data_destroy"
    list_changed_blocks = "list_changed_blocks"
    set_on_boot = "set_on_boot"
    blocked = "blocked"
    revert_to = "revert_to"
    revert_from = "revert_from"


class VdiType(enum.StrEnum):
    ""

    system = "system"
    user = "user"
    ephemeral = "ephemeral"
    suspend = "suspend"
    crashdump = "crashdump"
    ha_statefile = "ha_statefile"
    metadata = "metadata"
    redo_log = "redo_log"
    rrd = "rrd"
    pvs_cache = "pvs_cache"
    cbt_metadata = "cbt_metadata"


class OnBoot(enum.StrEnum):
    ""

    reset = "reset"
    persist = "persist"


_KNOWN = (
    Param("uuid", STRING),
    Param("name_label", STRING),
    Param("name_description", STRING),
    Param("SR", ref("SR")),
    Param("type", enum_of(VdiType)),
    Param("sharable", BOOL),
    Param("read_only", BOOL),
    Param("other_config", STRING_MAP),
    Param("location", STRING),
    Param("xenstore_data", STRING_MAP, default={}),
    Param("sm_config", STRING_MAP, default={}),
    Param("managed", BOOL, default=True),
    Param("virtual_size", INT, default=0),
    Param("physical_utilisation", INT, default=0),
    Param("metadata_of_pool", ref("pool"), default="OpaqueRef:NULL", late=True),
    Param("is_a_snapshot", BOOL, default=False),
    Param("snapshot_time", DATETIME, default=DateTime("19700101T00:00:00Z")),
    Param("snapshot_of", ref("VDI"), default="OpaqueRef:NULL", late=True),
)
"""What is said of a volume that is there already."""


class VDI(Object, roles=VM_ADMIN, constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    allowed_operations: Set[VdiOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, VdiOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    SR: Ref[SR] = static()
    VBDs: Set[Ref[VBD]] = inverse("VBD.VDI")
    crash_dumps: Set[Ref[Crashdump]] = inverse("crashdump.VDI")
    virtual_size: int = static()
    physical_utilisation: int = dynamic()
    type: VdiType = static()
    sharable: bool = static()
    read_only: bool = static()
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.", key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR}
    )
    storage_lock: bool = dynamic()
    location: str = dynamic("", since="miami")
    managed: bool = dynamic()
    missing: bool = dynamic()
    parent: Ref[VDI] = dynamic(state="deprecated", deprecated="ely")
    xenstore_data: dict[str, str] = rw({}, since="miami")
    sm_config: dict[str, str] = rw({}, since="miami")
    is_a_snapshot: bool = dynamic(False, since="orlando")
    snapshot_of: Ref[VDI] = dynamic(NULL, since="orlando")
    snapshots: Set[Ref[VDI]] = inverse("VDI.snapshot_of", since="orlando")
    snapshot_time: DateTime = dynamic(EPOCH, since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    allow_caching: bool = dynamic(False, since="cowley")
    on_boot: OnBoot = dynamic(OnBoot.persist, since="cowley")
    metadata_of_pool: Ref[Pool] = dynamic(NULL, since="boston")
    metadata_latest: bool = dynamic(False, since="boston")
    is_tools_iso: bool = dynamic(False, since="dundee")
    cbt_enabled: bool = dynamic(False, since="inverness")

    snapshot = message(
        "",
        Param("vdi", ref("VDI")),
        Param("driver_params", STRING_MAP, default={}),
        result=ref("VDI"),
    )
    clone = message("", Param("vdi", ref("VDI")), Param("driver_params", STRING_MAP, default={}), result=ref("VDI"))
    resize = message("", Param("vdi", ref("VDI")), Param("size", INT))
    resize_online = message("", Param("vdi", ref("VDI")), Param("size", INT), deprecated="inverness")
    introduce = message("", *_KNOWN, result=ref("VDI"), errors=(SR_OPERATION_NOT_SUPPORTED,), since="miami")
    pool_introduce = message("", *_KNOWN, result=ref("VDI"), hidden=True)
    db_introduce = message("", *_KNOWN, Param("cbt_enabled", BOOL, default=False), roles=LOCAL_ROOT, hidden=True)
    db_forget = message("", roles=LOCAL_ROOT, hidden=True, arity=1)
    update = message("", Param("vdi", ref("VDI")), errors=(SR_OPERATION_NOT_SUPPORTED,), since="symc")
    copy = message(
        "",
        Param("vdi", ref("VDI")),
        Param("sr", ref("SR"), default="OpaqueRef:NULL", late=True),
        Param("base_vdi", ref("VDI"), default="OpaqueRef:NULL", late=True),
        Param("into_vdi", ref("VDI"), default="OpaqueRef:NULL", late=True),
        result=ref("VDI"),
        errors=(
            VDI_READONLY,
            VDI_TOO_SMALL,
            VDI_NOT_SPARSE,
        ),
    )
    force_unlock = message("", hidden=True, arity=1)
    set_managed = message("", Param("self", ref("VDI")), Param("value", BOOL), roles=LOCAL_ROOT, hidden=True)
    forget = message("", Param("vdi", ref("VDI")))
    set_sharable = message("", Param("self", ref("VDI")), Param("value", BOOL), has_async=False, since="george")
    set_read_only = message("", Param("self", ref("VDI")), Param("value", BOOL), has_async=False)
    set_missing = message("", Param("self", ref("VDI")), Param("value", BOOL), roles=LOCAL_ROOT, hidden=True)
    set_virtual_size = message("", Param("self", ref("VDI")), Param("value", INT), roles=LOCAL_ROOT, hidden=True)
    set_physical_utilisation = message("", roles=LOCAL_ROOT, hidden=True, arity=2)
    set_is_a_snapshot = message("", Param("self", ref("VDI")), Param("value", BOOL), roles=LOCAL_ROOT, hidden=True)
    set_snapshot_of = message("", Param("self", ref("VDI")), Param("value", ref("VDI")), roles=LOCAL_ROOT, hidden=True)
    set_snapshot_time = message("", Param("self", ref("VDI")), Param("value", DATETIME), roles=LOCAL_ROOT, hidden=True)
    set_metadata_of_pool = message(
        "", Param("self", ref("VDI")), Param("value", ref("pool")), roles=LOCAL_ROOT, hidden=True
    )
    set_name_label = message("", Param("self", ref("VDI")), Param("value", STRING))
    set_name_description = message("", Param("self", ref("VDI")), Param("value", STRING))
    generate_config = message("", Param("host", ref("host")), Param("vdi", ref("VDI")), hidden=True)
    set_on_boot = message("", Param("self", ref("VDI")), Param("value", enum_of(OnBoot)), since="cowley")
    set_allow_caching = message("", Param("self", ref("VDI")), Param("value", BOOL), since="cowley")
    open_database = message("", Param("self", ref("VDI")), result=ref("session"), roles=POOL_OPERATOR, since="boston")
    checksum = message("", Param("self", ref("VDI")), hidden=True)
    read_database_pool_uuid = message(
        "",
        Param("self", ref("VDI"), late=True),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="boston",
    )
    pool_migrate = message(
        "",
        Param("vdi", ref("VDI"), late=True),
        Param("sr", ref("SR"), late=True),
        Param("options", STRING_MAP),
        result=ref("VDI"),
        roles=VM_POWER_ADMIN,
        since="tampa",
    )
    enable_cbt = message(
        "",
        Param("self", ref("VDI")),
        errors=(
            SR_OPERATION_NOT_SUPPORTED,
            VDI_MISSING,
            SR_NOT_ATTACHED,
            SR_HAS_NO_PBDS,
            OPERATION_NOT_ALLOWED,
            VDI_INCOMPATIBLE_TYPE,
            VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION,
        ),
        since="inverness",
    )
    disable_cbt = message(
        "",
        Param("self", ref("VDI")),
        errors=(
            SR_OPERATION_NOT_SUPPORTED,
            VDI_MISSING,
            SR_NOT_ATTACHED,
            SR_HAS_NO_PBDS,
            OPERATION_NOT_ALLOWED,
            VDI_INCOMPATIBLE_TYPE,
            VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION,
        ),
        since="inverness",
    )
    set_cbt_enabled = message("", Param("self", ref("VDI")), Param("value", BOOL), roles=LOCAL_ROOT, hidden=True)
    data_destroy = message(
        "",
        Param("self", ref("VDI")),
        errors=(
            SR_OPERATION_NOT_SUPPORTED,
            VDI_MISSING,
            SR_NOT_ATTACHED,
            SR_HAS_NO_PBDS,
            OPERATION_NOT_ALLOWED,
            VDI_INCOMPATIBLE_TYPE,
            VDI_NO_CBT_METADATA,
            VDI_IN_USE,
            VDI_IS_A_PHYSICAL_DEVICE,
        ),
        since="inverness",
    )
    list_changed_blocks = message(
        "",
        Param("vdi_from", ref("VDI")),
        Param("vdi_to", ref("VDI")),
        result=STRING,
        errors=(
            SR_OPERATION_NOT_SUPPORTED,
            VDI_MISSING,
            SR_NOT_ATTACHED,
            SR_HAS_NO_PBDS,
            VDI_IN_USE,
        ),
        roles=VM_OPERATOR,
        since="inverness",
    )
    get_nbd_info = message(
        "",
        Param("self", ref("VDI")),
        result=set_of(record("vdi_nbd_server_info")),
        errors=(VDI_INCOMPATIBLE_TYPE,),
        has_async=False,
        since="inverness",
    )
    revert = message(
        "",
        Param("snapshot", ref("VDI")),
        errors=(UNIMPLEMENTED_IN_SM_BACKEND,),
        roles=VM_POWER_ADMIN,
        since="26.16.0",
        state="prototyped",
    )
