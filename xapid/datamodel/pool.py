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
    """What can go on for a pool as a whole, each named after the message that starts it or the part of joining that it is."""

    ha_enable = "ha_enable"
    """Hosts begin to watch each other."""
    ha_disable = "ha_disable"
    """Hosts stop watching each other."""
    cluster_create = "cluster_create"
    """The hosts form a cluster."""
    designate_new_master = "designate_new_master"
    """Another host becomes the coordinator."""
    configure_repositories = "configure_repositories"
    """What updates are taken from is changed."""
    sync_updates = "sync_updates"
    """Updates are looked for."""
    sync_bundle = "sync_bundle"
    """Updates are taken from an archive that was sent."""
    get_updates = "get_updates"
    """It is gathered which updates the hosts lack."""
    apply_updates = "apply_updates"
    """Updates are installed on a host."""
    tls_verification_enable = "tls_verification_enable"
    """Hosts begin to verify each other's certificates."""
    cert_refresh = "cert_refresh"
    """A host makes its certificate for the pool anew."""
    exchange_certificates_on_join = "exchange_certificates_on_join"
    """A joining host and the pool swap their own certificates."""
    exchange_ca_certificates_on_join = "exchange_ca_certificates_on_join"
    """A joining host and the pool swap the authorities that they trust."""
    copy_primary_host_certs = "copy_primary_host_certs"
    """A host takes over certificates from the coordinator."""
    eject = "eject"
    """A host leaves the pool."""
    exchange_crls_on_join = "exchange_crls_on_join"
    """A joining host and the pool swap their lists of revoked certificates."""


class TelemetryFrequency(enum.StrEnum):
    """How often figures about the pool are sent to those who make it."""

    daily = "daily"
    """Once a day."""
    weekly = "weekly"
    """Once in seven days."""
    monthly = "monthly"
    """Once in a calendar's month."""


class UpdateSyncFrequency(enum.StrEnum):
    """How often updates are looked for."""

    daily = "daily"
    """Every day."""
    weekly = "weekly"
    """On one day of the week, which update_sync_day names."""


class PoolGuestSecurebootReadiness(enum.StrEnum):
    """Whether guests find what they check their loaders with: all of it (ready), all but the list of what is barred (ready_no_dbx), or not."""

    ready = "ready"
    """All of it is there."""
    ready_no_dbx = "ready_no_dbx"
    """All is there but the list of what is barred."""
    not_ready = "not_ready"
    """Something else is missing."""


class CertificatePurpose(enum.StrEnum):
    """What a certificate may vouch for: servers of licences (licensing) or of directories (ldaps)."""

    licensing = "licensing"
    """It vouches for a server of licences."""
    ldaps = "ldaps"
    """It vouches for a directory that is asked over TLS."""


