"""The class host."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import HOST_NAME_INVALID, LICENSE_PROCESSING_ERROR
from xapid.datamodel.message import Cls
from xapid.datamodel.roles import (
    CLIENT_CERT,
    LOCAL_ROOT,
    POOL_ADMIN,
    POOL_OPERATOR,
    READ_ONLY,
    VM_OPERATOR,
    VM_POWER_ADMIN,
    role_set,
)
from xapid.datamodel.types import (
    BOOL,
    DATETIME,
    EPOCH,
    FLOAT,
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
    map_of,
    message,
    record,
    ref,
    rw,
    set_of,
    static,
)
from xapid.datamodel.vm import UpdateGuidances

if TYPE_CHECKING:
    from xapid.datamodel.blob import Blob
    from xapid.datamodel.certificate import Certificate
    from xapid.datamodel.feature import Feature
    from xapid.datamodel.host_cpu import HostCpu
    from xapid.datamodel.host_crashdump import HostCrashdump
    from xapid.datamodel.host_metrics import HostMetrics
    from xapid.datamodel.host_patch import HostPatch
    from xapid.datamodel.pbd import PBD
    from xapid.datamodel.pci import PCI
    from xapid.datamodel.pgpu import PGPU
    from xapid.datamodel.pif import PIF
    from xapid.datamodel.pool_update import PoolUpdate
    from xapid.datamodel.pusb import PUSB
    from xapid.datamodel.sr import SR
    from xapid.datamodel.vm import VM


class HostAllowedOperations(enum.StrEnum):
    """What can be asked of a host, and what can be going on with it."""

    provision = "provision"
    """Disks of a new machine are made on it."""
    evacuate = "evacuate"
    """Its machines move to other hosts."""
    shutdown = "shutdown"
    """It is switched off."""
    reboot = "reboot"
    """It is switched off and on."""
    power_on = "power_on"
    """It is switched on from afar."""
    vm_start = "vm_start"
    """A machine is started on it."""
    vm_resume = "vm_resume"
    """A suspended machine goes on there."""
    vm_migrate = "vm_migrate"
    """A machine moves there, or away."""
    apply_updates = "apply_updates"
    """Updates are installed on it."""
    enable = "enable"
    """It takes machines again."""


class LatestSyncedUpdatesAppliedState(enum.StrEnum):
    """Whether a host has all the updates that were last fetched for its pool."""

    yes = "yes"
    """It has all of them."""
    no = "no"
    """It lacks some."""
    unknown = "unknown"
    """Nobody looked yet."""


class HostDisplay(enum.StrEnum):
    """Whether the host shows its own screen or leaves it to a guest, and whether the next boot changes that."""

    enabled = "enabled"
    """The screen is the host's own."""
    disable_on_reboot = "disable_on_reboot"
    """The screen is the host's own until it reboots."""
    disabled = "disabled"
    """The screen is left to a guest."""
    enable_on_reboot = "enable_on_reboot"
    """The screen is left to a guest until the host reboots."""


class HostSchedGran(enum.StrEnum):
    """What the hypervisor hands out at a time: single processors, whole cores or whole sockets."""

    core = "core"
    """Whole cores, so that no two machines share one."""
    cpu = "cpu"
    """Single processors, which may be threads of one core."""
    socket = "socket"
    """Whole sockets, so that no two machines share one."""


class HostNumaAffinityPolicy(enum.StrEnum):
    """Where memory and processors of a guest are: anywhere, close together if possible, or as is usual here."""

    any = "any"
    """Wherever there is room."""
    best_effort = "best_effort"
    """Within one node if there is room."""
    default_policy = "default_policy"
    """As the toolstack does by default."""


class HostNtpMode(enum.StrEnum):
    """Where the clock takes the time from: servers told by DHCP, servers named here, those of the product, or none."""

    DHCP = "DHCP"
    """From servers that the network names."""
    Custom = "Custom"
    """From the servers in ntp_custom_servers."""
    Factory = "Factory"
    """From the servers that came with the system."""
    Disabled = "Disabled"
    """From nobody; the clock runs by itself."""


