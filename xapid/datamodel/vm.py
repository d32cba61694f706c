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
    """Whether a machine is off, runs, stands still in memory (Paused), or sleeps in a disk (Suspended)."""

    Halted = "Halted"
    """It is off."""
    Paused = "Paused"
    """It has its memory, and its processors stand still."""
    Running = "Running"
    """Its processors run."""
    Suspended = "Suspended"
    """Its memory is kept on a disk, and it has none on a host."""


class UpdateGuidances(enum.StrEnum):
    """What is to be restarted so that updates take effect."""

    reboot_host = "reboot_host"
    """Restart the host."""
    reboot_host_on_livepatch_failure = "reboot_host_on_livepatch_failure"
    """Restart the host, since a live patch could not be applied."""
    reboot_host_on_kernel_livepatch_failure = "reboot_host_on_kernel_livepatch_failure"
    """Restart the host, since a live patch of its kernel could not be applied."""
    reboot_host_on_xen_livepatch_failure = "reboot_host_on_xen_livepatch_failure"
    """Restart the host, since a live patch of its hypervisor could not be applied."""
    restart_toolstack = "restart_toolstack"
    """Restart the toolstack of the host; machines run on."""
    restart_device_model = "restart_device_model"
    """Give the machine a new device model, as a move or a suspend and resume does."""
    restart_vm = "restart_vm"
    """Stop and start the machine."""


class VmSecurebootCertificatesState(enum.StrEnum):
    """Whether newer certificates for Secure Boot wait for a machine, or come at its next boot."""

    ok = "ok"
    """There is nothing newer than what the machine has."""
    update_available = "update_available"
    """There are newer certificates, and nobody asked for them yet."""
    update_on_boot = "update_on_boot"
    """Newer certificates come when the machine boots next."""


class OnSoftrebootBehavior(enum.StrEnum):
    """What becomes of a machine whose guest asks for a soft reboot."""

    soft_reboot = "soft_reboot"
    """It starts again with its memory as it is."""
    destroy = "destroy"
    """It is off from then on."""
    restart = "restart"
    """It starts again as if newly switched on."""
    preserve = "preserve"
    """It is kept as it was, for whoever looks into it."""


class OnNormalExit(enum.StrEnum):
    """What becomes of a machine whose guest shut down or rebooted by itself: it stays off, or starts again."""

    destroy = "destroy"
    """It is off from then on."""
    restart = "restart"
    """It starts again."""


class OnCrashBehaviour(enum.StrEnum):
    """What becomes of a machine whose guest crashed: it stays off, starts again, or is kept as it was."""

    destroy = "destroy"
    """It is off from then on."""
    coredump_and_destroy = "coredump_and_destroy"
    """Its memory is written to a file, and it is off."""
    restart = "restart"
    """It starts again."""
    coredump_and_restart = "coredump_and_restart"
    """Its memory is written to a file, and it starts again."""
    preserve = "preserve"
    """It is kept as it was, for whoever looks into it."""
    rename_restart = "rename_restart"
    """It is kept as it was under another name, and starts again."""


class DomainType(enum.StrEnum):
    """What kind of machine a guest sees: emulated hardware (hvm), a paravirtual interface (pv), or some of both."""

    hvm = "hvm"
    """Emulated hardware, as a physical computer has it."""
    pv = "pv"
    """A paravirtual interface alone, without help of the processor."""
    pv_in_pvh = "pv_in_pvh"
    """The paravirtual interface, inside a shim that uses help of the processor."""
    pvh = "pvh"
    """A paravirtual interface with help of the processor, and no emulated hardware."""
    unspecified = "unspecified"
    """Nothing is said; it follows from how the machine boots."""


class VmUefiMode(enum.StrEnum):
    """Whether the UEFI firmware of a machine takes anybody's keys (setup), or has an owner's (user)."""

    setup = "setup"
    """Anybody may write keys into the firmware."""
    user = "user"
    """Only the owner of the keys may change them."""


class VmSecurebootReadiness(enum.StrEnum):
    """How far a machine is from checking what it boots by Secure Boot."""

    not_supported = "not_supported"
    """It does not boot by UEFI."""
    disabled = "disabled"
    """It boots by UEFI, and secure boot is off."""
    first_boot = "first_boot"
    """It never booted, so that its firmware holds no keys yet."""
    ready = "ready"
    """All certificates are in its firmware."""
    ready_no_dbx = "ready_no_dbx"
    """All certificates are in its firmware, but no list of what is barred."""
    setup_mode = "setup_mode"
    """Its firmware takes keys from anybody, so that it checks nothing."""
    certs_incomplete = "certs_incomplete"
    """Some of the certificates are missing in its firmware."""


class VmOperations(enum.StrEnum):
    """What can be asked of a machine, be going on with it, or be blocked."""

    snapshot = "snapshot"
    """A snapshot of its disks is taken."""
    clone = "clone"
    """A copy is made that shares data with it."""
    copy = "copy"
    """A copy with disks of its own is made."""
    create_template = "create_template"
    """It becomes a template in one step with being copied; no message does it."""
    revert = "revert"
    """A snapshot is gone back to: asked of the snapshot."""
    checkpoint = "checkpoint"
    """A snapshot of disks and memory is taken."""
    snapshot_with_quiesce = "snapshot_with_quiesce"
    """A snapshot is taken after the guest wrote everything out; removed."""
    provision = "provision"
    """Its disks are made as a template says."""
    start = "start"
    """It is switched on, on a host that the server picks."""
    start_on = "start_on"
    """It is switched on, on a host that the client names."""
    pause = "pause"
    """Its processors are halted."""
    unpause = "unpause"
    """Its processors run again."""
    clean_shutdown = "clean_shutdown"
    """The guest is asked to shut down."""
    clean_reboot = "clean_reboot"
    """The guest is asked to reboot."""
    hard_shutdown = "hard_shutdown"
    """It is switched off, whatever the guest does."""
    power_state_reset = "power_state_reset"
    """The server takes it for off, whatever it is."""
    hard_reboot = "hard_reboot"
    """It is switched off and on, whatever the guest does."""
    suspend = "suspend"
    """Its memory is written to a disk, and it leaves its host."""
    csvm = "csvm"
    """A copy of a suspended machine is made, memory and all; an old message."""
    resume = "resume"
    """It goes on from its memory on disk, on a host that the server picks."""
    resume_on = "resume_on"
    """It goes on from its memory on disk, on a host that the client names."""
    pool_migrate = "pool_migrate"
    """It moves to another host while it runs, its disks staying."""
    migrate_send = "migrate_send"
    """It moves with its disks, perhaps into another pool."""
    get_boot_record = "get_boot_record"
    """What it was started with is read."""
    send_sysrq = "send_sysrq"
    """A key of the kernel of the guest is pressed; not built."""
    send_trigger = "send_trigger"
    """A signal such as that of its power button is sent; not built."""
    query_services = "query_services"
    """It is asked which services it offers to its host."""
    shutdown = "shutdown"
    """The guest is asked to shut down, and switched off if it does not."""
    call_plugin = "call_plugin"
    """A plug-in of its guest agent is called."""
    changing_memory_live = "changing_memory_live"
    """The target of its memory is changed while it runs."""
    awaiting_memory_live = "awaiting_memory_live"
    """It is waited for until its memory is near the target."""
    changing_dynamic_range = "changing_dynamic_range"
    """The bounds are changed within which its memory may vary."""
    changing_static_range = "changing_static_range"
    """The bounds are changed that its memory has from start to stop."""
    changing_memory_limits = "changing_memory_limits"
    """All bounds of its memory are changed at once."""
    changing_shadow_memory = "changing_shadow_memory"
    """The memory for its page tables is changed, as of its next start."""
    changing_shadow_memory_live = "changing_shadow_memory_live"
    """The memory for its page tables is changed while it runs."""
    changing_VCPUs = "changing_VCPUs"
    """The number of its processors is changed, as of its next start."""
    changing_VCPUs_live = "changing_VCPUs_live"
    """The number of its processors is changed while it runs."""
    changing_NVRAM = "changing_NVRAM"
    """What its firmware keeps is changed."""
    assert_operation_valid = "assert_operation_valid"
    """It is asked whether an operation is allowed."""
    data_source_op = "data_source_op"
    """Its figures over time are read or chosen."""
    update_allowed_operations = "update_allowed_operations"
    """Its allowed operations are computed anew."""
    make_into_template = "make_into_template"
    """It becomes a template, or a machine again."""
    import_ = "import"
    """It comes in from an archive."""
    export = "export"
    """It is written to an archive with its disks."""
    metadata_export = "metadata_export"
    """It is written to an archive without its disks."""
    reverting = "reverting"
    """It goes back to one of its snapshots."""
    destroy = "destroy"
    """It is removed from the pool."""
    create_vtpm = "create_vtpm"
    """It gets a virtual TPM."""
    sysprep = "sysprep"
    """Windows in it is prepared for being copied."""


