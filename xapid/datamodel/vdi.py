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
    Passwords,
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
    """What can be asked of a disk, and what can be going on with it."""

    clone = "clone"
    """A copy is made that shares data with it."""
    copy = "copy"
    """A copy is made with all its data."""
    resize = "resize"
    """It is made larger while nobody uses it."""
    resize_online = "resize_online"
    """It is made larger while a machine uses it."""
    snapshot = "snapshot"
    """A snapshot is taken."""
    mirror = "mirror"
    """What is written to it is written to another place, too."""
    destroy = "destroy"
    """It is deleted with its data."""
    forget = "forget"
    """The pool forgets it, and its data stays."""
    update = "update"
    """What is known of it is read anew."""
    force_unlock = "force_unlock"
    """A lock that a dead host held on it is broken."""
    generate_config = "generate_config"
    """It is told how it is attached before there is a toolstack."""
    enable_cbt = "enable_cbt"
    """It begins that its changed blocks are noted."""
    disable_cbt = "disable_cbt"
    """It ends that its changed blocks are noted."""
    data_destroy = "data_destroy"
    """Its data is deleted, and its noted changes stay."""
    list_changed_blocks = "list_changed_blocks"
    """It is told which blocks differ between two snapshots."""
    set_on_boot = "set_on_boot"
    """It is set whether it keeps what was written when its machine starts anew."""
    blocked = "blocked"
    """Nothing may be done to it."""
    revert_to = "revert_to"
    """It gets the contents of one of its snapshots."""
    revert_from = "revert_from"
    """Its contents, a snapshot's, are given back to the disk that it is of."""


class VdiType(enum.StrEnum):
    """What a disk is for; user is that of ordinary disks, and cbt_metadata keeps tracked blocks without data."""

    system = "system"
    """A disk that a machine boots from."""
    user = "user"
    """An ordinary disk."""
    ephemeral = "ephemeral"
    """A disk for scratch data."""
    suspend = "suspend"
    """The memory of a suspended machine."""
    crashdump = "crashdump"
    """The dump of a crashed guest."""
    ha_statefile = "ha_statefile"
    """What hosts tell each other by that they live."""
    metadata = "metadata"
    """The database of a pool, for use after a disaster."""
    redo_log = "redo_log"
    """Changes of the database, as they come."""
    rrd = "rrd"
    """Figures over time."""
    pvs_cache = "pvs_cache"
    """What a proxy of PVS keeps of disks that are streamed."""
    cbt_metadata = "cbt_metadata"
    """A snapshot without its data, of which the noted changes are left."""


class OnBoot(enum.StrEnum):
    """Whether a disk keeps what a machine wrote to it when the machine starts anew."""

    reset = "reset"
    """It is again as it was."""
    persist = "persist"
    """It keeps what was written."""


_KNOWN = (
    Param("uuid", STRING, "The uuid that the disk had before."),
    Param("name_label", STRING, "Its name."),
    Param("name_description", STRING, "Its description."),
    Param("SR", ref("SR"), "The repository that holds it."),
    Param("type", enum_of(VdiType), "What it is for."),
    Param("sharable", BOOL, "Whether several machines may write to it at once."),
    Param("read_only", BOOL, "Whether it can only be read."),
    Param("other_config", STRING_MAP, "Free keys of clients."),
    Param("location", STRING, "Where it is in the repository, as the driver names it."),
    Param("xenstore_data", STRING_MAP, "Keys for the XenStore of machines that have it attached.", default={}),
    Param("sm_config", STRING_MAP, "Keys of the driver.", default={}),
    Param("managed", BOOL, "False for an inner node that other disks share.", default=True),
    Param("virtual_size", INT, "The bytes that a guest sees.", default=0),
    Param("physical_utilisation", INT, "The bytes that it takes in the repository.", default=0),
    Param(
        "metadata_of_pool",
        ref("pool"),
        "The pool whose database it holds; NULL if none.",
        default="OpaqueRef:NULL",
        late=True,
    ),
    Param("is_a_snapshot", BOOL, "Whether it is a snapshot.", default=False),
    Param(
        "snapshot_time",
        DATETIME,
        "When the snapshot was taken; the epoch if it is none.",
        default=DateTime("19700101T00:00:00Z"),
    ),
    Param(
        "snapshot_of",
        ref("VDI"),
        "The disk of which it is a snapshot; NULL if none.",
        default="OpaqueRef:NULL",
        late=True,
    ),
)
"""What is said of a volume that is there already."""


