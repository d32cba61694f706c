"""The error codes of the API: one class each, with the names of its parameters."""

from __future__ import annotations

from typing import ClassVar


class ApiError(Exception):
    """An error as the API knows it: the class's name is the code on the wire, its arguments are texts."""

    params: ClassVar[tuple[str, ...]] = ()
    varied: ClassVar[bool] = False
    """Whether the original sends more or fewer parameters than are declared."""
    args: tuple[str, ...]

    def __init__(self, *args: object) -> None:
        if len(args) != len(self.params) and not self.varied:
            raise TypeError(f"{type(self).__name__} takes {self.params}, not {args}")
        super().__init__(*(str(arg) for arg in args))

    @property
    def code(self) -> str:
        return type(self).__name__

    @property
    def description(self) -> list[str]:
        """The code and its parameters, as `ErrorDescription` shows them."""
        return [self.code, *self.args]

    def __str__(self) -> str:
        return ": ".join((self.code, ", ".join(self.args)))


class OtherError(ApiError):
    """An error whose code was made elsewhere: by a plug-in, or by another host."""

    varied = True

    def __init__(self, code: str, *args: object) -> None:
        super().__init__(*args)
        self._code = code

    @property
    def code(self) -> str:
        return self._code


class INTERNAL_ERROR(ApiError):
    """Something failed that has no code of its own; the text, and the log of the server, say what."""

    params = ("message",)


class MESSAGE_DEPRECATED(ApiError):
    """The message was given up long ago and does nothing any more."""


class MESSAGE_REMOVED(ApiError):
    """The message or field was part of earlier releases and is no more."""


class PERMISSION_DENIED(ApiError):
    """Only the toolstack's own parts, such as storage plug-ins, may do this, whatever role the caller has."""

    params = ("message",)


class LICENSE_EXPIRED(ApiError):
    """The host's licence is over and would have to be renewed; licences never expire here."""


class LICENSE_PROCESSING_ERROR(ApiError):
    """What was given as a licence cannot be read: it must be Base64."""


class LICENCE_RESTRICTION(ApiError):
    """The feature is not covered by the licence of the host or the pool; the licence here covers all."""

    params = ("feature",)


class LICENSE_CANNOT_DOWNGRADE_WHILE_IN_POOL(ApiError):
    """A host cannot change to a lesser edition as long as it belongs to a pool."""


class LICENSE_DOES_NOT_SUPPORT_POOLING(ApiError):
    """The host's licence does not let it be in a pool."""


class LICENSE_HOST_POOL_MISMATCH(ApiError):
    """The edition of the host that joins is not that of the pool; give both the same one first."""


class LICENSE_DOES_NOT_SUPPORT_XHA(ApiError):
    """The host's licence does not cover high availability."""


class V6D_FAILURE(ApiError):
    """The licence daemon of the host does not answer as it should."""


class INVALID_EDITION(ApiError):
    """There is no edition of this name."""

    params = ("edition",)


class MISSING_CONNECTION_DETAILS(ApiError):
    """The edition needs a licence server, whose address or port is missing."""


class LICENSE_CHECKOUT_ERROR(ApiError):
    """The licence server gave out no licence for the edition; its code and message say why."""

    params = (
        "code",
        "message",
    )


class LICENSE_FILE_DEPRECATED(ApiError):
    """Licence files of this kind are not taken any more."""


class ACTIVATION_WHILE_NOT_FREE(ApiError):
    """A licence key for the free edition was applied to a host of another edition."""


class FEATURE_RESTRICTED(ApiError):
    """The host's or the pool's restrictions rule this feature out."""


class CANNOT_CONTACT_HOST(ApiError):
    """The connection to the host that should do the work failed; see whether it is up and reachable."""

    params = ("host",)


class TLS_CONNECTION_FAILED(ApiError):
    """No TLS connection to this address and port came about; check certificates at both ends."""

    params = (
        "address",
        "port",
    )


class UUID_INVALID(ApiError):
    """No object of this class has this uuid, or the text cannot be a uuid at all."""

    params = (
        "type",
        "uuid",
    )


class OBJECT_NOLONGER_EXISTS(ApiError):
    """The object was removed while it was being worked with."""


class MAP_DUPLICATE_KEY(ApiError):
    """The map has this key already, even if with the same value; remove the key first."""

    params = (
        "type",
        "param_name",
        "uuid",
        "key",
    )


class XMLRPC_UNMARSHAL_FAILURE(ApiError):
    """A value that came was not of the form that was expected."""

    params = (
        "expected",
        "received",
    )


class MESSAGE_METHOD_UNKNOWN(ApiError):
    """The API has no such message, and no extension of this name is installed."""

    params = ("method",)


class MESSAGE_PARAMETER_COUNT_MISMATCH(ApiError):
    """Too many or too few parameters were given; the session is not counted."""

    params = (
        "method",
        "expected",
        "received",
    )


class VALUE_NOT_SUPPORTED(ApiError):
    """The value is one of those defined, but cannot be used here; the last parameter says why."""

    params = (
        "field",
        "value",
        "reason",
    )


class INVALID_VALUE(ApiError):
    """The value is none that this field or parameter can take."""

    params = (
        "field",
        "value",
    )
    varied = True


class FIELD_TYPE_ERROR(ApiError):
    """A value kept in a field could not be read as what the field should hold."""

    params = ("field",)


class OPERATION_NOT_ALLOWED(ApiError):
    """The object is of a kind, or in a state, that rules this out; the parameter says why."""

    params = ("reason",)


class OPERATION_BLOCKED(ApiError):
    """Somebody entered this operation in the machine's blocked_operations, with the text that is shown."""

    params = (
        "ref",
        "code",
    )


class NOT_IMPLEMENTED(ApiError):
    """The message is part of the API, but this server cannot do what it asks for."""

    params = ("function",)


class UNIMPLEMENTED_IN_SM_BACKEND(ApiError):
    """The driver of the repository cannot do this."""

    params = ("message",)


class HANDLE_INVALID(ApiError):
    """No object of this class has this reference: it was removed, or never was one."""

    params = (
        "class",
        "handle",
    )


class DB_UNIQUENESS_CONSTRAINT_VIOLATION(ApiError):
    """Another object has this value already in a field whose values must be unique."""

    params = (
        "table",
        "field",
        "value",
    )


class LOCATION_NOT_UNIQUE(ApiError):
    """Another disk of the repository has a record with this location already."""

    params = (
        "SR",
        "location",
    )


class MEMORY_CONSTRAINT_VIOLATION(ApiError):
    """With these memory limits no machine can be made: dynamic_min is below static_min or above the others."""

    params = ("constraint",)
    varied = True


class MEMORY_CONSTRAINT_VIOLATION_ORDER(ApiError):
    """Memory limits must be in order: static_min <= dynamic_min <= dynamic_max <= static_max."""


class MEMORY_CONSTRAINT_VIOLATION_MAXPIN(ApiError):
    """This machine's memory cannot vary: dynamic_min, dynamic_max and static_max must be the same."""

    params = ("reason",)


class SESSION_AUTHENTICATION_FAILED(ApiError):
    """The user name, the password or the secret of the pool is wrong."""

    varied = True


class SESSION_AUTHORIZATION_FAILED(ApiError):
    """The password may be right, but the directory failed or does not let this user in."""

    varied = True

    params = (
        "username",
        "msg",
    )


class SESSION_INVALID(ApiError):
    """There is no such session, or it has ended: log in again."""

    params = ("handle",)


class CHANGE_PASSWORD_REJECTED(ApiError):
    """The new password was not taken; the message says why."""

    params = ("msg",)


class USER_IS_NOT_LOCAL_SUPERUSER(ApiError):
    """Only the local superuser has a password here; those of others change in their directory."""

    params = ("msg",)


class NETWORK_SRIOV_INSUFFICIENT_CAPACITY(ApiError):
    """The network has too few free virtual functions for the machine's interfaces."""

    params = ("network",)


class NETWORK_SRIOV_ALREADY_ENABLED(ApiError):
    """The host interface serves virtual functions (SR-IOV) already."""

    params = ("PIF",)


class NETWORK_SRIOV_ENABLE_FAILED(ApiError):
    """The host interface could not be made to serve virtual functions (SR-IOV)."""

    params = (
        "PIF",
        "msg",
    )


class NETWORK_SRIOV_DISABLE_FAILED(ApiError):
    """The host interface could not be made to stop serving virtual functions (SR-IOV)."""

    params = (
        "PIF",
        "msg",
    )


class NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS(ApiError):
    """The network has SR-IOV on host interfaces of another kind of card than this one."""

    params = (
        "PIF",
        "network",
    )


class NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS(ApiError):
    """The network's VLANs are on SR-IOV of another kind of card than this host interface."""

    params = (
        "PIF",
        "network",
    )


class NETWORK_INCOMPATIBLE_WITH_SRIOV(ApiError):
    """The network has host interfaces already that do not go with SR-IOV; choose another network."""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE(ApiError):
    """The network is one of SR-IOV and takes no VLAN that needs a bridge."""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV(ApiError):
    """The network has ordinary host interfaces and takes no VLAN on top of SR-IOV."""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_BOND(ApiError):
    """The network is of a kind, such as SR-IOV, that takes no bond."""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_TUNNEL(ApiError):
    """The network is of a kind, such as SR-IOV, that takes no tunnel."""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_TRUNKS(ApiError):
    """A network of VLANs and interfaces that carry several VLANs themselves exclude each other."""

    params = ("network",)


class POOL_JOINING_HOST_HAS_NETWORK_SRIOVS(ApiError):
    """A host with SR-IOV networks cannot join a pool; destroy them first."""


class NETWORK_UNMANAGED(ApiError):
    """The toolstack does not manage this network, so this cannot be asked of it."""

    params = ("network",)


class NETWORK_ALREADY_CONNECTED(ApiError):
    """The host has an interface on this network already."""

    params = (
        "network",
        "connected PIF",
    )


class CANNOT_DESTROY_SYSTEM_NETWORK(ApiError):
    """The network is the host's internal one, which the toolstack itself needs."""

    params = ("network",)


class NETWORK_INCOMPATIBLE_PURPOSES(ApiError):
    """A network has a purpose already that excludes the new one; remove it from there first."""

    params = (
        "new_purpose",
        "conflicting_purpose",
    )


class PIF_IS_PHYSICAL(ApiError):
    """A host interface that stands for a card cannot be destroyed like a VLAN."""

    params = ("PIF",)
    varied = True


class PIF_IS_NOT_PHYSICAL(ApiError):
    """This takes a host interface that stands for a card."""

    params = ("PIF",)


class PIF_IS_VLAN(ApiError):
    """The host interface is a VLAN, on top of which there can be no other."""

    params = ("PIF",)


class PIF_IS_SRIOV_LOGICAL(ApiError):
    """The host interface was made by enabling SR-IOV, and this takes another kind."""

    params = ("PIF",)


class PIF_VLAN_EXISTS(ApiError):
    """The host interface has a VLAN of this tag already, or is one itself."""

    params = ("PIF",)