class Host(Object, name="host", roles=POOL_OPERATOR):
    """A machine that runs guests: its hardware, its software, and what is set for it."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    memory_overhead: int = dynamic(
        0, "Bytes of memory that the hypervisor keeps for itself; 0, as it is not measured yet."
    )
    allowed_operations: Set[HostAllowedOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, HostAllowedOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    API_version_major: int = dynamic(doc="First number of the version of the API that the host speaks.")
    API_version_minor: int = dynamic(doc="Second number of the version of the API that the host speaks.")
    API_version_vendor: str = dynamic(doc="Who defined that API, as clients of the original expect it: XenSource.")
    API_version_vendor_implementation: dict[str, str] = dynamic(
        doc="Always empty: nothing is told of how the API is implemented."
    )
    enabled: bool = dynamic(doc="Whether new guests may start on the host.")
    software_version: dict[str, str] = static(
        doc="Versions of product, API, hypervisor and kernel, by names that clients know, such as product_version; and "
        "memory_counted=static_max where guests are not asked to give memory back."
    )
    other_config: dict[str, str] = rw(
        doc="Free keys of clients.", key_roles={"folder": VM_OPERATOR, "XenCenter.CustomFields.*": VM_OPERATOR}
    )
    capabilities: Set[str] = static(doc="Kinds of guests that the host can run, such as hvm-3.0-x86_64.")
    cpu_configuration: dict[str, str] = dynamic(doc="Always empty: the processors are told of in cpu_info.")
    sched_policy: str = dynamic(doc="Name of the hypervisor's scheduler as clients know it: credit.")
    supported_bootloaders: Set[str] = dynamic(
        doc="Names of the programs that find the kernel of a paravirtualized guest: pygrub and eliloader."
    )
    resident_VMs: Set[Ref[VM]] = inverse(
        "VM.resident_on", "The machines that run on the host or are paused there, its control domain among them."
    )
    logging: dict[str, str] = rw(doc="Where the log goes; the key syslog_destination is read by syslog_reconfigure.")
    PIFs: Set[Ref[PIF]] = inverse("PIF.host", "Network interfaces of the host, physical and made of others.")
    suspend_image_sr: Ref[SR] = rw(
        doc="Where memory of a guest is saved that is suspended here, if neither guest nor pool names a repository."
    )
    crash_dump_sr: Ref[SR] = rw(doc="A repository for memory of guests that crash; kept, no such memory is saved.")
    crashdumps: Set[Ref[HostCrashdump]] = inverse(
        "host_crashdump.host", "Records of crashes of the host itself; none are made yet."
    )
    patches: Set[Ref[HostPatch]] = inverse(
        "host_patch.host", "Deprecated: old patches that the host has.", state="deprecated", deprecated="ely"
    )
    updates: Set[Ref[PoolUpdate]] = dynamic(
        doc="Updates of the older kind that the host has; they cannot be applied, so that it stays empty.", since="ely"
    )
    PBDs: Set[Ref[PBD]] = inverse("PBD.host", "How the host reaches each of its repositories.")
    host_CPUs: Set[Ref[HostCpu]] = inverse("host_cpu.host", "The logical processors of the host, one object each.")
    cpu_info: dict[str, str] = dynamic(
        {},
        "The processors in one map: how many, in how many sockets, vendor, model, speed in MHz and flags.",
        since="midnight-ride",
    )
    hostname: str = rw(doc="The name that the host goes by on the network, looked at when the daemon starts.")
    address: str = rw(doc="Address at which the daemon is reached, looked at when it starts.")
    metrics: Ref[HostMetrics] = dynamic(doc="The object with the host's memory and whether it is alive.")
    license_params: dict[str, str] = dynamic(
        doc="What the licence allows, by key; every host has one that restricts nothing and never ends."
    )
    ha_statefiles: Set[str] = dynamic(
        (),
        "Disks by which hosts see each other under high availability; empty, as that is not built yet.",
        since="orlando",
    )
    ha_network_peers: Set[str] = dynamic(
        (),
        "Hosts that are seen over the network under high availability; empty, as that is not built yet.",
        since="orlando",
    )
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    external_auth_type: str = dynamic(
        "", "Kind of the directory that the host is joined to, such as PAM; empty for none.", since="george"
    )
    external_auth_service_name: str = dynamic("", "Name of the directory that the host is joined to.", since="george")
    external_auth_configuration: dict[str, str] = dynamic(
        {}, "Always empty: what a directory is joined with is not kept.", since="george"
    )
    edition: str = dynamic("", "The edition that the host has; there is one only: free.", since="midnight-ride")
    license_server: dict[str, str] = rw(
        {"address": "localhost", "port": "27000"},
        "Address and port of a server for licences; kept, none is asked.",
        since="midnight-ride",
    )
    bios_strings: dict[str, str] = dynamic(
        {},
        ("Names, versions and serial numbers in the firmware, by which some guests know the maker of their machine."),
        since="midnight-ride",
    )
    power_on_mode: str = dynamic(
        "",
        "How the host is switched on from afar: a name that the plug-in for it knows; empty for not at all.",
        since="midnight-ride",
    )
    power_on_config: dict[str, str] = dynamic(
        {},
        (
            "What switching on from afar needs, such as an address and a user; passwords stand in objects "
            "of class secret."
        ),
        passwords=Passwords.handed_over,
        since="midnight-ride",
    )
    local_cache_sr: Ref[SR] = static(
        NULL,
        "The local repository chosen for copies of shared disks, of which none are made so far; null for none.",
        since="cowley",
    )
    chipset_info: dict[str, str] = dynamic(
        {}, "The key iommu says whether devices can be given to guests.", since="boston"
    )
    PCIs: Set[Ref[PCI]] = inverse(
        "PCI.host",
        "Its storage, network and display devices on PCI buses, and what is on one card with them.",
        since="boston",
    )
    PGPUs: Set[Ref[PGPU]] = inverse(
        "PGPU.host", "Graphics cards of the host, as its last start found them.", since="boston"
    )
    PUSBs: Set[Ref[PUSB]] = inverse(
        "PUSB.host", "USB devices plugged into the host, as the last start or PUSB.scan found them.", since="inverness"
    )
    ssl_legacy: bool = static(
        True,
        "Deprecated: whether old ciphers are offered as well, which no host does any more.",
        since="dundee",
        state="deprecated",
        deprecated="stockholm",
    )
    guest_VCPUs_params: dict[str, str] = rw(
        {}, "Parameters of scheduling for guests that name none of their own; kept, not acted on yet.", since="tampa"
    )
    display: HostDisplay = rw(
        HostDisplay.enabled,
        "Whether the host shows its own screen or leaves it to a guest; kept, not acted on yet.",
        since="cream",
    )
    virtual_hardware_platform_versions: Set[int] = dynamic(
        (0,), "Versions of virtual hardware that the host can give a guest.", since="cream"
    )
    control_domain: Ref[VM] = dynamic(NULL, "The machine that stands for the host's own system.", since="ely")
    updates_requiring_reboot: Set[Ref[PoolUpdate]] = dynamic(
        doc="Updates of the older kind that wait for a boot; always empty.", since="ely"
    )
    features: Set[Ref[Feature]] = inverse(
        "Feature.host", "Experimental parts of the product that the host has; none are told of.", since="falcon"
    )
    iscsi_iqn: str = static(
        "", "The name by which the host goes at servers of iSCSI; kept, not acted on yet.", since="kolkata"
    )
    multipathing: bool = static(
        False, "Whether storage is reached by all paths that lead to it; kept, not acted on yet.", since="kolkata"
    )
    uefi_certificates: str = static(
        "",
        "Deprecated: keys for secure boot of guests, which belong to the pool now.",
        since="quebec",
        state="deprecated",
        deprecated="22.16.0",
    )
    certificates: Set[Ref[Certificate]] = inverse(
        "Certificate.host", "Certificates that the host shows to clients and to the other hosts.", since="stockholm"
    )
    editions: Set[str] = dynamic((), "All editions that the host could have.", since="stockholm")
    pending_guidances: Set[UpdateGuidances] = dynamic(
        (), "What has to be restarted before the host may be used again after an update.", since="1.303.0"
    )
    tls_verification_enabled: bool = dynamic(
        False,
        "Whether the host looks at the certificates of the others in its pool, and refuses wrong ones.",
        since="1.313.0",
    )
    last_software_update: DateTime = dynamic(
        EPOCH, "When the software was last updated by the pool; 1970 if never.", since="22.20.0", state="prototyped"
    )
    https_only: bool = dynamic(
        False, "Whether other machines reach the host over TLS alone.", since="22.27.0", state="prototyped"
    )
    latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = dynamic(
        LatestSyncedUpdatesAppliedState.unknown,
        "Whether the host has all updates that were last fetched; unknown, as they cannot be applied yet.",
        since="23.18.0",
        state="prototyped",
    )
    numa_affinity_policy: HostNumaAffinityPolicy = dynamic(
        HostNumaAffinityPolicy.default_policy,
        "How memory and processors of guests are placed on the host's nodes; kept, not acted on yet.",
        since="24.0.0",
        state="prototyped",
    )
    pending_guidances_recommended: Set[UpdateGuidances] = dynamic(
        (), "What had better be restarted after an update.", since="24.10.0", state="prototyped"
    )
    pending_guidances_full: Set[UpdateGuidances] = dynamic(
        (),
        "What is to be restarted for all effects of an update, even those that hardly matter.",
        since="24.10.0",
        state="prototyped",
    )
    last_update_hash: str = dynamic(
        "", "Checksum of the updates that were last applied; empty if none were.", since="24.10.0", state="prototyped"
    )
    ssh_enabled: bool = dynamic(True, "Whether one may log in to the host by SSH.", since="25.21.0", state="prototyped")
    ssh_enabled_timeout: int = dynamic(
        0,
        "Seconds after which SSH is switched off again once it was switched on; 0 for never.",
        since="25.21.0",
        state="prototyped",
    )
    ssh_expiry: DateTime = dynamic(
        EPOCH, "When SSH goes off by itself; 1970 for never.", since="25.21.0", state="prototyped"
    )
    console_idle_timeout: int = dynamic(
        0,
        "Seconds without a key after which a login to the host is ended; 0 for never.",
        since="25.21.0",
        state="prototyped",
    )
    ssh_auto_mode: bool = dynamic(
        False,
        "Whether SSH is off while the daemon is well, and on while it is not.",
        since="25.27.0",
        state="prototyped",
    )
    max_cstate: str = dynamic(
        "",
        "The deepest state of sleep for idle processors, with that of their parts; empty for no bound.",
        since="26.0.0",
        state="prototyped",
    )
    secure_boot: bool = dynamic(
        False,
        "Whether the host was itself booted by secure boot; false, as it is not looked at yet.",
        since="25.31.0",
        state="prototyped",
    )
    ntp_mode: HostNtpMode = dynamic(
        HostNtpMode.Factory, "Where the clock of the host takes the time from.", since="26.0.0", state="prototyped"
    )
    ntp_custom_servers: Set[str] = dynamic(
        (),
        "Names or addresses of the servers that are asked for the time in the mode Custom.",
        since="26.0.0",
        state="prototyped",
    )
    timezone: str = dynamic(
        "UTC", "The host's zone of time, such as Europe/Berlin.", since="26.0.0", state="prototyped"
    )

    disable = message(
        "Let no new guests start on the host; those that run there go on.",
        Param("host", ref("host"), "The host."),
        Param(
            "auto_enable",
            BOOL,
            "Whether it takes guests again as soon as the daemon starts anew; otherwise it waits for host.enable.",
            default=True,
        ),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        runs_on="host",
    )
    enable = message(
        "Let guests start on the host again.",
        Param("host", ref("host"), "The host."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        runs_on="host",
    )
    shutdown = message(
        "Switch the host off; it must be disabled. Its guests are shut down before.",
        Param("host", ref("host"), "The host."),
    )
    reboot = message(
        "Boot the host anew; it must be disabled. Its guests are shut down before.",
        Param("host", ref("host"), "The host."),
    )
    prepare_for_poweroff = message(
        "Stop all guests of a host that is going down, and let go of its storage.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    dmesg = message(
        "Tell what the hypervisor printed on its console.",
        Param("host", ref("host"), "The host."),
        result=STRING,
        runs_on="host",
    )
    dmesg_clear = message(
        (
            "Meant to tell what the hypervisor printed and to forget it; it was never built, and answers "
            "NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        result=STRING,
        runs_on="host",
    )
    get_log = message(
        "Meant to tell the log of the host; it was never built, and answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        runs_on="host",
    )
    send_debug_keys = message(
        "Press keys that make the hypervisor print what it knows; dmesg tells what it printed.",
        Param("host", ref("host"), "The host."),
        Param("keys", STRING, "The keys, one letter or digit each."),
        roles=POOL_ADMIN,
        runs_on="host",
    )
    bugreport_upload = message(
        "Gather what helps to find a fault, and send it to a server.",
        Param("host", ref("host"), "The host."),
        Param("url", STRING, "Where to send it: an address of HTTP, HTTPS or FTP. Without one it is INVALID_VALUE."),
        Param("options", STRING_MAP, "How to send it; the key http_proxy names a proxy."),
        runs_on="host",
    )
    list_methods = message(
        "Meant to list all messages; it was never built, and answers NOT_IMPLEMENTED.",
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    license_apply = message(
        "Removed: it took a licence; host.license_add does.",
        Param("host", ref("host"), "The host."),
        Param("contents", STRING, "The licence, in Base64."),
        errors=(LICENSE_PROCESSING_ERROR,),
        state="removed",
        deprecated="clearwater",
    )
    license_add = message(
        "Take a licence; any that can be read will do and changes nothing.",
        Param("host", ref("host"), "The host."),
        Param("contents", STRING, "The licence, in Base64."),
        errors=(LICENSE_PROCESSING_ERROR,),
        since="indigo",
        runs_on="host",
    )
    license_remove = message(
        "Give up a licence; it changes nothing.",
        Param("host", ref("host"), "The host."),
        since="indigo",
        runs_on="host",
    )
    create = message(
        (
            "Record a host that joins the pool; it is declared with the parameters of message.create. Not "
            "built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("name", STRING, "Its name."),
        Param("priority", INT, "How urgent it is: 1 is most, 5 least."),
        Param("cls", enum_of(Cls), "Class of the object that it is about."),
        Param("obj_uuid", STRING, "Identity of that object."),
        Param("body", STRING, "The text."),
        hidden=True,
    )
    destroy = message(
        "Forget a host that is gone for good, with all that was in it; HOST_IS_LIVE if it is not.",
        Param("self", ref("host"), "The host."),
    )
    power_on = message(
        "Switch on a host that is off, the way its power_on_mode says.",
        Param("host", ref("host"), "The host."),
        since="orlando",
    )
    set_license_params = message(
        "Say what the licence of a host allows, and so what the pool can do.",
        Param("self", ref("host"), "The host."),
        Param("value", STRING_MAP, "What the host's field license_params becomes."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    emergency_ha_disable = message(
        (
            "Switch high availability off on this host alone when the others cannot be asked; "
            "HA_NOT_ENABLED if it is off."
        ),
        Param("soft", BOOL, "Whether it is no error that it is off.", default=False),
        has_async=False,
        since="orlando",
    )
    ha_disarm_fencing = message(
        (
            "Keep the host from stopping itself once it is cut off from the others. Not built yet: it "
            "answers NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    preconfigure_ha = message(
        (
            "Make the host ready for high availability, before it is switched on. Not built yet: it "
            "answers NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        Param("statefiles", set_of(ref("VDI")), "The disks by which hosts see each other."),
        Param("metadata_vdi", ref("VDI"), "The disk that takes changes of the database."),
        Param("generation", STRING, "The version of the database that the host needs at least."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    ha_join_liveset = message(
        "Begin to watch the other hosts and be watched by them. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    ha_disable_failover_decisions = message(
        "Keep the host from deciding which guests start elsewhere. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    ha_wait_for_shutdown_via_statefile = message(
        (
            "Wait until the disk that hosts share says that high availability is off. Not built yet: it "
            "answers NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    ha_stop_daemon = message(
        "Stop the program that watches the other hosts. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    ha_release_resources = message(
        "Let go of the disks that high availability used. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    ha_xapi_healthcheck = message(
        "Tell the program that watches the host that the daemon is well; that it answers is the answer.",
        result=BOOL,
        roles=POOL_ADMIN,
        hidden=True,
        arity=0,
    )
    local_assert_healthy = message(
        "Raise the error that says why the host is in an emergency; a host that is its own coordinator never is.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=0,
    )
    request_backup = message(
        (
            "Have the host fetch a copy of the database, from which it could go on as coordinator; the coordinator's is "
            "on disk then, and other hosts are not built yet."
        ),
        Param("host", ref("host"), "The host."),
        Param("generation", INT, "The version of the database; a host that has it does nothing."),
        Param("force", BOOL, "Whether to fetch it all the same."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    request_config_file_sync = message(
        "Have the host fetch files of configuration from the coordinator, which has them; others are not built yet.",
        Param("host", ref("host"), "The host."),
        Param("hash", STRING, "Checksum of these files; a host that has them does nothing."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    propose_new_master = message(
        (
            "Ask the host whether it would take another coordinator, the first step of two. Not built "
            "yet: it answers NOT_IMPLEMENTED."
        ),
        roles=LOCAL_ROOT,
        hidden=True,
        arity=2,
    )
    commit_new_master = message(
        "Have the host take the coordinator that was proposed. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("address", STRING, "Address of the new coordinator."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    abort_new_master = message(
        "Have the host forget the coordinator that was proposed. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("address", STRING, "Address of the one that was proposed."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    get_data_sources = message(
        "List the figures of the host that can be recorded over time; none are yet.",
        Param("host", ref("host"), "The host."),
        result=set_of(record("data_source")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    record_data_source = message(
        "Record a figure of the host over time from now on. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("data_source", STRING, "Name of the figure."),
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    query_data_source = message(
        "Tell the latest value of a figure of the host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("data_source", STRING, "Name of the figure."),
        result=FLOAT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    forget_data_source_archives = message(
        (
            "Throw away what was recorded of a figure, and record it no longer. Not built yet: it answers "
            "NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        Param("data_source", STRING, "Name of the figure."),
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    assert_can_evacuate = message(
        "Raise CANNOT_EVACUATE_HOST if any guest could not leave the host, with the reasons.",
        Param("host", ref("host"), "The host."),
        since="miami",
    )
    get_vms_which_prevent_evacuation = message(
        "List the guests that could not leave the host, each with the error that says why.",
        Param("self", ref("host"), "The host."),
        result=map_of(ref("VM"), set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="orlando",
    )
    get_uncooperative_resident_VMs = message(
        "Deprecated: guests that do not do what they are asked; none are ever found.",
        Param("self", ref("host"), "The host.", late=True),
        result=set_of(ref("VM")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="midnight-ride",
        state="deprecated",
        deprecated="tampa",
    )
    get_uncooperative_domains = message(
        "Deprecated: list running domains that do not do what they are asked; none is ever listed.",
        Param("self", ref("host"), "The host."),
        result=set_of(STRING),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    evacuate = message(
        (
            "Move all guests to other hosts; as no guest can be moved yet, NOT_IMPLEMENTED if there is "
            "one that could leave."
        ),
        Param("host", ref("host"), "The host."),
        Param(
            "network",
            ref("network"),
            "The network by which they go; null for the one of the management.",
            default="OpaqueRef:NULL",
            late=True,
        ),
        Param("evacuate_batch_size", INT, "How many go at a time; 0 for the usual number.", default=0),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="miami",
    )
    signal_networking_change = message(
        "Have the daemon be heard at the address that the management of the host has now, and say so.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=0,
    )
    notify = message(
        "Tell the host that is asked what happened to a device of its own, such as a disc put into its drive.",
        Param("ty", STRING, "Kind of device: cdrom."),
        Param("params", STRING, "What happened and to which device, such as inserted:sr0."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    syslog_reconfigure = message(
        "Send the log where logging:syslog_destination says now.",
        Param("host", ref("host"), "The host."),
        since="miami",
        runs_on="host",
    )
    management_reconfigure = message(
        "Have clients reach the host by another interface. A change that cuts off who asked for it is taken back "
        "unless somebody comes to the new address.",
        Param("pif", ref("PIF"), "The interface, of the host that is meant."),
        since="miami",
    )
    local_management_reconfigure = message(
        "The same in an emergency; NOT_IN_EMERGENCY_MODE, as a host that is its own coordinator is in none.",
        Param("interface", STRING, "Name of the interface or bridge."),
        has_async=False,
        since="miami",
    )
    management_disable = message(
        "Let clients reach the host by no interface, only from the host itself.",
        has_async=False,
        since="miami",
    )
    get_management_interface = message(
        "Tell the interface by which clients reach the host.",
        Param("host", ref("host"), "The host."),
        result=ref("PIF"),
        since="tampa",
    )
    get_system_status_capabilities = message(
        "List what a report for finding faults can hold, as XML.",
        Param("host", ref("host"), "The host."),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="miami",
        runs_on="host",
    )
    get_diagnostic_timing_stats = message(
        "Tell how long the calls of each method took: seconds in the mean, how many they were, and how many failed.",
        Param("host", ref("host"), "The host."),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        hidden=True,
    )
    restart_agent = message(
        "Start the daemon of the host anew; guests go on. For another host than that which is asked not built yet.",
        Param("host", ref("host"), "The host."),
        runs_on="host",
    )
    shutdown_agent = message(
        "Stop the daemon of the host; guests go on, and nobody starts it again.",
        has_async=False,
        since="orlando",
    )
    set_hostname_live = message(
        "Give the host another name on the network, at once.",
        Param("host", ref("host"), "The host."),
        Param("hostname", STRING, "At most 255 letters, digits, dots and hyphens; HOST_NAME_INVALID otherwise."),
        errors=(HOST_NAME_INVALID,),
        has_async=False,
        since="miami",
        runs_on="host",
    )
    is_in_emergency_mode = message(
        "Whether the host has lost its coordinator; one that is its own never has.",
        result=BOOL,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        hidden=True,
        arity=0,
    )
    compute_free_memory = message(
        "Tell how many bytes guests could still get, if those that run gave back what they can spare: each counts for "
        "its memory_dynamic_min, or, where software_version:memory_counted says static_max, for its memory_static_max.",
        Param("host", ref("host"), "The host."),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="orlando",
        runs_on="host",
    )
    compute_memory_overhead = message(
        "Tell how many bytes the hypervisor keeps for itself, as the field memory_overhead has it.",
        Param("host", ref("host"), "The host."),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="midnight-ride",
        runs_on="host",
    )
    tickle_heartbeat = message(
        "Tell the coordinator that a host is alive, or is about to stop; nothing is answered so far.",
        Param("host", ref("host"), "The host."),
        Param("stuff", STRING_MAP, "The host's time under the key time, and shutting-down if it is about to stop."),
        result=STRING_MAP,
        roles=LOCAL_ROOT,
        hidden=True,
    )
    sync_data = message(
        "Have the host fetch the content of blobs from the coordinator, which has it; others are not built yet.",
        Param("host", ref("host"), "The host."),
        roles=POOL_ADMIN,
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    backup_rrds = message(
        (
            "Have the host send the figures that it recorded to the coordinator. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        Param("delay", FLOAT, "Seconds to wait before."),
        roles=POOL_ADMIN,
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    create_new_blob = message(
        "Make an object for binary data that is kept with the host, and return it.",
        Param("host", ref("host"), "The host."),
        Param("name", STRING, "Its key in the map blobs, which is not there yet."),
        Param("mime_type", STRING, "MIME type of the data; empty: application/octet-stream."),
        Param("public", BOOL, "Whether the data is for everybody to read.", default=False),
        result=ref("blob"),
        since="orlando",
    )
    call_plugin = message(
        "Run a plug-in of the host, a program in the directory for them, and hand back what it answers.",
        Param("host", ref("host"), "The host."),
        Param("plugin", STRING, "File name of the plug-in; XENAPI_MISSING_PLUGIN if there is none such."),
        Param("fn", STRING, "What it shall do, one of the functions that it knows."),
        Param("args", STRING_MAP, "Arguments, as that function takes them."),
        result=STRING,
        roles=POOL_ADMIN,
        since="orlando",
        runs_on="host",
    )
    has_extension = message(
        "Tell whether the host has an extension of the API.",
        Param("host", ref("host"), "The host."),
        Param("name", STRING, "File name of the extension, which is the method that it adds."),
        result=BOOL,
        roles=POOL_ADMIN,
        since="ely",
        runs_on="host",
    )
    call_extension = message(
        "Call an extension of the API; MESSAGE_METHOD_UNKNOWN if there is none.",
        Param("host", ref("host"), "The host."),
        Param("call", STRING, "A call in JSON-RPC, its method the name of the extension."),
        result=STRING,
        roles=POOL_ADMIN,
        has_async=False,
        since="ely",
        runs_on="host",
    )
    get_servertime = message(
        "Tell the time by the host's clock, in UTC.",
        Param("host", ref("host"), "The host."),
        result=DATETIME,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
        runs_on="host",
    )
    get_server_localtime = message(
        "Tell the time by the host's clock, in its own zone.",
        Param("host", ref("host"), "The host."),
        result=DATETIME,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="cowley",
        runs_on="host",
    )
    enable_binary_storage = message(
        "Let the host keep the content of blobs.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    disable_binary_storage = message(
        "Let the host keep no content of blobs, and erase what it has.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    enable_external_auth = message(
        "Join the host to a directory, whose users may then log in; AUTH_ALREADY_ENABLED if it is joined to one.",
        Param("host", ref("host"), "The host."),
        Param("config", STRING_MAP, "What joining needs, such as a user and a password; it is not kept."),
        Param("service_name", STRING, "Name of the directory."),
        Param("auth_type", STRING, "Kind of the directory: PAM; AD is known but cannot be joined."),
        roles=POOL_ADMIN,
        has_async=False,
        since="george",
        runs_on="host",
    )
    disable_external_auth = message(
        "Have the host leave its directory; sessions of the directory's users end.",
        Param("host", ref("host"), "The host."),
        Param("config", STRING_MAP, "What leaving would need; not used.", default={}),
        Param("force", BOOL, "Whether to go on when leaving fails; not used, since it cannot.", default=False),
        roles=POOL_ADMIN,
        has_async=False,
        since="george",
        runs_on="host",
    )
    external_auth_set_ldaps = message(
        "Say whether an Active Directory is asked over TLS; AUTH_IS_DISABLED, since none can be joined.",
        Param("host", ref("host"), "The host."),
        Param("ldaps", BOOL, "Whether it is."),
        Param("force", BOOL, "Whether to change it even if the directory cannot be asked that way.", default=False),
        roles=POOL_ADMIN,
        has_async=False,
        since="26.16.0",
    )
    retrieve_wlb_evacuate_recommendations = message(
        "Ask the service that balances load where guests should go; WLB_NOT_INITIALIZED without one.",
        Param("self", ref("host"), "The host."),
        result=map_of(ref("VM"), set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    install_ca_certificate = message(
        "Have one host trust a certificate; pool.certificate_sync makes all hosts like the coordinator.",
        Param("host", ref("host"), "The host."),
        Param("name", STRING, "Name of its file, which ends in .pem."),
        Param("cert", STRING, "The certificate in PEM."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    uninstall_ca_certificate = message(
        "Have one host trust a certificate no longer; pool.certificate_sync makes all like the coordinator.",
        Param("host", ref("host"), "The host."),
        Param("name", STRING, "Name of its file."),
        Param("force", BOOL, "Whether it is no error that there is none.", default=False),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    certificate_list = message(
        "List the names of the certificates that this host trusts.",
        Param("host", ref("host"), "The host."),
        result=set_of(STRING),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    crl_install = message(
        "Give one host a list of certificates that were revoked.",
        Param("host", ref("host"), "The host."),
        Param("name", STRING, "Name of its file, which ends in .pem."),
        Param("crl", STRING, "The list in PEM."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    crl_uninstall = message(
        "Take a list of revoked certificates from one host.",
        Param("host", ref("host"), "The host."),
        Param("name", STRING, "Name of its file."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    crl_list = message(
        "List the names of the lists of revoked certificates that this host has.",
        Param("host", ref("host"), "The host."),
        result=set_of(STRING),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    certificate_sync = message(
        "Look whether all that the host trusts can be read; CERTIFICATE_LIBRARY_CORRUPT if not.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    get_server_certificate = message(
        "Tell the certificate that the host shows to clients, in PEM and without its key.",
        Param("host", ref("host"), "The host."),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
        runs_on="host",
    )
    refresh_server_certificate = message(
        "Make anew the certificate that the host shows to the other hosts.",
        Param("host", ref("host"), "The host."),
        roles=POOL_ADMIN,
        since="1.307.0",
    )
    install_server_certificate = message(
        "Have the host show another certificate; connections that are open go on with the former one.",
        Param("host", ref("host"), "The host."),
        Param("certificate", STRING, "The certificate in PEM; its key has to be RSA of 2048 to 4096 bits."),
        Param("private_key", STRING, "Its key in PEM, without a password."),
        Param("certificate_chain", STRING, "Certificates of those who signed it, in PEM; empty for none.", default=""),
        roles=POOL_ADMIN,
        since="stockholm",
        runs_on="host",
    )
    emergency_reset_server_certificate = message(
        "Have the host that is asked show a new certificate that it signed itself.",
        roles=LOCAL_ROOT,
        has_async=False,
        since="stockholm",
    )
    reset_server_certificate = message(
        "Have the host show a new certificate that it signed itself.",
        Param("host", ref("host"), "The host."),
        roles=POOL_ADMIN,
        since="1.290.0",
    )
    update_pool_secret = message(
        "Have the host take the secret of another pool, and let in whoever knows that one alone.",
        Param("host", ref("host"), "The host."),
        Param("pool_secret", STRING, "The secret of the other pool."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    update_master = message(
        "Tell the host the address of its coordinator. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("master_address", STRING, "The address of the coordinator."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    attach_static_vdis = message(
        (
            "Have disks be there as soon as the host has booted, before the daemon starts. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        Param("vdi_reason_map", map_of(ref("VDI"), STRING), "The disks, and what each is for."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    detach_static_vdis = message(
        "Have disks be there no longer when the host has booted. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("vdis", set_of(ref("VDI")), "The disks."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_localdb_key = message(
        (
            "Write a setting that the host keeps for itself, outside the database of the pool; an empty value "
            "forgets it. Of those that are read, host_auto_enable says whether the host takes guests after a start. "
            "For another host than that which is asked it is not built yet."
        ),
        Param("host", ref("host"), "The host."),
        Param("key", STRING, "Name of the setting."),
        Param("value", STRING, "What it shall be."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    apply_edition = message(
        "Choose what the host is licensed for; any edition will do, and the host keeps all it can do.",
        Param("host", ref("host"), "The host."),
        Param("edition", STRING, "Name of the edition; not looked at."),
        Param("force", BOOL, "Whether to change it even if the licence cannot be had; not looked at.", default=False),
        has_async=False,
        since="midnight-ride",
        runs_on="host",
    )
    refresh_pack_info = message(
        "Deprecated: look anew at the packs that are installed, which are part of software_version.",
        Param("host", ref("host"), "The host."),
        since="midnight-ride",
        state="deprecated",
        deprecated="ely",
        runs_on="host",
    )
    set_power_on_mode = message(
        "Say how the host is switched on from afar; passwords that the former way needed are forgotten.",
        Param("self", ref("host"), "The host."),
        Param("power_on_mode", STRING, "What the field power_on_mode becomes."),
        Param(
            "power_on_config",
            STRING_MAP,
            "What the field power_on_config becomes; a key that ends in password_secret names a secret by uuid.",
        ),
        since="cowley",
    )
    set_cpu_features = message(
        "Removed: it said which features of the processors guests may see.",
        Param("host", ref("host"), "The host."),
        Param("features", STRING, "The features, in hexadecimal."),
        has_async=False,
        since="midnight-ride",
        state="removed",
        deprecated="dundee",
    )
    reset_cpu_features = message(
        "Removed: it let guests see all features of the processors again.",
        Param("host", ref("host"), "The host."),
        has_async=False,
        since="midnight-ride",
        state="removed",
        deprecated="dundee",
    )
    reset_networking = message(
        "Forget the interfaces of the host, and what is made of them; they stay as they are.",
        Param("host", ref("host"), "The host."),
        hidden=True,
    )
    enable_local_storage_caching = message(
        "Choose the local repository that is to hold copies of shared disks; the choice is kept, nothing is copied.",
        Param("host", ref("host"), "The host."),
        Param("sr", ref("SR"), "The repository."),
        has_async=False,
        since="cowley",
        runs_on="host",
    )
    disable_local_storage_caching = message(
        "Choose no repository for copies of shared disks any more.",
        Param("host", ref("host"), "The host."),
        has_async=False,
        since="cowley",
        runs_on="host",
    )
    get_sm_diagnostics = message(
        "Tell which repositories the host has attached, and which of their disks its machines hold, as text.",
        Param("host", ref("host"), "The host."),
        result=STRING,
        hidden=True,
    )
    get_thread_diagnostics = message(
        "Tell where in its code each thread and each coroutine of the daemon is, as text.",
        Param("host", ref("host"), "The host."),
        result=STRING,
        hidden=True,
    )
    sm_dp_destroy = message(
        "Let go of all disks that one user of storage holds. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("dp", STRING, "Name of that user."),
        Param("allow_leak", BOOL, "Whether to forget it even if a disk cannot be let go of."),
        hidden=True,
    )
    sync_vlans = message(
        "Give the host the VLANs of its coordinator.",
        Param("host", ref("host"), "The host."),
        hidden=True,
    )
    sync_tunnels = message(
        "Give the host the tunnels of its coordinator.",
        Param("host", ref("host"), "The host."),
        hidden=True,
    )
    sync_pif_currently_attached = message(
        "Have the record say which interfaces are up, by the bridges that are there.",
        Param("host", ref("host"), "The host."),
        Param("bridges", set_of(STRING), "Names of the bridges."),
        hidden=True,
    )
    migrate_receive = message(
        (
            "Make the host ready to take a guest from another pool, and tell how it is reached. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("host", ref("host"), "The host."),
        Param("network", ref("network"), "The network by which the guest comes."),
        Param("options", STRING_MAP, "Free keys; none is known."),
        result=STRING_MAP,
        roles=VM_POWER_ADMIN,
        secret=True,
        since="tampa",
        runs_on="host",
    )
    declare_dead = message(
        "Say that a host is down for certain, so that its guests can start elsewhere; HOST_IS_LIVE if it is not.",
        Param("host", ref("host"), "The host."),
        since="clearwater",
    )
    enable_display = message(
        "Show the host's own screen from its next boot on; what the field display becomes is handed back.",
        Param("host", ref("host"), "The host."),
        result=enum_of(HostDisplay),
        since="cream",
        runs_on="host",
    )
    disable_display = message(
        "Leave the host's screen to a guest from its next boot on; what the field display becomes is handed back.",
        Param("host", ref("host"), "The host."),
        result=enum_of(HostDisplay),
        since="cream",
        runs_on="host",
    )
    set_ssl_legacy = message(
        "Offer old ciphers as well; VALUE_NOT_SUPPORTED, as no host does any more.",
        Param("self", ref("host"), "The host."),
        Param("value", BOOL, "False, which changes nothing."),
        since="dundee",
    )
    apply_guest_agent_config = message(
        "Tell the guests how their agents are to update themselves. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=POOL_ADMIN,
        hidden=True,
    )
    mxgpu_vf_setup = message(
        "Load the driver by which one graphics card of AMD becomes several.",
        Param("host", ref("host"), "The host."),
        roles=VM_OPERATOR,
        hidden=True,
    )
    nvidia_vf_setup = message(
        "Have one graphics card of NVIDIA become several, or one again; refused while a machine has it.",
        Param("host", ref("host"), "The host."),
        Param("pf", ref("PCI"), "The card."),
        Param("enable", BOOL, "Whether it becomes several, or one again."),
        roles=VM_OPERATOR,
        hidden=True,
    )
    allocate_resources_for_vm = message(
        (
            "Set aside what a guest that is to run on the host needs, such as memory. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("self", ref("host"), "The host."),
        Param("vm", ref("VM"), "The guest."),
        Param("live", BOOL, "Whether it comes from another host while it runs."),
        roles=VM_OPERATOR,
        hidden=True,
    )
    set_iscsi_iqn = message(
        "Give the host another name at servers of iSCSI; INVALID_VALUE if it is empty.",
        Param("host", ref("host"), "The host."),
        Param("value", STRING, "The name, such as iqn.2026-11.com.example:host1."),
        since="kolkata",
    )
    set_multipathing = message(
        "Say whether storage is reached by all paths that lead to it.",
        Param("host", ref("host"), "The host."),
        Param("value", BOOL, "Whether it is."),
        since="kolkata",
    )
    write_uefi_certificates_to_disk = message(
        "Write certificates for secure boot of guests to the host's files: those of the pool, or of the host's system.",
        Param("host", ref("host"), "The host."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_uefi_certificates = message(
        "Deprecated: it answers OPERATION_NOT_ALLOWED, as keys for secure boot belong to the pool.",
        Param("host", ref("host"), "The host."),
        Param("value", STRING, "The keys."),
        roles=LOCAL_ROOT,
        since="quebec",
        state="deprecated",
        deprecated="22.16.0",
    )
    notify_accept_new_pool_secret = message(
        "First step to a new secret of the pool: let in whoever knows the old one or the new one.",
        Param("host", ref("host"), "The host."),
        Param("old_ps", STRING, "The secret so far."),
        Param("new_ps", STRING, "The new secret."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    notify_send_new_pool_secret = message(
        "Second step to a new secret of the pool: show the new one to others, and still let in the old.",
        Param("host", ref("host"), "The host."),
        Param("old_ps", STRING, "The secret so far."),
        Param("new_ps", STRING, "The new secret."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    cleanup_pool_secret = message(
        "Last step to a new secret of the pool: forget the old one.",
        Param("host", ref("host"), "The host."),
        Param("old_ps", STRING, "The secret so far."),
        Param("new_ps", STRING, "The new secret."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    set_sched_gran = message(
        "Say what the hypervisor hands out to guests at a time; OPERATION_NOT_ALLOWED for anything but cpu.",
        Param("self", ref("host"), "The host."),
        Param("value", enum_of(HostSchedGran), "Processors, cores or sockets."),
        roles=LOCAL_ROOT,
        since="1.271.0",
    )
    get_sched_gran = message(
        "Tell what the hypervisor hands out to guests at a time: cpu, as there is no other way here.",
        Param("self", ref("host"), "The host."),
        result=enum_of(HostSchedGran),
        roles=LOCAL_ROOT,
        since="1.271.0",
    )
    set_numa_affinity_policy = message(
        "Say how memory and processors of guests are placed on the host's nodes.",
        Param("self", ref("host"), "The host."),
        Param("value", enum_of(HostNumaAffinityPolicy), "How; kept, not acted on yet."),
        roles=POOL_ADMIN,
        since="24.0.0",
        state="prototyped",
    )
    emergency_disable_tls_verification = message(
        "Have the host that is asked believe whatever certificates the others show; people are told by a message.",
        roles=LOCAL_ROOT,
        has_async=False,
        since="1.290.0",
    )
    emergency_reenable_tls_verification = message(
        (
            "Have the host that is asked look at certificates again; TLS_VERIFICATION_NOT_ENABLED_IN_POOL "
            "if its pool does not."
        ),
        roles=LOCAL_ROOT,
        has_async=False,
        since="1.298.0",
    )
    cert_distrib_atom = message(
        ("Do one step of spreading certificates over the hosts of a pool. Not built yet: it answers NOT_IMPLEMENTED."),
        Param("host", ref("host"), "The host."),
        Param("command", STRING, "The step, as JSON."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    apply_updates = message(
        (
            "Install the updates that were last fetched for the pool; warnings are handed back. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("self", ref("host"), "The host."),
        Param("hash", STRING, "Checksum of these updates, as pool.sync_updates handed it back."),
        result=set_of(set_of(STRING)),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="1.301.0",
    )
    rescan_drivers = message(
        "Look anew at the drivers of the host of which there are several variants.",
        Param("self", ref("host"), "The host."),
        roles=POOL_ADMIN,
        since="25.2.0",
        state="prototyped",
    )
    copy_primary_host_certs = message(
        "Fetch the certificates that the coordinator trusts. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        roles=POOL_ADMIN,
        hidden=True,
    )
    set_https_only = message(
        "Say whether other machines reach the host over TLS alone; connections that are open stay.",
        Param("self", ref("host"), "The host."),
        Param("value", BOOL, "Whether they do."),
        since="22.27.0",
        state="prototyped",
    )
    apply_recommended_guidances = message(
        "Removed: it did what was recommended after an update.",
        Param("self", ref("host"), "The host."),
        since="23.18.0",
        state="removed",
        removed="23.25.0",
    )
    emergency_clear_mandatory_guidance = message(
        "Have the host that is asked forget what has to be restarted after an update.",
        roles=LOCAL_ROOT,
        has_async=False,
        since="24.10.0",
        state="prototyped",
    )
    enable_ssh = message(
        (
            "Let people log in to the host by SSH, for ssh_enabled_timeout seconds if that is set; the "
            "automatic mode ends."
        ),
        Param("self", ref("host"), "The host."),
        roles=POOL_ADMIN,
        since="25.13.0",
        state="prototyped",
        runs_on="self",
    )
    disable_ssh = message(
        "Let nobody log in to the host by SSH.",
        Param("self", ref("host"), "The host."),
        roles=POOL_ADMIN,
        since="25.13.0",
        state="prototyped",
        runs_on="self",
    )
    set_ssh_enabled_timeout = message(
        "Say for how long SSH stays on once it is on; if it is on, that counts from now.",
        Param("self", ref("host"), "The host."),
        Param("value", INT, "Seconds, at most 172,800, which are two days; 0 for ever."),
        roles=POOL_ADMIN,
        since="25.21.0",
        state="prototyped",
        runs_on="self",
    )
    set_console_idle_timeout = message(
        "Say after how many idle seconds a login to the host ends.",
        Param("self", ref("host"), "The host."),
        Param("value", INT, "Seconds; 0 for never."),
        roles=POOL_ADMIN,
        since="25.21.0",
        state="prototyped",
        runs_on="self",
    )
    set_ssh_auto_mode = message(
        "Say whether SSH is off while the daemon is well, and on while it is not.",
        Param("self", ref("host"), "The host."),
        Param("value", BOOL, "Whether it is so."),
        roles=POOL_ADMIN,
        since="25.27.0",
        state="prototyped",
        runs_on="self",
    )
    get_tracked_user_agents = message(
        "List the addresses that programs logged in from, each with the program that did so last.",
        Param("self", ref("host"), "The host."),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.34.0",
        state="prototyped",
    )
    update_firewalld_service_status = message(
        "Open and close the host's firewall, if it is firewalld, for logins by SSH and for calls of the API.",
        hidden=True,
        arity=0,
    )
    set_max_cstate = message(
        "Bound how deep idle processors sleep; VALUE_NOT_SUPPORTED for a state deeper than 1.",
        Param("self", ref("host"), "The host."),
        Param("value", STRING, "The state, 0 or 1, with a substate after a comma if wanted; empty for no bound."),
        since="26.0.0",
        state="prototyped",
    )
    set_ntp_mode = message(
        "Say where the clock of the host takes the time from.",
        Param("self", ref("host"), "The host."),
        Param("value", enum_of(HostNtpMode), "Where; INVALID_NTP_CONFIG for Custom if ntp_custom_servers is empty."),
        since="26.0.0",
        state="prototyped",
        runs_on="self",
    )
    set_ntp_custom_servers = message(
        "Name the servers for the mode Custom, in place of all before; in that mode they are asked from now on.",
        Param("self", ref("host"), "The host."),
        Param("value", set_of(STRING), "Names or addresses."),
        since="26.0.0",
        state="prototyped",
        runs_on="self",
    )
    get_ntp_servers_status = message(
        "List the servers that the host asks for the time, each with what the host thinks of it.",
        Param("self", ref("host"), "The host."),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="26.0.0",
        state="prototyped",
        runs_on="self",
    )
    set_timezone = message(
        "Give the host another zone of time.",
        Param("self", ref("host"), "The host."),
        Param("value", STRING, "One of those that host.list_timezones lists; INVALID_VALUE otherwise."),
        since="26.0.0",
        state="prototyped",
        runs_on="self",
    )
    list_timezones = message(
        "List the zones of time that the host knows.",
        Param("self", ref("host"), "The host."),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="26.0.0",
        state="prototyped",
        runs_on="self",
    )
    get_ntp_synchronized = message(
        "Tell whether the clock of the host goes by that of a server.",
        Param("self", ref("host"), "The host."),
        result=BOOL,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="26.0.0",
        state="prototyped",
        runs_on="self",
    )
    set_servertime = message(
        "Set the clock of the host; NOT_ALLOWED_WHEN_NTP_IS_ENABLED unless ntp_mode is Disabled.",
        Param("self", ref("host"), "The host."),
        Param("value", DATETIME, "The time, in UTC unless it says otherwise."),
        since="26.0.0",
        state="prototyped",
    )