class VDI(Object, roles=VM_ADMIN, constructor=True):
    """A disk in a repository, or the medium of a CD drive: what machines read and write through drives."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    allowed_operations: Set[VdiOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, VdiOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    SR: Ref[SR] = static(doc="The repository that holds the disk.")
    VBDs: Set[Ref[VBD]] = inverse("VBD.VDI", "The drives that the disk is in.")
    crash_dumps: Set[Ref[Crashdump]] = inverse("crashdump.VDI", "The dumps of crashed machines that the disk holds.")
    virtual_size: int = static(
        doc="Bytes that a guest sees; a repository may make it larger than was asked for, to fit its blocks."
    )
    physical_utilisation: int = dynamic(doc="Bytes that the disk takes in its repository.")
    type: VdiType = static(doc="What the disk is for.")
    sharable: bool = static(doc="Whether several machines may write to the disk at once.")
    read_only: bool = static(doc="Whether the disk can only be read.")
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.", key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR}
    )
    storage_lock: bool = dynamic(doc="Left over from locks of old storage layers; always false.")
    location: str = dynamic(
        "",
        "Where the disk is in its repository, as the driver names it; no other disk there has the same.",
        since="miami",
    )
    managed: bool = dynamic(
        doc="Whether the disk is somebody's: false for the inner nodes that snapshots and clones share."
    )
    missing: bool = dynamic(
        doc="Whether the last scan found the disk damaged; it is usable again once it was mended and scanned."
    )
    parent: Ref[VDI] = dynamic(
        doc="Deprecated and always NULL: vhd-parent in sm_config has the uuid of the disk that this one continues.",
        state="deprecated",
        deprecated="ely",
    )
    xenstore_data: dict[str, str] = rw(
        {},
        "Keys for the XenStore of machines that have the disk attached; kept and copied with it, not acted on yet.",
        since="miami",
    )
    sm_config: dict[str, str] = rw(
        {},
        "Keys of the driver, such as image-format and vhd-parent; type = raw at creation asks for a raw image. Passwords "
        "stand in objects of class secret.",
        passwords=Passwords.copied,
        since="miami",
    )
    is_a_snapshot: bool = dynamic(False, "Whether the disk is a snapshot of another.", since="orlando")
    snapshot_of: Ref[VDI] = dynamic(
        NULL,
        "The disk of which this is a snapshot; NULL if it is none, and dangling once that disk is gone.",
        since="orlando",
    )
    snapshots: Set[Ref[VDI]] = inverse("VDI.snapshot_of", "The snapshots of this disk.", since="orlando")
    snapshot_time: DateTime = dynamic(
        EPOCH, "When the snapshot was taken; the epoch if the disk is none.", since="orlando"
    )
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    allow_caching: bool = dynamic(
        False, "Whether hosts may cache the disk on their own storage; kept, not acted on yet.", since="cowley"
    )
    on_boot: OnBoot = dynamic(
        OnBoot.persist,
        "Whether the disk keeps what a machine wrote to it when the machine starts anew.",
        since="cowley",
    )
    metadata_of_pool: Ref[Pool] = dynamic(
        NULL, "The pool whose database the disk holds; NULL for all other disks.", since="boston"
    )
    metadata_latest: bool = dynamic(
        False, "Whether, of the disks with the database of one pool, this has the latest copy.", since="boston"
    )
    is_tools_iso: bool = dynamic(
        False, "Whether the disk is an ISO with the guest tools, as its driver marks it.", since="dundee"
    )
    cbt_enabled: bool = dynamic(False, "Whether it is tracked which blocks of the disk change.", since="inverness")

    snapshot = message(
        "Make a disk with the contents as of now; a running machine that has the disk open goes on meanwhile.",
        Param("vdi", ref("VDI"), "The disk."),
        Param("driver_params", STRING_MAP, "Hints for the driver; not looked at.", default={}),
        result=ref("VDI"),
    )
    clone = message(
        "Make a disk with the same contents, which goes its own way from then on and shares what stays the same.",
        Param("vdi", ref("VDI"), "The disk."),
        Param("driver_params", STRING_MAP, "Hints for the driver; not looked at.", default={}),
        result=ref("VDI"),
    )
    resize = message(
        "Make the disk larger while no machine has it open; it cannot become smaller.",
        Param("vdi", ref("VDI"), "The disk."),
        Param("size", INT, "The new size in bytes."),
    )
    resize_online = message(
        "Make the disk larger, even while a running machine has it open; it cannot become smaller.",
        Param("vdi", ref("VDI"), "The disk."),
        Param("size", INT, "The new size in bytes."),
        deprecated="inverness",
    )
    introduce = message(
        "Make the record of a disk that is in its repository and has none; its sizes are read from there.",
        *_KNOWN,
        result=ref("VDI"),
        errors=(SR_OPERATION_NOT_SUPPORTED,),
        since="miami",
    )
    pool_introduce = message(
        "Make the record of a disk as a host that joins the pool brings it along; the repository is not asked.",
        *_KNOWN,
        result=ref("VDI"),
        hidden=True,
    )
    db_introduce = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: make the record of a disk.",
        *_KNOWN,
        Param("cbt_enabled", BOOL, "Whether its changes are tracked.", default=False),
        result=ref("VDI"),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    db_forget = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: remove the record of a disk that is gone.",
        Param("vdi", ref("VDI"), "The disk."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    update = message(
        "Read anew from the repository how large the disk is and what it takes.",
        Param("vdi", ref("VDI"), "The disk."),
        errors=(SR_OPERATION_NOT_SUPPORTED,),
        since="symc",
    )
    copy = message(
        "Make a full copy of the disk, in the same or another repository, or over a disk that is there; progress shows in "
        "the task.",
        Param("vdi", ref("VDI"), "The disk to be copied."),
        Param("sr", ref("SR"), "The repository for the copy.", default="OpaqueRef:NULL", late=True),
        Param(
            "base_vdi",
            ref("VDI"),
            "A disk: nothing is written but what differs from it; NULL for all.",
            default="OpaqueRef:NULL",
            late=True,
        ),
        Param(
            "into_vdi",
            ref("VDI"),
            "An existing disk to be written over, which is not smaller; NULL for a new one.",
            default="OpaqueRef:NULL",
            late=True,
        ),
        result=ref("VDI"),
        errors=(
            VDI_READONLY,
            VDI_TOO_SMALL,
            VDI_NOT_SPARSE,
        ),
    )
    force_unlock = message(
        "Refused with MESSAGE_DEPRECATED: nothing is locked in this way any more.", hidden=True, arity=1
    )
    set_managed = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whether the disk is somebody's.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "Whether it is so."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    forget = message(
        "Remove the record of the disk and leave the disk in its repository.", Param("vdi", ref("VDI"), "The disk.")
    )
    set_sharable = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whether machines may share the disk.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "Whether it is so."),
        has_async=False,
        since="george",
    )
    set_read_only = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whether the disk can only be read.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "Whether it is so."),
        has_async=False,
    )
    set_missing = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whether the disk cannot be used.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "Whether it is so."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_virtual_size = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say how large the disk is.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", INT, "The bytes."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_physical_utilisation = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say how much the disk takes.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", INT, "The bytes."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_is_a_snapshot = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whether the disk is a snapshot.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "Whether it is so."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_snapshot_of = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say of which disk it is a snapshot.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", ref("VDI"), "The disk, or NULL.", late=True),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_snapshot_time = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say when the snapshot was taken.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", DATETIME, "The time."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_metadata_of_pool = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whose database the disk holds.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", ref("pool"), "The pool, or NULL.", late=True),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_name_label = message(
        "Name the disk.", Param("self", ref("VDI"), "The disk."), Param("value", STRING, "The new name.")
    )
    set_name_description = message(
        "Describe the disk.", Param("self", ref("VDI"), "The disk."), Param("value", STRING, "The new description.")
    )
    generate_config = message(
        "Tell, as XML, how a driver attaches the disk on a host while there is no toolstack.",
        Param("host", ref("host"), "The host that would attach it."),
        Param("vdi", ref("VDI"), "The disk."),
        result=STRING,
        hidden=True,
    )
    set_on_boot = message(
        "Say whether the disk keeps what a machine wrote to it, or is at each start of the machine as it is now; no "
        "running machine may have it open.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", enum_of(OnBoot), "Reset to forget it at each start, persist to keep it."),
        since="cowley",
    )
    set_allow_caching = message(
        "Say whether hosts may cache the disk on their own storage.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "True if they may."),
        since="cowley",
    )
    open_database = message(
        (
            "Meant to open the pool database that a disk of type metadata holds, in a session. Not built yet: "
            "it answers NOT_IMPLEMENTED."
        ),
        Param("self", ref("VDI"), "The disk."),
        result=ref("session"),
        roles=POOL_OPERATOR,
        since="boston",
    )
    checksum = message(
        "Compute the MD5 digest of what the disk holds, in hexadecimal digits. No machine may write it meanwhile.",
        Param("self", ref("VDI"), "The disk."),
        result=STRING,
        hidden=True,
    )
    read_database_pool_uuid = message(
        "Read the uuid of the pool whose database the disk holds; empty, since none has been opened.",
        Param("self", ref("VDI"), "The disk, which is not looked at.", late=True),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="boston",
    )
    pool_migrate = message(
        "Move the disk of a running machine to another repository while the guest reads and writes. What it is then has "
        "another reference and uuid; snapshots stay where they are.",
        Param("vdi", ref("VDI"), "The disk.", late=True),
        Param("sr", ref("SR"), "The repository to move it to.", late=True),
        Param("options", STRING_MAP, "Further options: dest-img-format, the format of the image there."),
        result=ref("VDI"),
        roles=VM_POWER_ADMIN,
        since="tampa",
    )
    enable_cbt = message(
        "Note from now on which blocks of the disk change, and of its later snapshots.",
        Param("self", ref("VDI"), "The disk."),
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
        "Note no longer which blocks of the disk change.",
        Param("self", ref("VDI"), "The disk."),
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
    set_cbt_enabled = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say whether changes of the disk are tracked.",
        Param("self", ref("VDI"), "The disk."),
        Param("value", BOOL, "Whether it is so."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    data_destroy = message(
        "Destroy the data of a snapshot, whose type becomes cbt_metadata, and keep which blocks had changed up to it.",
        Param("self", ref("VDI"), "The disk."),
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
        "Tell which blocks changed between two disks, as Base64 of a bitmap: a bit for each 64 KiB, highest first.",
        Param("vdi_from", ref("VDI"), "The older disk."),
        Param("vdi_to", ref("VDI"), "The newer disk."),
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
        "List the NBD servers that export the disk: none, and NOT_IMPLEMENTED where a network is to serve that purpose.",
        Param("self", ref("VDI"), "The disk."),
        result=set_of(record("vdi_nbd_server_info")),
        errors=(VDI_INCOMPATIBLE_TYPE,),
        has_async=False,
        since="inverness",
    )
    revert = message(
        "Bring a disk back, in place, to one of its snapshots; not built yet, as no type of repository can do it.",
        Param("snapshot", ref("VDI"), "The snapshot to go back to."),
        errors=(UNIMPLEMENTED_IN_SM_BACKEND,),
        roles=VM_POWER_ADMIN,
        since="26.16.0",
        state="prototyped",
    )