class PIF_VLAN_STILL_EXISTS(ApiError):
    """The host interface is a VLAN or carries some; destroy those first."""

    params = ("PIF",)


class VLAN_IN_USE(ApiError):
    """The system of the host uses this VLAN of the device already, outside the toolstack."""

    params = (
        "device",
        "vlan",
    )


class PIF_ALREADY_BONDED(ApiError):
    """The host interface is a bond or part of one; destroy the bond first."""

    params = ("PIF",)


class PIF_CANNOT_BOND_CROSS_HOST(ApiError):
    """Interfaces of different hosts cannot be bonded."""


class PIF_BOND_NEEDS_MORE_MEMBERS(ApiError):
    """A bond needs members, and none was given."""


class PIF_BOND_MORE_THAN_ONE_IP(ApiError):
    """At most one of the interfaces to be bonded may have an IP configuration."""


class PIF_CONFIGURATION_ERROR(ApiError):
    """The host interface could not be configured as asked; the message says why."""

    params = (
        "PIF",
        "msg",
    )


class INVALID_IP_ADDRESS_SPECIFIED(ApiError):
    """What was given for this parameter is no IP address."""

    params = ("parameter",)


class INVALID_CIDR_ADDRESS_SPECIFIED(ApiError):
    """What was given for this parameter is no address with a prefix length, such as 192.0.2.7/24."""

    params = ("parameter",)


class ADDRESS_VIOLATES_LOCKING_CONSTRAINT(ApiError):
    """The interface is locked to other addresses; add this one to the allowed ones first."""

    params = ("address",)


class PIF_IS_MANAGEMENT_INTERFACE(ApiError):
    """Management runs over this host interface; move it to another one first."""

    params = ("PIF",)


class PIF_NOT_PRESENT(ApiError):
    """The host has no interface on this network."""

    params = (
        "host",
        "network",
    )


class PIF_DOES_NOT_ALLOW_UNPLUG(ApiError):
    """The host interface is marked with disallow_unplug and stays up."""

    params = ("PIF",)


class PIF_ALLOWS_UNPLUG(ApiError):
    """Clustering needs a host interface that cannot be unplugged; set its disallow_unplug first."""

    params = ("PIF",)


class REQUIRED_PIF_IS_UNPLUGGED(ApiError):
    """This needs a host interface that is not plugged; plug it first."""

    params = ("PIF",)


class PIF_HAS_FCOE_SR_IN_USE(ApiError):
    """A repository is reached over this host interface by Fibre Channel and is in use."""

    params = (
        "PIF",
        "SR",
    )


class PIF_UNMANAGED(ApiError):
    """The toolstack does not manage this host interface, so this cannot be asked of it."""

    params = ("PIF",)


class PIF_IS_NOT_SRIOV_CAPABLE(ApiError):
    """The card of the host interface has no virtual functions (SR-IOV)."""

    params = ("PIF",)


class PIF_HAS_NO_NETWORK_CONFIGURATION(ApiError):
    """The host interface has no IP configuration; PIF.reconfigure_ip gives it one."""

    params = ("PIF",)


class PIF_HAS_NO_V6_NETWORK_CONFIGURATION(ApiError):
    """The host interface has no IPv6 configuration; PIF.reconfigure_ipv6 gives it one."""

    params = ("PIF",)


class PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE(ApiError):
    """The primary address of the host interface is of another IP version than the others'."""

    params = ("PIF",)


class PIF_SRIOV_STILL_EXISTS(ApiError):
    """The host interface serves virtual functions (SR-IOV); destroy its network_sriov first."""

    params = ("PIF",)


class CANNOT_PLUG_BOND_SLAVE(ApiError):
    """The host interface is part of a bond and is never plugged by itself."""

    params = ("PIF",)


class CANNOT_ADD_VLAN_TO_BOND_SLAVE(ApiError):
    """The host interface is part of a bond; VLANs go on the bond."""

    params = ("PIF",)


class CANNOT_ADD_TUNNEL_TO_BOND_SLAVE(ApiError):
    """The host interface is part of a bond; tunnels go over the bond."""

    params = ("PIF",)


class CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL(ApiError):
    """No tunnel goes over a host interface that was made by enabling SR-IOV."""

    params = ("PIF",)


class CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL(ApiError):
    """No tunnel goes over a VLAN on top of SR-IOV."""

    params = ("PIF",)


class CANNOT_CHANGE_PIF_PROPERTIES(ApiError):
    """Only cards outside bonds, and bonds themselves, have properties that can be changed."""

    params = ("PIF",)


class CANNOT_FORGET_SRIOV_LOGICAL(ApiError):
    """The host interface was made by enabling SR-IOV; destroy its network_sriov instead."""

    params = ("PIF",)


class INCOMPATIBLE_PIF_PROPERTIES(ApiError):
    """The interfaces to be bonded have properties that do not go together."""


class SLAVE_REQUIRES_MANAGEMENT_INTERFACE(ApiError):
    """A member of a pool cannot do without management: it talks to the coordinator over it."""


class VIF_IN_USE(ApiError):
    """An interface of a machine is plugged into this network; unplug it first."""

    params = (
        "network",
        "VIF",
    )


class CANNOT_PLUG_VIF(ApiError):
    """The interface could not be plugged into the running machine."""

    params = ("VIF",)


class MAC_DOES_NOT_EXIST(ApiError):
    """The host has no card with this MAC address."""

    params = ("MAC",)


class MAC_STILL_EXISTS(ApiError):
    """The host still has a card with this MAC address."""

    params = ("MAC",)


class MAC_INVALID(ApiError):
    """This is no MAC address: six pairs of hexadecimal digits with colons between."""

    params = ("MAC",)


class DUPLICATE_PIF_DEVICE_NAME(ApiError):
    """The host has an interface for a card of this name already."""

    params = ("device",)


class VLAN_TAG_INVALID(ApiError):
    """A VLAN tag is a number from 0 to 4094."""

    params = ("VLAN",)


class NETWORK_CONTAINS_VIF(ApiError):
    """Machines have interfaces plugged into the network; unplug these first."""

    params = ("vifs",)
    varied = True


class NETWORK_CONTAINS_PIF(ApiError):
    """Hosts have interfaces on the network; forget or destroy these first."""

    params = ("pifs",)
    varied = True


class GPU_GROUP_CONTAINS_VGPU(ApiError):
    """Virtual GPUs that belong to the group are in use; shut their machines down first."""

    params = ("vgpus",)
    varied = True


class GPU_GROUP_CONTAINS_PGPU(ApiError):
    """Physical GPUs belong to the group; move them to another one first."""

    params = ("pgpus",)
    varied = True


class GPU_GROUP_CONTAINS_NO_PGPUS(ApiError):
    """The group has no physical GPU that could serve this."""

    params = ("gpu_group",)


class DEVICE_ATTACH_TIMEOUT(ApiError):
    """The device was not attached in time."""

    params = (
        "type",
        "ref",
    )


class DEVICE_DETACH_TIMEOUT(ApiError):
    """The guest did not let go of the device in time; it may still do so."""

    params = (
        "type",
        "ref",
    )


class DEVICE_DETACH_REJECTED(ApiError):
    """The guest does not let go of the device; unmount it there, or take it by force."""

    params = (
        "type",
        "ref",
        "msg",
    )


class DEVICE_NOT_ATTACHED(ApiError):
    """The drive is not attached to its machine."""

    params = ("VBD",)


class PIF_DEVICE_NOT_FOUND(ApiError):
    """The host has no network card that this would stand for."""


class PGPU_IN_USE_BY_VM(ApiError):
    """Machines use the physical GPU; shut them down first."""

    params = ("VMs",)
    varied = True


class PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP(ApiError):
    """The physical GPU is of another type than those of the group."""

    params = (
        "type",
        "group_types",
    )


class PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU(ApiError):
    """The physical GPU has no room for another virtual GPU of this type."""

    params = (
        "pgpu",
        "vgpu_type",
    )


class VGPU_TYPE_NOT_ENABLED(ApiError):
    """The physical GPU could serve virtual GPUs of this type, but does not have it enabled."""

    params = (
        "type",
        "enabled_types",
    )


class VGPU_TYPE_NOT_SUPPORTED(ApiError):
    """The physical GPU cannot serve virtual GPUs of this type."""

    params = (
        "type",
        "supported_types",
    )
    varied = True


class VGPU_TYPE_NO_LONGER_SUPPORTED(ApiError):
    """Virtual GPUs of this kind cannot be made any more; give the machine another one."""

    params = ("type",)


class VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE(ApiError):
    """The physical GPU serves another type right now, and the two do not go together."""

    params = (
        "pgpu",
        "type",
        "running_type",
    )


class VGPU_TYPE_NOT_COMPATIBLE(ApiError):
    """The machine has virtual GPUs that do not go together with this type."""

    params = ("type",)


class VGPU_DESTINATION_INCOMPATIBLE(ApiError):
    """The machine's virtual GPU would not work on the host it is to move to."""

    params = (
        "reason",
        "vgpu",
        "host",
    )


class VGPU_SUSPENSION_NOT_SUPPORTED(ApiError):
    """The virtual GPU, as the host drives it, cannot be suspended."""

    params = (
        "reason",
        "vgpu",
        "host",
    )


class VGPU_GUEST_DRIVER_LIMIT(ApiError):
    """The driver that the guest has for its virtual GPU cannot bear this."""

    params = (
        "reason",
        "vm",
        "host",
    )


class NVIDIA_TOOLS_ERROR(ApiError):
    """The tools of the GPU's maker on the host failed, so it is not known what fits together."""

    params = ("host",)


class VM_PCI_BUS_FULL(ApiError):
    """The machine has no free place left for another virtual GPU."""

    params = ("VM",)


class NVIDIA_SRIOV_MISCONFIGURED(ApiError):
    """The host's GPU is not set up to serve virtual functions (SR-IOV), which this type needs."""

    params = (
        "host",
        "device_name",
    )


class BOOT_DEVICE_PASSTHROUGH_DISALLOWED(ApiError):
    """The host boots with this device, so it cannot be given to a machine."""

    params = ("device",)


class OPENVSWITCH_NOT_ACTIVE(ApiError):
    """This needs hosts whose network back end is Open vSwitch."""


class TRANSPORT_PIF_NOT_CONFIGURED(ApiError):
    """The host interface that carries the tunnel has no IP address; configure it first."""

    params = ("PIF",)


class IS_TUNNEL_ACCESS_PIF(ApiError):
    """The host interface is the near end of a tunnel, and this takes another kind."""

    params = ("PIF",)


class PIF_TUNNEL_STILL_EXISTS(ApiError):
    """Tunnels go over the host interface; destroy these first."""

    params = ("PIF",)


class BRIDGE_NOT_AVAILABLE(ApiError):
    """The host has no bridge of this name, and the toolstack is not to make it."""

    params = ("bridge",)


class BRIDGE_NAME_EXISTS(ApiError):
    """The name of the bridge is taken."""

    params = ("bridge",)


