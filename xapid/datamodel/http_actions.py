"""The HTTP handlers beside the RPC endpoint: method, path, who may use them, and their query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xapid.datamodel.roles import (
    CLIENT_CERT,
    LOCAL_ROOT,
    POOL_ADMIN,
    POOL_OPERATOR,
    READ_ONLY,
    VM_ADMIN,
    VM_OPERATOR,
    VM_POWER_ADMIN,
    Roles,
    role_set,
)


@dataclass(frozen=True)
class HttpAction:
    """One handler. Its permission is ``http/<name>``."""

    name: str
    method: str
    path: str
    doc: str
    roles: Roles
    query: tuple[tuple[str, str], ...] = ()
    """Parameters that the SDKs know, each with its type."""
    in_sdk: bool = True
    sub_actions: Mapping[str, Roles] = field(default_factory=dict)
    """Parts of it that need more: the console of a host."""


HTTP_ACTIONS: tuple[HttpAction, ...] = (
    HttpAction(
        "get_services",
        "GET",
        "/services",
        "Meant to tell which services the host offers, in JSON. Not built yet: it answers 501.",
        READ_ONLY,
    ),
    HttpAction(
        "post_services",
        "POST",
        "/services",
        "Passes a call on to a service of the host; there is none, so that it answers 404.",
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "put_services",
        "PUT",
        "/services",
        "Meant to pass a stream on to a service of the host. Not built yet: it answers 501.",
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "post_remote_db_access",
        "POST",
        "/remote_db_access",
        (
            "Meant to let a member of the pool read and write the database of the coordinator. Not built "
            "yet: it answers 501."
        ),
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "post_remote_db_access_v2",
        "POST",
        "/remote_db_access_v2",
        "Meant to be the same as /remote_db_access, in a later form. Not built yet: it answers 501.",
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "get_services_xenops",
        "GET",
        "/services/xenops",
        "Meant to pass a connection on to what runs the guests. Not built yet: it answers 501.",
        VM_POWER_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "post_services_xenops",
        "POST",
        "/services/xenops",
        (
            "Meant to pass a call on to what runs the guests, as a host does that sends one over. Not built "
            "yet: it answers 501."
        ),
        role_set(VM_POWER_ADMIN, CLIENT_CERT),
        in_sdk=False,
    ),
    HttpAction(
        "put_services_xenops",
        "PUT",
        "/services/xenops",
        "Meant to receive a guest that another host sends over. Not built yet: it answers 501.",
        role_set(VM_POWER_ADMIN, CLIENT_CERT),
        in_sdk=False,
    ),
    HttpAction(
        "get_services_sm",
        "GET",
        "/services/SM",
        "Meant to tell which storage drivers the host has, in JSON. Not built yet: it answers 501.",
        VM_POWER_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "post_services_sm",
        "POST",
        "/services/SM",
        (
            "Meant to call the storage of the host, as another host does that moves a disk. Not built yet: "
            "it answers 501."
        ),
        VM_POWER_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "put_services_sm",
        "PUT",
        "/services/SM",
        "Meant to receive the data of a disk that another host sends over. Not built yet: it answers 501.",
        VM_POWER_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "put_import",
        "PUT",
        "/import",
        "Meant to import machines from an archive, disks and all. Not built yet: it answers 501.",
        VM_ADMIN,
        (
            ("restore", "bool"),
            ("force", "bool"),
            ("sr_id", "string"),
        ),
    ),
    HttpAction(
        "put_import_metadata",
        "PUT",
        "/import_metadata",
        "Meant to import machines whose disks are there already. Not built yet: it answers 501.",
        VM_ADMIN,
        (
            ("restore", "bool"),
            ("force", "bool"),
            ("dry_run", "bool"),
        ),
    ),
    HttpAction(
        "put_import_raw_vdi",
        "PUT",
        "/import_raw_vdi",
        "Meant to fill a disk with data, or to make one of it. Not built yet: it answers 501.",
        VM_ADMIN,
        (
            ("vdi", "string"),
            ("format", "string"),
            ("chunked", "bool"),
        ),
    ),
    HttpAction(
        "get_export",
        "GET",
        "/export",
        "Meant to export a machine as an archive, disks and all. Not built yet: it answers 501.",
        VM_ADMIN,
        (
            ("uuid", "string"),
            ("use_compression", "string"),
            ("preserve_power_state", "bool"),
        ),
    ),
    HttpAction(
        "get_export_metadata",
        "GET",
        "/export_metadata",
        "Meant to export machines without their disks. Not built yet: it answers 501.",
        VM_ADMIN,
        (
            ("uuid", "string"),
            ("all", "bool"),
            ("include_dom0", "bool"),
            ("include_vhd_parents", "bool"),
            ("export_snapshots", "bool"),
            ("excluded_device_types", "string"),
        ),
    ),
    HttpAction(
        "get_export_raw_vdi",
        "GET",
        "/export_raw_vdi",
        "Meant to read the data of a disk, whole or what differs from another. Not built yet: it answers 501.",
        VM_ADMIN,
        (
            ("vdi", "string"),
            ("format", "string"),
        ),
    ),
    HttpAction(
        "connect_console",
        "CONNECT",
        "/console",
        ("Connect to a console of a machine: after the answer 200 the connection carries what the console speaks."),
        VM_OPERATOR,
        in_sdk=False,
        sub_actions={"host_console": POOL_ADMIN},
    ),
    HttpAction(
        "connect_console_ws",
        "GET",
        "/console",
        "Connect to a console of a machine through a WebSocket, whose messages are what the console speaks.",
        VM_OPERATOR,
        in_sdk=False,
        sub_actions={"host_console_ws": POOL_ADMIN},
    ),
    HttpAction(
        "get_root",
        "GET",
        "/",
        "Serve the files of a web site, which there is none of, so that an unknown path gets 404.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction(
        "post_cli",
        "POST",
        "/cli",
        "Meant to serve the thin client xe. Not built yet: it answers 501.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction(
        "get_host_backup",
        "GET",
        "/host_backup",
        "Meant to read a backup of the host. Not built yet: it answers 501.",
        POOL_ADMIN,
    ),
    HttpAction(
        "put_host_restore",
        "PUT",
        "/host_restore",
        "Meant to restore the host from a backup. Not built yet: it answers 501.",
        POOL_ADMIN,
    ),
    HttpAction(
        "get_host_logs_download",
        "GET",
        "/host_logs_download",
        "Give all logs of this host, as an archive.",
        POOL_OPERATOR,
    ),
    HttpAction(
        "put_pool_patch_upload",
        "PUT",
        "/pool_patch_upload",
        "Meant to receive an update in the old form of patches. Not built yet: it answers 501.",
        POOL_OPERATOR,
        (("sr_id", "string"),),
    ),
    HttpAction(
        "get_vncsnapshot",
        "GET",
        "/vncsnapshot",
        "Take a picture (JPEG) of the screen of a machine.",
        VM_OPERATOR,
        (("uuid", "string"),),
        sub_actions={"host_console": POOL_ADMIN},
    ),
    HttpAction(
        "get_pool_xml_db_sync",
        "GET",
        "/pool/xmldbdump",
        "Meant to read the whole database as XML. Not built yet: it answers 501.",
        POOL_ADMIN,
    ),
    HttpAction(
        "put_pool_xml_db_sync",
        "PUT",
        "/pool/xmldbdump",
        (
            "Meant to restore the database from XML, or, with dry_run, to see whether that would do. Not "
            "built yet: it answers 501."
        ),
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "get_config_sync",
        "GET",
        "/sync_config_files",
        ("Meant to give a member of the pool the files that all hosts have alike. Not built yet: it answers 501."),
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "get_system_status",
        "GET",
        "/system-status",
        "Give a report of this host for who looks for faults, as an archive; with the parameter list, what one can hold.",
        POOL_OPERATOR,
        (
            ("entries", "string"),
            ("output", "string"),
        ),
    ),
    HttpAction(
        "vm_rrd",
        "GET",
        "/vm_rrd",
        "Reads the figures of one machine over time; none are kept yet, so that it answers 404.",
        READ_ONLY,
        (
            ("uuid", "string"),
            ("json", "bool"),
        ),
    ),
    HttpAction(
        "get_vm_rrds",
        "GET",
        "/vm_rrds",
        "Another name of /vm_rrd.",
        READ_ONLY,
        (
            ("uuid", "string"),
            ("json", "bool"),
        ),
        in_sdk=False,
    ),
    HttpAction(
        "host_rrd",
        "GET",
        "/host_rrd",
        "Reads the figures of the host over time; none are kept yet, so that it answers 404.",
        READ_ONLY,
        (("json", "bool"),),
    ),
    HttpAction(
        "get_host_rrds",
        "GET",
        "/host_rrds",
        "Another name of /host_rrd.",
        READ_ONLY,
        (("json", "bool"),),
        in_sdk=False,
    ),
    HttpAction(
        "sr_rrd",
        "GET",
        "/sr_rrd",
        "Reads the figures of one storage repository over time; none are kept yet, so that it answers 404.",
        READ_ONLY,
        (("uuid", "string"),),
    ),
    HttpAction(
        "rrd_updates",
        "GET",
        "/rrd_updates",
        "Reads the figures of everything on the host since a moment; none are kept yet, so that it answers 404.",
        READ_ONLY,
        (
            ("start", "int64"),
            ("cf", "string"),
            ("interval", "int64"),
            ("host", "bool"),
            ("uuid", "string"),
            ("json", "bool"),
        ),
    ),
    HttpAction(
        "rrd",
        "PUT",
        "/rrd",
        (
            "Meant to receive the figures of a machine or host over time, as another host sends them. Not "
            "built yet: it answers 501."
        ),
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "get_blob",
        "GET",
        "/blob",
        "Meant to read the data of a blob; a public one needs no login. Not built yet: it answers 501.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction(
        "put_blob",
        "PUT",
        "/blob",
        "Meant to write the data of a blob. Not built yet: it answers 501.",
        VM_POWER_ADMIN,
        (("ref", "string"),),
    ),
    HttpAction(
        "put_messages",
        "PUT",
        "/messages",
        ("Meant to receive the messages about a machine that comes from another pool. Not built yet: it answers 501."),
        VM_POWER_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "connect_remotecmd",
        "CONNECT",
        "/remotecmd",
        "Meant to let another host of the pool copy files. Not built yet: it answers 501.",
        POOL_ADMIN,
        in_sdk=False,
    ),
    HttpAction(
        "get_wlb_report",
        "GET",
        "/wlb_report",
        "Meant to read a report of the service that balances load. Not built yet: it answers 501.",
        READ_ONLY,
        (("report", "string"),),
    ),
    HttpAction(
        "get_wlb_diagnostics",
        "GET",
        "/wlb_diagnostics",
        "Meant to read the log of the service that balances load. Not built yet: it answers 501.",
        READ_ONLY,
    ),
    HttpAction(
        "get_audit_log",
        "GET",
        "/audit_log",
        "Read the audit log: who called what, and how it ended, from a moment on if since is given.",
        READ_ONLY,
        (("since", "string"),),
    ),
    HttpAction(
        "post_root",
        "POST",
        "/",
        "Answer a call in XML-RPC; every path that nothing else serves is taken for this one.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction("post_RPC2", "POST", "/RPC2", "Answer a call in XML-RPC.", READ_ONLY, in_sdk=False),
    HttpAction(
        "post_json", "POST", "/json", "Answer a call in XML-RPC too, whatever the name says.", READ_ONLY, in_sdk=False
    ),
    HttpAction(
        "post_root_options",
        "OPTIONS",
        "/",
        "Tell the browser that programs of other sites may call.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction(
        "post_json_options",
        "OPTIONS",
        "/json",
        "Tell the browser that programs of other sites may call.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction("post_jsonrpc", "POST", "/jsonrpc", "Answer a call in JSON-RPC, 1.0 or 2.0.", READ_ONLY, in_sdk=False),
    HttpAction(
        "post_jsonrpc_options",
        "OPTIONS",
        "/jsonrpc",
        "Tell the browser that programs of other sites may call.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction(
        "get_pool_update_download",
        "GET",
        "/update/",
        "Meant to read a file of an update that a host holds. Not built yet: it answers 501.",
        READ_ONLY,
        in_sdk=False,
    ),
    HttpAction(
        "get_repository",
        "GET",
        "/repository",
        (
            "Meant to read a file of a repository of updates that the coordinator holds, for hosts alone. "
            "Not built yet: it answers 501."
        ),
        LOCAL_ROOT,
        in_sdk=False,
    ),
    HttpAction(
        "get_enabled_repository",
        "GET",
        "/repository/enabled",
        "Meant to read a file of the repository of updates that is in use. Not built yet: it answers 501.",
        role_set(POOL_OPERATOR, CLIENT_CERT),
        in_sdk=False,
    ),
    HttpAction(
        "get_host_updates",
        "GET",
        "/host_updates",
        "Meant to tell which updates the host lacks, or has. Not built yet: it answers 501.",
        role_set(POOL_OPERATOR, CLIENT_CERT),
        in_sdk=False,
    ),
    HttpAction(
        "get_updates",
        "GET",
        "/updates",
        "Meant to tell which updates the hosts of the pool lack. Not built yet: it answers 501.",
        role_set(POOL_OPERATOR, CLIENT_CERT),
    ),
    HttpAction(
        "put_bundle",
        "PUT",
        "/bundle",
        "Meant to receive a whole repository of updates as an archive. Not built yet: it answers 501.",
        POOL_OPERATOR,
    ),
)