class VM(Object, roles=VM_ADMIN, constructor=True):
    """A virtual machine; templates and snapshots are such objects too, which are copied and never started."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    allowed_operations: Set[VmOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, VmOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    name_label: str = rw("", "The name, for people; need not be unique.")
    name_description: str = rw("", "A description, for people.")
    power_state: VmPowerState = static(
        VmPowerState.Halted,
        (
            "Whether it is off, runs, is paused or sleeps; new machines are off, or Suspended if given all that a "
            "resume needs."
        ),
    )
    user_version: int = rw(doc="A number for clients, for versions of what they make; the server does not read it.")
    is_a_template: bool = rw(
        doc="Whether this is a template, of which machines are made and which itself is not started."
    )
    is_default_template: bool = dynamic(
        False, "Whether this is a template that came with the product, and that cannot be destroyed.", since="falcon"
    )
    suspend_VDI: Ref[VDI] = static(
        NULL, "The disk with the memory of a suspended machine, or of a checkpoint; NULL if there is none."
    )
    resident_on: Ref[Host] = dynamic(doc="The host on which it runs or is paused; NULL while it does neither.")
    scheduled_to_be_resident_on: Ref[Host] = dynamic(
        NULL, "The host that keeps memory for it while it is about to run there; else NULL."
    )
    affinity: Ref[Host] = rw(
        doc="The host that it is started on rather than on others, if that can have it; NULL: any.",
        roles=VM_POWER_ADMIN,
    )
    memory_overhead: int = dynamic(
        0, "Bytes that its host needs for it beyond the memory that the guest sees; worked out by the server."
    )
    memory_target: int = static(
        0,
        "Deprecated: bytes; memory_dynamic_min as of the last change of the limits, before that as given at creation.",
        state="deprecated",
        deprecated="midnight-ride",
    )
    memory_static_max: int = static(doc="Bytes of memory that the guest sees, and cannot exceed while it runs.")
    memory_dynamic_max: int = static(doc="Bytes of memory that the guest is given while it runs.")
    memory_dynamic_min: int = static(
        doc=(
            "Bytes down to which the guest's memory may be squeezed while it runs; a start needs at least as much free."
        )
    )
    memory_static_min: int = static(doc="Bytes that memory_dynamic_min may not go below.")
    VCPUs_params: dict[str, str] = rw(
        doc="Keys weight, cap and mask: the share of the host's CPUs that its own get; kept, not acted on yet."
    )
    VCPUs_max: int = static(doc="How many virtual CPUs it can have while it runs.")
    VCPUs_at_startup: int = static(doc="How many virtual CPUs it starts with, VCPUs_max at most.")
    actions_after_softreboot: OnSoftrebootBehavior = rw(
        OnSoftrebootBehavior.soft_reboot,
        "What becomes of it when the guest asks for a soft reboot; kept, not acted on yet.",
        since="23.1.0",
        state="prototyped",
    )
    actions_after_shutdown: OnNormalExit = rw(
        doc="Whether it stays off or starts again when the guest shut down by itself."
    )
    actions_after_reboot: OnNormalExit = rw(
        doc="Whether it stays off or starts again when the guest rebooted by itself."
    )
    actions_after_crash: OnCrashBehaviour = static(
        doc="What becomes of it when the guest crashed; memory is not dumped yet."
    )
    consoles: Set[Ref[Console]] = inverse(
        "console.VM", "The consoles of this machine; there are some only while it runs or is paused."
    )
    VIFs: Set[Ref[VIF]] = inverse("VIF.VM", "The interfaces of this machine.")
    VBDs: Set[Ref[VBD]] = inverse("VBD.VM", "The drives of this machine.")
    VUSBs: Set[Ref[VUSB]] = inverse("VUSB.VM", "The virtual USB devices of this machine.")
    crash_dumps: Set[Ref[Crashdump]] = inverse("crashdump.VM", "The crash dumps of this machine.")
    VTPMs: Set[Ref[VTPM]] = inverse("VTPM.VM", "The virtual TPMs of this machine, one at most.")
    PV_bootloader: str = rw(
        doc=(
            "For a paravirtual machine, the program that finds a kernel on its disk, such as pygrub; empty: "
            "PV_kernel is booted."
        )
    )
    PV_kernel: str = rw(
        doc=(
            "For a paravirtual machine without boot loader, the path of the kernel on the host, in its folder for "
            "guests' kernels."
        )
    )
    PV_ramdisk: str = rw(doc="Path of the initial RAM disk that goes with PV_kernel; empty for none.")
    PV_args: str = rw(doc="Arguments of the kernel of a paravirtual machine.")
    PV_bootloader_args: str = rw(doc="Arguments of PV_bootloader.")
    PV_legacy_args: str = rw(doc="Arguments of kernels that old boot loaders find.")
    HVM_boot_policy: str = static(
        doc=(
            "Deprecated, as domain_type says it now: BIOS order if it boots as hardware does, empty if it is "
            "paravirtual."
        ),
        state="deprecated",
        deprecated="kolkata",
    )
    HVM_boot_params: dict[str, str] = rw(
        doc="How it boots: the keys order, of c (disk), d (CD) and n (network), and firmware, bios or uefi."
    )
    HVM_shadow_multiplier: float = static(
        1.0, "Factor, 1 at least, by which memory_overhead allows for more page tables than usual.", since="miami"
    )
    platform: dict[str, str] = static(
        doc="Settings of the virtual hardware, such as cores-per-socket, nested-virt or vga.",
        key_roles={"hvm_serial": POOL_ADMIN},
    )
    PCI_bus: str = rw(doc="Deprecated: kept as given, and not read.", state="deprecated", deprecated="boston")
    other_config: dict[str, str] = static(
        doc="Free keys of clients.",
        key_roles={
            "hvm_serial": POOL_ADMIN,
            "pci": POOL_ADMIN,
            "folder": VM_OPERATOR,
            "XenCenter.CustomFields.*": VM_OPERATOR,
        },
    )
    domid: int = dynamic(
        doc=(
            "Number of its domain, another one after each start; -1 if it has none, 0 for the host's own control "
            "domain."
        )
    )
    domarch: str = dynamic(doc="Architecture of its domain; always empty.")
    last_boot_CPU_flags: dict[str, str] = static(
        {},
        "Vendor and features of the CPU that a machine which was made suspended started on; its host must have them.",
    )
    is_control_domain: bool = dynamic(doc="Whether it is a domain of the host's own, and no guest.")
    metrics: Ref[VM_metrics] = dynamic(doc="How it runs; NULL for templates that were machines before.")
    guest_metrics: Ref[VM_guest_metrics] = dynamic(doc="What is known of its guest; NULL if nothing is.")
    last_booted_record: str = static(
        "",
        "What its settings were at its last start, as text; only as given to a machine that was made suspended.",
        since="miami",
    )
    recommendations: str = rw(
        doc="XML that tells clients which settings suit it, such as bounds for memory; the server does not read it."
    )
    xenstore_data: dict[str, str] = rw(
        {},
        "Data by key; those that begin with vm-data/ are shown to the guest from its start on, others are only kept.",
        since="miami",
    )
    ha_always_run: bool = static(
        False,
        (
            "Deprecated: set by a start if ha_restart_priority is restart, and cleared when a client has it shut "
            "down or suspended."
        ),
        since="orlando",
        state="deprecated",
        deprecated="boston",
    )
    ha_restart_priority: str = static(
        "",
        "What high availability does when its host fails: restart, best-effort, or empty for nothing.",
        since="orlando",
    )
    is_a_snapshot: bool = dynamic(False, "Whether this is a snapshot of a machine.", since="orlando")
    snapshot_of: Ref[VM] = dynamic(
        NULL, "The machine that a snapshot is of, even if it is gone; NULL for what is no snapshot.", since="orlando"
    )
    snapshots: Set[Ref[VM]] = inverse("VM.snapshot_of", "The snapshots of this machine.", since="orlando")
    snapshot_time: DateTime = dynamic(
        EPOCH, "When a snapshot was taken; the epoch for what is no snapshot.", since="orlando"
    )
    transportable_snapshot_id: str = dynamic(
        "",
        "An identifier that guests gave to quiesced snapshots, which cannot be taken any more; empty.",
        since="orlando",
    )
    blobs: dict[str, Ref[Blob]] = dynamic({}, "Binary data kept with the object, by name.", since="orlando")
    tags: Set[str] = rw((), "Words by which people find objects.", roles=VM_OPERATOR, since="orlando")
    blocked_operations: dict[VmOperations, str] = static(
        {},
        (
            "Operations that are refused, each with a text that OPERATION_BLOCKED tells; blocked even if the text "
            "is empty."
        ),
        since="orlando",
    )
    snapshot_info: dict[str, str] = dynamic(
        {},
        (
            "Of a snapshot, the keys power-state-at-snapshot and disk-snapshot-type, and snapshot-schedule, the uuid of "
            "the schedule that took it, if one did; else empty."
        ),
        since="midnight-ride",
    )
    snapshot_metadata: str = dynamic(
        "",
        "Of a snapshot, the fields of its machine as they were, as text for VM.revert; else empty.",
        since="midnight-ride",
    )
    parent: Ref[VM] = dynamic(
        NULL,
        "The snapshot that was last taken of it or that it was last brought back to; NULL if none.",
        since="midnight-ride",
    )
    children: Set[Ref[VM]] = inverse(
        "VM.parent", "The machine and snapshots whose parent this snapshot is.", since="midnight-ride"
    )
    bios_strings: dict[str, str] = dynamic(
        {},
        "What it says of its hardware, such as bios-vendor; if unset, its first start fills in the usual ones.",
        since="midnight-ride",
    )
    protection_policy: Ref[VMPP] = static(
        NULL,
        "Deprecated: always NULL, as there are no such policies any more.",
        since="cowley",
        state="deprecated",
        deprecated="clearwater",
    )
    is_snapshot_from_vmpp: bool = static(
        False,
        "Removed: whether a protection policy took this snapshot; always false.",
        since="cowley",
        state="removed",
        deprecated="clearwater",
    )
    snapshot_schedule: Ref[VMSS] = static(
        NULL, "The schedule by which snapshots of it are to be taken; NULL for none.", since="falcon"
    )
    is_vmss_snapshot: bool = static(False, "Whether this snapshot was taken by a schedule.", since="falcon")
    appliance: Ref[VM_appliance] = static(NULL, "The appliance that it is part of; NULL for none.")
    start_delay: int = static(
        0,
        "Seconds for which a start goes on waiting once it runs, before what follows it in its appliance starts.",
        since="boston",
    )
    shutdown_delay: int = static(
        0,
        "Seconds for which a shutdown goes on waiting once it is off; unless 0, VM.shutdown gives the guest as long.",
        since="boston",
    )
    order: int = static(
        0, "Its place in its appliance, from 0: lower ones are started earlier, and shut down later.", since="boston"
    )
    VGPUs: Set[Ref[VGPU]] = inverse("VGPU.VM", "The virtual GPUs of this machine.", since="boston")
    attached_PCIs: Set[Ref[PCI]] = dynamic(
        doc="PCI devices of its host that it got for itself; empty unless it runs.", since="boston"
    )
    suspend_SR: Ref[SR] = rw(
        NULL,
        "The repository for its memory when it is suspended; NULL: the pool's choice, then its host's.",
        since="boston",
    )
    version: int = static(
        0,
        "How often an import brought it back under its uuid; imports of an older version do not take its place.",
        since="boston",
    )
    generation_id: str = static(
        "0:0",
        (
            "Two numbers of 64 bits that copies and reverts change; 0:0: made at the next start; empty: none; "
            "guests are not shown it yet."
        ),
        since="clearwater",
    )
    hardware_platform_version: int = rw(
        0,
        "The version of virtual hardware that it needs; host.virtual_hardware_platform_versions must list it.",
        since="cream",
    )
    has_vendor_device: bool = static(
        True,
        (
            "Whether Windows is to be shown a device for which it gets drivers by itself; kept, no such device is "
            "made yet."
        ),
        since="dundee",
    )
    requires_reboot: bool = dynamic(
        False,
        "Whether it must reboot for its settings to take effect; always false, as this is not looked at yet.",
        since="ely",
    )
    reference_label: str = static(
        "",
        "By which name programs know the template that it came from, such as ubuntu-24.04; empty if unknown.",
        since="ely",
    )
    domain_type: DomainType = static(
        DomainType.unspecified,
        "What kind of machine it is; at creation, unspecified takes pv or hvm by HVM_boot_policy.",
        since="jura",
    )
    NVRAM: dict[str, str] = static(
        {},
        "What its firmware keeps: keys EFI-variables in Base64, and EFI-variables-on-boot, persist or reset.",
        since="naples",
    )
    pending_guidances: Set[UpdateGuidances] = dynamic(
        (), "What must be restarted after updates; emptied when it is off, and nothing fills it yet.", since="1.303.0"
    )
    pending_guidances_recommended: Set[UpdateGuidances] = dynamic(
        (),
        "What had better be restarted after updates; emptied when it is off, and nothing fills it yet.",
        since="24.10.0",
        state="prototyped",
    )
    pending_guidances_full: Set[UpdateGuidances] = dynamic(
        (),
        "What to restart for all that updates bring; emptied when it is off, and nothing fills it yet.",
        since="24.10.0",
        state="prototyped",
    )
    groups: Set[Ref[VM_group]] = dynamic(
        doc="The group by which its hosts are chosen; one at most.", since="24.19.1", state="prototyped"
    )
    secureboot_certificates_state: VmSecurebootCertificatesState = dynamic(
        VmSecurebootCertificatesState.ok,
        "Whether newer certificates for Secure Boot wait for it; always ok, as there are none yet.",
        since="26.14.0",
        state="prototyped",
    )

    snapshot = message(
        "Take a snapshot of the machine and, all at one moment, of its disks; return it.",
        Param("vm", ref("VM"), "The machine."),
        Param("new_name", STRING, "Name of the snapshot."),
        Param(
            "ignore_vdis", set_of(ref("VDI")), "Disks to leave out: the snapshot gets no drives for them.", default=()
        ),
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
        "Removed, answers MESSAGE_REMOVED; it was to take a snapshot with the help of the guest.",
        Param("vm", ref("VM"), "The machine."),
        Param("new_name", STRING, "Name of the snapshot."),
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
        (
            "Make a machine like this one, with MAC addresses of its own, and return it. "
            "Their disks share what is the same."
        ),
        Param("vm", ref("VM"), "The machine."),
        Param("new_name", STRING, "Name of the new machine."),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    copy = message(
        "Make a machine like this one, with full copies of its disks and MAC addresses of its own, and return it.",
        Param("vm", ref("VM"), "The machine."),
        Param("new_name", STRING, "Name of the new machine."),
        Param("sr", ref("SR"), "The repository for the copies; NULL puts each beside its original.", late=True),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    revert = message(
        (
            "Bring a machine back to what it was when a snapshot was taken, disks included. "
            "If it is not off it is switched off first."
        ),
        Param("snapshot", ref("VM"), "The snapshot; if its machine is gone, that is made anew."),
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
        (
            "Take a snapshot of the machine, its memory included, and return it; a running machine is suspended "
            "for the time."
        ),
        Param("vm", ref("VM"), "The machine."),
        Param("new_name", STRING, "Name of the snapshot."),
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
        "Turn the template into a machine, and make the disks that its other_config:disks asks for.",
        Param("vm", ref("VM"), "The template."),
        errors=(
            VM_BAD_POWER_STATE,
            SR_FULL,
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    start = message(
        "Start the machine on whichever host suits it best.",
        Param("vm", ref("VM"), "The machine."),
        Param("start_paused", BOOL, "Whether to leave the machine paused."),
        Param("force", BOOL, "Not heeded: a machine that is off knows no CPU that its host would have to match."),
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
        "Start the machine on one host, or raise what keeps it from there.",
        Param("vm", ref("VM"), "The machine."),
        Param("host", ref("host"), "The host."),
        Param("start_paused", BOOL, "Whether to leave the machine paused."),
        Param("force", BOOL, "Not heeded: a machine that is off knows no CPU that its host would have to match."),
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
        "Let the running machine stand still, in memory.",
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    unpause = message(
        "Let the paused machine go on.",
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    clean_shutdown = message(
        "Ask the guest to shut down, and wait until it has; VM_SHUTDOWN_TIMEOUT if it does not in time.",
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    shutdown = message(
        "Shut the guest down cleanly if it can and does in time, else switch the machine off.",
        Param("vm", ref("VM"), "The machine."),
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
        "Ask the guest to reboot, and wait until it has; VM_SHUTDOWN_TIMEOUT if it does not in time.",
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    hard_shutdown = message(
        (
            "Switch the machine off without asking the guest, or drop the memory of a suspended one. "
            "Shutdowns, reboots, moves and suspensions under way are cancelled."
        ),
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    power_state_reset = message(
        "Record that the machine is off, where its record is wrong; DOMAIN_EXISTS if it does run.",
        Param("vm", ref("VM"), "The machine."),
        roles=POOL_OPERATOR,
    )
    hard_reboot = message(
        (
            "Switch the machine off and on again without asking the guest. "
            "Clean shutdowns and reboots, moves and suspensions under way are cancelled."
        ),
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    suspend = message(
        "Save the machine's memory to a new disk and stop it, so that VM.resume can let it go on.",
        Param("vm", ref("VM"), "The machine."),
        errors=(
            VM_BAD_POWER_STATE,
            OTHER_OPERATION_IN_PROGRESS,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=role_set(VM_OPERATOR, CLIENT_CERT),
    )
    csvm = message(
        (
            "Clone the suspended machine, its memory included, and return the clone, named after it with "
            "-cloned-suspended."
        ),
        hidden=True,
        arity=1,
        result=ref("VM"),
    )
    resume = message(
        "Let the suspended machine go on, on whichever host suits it best; the disk with its memory is destroyed.",
        Param("vm", ref("VM"), "The machine."),
        Param("start_paused", BOOL, "Whether to leave the machine paused."),
        Param("force", BOOL, "Whether the host may lack CPU features that the guest knows."),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=VM_OPERATOR,
    )
    set_is_default_template = message(
        "Mark the template as one that came with the product, or take that mark away.",
        Param("vm", ref("VM"), "The template."),
        Param("value", BOOL, "True to mark it."),
        roles=POOL_ADMIN,
        hidden=True,
    )
    hard_reboot_internal = message(
        (
            "Meant to switch the machine off and on again from within an operation. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("vm", ref("VM"), "The machine."),
        roles=LOCAL_ROOT,
        hidden=True,
    )
    resume_on = message(
        "Let the suspended machine go on, on one host, or raise what keeps it from there.",
        Param("vm", ref("VM"), "The machine."),
        Param("host", ref("host"), "The host.", late=True),
        Param("start_paused", BOOL, "Whether to leave the machine paused."),
        Param("force", BOOL, "Not heeded: the host must have the CPU features that the guest knows."),
        errors=(
            VM_BAD_POWER_STATE,
            OPERATION_NOT_ALLOWED,
            VM_IS_TEMPLATE,
        ),
        roles=role_set(VM_POWER_ADMIN, CLIENT_CERT),
    )
    pool_migrate = message(
        (
            "Move the running machine; to the host that it is on, it gets a new process there, and sleeps for the "
            "time. To other hosts: NOT_IMPLEMENTED so far."
        ),
        Param("vm", ref("VM"), "The machine."),
        Param("host", ref("host"), "The host to move to."),
        Param(
            "options",
            STRING_MAP,
            "force=true passes over checks that the guest can be moved; live, network and compress are not heeded yet.",
        ),
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
        "Meant to finish, between hosts, what VM.pool_migrate began. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("vm", ref("VM"), "The machine."),
        Param("host", ref("host"), "The host that the machine came to."),
        roles=role_set(VM_POWER_ADMIN, CLIENT_CERT),
        hidden=True,
    )
    set_VCPUs_number_live = message(
        "Change how many virtual CPUs the running guest has, and will have after its next start.",
        Param("self", ref("VM"), "The machine."),
        Param("nvcpu", INT, "How many, 1 to VCPUs_max."),
        errors=(
            OPERATION_NOT_ALLOWED,
            LICENCE_RESTRICTION,
        ),
    )
    add_to_VCPUs_params_live = message(
        "Refused with NOT_IMPLEMENTED, by the original too: parameters of virtual CPUs do not change while they run.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "A key of VCPUs_params."),
        Param("value", STRING, "Its value."),
    )
    set_NVRAM = message(
        "Set what the firmware keeps; the machine must be off.",
        Param("self", ref("VM"), "The machine."),
        Param("value", STRING_MAP, "All of it, by key."),
        has_async=False,
        since="naples",
    )
    add_to_NVRAM = message(
        "Add a key to what the firmware keeps; the machine must be off.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "A key that is not there yet."),
        Param("value", STRING, "Its value."),
        has_async=False,
        since="naples",
    )
    remove_from_NVRAM = message(
        "Take a key out of what the firmware keeps; the machine must be off.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "The key; one that is not there is no error."),
        has_async=False,
        since="naples",
    )
    set_ha_restart_priority = message(
        "Say what high availability does with the machine when its host fails.",
        Param("self", ref("VM"), "The machine.", late=True),
        Param("value", STRING, "One of restart and best-effort, or empty for nothing."),
        roles=POOL_OPERATOR,
        has_async=False,
        since="orlando",
    )
    set_ha_always_run = message(
        "Deprecated, and does nothing: ha_always_run follows from ha_restart_priority.",
        Param("self", ref("VM"), "The machine."),
        Param("value", BOOL, "Not heeded."),
        roles=POOL_OPERATOR,
        has_async=False,
        since="orlando",
        state="deprecated",
        deprecated="boston",
    )
    compute_memory_overhead = message(
        "Tell how many bytes a host needs for the machine beyond the memory that the guest sees.",
        Param("vm", ref("VM"), "The machine."),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="midnight-ride",
    )
    set_memory_dynamic_max = message(
        "Say how much memory the guest is given while it runs, between memory_dynamic_min and memory_static_max.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "The new bound, in bytes."),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_memory_dynamic_min = message(
        "Say down to which size the guest's memory may be squeezed, between memory_static_min and memory_dynamic_max.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "The new bound, in bytes."),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_memory_dynamic_range = message(
        "Set both bounds of the memory that the guest has while it runs.",
        Param("self", ref("VM"), "The machine."),
        Param("min", INT, "The new memory_dynamic_min, in bytes."),
        Param("max", INT, "The new memory_dynamic_max, in bytes."),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    set_memory_static_max = message(
        (
            "Say how much memory the guest sees, memory_dynamic_max at least; the machine must be off, or a "
            "control domain."
        ),
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "The new bound, in bytes."),
        errors=(HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN,),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="orlando",
    )
    set_memory_static_min = message(
        "Say what memory_dynamic_min may not go below; the machine must be off, or a control domain.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "The new bound, in bytes."),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_memory_static_range = message(
        "Set both bounds that the dynamic ones must lie between; the machine must be off, or a control domain.",
        Param("self", ref("VM"), "The machine."),
        Param("min", INT, "The new memory_static_min, in bytes."),
        Param("max", INT, "The new memory_static_max, in bytes."),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    set_memory_limits = message(
        (
            "Set all bounds of the guest's memory: static_min <= dynamic_min <= dynamic_max <= static_max; the "
            "machine must be off, or a control domain."
        ),
        Param("self", ref("VM"), "The machine."),
        Param("static_min", INT, "The new memory_static_min, in bytes."),
        Param("static_max", INT, "The new memory_static_max, in bytes."),
        Param("dynamic_min", INT, "The new memory_dynamic_min, in bytes."),
        Param("dynamic_max", INT, "The new memory_dynamic_max, in bytes."),
        roles=VM_POWER_ADMIN,
        since="midnight-ride",
    )
    set_memory = message(
        (
            "Give the guest a fixed amount of memory: all bounds but memory_static_min become that; the machine "
            "must be off, or a control domain."
        ),
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "Bytes, memory_static_min at least."),
        roles=VM_POWER_ADMIN,
        since="ely",
    )
    set_memory_target_live = message(
        "Deprecated, and does nothing but check that the machine runs.",
        Param("self", ref("VM"), "The machine."),
        Param("target", INT, "Not heeded."),
        roles=VM_POWER_ADMIN,
        state="deprecated",
        deprecated="midnight-ride",
    )
    wait_memory_target_live = message(
        (
            "Deprecated: wait, for 256 seconds at most, until the running guest has as much memory as its dynamic "
            "bounds say."
        ),
        Param("self", ref("VM"), "The machine."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="orlando",
        state="deprecated",
        deprecated="midnight-ride",
    )
    get_cooperative = message(
        "Deprecated: whether the guest gives back memory when asked to; always true.",
        Param("self", ref("VM"), "The machine.", late=True),
        result=BOOL,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="midnight-ride",
        state="deprecated",
        deprecated="tampa",
    )
    set_HVM_shadow_multiplier = message(
        "Set the factor by which memory_overhead allows for more page tables; the machine must be off.",
        Param("self", ref("VM"), "The machine."),
        Param("value", FLOAT, "The factor, 1 at least."),
        roles=VM_POWER_ADMIN,
        has_async=False,
        since="midnight-ride",
    )
    set_shadow_multiplier_live = message(
        "Check a factor for page tables of the running machine and change nothing, as no hypervisor here could.",
        Param("self", ref("VM"), "The machine."),
        Param("multiplier", FLOAT, "The factor, 1 at least."),
        roles=VM_POWER_ADMIN,
    )
    set_VCPUs_max = message(
        "Say how many virtual CPUs the machine can have while it runs; the machine must be off, or a control domain.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "How many, VCPUs_at_startup at least."),
        has_async=False,
        since="midnight-ride",
    )
    set_VCPUs_at_startup = message(
        "Say how many virtual CPUs the machine has after its next start.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "How many, 1 to VCPUs_max."),
        has_async=False,
        since="midnight-ride",
    )
    send_sysrq = message(
        "Refused with NOT_IMPLEMENTED, by the original too; it was to press a SysRq key in the guest.",
        Param("vm", ref("VM"), "The machine."),
        Param("key", STRING, "The key to press."),
        errors=(VM_BAD_POWER_STATE,),
        roles=POOL_ADMIN,
    )
    send_trigger = message(
        "Refused with NOT_IMPLEMENTED, by the original too; it was to raise an event in the guest.",
        Param("vm", ref("VM"), "The machine."),
        Param("trigger", STRING, "Name of the event."),
        errors=(VM_BAD_POWER_STATE,),
        roles=POOL_ADMIN,
    )
    maximise_memory = message(
        "Tell the largest memory_static_max, in bytes, with which the machine fits into so much memory of a host.",
        Param("self", ref("VM"), "The machine."),
        Param("total", INT, "Bytes of the host's memory, for guest and overhead together."),
        Param("approximate", BOOL, "Whether to reckon with 64 virtual CPUs, so that some can be added later."),
        result=INT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="miami",
    )
    migrate_send = message(
        (
            "Move the machine and its disks, and return it as it is there. "
            "So far only where nothing has to move, else NOT_IMPLEMENTED."
        ),
        Param("vm", ref("VM"), "The machine."),
        Param("dest", STRING_MAP, "What host.migrate_receive returned: keys host, session_id, master, SM and xenops."),
        Param("live", BOOL, "Not heeded."),
        Param(
            "vdi_map",
            map_of(ref("VDI"), ref("SR")),
            "Repositories by disk; disks that are not named stay where they are.",
        ),
        Param(
            "vif_map",
            map_of(ref("VIF"), ref("network")),
            "Networks by interface, for another pool; must be empty within a pool.",
        ),
        Param(
            "options",
            STRING_MAP,
            (
                "force=true passes over checks that the guest can be moved; copy=true, to keep the machine, is "
                "refused within a pool."
            ),
        ),
        Param(
            "vgpu_map",
            map_of(ref("VGPU"), ref("GPU_group")),
            "GPU groups by virtual GPU, for the destination; not heeded yet.",
            default={},
        ),
        Param(
            "vdi_format_map",
            map_of(ref("VDI"), STRING),
            "Formats of the new disks by disk, for the destination; not heeded yet.",
            default={},
        ),
        result=ref("VM"),
        errors=(
            VM_BAD_POWER_STATE,
            LICENCE_RESTRICTION,
        ),
        roles=VM_POWER_ADMIN,
        since="tampa",
    )
    assert_can_migrate = message(
        "Raise what keeps the machine from being moved by VM.migrate_send; nothing is done. To another pool, or with "
        "disks that move to another repository, it is not built yet.",
        Param("vm", ref("VM"), "The machine."),
        Param("dest", STRING_MAP, "What host.migrate_receive returned: keys host, session_id, master, SM and xenops."),
        Param("live", BOOL, "Not heeded."),
        Param(
            "vdi_map",
            map_of(ref("VDI"), ref("SR")),
            "Repositories by disk; disks that are not named stay where they are.",
        ),
        Param(
            "vif_map",
            map_of(ref("VIF"), ref("network")),
            "Networks by interface, for another pool; must be empty within a pool.",
        ),
        Param(
            "options",
            STRING_MAP,
            (
                "force=true passes over checks that the guest can be moved; copy=true, to keep the machine, is "
                "refused within a pool."
            ),
        ),
        Param(
            "vgpu_map",
            map_of(ref("VGPU"), ref("GPU_group")),
            "GPU groups by virtual GPU, for the destination; not heeded yet.",
            default={},
        ),
        errors=(LICENCE_RESTRICTION,),
        roles=VM_POWER_ADMIN,
        since="tampa",
    )
    assert_can_migrate_sender = message(
        (
            "Meant to check, between hosts, the sender's part of VM.assert_can_migrate. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        roles=VM_POWER_ADMIN,
        hidden=True,
        arity=7,
    )
    get_boot_record = message(
        "Deprecated: return the record of a machine that is not off, as it is now and not as it was when it booted.",
        Param("self", ref("VM"), "The machine."),
        result=record("VM"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        state="deprecated",
        deprecated="inverness",
    )
    get_data_sources = message(
        "List the figures that are taken of the running machine; none are yet.",
        Param("self", ref("VM"), "The machine."),
        result=set_of(record("data_source")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
    )
    record_data_source = message(
        "Keep a figure of the running machine over time; refused, as none are taken yet.",
        Param("self", ref("VM"), "The machine."),
        Param("data_source", STRING, "Name of the figure."),
        has_async=False,
        since="orlando",
    )
    query_data_source = message(
        "Tell what a figure of the running machine is now; refused, as none are taken yet.",
        Param("self", ref("VM"), "The machine."),
        Param("data_source", STRING, "Name of the figure."),
        result=FLOAT,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="orlando",
    )
    forget_data_source_archives = message(
        "Forget what was kept of a figure of the running machine; nothing is kept yet.",
        Param("self", ref("VM"), "The machine."),
        Param("data_source", STRING, "Name of the figure."),
        has_async=False,
        since="orlando",
    )
    assert_operation_valid = message(
        "Raise what forbids an operation on the machine now; nothing is done.",
        Param("self", ref("VM"), "The machine."),
        Param("op", enum_of(VmOperations), "The operation."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    update_allowed_operations = message(
        "Does nothing: allowed_operations follow every change by themselves.",
        Param("self", ref("VM"), "The machine."),
        roles=POOL_ADMIN,
    )
    get_allowed_VBD_devices = message(
        "List the numbers that userdevice of another drive could have.",
        Param("vm", ref("VM"), "The machine."),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_allowed_VIF_devices = message(
        "List the numbers, out of 0 to 15, that device of another interface could have.",
        Param("vm", ref("VM"), "The machine."),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_possible_hosts = message(
        "List the hosts on which the machine could be started now.",
        Param("vm", ref("VM"), "The machine."),
        result=set_of(ref("host")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    assert_can_boot_here = message(
        "Raise the first reason why the machine could not be started on a host; nothing is done.",
        Param("self", ref("VM"), "The machine."),
        Param("host", ref("host"), "The host.", late=True),
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
    atomic_set_resident_on = message(
        "Meant to record, between hosts, where the machine runs. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=2,
    )
    create_new_blob = message(
        "Make an object for binary data that is kept with the machine, and return it.",
        Param("vm", ref("VM"), "The machine."),
        Param("name", STRING, "Its key in the map blobs, which is not there yet."),
        Param("mime_type", STRING, "MIME type of the data; empty: application/octet-stream."),
        Param("public", BOOL, "Whether the data is for everybody to read.", default=False),
        result=ref("blob"),
        roles=VM_POWER_ADMIN,
        since="orlando",
    )
    s3_suspend = message(
        "Ask the guest to sleep as a computer does (ACPI S3), without saving anything; the machine counts as running.",
        Param("vm", ref("VM"), "The machine."),
        roles=VM_OPERATOR,
        hidden=True,
    )
    s3_resume = message(
        "Wake the guest from the sleep of VM.s3_suspend.",
        Param("vm", ref("VM"), "The machine."),
        roles=VM_OPERATOR,
        hidden=True,
    )
    assert_agile = message(
        "Raise what ties the machine to one host: a repository or a network that is not shared.",
        Param("self", ref("VM"), "The machine."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="orlando",
    )
    update_snapshot_metadata = message(
        "Record of what, when and how the snapshot was taken, and that it is one.",
        Param("vm", ref("VM"), "The snapshot."),
        Param("snapshot_of", ref("VM"), "The machine that it is of."),
        Param("snapshot_time", DATETIME, "When it was taken."),
        Param("transportable_snapshot_id", STRING, "The identifier that the guest gave it."),
        roles=POOL_OPERATOR,
        hidden=True,
    )
    retrieve_wlb_recommendations = message(
        "Ask the service that balances load which host would be good for the machine; WLB_NOT_INITIALIZED without one.",
        Param("vm", ref("VM"), "The machine."),
        result=map_of(ref("host"), set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    set_bios_strings = message(
        "Say what the machine tells of its hardware, once and for all.",
        Param("self", ref("VM"), "The machine."),
        Param(
            "value",
            STRING_MAP,
            (
                "Keys such as bios-vendor, with 1 to 512 printable ASCII characters each; the usual words take the "
                "other keys."
            ),
        ),
        errors=(
            VM_BIOS_STRINGS_ALREADY_SET,
            INVALID_VALUE,
        ),
        since="inverness",
    )
    copy_bios_strings = message(
        "Let the machine tell of its hardware what a host tells of its own, once and for all, and prefer that host.",
        Param("vm", ref("VM"), "The machine."),
        Param("host", ref("host"), "The host."),
        since="midnight-ride",
    )
    set_protection_policy = message(
        "Removed, answers MESSAGE_REMOVED; it was to put the machine under a protection policy.",
        Param("self", ref("VM"), "The machine."),
        Param("value", ref("VMPP"), "The policy."),
        roles=POOL_OPERATOR,
        has_async=False,
        since="cowley",
        state="removed",
        deprecated="clearwater",
    )
    set_snapshot_schedule = message(
        "Put the machine, which is no template and no control domain, under a schedule for snapshots.",
        Param("self", ref("VM"), "The machine.", late=True),
        Param("value", ref("VMSS"), "The schedule; NULL for none.", late=True),
        roles=POOL_OPERATOR,
        has_async=False,
        since="falcon",
    )
    set_start_delay = message(
        "Say for how long a start of the machine goes on waiting once it runs.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "Seconds, 0 at least."),
        roles=POOL_OPERATOR,
        since="boston",
    )
    set_shutdown_delay = message(
        "Say for how long a shutdown of the machine goes on waiting once it is off.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "Seconds, 0 at least."),
        roles=POOL_OPERATOR,
        since="boston",
    )
    set_order = message(
        "Set the place of the machine in its appliance.",
        Param("self", ref("VM"), "The machine."),
        Param("value", INT, "The place, 0 at least; lower ones start earlier."),
        roles=POOL_OPERATOR,
        since="boston",
    )
    set_suspend_VDI = message(
        (
            "Say that another disk holds the same memory of the suspended machine. "
            "So far only the present one is accepted."
        ),
        Param("self", ref("VM"), "The machine."),
        Param("value", ref("VDI"), "The disk.", late=True),
        roles=POOL_OPERATOR,
        since="boston",
    )
    assert_can_be_recovered = message(
        "Raise what keeps the machine from being recovered in another pool: so far only that no session is named.",
        Param("self", ref("VM"), "The machine."),
        Param("session_to", ref("session"), "A session of the pool that is to recover the machine.", late=True),
        errors=(
            VM_IS_PART_OF_AN_APPLIANCE,
            VM_REQUIRES_SR,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="boston",
    )
    get_SRs_required_for_recovery = message(
        "List the shared repositories with its disks, which another pool needs to recover the machine.",
        Param("self", ref("VM"), "The machine."),
        Param("session_to", ref("session"), "A session of the pool that is to recover the machine.", late=True),
        result=set_of(ref("SR")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="creedence",
    )
    recover = message(
        "Meant to recover the machine into another pool. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("self", ref("VM"), "The machine."),
        Param("session_to", ref("session"), "A session of the pool that is to recover the machine."),
        Param("force", BOOL, "Whether to take the place of a newer machine that has the same uuid."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="boston",
    )
    import_convert = message(
        (
            "Meant to import a machine from another product, by a service that converts it. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("type", STRING, "Which kind of product it comes from."),
        Param("username", STRING, "Whom to log in as there."),
        Param("password", STRING, "The password for that."),
        Param("sr", ref("SR"), "The repository for its disks."),
        Param("remote_config", STRING_MAP, "Further keys that tell the service what to import."),
        since="tampa",
    )
    set_appliance = message(
        "Make the machine part of an appliance.",
        Param("self", ref("VM"), "The machine."),
        Param("value", ref("VM_appliance"), "The appliance; NULL for none.", late=True),
        roles=POOL_OPERATOR,
        since="boston",
    )
    set_groups = message(
        "Put the machine into a group by which its hosts are chosen.",
        Param("self", ref("VM"), "The machine."),
        Param("value", set_of(ref("VM_group")), "The group; empty for none, and TOO_MANY_GROUPS for more than one."),
        errors=(OPERATION_NOT_ALLOWED,),
        since="24.19.1",
        state="prototyped",
    )
    query_services = message(
        "Refused, with NOT_IMPLEMENTED where nothing else forbids it; it was to list services of a system domain.",
        Param("self", ref("VM"), "The machine."),
        result=STRING_MAP,
        roles=POOL_ADMIN,
        since="tampa",
    )
    call_plugin = message(
        "Ask the agent in the running guest to do something; what run-script did is returned, in JSON.",
        Param("vm", ref("VM"), "The machine."),
        Param("plugin", STRING, "The only one there is: guest-agent-operation."),
        Param(
            "fn", STRING, "One of request-rdp-on, request-rdp-off and run-script, which pool.other_config must allow."
        ),
        Param(
            "args",
            STRING_MAP,
            "Arguments by name; run-script takes username, password and script, of 1024 bytes at most.",
        ),
        result=STRING,
        roles=VM_OPERATOR,
        since="cream",
    )
    call_host_plugin = message(
        "Run a plug-in of the host on which the machine runs, and return what it answers.",
        Param("vm", ref("VM"), "The machine."),
        Param("plugin", STRING, "Name of the plug-in."),
        Param("fn", STRING, "The function of it."),
        Param("args", STRING_MAP, "Arguments of the function, by name."),
        result=STRING,
        roles=VM_OPERATOR,
        since="25.22.0",
        state="prototyped",
    )
    set_has_vendor_device = message(
        "Say whether Windows is to be shown a device for which it gets drivers by itself; the machine must be off.",
        Param("self", ref("VM"), "The machine."),
        Param("value", BOOL, "True to show it, which raises hardware_platform_version to 2."),
        since="dundee",
    )
    import_ = message(
        (
            "Meant to fetch exported machines from a URL, import them and return them. "
            "Not built yet: it answers NOT_IMPLEMENTED."
        ),
        Param("url", STRING, "Where they are fetched."),
        Param("sr", ref("SR"), "The repository for their disks."),
        Param(
            "full_restore",
            BOOL,
            "Whether they keep their uuids and MAC addresses, and take the place of machines that have them.",
        ),
        Param("force", BOOL, "Whether to go on in spite of wrong checksums and of machines that are newer."),
        result=set_of(ref("VM")),
        roles=POOL_OPERATOR,
        since="dundee",
    )
    set_actions_after_crash = message(
        "Say what becomes of the machine when its guest crashed.",
        Param("self", ref("VM"), "The machine."),
        Param("value", enum_of(OnCrashBehaviour), "What becomes of it."),
    )
    set_domain_type = message(
        "Say what kind of machine it is from its next start on; HVM_boot_policy follows.",
        Param("self", ref("VM"), "The machine."),
        Param("value", enum_of(DomainType), "The kind; unspecified is refused."),
        has_async=False,
        since="kolkata",
    )
    set_HVM_boot_policy = message(
        (
            "Deprecated, as VM.set_domain_type does it now: say whether the machine boots as hardware does; "
            "domain_type follows."
        ),
        Param("self", ref("VM"), "The machine."),
        Param("value", STRING, "BIOS order if it does, empty if it is paravirtual."),
        has_async=False,
        state="deprecated",
        deprecated="kolkata",
    )
    set_NVRAM_EFI_variables = message(
        "Record what the firmware of a guest, which may run, keeps under EFI-variables.",
        roles=LOCAL_ROOT,
        hidden=True,
        arity=2,
    )
    restart_device_models = message(
        "Give the running machine a new process on the host that it is on; it sleeps for the time.",
        Param("self", ref("VM"), "The machine."),
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
        "Say who owns the keys of the machine's UEFI firmware: the pool or nobody. While it is on nothing is changed.",
        Param("self", ref("VM"), "The machine."),
        Param("mode", enum_of(VmUefiMode), "Either setup, to give them up, or user, to have them owned."),
        result=STRING,
        roles=POOL_ADMIN,
        since="24.17.0",
        state="prototyped",
    )
    get_secureboot_readiness = message(
        "Tell whether the machine checks what it boots, and what it lacks for that.",
        Param("self", ref("VM"), "The machine."),
        result=enum_of(VmSecurebootReadiness),
        roles=POOL_ADMIN,
        since="24.17.0",
        state="prototyped",
    )
    update_secureboot_certificates_on_boot = message(
        "Bring newer certificates for Secure Boot to the machine when it boots next; refused, as there are none yet.",
        Param("self", ref("VM"), "The machine."),
        Param("mark", BOOL, "True to bring them, false to leave it."),
        since="26.14.0",
        state="prototyped",
    )
    set_blocked_operations = message(
        "Say which operations on the machine are refused, in place of all before.",
        Param("self", ref("VM"), "The machine."),
        Param("value", map_of(enum_of(VmOperations), STRING), "Texts for OPERATION_BLOCKED, by operation."),
        since="orlando",
    )
    add_to_blocked_operations = message(
        "Refuse one more operation on the machine from now on.",
        Param("self", ref("VM"), "The machine."),
        Param("key", enum_of(VmOperations), "An operation that is not blocked yet."),
        Param("value", STRING, "The text that OPERATION_BLOCKED tells, such as a reason."),
        since="orlando",
    )
    remove_from_blocked_operations = message(
        "Refuse an operation on the machine no longer.",
        Param("self", ref("VM"), "The machine."),
        Param("key", enum_of(VmOperations), "The operation; one that is not blocked is no error."),
        since="orlando",
    )
    sysprep = message(
        "Prepare the Windows guest for being copied; fails, as no hypervisor here reaches agents in guests yet.",
        Param("self", ref("VM"), "The machine."),
        Param("unattend", STRING, "Contents of the answer file for Windows, in XML."),
        Param("timeout", FLOAT, "Seconds that the guest may take to shut down."),
        since="25.24.0",
        state="prototyped",
    )
    add_to_other_config = message(
        "Add a key to other_config.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "A key that is not there yet."),
        Param("value", STRING, "Its value."),
        has_async=False,
    )
    remove_from_other_config = message(
        "Take a key out of other_config.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "The key; one that is not there is no error."),
        has_async=False,
    )
    set_other_config = message(
        "Set other_config, in place of all before.",
        Param("self", ref("VM"), "The machine."),
        Param("value", STRING_MAP, "Keys and values."),
        has_async=False,
    )
    add_to_platform = message(
        "Add a key to the settings of the virtual hardware; a running machine has it after its next start.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "A key that is not there yet."),
        Param("value", STRING, "Its value."),
        has_async=False,
    )
    remove_from_platform = message(
        "Take a key out of the settings of the virtual hardware; a running machine is rid of it after its next start.",
        Param("self", ref("VM"), "The machine."),
        Param("key", STRING, "The key; one that is not there is no error."),
        has_async=False,
    )
    set_platform = message(
        "Set all settings of the virtual hardware; a running machine has them after its next start.",
        Param("self", ref("VM"), "The machine."),
        Param("value", STRING_MAP, "Keys and values."),
        has_async=False,
    )