class VM_IS_PROTECTED(ApiError):
    """High availability protects the machine, so it cannot become a template."""

    params = ("vm",)


class VM_NO_CRASHDUMP_SR(ApiError):
    """There is no repository for the dump of the crashed machine; set the pool's crash_dump_SR."""

    params = ("vm",)


class VM_NO_SUSPEND_SR(ApiError):
    """No repository takes the machine's memory: set suspend_SR, or the pool's suspend_image_SR."""

    params = ("vm",)


class VM_MEMORY_SIZE_TOO_LOW(ApiError):
    """The machine has too little memory to start."""

    params = ("vm",)


class VM_DUPLICATE_VBD_DEVICE(ApiError):
    """Two drives of the machine are to be in the same place."""

    params = (
        "vm",
        "vbd",
        "device",
    )


class ILLEGAL_VBD_DEVICE(ApiError):
    """The drive's device is none that the machine could have."""

    params = (
        "vbd",
        "device",
    )


class VM_NOT_RESIDENT_HERE(ApiError):
    """The machine runs on another host than this one."""

    params = (
        "vm",
        "host",
    )


class DOMAIN_EXISTS(ApiError):
    """The machine is still there on its host, so its record cannot be reset."""

    params = (
        "vm",
        "domid",
    )
    varied = True


class CANNOT_RESET_CONTROL_DOMAIN(ApiError):
    """A control domain runs as long as its host does; its power state is not reset."""

    params = ("vm",)


class NOT_SYSTEM_DOMAIN(ApiError):
    """The machine is not marked as one of the system (is_system_domain in other_config)."""

    params = ("vm",)


class VM_CANNOT_DELETE_DEFAULT_TEMPLATE(ApiError):
    """Templates that come with the toolstack stay."""

    params = ("vm",)
    varied = True


class VM_BAD_POWER_STATE(ApiError):
    """The machine would have to be in another power state for this."""

    params = (
        "vm",
        "expected",
        "actual",
    )


class VM_MISSING_PV_DRIVERS(ApiError):
    """The guest has no drivers for paravirtual devices; install the guest tools."""

    params = ("vm",)


class VM_OLD_PV_DRIVERS(ApiError):
    """The guest's drivers for paravirtual devices are too old; update the guest tools."""

    params = (
        "vm",
        "major",
        "minor",
    )


class VM_LACKS_FEATURE(ApiError):
    """The guest did not say that it can do this; its tools may be missing or not running."""

    params = ("vm",)


class VM_NON_SUSPENDABLE(ApiError):
    """The guest says that it cannot be suspended now, and why."""

    params = (
        "vm",
        "reason",
    )


class VM_IS_TEMPLATE(ApiError):
    """The operation is not for templates."""

    params = ("vm",)
    varied = True


class OTHER_OPERATION_IN_PROGRESS(ApiError):
    """Something else that excludes this goes on with the object; wait for it or cancel its task."""

    params = (
        "class",
        "object",
        "operation_type",
        "operation_ref",
    )


class VBD_NOT_REMOVABLE_MEDIA(ApiError):
    """Only a CD drive has a medium that comes and goes, and may be empty."""

    params = ("vbd",)


class VBD_NOT_UNPLUGGABLE(ApiError):
    """The drive is marked as one that stays (unpluggable is false)."""

    params = ("vbd",)


class VBD_NOT_EMPTY(ApiError):
    """There is a medium in the drive; eject it first."""

    params = ("vbd",)


class VBD_IS_EMPTY(ApiError):
    """There is no medium in the drive."""

    params = ("vbd",)


class VBD_TRAY_LOCKED(ApiError):
    """The guest keeps the tray of its CD drive locked; unlock it there."""

    params = ("vbd",)


class VBD_CDS_MUST_BE_READONLY(ApiError):
    """A CD drive can only be made with mode RO."""


class DISK_VBD_MUST_BE_READWRITE_FOR_HVM(ApiError):
    """A machine with full virtualisation takes no disk in mode RO while it runs."""

    params = ("vbd",)


class VM_NO_EMPTY_CD_VBD(ApiError):
    """The machine has no CD drive that is empty."""

    params = ("vm",)


class VM_HVM_REQUIRED(ApiError):
    """The machine needs hardware virtualisation, which the host does not have or has switched off."""

    params = ("vm",)


class VM_NO_VCPUS(ApiError):
    """The machine has no virtual CPUs."""

    params = ("vm",)


class VM_TOO_MANY_VCPUS(ApiError):
    """The machine has more virtual CPUs than it can have here."""

    params = ("vm",)


class HOST_NOT_ENOUGH_FREE_MEMORY(ApiError):
    """The host has too little free memory; counted in bytes, in KiB when a running machine grows."""

    params = (
        "needed",
        "available",
    )


class HOST_NOT_ENOUGH_PCPUS(ApiError):
    """The machine has more virtual CPUs than the host has CPUs; vcpu-unrestricted in platform allows it."""

    params = (
        "vcpus",
        "pcpus",
    )


class DUPLICATE_VM(ApiError):
    """The machine exists already."""

    params = ("vm",)


class DUPLICATE_MAC_SEED(ApiError):
    """Another machine makes its MAC addresses from this seed (mac_seed), so both would have the same."""

    params = ("seed",)


class VM_SNAPSHOT_WITH_QUIESCE_FAILED(ApiError):
    """The guest failed to bring its disks to rest for the snapshot."""

    params = ("vm",)


class VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT(ApiError):
    """The guest did not bring its disks to rest in time for the snapshot."""

    params = ("vm",)


class VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND(ApiError):
    """What should bring the guest's disks to rest for the snapshot does not answer."""

    params = ("vm",)


class VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED(ApiError):
    """Guests are no longer asked to bring their disks to rest; take an ordinary snapshot."""

    params = (
        "vm",
        "error",
    )
    varied = True


class XEN_VSS_REQ_ERROR_INIT_FAILED(ApiError):
    """The shadow copies (VSS) of the Windows guest could not be initialised."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_PROV_NOT_LOADED(ApiError):
    """The provider of shadow copies (VSS) is not loaded in the Windows guest."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED(ApiError):
    """The Windows guest has no volume of which shadow copies (VSS) can be made."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED(ApiError):
    """The Windows guest could not begin a set of shadow copies (VSS)."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED(ApiError):
    """The Windows guest could not add a volume to its set of shadow copies (VSS)."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_PREPARING_WRITERS(ApiError):
    """Programs in the Windows guest could not be made ready for shadow copies (VSS)."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT(ApiError):
    """The Windows guest could not make its shadow copies (VSS)."""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING(ApiError):
    """The Windows guest made shadow copies (VSS), but could not describe them."""

    params = (
        "vm",
        "error_code",
    )


class VM_REVERT_FAILED(ApiError):
    """The machine could not be brought back to the snapshot; NULL for the second means that it is none."""

    params = (
        "vm",
        "snapshot",
    )


class VM_CHECKPOINT_SUSPEND_FAILED(ApiError):
    """The machine could not be suspended for the checkpoint, so there is none."""

    params = ("vm",)


class VM_CHECKPOINT_RESUME_FAILED(ApiError):
    """The checkpoint was taken, but the machine could not be resumed after it."""

    params = ("vm",)


class VM_PV_DRIVERS_IN_USE(ApiError):
    """The machine uses its paravirtual drivers now, so this cannot be changed; shut it down first."""

    params = ("vm",)


class VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE(ApiError):
    """VCPUs_max must be a multiple of cores-per-socket in the machine's platform."""

    params = (
        "vcpu_max",
        "cores_per_socket",
    )


class OPERATION_PARTIALLY_FAILED(ApiError):
    """It was done for all but the machines that are named."""

    params = ("operation",)
    varied = True


class HOST_OFFLINE(ApiError):
    """The host that should do this is not alive, or there is no such host."""

    params = ("host",)


class HOST_DISABLED(ApiError):
    """The host is disabled, so no machine starts or arrives there."""

    params = ("host",)


class HOST_DISABLED_UNTIL_REBOOT(ApiError):
    """The host was made ready to go down and cannot be enabled before it has rebooted."""

    params = ("host",)


class HOST_DISABLED_INDEFINITELY(ApiError):
    """Somebody disabled the host for good: only host.enable makes it take machines again."""

    params = ("host",)


class NO_HOSTS_AVAILABLE(ApiError):
    """No host can take the machine now."""


class HOST_IN_EMERGENCY_MODE(ApiError):
    """The host has lost its coordinator and takes only the calls meant for emergencies."""


class HOST_CANNOT_DESTROY_SELF(ApiError):
    """A host cannot take itself out of the pool in this way."""

    params = ("host",)


class HOST_CANNOT_READ_METRICS(ApiError):
    """The figures of the host cannot be read."""


class HOST_IN_USE(ApiError):
    """A machine or a drive uses the host, which must be idle for this."""

    params = (
        "host",
        "type",
        "ref",
    )


class HOST_NOT_DISABLED(ApiError):
    """The host must be disabled first: host.disable."""


class HOST_NOT_LIVE(ApiError):
    """The host is not alive."""


class HOST_IS_LIVE(ApiError):
    """The host is alive, and this is only for one that is not."""

    params = ("host",)


class HOST_POWER_ON_MODE_DISABLED(ApiError):
    """The host has no power_on_mode, so it is not known how to switch it on."""


class HOST_ITS_OWN_SLAVE(ApiError):
    """The host is set up as a member whose coordinator would be itself."""


class HOST_STILL_BOOTING(ApiError):
    """The start of the host's toolstack is not over yet; try again a little later."""


class HOST_HAS_NO_MANAGEMENT_IP(ApiError):
    """The host has no address for management, so it cannot reach its coordinator."""


class HOST_NAME_INVALID(ApiError):
    """This cannot be the name of a host in the network; the reason is given."""

    params = ("reason",)


class HOST_MASTER_CANNOT_TALK_BACK(ApiError):
    """The coordinator cannot reach the host at the address that the host gave it."""

    params = ("ip",)


class HOST_UNKNOWN_TO_MASTER(ApiError):
    """The coordinator knows no such host: it may have been ejected from the pool."""

    params = ("host",)


class HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR(ApiError):
    """The host's toolstack is newer than the coordinator's; update the coordinator first."""

    params = ("host_xapi_version",)


class HOST_BROKEN(ApiError):
    """The host failed to become a member or coordinator and serves nothing until that is repaired."""


class HOST_HAS_RESIDENT_VMS(ApiError):
    """Machines are still recorded as running on the host; reset or move them first."""

    params = ("host",)


class NOT_SUPPORTED_DURING_UPGRADE(ApiError):
    """The hosts of the pool have different versions; finish the upgrade first."""


class INTERFACE_HAS_NO_IP(ApiError):
    """The host interface has no address yet."""

    params = ("interface",)


class AUTH_ALREADY_ENABLED(ApiError):
    """The host is joined to a directory already; leave that one first."""

    params = (
        "current auth_type",
        "current service_name",
    )


class AUTH_UNKNOWN_TYPE(ApiError):
    """There are no directories of this type; PAM is one."""

    params = ("type",)


