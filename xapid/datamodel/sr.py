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
    Passwords,
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
    """What can be asked of a repository or its disks, and what can be going on with it."""

    scan = "scan"
    """It is looked through for disks."""
    destroy = "destroy"
    """It is wiped and forgotten."""
    forget = "forget"
    """The pool forgets it, and its data stays."""
    plug = "plug"
    """A host begins to use it."""
    unplug = "unplug"
    """A host ceases to use it."""
    update = "update"
    """Its size and what is free are read anew."""
    vdi_create = "vdi_create"
    """A disk is made in it."""
    vdi_introduce = "vdi_introduce"
    """A disk that is in it already gets an object."""
    vdi_destroy = "vdi_destroy"
    """One of its disks is deleted."""
    vdi_resize = "vdi_resize"
    """A disk that nobody uses is made larger."""
    vdi_clone = "vdi_clone"
    """A disk is copied in a way that shares data."""
    vdi_snapshot = "vdi_snapshot"
    """A snapshot of one of its disks is taken."""
    vdi_mirror = "vdi_mirror"
    """What is written to a disk is written to another place, too."""
    vdi_enable_cbt = "vdi_enable_cbt"
    """It begins that changed blocks of a disk are noted."""
    vdi_disable_cbt = "vdi_disable_cbt"
    """It ends that changed blocks of a disk are noted."""
    vdi_data_destroy = "vdi_data_destroy"
    """The data of a snapshot is deleted, and its noted changes stay."""
    vdi_list_changed_blocks = "vdi_list_changed_blocks"
    """It is told which blocks differ between two snapshots."""
    vdi_set_on_boot = "vdi_set_on_boot"
    """It is set whether a disk keeps what was written when its machine starts anew."""
    vdi_blocked = "vdi_blocked"
    """Nothing may be done to one of its disks."""
    vdi_copy = "vdi_copy"
    """A disk is copied with all its data."""
    vdi_force_unlock = "vdi_force_unlock"
    """A lock that a dead host held on a disk is broken."""
    vdi_forget = "vdi_forget"
    """The pool forgets a disk, and its data stays."""
    vdi_generate_config = "vdi_generate_config"
    """It is told how a disk is attached before there is a toolstack."""
    vdi_resize_online = "vdi_resize_online"
    """A disk in use is made larger."""
    vdi_update = "vdi_update"
    """What is known of a disk is read anew."""
    vdi_revert = "vdi_revert"
    """A disk gets the contents of one of its snapshots."""
    pbd_create = "pbd_create"
    """A host gets to know how it reaches it."""
    pbd_destroy = "pbd_destroy"
    """A host forgets how it reaches it."""