class Pool(
    Object,
    name="pool",
    roles=POOL_OPERATOR,
    named=False,
    implicit_roles={"set_wlb_enabled": role_set(POOL_OPERATOR, CLIENT_CERT)},
):
    """All that is common to hosts that share storage and networks; every host is in a pool, if only in one of its own."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw(doc="The name, for people; need not be unique.")
    name_description: str = rw(doc="A description, for people.")
    master: Ref[Host] = dynamic(doc="The coordinator: the host that decides and keeps the database.")
    default_SR: Ref[SR] = rw(doc="Where clients make disks if nobody says where; NULL if there is no such place.")
    suspend_image_SR: Ref[SR] = rw(
        doc="Where the memory of suspended machines is kept, if the machine names no place of its own; NULL for none."
    )
    crash_dump_SR: Ref[SR] = rw(doc="Where dumps of crashed guests would go; the server writes none.")
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.",
        key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR, "EMPTY_FOLDERS": VM_OPERATOR},
    )
    ha_enabled: bool = dynamic(
        False,
        "Whether machines of a failed host are started on others, which is not built yet: always false.",
        since="orlando",
    )
    ha_configuration: dict[str, str] = dynamic(
        {}, "How it was asked for that failures are watched for; empty while that is off.", since="orlando"
    )
    ha_statefiles: Set[str] = dynamic(
        (),
        "The disks by which hosts tell each other that they live, as references; empty while that is off.",
        since="orlando",
    )
    ha_host_failures_to_tolerate: int = dynamic(
        0, "For how many failed hosts room is to be kept; a label until high availability is built.", since="orlando"
    )
    ha_plan_exists_for: int = dynamic(
        0, "For how many failed hosts there is a plan; 0 while high availability is off.", since="orlando"
    )
    ha_allow_overcommit: bool = rw(
        False,
        (
            "Whether machines may be protected for which there would be no room; a label until high "
            "availability is built."
        ),
        since="orlando",
    )
    ha_overcommitted: bool = dynamic(
        False,
        "Whether more is protected than there is room for; false while high availability is off.",
        since="orlando",
    )
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    gui_config: dict[str, str] = rw(
        {}, "Free keys of graphical clients, such as how they show the pool.", roles=VM_OPERATOR, since="orlando"
    )
    health_check_config: dict[str, str] = rw(
        {}, "Free keys of clients about reports of the state of the pool.", since="dundee"
    )
    wlb_url: str = dynamic("", "Where the service that balances load is reached; empty without one.", since="george")
    wlb_username: str = dynamic(
        "",
        "As whom the pool logs in to the service that balances load.",
        since="george",
    )
    wlb_enabled: bool = rw(
        False, "Whether that service is to be asked for advice; placement does not ask it yet.", since="george"
    )
    wlb_verify_cert: bool = rw(
        False,
        "Whether the certificate of that service is to be checked; pool.enable_tls_verification sets it.",
        since="george",
        state="deprecated",
        deprecated="1.290.0",
    )
    redo_log_enabled: bool = dynamic(
        False, "Whether changes are written to a shared disk too; always false.", since="midnight-ride"
    )
    redo_log_vdi: Ref[VDI] = dynamic(NULL, "The disk that changes are written to; always NULL.", since="midnight-ride")
    vswitch_controller: str = dynamic(
        "",
        "The address of the controller of virtual switches; always empty, since hosts have plain bridges.",
        since="midnight-ride",
        state="deprecated",
        deprecated="falcon",
    )
    restrictions: dict[str, str] = dynamic(
        {},
        "What the licence grants and withholds, by the names that host.license_params has; nothing is withheld.",
        since="midnight-ride",
    )
    metadata_VDIs: Set[Ref[VDI]] = inverse(
        "VDI.metadata_of_pool",
        "The disks that hold the database of this pool for use after a disaster.",
        since="boston",
    )
    ha_cluster_stack: str = dynamic(
        "",
        "The software by which hosts would watch each other: xhad, also while high availability is off.",
        since="dundee",
    )
    allowed_operations: Set[PoolAllowedOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, PoolAllowedOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    guest_agent_config: dict[str, str] = dynamic(
        {},
        "How the agents of guests are to update themselves: auto_update_enabled and auto_update_url.",
        since="dundee",
    )
    cpu_info: dict[str, str] = dynamic(
        {},
        "The processors of all hosts together: vendor, how many, and what machines can use everywhere.",
        since="dundee",
    )
    policy_no_vendor_device: bool = rw(
        False,
        "Whether new Windows machines are made without the device by which drivers are updated; a label.",
        since="dundee",
        state="deprecated",
        deprecated="24.14.0",
    )
    live_patching_disabled: bool = rw(
        False,
        "Whether hosts are to be restarted for updates that could be put into the running kernel; a label.",
        since="ely",
    )
    igmp_snooping_enabled: bool = dynamic(
        False,
        "Whether bridges look at who wants which multicast; always false, since hosts have plain bridges.",
        since="inverness",
    )
    uefi_certificates: str = static(
        "",
        "The certificates that come with the product, by which guests check their loaders, as last read from its files.",
        since="quebec",
    )
    custom_uefi_certificates: str = static(
        "", "Certificates of one's own in their place: a tar archive in Base64.", since="24.0.0", state="prototyped"
    )
    is_psr_pending: bool = rw(
        False, "Whether a change of the secret of the pool began and is to be finished.", since="stockholm_psr"
    )
    tls_verification_enabled: bool = dynamic(
        False, "Whether hosts believe each other only what their certificates prove.", since="1.290.0"
    )
    repositories: Set[Ref[Repository]] = dynamic((), "The repositories that updates are taken from.", since="1.301.0")
    client_certificate_auth_enabled: bool = dynamic(
        False, "Whether clients may log in by a certificate instead of a password.", since="1.318.0"
    )
    client_certificate_auth_name: str = dynamic(
        "", "The name that such a certificate must be for; while it is empty, none will do.", since="1.318.0"
    )
    repository_proxy_url: str = dynamic(
        "", "The proxy through which updates are fetched; empty for none.", since="21.3.0"
    )
    repository_proxy_username: str = dynamic("", "As whom the hosts log in to that proxy.", since="21.3.0")
    repository_proxy_password: Ref[Secret] = dynamic(
        NULL, "The secret that holds the password for that proxy; NULL for none.", since="21.3.0"
    )
    migration_compression: bool = rw(
        False,
        "Whether the memory of machines shall be compressed on its way to another host; a label.",
        since="22.33.0",
        state="prototyped",
    )
    coordinator_bias: bool = rw(
        True, "Whether machines are started on other hosts rather than on the coordinator.", since="22.37.0"
    )
    local_auth_max_threads: int = static(
        8, "How many passwords of local users are checked at once.", since="23.27.0", state="prototyped"
    )
    ext_auth_max_threads: int = static(
        1, "How many users are looked up in the directory at once.", since="23.27.0", state="prototyped"
    )
    ext_auth_cache_enabled: bool = dynamic(
        True, "Whether it is remembered for a while whom the directory let in.", since="24.31.0", state="prototyped"
    )
    ext_auth_cache_size: int = dynamic(50, "How many users are remembered so.", since="24.31.0", state="prototyped")
    ext_auth_cache_expiry: int = dynamic(
        300, "For how many seconds they are remembered.", since="24.31.0", state="prototyped"
    )
    telemetry_uuid: Ref[Secret] = dynamic(
        NULL,
        "The secret that holds the name under which figures about the pool are sent; NULL until there is one.",
        since="23.9.0",
        state="prototyped",
    )
    telemetry_frequency: TelemetryFrequency = dynamic(
        TelemetryFrequency.weekly,
        "How often figures about the pool are sent; nothing is sent by the server itself.",
        since="23.9.0",
        state="prototyped",
    )
    telemetry_next_collection: DateTime = dynamic(EPOCH, "When they are due next.", since="23.9.0", state="prototyped")
    last_update_sync: DateTime = dynamic(
        EPOCH,
        "When updates were last looked for with success; the epoch until then.",
        since="23.18.0",
        state="prototyped",
    )
    update_sync_frequency: UpdateSyncFrequency = dynamic(
        UpdateSyncFrequency.weekly, "How often updates are to be looked for.", since="23.18.0", state="prototyped"
    )
    update_sync_day: int = dynamic(
        0, "On which day of the week, from 0 for Sunday, if weekly; 0 if daily.", since="23.18.0", state="prototyped"
    )
    update_sync_enabled: bool = dynamic(
        False, "Whether updates are to be looked for at these times.", since="23.18.0", state="prototyped"
    )
    recommendations: dict[str, str] = dynamic(
        {}, "What the makers recommend for the pool, by keys of theirs; empty.", since="24.19.1", state="prototyped"
    )
    license_server: dict[str, str] = rw(
        {}, "Where licences are fetched from; a label, since hosts need none.", since="25.6.0", state="prototyped"
    )
    ha_reboot_vm_on_internal_shutdown: bool = rw(
        True,
        (
            "Whether a protected machine is started again that its own guest shut down; a label until high "
            "availability is built."
        ),
        since="25.16.0",
        state="prototyped",
    )
    limit_console_sessions: bool = rw(
        False,
        "Whether only one client at a time may have a console of a machine.",
        since="26.1.0",
        state="prototyped",
    )
    vm_console_idle_timeout: int = rw(
        0,
        "After how many seconds without a key or a movement of the mouse a console of a machine is closed; 0: never.",
        since="26.1.0",
        state="prototyped",
    )
    auto_update_vm_secureboot_certificates: bool = rw(
        False,
        "Whether the certificates that guests hold for secure boot shall be brought up to date; a label.",
        since="26.16.1",
        state="prototyped",
    )

    join = message(
        "Meant to give up the host's own pool and join another. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("master_address", STRING, "The address of the coordinator of the other pool."),
        Param("master_username", STRING, "As whom to log in there."),
        Param("master_password", STRING, "His password."),
        errors=(JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS,),
    )
    join_force = message(
        "Meant to join another pool although the hosts are not alike. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("master_address", STRING, "The address of the coordinator of the other pool."),
        Param("master_username", STRING, "As whom to log in there."),
        Param("master_password", STRING, "His password."),
    )
    eject = message(
        (
            "Meant to take a host out of the pool, which begins anew with nothing. Not built yet: it "
            "answers NOT_IMPLEMENTED, and for the coordinator, which cannot leave, INTERNAL_ERROR."
        ),
        Param("host", ref("host"), "The host that has to go."),
        runs_on="host",
    )
    initial_auth = message(
        "Tell the secret of the pool to a host that joins, by a login of its administrator: RBAC_PERMISSION_DENIED to others.",
        result=STRING,
        hidden=True,
        secret=True,
    )
    exchange_certificates_on_join = message(
        (
            "Meant to swap, between hosts, the certificate of a joining host for those of the pool. Not "
            "built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("uuid", STRING, "The uuid of the host that joins."),
        Param("certificate", STRING, "Its certificate, in PEM."),
        hidden=True,
    )
    exchange_ca_certificates_on_join = message(
        "Trust the authorities of another pool or host, in place of those of the same names, and tell it of others.",
        Param("import", STRING_MAP, "The authorities to be trusted, in PEM, by their names."),
        Param("export", set_of(ref("Certificate")), "The authorities that the answer tells."),
        result=STRING_MAP,
        hidden=True,
    )
    emergency_transition_to_master = message(
        "Make the host that is asked the coordinator, where the old one is lost; one that is it already stays it. "
        "For another it is not built yet.",
        has_async=False,
    )
    emergency_reset_master = message(
        (
            "Meant to tell the host that is asked where the coordinator is now. Not built yet: it answers "
            "NOT_IMPLEMENTED."
        ),
        Param("master_address", STRING, "The address of the coordinator."),
        has_async=False,
    )
    recover_slaves = message(
        (
            "Tell every other host that this one is the coordinator now, and list those that answered; with "
            "other hosts it is not built yet."
        ),
        result=set_of(ref("host")),
    )
    hello = message(
        (
            "Say that a host is there, as it does at its start; the answer is ok, unknown_host, or cannot_talk_back, "
            "which is so of every host but the one that is asked as long as members are not built."
        ),
        Param("host_uuid", STRING, "Its uuid, as on its record."),
        Param("host_address", STRING, "Its address, from where consoles are reached from now on, too."),
        result=STRING,
        hidden=True,
    )
    is_slave = message(
        "Tell whether the host that is asked is no coordinator.",
        Param("host", ref("host"), "A host; the one that is asked answers for itself."),
        result=BOOL,
        roles=POOL_ADMIN,
        hidden=True,
    )
    create_VLAN = message(
        "Make a VLAN on the interface of this name on every host; INVALID_VALUE if one has none.",
        Param("device", STRING, "The name of the interface."),
        Param("network", ref("network"), "The network that the VLAN carries.", late=True),
        Param("VLAN", INT, "The tag of the VLAN."),
        result=set_of(ref("PIF")),
        errors=(VLAN_TAG_INVALID,),
    )
    management_reconfigure = message(
        "Have all hosts be managed over another network, the coordinator last.",
        Param("network", ref("network"), "The network."),
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
        "Make a VLAN on the interface by which each host that lives sees the network of one.",
        Param("pif", ref("PIF"), "An interface of some host."),
        Param("network", ref("network"), "The network that the VLAN carries."),
        Param("VLAN", INT, "The tag of the VLAN."),
        result=set_of(ref("PIF")),
        errors=(VLAN_TAG_INVALID,),
    )
    enable_ha = message(
        "Meant to have machines of a failed host started on others. Not built yet: it answers NOT_IMPLEMENTED.",
        Param(
            "heartbeat_srs",
            set_of(ref("SR")),
            (
                "The repositories that hold the disks by which hosts tell each other that they live; none at all "
                "is CANNOT_CREATE_STATE_FILE."
            ),
        ),
        Param("configuration", STRING_MAP, "How failures are watched for, such as the seconds under timeout."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="miami",
    )
    disable_ha = message(
        "Stop watching for failed hosts; HA_NOT_ENABLED, since that cannot be switched on yet.",
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="miami",
    )
    sync_database = message("Wait until every change so far is on disk.")
    designate_new_master = message(
        (
            "Hand over to another coordinator; for the present one there is nothing to do, and for another "
            "it is not built yet."
        ),
        Param("host", ref("host"), "The host that is to be the coordinator."),
        since="miami",
    )
    ha_prevent_restarts_for = message(
        "Meant to start no machine of a failed host for a while. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("seconds", INT, "For how long."),
        has_async=False,
        since="orlando-update-1",
    )
    ha_failover_plan_exists = message(
        "Tell whether so many hosts may fail without a loss of protected machines.",
        Param("n", INT, "How many hosts."),
        result=BOOL,
        has_async=False,
        since="orlando",
    )
    ha_compute_max_host_failures_to_tolerate = message(
        (
            "Tell how many hosts may fail without a loss of protected machines: all if none is protected, "
            "else none if there is one host only; with several it is not built yet."
        ),
        result=INT,
        has_async=False,
        since="orlando",
    )
    ha_compute_hypothetical_max_host_failures_to_tolerate = message(
        "Tell how many hosts could fail if machines were protected otherwise than they are.",
        Param(
            "configuration",
            map_of(ref("VM"), STRING),
            "The machines, each with its ha_restart_priority: restart, best-effort or empty.",
        ),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
    )
    ha_compute_vm_failover_plan = message(
        "Tell where machines of failed hosts would start; for any machine at all it is not built yet.",
        Param("failed_hosts", set_of(ref("host")), "The hosts that would have failed."),
        Param("failed_vms", set_of(ref("VM")), "The machines."),
        result=map_of(ref("VM"), STRING_MAP),
        has_async=False,
        since="orlando",
    )
    set_ha_host_failures_to_tolerate = message(
        "Say for how many failed hosts room is to be kept; it counts once high availability is built.",
        Param("self", ref("pool"), "The pool."),
        Param("value", INT, "How many hosts, 0 or more."),
        since="orlando",
    )
    create_new_blob = message(
        "Make a place for binary data that belongs to the pool.",
        Param("pool", ref("pool"), "The pool."),
        Param("name", STRING, "The name by which the pool knows it."),
        Param("mime_type", STRING, "What kind of data it is; application/octet-stream if empty."),
        Param("public", BOOL, "Whether it can be read without logging in.", default=False),
        result=ref("blob"),
        since="orlando",
    )
    ha_schedule_plan_recomputation = message(
        "Meant to have the plan for failed hosts made anew. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=0,
    )
    enable_binary_storage = message(
        "Let all hosts keep the content of blobs.",
        hidden=True,
        arity=0,
    )
    disable_binary_storage = message(
        "Delete the content of all blobs, and keep no more.",
        hidden=True,
        arity=0,
    )
    enable_external_auth = message(
        (
            "Join every host to a directory whose users may log in then, the coordinator first; if one host "
            "cannot, none is."
        ),
        Param("pool", ref("pool"), "The pool."),
        Param("config", STRING_MAP, "What joining takes, by keys that the kind of directory knows; it is not kept."),
        Param("service_name", STRING, "The name of the directory."),
        Param("auth_type", STRING, "The kind of directory: PAM; AD is refused, and the empty one does nothing."),
        roles=POOL_ADMIN,
        has_async=False,
        since="george",
    )
    disable_external_auth = message(
        "Have every host leave the directory, and end the sessions of its users.",
        Param("pool", ref("pool"), "The pool."),
        Param("config", STRING_MAP, "What leaving takes; nothing does.", default={}),
        roles=POOL_ADMIN,
        has_async=False,
        since="george",
    )
    external_auth_set_ldaps = message(
        "Say whether an Active Directory is asked over TLS; AUTH_IS_DISABLED, since none can be joined.",
        Param("pool", ref("pool"), "The pool."),
        Param("ldaps", BOOL, "Whether over TLS."),
        Param("force", BOOL, "Whether to go on if that cannot be tried.", default=False),
        roles=POOL_ADMIN,
        has_async=False,
        since="26.16.0",
    )
    detect_nonhomogeneous_external_auth = message(
        "Leave a message about each host that is joined to another directory than the coordinator.",
        Param("pool", ref("pool"), "The pool."),
        has_async=False,
        since="george",
    )
    initialize_wlb = message(
        "Name the service that balances load, and let it log in to the pool.",
        Param("wlb_url", STRING, "Where the service is reached."),
        Param("wlb_username", STRING, "As whom the pool logs in to the service."),
        Param("wlb_password", STRING, "The password for that."),
        Param("xenserver_username", STRING, "As whom the service logs in to the pool."),
        Param("xenserver_password", STRING, "The password for that."),
        since="george",
    )
    deconfigure_wlb = message("Forget the service that balances load.", since="george")
    send_wlb_configuration = message(
        "Change how that service is configured.",
        Param("config", STRING_MAP, "The keys to change, each with its value."),
        since="george",
    )
    retrieve_wlb_configuration = message(
        "Read how that service is configured.",
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    retrieve_wlb_recommendations = message(
        "Ask that service which machines should move where.",
        result=map_of(ref("VM"), set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    send_test_post = message(
        (
            "Post a text to a server over TLS, whatever its certificate, and get its answer, to see whether "
            "it can be reached; INTERNAL_ERROR says why not."
        ),
        Param("host", STRING, "The name or address of the server."),
        Param("port", INT, "Its port."),
        Param("body", STRING, "The text."),
        result=STRING,
        roles=POOL_ADMIN,
        since="george",
    )
    certificate_install = message(
        "Trust an authority: the older name of pool.install_ca_certificate.",
        Param("name", STRING, "The name of its file, which ends in .pem."),
        Param("cert", STRING, "Its certificate, in PEM."),
        since="george",
        state="deprecated",
        deprecated="1.290.0",
    )
    certificate_uninstall = message(
        "Trust an authority no more: the older name of pool.uninstall_ca_certificate.",
        Param("name", STRING, "The name of its file."),
        since="george",
        state="deprecated",
        deprecated="1.290.0",
    )
    certificate_list = message(
        "List the authorities that are trusted, by the names of their files.",
        result=set_of(STRING),
        since="george",
        state="deprecated",
        deprecated="1.290.0",
    )
    install_ca_certificate = message(
        "Trust an authority, by whom certificates of clients are checked; every host gets a copy.",
        Param("name", STRING, "The name of its file, which ends in .pem."),
        Param("cert", STRING, "Its certificate, in PEM."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.290.0",
        state="deprecated",
        deprecated="26.13.0",
    )
    uninstall_ca_certificate = message(
        "Trust an authority no more.",
        Param("name", STRING, "The name of its file."),
        Param("force", BOOL, "Whether one that is not there is no mistake.", default=False),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.290.0",
        state="deprecated",
        deprecated="26.13.0",
    )
    crl_install = message(
        "Install a list of certificates that are revoked; every host gets a copy.",
        Param("name", STRING, "The name of its file, which ends in .pem."),
        Param("cert", STRING, "The list, in PEM."),
        since="george",
    )
    crl_uninstall = message(
        "Take a list of revoked certificates away from every host.",
        Param("name", STRING, "The name of its file."),
        since="george",
    )
    crl_list = message(
        "List the lists of revoked certificates, by the names of their files.", result=set_of(STRING), since="george"
    )
    certificate_sync = message(
        "Give every host the certificates and lists that the coordinator has, and take from it all others.",
        since="george",
    )
    enable_tls_verification = message(
        (
            "From now on have hosts believe each other only what their certificates prove; with several "
            "hosts it is not built yet."
        ),
        roles=POOL_ADMIN,
        has_async=False,
        since="1.290.0",
    )
    enable_redo_log = message(
        (
            "Have changes written to a shared disk too; CANNOT_ENABLE_REDO_LOG, since none is lost on the "
            "disk of the host."
        ),
        Param("sr", ref("SR"), "The repository for that disk.", late=True),
        since="midnight-ride",
    )
    disable_redo_log = message(
        "Stop writing changes to a shared disk, which never happens: nothing to do.", since="midnight-ride"
    )
    audit_log_append = message(
        "Let a member write into the audit log of the coordinator.",
        Param("line", STRING, "The entry."),
        roles=POOL_ADMIN,
        hidden=True,
    )
    set_vswitch_controller = message(
        "Name the controller of virtual switches; OPERATION_NOT_ALLOWED, since hosts have plain bridges.",
        Param("address", STRING, "The address of the controller."),
        since="midnight-ride",
        state="deprecated",
        deprecated="falcon",
    )
    test_archive_target = message(
        "Removed with what archived machines: it answers MESSAGE_REMOVED.",
        Param("self", ref("pool"), "The pool."),
        Param("config", STRING_MAP, "Where archives were to go."),
        result=STRING,
        has_async=False,
        since="cowley",
    )
    enable_local_storage_caching = message(
        (
            "Have every host choose a local repository for copies of shared disks; HOSTS_FAILED_TO_ENABLE_CACHING "
            "names those without one that is made for it."
        ),
        Param("self", ref("pool"), "The pool."),
        since="cowley",
    )
    disable_local_storage_caching = message(
        "Have every host choose no repository for copies of shared disks any more.",
        Param("self", ref("pool"), "The pool."),
        since="cowley",
    )
    get_license_state = message(
        "Tell the edition and when it expires, which is never.",
        Param("self", ref("pool"), "The pool."),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="clearwater",
    )
    apply_edition = message(
        "Ask for another edition; whichever it is, the hosts keep all they can do.",
        Param("self", ref("pool"), "The pool."),
        Param("edition", STRING, "The edition, by its name."),
        since="clearwater",
    )
    enable_ssl_legacy = message(
        "Removed: it offered old ciphers.",
        Param("self", ref("pool"), "The pool."),
        since="dundee",
        state="removed",
        deprecated="dundee",
    )
    disable_ssl_legacy = message(
        "Speak nothing older than TLS 1.2, which the hosts never do.",
        Param("self", ref("pool"), "The pool."),
        since="dundee",
        state="deprecated",
        deprecated="stockholm",
    )
    set_igmp_snooping_enabled = message(
        (
            "Say whether bridges look at who wants which multicast; OPENVSWITCH_NOT_ACTIVE, since hosts "
            "have plain bridges."
        ),
        Param("self", ref("pool"), "The pool."),
        Param("value", BOOL, "Whether they do."),
        since="inverness",
    )
    has_extension = message(
        "Tell whether every host has an extension of the API.",
        Param("self", ref("pool"), "The pool; it is not looked up.", late=True),
        Param("name", STRING, "The name of the extension, which is the method that it adds."),
        result=BOOL,
        roles=POOL_ADMIN,
        since="dundee",
    )
    add_to_guest_agent_config = message(
        "Say how the agents of guests are to update themselves; INVALID_VALUE for any other key or value.",
        Param("self", ref("pool"), "The pool."),
        Param("key", STRING, "The key: auto_update_enabled or auto_update_url."),
        Param(
            "value", STRING, "True or false in lower case for the first, an address of http or https for the second."
        ),
        roles=POOL_ADMIN,
        since="dundee",
    )
    remove_from_guest_agent_config = message(
        "Say no more of how the agents of guests update themselves.",
        Param("self", ref("pool"), "The pool."),
        Param("key", STRING, "The key; one that is not there is no mistake."),
        roles=POOL_ADMIN,
        since="dundee",
    )
    rotate_secret = message(
        (
            "Make a new secret for the hosts of the pool, so that the old one lets nobody in; with several "
            "hosts it is not built yet."
        ),
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
        "Say where updates are taken from.",
        Param("self", ref("pool"), "The pool."),
        Param(
            "value",
            set_of(ref("Repository")),
            "The repositories; REPO_SHOULD_BE_SINGLE_ONE_ENABLED if one of several is a bundle or another pool.",
        ),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    add_repository = message(
        "Take updates from one repository more.",
        Param("self", ref("pool"), "The pool."),
        Param("value", ref("Repository"), "The repository; one that is there already is no mistake."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    remove_repository = message(
        "Take updates from one repository less.",
        Param("self", ref("pool"), "The pool."),
        Param("value", ref("Repository"), "The repository; one that is not there is no mistake.", late=True),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    sync_updates = message(
        (
            "Meant to look for updates now, and return a mark of what was found. Not built yet: it answers "
            "NOT_IMPLEMENTED, or NO_REPOSITORY_ENABLED if there is nowhere to look, CAN_NOT_SYNC_UPDATES for a bundle."
        ),
        Param("self", ref("pool"), "The pool."),
        Param("force", BOOL, "Whether to fetch all of it anew."),
        Param("token", STRING, "What a repository asks for before it lets anybody in; empty for none.", default=""),
        Param("token_id", STRING, "The name of that token.", default=""),
        Param(
            "username", STRING, "As whom to log in to a repository that is another pool; empty for none.", default=""
        ),
        Param("password", STRING, "The password for that.", default=""),
        result=STRING,
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.329.0",
    )
    check_update_readiness = message(
        "List what stands in the way of updating the hosts, as errors: high availability, and hosts that are not alive.",
        Param("self", ref("pool"), "The pool."),
        Param(
            "requires_reboot", BOOL, "Whether hosts must be restarted: guests that cannot leave theirs count then, too."
        ),
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
        Param("password", STRING, "The password for it, kept as a secret; empty for none."),
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
        "Deprecated: refused with OPERATION_NOT_ALLOWED; set_custom_uefi_certificates takes its place.",
        Param("self", ref("pool"), "The pool."),
        Param("value", STRING, "The certificates, in Base64."),
        roles=POOL_ADMIN,
        since="22.16.0",
        state="deprecated",
        deprecated="24.0.0",
    )
    set_custom_uefi_certificates = message(
        (
            "Replace the certificates that guests start with; OPERATION_NOT_ALLOWED unless the setting "
            "guests.custom_uefi_certificates allows it. With several hosts it is not built yet."
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
        Param(
            "value",
            DATETIME,
            (
                "The date; TELEMETRY_NEXT_COLLECTION_TOO_LATE if it is more than 2 days ahead, 14 where facts are "
                "collected weekly, 62 where monthly."
            ),
        ),
        roles=POOL_ADMIN,
        since="23.9.0",
        state="prototyped",
    )
    reset_telemetry_uuid = message(
        "Give the pool another name for telemetry.",
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
            "nowhere to look, CAN_NOT_PERIODIC_SYNC_UPDATES if that is a bundle or another pool."
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
        "Trust what another pool trusts, all of it or nothing; what is trusted already is passed over.",
        Param("self", ref("pool"), "The pool."),
        Param("remote_pool", STRING, "The address of the other pool, with a port unless that is 443."),
        Param("remote_session", ref("session"), "A session at the other pool.", late=True),
        Param("remote_certificate", STRING, "The certificate in PEM form by which the other pool is known."),
        Param("ca", BOOL, "Whether authorities are taken over, or certificates of single servers."),
        result=set_of(ref("Certificate")),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="26.16.0",
        state="prototyped",
    )
    exchange_trusted_certificates_on_join = message(
        "Trust certificates of another pool or host, unless that is so already, and tell it of others.",
        Param("self", ref("pool"), "The pool."),
        Param("ca", BOOL, "Whether authorities are meant, or certificates of single servers."),
        Param(
            "import", map_of(STRING, set_of(STRING)), "The certificates to be trusted, in PEM, each with its purposes."
        ),
        Param("export", set_of(ref("Certificate")), "The certificates that the answer tells, in the same form."),
        result=map_of(STRING, set_of(STRING)),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
    )
    exchange_crls_on_join = message(
        "Take the revocation lists of another pool or host, and tell it of others.",
        Param("self", ref("pool"), "The pool."),
        Param("import", STRING_MAP, "The lists to be heeded, in PEM, by their names."),
        Param("export", set_of(STRING), "The names of the lists that the answer tells."),
        result=STRING_MAP,
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
    )