class AUTH_IS_DISABLED(ApiError):
    """No directory is joined, so there is nobody to ask about its users."""


class AUTH_INVALID_TRUSTED_CERTS(ApiError):
    """A certificate that should prove the directory's servers genuine cannot be used."""

    params = ("message",)


class AUTH_NO_TRUSTED_CERTS(ApiError):
    """No certificate is installed that would prove the directory's servers genuine."""

    params = ("message",)


class AUTH_ENABLE_FAILED(ApiError):
    """The host could not join the directory; the message says why."""

    params = ("message",)


class AUTH_ENABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """The directory did not take the user and password for joining."""

    params = ("message",)


class AUTH_ENABLE_FAILED_PERMISSION_DENIED(ApiError):
    """The user that was given may not join hosts to the directory."""

    params = ("message",)


class AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED(ApiError):
    """The host did not find the directory's domain; look at its name servers."""

    params = ("message",)


class AUTH_ENABLE_FAILED_UNAVAILABLE(ApiError):
    """The directory could not be reached when the host was to join it."""

    params = ("message",)


class AUTH_ENABLE_FAILED_INVALID_OU(ApiError):
    """The directory has no such organisational unit for the host's account."""

    params = ("message",)


class AUTH_ENABLE_FAILED_INVALID_ACCOUNT(ApiError):
    """The account of the host in the directory is not valid."""

    params = ("message",)


class AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS(ApiError):
    """The host did not join: a certificate for the directory's servers cannot be used."""

    params = ("message",)


class AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS(ApiError):
    """The host did not join: it has no certificate for the directory's servers."""

    params = ("message",)


class AUTH_DISABLE_FAILED(ApiError):
    """The host could not leave the directory; the message says why."""

    params = ("message",)


class AUTH_DISABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """The directory did not take the user and password for leaving."""

    params = ("message",)


class AUTH_DISABLE_FAILED_PERMISSION_DENIED(ApiError):
    """The user that was given may not take hosts out of the directory."""

    params = ("message",)


class HOST_EVACUATE_IN_PROGRESS(ApiError):
    """The host is being emptied, so no machine is started there."""

    params = ("host",)


class HOST_EVACUATE_VM_NOT_HA_PROTECTED(ApiError):
    """High availability does not protect the machine, so evacuating the host would not move it."""

    params = ("vm",)


class JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS(ApiError):
    """A host with shared repositories cannot join a pool; forget them first."""


class JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS(ApiError):
    """A host with running or suspended machines cannot join a pool."""


class JOINING_HOST_CANNOT_HAVE_RUNNING_VMS(ApiError):
    """A host with running machines cannot join a pool; shut them down first."""


class JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS(ApiError):
    """A host cannot join a pool while operations on its machines go on; wait for them."""


class JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS(ApiError):
    """A host whose own pool has other members cannot join another one."""


class JOINING_HOST_CONNECTION_FAILED(ApiError):
    """The coordinator of the pool to be joined cannot be reached."""


class JOINING_HOST_SERVICE_FAILED(ApiError):
    """The coordinator of the pool to be joined can be reached, but does not serve the API."""


class POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC(ApiError):
    """A host can only join a pool if its management runs over a card itself."""


class POOL_JOINING_EXTERNAL_AUTH_MISMATCH(ApiError):
    """The host that joins must use the same directory of users as the pool."""


class POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION(ApiError):
    """The host that joins must run the same version as the pool."""


class POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS(ApiError):
    """A host can only join a pool if its interfaces are all cards."""


class POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH(ApiError):
    """Management of the host that joins must run in the same VLAN as that of the pool."""

    params = (
        "local",
        "remote",
    )


class POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS(ApiError):
    """A host can join a pool with no VLAN but that of its management; destroy the others."""


class POOL_JOINING_HOST_HAS_BONDS(ApiError):
    """A host with bonds cannot join a pool; destroy them first."""


class POOL_JOINING_HOST_HAS_TUNNELS(ApiError):
    """A host with tunnels cannot join a pool; destroy them first."""


class HOSTS_NOT_COMPATIBLE(ApiError):
    """The host that joins and the pool run different products, or versions of their platform."""


class HOSTS_NOT_HOMOGENEOUS(ApiError):
    """The host that joins differs from those of the pool in what is named; pool.join_force may still do."""

    params = ("reason",)


class NOT_IN_EMERGENCY_MODE(ApiError):
    """The call is only for a host that has lost its coordinator."""


class POOL_AUTH_ALREADY_ENABLED(ApiError):
    """A host of the pool is joined to a directory already; leave that one first."""

    params = ("host",)


class POOL_AUTH_ENABLE_FAILED(ApiError):
    """A host of the pool could not join the directory; the message says why."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """A host did not join: the directory did not take the user and password."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED(ApiError):
    """A host did not join: the user may not join hosts to the directory."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED(ApiError):
    """A host did not join: it did not find the directory's domain."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_UNAVAILABLE(ApiError):
    """A host did not join: it could not reach the directory."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME(ApiError):
    """Two hosts of the pool have the same name, under which both would join the directory."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_INVALID_OU(ApiError):
    """A host did not join: the directory has no such organisational unit."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_INVALID_ACCOUNT(ApiError):
    """A host did not join: its account in the directory is not valid."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS(ApiError):
    """A host did not join: a certificate for the directory's servers cannot be used."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS(ApiError):
    """A host did not join: it has no certificate for the directory's servers."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_NO_SUPP_ENCRYPT_TYPE(ApiError):
    """A host did not join: it shares no way of encryption with the directory."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_SETUP_TLS_CONNECTION(ApiError):
    """A host did not join: no TLS connection to the directory came about."""

    params = (
        "host",
        "message",
    )


class AUTH_SETUP_TLS_CONNECTION(ApiError):
    """No TLS connection to the directory came about."""

    params = ("message",)


class AUTH_SET_LDAPS_FAILED(ApiError):
    """A host could not change whether it talks to the directory by TLS (LDAPS)."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED(ApiError):
    """A host of the pool could not leave the directory; the message says why."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """A host did not leave: the directory did not take the user and password."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED_PERMISSION_DENIED(ApiError):
    """A host did not leave: the user may not take hosts out of the directory."""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED_INVALID_ACCOUNT(ApiError):
    """A host did not leave: its account in the directory is not valid."""

    params = (
        "host",
        "message",
    )


class POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION(ApiError):
    """The host that joins must speak the same version of the API as the pool."""

    params = (
        "host_api_version",
        "master_api_version",
    )


class POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA(ApiError):
    """The host that joins must have the same schema of its database as the pool."""

    params = (
        "host_db_schema",
        "master_db_schema",
    )


class POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT(ApiError):
    """The host that joins and the pool have different CA certificates under the same name."""


class POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT(ApiError):
    """The host that joins and the pool trust certificates that exclude each other."""

    params = (
        "ref_in_pool",
        "ref_on_host",
    )


class POOL_JOINING_SM_FEATURES_INCOMPATIBLE(ApiError):
    """A storage driver of the host that joins lacks features which that of the pool has."""

    params = (
        "pool_sm_ref",
        "candidate_sm_ref",
    )


class POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK(ApiError):
    """No host can join a pool that is clustered over a VLAN."""

    params = ("vlan",)


class POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK(ApiError):
    """The host that joins may have one address only on the pool's clustering network."""


class POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH(ApiError):
    """Certificates are verified by the pool and not by the host that joins, or the reverse."""


class POOL_JOINING_MASTER_CERTIFICATE_NOT_IN_POOL_BUNDLE(ApiError):
    """The pool to be joined does not have its own coordinator's certificate among those trusted."""

    params = ("master_uuid",)


class POOL_JOINING_POOL_BUNDLE_EMPTY_AFTER_IMPORT(ApiError):
    """The host that joins got no certificate from the pool that it could trust."""

    params = ("bundle_path",)


class SUBJECT_CANNOT_BE_RESOLVED(ApiError):
    """The directory knows no such user or group."""


class AUTH_SERVICE_ERROR(ApiError):
    """The directory could not be asked; the message says why."""

    params = ("message",)


class SUBJECT_ALREADY_EXISTS(ApiError):
    """This user or group of the directory is entered already."""


class ROLE_NOT_FOUND(ApiError):
    """There is no such role, or the user or group does not have it."""


class ROLE_ALREADY_EXISTS(ApiError):
    """The user or group has this role already."""


class RBAC_PERMISSION_DENIED(ApiError):
    """The caller's roles do not include this permission; the message names the roles that do."""

    params = (
        "permission",
        "message",
    )


class WLB_NOT_INITIALIZED(ApiError):
    """The pool knows no service for workload balancing."""


class WLB_DISABLED(ApiError):
    """Workload balancing is switched off for the pool."""


class WLB_CONNECTION_REFUSED(ApiError):
    """The server for workload balancing refused the connection."""


class WLB_UNKNOWN_HOST(ApiError):
    """The name of the server for workload balancing is not known."""


class WLB_TIMEOUT(ApiError):
    """The server for workload balancing did not answer in the time that is set."""

    params = ("configured_timeout",)


class WLB_AUTHENTICATION_FAILED(ApiError):
    """The server for workload balancing did not take the pool's user and password."""


class WLB_MALFORMED_REQUEST(ApiError):
    """The server for workload balancing did not understand the pool's request."""


class WLB_MALFORMED_RESPONSE(ApiError):
    """The server for workload balancing answered with something that cannot be read."""

    params = (
        "method",
        "reason",
        "response",
    )


class WLB_XENSERVER_CONNECTION_REFUSED(ApiError):
    """The pool refused the connection of the server for workload balancing."""


class WLB_XENSERVER_UNKNOWN_HOST(ApiError):
    """The server for workload balancing does not know the name of the pool's coordinator."""


class WLB_XENSERVER_TIMEOUT(ApiError):
    """The pool did not answer the server for workload balancing in time."""


class WLB_XENSERVER_AUTHENTICATION_FAILED(ApiError):
    """The pool did not take the user and password of the server for workload balancing."""


class WLB_XENSERVER_MALFORMED_RESPONSE(ApiError):
    """The server for workload balancing could not read what the pool answered."""


class WLB_INTERNAL_ERROR(ApiError):
    """The server for workload balancing failed by itself."""


class WLB_CONNECTION_RESET(ApiError):
    """The server for workload balancing broke off the connection."""


class WLB_URL_INVALID(ApiError):
    """This is no address of a server for workload balancing."""

    params = ("url",)


class VM_UNSAFE_BOOT(ApiError):
    """Starting the machine now could destroy its data, for it may still run on a host that is out of reach."""

    params = ("vm",)


class VM_REQUIRES_SR(ApiError):
    """A disk of the machine is in a repository that the host does not have plugged."""

    params = (
        "vm",
        "sr",
    )


class VM_REQUIRES_NETWORK(ApiError):
    """An interface of the machine is on a network that the host cannot reach."""

    params = (
        "vm",
        "network",
    )


