"""The class VM."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import (
    BOOTLOADER_FAILED,
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN,
    HOST_CANNOT_ATTACH_NETWORK,
    HOST_DISABLED,
    HOST_NOT_ENOUGH_FREE_MEMORY,
    HOST_NOT_ENOUGH_PCPUS,
    HOST_NOT_LIVE,
    INVALID_VALUE,
    LICENCE_RESTRICTION,
    MEMORY_CONSTRAINT_VIOLATION,
    NETWORK_SRIOV_INSUFFICIENT_CAPACITY,
    NO_HOSTS_AVAILABLE,
    OPERATION_NOT_ALLOWED,
    OTHER_OPERATION_IN_PROGRESS,
    SR_FULL,
    UNKNOWN_BOOTLOADER,
    VALUE_NOT_SUPPORTED,
    VM_BAD_POWER_STATE,
    VM_BIOS_STRINGS_ALREADY_SET,
    VM_CHECKPOINT_RESUME_FAILED,
    VM_CHECKPOINT_SUSPEND_FAILED,
    VM_HOST_INCOMPATIBLE_VERSION,
    VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION,
    VM_HVM_REQUIRED,
    VM_INCOMPATIBLE_WITH_THIS_HOST,
    VM_IS_PART_OF_AN_APPLIANCE,
    VM_IS_TEMPLATE,
    VM_REQUIRES_GPU,
    VM_REQUIRES_IOMMU,
    VM_REQUIRES_NETWORK,
    VM_REQUIRES_SR,
    VM_REQUIRES_VGPU,
    VM_REVERT_FAILED,
    VM_SNAPSHOT_WITH_QUIESCE_FAILED,
    VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED,
    VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND,
    VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT,
)
from xapid.datamodel.roles import (
    CLIENT_CERT,
    LOCAL_ROOT,
    POOL_ADMIN,
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
    FLOAT,
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
    record,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.blob import Blob
    from xapid.datamodel.console import Console
    from xapid.datamodel.crashdump import Crashdump
    from xapid.datamodel.host import Host
    from xapid.datamodel.pci import PCI
    from xapid.datamodel.sr import SR
    from xapid.datamodel.vbd import VBD
    from xapid.datamodel.vdi import VDI
    from xapid.datamodel.vgpu import VGPU
    from xapid.datamodel.vif import VIF
    from xapid.datamodel.vm_appliance import VM_appliance
    from xapid.datamodel.vm_group import VM_group
    from xapid.datamodel.vm_guest_metrics import VM_guest_metrics
    from xapid.datamodel.vm_metrics import VM_metrics
    from xapid.datamodel.vmpp import VMPP
    from xapid.datamodel.vmss import VMSS
    from xapid.datamodel.vtpm import VTPM
    from xapid.datamodel.vusb import VUSB


class VmPowerState(enum.StrEnum):
    ""

    Halted = "Halted"
    Paused = "Paused"
    Running = "Running"
    Suspended = "Suspended"


class UpdateGuidances(enum.StrEnum):
    ""

    reboot_host = "reboot_host"
    reboot_host_on_livepatch_failure = "reboot_host_on_livepatch_failure"
    reboot_host_on_kernel_livepatch_failure = "reboot_host_on_kernel_livepatch_failure"
    reboot_host_on_xen_livepatch_failure = "reboot_host_on_xen_livepatch_failure"
    restart_toolstack = "restart_toolstack"
    restart_device_model = "restart_device_model"
    restart_vm = "restart_vm"


class VmSecurebootCertificatesState(enum.StrEnum):
    ""

    ok = "ok"
    update_available = "update_available"
    update_on_boot = "update_on_boot"


class OnSoftrebootBehavior(enum.StrEnum):
    ""

    soft_reboot = "soft_reboot"
    destroy = "destroy"
    restart = "restart"
    preserve = "preserve"


class OnNormalExit(enum.StrEnum):
    ""

    destroy = "destroy"
    restart = "restart"


class OnCrashBehaviour(enum.StrEnum):
    ""

    destroy = "destroy"
    coredump_and_destroy = "coredump_and_destroy"
    restart = "restart"
    coredump_and_restart = "coredump_and_restart"
    preserve = "preserve"
    rename_restart = "rename_restart"


class DomainType(enum.StrEnum):
    ""

    hvm = "hvm"
    pv = "pv"
    pv_in_pvh = "pv_in_pvh"
    pvh = "pvh"
    unspecified = "unspecified"


class VmUefiMode(enum.StrEnum):
    ""

    setup = "setup"
    user = "user"


class VmSecurebootReadiness(enum.StrEnum):
    ""

    not_supported = "not_supported"
    disabled = "disabled"
    first_boot = "first_boot"
    ready = "ready"
    ready_no_dbx = "ready_no_dbx"
    setup_mode = "setup_mode"
    certs_incomplete = "certs_incomplete"


class VmOperations(enum.StrEnum):
    ""

    snapshot = "snapshot"
    clone = "clone"
    copy = "copy"
    create_template = "create_template"
    revert = "revert"
    checkpoint = "checkpoint"
    snapshot_with_quiesce = "snapshot_with_quiesce"
    provision = "provision"
    start = "start"
    start_on = "start_on"
    pause = "pause"
    unpause = "unpause"
    clean_shutdown = "clean_shutdown"
    clean_reboot = "clean_reboot"
    hard_shutdown = "hard_shutdown"
    power_state_reset = "power_state_reset"
    hard_reboot = "hard_reboot"
    suspend = "suspend"
    csvm = "csvm"
    resume = "resume"
    resume_on = "resume_on"
    pool_migrate = "pool_migrate"
    migrate_send = "migrate_send"
    get_boot_record = "get_boot_record"
    send_sysrq = "send_sysrq"
    send_trigger = "send_trigger"
    query_services = "query_services"
    shutdown = "shutdown"
    call_plugin = "call_plugin"
    changing_memory_live = "changing_memory_live"
    awaiting_memory_live = "awaiting_memory_live"
    changing_dynamic_range = "changing_dynamic_range"
    changing_static_range = "changing_static_range"
    changing_memory_limits = "changing_memory_limits"
    changing_shadow_memory = "changing_shadow_memory"
    changing_shadow_memory_live = "changing_shadow_memory_live"
    changing_VCPUs = "changing_VCPUs"
    changing_VCPUs_live = "changing_VCPUs_live"
    changing_NVRAM = "changing_NVRAM"
    assert_operation_valid = "assert_operation_valid"
    data_source_op = "data_source_op"
    update_allowed_operations = "update_allowed_operations"
    make_into_template = "make_into_template"
    import_ = "import"
    export = "export"
    metadata_export = "metadata_export"
    reverting = "reverting"
    destroy = "destroy"
    create_vtpm = "create_vtpm"
    sysprep = "sysprep"


class VM(Object, roles=VM_ADMIN, constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    allowed_operations: Set[VmOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, VmOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    power_state: VmPowerState = static(VmPowerState.Halted)
    user_version: int = rw()
    is_a_template: bool = rw()
    is_default_template: bool = dynamic(False, since="falcon")
    suspend_VDI: Ref[VDI] = static(NULL)
    resident_on: Ref[Host] = dynamic()
    scheduled_to_be_resident_on: Ref[Host] = dynamic(NULL)
    affinity: Ref[Host] = rw(roles=VM_POWER_ADMIN)
    memory_overhead: int = dynamic(0)
    memory_target: int = static(0, state="deprecated", deprecated="midnight-ride")
    memory_static_max: int = static()
    memory_dynamic_max: int = static()
    memory_dynamic_min: int = static()
    memory_static_min: int = static()
    VCPUs_params: dict[str, str] = rw()
    VCPUs_max: int = static()
    VCPUs_at_startup: int = static()
    actions_after_softreboot: OnSoftrebootBehavior = rw(
        OnSoftrebootBehavior.soft_reboot, since="23.1.0", state="prototyped"
    )
    actions_after_shutdown: OnNormalExit = rw()
    actions_after_reboot: OnNormalExit = rw()
    actions_after_crash: OnCrashBehaviour = static()
    consoles: Set[Ref[Console]] = inverse("console.VM")
    VIFs: Set[Ref[VIF]] = inverse("VIF.VM")
    VBDs: Set[Ref[VBD]] = inverse("VBD.VM")
    VUSBs: Set[Ref[VUSB]] = inverse("VUSB.VM")
    crash_dumps: Set[Ref[Crashdump]] = inverse("crashdump.VM")
    VTPMs: Set[Ref[VTPM]] = inverse("VTPM.VM")
    PV_bootloader: str = rw()
    PV_kernel: str = rw()
    PV_ramdisk: str = rw()
    PV_args: str = rw()
    PV_bootloader_args: str = rw()
    PV_legacy_args: str = rw()
    HVM_boot_policy: str = static(state="deprecated", deprecated="kolkata")
    HVM_boot_params: dict[str, str] = rw()
    HVM_shadow_multiplier: float = static(1.0, since="miami")
    platform: dict[str, str] = static(key_roles={"hvm_serial": POOL_ADMIN})
    PCI_bus: str = rw(state="deprecated", deprecated="boston")
    other_config: dict[str, str] = static(
        doc="Free keys of clients.",
        key_roles={
            "hvm_serial": POOL_ADMIN,
            "pci": POOL_ADMIN,
            "folder": VM_OPERATOR,
            "XenCenter.CustomFields.*": VM_OPERATOR,
        },
    )
    domid: int = dynamic()
    domarch: str = dynamic()
    last_boot_CPU_flags: dict[str, str] = static({})
    is_control_domain: bool = dynamic()
    metrics: Ref[VM_metrics] = dynamic()
    guest_metrics: Ref[VM_guest_metrics] = dynamic()
    last_booted_record: str = static("", since="miami")
    recommendations: str = rw()
    xenstore_data: dict[str, str] = rw({}, since="miami")
    ha_always_run: bool = static(False, since="orlando", state="deprecated", deprecated="boston")
    ha_restart_priority: str = static("", since="orlando")
    is_a_snapshot: bool = dynamic(False, since="orlando")
    snapshot_of: Ref[VM] = dynamic(NULL, since="orlando")
    snapshots: Set[Ref[VM]] = inverse("VM.snapshot_of", since="orlando")
    snapshot_time: DateTime = dynamic(EPOCH, since="orlando")
    transportable_snapshot_id: str = dynamic("", since="orlando")
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    blocked_operations: dict[VmOperations, str] = static({}, since="orlando")
    snapshot_info: dict[str, str] = dynamic({}, since="midnight-ride")
    snapshot_metadata: str = dynamic("", since="midnight-ride")
    parent: Ref[VM] = dynamic(NULL, since="midnight-ride")
    children: Set[Ref[VM]] = inverse("VM.parent", since="midnight-ride")
    bios_strings: dict[str, str] = dynamic({}, since="midnight-ride")
    protection_policy: Ref[VMPP] = static(NULL, since="cowley", state="deprecated", deprecated="clearwater")
    is_snapshot_from_vmpp: bool = static(False, since="cowley", state="removed", deprecated="clearwater")
    snapshot_schedule: Ref[VMSS] = static(NULL, since="falcon")
    is_vmss_snapshot: bool = static(False, since="falcon")
    appliance: Ref[VM_appliance] = static(NULL)
    start_delay: int = static(0, since="boston")
    shutdown_delay: int = static(0, since="boston")
    order: int = static(0, since="boston")
    VGPUs: Set[Ref[VGPU]] = inverse("VGPU.VM", since="boston")
    attached_PCIs: Set[Ref[PCI]] = dynamic(since="boston")
    suspend_SR: Ref[SR] = rw(NULL, since="boston")
    version: int = static(0, since="boston")
    generation_id: str = static("0:0", since="clearwater")
    hardware_platform_version: int = rw(0, since="cream")
    has_vendor_device: bool = static(True, since="dundee")
    requires_reboot: bool = dynamic(False, since="ely")
    reference_label: str = static("", since="ely")
    domain_type: DomainType = static(DomainType.unspecified, since="jura")
    NVRAM: dict[str, str] = static({}, since="naples")
    pending_guidances: Set[UpdateGuidances] = dynamic((), since="1.303.0")
    pending_guidances_recommended: Set[UpdateGuidances] = dynamic((), since="24.10.0", state="prototyped")
    pending_guidances_full: Set[UpdateGuidances] = dynamic((), since="24.10.0", state="prototyped")
    groups: Set[Ref[VM_group]] = dynamic(since="24.19.1", state="prototyped")
    secureboot_certificates_state: VmSecurebootCertificatesState = dynamic(
        VmSecurebootCertificatesState.ok, since="26.14.0", state="prototyped"
    )

    snapshot = message(
        "",
        Param("vm", ref("VM")),
        Param("new_name", STRING),
        Param("ignore_vdis", set_of(ref("VDI")), default=()),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
        ),
        roles=VM_POWER_ADMIN,
        since="orlando",
    )
    snapshot_with_quiesce = message(
        "",
        Param("vm", ref("VM")),
        Param("new_name", STRING),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            VM_SNAPSHOT_WITH_QUIESCE_FAILED,
            VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT,
            VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND,
            VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED,
        ),
        roles=VM_POWER_ADMIN,
        since="orlando",
        state="removed",
        deprecated="quebec",
    )
    clone = message(
        "",
        Param("vm", ref("VM")),
        Param("new_name", STRING),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    copy = message(
        "",
        Param("vm", ref("VM")),
        Param("new_name", STRING),
        Param("sr", ref("SR"), late=True),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    revert = message(
        "",
        Param("snapshot", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            SR_FULL,
            VM_REVERT_FAILED,
        ),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    checkpoint = message(
        "",
        Param("vm", ref("VM")),
        Param("new_name", STRING),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            VM_CHECKPOINT_SUSPEND_FAILED,
            VM_CHECKPOINT_RESUME_FAILED,
        ),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    provision = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    start = message(
        "",
        Param("vm", ref("VM")),
        Param("start_paused", BOOL),
        Param("force", BOOL),
        errors=(
            VM_BAD_POWER_STATE,
            VM_HVM_REQUIRED,
            VM_IS_TEMPLATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            BOOTLOADER_FAILED,
            UNKNOWN_BOOTLOADER,
            NO_HOSTS_AVAILABLE,
            LICENCE_RESTRICTION,
        ),
        roles=VM_OPERATOR,
    )
    start_on = message(
        "",
        Param("vm", ref("VM")),
        Param("host", ref("host")),
        Param("start_paused", BOOL),
        Param("force", BOOL),
        errors=(
            VM_BAD_POWER_STATE,
            VM_IS_TEMPLATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            BOOTLOADER_FAILED,
            UNKNOWN_BOOTLOADER,
        ),
        roles=role_set(VM_POWER_ADMIN, CLIENT_CERT),
    )
    pause = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    unpause = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    clean_shutdown = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    shutdown = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=role_set(VM_OPERATOR, CLIENT_CERT),
        since="clearwater",
    )
    clean_reboot = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    hard_shutdown = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    power_state_reset = message("", Param("vm", ref("VM")), roles=POOL_OPERATOR)
    hard_reboot = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    suspend = message(
        "",
        Param("vm", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=role_set(VM_OPERATOR, CLIENT_CERT),
    )
    csvm = message("", hidden=True, arity=1, result=ref("VM"))
    resume = message(
        "",
        Param("vm", ref("VM")),
        Param("start_paused", BOOL),
        Param("force", BOOL),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    set_is_default_template = message("", Param("vm", ref("VM")), Param("value", BOOL), roles=POOL_ADMIN, hidden=True)
    hard_reboot_internal = message("", Param("vm", ref("VM")), roles=LOCAL_ROOT, hidden=True)
    resume_on = message(
        "",
        Param("vm", ref("VM")),
        Param("host", ref("host"), late=True),
        Param("start_paused", BOOL),
        Param("force", BOOL),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=role_set(VM_POWER_ADMIN, CLIENT_CERT),
    )
    pool_migrate = message(
        "",
        Param("vm", ref("VM")),
        Param("host", ref("host")),
        Param("options", STRING_MAP),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            VM_IS_TEMPLATE,
            OPERATION_NOT_ALLOWED,
            VM_BAD_POWER_STATE,
        ),
        roles=role_set(VM_POWER_ADMIN, CLIENT_CERT),
    )
    pool_migrate_complete = message(
        "", Param("vm", ref("VM")), Param("host", ref("host")), roles=role_set(VM_POWER_ADMIN, CLIENT_CERT), hidden=True
    )
    set_VCPUs_number_live = message(
        "",
        Param("self", ref("VM")),
        Param("nvcpu", INT),
        errors=(
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    add_to_VCPUs_params_live = message("", Param("self", ref("VM")), Param("key", STRING), Param("value", STRING))
    set_NVRAM = message("", Param("self", ref("VM")), Param("value", STRING_MAP), has_async=False, since="naples")
    add_to_NVRAM = message(
        "",
        Param("self", ref("VM")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
        since="naples",
    )
    remove_from_NVRAM = message("", Param("self", ref("VM")), Param("key", STRING), has_async=False, since="naples")
    set_ha_restart_priority = message(
        "",
        Param("self", ref("VM"), late=True),
        Param("value", STRING),
        roles=POOL_OPERATOR,
        has_async=False,
        since="orlando",
    )
    set_ha_always_run = message(
        "",
        Param("self", ref("VM")),
        Param("value", BOOL),
        roles=POOL_OPERATOR,
        has_async=False,
        since="orlando",
        state="deprecated",
        deprecated="boston",
    )
    compute_memory_overhead = message(
        "",
        Param("vm", ref("VM")),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="midnight-ride",
    )
    set_memory_dynamic_max = message(
        "",
        Param("self", ref("VM")),
        Param("value", INT),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_memory_dynamic_min = message(
        "",
        Param("self", ref("VM")),
        Param("value", INT),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_memory_dynamic_range = message(
        "",
        Param("self", ref("VM")),
        Param("min", INT),
        Param("max", INT),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    set_memory_static_max = message(
        "",
        Param("self", ref("VM")),
        Param("value", INT),
        errors=(HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN,),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="orlando",
    )
    set_memory_static_min = message(
        "",
        Param("self", ref("VM")),
        Param("value", INT),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_memory_static_range = message(
        "",
        Param("self", ref("VM")),
        Param("min", INT),
        Param("max", INT),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    set_memory_limits = message(
        "",
        Param("self", ref("VM")),
        Param("static_min", INT),
        Param("static_max", INT),
        Param("dynamic_min", INT),
        Param("dynamic_max", INT),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    set_memory = message("", Param("self", ref("VM")), Param("value", INT), roles=VM_POWER_ADMIN, since="ely")
    set_memory_target_live = message(
        "",
        Param("self", ref("VM")),
        Param("target", INT),
        roles=VM_POWER_ADMIN,
        state="deprecated",
        deprecated="midnight-ride",
    )
    wait_memory_target_live = message(
        "",
        Param("self", ref("VM")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="orlando",
        state="deprecated",
        deprecated="midnight-ride",
    )
    get_cooperative = message(
        "",
        Param("self", ref("VM"), late=True),
        result=BOOL,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="midnight-ride",
        state="deprecated",
        deprecated="tampa",
    )
    set_HVM_shadow_multiplier = message(
        "",
        Param("self", ref("VM")),
        Param("value", FLOAT),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_shadow_multiplier_live = message(
        "",
        Param("self", ref("VM")),
        Param("multiplier", FLOAT),
        roles=VM_POWER_ADMIN,
    )
    set_VCPUs_max = message("", Param("self", ref("VM")), Param("value", INT), has_async=False, since="midnight-ride")
    set_VCPUs_at_startup = message(
        "",
        Param("self", ref("VM")),
        Param("value", INT),
        has_async=False,
        since="midnight-ride",
    )
    send_sysrq = message(
        "",
        Param("vm", ref("VM")),
        Param("key", STRING),
        errors=(VM_BAD_POWER_STATE,),
        roles=POOL_ADMIN,
    )
    send_trigger = message(
        "",
        Param("vm", ref("VM")),
        Param("trigger", STRING),
        errors=(VM_BAD_POWER_STATE,),
        roles=POOL_ADMIN,
    )
    maximise_memory = message(
        "",
        Param("self", ref("VM")),
        Param("total", INT),
        Param("approximate", BOOL),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="miami",
    )
    migrate_send = message(
        "",
        Param("vm", ref("VM")),
        Param("dest", STRING_MAP),
        Param("live", BOOL),
        Param("vdi_map", map_of(ref("VDI"), ref("SR"))),
        Param("vif_map", map_of(ref("VIF"), ref("network"))),
        Param("options", STRING_MAP),
        Param("vgpu_map", map_of(ref("VGPU"), ref("GPU_group")), default={}),
        Param("vdi_format_map", map_of(ref("VDI"), STRING), default={}),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            LICENCE_RESTRICTION,
        ),
        roles=VM_POWER_ADMIN,
        since="tampa",
    )
    assert_can_migrate = message(
        "",
        Param("vm", ref("VM")),
        Param("dest", STRING_MAP),
        Param("live", BOOL),
        Param("vdi_map", map_of(ref("VDI"), ref("SR"))),
        Param("vif_map", map_of(ref("VIF"), ref("network"))),
        Param("options", STRING_MAP),
        Param("vgpu_map", map_of(ref("VGPU"), ref("GPU_group")), default={}),
        errors=(LICENCE_RESTRICTION,),
        roles=VM_POWER_ADMIN,
        since="tampa",
    )
    assert_can_migrate_sender = message("", roles=VM_POWER_ADMIN, hidden=True, arity=7)
    get_boot_record = message(
        "",
        Param("self", ref("VM")),
        result=record("VM"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        state="deprecated",
        deprecated="inverness",
    )
    get_data_sources = message(
        "",
        Param("self", ref("VM")),
        result=set_of(record("data_source")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
    )
    record_data_source = message(
        "",
        Param("self", ref("VM")),
        Param("data_source", STRING),
        has_async=False,
        since="orlando",
    )
    query_data_source = message(
        "",
        Param("self", ref("VM")),
        Param("data_source", STRING),
        result=FLOAT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
    )
    forget_data_source_archives = message(
        "",
        Param("self", ref("VM")),
        Param("data_source", STRING),
        has_async=False,
        since="orlando",
    )
    assert_operation_valid = message(
        "",
        Param("self", ref("VM")),
        Param("op", enum_of(VmOperations)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    update_allowed_operations = message("", Param("self", ref("VM")), roles=POOL_ADMIN)
    get_allowed_VBD_devices = message(
        "",
        Param("vm", ref("VM")),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_allowed_VIF_devices = message(
        "",
        Param("vm", ref("VM")),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_possible_hosts = message(
        "",
        Param("vm", ref("VM")),
        result=set_of(ref("host")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    assert_can_boot_here = message(
        "",
        Param("self", ref("VM")),
        Param("host", ref("host"), late=True),
        errors=(
            HOST_NOT_ENOUGH_FREE_MEMORY,
            HOST_NOT_ENOUGH_PCPUS,
            NETWORK_SRIOV_INSUFFICIENT_CAPACITY,
            HOST_NOT_LIVE,
            HOST_DISABLED,
            HOST_CANNOT_ATTACH_NETWORK,
            VM_HVM_REQUIRED,
            VM_REQUIRES_GPU,
            VM_REQUIRES_IOMMU,
            VM_REQUIRES_NETWORK,
            VM_REQUIRES_SR,
            VM_REQUIRES_VGPU,
            VM_HOST_INCOMPATIBLE_VERSION,
            VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION,
            INVALID_VALUE,
            MEMORY_CONSTRAINT_VIOLATION,
            OPERATION_NOT_ALLOWED,
            VALUE_NOT_SUPPORTED,
            VM_INCOMPATIBLE_WITH_THIS_HOST,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    atomic_set_resident_on = message("", roles=LOCAL_ROOT, hidden=True, arity=2)
    create_new_blob = message(
        "",
        Param("vm", ref("VM")),
        Param("name", STRING),
        Param("mime_type", STRING),
        Param("public", BOOL, default=False),
        result=ref("blob"),
        roles=VM_POWER_ADMIN,
        since="orlando",
    )
    s3_suspend = message("", Param("vm", ref("VM")), roles=VM_OPERATOR, hidden=True)
    s3_resume = message("", Param("vm", ref("VM")), roles=VM_OPERATOR, hidden=True)
    assert_agile = message("", Param("self", ref("VM")), roles=role_set(READ_ONLY, CLIENT_CERT), since="orlando")
    update_snapshot_metadata = message(
        "",
        Param("vm", ref("VM")),
        Param("snapshot_of", ref("VM")),
        Param("snapshot_time", DATETIME),
        Param("transportable_snapshot_id", STRING),
        roles=POOL_OPERATOR,
        hidden=True,
    )
    retrieve_wlb_recommendations = message(
        "",
        Param("vm", ref("VM")),
        result=map_of(ref("host"), set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    set_bios_strings = message(
        "",
        Param("self", ref("VM")),
        Param("value", STRING_MAP),
        errors=(
            VM_BIOS_STRINGS_ALREADY_SET,
            INVALID_VALUE,
        ),
        since="inverness",
    )
    copy_bios_strings = message("", Param("vm", ref("VM")), Param("host", ref("host")), since="midnight-ride")
    set_protection_policy = message(
        "",
        Param("self", ref("VM")),
        Param("value", ref("VMPP")),
        roles=POOL_OPERATOR,
        has_async=False,
        since="cowley",
        state="removed",
        deprecated="clearwater",
    )
    set_snapshot_schedule = message(
        "",
        Param("self", ref("VM"), late=True),
        Param("value", ref("VMSS"), late=True),
        roles=POOL_OPERATOR,
        has_async=False,
        since="falcon",
    )
    set_start_delay = message("", Param("self", ref("VM")), Param("value", INT), roles=POOL_OPERATOR, since="boston")
    set_shutdown_delay = message(
        "",
        Param("self", ref("VM")),
        Param("value", INT),
        roles=POOL_OPERATOR,
        since="boston",
    )
    set_order = message("", Param("self", ref("VM")), Param("value", INT), roles=POOL_OPERATOR, since="boston")
    set_suspend_VDI = message(
        "",
        Param("self", ref("VM")),
        Param("value", ref("VDI"), late=True),
        roles=POOL_OPERATOR,
        since="boston",
    )
    assert_can_be_recovered = message(
        "",
        Param("self", ref("VM")),
        Param("session_to", ref("session"), late=True),
        errors=(
            VM_IS_PART_OF_AN_APPLIANCE,
            VM_REQUIRES_SR,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="boston",
    )
    get_SRs_required_for_recovery = message(
        "",
        Param("self", ref("VM")),
        Param("session_to", ref("session"), late=True),
        result=set_of(ref("SR")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="creedence",
    )
    recover = message(
        "",
        Param("self", ref("VM")),
        Param("session_to", ref("session")),
        Param("force", BOOL),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="boston",
    )
    import_convert = message(
        "",
        Param("type", STRING),
        Param("username", STRING),
        Param("password", STRING, secret=True),
        Param("sr", ref("SR")),
        Param("remote_config", STRING_MAP),
        since="tampa",
    )
    set_appliance = message(
        "",
        Param("self", ref("VM")),
        Param("value", ref("VM_appliance"), late=True),
        roles=POOL_OPERATOR,
        since="boston",
    )
    set_groups = message(
        "",
        Param("self", ref("VM")),
        Param("value", set_of(ref("VM_group"))),
        errors=(OPERATION_NOT_ALLOWED,),
        since="24.19.1",
        state="prototyped",
    )
    query_services = message("", Param("self", ref("VM")), result=STRING_MAP, roles=POOL_ADMIN, since="tampa")
    call_plugin = message(
        "",
        Param("vm", ref("VM")),
        Param("plugin", STRING),
        Param("fn", STRING),
        Param("args", STRING_MAP),
        result=STRING,
        roles=VM_OPERATOR,
        since="cream",
    )
    call_host_plugin = message(
        "",
        Param("vm", ref("VM")),
        Param("plugin", STRING),
        Param("fn", STRING),
        Param("args", STRING_MAP),
        result=STRING,
        roles=VM_OPERATOR,
        since="25.22.0",
        state="prototyped",
    )
    set_has_vendor_device = message("", Param("self", ref("VM")), Param("value", BOOL), since="dundee")
    import_ = message(
        "",
        Param("url", STRING),
        Param("sr", ref("SR")),
        Param("full_restore", BOOL),
        Param("force", BOOL),
        result=set_of(ref("VM")),
        roles=POOL_OPERATOR,
        since="dundee",
    )
    set_actions_after_crash = message("", Param("self", ref("VM")), Param("value", enum_of(OnCrashBehaviour)))
    set_domain_type = message(
        "",
        Param("self", ref("VM")),
        Param("value", enum_of(DomainType)),
        has_async=False,
        since="kolkata",
    )
    set_HVM_boot_policy = message(
        "",
        Param("self", ref("VM")),
        Param("value", STRING),
        has_async=False,
        state="deprecated",
        deprecated="kolkata",
    )
    set_NVRAM_EFI_variables = message("", roles=LOCAL_ROOT, hidden=True, arity=2)
    restart_device_models = message(
        "",
        Param("self", ref("VM")),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            VM_IS_TEMPLATE,
            OPERATION_NOT_ALLOWED,
            VM_BAD_POWER_STATE,
        ),
        roles=role_set(VM_POWER_ADMIN, CLIENT_CERT),
        since="23.30.0",
        state="prototyped",
    )
    set_uefi_mode = message(
        "",
        Param("self", ref("VM")),
        Param("mode", enum_of(VmUefiMode)),
        result=STRING,
        roles=POOL_ADMIN,
        since="24.17.0",
        state="prototyped",
    )
    get_secureboot_readiness = message(
        "",
        Param("self", ref("VM")),
        result=enum_of(VmSecurebootReadiness),
        roles=POOL_ADMIN,
        since="24.17.0",
        state="prototyped",
    )
    update_secureboot_certificates_on_boot = message(
        "",
        Param("self", ref("VM")),
        Param("mark", BOOL),
        since="26.14.0",
        state="prototyped",
    )
    set_blocked_operations = message(
        "",
        Param("self", ref("VM")),
        Param("value", map_of(enum_of(VmOperations), STRING)),
        since="orlando",
    )
    add_to_blocked_operations = message(
        "",
        Param("self", ref("VM")),
        Param("key", enum_of(VmOperations)),
        Param("value", STRING),
        since="orlando",
    )
    remove_from_blocked_operations = message(
        "",
        Param("self", ref("VM")),
        Param("key", enum_of(VmOperations)),
        since="orlando",
    )
    sysprep = message(
        "",
        Param("self", ref("VM")),
        Param("unattend", STRING),
        Param("timeout", FLOAT),
        since="25.24.0",
        state="prototyped",
    )
    add_to_other_config = message(
        "",
        Param("self", ref("VM")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
    )
    remove_from_other_config = message("", Param("self", ref("VM")), Param("key", STRING), has_async=False)
    set_other_config = message("", Param("self", ref("VM")), Param("value", STRING_MAP), has_async=False)
    add_to_platform = message(
        "",
        Param("self", ref("VM")),
        Param("key", STRING),
        Param("value", STRING),
        has_async=False,
    )
    remove_from_platform = message("", Param("self", ref("VM")), Param("key", STRING), has_async=False)
    set_platform = message("", Param("self", ref("VM")), Param("value", STRING_MAP), has_async=False)
