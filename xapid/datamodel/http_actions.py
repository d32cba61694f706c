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
    roles: Roles
    query: tuple[tuple[str, str], ...] = ()
    """Parameters that the SDKs know, each with its type."""
    in_sdk: bool = True
    sub_actions: Mapping[str, Roles] = field(default_factory=dict)
    """Parts of it that need more: the console of a host."""


HTTP_ACTIONS: tuple[HttpAction, ...] = (
    HttpAction("get_services", "GET", "/services", READ_ONLY),
    HttpAction("post_services", "POST", "/services", POOL_ADMIN, in_sdk=False),
    HttpAction("put_services", "PUT", "/services", POOL_ADMIN, in_sdk=False),
    HttpAction("post_remote_db_access", "POST", "/remote_db_access", POOL_ADMIN, in_sdk=False),
    HttpAction("post_remote_db_access_v2", "POST", "/remote_db_access_v2", POOL_ADMIN, in_sdk=False),
    HttpAction("get_services_xenops", "GET", "/services/xenops", VM_POWER_ADMIN, in_sdk=False),
    HttpAction("post_services_xenops", "POST", "/services/xenops", role_set(VM_POWER_ADMIN, CLIENT_CERT), in_sdk=False),
    HttpAction("put_services_xenops", "PUT", "/services/xenops", role_set(VM_POWER_ADMIN, CLIENT_CERT), in_sdk=False),
    HttpAction("get_services_sm", "GET", "/services/SM", VM_POWER_ADMIN, in_sdk=False),
    HttpAction("post_services_sm", "POST", "/services/SM", VM_POWER_ADMIN, in_sdk=False),
    HttpAction("put_services_sm", "PUT", "/services/SM", VM_POWER_ADMIN, in_sdk=False),
    HttpAction(
        "put_import",
        "PUT",
        "/import",
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
        VM_ADMIN,
        (
            ("vdi", "string"),
            ("format", "string"),
        ),
    ),
    HttpAction(
        "connect_console", "CONNECT", "/console", VM_OPERATOR, in_sdk=False, sub_actions={"host_console": POOL_ADMIN}
    ),
    HttpAction(
        "connect_console_ws", "GET", "/console", VM_OPERATOR, in_sdk=False, sub_actions={"host_console_ws": POOL_ADMIN}
    ),
    HttpAction("get_root", "GET", "/", READ_ONLY, in_sdk=False),
    HttpAction("post_cli", "POST", "/cli", READ_ONLY, in_sdk=False),
    HttpAction("get_host_backup", "GET", "/host_backup", POOL_ADMIN),
    HttpAction("put_host_restore", "PUT", "/host_restore", POOL_ADMIN),
    HttpAction("get_host_logs_download", "GET", "/host_logs_download", POOL_OPERATOR),
    HttpAction("put_pool_patch_upload", "PUT", "/pool_patch_upload", POOL_OPERATOR, (("sr_id", "string"),)),
    HttpAction(
        "get_vncsnapshot",
        "GET",
        "/vncsnapshot",
        VM_OPERATOR,
        (("uuid", "string"),),
        sub_actions={"host_console": POOL_ADMIN},
    ),
    HttpAction("get_pool_xml_db_sync", "GET", "/pool/xmldbdump", POOL_ADMIN),
    HttpAction("put_pool_xml_db_sync", "PUT", "/pool/xmldbdump", POOL_ADMIN, in_sdk=False),
    HttpAction("get_config_sync", "GET", "/sync_config_files", POOL_ADMIN, in_sdk=False),
    HttpAction(
        "get_system_status",
        "GET",
        "/system-status",
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
        READ_ONLY,
        (
            ("uuid", "string"),
            ("json", "bool"),
        ),
        in_sdk=False,
    ),
    HttpAction("host_rrd", "GET", "/host_rrd", READ_ONLY, (("json", "bool"),)),
    HttpAction("get_host_rrds", "GET", "/host_rrds", READ_ONLY, (("json", "bool"),), in_sdk=False),
    HttpAction("sr_rrd", "GET", "/sr_rrd", READ_ONLY, (("uuid", "string"),)),
    HttpAction(
        "rrd_updates",
        "GET",
        "/rrd_updates",
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
    HttpAction("rrd", "PUT", "/rrd", POOL_ADMIN, in_sdk=False),
    HttpAction("get_blob", "GET", "/blob", READ_ONLY, in_sdk=False),
    HttpAction("put_blob", "PUT", "/blob", VM_POWER_ADMIN, (("ref", "string"),)),
    HttpAction("put_messages", "PUT", "/messages", VM_POWER_ADMIN, in_sdk=False),
    HttpAction("connect_remotecmd", "CONNECT", "/remotecmd", POOL_ADMIN, in_sdk=False),
    HttpAction("get_wlb_report", "GET", "/wlb_report", READ_ONLY, (("report", "string"),)),
    HttpAction("get_wlb_diagnostics", "GET", "/wlb_diagnostics", READ_ONLY),
    HttpAction("get_audit_log", "GET", "/audit_log", READ_ONLY, (("since", "string"),)),
    HttpAction("post_root", "POST", "/", READ_ONLY, in_sdk=False),
    HttpAction("post_RPC2", "POST", "/RPC2", READ_ONLY, in_sdk=False),
    HttpAction("post_json", "POST", "/json", READ_ONLY, in_sdk=False),
    HttpAction("post_root_options", "OPTIONS", "/", READ_ONLY, in_sdk=False),
    HttpAction("post_json_options", "OPTIONS", "/json", READ_ONLY, in_sdk=False),
    HttpAction("post_jsonrpc", "POST", "/jsonrpc", READ_ONLY, in_sdk=False),
    HttpAction("post_jsonrpc_options", "OPTIONS", "/jsonrpc", READ_ONLY, in_sdk=False),
    HttpAction("get_pool_update_download", "GET", "/update/", READ_ONLY, in_sdk=False),
    HttpAction("get_repository", "GET", "/repository", LOCAL_ROOT, in_sdk=False),
    HttpAction(
        "get_enabled_repository", "GET", "/repository/enabled", role_set(POOL_OPERATOR, CLIENT_CERT), in_sdk=False
    ),
    HttpAction("get_host_updates", "GET", "/host_updates", role_set(POOL_OPERATOR, CLIENT_CERT), in_sdk=False),
    HttpAction("get_updates", "GET", "/updates", role_set(POOL_OPERATOR, CLIENT_CERT)),
    HttpAction("put_bundle", "PUT", "/bundle", POOL_OPERATOR),
)