class VM_REQUIRES_GPU(ApiError):
    """The host has no GPU of this group free for the machine."""

    params = (
        "vm",
        "GPU_group",
    )


class VM_REQUIRES_VGPU(ApiError):
    """No GPU of this group on the host has room for a virtual GPU of this type."""

    params = (
        "vm",
        "GPU_group",
        "vGPU_type",
    )


class VM_REQUIRES_IOMMU(ApiError):
    """A GPU is to be given to the machine whole, and the host has no IOMMU switched on."""

    params = ("host",)


class VM_HOST_INCOMPATIBLE_VERSION_MIGRATE(ApiError):
    """The machine's current host runs a newer version than the one it should move to."""

    params = (
        "host",
        "vm",
    )


class VM_HOST_INCOMPATIBLE_VERSION(ApiError):
    """The host runs an older version than the one that the machine is on."""

    params = (
        "host",
        "vm",
    )


class VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION(ApiError):
    """The machine needs a version of virtual hardware that the host does not offer."""

    params = (
        "host",
        "host_versions",
        "vm",
        "vm_version",
    )


class VM_HAS_PCI_ATTACHED(ApiError):
    """A machine with passed-through PCI devices is not suspended or moved."""

    params = ("vm",)


class VM_HAS_VGPU(ApiError):
    """A machine with a virtual GPU of this kind is not suspended or moved."""

    params = ("vm",)


class VM_HAS_SRIOV_VIF(ApiError):
    """The machine has an interface that is a virtual function (SR-IOV), which ties it to its host."""

    params = ("vm",)


class HOST_CANNOT_ATTACH_NETWORK(ApiError):
    """The host cannot reach this network."""

    params = (
        "host",
        "network",
    )


class VM_REQUIRES_VDI(ApiError):
    """The machine needs a disk that is not there."""

    params = (
        "vm",
        "vdi",
    )


class VM_HAS_NO_SUSPEND_VDI(ApiError):
    """The memory image of the suspended machine is not there; the machine counts as halted from now on."""

    params = ("vm",)
    varied = True


class VM_MIGRATE_FAILED(ApiError):
    """The machine could not be moved between these hosts; the message says why."""

    params = (
        "vm",
        "source",
        "destination",
        "msg",
    )


class VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED(ApiError):
    """The host that the machine should move to could not be reached."""


class VM_HAS_TOO_MANY_SNAPSHOTS(ApiError):
    """A machine with so many snapshots is not moved together with its disks; destroy some."""

    params = ("vm",)


class VM_HAS_CHECKPOINT(ApiError):
    """A machine with checkpoints is not moved together with its disks; destroy them first."""

    params = ("vm",)


class VDI_NEEDS_VM_FOR_MIGRATE(ApiError):
    """The disk is moved by the machine that has it open, and no running one has; copy it instead."""

    params = ("vdi",)


class MIRROR_FAILED(ApiError):
    """The disk could not be kept the same in both places while it was moved."""

    params = ("vdi",)


class TOO_MANY_STORAGE_MIGRATES(ApiError):
    """So many disks are on the move already that no more is taken now; try again later."""

    params = ("number",)


class SR_DOES_NOT_SUPPORT_MIGRATION(ApiError):
    """The repository lacks what it takes to move disks to or from it."""

    params = (
        "sr",
        "capabilities",
    )


class VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT(ApiError):
    """The guest did not take notice of the wish that it shut down; VM.hard_shutdown does not ask."""

    params = ("vm",)


class VM_FAILED_SUSPEND_ACKNOWLEDGMENT(ApiError):
    """The guest did not take notice of the wish that it suspend itself."""

    params = ("vm",)


class VM_SHUTDOWN_TIMEOUT(ApiError):
    """The guest did not shut down within these seconds; it may still do so."""

    params = (
        "vm",
        "timeout",
    )


class VM_SUSPEND_TIMEOUT(ApiError):
    """The guest did not suspend itself within these seconds."""

    params = (
        "vm",
        "timeout",
    )


class VM_CRASHED(ApiError):
    """The machine crashed while something was done with it."""

    params = ("vm",)


class VM_REBOOTED(ApiError):
    """The machine rebooted while something was done with it."""

    params = ("vm",)


class VM_HALTED(ApiError):
    """The machine went off while something was done with it."""

    params = ("vm",)


class BOOTLOADER_FAILED(ApiError):
    """The boot loader of the paravirtual machine found no kernel to start; its message is given."""

    params = (
        "vm",
        "msg",
    )


class UNKNOWN_BOOTLOADER(ApiError):
    """The host has no boot loader of this name for paravirtual machines."""

    params = (
        "vm",
        "bootloader",
    )


class FAILED_TO_START_EMULATOR(ApiError):
    """The device emulator of the machine did not start; its message is given."""

    params = (
        "vm",
        "name",
        "msg",
    )


class VMS_FAILED_TO_COOPERATE(ApiError):
    """Machines did not give back the memory that others need."""


class BALLOONING_TIMEOUT_BEFORE_MIGRATION(ApiError):
    """The guest did not give back in time the memory it must before it moves."""

    params = ("vm",)


class VM_REQUIRES_VUSB(ApiError):
    """The host has no USB device of this group for the machine."""

    params = (
        "vm",
        "USB_group",
    )


class SR_NOT_ATTACHED(ApiError):
    """The repository is not plugged into the host; plug its PBD first."""

    params = ("sr",)


class SR_ATTACH_FAILED(ApiError):
    """The repository could not be attached to the host."""

    params = ("sr",)


class SR_BACKEND_FAILURE(ApiError):
    """A storage driver failed; where it names a number, the code ends in it: SR_BACKEND_FAILURE_44."""

    params = (
        "status",
        "stdout",
        "stderr",
    )


class SR_UUID_EXISTS(ApiError):
    """An object with this uuid exists already."""

    params = ("uuid",)


class SR_HAS_NO_PBDS(ApiError):
    """No host has the repository plugged, or a PBD for it at all."""

    params = ("sr",)


class SR_FULL(ApiError):
    """The repository has less space than is asked for."""

    params = (
        "requested",
        "maximum",
    )


class SR_SOURCE_SPACE_INSUFFICIENT(ApiError):
    """The repository has too little space for what should be made in it."""

    params = ("sr",)


class SR_SUSPEND_SPACE_INSUFFICIENT(ApiError):
    """The repository has too little space for the machine's memory; choose another suspend_SR."""

    params = ("sr",)


class PBD_EXISTS(ApiError):
    """The host has a PBD for this repository already."""

    params = (
        "sr",
        "host",
        "pbd",
    )


class SR_HAS_PBD(ApiError):
    """The repository is still plugged into a host; unplug its PBDs first."""

    params = ("sr",)


class SR_HAS_MULTIPLE_PBDS(ApiError):
    """Several hosts have a PBD for the repository, and this takes one that a single host sees."""

    params = ("PBD",)
    varied = True


class SR_REQUIRES_UPGRADE(ApiError):
    """The repository is in an old format and must be upgraded before it can be used."""

    params = ("SR",)


class SR_UNKNOWN_DRIVER(ApiError):
    """There is no storage driver for this type of repository; SR.get_supported_types lists those there are."""

    params = ("driver",)


class SR_VDI_LOCKING_FAILED(ApiError):
    """A lock in the repository could not be taken or given back."""


class VDI_READONLY(ApiError):
    """The disk is read-only and cannot be written to."""

    params = ("vdi",)


class VDI_HAS_RRDS(ApiError):
    """The disk keeps the repository's own figures and goes with the repository only."""

    params = ("vdi",)


class VDI_TOO_SMALL(ApiError):
    """The disk is smaller than it must be for this; the size that is needed is given in bytes."""

    params = (
        "vdi",
        "minimum size",
    )


class VDI_TOO_LARGE(ApiError):
    """The disk is larger than it may be for this; the largest size is given in bytes."""

    params = (
        "vdi",
        "maximum size",
    )


class VDI_NOT_SPARSE(ApiError):
    """The disk is not in a format that leaves out empty blocks, which this needs."""

    params = ("vdi",)


class VDI_IS_A_PHYSICAL_DEVICE(ApiError):
    """The disk stands for a device of the host, which cannot be destroyed."""

    params = ("vdi",)


class VDI_IS_NOT_ISO(ApiError):
    """Only an ISO image can be put into a CD drive."""

    params = (
        "vdi",
        "type",
    )


class HOST_CD_DRIVE_EMPTY(ApiError):
    """There is no medium in the host's own CD drive."""


class VDI_IN_USE(ApiError):
    """The disk is open in a drive, or being worked on, in a way that excludes this."""

    params = (
        "vdi",
        "operation",
    )
    varied = True


class VDI_NOT_AVAILABLE(ApiError):
    """The contents of the disk cannot be reached now."""

    params = ("vdi",)


class VDI_LOCATION_MISSING(ApiError):
    """The repository has no disk in the place that the import expects."""

    params = (
        "sr",
        "location",
    )


class VDI_MISSING(ApiError):
    """The repository does not hold the disk any more, or has none in this place."""

    params = (
        "sr",
        "vdi",
    )


class VDI_INCOMPATIBLE_TYPE(ApiError):
    """This is not done with disks of this type."""

    params = (
        "vdi",
        "type",
    )


class VDI_NOT_MANAGED(ApiError):
    """The toolstack does not manage the disk: it is an inner part of others, or not its own."""

    params = ("vdi",)


class VDI_NOT_IN_MAP(ApiError):
    """The machine is to move with its disks, and no repository was named for this one."""

    params = ("vdi",)


class VDI_CBT_ENABLED(ApiError):
    """Changed blocks of the disk are tracked, which excludes this; VDI.disable_cbt ends it."""

    params = ("vdi",)


class VDI_NO_CBT_METADATA(ApiError):
    """Changed blocks of the disk are not tracked, so there is nothing to keep or compare."""

    params = ("vdi",)


class VDI_IS_ENCRYPTED(ApiError):
    """The disk is encrypted and cannot be moved to another repository."""

    params = ("vdi",)


class VDI_COPY_FAILED(ApiError):
    """The contents of the disk could not be copied."""


class VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION(ApiError):
    """The disk forgets what is written to it (on_boot is reset), which excludes this."""


class CANNOT_CREATE_STATE_FILE(ApiError):
    """High availability needs a repository for its state, and none was given or would do."""


class VIF_NOT_IN_MAP(ApiError):
    """The machine is to move to another pool, and no network was named for this interface."""

    params = ("vif",)


class SUSPEND_IMAGE_NOT_ACCESSIBLE(ApiError):
    """The host cannot reach the memory image of the suspended machine."""

    params = ("vdi",)


class SR_OPERATION_NOT_SUPPORTED(ApiError):
    """The driver of the repository, or the repository itself, is not made for this."""

    params = ("sr",)


class SR_NOT_EMPTY(ApiError):
    """Disks are left in the repository; destroy or move them first."""


class SR_DEVICE_IN_USE(ApiError):
    """Another repository, or something else on the host, uses the device already."""


