"""The class pool."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    CANNOT_CONTACT_HOST,
    CANNOT_PLUG_BOND_SLAVE,
    HA_IS_ENABLED,
    HOST_IS_SLAVE,
    INTERNAL_ERROR,
    JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS,
    NOT_SUPPORTED_DURING_UPGRADE,
    PIF_HAS_NO_NETWORK_CONFIGURATION,
    PIF_HAS_NO_V6_NETWORK_CONFIGURATION,
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE,
    PIF_NOT_PRESENT,
    VLAN_TAG_INVALID,
)
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, role_set
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
    map_of,
    message,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.blob import Blob
    from xapid.datamodel.host import Host
    from xapid.datamodel.repository import Repository
    from xapid.datamodel.secret import Secret
    from xapid.datamodel.sr import SR
    from xapid.datamodel.vdi import VDI


class PoolAllowedOperations(enum.StrEnum):
    ""

    ha_enable = "ha_enable"
    ha_disable = "ha_disable"
    cluster_create = "cluster_create"
    designate_new_master = "designate_new_master"
    configure_repositories = "configure_repositories"
    sync_updates = "sync_updates"
    sync_bundle = "sync_bundle"
    get_updates = "get_updates"
    apply_updates = "apply_updates"
    tls_verification_enable = "tls_verification_enable"
    cert_refresh = "cert_refresh"
    exchange_certificates_on_join = "exchange_certificates_on_join"
    exchange_ca_certificates_on_join = "exchange_ca_certificates_on_join"
    copy_primary_host_certs = "copy_primary_host_certs"
    eject = "eject"
    exchange_crls_on_join = "exchange_crls_on_join"


class TelemetryFrequency(enum.StrEnum):
    ""

    daily = "daily"
    weekly = "weekly"
    monthly = "monthly"


class UpdateSyncFrequency(enum.StrEnum):
    ""

    daily = "daily"
    weekly = "weekly"


class PoolGuestSecurebootReadiness(enum.StrEnum):
    ""

    ready = "ready"
    ready_no_dbx = "ready_no_dbx"
    not_ready = "not_ready"


class CertificatePurpose(enum.StrEnum):
    ""

    licensing = "licensing"
    ldaps = "ldaps"


class Pool(
    Object,
    name="pool",
    roles=POOL_OPERATOR,
    named=False,
    implicit_roles={"set_wlb_enabled": role_set(POOL_OPERATOR, CLIENT_CERT)},
):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw(doc="The name, for people; need not be unique.")
    name_description: str = rw(doc="A description, for people.")
    master: Ref[Host] = dynamic()
    default_SR: Ref[SR] = rw()
    suspend_image_SR: Ref[SR] = rw()
    crash_dump_SR: Ref[SR] = rw()
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.",
        key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR, "EMPTY_FOLDERS": VM_OPERATOR},
    )
    ha_enabled: bool = dynamic(False, since="orlando")
    ha_configuration: dict[str, str] = dynamic({}, since="orlando")
    ha_statefiles: Set[str] = dynamic((), since="orlando")
    ha_host_failures_to_tolerate: int = dynamic(0, since="orlando")
    ha_plan_exists_for: int = dynamic(0, since="orlando")
    ha_allow_overcommit: bool = rw(False, since="orlando")
    ha_overcommitted: bool = dynamic(False, since="orlando")
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    gui_config: dict[str, str] = rw({}, roles=VM_OPERATOR, since="orlando")
    health_check_config: dict[str, str] = rw({}, since="dundee")
    wlb_url: str = dynamic("", since="george")
    wlb_username: str = dynamic("", since="george")
    wlb_enabled: bool = rw(False, since="george")
    wlb_verify_cert: bool = rw(False, since="george", state="deprecated", deprecated="1.290.0")
    redo_log_enabled: bool = dynamic(False, since="midnight-ride")
    redo_log_vdi: Ref[VDI] = dynamic(NULL, since="midnight-ride")
    vswitch_controller: str = dynamic("", since="midnight-ride", state="deprecated", deprecated="falcon")
    restrictions: dict[str, str] = dynamic({}, since="midnight-ride")
    metadata_VDIs: Set[Ref[VDI]] = inverse("VDI.metadata_of_pool", since="boston")
    ha_cluster_stack: str = dynamic("", since="dundee")
    allowed_operations: Set[PoolAllowedOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, PoolAllowedOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    guest_agent_config: dict[str, str] = dynamic({}, since="dundee")
    cpu_info: dict[str, str] = dynamic({}, since="dundee")
    policy_no_vendor_device: bool = rw(False, since="dundee", state="deprecated", deprecated="24.14.0")
    live_patching_disabled: bool = rw(False, since="ely")
    igmp_snooping_enabled: bool = dynamic(False, since="inverness")
    uefi_certificates: str = static("", since="quebec")
    custom_uefi_certificates: str = static("", since="24.0.0", state="prototyped")
    is_psr_pending: bool = rw(False, since="stockholm_psr")
    tls_verification_enabled: bool = dynamic(False, since="1.290.0")
    repositories: Set[Ref[Repository]] = dynamic((), since="1.301.0")
    client_certificate_auth_enabled: bool = dynamic(False, since="1.318.0")
    client_certificate_auth_name: str = dynamic("", since="1.318.0")
    repository_proxy_url: str = dynamic("", since="21.3.0")
    repository_proxy_username: str = dynamic("", since="21.3.0")
    repository_proxy_password: Ref[Secret] = dynamic(NULL, since="21.3.0")
    migration_compression: bool = rw(False, since="22.33.0", state="prototyped")
    coordinator_bias: bool = rw(True, since="22.37.0")
    local_auth_max_threads: int = static(8, since="23.27.0", state="prototyped")
    ext_auth_max_threads: int = static(1, since="23.27.0", state="prototyped")
    ext_auth_cache_enabled: bool = dynamic(True, since="24.31.0", state="prototyped")
    ext_auth_cache_size: int = dynamic(50, since="24.31.0", state="prototyped")
    ext_auth_cache_expiry: int = dynamic(300, since="24.31.0", state="prototyped")
    telemetry_uuid: Ref[Secret] = dynamic(NULL, since="23.9.0", state="prototyped")
    telemetry_frequency: TelemetryFrequency = dynamic(TelemetryFrequency.weekly, since="23.9.0", state="prototyped")
    telemetry_next_collection: DateTime = dynamic(EPOCH, since="23.9.0", state="prototyped")
    last_update_sync: DateTime = dynamic(EPOCH, since="23.18.0", state="prototyped")
    update_sync_frequency: UpdateSyncFrequency = dynamic(
        UpdateSyncFrequency.weekly, since="23.18.0", state="prototyped"
    )
    update_sync_day: int = dynamic(0, since="23.18.0", state="prototyped")
    update_sync_enabled: bool = dynamic(False, since="23.18.0", state="prototyped")
    recommendations: dict[str, str] = dynamic({}, since="24.19.1", state="prototyped")
    license_server: dict[str, str] = rw({}, since="25.6.0", state="prototyped")
    ha_reboot_vm_on_internal_shutdown: bool = rw(True, since="25.16.0", state="prototyped")
    limit_console_sessions: bool = rw(False, since="26.1.0", state="prototyped")
    vm_console_idle_timeout: int = rw(0, since="26.1.0", state="prototyped")
    auto_update_vm_secureboot_certificates: bool = rw(False, since="26.16.1", state="prototyped")

    join = message(
        "",
        Param("master_address", STRING),
        Param("master_username", STRING),
        Param("master_password", STRING, secret=True),
        errors=(JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS,),
    )
    join_force = message(
        "",
        Param("master_address", STRING),
        Param("master_username", STRING),
        Param("master_password", STRING, secret=True),
    )
    eject = message("", Param("host", ref("host")), runs_on="host")
    initial_auth = message("", hidden=True, arity=0)
    exchange_certificates_on_join = message("", Param("uuid", STRING), Param("certificate", STRING), hidden=True)
    exchange_ca_certificates_on_join = message("", hidden=True, arity=2)
    emergency_transition_to_master = message("", has_async=False)
    emergency_reset_master = message("", Param("master_address", STRING), has_async=False)
    recover_slaves = message("", result=set_of(ref("host")))
    hello = message("", Param("host_uuid", STRING), Param("host_address", STRING), hidden=True)
    is_slave = message("", Param("host", ref("host")), result=BOOL, roles=POOL_ADMIN, hidden=True)
    create_VLAN = message(
        "",
        Param("device", STRING),
        Param("network", ref("network"), late=True),
        Param("VLAN", INT),
        result=set_of(ref("PIF")),
        errors=(VLAN_TAG_INVALID,),
    )
    management_reconfigure = message(
        "",
        Param("network", ref("network")),
        errors=(
            HA_IS_ENABLED,
            PIF_NOT_PRESENT,
            CANNOT_PLUG_BOND_SLAVE,
            PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE,
            PIF_HAS_NO_NETWORK_CONFIGURATION,
            PIF_HAS_NO_V6_NETWORK_CONFIGURATION,
        ),
        since="inverness",
    )
    create_VLAN_from_PIF = message(
        "",
        Param("pif", ref("PIF")),
        Param("network", ref("network")),
        Param("VLAN", INT),
        result=set_of(ref("PIF")),
        errors=(VLAN_TAG_INVALID,),
    )
    enable_ha = message(
        "",
        Param("heartbeat_srs", set_of(ref("SR"))),
        Param("configuration", STRING_MAP),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="miami",
    )
    disable_ha = message("", roles=role_set(POOL_OPERATOR, CLIENT_CERT), since="miami")
    sync_database = message("")
    designate_new_master = message("", Param("host", ref("host")), since="miami")
    ha_prevent_restarts_for = message("", Param("seconds", INT), has_async=False, since="orlando-update-1")
    ha_failover_plan_exists = message("", Param("n", INT), result=BOOL, has_async=False, since="orlando")
    ha_compute_max_host_failures_to_tolerate = message("", result=INT, has_async=False, since="orlando")
    ha_compute_hypothetical_max_host_failures_to_tolerate = message(
        "",
        Param("configuration", map_of(ref("VM"), STRING)),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
    )
    ha_compute_vm_failover_plan = message(
        "",
        Param("failed_hosts", set_of(ref("host"))),
        Param("failed_vms", set_of(ref("VM"))),
        result=map_of(ref("VM"), STRING_MAP),
        has_async=False,
        since="orlando",
    )
    set_ha_host_failures_to_tolerate = message("", Param("self", ref("pool")), Param("value", INT), since="orlando")
    create_new_blob = message(
        "",
        Param("pool", ref("pool")),
        Param("name", STRING),
        Param("mime_type", STRING),
        Param("public", BOOL, default=False),
        result=ref("blob"),
        since="orlando",
    )
    ha_schedule_plan_recomputation = message("", roles=LOCAL_ROOT, hidden=True, arity=0)
    enable_binary_storage = message("", hidden=True, arity=0)
    disable_binary_storage = message("", hidden=True, arity=0)
    enable_external_auth = message(
        "",
        Param("pool", ref("pool")),
        Param("config", STRING_MAP),
        Param("service_name", STRING),
        Param("auth_type", STRING),
        roles=POOL_ADMIN,
        has_async=False,
        since="george",
    )
    disable_external_auth = message(
        "",
        Param("pool", ref("pool")),
        Param("config", STRING_MAP, default={}),
        roles=POOL_ADMIN,
        has_async=False,
        since="george",
    )
    external_auth_set_ldaps = message(
        "",
        Param("pool", ref("pool")),
        Param("ldaps", BOOL),
        Param("force", BOOL, default=False),
        roles=POOL_ADMIN,
        has_async=False,
        since="26.16.0",
    )
    detect_nonhomogeneous_external_auth = message("", Param("pool", ref("pool")), has_async=False, since="george")
    initialize_wlb = message(
        "",
        Param("wlb_url", STRING),
        Param("wlb_username", STRING),
        Param("wlb_password", STRING, secret=True),
        Param("xenserver_username", STRING),
        Param("xenserver_password", STRING, secret=True),
        since="george",
    )
    deconfigure_wlb = message("", since="george")
    send_wlb_configuration = message("", Param("config", STRING_MAP), since="george")
    retrieve_wlb_configuration = message(
        "",
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    retrieve_wlb_recommendations = message(
        "",
        result=map_of(ref("VM"), set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    send_test_post = message(
        "",
        Param("host", STRING),
        Param("port", INT),
        Param("body", STRING),
        result=STRING,
        roles=POOL_ADMIN,
        since="george",
    )
    certificate_install = message(
        "",
        Param("name", STRING),
        Param("cert", STRING),
        since="george",
        state="deprecated",
        deprecated="1.290.0",
    )
    certificate_uninstall = message(
        "",
        Param("name", STRING),
        since="george",
        state="deprecated",
        deprecated="1.290.0",
    )
    certificate_list = message("", result=set_of(STRING), since="george", state="deprecated", deprecated="1.290.0")
    install_ca_certificate = message(
        "",
        Param("name", STRING),
        Param("cert", STRING),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.290.0",
        state="deprecated",
        deprecated="26.13.0",
    )
    uninstall_ca_certificate = message(
        "",
        Param("name", STRING),
        Param("force", BOOL, default=False),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.290.0",
        state="deprecated",
        deprecated="26.13.0",
    )
    crl_install = message("", Param("name", STRING), Param("cert", STRING), since="george")
    crl_uninstall = message("", Param("name", STRING), since="george")
    crl_list = message("", result=set_of(STRING), since="george")
    certificate_sync = message("", since="george")
    enable_tls_verification = message("", roles=POOL_ADMIN, has_async=False, since="1.290.0")
    enable_redo_log = message("", Param("sr", ref("SR"), late=True), since="midnight-ride")
    disable_redo_log = message("", since="midnight-ride")
    audit_log_append = message("", Param("line", STRING), roles=POOL_ADMIN, hidden=True)
    set_vswitch_controller = message(
        "",
        Param("address", STRING),
        since="midnight-ride",
        state="deprecated",
        deprecated="falcon",
    )
    test_archive_target = message(
        "",
        Param("self", ref("pool")),
        Param("config", STRING_MAP),
        result=STRING,
        has_async=False,
        since="cowley",
    )
    enable_local_storage_caching = message("", Param("self", ref("pool")), since="cowley")
    disable_local_storage_caching = message("", Param("self", ref("pool")), since="cowley")
    get_license_state = message(
        "",
        Param("self", ref("pool")),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="clearwater",
    )
    apply_edition = message("", Param("self", ref("pool")), Param("edition", STRING), since="clearwater")
    enable_ssl_legacy = message("", Param("self", ref("pool")), since="dundee", state="removed", deprecated="dundee")
    disable_ssl_legacy = message(
        "",
        Param("self", ref("pool")),
        since="dundee",
        state="deprecated",
        deprecated="stockholm",
    )
    set_igmp_snooping_enabled = message("", Param("self", ref("pool")), Param("value", BOOL), since="inverness")
    has_extension = message(
        "",
        Param("self", ref("pool"), late=True),
        Param("name", STRING),
        result=BOOL,
        roles=POOL_ADMIN,
        since="dundee",
    )
    add_to_guest_agent_config = message(
        "",
        Param("self", ref("pool")),
        Param("key", STRING),
        Param("value", STRING),
        roles=POOL_ADMIN,
        since="dundee",
    )
    remove_from_guest_agent_config = message(
        "",
        Param("self", ref("pool")),
        Param("key", STRING),
        roles=POOL_ADMIN,
        since="dundee",
    )
    rotate_secret = message(
        "",
        errors=(
            INTERNAL_ERROR,
            HOST_IS_SLAVE,
            CANNOT_CONTACT_HOST,
            HA_IS_ENABLED,
            NOT_SUPPORTED_DURING_UPGRADE,
        ),
        roles=POOL_ADMIN,
        since="stockholm_psr",
    )
    set_repositories = message(
        "",
        Param("self", ref("pool")),
        Param("value", set_of(ref("Repository"))),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    add_repository = message(
        "",
        Param("self", ref("pool")),
        Param("value", ref("Repository")),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    remove_repository = message(
        "",
        Param("self", ref("pool")),
        Param("value", ref("Repository"), late=True),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    sync_updates = message(
        "",
        Param("self", ref("pool")),
        Param("force", BOOL),
        Param("token", STRING, default=""),
        Param("token_id", STRING, default=""),
        Param("username", STRING, default=""),
        Param("password", STRING, default="", secret=True),
        result=STRING,
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.329.0",
    )
    check_update_readiness = message(
        "",
        Param("self", ref("pool")),
        Param("requires_reboot", BOOL),
        result=set_of(set_of(STRING)),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.304.0",
    )
    enable_client_certificate_auth = message(
        "Let clients log in with a certificate instead of a password, from the next connection on.",
        Param("self", ref("pool"), "The pool."),
        Param("name", STRING, "The name that such a certificate must be for; nobody's is while it is empty."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.318.0",
    )
    disable_client_certificate_auth = message(
        "Let no client log in with a certificate any more; those who are in stay.",
        Param("self", ref("pool"), "The pool."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.318.0",
    )
    configure_repository_proxy = message(
        "Say by which proxy updates are fetched; kept, as none are fetched yet.",
        Param("self", ref("pool"), "The pool."),
        Param(
            "url",
            STRING,
            "The address of the proxy, which begins with http or https; else INVALID_REPOSITORY_PROXY_URL.",
        ),
        Param("username", STRING, "The name to show to the proxy; empty for none."),
        Param("password", STRING, "The password for it, kept as a secret; empty for none.", secret=True),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="21.3.0",
    )
    disable_repository_proxy = message(
        "Forget the proxy, its user and its password.",
        Param("self", ref("pool"), "The pool."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="21.4.0",
    )
    set_uefi_certificates = message(
        "Write uefi_certificates. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool"), "The pool."),
        Param("value", STRING, "The certificates, in Base64."),
        roles=POOL_ADMIN,
        since="22.16.0",
        state="deprecated",
        deprecated="24.0.0",
    )
    set_custom_uefi_certificates = message(
        (
            "Replace the certificates that guests start with. Always OPERATION_NOT_ALLOWED here: this pool "
            "takes none of one's own."
        ),
        Param("self", ref("pool"), "The pool."),
        Param("value", STRING, "The certificates, in Base64."),
        roles=POOL_ADMIN,
        since="24.0.0",
        state="prototyped",
    )
    set_https_only = message(
        "Say of every host whether other machines reach it over TLS alone.",
        Param("self", ref("pool"), "The pool."),
        Param("value", BOOL, "Whether they do; connections that are open stay."),
        since="22.27.0",
        state="prototyped",
    )
    set_telemetry_next_collection = message(
        "Say when facts about the pool are to be collected next; the date is kept, nothing is collected.",
        Param("self", ref("pool"), "The pool."),
        Param("value", DATETIME, "The date; TELEMETRY_NEXT_COLLECTION_TOO_LATE if it is more than 31 days ahead."),
        roles=POOL_ADMIN,
        since="23.9.0",
        state="prototyped",
    )
    reset_telemetry_uuid = message(
        "Give the pool another name for telemetry. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool"), "The pool."),
        roles=POOL_ADMIN,
        since="23.9.0",
        state="prototyped",
    )
    configure_update_sync = message(
        "Say how often updates are to be looked for; the plan is kept, and not followed yet.",
        Param("self", ref("pool"), "The pool."),
        Param("update_sync_frequency", enum_of(UpdateSyncFrequency), "Every day or every week."),
        Param(
            "update_sync_day",
            INT,
            (
                "For every week, the day: 0 is Sunday and 6 Saturday, others are INVALID_UPDATE_SYNC_DAY. For "
                "every day it does not count."
            ),
        ),
        since="23.18.0",
        state="prototyped",
    )
    set_update_sync_enabled = message(
        (
            "Say whether updates are to be looked for by that plan; NO_REPOSITORIES_CONFIGURED if there is "
            "nowhere to look."
        ),
        Param("self", ref("pool"), "The pool."),
        Param("value", BOOL, "Whether they are."),
        since="23.18.0",
        state="prototyped",
    )
    set_local_auth_max_threads = message(
        "Say how many passwords of local users are checked at once.",
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "How many, at least 1; fewer if the processors of the host do not suffice."),
        has_async=False,
        since="23.27.0",
        state="prototyped",
    )
    set_ext_auth_max_threads = message(
        "Say how many logins are put to the directory at once.",
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "How many, at least 1."),
        has_async=False,
        since="23.27.0",
        state="prototyped",
    )
    set_ext_auth_cache_enabled = message(
        "Say whether it is remembered for a while whom the directory let in; what was remembered is forgotten.",
        Param("self", ref("pool"), "The pool."),
        Param("value", BOOL, "Whether it is."),
        since="24.31.0",
        state="prototyped",
    )
    set_ext_auth_cache_size = message(
        "Say of how many users it is remembered that the directory let them in.",
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "How many; INVALID_VALUE if it is negative."),
        since="24.31.0",
        state="prototyped",
    )
    set_ext_auth_cache_expiry = message(
        "Say for how long it is remembered that the directory let a user in.",
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "Seconds, at least 1; else INVALID_VALUE."),
        since="24.31.0",
        state="prototyped",
    )
    get_guest_secureboot_readiness = message(
        "Whether guests could check what they start; always not_ready, for they find no certificates here.",
        Param("self", ref("pool"), "The pool."),
        result=enum_of(PoolGuestSecurebootReadiness),
        has_async=False,
        since="24.17.0",
        state="prototyped",
    )
    enable_ssh = message(
        "Switch SSH on at every host; ENABLE_SSH_PARTIALLY_FAILED names the hosts that could not.",
        Param("self", ref("pool"), "The pool."),
        roles=POOL_ADMIN,
        since="25.13.0",
        state="prototyped",
    )
    disable_ssh = message(
        "Switch SSH off at every host; DISABLE_SSH_PARTIALLY_FAILED names the hosts that could not.",
        Param("self", ref("pool"), "The pool."),
        roles=POOL_ADMIN,
        since="25.13.0",
        state="prototyped",
    )
    set_ssh_enabled_timeout = message(
        (
            "Say of every host for how long SSH stays on once it is on; SET_SSH_TIMEOUT_PARTIALLY_FAILED names "
            "those that could not."
        ),
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "Seconds, at most two days, counted from now where it is on; 0 for ever."),
        roles=POOL_ADMIN,
        since="25.21.0",
        state="prototyped",
    )
    set_console_idle_timeout = message(
        "Say of every host when idle logins end; SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED names those that could not.",
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "Idle seconds after which a login ends; 0 for never."),
        roles=POOL_ADMIN,
        since="25.21.0",
        state="prototyped",
    )
    set_ssh_auto_mode = message(
        (
            "Say of every host whether SSH follows the toolstack; SET_SSH_AUTO_MODE_PARTIALLY_FAILED names "
            "those that could not."
        ),
        Param("self", ref("pool"), "The pool."),
        Param("value", BOOL, "Whether SSH is on while the toolstack is down, and then only."),
        roles=POOL_ADMIN,
        since="25.27.0",
        state="prototyped",
    )
    install_trusted_certificate = message(
        "Trust a certificate on every host, an authority's or that of one server.",
        Param("self", ref("pool"), "The pool."),
        Param("ca", BOOL, "Whether it is an authority; otherwise it stands for one server alone."),
        Param("cert", STRING, "The certificate in PEM form."),
        Param(
            "purpose",
            set_of(enum_of(CertificatePurpose)),
            "What for; empty for everything, which an authority alone may have: else CERTIFICATE_LACKS_PURPOSE.",
        ),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="26.13.0",
        state="prototyped",
    )
    uninstall_trusted_certificate = message(
        "Trust a certificate no longer, on any host.",
        Param("self", ref("pool"), "The pool."),
        Param(
            "certificate",
            ref("Certificate"),
            "The certificate; NOT_TRUSTED_CERTIFICATE if it is one that a host shows.",
        ),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="26.13.0",
        state="prototyped",
    )
    sync_trusted_certificates_from = message(
        "Trust what another pool trusts. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("pool"), "The pool."),
        Param("remote_pool", STRING, "The address of the other pool."),
        Param("remote_session", ref("session"), "A session at the other pool."),
        Param("remote_certificate", STRING, "The certificate in PEM form by which the other pool is known."),
        Param("ca", BOOL, "Whether authorities are taken over, or certificates of single servers."),
        result=set_of(ref("Certificate")),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="26.16.0",
        state="prototyped",
    )
    exchange_trusted_certificates_on_join = message(
        "Share trusted certificates with a host that joins. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
        arity=4,
    )
    exchange_crls_on_join = message(
        "Share revocation lists with a host that joins. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
        arity=3,
    )