class SR(Object, roles=POOL_OPERATOR):
    """A storage repository: a place in which disks are kept, seen by one host or shared by several."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    allowed_operations: Set[StorageOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, StorageOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    VDIs: Set[Ref[VDI]] = inverse("VDI.SR", "The disks in the repository.")
    PBDs: Set[Ref[PBD]] = inverse("PBD.SR", "How the hosts see the repository: at most one for each.")
    virtual_allocation: int = dynamic(
        doc="Bytes that the disks would take if they were full: the sum of their virtual sizes."
    )
    physical_utilisation: int = dynamic(doc="Bytes that are taken in the repository; -1 if they were never counted.")
    physical_size: int = static(doc="Bytes that the repository can hold at all; -1 if they were never counted.")
    type: str = static(
        doc="The type of the repository, by which its driver is found, such as file or iso; in lower case."
    )
    content_type: str = static(
        doc="What the repository is for, as its maker said: iso for the media of CD drives, user or disk for others."
    )
    shared: bool = dynamic(doc="Whether several hosts may have the repository plugged at the same time.")
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.", key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR}
    )
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    sm_config: dict[str, str] = rw(
        {},
        "Keys that the driver of the repository reads, such as type = cd for drives of the host; passwords stand in "
        "objects of class secret.",
        passwords=Passwords.copied,
        since="miami",
    )
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    local_cache_enabled: bool = dynamic(
        False,
        "Whether its host has chosen it for copies of disks of other repositories; none are copied so far.",
        since="cowley",
    )
    introduced_by: Ref[DR_task] = dynamic(
        NULL, "The disaster recovery that brought the repository in; NULL for all others.", since="boston"
    )
    clustered: bool = dynamic(False, "Whether the hosts must form a cluster to use the repository.", since="dundee")
    is_tools_sr: bool = dynamic(
        False,
        "Whether the repository holds the ISOs with the guest tools, which come with the toolstack.",
        since="dundee",
    )

    create = message(
        "Make a repository, with whatever it takes on the storage, and plug it: into every host if it is shared.",
        Param("host", ref("host"), "The host that makes it; the coordinator does if it is shared."),
        Param(
            "device_config",
            STRING_MAP,
            "Where it is and how to get there, in keys that depend on the type; passwords are kept as secrets.",
        ),
        Param("physical_size", INT, "Its size in bytes, for the few drivers that are told; 0 otherwise."),
        Param("name_label", STRING, "Its name."),
        Param("name_description", STRING, "Its description."),
        Param("type", STRING, "Its type, one of SR.get_supported_types, in upper or lower case."),
        Param("content_type", STRING, "What it is for: iso for the media of CD drives, else user or empty."),
        Param("shared", BOOL, "Whether several hosts may have it plugged at the same time."),
        Param("sm_config", STRING_MAP, "Further keys for the driver.", default={}),
        result=ref("SR"),
        errors=(SR_UNKNOWN_DRIVER,),
        runs_on="host",
    )
    introduce = message(
        "Make the record of a repository that exists already; PBD.create and PBD.plug then let hosts see it.",
        Param("uuid", STRING, "The uuid that it had before; empty for a new one."),
        Param("name_label", STRING, "Its name."),
        Param("name_description", STRING, "Its description."),
        Param("type", STRING, "Its type; whether there is a driver for it shows only when it is plugged."),
        Param("content_type", STRING, "What it is for: iso for the media of CD drives, else user or empty."),
        Param("shared", BOOL, "Whether several hosts may have it plugged at the same time."),
        Param("sm_config", STRING_MAP, "Further keys for the driver.", default={}),
        result=ref("SR"),
    )
    make = message(
        "Refused with MESSAGE_DEPRECATED: SR.create makes repositories.",
        Param("host", ref("host"), "A host."),
        Param("device_config", STRING_MAP, "Not looked at."),
        Param("physical_size", INT, "Not looked at."),
        Param("name_label", STRING, "Not looked at."),
        Param("name_description", STRING, "Not looked at."),
        Param("type", STRING, "Not looked at."),
        Param("content_type", STRING, "Not looked at."),
        Param("sm_config", STRING_MAP, "Not looked at.", default={}),
        result=STRING,
        state="deprecated",
        deprecated="miami",
        runs_on="host",
    )
    destroy = message(
        "Destroy the repository on its storage, with its records; it must be unplugged everywhere and hold no disks.",
        Param("sr", ref("SR"), "The repository."),
        errors=(SR_HAS_PBD,),
    )
    forget = message(
        (
            "Remove the records of the repository and its disks, and touch nothing in it; it must be unplugged "
            "everywhere."
        ),
        Param("sr", ref("SR"), "The repository."),
        errors=(SR_HAS_PBD,),
    )
    update = message(
        "Read anew how large the repository is and how much of it is taken.",
        Param("sr", ref("SR"), "The repository."),
        since="symc",
    )
    get_supported_types = message(
        "List the types of repositories that there are drivers for.",
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    scan = message(
        (
            "Make the records of the disks agree with what is in the repository, where others may have added "
            "or removed some."
        ),
        Param("sr", ref("SR"), "The repository."),
        roles=VM_POWER_ADMIN,
    )
    probe = message(
        "Look for repositories that a configuration leads to; returns an XML text with an SRlist of them.",
        Param("host", ref("host"), "The host that looks."),
        Param("device_config", STRING_MAP, "Where to look, in keys that depend on the type."),
        Param("type", STRING, "The type of repository to look for."),
        Param("sm_config", STRING_MAP, "Further keys for the driver.", default={}),
        result=STRING,
        since="miami",
        runs_on="host",
    )
    probe_ext = message(
        "Look for repositories that a configuration leads to; each comes with the configuration that attaches it.",
        Param("host", ref("host"), "The host that looks."),
        Param("device_config", STRING_MAP, "Where to look, in keys that depend on the type."),
        Param("type", STRING, "The type of repository to look for."),
        Param("sm_config", STRING_MAP, "Further keys for the driver.", default={}),
        result=set_of(record("probe_result")),
        since="kolkata",
        runs_on="host",
    )
    set_shared = message(
        "Say whether several hosts may have the repository plugged; one that has several PBDs stays shared.",
        Param("sr", ref("SR"), "The repository."),
        Param("value", BOOL, "True for a shared repository."),
    )
    set_name_label = message(
        "Name the repository; it must be plugged, since the name belongs to the storage too.",
        Param("sr", ref("SR"), "The repository."),
        Param("value", STRING, "The new name."),
    )
    set_name_description = message(
        "Describe the repository; it must be plugged, since the description belongs to the storage too.",
        Param("sr", ref("SR"), "The repository."),
        Param("value", STRING, "The new description."),
    )
    create_new_blob = message(
        "Make a blob and enter it into blobs of the repository.",
        Param("sr", ref("SR"), "The repository."),
        Param("name", STRING, "The name in blobs, which must be free."),
        Param("mime_type", STRING, "The MIME type of the contents; empty for application/octet-stream."),
        Param("public", BOOL, "Whether anybody may read it without a session.", default=False),
        result=ref("blob"),
        since="orlando",
    )
    set_physical_size = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say how many bytes it holds.",
        Param("self", ref("SR"), "The repository.", late=True),
        Param("value", INT, "The bytes."),
        has_async=False,
        since="miami",
    )
    set_virtual_allocation = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say how many bytes its disks would take if they were full.",
        Param("self", ref("SR"), "The repository.", late=True),
        Param("value", INT, "The bytes."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_physical_utilisation = message(
        "Of storage plug-ins alone, PERMISSION_DENIED to others: say how many bytes of it are taken.",
        Param("self", ref("SR"), "The repository.", late=True),
        Param("value", INT, "The bytes."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    assert_can_host_ha_statefile = message(
        "Raise what keeps the repository from holding the state of high availability.",
        Param("sr", ref("SR"), "The repository."),
        since="orlando",
    )
    assert_supports_database_replication = message(
        "Raise what keeps the repository from taking copies of the database.",
        Param("sr", ref("SR"), "The repository."),
        since="boston",
    )
    enable_database_replication = message(
        (
            "Meant to keep a copy of the pool's database in the repository, for disaster recovery. Not built "
            "yet: it answers NOT_IMPLEMENTED."
        ),
        Param("sr", ref("SR"), "The repository."),
        since="boston",
    )
    disable_database_replication = message(
        (
            "Meant to keep no copy of the pool's database in the repository any more. Not built yet: it "
            "answers NOT_IMPLEMENTED."
        ),
        Param("sr", ref("SR"), "The repository."),
        since="boston",
    )
    get_data_sources = message(
        "List the figures that are taken of the repository. None is recorded over time yet.",
        Param("sr", ref("SR"), "The repository."),
        result=set_of(record("data_source")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="dundee",
    )
    record_data_source = message(
        "Meant to have a figure of the repository recorded over time. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("sr", ref("SR"), "The repository."),
        Param("data_source", STRING, "The name of the figure."),
        has_async=False,
        since="dundee",
    )
    query_data_source = message(
        "Read the latest value of a figure of the repository.",
        Param("sr", ref("SR"), "The repository."),
        Param("data_source", STRING, "The name of the figure."),
        result=FLOAT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="dundee",
    )
    forget_data_source_archives = message(
        "Drop what was recorded of a figure of the repository: nothing, as yet.",
        Param("sr", ref("SR"), "The repository."),
        Param("data_source", STRING, "The name of the figure."),
        has_async=False,
        since="dundee",
    )
    get_live_hosts = message(
        "List the enabled hosts that have the repository plugged.",
        Param("sr", ref("SR"), "The repository.", late=True),
        result=set_of(ref("host")),
        hidden=True,
    )