class SR_NOT_SHARABLE(ApiError):
    """The repository is not shared, and another host has it plugged already."""

    params = (
        "sr",
        "host",
    )


class SR_INDESTRUCTIBLE(ApiError):
    """The repository is protected: indestructible is set in its other_config."""

    params = ("sr",)


class SR_IS_CACHE_SR(ApiError):
    """The repository is the local cache of a host; switch caching off there first."""

    params = ("host",)


class SR_UNHEALTHY(ApiError):
    """The repository is in a bad state; what it is and what would mend it is given."""

    params = (
        "sr",
        "health",
        "fix",
    )


class CLUSTERED_SR_DEGRADED(ApiError):
    """Another member of the cluster is down, so that this host may not go away from its repositories too."""

    params = ("sr",)


class SM_PLUGIN_COMMUNICATION_FAILURE(ApiError):
    """The storage driver did not understand the call, or its answer was not understood."""

    params = ("sm",)


class DEVICE_ALREADY_ATTACHED(ApiError):
    """The device is attached to its running machine already."""

    params = ("device",)


class DEVICE_ALREADY_DETACHED(ApiError):
    """The device is not attached to its running machine."""

    params = ("device",)


class DEVICE_ALREADY_EXISTS(ApiError):
    """The machine has a device in this place already."""

    params = ("device",)


class INVALID_DEVICE(ApiError):
    """This cannot be the place of a device, or no place is free."""

    params = ("device",)


class DEFAULT_SR_NOT_FOUND(ApiError):
    """No repository was named, and the pool's default_SR is none that exists."""

    params = ("sr",)


class PROVISION_ONLY_ALLOWED_ON_TEMPLATE(ApiError):
    """Only a machine just cloned from a template, still a template itself, can be provisioned."""


class PROVISION_FAILED_OUT_OF_SPACE(ApiError):
    """There was too little space for the disks that the template asks for."""


class IMPORT_INCOMPATIBLE_VERSION(ApiError):
    """The file was exported by a newer version than can be imported here."""


class IMPORT_ERROR(ApiError):
    """The file could not be imported; the message says why."""

    params = ("msg",)


class IMPORT_ERROR_PREMATURE_EOF(ApiError):
    """The file to be imported ended too early, or was none of ours."""


class IMPORT_ERROR_SOME_CHECKSUMS_FAILED(ApiError):
    """Parts of the file do not agree with their checksums: it was damaged since the export."""


class IMPORT_ERROR_CANNOT_HANDLE_CHUNKED(ApiError):
    """Imports cannot be sent with a Transfer-Encoding, such as in chunks."""


class IMPORT_ERROR_FAILED_TO_FIND_OBJECT(ApiError):
    """The file refers to an object that is not in it."""

    params = ("id",)


class IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND(ApiError):
    """A disk that was attached to the machine when it was exported is not here."""


class IMPORT_ERROR_UNEXPECTED_FILE(ApiError):
    """The archive has another file where this one should be."""

    params = (
        "filename_expected",
        "filename_found",
    )


class RESTORE_INCOMPATIBLE_VERSION(ApiError):
    """The backup of the database is of another version than this server's."""


class RESTORE_TARGET_MISSING_DEVICE(ApiError):
    """The backup of the database has a network card that this host has not."""

    params = ("device",)


class RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP(ApiError):
    """The card that carries this host's management is not in the backup of the database."""


class CANNOT_FIND_STATE_PARTITION(ApiError):
    """The disk of the host has no partition for the toolstack's state."""


class BACKUP_SCRIPT_FAILED(ApiError):
    """The script that backs up the host failed; its output is given."""

    params = ("log",)


class RESTORE_SCRIPT_FAILED(ApiError):
    """The script that restores the host failed; its output is given."""

    params = ("log",)


class EVENTS_LOST(ApiError):
    """The client waited too long and missed events; it must read everything anew."""


class EVENT_SUBSCRIPTION_PARSE_FAILURE(ApiError):
    """This cannot be read as something to subscribe to."""

    params = ("subscription",)


class EVENT_FROM_TOKEN_PARSE_FAILURE(ApiError):
    """This is no token that event.from gave out; an empty one begins anew."""

    params = ("token",)


class SESSION_NOT_REGISTERED(ApiError):
    """The session must call event.register before event.next."""

    params = ("handle",)


class TASK_CANCELLED(ApiError):
    """Somebody cancelled the task."""

    params = ("task",)


class TOO_MANY_PENDING_TASKS(ApiError):
    """So many tasks are under way that no more is taken now; try again later."""


class TOO_BUSY(ApiError):
    """The server has too much to do now; try again later."""


class OUT_OF_SPACE(ApiError):
    """This place has no room left or cannot be written to; until that changes, nothing can be changed here."""

    params = ("location",)


class INVALID_PATCH(ApiError):
    """This is no patch that can be used."""


class INVALID_PATCH_WITH_LOG(ApiError):
    """This is no patch that can be used; what was found wrong is given."""

    params = ("log",)


class CANNOT_FIND_PATCH(ApiError):
    """There is no such patch."""


class CANNOT_FETCH_PATCH(ApiError):
    """The file of the patch could not be got from the coordinator."""

    params = ("uuid",)


class PATCH_ALREADY_EXISTS(ApiError):
    """The patch was uploaded before."""

    params = ("uuid",)


class UPDATE_ALREADY_EXISTS(ApiError):
    """The update was introduced before."""

    params = ("uuid",)


class PATCH_IS_APPLIED(ApiError):
    """The patch is in force on a host, so it stays."""


class PATCH_ALREADY_APPLIED(ApiError):
    """The host has the patch already."""

    params = ("patch",)


class PATCH_APPLY_FAILED(ApiError):
    """The patch could not be applied; its output is given."""

    params = ("output",)


class PATCH_APPLY_FAILED_BACKUP_FILES_EXIST(ApiError):
    """The patch would have overwritten its own backups of an earlier attempt."""

    params = ("output",)


class PATCH_PRECHECK_FAILED_UNKNOWN_ERROR(ApiError):
    """The patch's own check said no; what it said is given."""

    params = (
        "patch",
        "info",
    )


class PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING(ApiError):
    """The patch needs others that the host does not have; their uuids are given."""

    params = (
        "patch",
        "prerequisite_patch_uuid_list",
    )


class PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION(ApiError):
    """The patch is for another version than that of the host."""

    params = (
        "patch",
        "found_version",
        "required_version",
    )


class PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD(ApiError):
    """The patch is for another build than that of the host."""

    params = (
        "patch",
        "found_build",
        "required_build",
    )


class PATCH_PRECHECK_FAILED_VM_RUNNING(ApiError):
    """The patch cannot be applied while machines run on the host."""

    params = ("patch",)


class PATCH_PRECHECK_FAILED_OUT_OF_SPACE(ApiError):
    """The host has too little space for the patch."""

    params = (
        "patch",
        "found_space",
        "required_required",
    )


class PATCH_PRECHECK_FAILED_ISO_MOUNTED(ApiError):
    """The patch cannot be applied while the ISO of the guest tools is in a drive."""

    params = ("patch",)


class CANNOT_FIND_OEM_BACKUP_PARTITION(ApiError):
    """The host, which runs an embedded edition, has no partition for backups."""


class ONLY_ALLOWED_ON_OEM_EDITION(ApiError):
    """The command is for hosts that run an embedded edition only."""

    params = ("command",)


class NOT_ALLOWED_ON_OEM_EDITION(ApiError):
    """The command is not for hosts that run an embedded edition."""

    params = ("command",)


class INVALID_UPDATE(ApiError):
    """This is no update that can be used; what was found wrong is given."""

    params = ("info",)


class UPDATE_IS_APPLIED(ApiError):
    """The update is in force on a host, so its record stays."""


class CANNOT_FIND_UPDATE(ApiError):
    """There is no such update."""


class UPDATE_POOL_APPLY_FAILED(ApiError):
    """These hosts could not be updated."""

    params = ("hosts",)


class COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE(ApiError):
    """IGMP snooping could not be switched on some of the hosts."""


class UPDATE_APPLY_FAILED(ApiError):
    """The update could not be applied; its output is given."""

    params = ("output",)


class UPDATE_ALREADY_APPLIED(ApiError):
    """The host has the update already."""

    params = ("update",)


class UPDATE_ALREADY_APPLIED_IN_POOL(ApiError):
    """All hosts of the pool have the update already."""

    params = ("update",)


class UPDATE_PRECHECK_FAILED_UNKNOWN_ERROR(ApiError):
    """The update's own check said no; what it said is given."""

    params = (
        "update",
        "info",
    )


class UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING(ApiError):
    """The update needs another one that the host does not have."""

    params = (
        "update",
        "prerequisite_update",
    )


class UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT(ApiError):
    """The host has an update that this one cannot be together with."""

    params = (
        "update",
        "conflict_update",
    )


class UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION(ApiError):
    """The update is for another version than that of the host."""

    params = (
        "update",
        "installed_version",
        "required_version ",
    )


class UPDATE_PRECHECK_FAILED_OUT_OF_SPACE(ApiError):
    """The host has too little space for the update."""

    params = (
        "update",
        "available_space",
        "required_space ",
    )


class UPDATE_PRECHECK_FAILED_GPGKEY_NOT_IMPORTED(ApiError):
    """The host does not know the key that the update is signed with."""

    params = ("update",)


class HOST_IS_SLAVE(ApiError):
    """The host is a member of a pool: log in at its coordinator, whose address is given."""

    params = ("Master IP address",)


class HA_FAILED_TO_FORM_LIVESET(ApiError):
    """The hosts did not find together for high availability."""


class HA_HEARTBEAT_DAEMON_STARTUP_FAILED(ApiError):
    """The daemon that watches the hosts for high availability did not start."""


class HA_HOST_CANNOT_ACCESS_STATEFILE(ApiError):
    """A host cannot reach the disk that keeps the state of high availability."""


class HA_HOST_IS_ARMED(ApiError):
    """High availability is armed on the host, which excludes this."""

    params = ("host",)


class HA_IS_ENABLED(ApiError):
    """High availability is switched on for the pool, which excludes this; pool.disable_ha ends it."""


class HA_NOT_ENABLED(ApiError):
    """High availability is not switched on."""


class HA_ENABLE_IN_PROGRESS(ApiError):
    """High availability is just being switched on; try again when that is over."""


class HA_DISABLE_IN_PROGRESS(ApiError):
    """High availability is just being switched off; try again when that is over."""


class HA_NOT_INSTALLED(ApiError):
    """The host does not have the software for high availability."""

    params = ("host",)


class HA_HOST_CANNOT_SEE_PEERS(ApiError):
    """The host sees only some of the others by network, and high availability needs all."""

    params = (
        "host",
        "all",
        "subset",
    )


class HA_TOO_FEW_HOSTS(ApiError):
    """The pool has too few hosts for high availability."""


class HA_SHOULD_BE_FENCED(ApiError):
    """The others have given the host up for dead, so it must not begin to work again before it restarts."""

    params = ("host",)


class HA_ABORT_NEW_MASTER(ApiError):
    """The host does not agree to the change of coordinator; the reason is given."""

    params = ("reason",)


class HA_NO_PLAN(ApiError):
    """No way was found to start the protected machines again after a host fails."""


class HA_LOST_STATEFILE(ApiError):
    """The host has lost access to the disk that keeps the state of high availability."""


class HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED(ApiError):
    """The pool has high availability switched on, and this host has not."""


class HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED(ApiError):
    """A protected machine depends on this repository, which not every host can use."""

    params = ("SR",)


class HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED(ApiError):
    """A protected machine depends on this network, which not every host can reach."""

    params = ("network",)


class HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN(ApiError):
    """After this, too few hosts would be left to start all protected machines again."""


class HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE(ApiError):
    """A bond with the management interface neither comes nor goes under high availability."""


class INCOMPATIBLE_STATEFILE_SR(ApiError):
    """Repositories of this type cannot keep the state of high availability."""

    params = ("SR type",)


class INCOMPATIBLE_CLUSTER_STACK_ACTIVE(ApiError):
    """High availability is switched on with a cluster stack that does not go with this."""

    params = ("cluster_stack",)


class CANNOT_EVACUATE_HOST(ApiError):
    """Machines cannot leave the host; the error of each is given, with | between them."""

    params = ("errors",)


class SYSTEM_STATUS_RETRIEVAL_FAILED(ApiError):
    """The report on the state of the host could not be made; the reason is given."""

    params = ("reason",)


class SYSTEM_STATUS_MUST_USE_TAR_ON_OEM(ApiError):
    """A host that runs an embedded edition gives its status report as tar only."""


class XAPI_HOOK_FAILED(ApiError):
    """A hook script of the host stopped the operation; what it printed and its exit code are given."""

    params = (
        "hook_name",
        "reason",
        "stdout",
        "exit_code",
    )


class XENAPI_MISSING_PLUGIN(ApiError):
    """There is no plug-in of this name."""

    params = ("name",)


class XENAPI_PLUGIN_FAILURE(ApiError):
    """The plug-in failed, or did not answer as it must; what it printed is given."""

    params = (
        "status",
        "stdout",
        "stderr",
    )


class DOMAIN_BUILDER_ERROR(ApiError):
    """The hypervisor could not build the machine."""

    params = (
        "function",
        "code",
        "message",
    )


class CERTIFICATE_DOES_NOT_EXIST(ApiError):
    """No certificate of this name is installed."""

    params = ("name",)


class CERTIFICATE_ALREADY_EXISTS(ApiError):
    """A certificate of this name is installed already; uninstall it first."""

    params = ("name",)


class TRUSTED_CERTIFICATE_ALREADY_EXISTS(ApiError):
    """A certificate with this fingerprint is trusted already."""

    params = ("fingerprint",)


class CERTIFICATE_NAME_INVALID(ApiError):
    """A certificate's name has letters, digits, dots, dashes, underscores; ends in .pem, begins with no dot."""

    params = ("name",)


class CERTIFICATE_CORRUPT(ApiError):
    """The installed certificate of this name cannot be read."""

    params = ("name",)


class CERTIFICATE_LIBRARY_CORRUPT(ApiError):
    """The folder of the installed certificates cannot be read."""


class CRL_DOES_NOT_EXIST(ApiError):
    """No revocation list of this name is installed."""

    params = ("name",)


class CRL_ALREADY_EXISTS(ApiError):
    """A revocation list of this name is installed already; uninstall it first."""

    params = ("name",)


class CRL_NAME_INVALID(ApiError):
    """A revocation list's name has letters, digits, dots, dashes, underscores; ends in .pem, begins with no dot."""

    params = ("name",)


class CRL_CORRUPT(ApiError):
    """The revocation list of this name cannot be read."""

    params = ("name",)


class SERVER_CERTIFICATE_KEY_INVALID(ApiError):
    """What was given as private key cannot be read as one."""


class SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED(ApiError):
    """A private key of this algorithm cannot be used."""

    params = ("algorithm_oid",)


class SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED(ApiError):
    """An RSA key of so many bits cannot be used."""

    params = ("length",)


class SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED(ApiError):
    """An RSA key with more than two primes cannot be used."""


class SERVER_CERTIFICATE_INVALID(ApiError):
    """What was given as certificate cannot be read as one."""


class SERVER_CERTIFICATE_KEY_MISMATCH(ApiError):
    """The private key does not belong to the certificate."""


class SERVER_CERTIFICATE_NOT_VALID_YET(ApiError):
    """The certificate becomes valid only at the time that is given; look at the host's clock."""

    params = (
        "now",
        "not_before",
    )


class SERVER_CERTIFICATE_EXPIRED(ApiError):
    """The certificate is no longer valid since the time that is given."""

    params = (
        "now",
        "not_after",
    )


class SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED(ApiError):
    """The certificate is signed in a way that cannot be used."""


class SERVER_CERTIFICATE_CHAIN_INVALID(ApiError):
    """What was given as chain of certificates cannot be read as one."""


class NOT_TRUSTED_CERTIFICATE(ApiError):
    """The certificate is none of those that are trusted."""

    params = ("ref",)


class CERTIFICATE_LACKS_PURPOSE(ApiError):
    """A certificate that is to be trusted must say for which purpose."""


class TRUSTED_CERTIFICATE_EXPIRED(ApiError):
    """The certificate to be trusted is no longer valid since the time that is given."""

    params = (
        "now",
        "not_after",
    )


class TRUSTED_CERTIFICATE_NOT_VALID_YET(ApiError):
    """The certificate to be trusted becomes valid only at the time that is given."""

    params = (
        "now",
        "not_before",
    )


class TRUSTED_CERTIFICATE_INVALID(ApiError):
    """What was given as certificate to be trusted cannot be read as one."""


class VMPP_HAS_VM(ApiError):
    """Machines belong to the protection policy, so it cannot be destroyed."""


class VMPP_ARCHIVE_MORE_FREQUENT_THAN_BACKUP(ApiError):
    """A protection policy cannot archive more often than it makes backups."""


class VM_ASSIGNED_TO_PROTECTION_POLICY(ApiError):
    """The machine belongs to a protection policy, which excludes this."""

    params = (
        "vm",
        "vmpp",
    )


class VMSS_HAS_VM(ApiError):
    """Machines belong to the snapshot schedule; take them out first."""


class VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE(ApiError):
    """The machine belongs to a snapshot schedule; take it out first."""

    params = (
        "vm",
        "vmss",
    )


class SSL_VERIFY_ERROR(ApiError):
    """The certificate of the other side could not be verified; the reason is given."""

    params = ("reason",)


class CANNOT_ENABLE_REDO_LOG(ApiError):
    """The redo log cannot be switched on; the reason is given."""

    params = ("reason",)


class REDO_LOG_IS_ENABLED(ApiError):
    """The redo log of the database is switched on, which excludes this."""


class VM_BIOS_STRINGS_ALREADY_SET(ApiError):
    """The machine has its BIOS strings, which are given once only."""


class INVALID_FEATURE_STRING(ApiError):
    """This cannot be read as a set of CPU features."""

    params = ("details",)


class CPU_FEATURE_MASKING_NOT_SUPPORTED(ApiError):
    """The CPUs of the host cannot hide features."""

    params = ("details",)


class FEATURE_REQUIRES_HVM(ApiError):
    """The feature is only for machines with full virtualisation."""

    params = ("details",)


class VDI_CONTAINS_METADATA_OF_THIS_POOL(ApiError):
    """The disk holds the database of this same pool, which cannot be opened beside itself."""

    params = (
        "vdi",
        "pool",
    )


class NO_MORE_REDO_LOGS_ALLOWED(ApiError):
    """So many redo logs are kept already that no more can be added."""


class COULD_NOT_IMPORT_DATABASE(ApiError):
    """The database on the disk could not be read; the reason is given."""

    params = ("reason",)


class VM_INCOMPATIBLE_WITH_THIS_HOST(ApiError):
    """The machine was started on CPUs that this host's cannot stand in for; the reason is given."""

    params = (
        "vm",
        "host",
        "reason",
    )


class CANNOT_DESTROY_DISASTER_RECOVERY_TASK(ApiError):
    """The recovery cannot be cleared away yet; the reason is given."""

    params = ("reason",)


class VM_IS_PART_OF_AN_APPLIANCE(ApiError):
    """The machine belongs to an appliance; take it out first."""

    params = (
        "vm",
        "appliance",
    )


class VM_TO_IMPORT_IS_NOT_NEWER_VERSION(ApiError):
    """The machine is here already, as new as the one to be imported or newer; force replaces it."""

    params = (
        "vm",
        "existing_version",
        "version_to_import",
    )


class VM_CALL_PLUGIN_RATE_LIMIT(ApiError):
    """The guest was asked for something a moment ago; wait for the seconds that are given."""

    params = (
        "VM",
        "interval",
        "wait",
    )


class VM_IS_IMMOBILE(ApiError):
    """The machine is one that is never suspended or moved: nested virtualisation, or nomigrate set."""

    params = ("VM",)


class VM_IS_USING_NESTED_VIRT(ApiError):
    """The guest can run guests of its own, and its memory cannot change meanwhile."""

    params = ("VM",)


class PVS_SITE_CONTAINS_RUNNING_PROXIES(ApiError):
    """Proxies of the provisioning site are at work; shut their machines down first."""

    params = ("proxies",)
    varied = True


class PVS_SITE_CONTAINS_SERVERS(ApiError):
    """Servers belong to the provisioning site; forget them first."""

    params = ("servers",)
    varied = True


class PVS_CACHE_STORAGE_ALREADY_PRESENT(ApiError):
    """The host has a cache for this provisioning site already."""

    params = (
        "site",
        "host",
    )


class PVS_CACHE_STORAGE_IS_IN_USE(ApiError):
    """Proxies at work use the cache; shut their machines down first."""

    params = ("PVS_cache_storage",)


class PVS_PROXY_ALREADY_PRESENT(ApiError):
    """The interface or machine has a proxy for provisioning already."""

    params = ("proxies",)


class PVS_SERVER_ADDRESS_IN_USE(ApiError):
    """A provisioning server with this address is entered already."""

    params = ("address",)


class PVS_VIF_MUST_BE_FIRST_DEVICE(ApiError):
    """A proxy for provisioning can only serve the first interface of a machine, device 0."""


class PVS_PROXY_PRESENT_ON_HIGHER_VIF_DEVICE(ApiError):
    """An interface of a higher number has a proxy for provisioning, which must be on the first."""

    params = ("device",)


class USB_GROUP_CONTAINS_VUSB(ApiError):
    """USB devices of machines that belong to the group are attached; take them away first."""

    params = ("vusbs",)
    varied = True


class USB_GROUP_CONTAINS_PUSB(ApiError):
    """USB devices of hosts belong to the group, so it stays."""

    params = ("pusbs",)
    varied = True


class USB_GROUP_CONTAINS_NO_PUSBS(ApiError):
    """The group has no USB device of a host to give."""

    params = ("usb_group",)


class TOO_MANY_VUSBS(ApiError):
    """A machine can have no more USB devices than this."""

    params = ("number",)


class USB_GROUP_CONFLICT(ApiError):
    """The USB devices of the group are given to a machine already; a group serves one."""

    params = ("USB_group",)


class USB_ALREADY_ATTACHED(ApiError):
    """A machine has the USB device attached; take it away there first."""

    params = (
        "PUSB",
        "VM",
    )


class PUSB_VDI_CONFLICT(ApiError):
    """The USB device is used as a disk, in a drive of a machine; remove that drive first."""

    params = (
        "PUSB",
        "VDI",
    )


class VM_HAS_VUSBS(ApiError):
    """A machine with USB devices is not suspended, moved or snapshotted; destroy its VUSBs first."""

    params = ("VM",)


class CLUSTER_CREATE_IN_PROGRESS(ApiError):
    """A cluster is just being made; try again when that is over."""


class CLUSTER_ALREADY_EXISTS(ApiError):
    """The pool is a cluster already, and can be one only."""


class CLUSTERING_ENABLED(ApiError):
    """The host takes part in a cluster, which excludes this; Cluster_host.disable ends it."""

    params = ("cluster_host",)


class CLUSTERING_DISABLED(ApiError):
    """The host does not take part in its cluster now; Cluster_host.enable lets it."""

    params = ("cluster_host",)


class CLUSTER_DOES_NOT_HAVE_ONE_NODE(ApiError):
    """Only a cluster of a single host can be destroyed; take the others out first."""

    params = ("number_of_nodes",)


class NO_COMPATIBLE_CLUSTER_HOST(ApiError):
    """The host is in no cluster of the kind that this repository needs."""

    params = ("host",)


class CLUSTER_FORCE_DESTROY_FAILED(ApiError):
    """Not every host could be taken out of the cluster by force."""

    params = ("cluster",)


class CLUSTER_STACK_IN_USE(ApiError):
    """Repositories or high availability depend on the cluster; unplug or disable these first."""

    params = ("cluster_stack",)


class INVALID_CLUSTER_STACK(ApiError):
    """There is no cluster stack of this name; corosync is one."""

    params = ("cluster_stack",)


class PIF_NOT_ATTACHED_TO_HOST(ApiError):
    """The interface belongs to another host than this one."""

    params = (
        "pif",
        "host",
    )


class CLUSTER_HOST_NOT_JOINED(ApiError):
    """The host has not joined its cluster yet, so it cannot take part."""

    params = ("cluster_host",)


class CLUSTER_HOST_IS_LAST(ApiError):
    """The host is the last of its cluster; destroy the cluster instead."""

    params = ("cluster_host",)


class NO_CLUSTER_HOSTS_REACHABLE(ApiError):
    """No other host of the cluster could be reached."""

    params = ("cluster",)


class XEN_INCOMPATIBLE(ApiError):
    """The hypervisor and the toolstack of the host are of versions that do not go together."""


class CONFIGURE_REPOSITORIES_IN_PROGRESS(ApiError):
    """The sources of updates are just being configured; try again when that is over."""


class INVALID_BASE_URL(ApiError):
    """This is no address at which a source of updates could be."""

    params = ("url",)


class BLOCKED_REPO_URL(ApiError):
    """Sources of updates at this address are not allowed."""

    params = ("url",)


class INVALID_GPGKEY_PATH(ApiError):
    """A key file is given by its name alone, of letters, digits, dashes and underscores."""

    params = ("gpgkey_path",)


class REPOSITORY_ALREADY_EXISTS(ApiError):
    """A source of updates with this name or address exists already."""

    params = ("ref",)


class BUNDLE_REPOSITORY_ALREADY_EXISTS(ApiError):
    """There is a source for bundles of updates already, and can be one only."""

    params = ("ref",)


class BUNDLE_UNPACK_FAILED(ApiError):
    """The bundle of updates could not be unpacked."""

    params = ("error",)


class BUNDLE_REPO_NOT_ENABLED(ApiError):
    """The pool does not take updates from bundles now."""


class CAN_NOT_SYNC_UPDATES(ApiError):
    """The enabled source of updates is filled by bundles and cannot be synchronised."""


class CAN_NOT_PERIODIC_SYNC_UPDATES(ApiError):
    """The enabled source of updates cannot be looked at by the calendar."""


class REPO_SHOULD_BE_SINGLE_ONE_ENABLED(ApiError):
    """A source that is a bundle or another pool must be the only one enabled."""


class UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_CONNECTION_FAILED(ApiError):
    """The other pool that updates come from cannot be reached."""


class UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_SERVICE_FAILED(ApiError):
    """The other pool that updates come from does not serve them."""


class REPOSITORY_IS_IN_USE(ApiError):
    """The pool takes updates from this source; take it out of pool.repositories first."""


class REPOSITORY_CLEANUP_FAILED(ApiError):
    """The files of the source of updates could not be removed."""


class NO_REPOSITORY_ENABLED(ApiError):
    """The pool takes updates from nowhere; pool.set_repositories names sources."""


class MULTIPLE_UPDATE_REPOSITORIES_ENABLED(ApiError):
    """More than one source of updates proper is enabled, which cannot be."""


class SYNC_UPDATES_IN_PROGRESS(ApiError):
    """Updates are just being synchronised; try again when that is over."""


class SYNC_BUNDLE_IN_PROGRESS(ApiError):
    """A bundle of updates is just being taken in; try again when that is over."""


class REPOSYNC_FAILED(ApiError):
    """The updates could not be fetched from their source."""


class BUNDLE_SYNC_FAILED(ApiError):
    """The updates of the bundle could not be taken in."""


class INVALID_REPOMD_XML(ApiError):
    """The index of the source of updates (repomd.xml) cannot be read."""


class INVALID_UPDATEINFO_XML(ApiError):
    """The descriptions of the updates (updateinfo.xml) cannot be read."""


class GET_HOST_UPDATES_FAILED(ApiError):
    """It could not be found out which updates the host lacks."""

    params = ("ref",)


class GET_UPDATES_FAILED(ApiError):
    """It could not be found out which updates there are."""


class APPLY_UPDATES_IN_PROGRESS(ApiError):
    """Updates are just being applied; try again when that is over."""


class APPLY_UPDATES_FAILED(ApiError):
    """The updates could not be applied to the host."""

    params = ("ref",)


class APPLY_GUIDANCE_FAILED(ApiError):
    """The host was updated, but what must follow, such as a restart, failed."""

    params = ("ref",)


class UPDATEINFO_HASH_MISMATCH(ApiError):
    """The updates have changed since the caller looked at them; look again."""


class CANNOT_RESTART_DEVICE_MODEL(ApiError):
    """The device emulator of the machine cannot be restarted on its own."""

    params = ("ref",)


class INVALID_REPOSITORY_PROXY_URL(ApiError):
    """This is no http or https address that a proxy could have."""

    params = ("url",)


class INVALID_REPOSITORY_PROXY_CREDENTIAL(ApiError):
    """The user and password for the proxy cannot be used."""


class INVALID_REPOSITORY_DOMAIN_ALLOWLIST(ApiError):
    """These cannot be domains from which updates may be fetched."""

    params = ("domains",)


class APPLY_LIVEPATCH_FAILED(ApiError):
    """The live patch could not be applied; reboot the host to have what it would change."""

    params = ("livepatch",)


class VTPM_MAX_AMOUNT_REACHED(ApiError):
    """The machine has as many TPMs as it can."""

    params = ("amount",)


class TELEMETRY_NEXT_COLLECTION_TOO_LATE(ApiError):
    """The next collection of telemetry cannot be so far away."""

    params = ("timestamp",)


class INVALID_UPDATE_SYNC_DAY(ApiError):
    """The day of weekly looks for updates is a number from 0, Sunday, to 6."""

    params = ("day",)


class NO_REPOSITORIES_CONFIGURED(ApiError):
    """There is no source of updates that could be looked at."""


class HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY(ApiError):
    """The host was updated and must first do what pending_guidances asks, such as reboot."""

    params = ("host",)


class HOST_EVACUATION_IS_REQUIRED(ApiError):
    """Machines must leave the host before this; host.evacuate moves them."""

    params = ("host",)


class TOO_MANY_GROUPS(ApiError):
    """A machine can belong to one group only."""


class ENABLE_SSH_FAILED(ApiError):
    """SSH could not be switched on for the host."""

    params = ("host",)


class DISABLE_SSH_FAILED(ApiError):
    """SSH could not be switched off for the host."""

    params = ("host",)


class ENABLE_SSH_PARTIALLY_FAILED(ApiError):
    """SSH could not be switched on for these hosts; for the others it was."""

    params = ("hosts",)


class DISABLE_SSH_PARTIALLY_FAILED(ApiError):
    """SSH could not be switched off for these hosts; for the others it was."""

    params = ("hosts",)


class SET_SSH_TIMEOUT_PARTIALLY_FAILED(ApiError):
    """The time for which SSH stays on could not be set for these hosts; for the others it was."""

    params = ("hosts",)


class SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED(ApiError):
    """The time after which idle consoles end could not be set for these hosts only."""

    params = ("hosts",)


class SET_SSH_AUTO_MODE_PARTIALLY_FAILED(ApiError):
    """Whether SSH goes on and off by itself could not be set for these hosts only."""

    params = ("hosts",)


class HOST_DRIVER_NO_HARDWARE(ApiError):
    """The host has no device that this variant of a driver is for."""

    params = ("driver variant",)


class TLS_VERIFICATION_NOT_ENABLED_IN_POOL(ApiError):
    """The pool does not verify certificates; pool.enable_tls_verification begins it."""


class SYSPREP(ApiError):
    """The Windows guest could not be prepared for copies; the message says why."""

    params = (
        "vm",
        "message",
    )


class INVALID_NTP_CONFIG(ApiError):
    """The time servers cannot be set so; the reason is given."""

    params = ("reason",)


class NOT_ALLOWED_WHEN_NTP_IS_ENABLED(ApiError):
    """The host takes its time from servers, so its clock cannot be set by hand."""

    params = ("host",)


class VM_IS_SNAPSHOT(ApiError):
    """The operation is not for snapshots."""

    params = (
        "vm",
        "operation",
    )


class REVERT_ONLY_ALLOWED_ON_SNAPSHOT(ApiError):
    """Only to a snapshot can one go back, and this is none."""


class COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS(ApiError):
    """The host has no network card of this name with this MAC address."""

    params = (
        "device",
        "mac",
    )


class CA_CERTIFICATE_INVALID(ApiError):
    """What was given as certificate of an authority cannot be read as one (PEM)."""


class HOSTS_FAILED_TO_ENABLE_CACHING(ApiError):
    """On these hosts caching on local disks could not be switched on."""

    params = ("hosts",)
    varied = True


class VDI_IS_SHARABLE(ApiError):
    """Several machines may write to the disk at once, so no snapshot of it is taken."""

    params = ("vdi",)
