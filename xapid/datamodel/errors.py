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
    """"""

    params = ("message",)


class MESSAGE_DEPRECATED(ApiError):
    """"""


class MESSAGE_REMOVED(ApiError):
    """"""


class PERMISSION_DENIED(ApiError):
    """"""

    params = ("message",)


class LICENSE_EXPIRED(ApiError):
    """"""


class LICENSE_PROCESSING_ERROR(ApiError):
    """"""


class LICENCE_RESTRICTION(ApiError):
    """"""

    params = ("feature",)


class LICENSE_CANNOT_DOWNGRADE_WHILE_IN_POOL(ApiError):
    """"""


class LICENSE_DOES_NOT_SUPPORT_POOLING(ApiError):
    """"""


class LICENSE_HOST_POOL_MISMATCH(ApiError):
    """"""


class LICENSE_DOES_NOT_SUPPORT_XHA(ApiError):
    """"""


class V6D_FAILURE(ApiError):
    """"""


class INVALID_EDITION(ApiError):
    """"""

    params = ("edition",)


class MISSING_CONNECTION_DETAILS(ApiError):
    """"""


class LICENSE_CHECKOUT_ERROR(ApiError):
    """"""

    params = (
        "code",
        "message",
    )


class LICENSE_FILE_DEPRECATED(ApiError):
    """"""


class ACTIVATION_WHILE_NOT_FREE(ApiError):
    """"""


class FEATURE_RESTRICTED(ApiError):
    """"""


class CANNOT_CONTACT_HOST(ApiError):
    """"""

    params = ("host",)


class TLS_CONNECTION_FAILED(ApiError):
    """"""

    params = (
        "address",
        "port",
    )


class UUID_INVALID(ApiError):
    """"""

    params = (
        "type",
        "uuid",
    )


class OBJECT_NOLONGER_EXISTS(ApiError):
    """"""


class MAP_DUPLICATE_KEY(ApiError):
    """"""

    params = (
        "type",
        "param_name",
        "uuid",
        "key",
    )


class XMLRPC_UNMARSHAL_FAILURE(ApiError):
    """"""

    params = (
        "expected",
        "received",
    )


class MESSAGE_METHOD_UNKNOWN(ApiError):
    """"""

    params = ("method",)


class MESSAGE_PARAMETER_COUNT_MISMATCH(ApiError):
    """"""

    params = (
        "method",
        "expected",
        "received",
    )


class VALUE_NOT_SUPPORTED(ApiError):
    """"""

    params = (
        "field",
        "value",
        "reason",
    )


class INVALID_VALUE(ApiError):
    """"""

    params = (
        "field",
        "value",
    )
    varied = True


class FIELD_TYPE_ERROR(ApiError):
    """"""

    params = ("field",)


class OPERATION_NOT_ALLOWED(ApiError):
    """"""

    params = ("reason",)


class OPERATION_BLOCKED(ApiError):
    """"""

    params = (
        "ref",
        "code",
    )


class NOT_IMPLEMENTED(ApiError):
    """"""

    params = ("function",)


class UNIMPLEMENTED_IN_SM_BACKEND(ApiError):
    """"""

    params = ("message",)


class HANDLE_INVALID(ApiError):
    """"""

    params = (
        "class",
        "handle",
    )


class DB_UNIQUENESS_CONSTRAINT_VIOLATION(ApiError):
    """"""

    params = (
        "table",
        "field",
        "value",
    )


class LOCATION_NOT_UNIQUE(ApiError):
    """"""

    params = (
        "SR",
        "location",
    )


class MEMORY_CONSTRAINT_VIOLATION(ApiError):
    """"""

    params = ("constraint",)
    varied = True


class MEMORY_CONSTRAINT_VIOLATION_ORDER(ApiError):
    """"""


class MEMORY_CONSTRAINT_VIOLATION_MAXPIN(ApiError):
    """"""

    params = ("reason",)


class SESSION_AUTHENTICATION_FAILED(ApiError):
    """"""

    varied = True


class SESSION_AUTHORIZATION_FAILED(ApiError):
    """"""

    varied = True

    params = (
        "username",
        "msg",
    )


class SESSION_INVALID(ApiError):
    """"""

    params = ("handle",)


class CHANGE_PASSWORD_REJECTED(ApiError):
    """"""

    params = ("msg",)


class USER_IS_NOT_LOCAL_SUPERUSER(ApiError):
    """"""

    params = ("msg",)


class NETWORK_SRIOV_INSUFFICIENT_CAPACITY(ApiError):
    """"""

    params = ("network",)


class NETWORK_SRIOV_ALREADY_ENABLED(ApiError):
    """"""

    params = ("PIF",)


class NETWORK_SRIOV_ENABLE_FAILED(ApiError):
    """"""

    params = (
        "PIF",
        "msg",
    )


class NETWORK_SRIOV_DISABLE_FAILED(ApiError):
    """"""

    params = (
        "PIF",
        "msg",
    )


class NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS(ApiError):
    """"""

    params = (
        "PIF",
        "network",
    )


class NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS(ApiError):
    """"""

    params = (
        "PIF",
        "network",
    )


class NETWORK_INCOMPATIBLE_WITH_SRIOV(ApiError):
    """"""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE(ApiError):
    """"""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV(ApiError):
    """"""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_BOND(ApiError):
    """"""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_TUNNEL(ApiError):
    """"""

    params = ("network",)


class NETWORK_INCOMPATIBLE_WITH_TRUNKS(ApiError):
    """"""

    params = ("network",)


class POOL_JOINING_HOST_HAS_NETWORK_SRIOVS(ApiError):
    """"""


class NETWORK_UNMANAGED(ApiError):
    """"""

    params = ("network",)


class NETWORK_ALREADY_CONNECTED(ApiError):
    """"""

    params = (
        "network",
        "connected PIF",
    )


class CANNOT_DESTROY_SYSTEM_NETWORK(ApiError):
    """"""

    params = ("network",)


class NETWORK_INCOMPATIBLE_PURPOSES(ApiError):
    """"""

    params = (
        "new_purpose",
        "conflicting_purpose",
    )


class PIF_IS_PHYSICAL(ApiError):
    """"""

    params = ("PIF",)
    varied = True


class PIF_IS_NOT_PHYSICAL(ApiError):
    """"""

    params = ("PIF",)


class PIF_IS_VLAN(ApiError):
    """"""

    params = ("PIF",)


class PIF_IS_SRIOV_LOGICAL(ApiError):
    """"""

    params = ("PIF",)


class PIF_VLAN_EXISTS(ApiError):
    """"""

    params = ("PIF",)


class PIF_VLAN_STILL_EXISTS(ApiError):
    """"""

    params = ("PIF",)


class VLAN_IN_USE(ApiError):
    """"""

    params = (
        "device",
        "vlan",
    )


class PIF_ALREADY_BONDED(ApiError):
    """"""

    params = ("PIF",)


class PIF_CANNOT_BOND_CROSS_HOST(ApiError):
    """"""


class PIF_BOND_NEEDS_MORE_MEMBERS(ApiError):
    """"""


class PIF_BOND_MORE_THAN_ONE_IP(ApiError):
    """"""


class PIF_CONFIGURATION_ERROR(ApiError):
    """"""

    params = (
        "PIF",
        "msg",
    )


class INVALID_IP_ADDRESS_SPECIFIED(ApiError):
    """"""

    params = ("parameter",)


class INVALID_CIDR_ADDRESS_SPECIFIED(ApiError):
    """"""

    params = ("parameter",)


class ADDRESS_VIOLATES_LOCKING_CONSTRAINT(ApiError):
    """"""

    params = ("address",)


class PIF_IS_MANAGEMENT_INTERFACE(ApiError):
    """"""

    params = ("PIF",)


class PIF_NOT_PRESENT(ApiError):
    """"""

    params = (
        "host",
        "network",
    )


class PIF_DOES_NOT_ALLOW_UNPLUG(ApiError):
    """"""

    params = ("PIF",)


class PIF_ALLOWS_UNPLUG(ApiError):
    """"""

    params = ("PIF",)


class REQUIRED_PIF_IS_UNPLUGGED(ApiError):
    """"""

    params = ("PIF",)


class PIF_HAS_FCOE_SR_IN_USE(ApiError):
    """"""

    params = (
        "PIF",
        "SR",
    )


class PIF_UNMANAGED(ApiError):
    """"""

    params = ("PIF",)


class PIF_IS_NOT_SRIOV_CAPABLE(ApiError):
    """"""

    params = ("PIF",)


class PIF_HAS_NO_NETWORK_CONFIGURATION(ApiError):
    """"""

    params = ("PIF",)


class PIF_HAS_NO_V6_NETWORK_CONFIGURATION(ApiError):
    """"""

    params = ("PIF",)


class PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE(ApiError):
    """"""

    params = ("PIF",)


class PIF_SRIOV_STILL_EXISTS(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_PLUG_BOND_SLAVE(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_ADD_VLAN_TO_BOND_SLAVE(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_ADD_TUNNEL_TO_BOND_SLAVE(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_CHANGE_PIF_PROPERTIES(ApiError):
    """"""

    params = ("PIF",)


class CANNOT_FORGET_SRIOV_LOGICAL(ApiError):
    """"""

    params = ("PIF",)


class INCOMPATIBLE_PIF_PROPERTIES(ApiError):
    """"""


class SLAVE_REQUIRES_MANAGEMENT_INTERFACE(ApiError):
    """"""


class VIF_IN_USE(ApiError):
    """"""

    params = (
        "network",
        "VIF",
    )


class CANNOT_PLUG_VIF(ApiError):
    """"""

    params = ("VIF",)


class MAC_DOES_NOT_EXIST(ApiError):
    """"""

    params = ("MAC",)


class MAC_STILL_EXISTS(ApiError):
    """"""

    params = ("MAC",)


class MAC_INVALID(ApiError):
    """"""

    params = ("MAC",)


class DUPLICATE_PIF_DEVICE_NAME(ApiError):
    """"""

    params = ("device",)


class VLAN_TAG_INVALID(ApiError):
    """"""

    params = ("VLAN",)


class NETWORK_CONTAINS_VIF(ApiError):
    """"""

    params = ("vifs",)
    varied = True


class NETWORK_CONTAINS_PIF(ApiError):
    """"""

    params = ("pifs",)
    varied = True


class GPU_GROUP_CONTAINS_VGPU(ApiError):
    """"""

    params = ("vgpus",)
    varied = True


class GPU_GROUP_CONTAINS_PGPU(ApiError):
    """"""

    params = ("pgpus",)
    varied = True


class GPU_GROUP_CONTAINS_NO_PGPUS(ApiError):
    """"""

    params = ("gpu_group",)


class DEVICE_ATTACH_TIMEOUT(ApiError):
    """"""

    params = (
        "type",
        "ref",
    )


class DEVICE_DETACH_TIMEOUT(ApiError):
    """"""

    params = (
        "type",
        "ref",
    )


class DEVICE_DETACH_REJECTED(ApiError):
    """"""

    params = (
        "type",
        "ref",
        "msg",
    )


class DEVICE_NOT_ATTACHED(ApiError):
    """"""

    params = ("VBD",)


class PIF_DEVICE_NOT_FOUND(ApiError):
    """"""


class PGPU_IN_USE_BY_VM(ApiError):
    """"""

    params = ("VMs",)


class PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP(ApiError):
    """"""

    params = (
        "type",
        "group_types",
    )


class PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU(ApiError):
    """"""

    params = (
        "pgpu",
        "vgpu_type",
    )


class VGPU_TYPE_NOT_ENABLED(ApiError):
    """"""

    params = (
        "type",
        "enabled_types",
    )


class VGPU_TYPE_NOT_SUPPORTED(ApiError):
    """"""

    params = (
        "type",
        "supported_types",
    )


class VGPU_TYPE_NO_LONGER_SUPPORTED(ApiError):
    """"""

    params = ("type",)


class VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE(ApiError):
    """"""

    params = (
        "pgpu",
        "type",
        "running_type",
    )


class VGPU_TYPE_NOT_COMPATIBLE(ApiError):
    """"""

    params = ("type",)


class VGPU_DESTINATION_INCOMPATIBLE(ApiError):
    """"""

    params = (
        "reason",
        "vgpu",
        "host",
    )


class VGPU_SUSPENSION_NOT_SUPPORTED(ApiError):
    """"""

    params = (
        "reason",
        "vgpu",
        "host",
    )


class VGPU_GUEST_DRIVER_LIMIT(ApiError):
    """"""

    params = (
        "reason",
        "vm",
        "host",
    )


class NVIDIA_TOOLS_ERROR(ApiError):
    """"""

    params = ("host",)


class VM_PCI_BUS_FULL(ApiError):
    """"""

    params = ("VM",)


class NVIDIA_SRIOV_MISCONFIGURED(ApiError):
    """"""

    params = (
        "host",
        "device_name",
    )


class BOOT_DEVICE_PASSTHROUGH_DISALLOWED(ApiError):
    """"""

    params = ("device",)


class OPENVSWITCH_NOT_ACTIVE(ApiError):
    """"""


class TRANSPORT_PIF_NOT_CONFIGURED(ApiError):
    """"""

    params = ("PIF",)


class IS_TUNNEL_ACCESS_PIF(ApiError):
    """"""

    params = ("PIF",)


class PIF_TUNNEL_STILL_EXISTS(ApiError):
    """"""

    params = ("PIF",)


class BRIDGE_NOT_AVAILABLE(ApiError):
    """"""

    params = ("bridge",)


class BRIDGE_NAME_EXISTS(ApiError):
    """"""

    params = ("bridge",)


class VM_IS_PROTECTED(ApiError):
    """"""

    params = ("vm",)


class VM_NO_CRASHDUMP_SR(ApiError):
    """"""

    params = ("vm",)


class VM_NO_SUSPEND_SR(ApiError):
    """"""

    params = ("vm",)


class VM_MEMORY_SIZE_TOO_LOW(ApiError):
    """"""

    params = ("vm",)


class VM_DUPLICATE_VBD_DEVICE(ApiError):
    """"""

    params = (
        "vm",
        "vbd",
        "device",
    )


class ILLEGAL_VBD_DEVICE(ApiError):
    """"""

    params = (
        "vbd",
        "device",
    )


class VM_NOT_RESIDENT_HERE(ApiError):
    """"""

    params = (
        "vm",
        "host",
    )


class DOMAIN_EXISTS(ApiError):
    """"""

    params = (
        "vm",
        "domid",
    )
    varied = True


class CANNOT_RESET_CONTROL_DOMAIN(ApiError):
    """"""

    params = ("vm",)


class NOT_SYSTEM_DOMAIN(ApiError):
    """"""

    params = ("vm",)


class VM_CANNOT_DELETE_DEFAULT_TEMPLATE(ApiError):
    """"""

    params = ("vm",)
    varied = True


class VM_BAD_POWER_STATE(ApiError):
    """"""

    params = (
        "vm",
        "expected",
        "actual",
    )


class VM_MISSING_PV_DRIVERS(ApiError):
    """"""

    params = ("vm",)


class VM_OLD_PV_DRIVERS(ApiError):
    """"""

    params = (
        "vm",
        "major",
        "minor",
    )


class VM_LACKS_FEATURE(ApiError):
    """"""

    params = ("vm",)


class VM_NON_SUSPENDABLE(ApiError):
    """"""

    params = (
        "vm",
        "reason",
    )


class VM_IS_TEMPLATE(ApiError):
    """"""

    params = ("vm",)
    varied = True


class OTHER_OPERATION_IN_PROGRESS(ApiError):
    """"""

    params = (
        "class",
        "object",
        "operation_type",
        "operation_ref",
    )


class VBD_NOT_REMOVABLE_MEDIA(ApiError):
    """"""

    params = ("vbd",)


class VBD_NOT_UNPLUGGABLE(ApiError):
    """"""

    params = ("vbd",)


class VBD_NOT_EMPTY(ApiError):
    """"""

    params = ("vbd",)


class VBD_IS_EMPTY(ApiError):
    """"""

    params = ("vbd",)


class VBD_TRAY_LOCKED(ApiError):
    """"""

    params = ("vbd",)


class VBD_CDS_MUST_BE_READONLY(ApiError):
    """"""


class DISK_VBD_MUST_BE_READWRITE_FOR_HVM(ApiError):
    """"""

    params = ("vbd",)


class VM_NO_EMPTY_CD_VBD(ApiError):
    """"""

    params = ("vm",)


class VM_HVM_REQUIRED(ApiError):
    """"""

    params = ("vm",)


class VM_NO_VCPUS(ApiError):
    """"""

    params = ("vm",)


class VM_TOO_MANY_VCPUS(ApiError):
    """"""

    params = ("vm",)


class HOST_NOT_ENOUGH_FREE_MEMORY(ApiError):
    """"""

    params = (
        "needed",
        "available",
    )


class HOST_NOT_ENOUGH_PCPUS(ApiError):
    """"""

    params = (
        "vcpus",
        "pcpus",
    )


class DUPLICATE_VM(ApiError):
    """"""

    params = ("vm",)


class DUPLICATE_MAC_SEED(ApiError):
    """"""

    params = ("seed",)


class VM_SNAPSHOT_WITH_QUIESCE_FAILED(ApiError):
    """"""

    params = ("vm",)


class VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT(ApiError):
    """"""

    params = ("vm",)


class VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND(ApiError):
    """"""

    params = ("vm",)


class VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED(ApiError):
    """"""

    params = (
        "vm",
        "error",
    )
    varied = True


class XEN_VSS_REQ_ERROR_INIT_FAILED(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_PROV_NOT_LOADED(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_PREPARING_WRITERS(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING(ApiError):
    """"""

    params = (
        "vm",
        "error_code",
    )


class VM_REVERT_FAILED(ApiError):
    """"""

    params = (
        "vm",
        "snapshot",
    )


class VM_CHECKPOINT_SUSPEND_FAILED(ApiError):
    """"""

    params = ("vm",)


class VM_CHECKPOINT_RESUME_FAILED(ApiError):
    """"""

    params = ("vm",)


class VM_PV_DRIVERS_IN_USE(ApiError):
    """"""

    params = ("vm",)


class VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE(ApiError):
    """"""

    params = (
        "vcpu_max",
        "cores_per_socket",
    )


class OPERATION_PARTIALLY_FAILED(ApiError):
    """"""

    params = ("operation",)
    varied = True


class HOST_OFFLINE(ApiError):
    """"""

    params = ("host",)


class HOST_DISABLED(ApiError):
    """"""

    params = ("host",)


class HOST_DISABLED_UNTIL_REBOOT(ApiError):
    """"""

    params = ("host",)


class HOST_DISABLED_INDEFINITELY(ApiError):
    """"""

    params = ("host",)


class NO_HOSTS_AVAILABLE(ApiError):
    """"""


class HOST_IN_EMERGENCY_MODE(ApiError):
    """"""


class HOST_CANNOT_DESTROY_SELF(ApiError):
    """"""

    params = ("host",)


class HOST_CANNOT_READ_METRICS(ApiError):
    """"""


class HOST_IN_USE(ApiError):
    """"""

    params = (
        "host",
        "type",
        "ref",
    )


class HOST_NOT_DISABLED(ApiError):
    """"""


class HOST_NOT_LIVE(ApiError):
    """"""


class HOST_IS_LIVE(ApiError):
    """"""

    params = ("host",)


class HOST_POWER_ON_MODE_DISABLED(ApiError):
    """"""


class HOST_ITS_OWN_SLAVE(ApiError):
    """"""


class HOST_STILL_BOOTING(ApiError):
    """"""


class HOST_HAS_NO_MANAGEMENT_IP(ApiError):
    """"""


class HOST_NAME_INVALID(ApiError):
    """"""

    params = ("reason",)


class HOST_MASTER_CANNOT_TALK_BACK(ApiError):
    """"""

    params = ("ip",)


class HOST_UNKNOWN_TO_MASTER(ApiError):
    """"""

    params = ("host",)


class HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR(ApiError):
    """"""

    params = ("host_xapi_version",)


class HOST_BROKEN(ApiError):
    """"""


class HOST_HAS_RESIDENT_VMS(ApiError):
    """"""

    params = ("host",)


class NOT_SUPPORTED_DURING_UPGRADE(ApiError):
    """"""


class INTERFACE_HAS_NO_IP(ApiError):
    """"""

    params = ("interface",)


class AUTH_ALREADY_ENABLED(ApiError):
    """"""

    params = (
        "current auth_type",
        "current service_name",
    )


class AUTH_UNKNOWN_TYPE(ApiError):
    """"""

    params = ("type",)


class AUTH_IS_DISABLED(ApiError):
    """"""


class AUTH_INVALID_TRUSTED_CERTS(ApiError):
    """"""

    params = ("message",)


class AUTH_NO_TRUSTED_CERTS(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_PERMISSION_DENIED(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_UNAVAILABLE(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_INVALID_OU(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_INVALID_ACCOUNT(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS(ApiError):
    """"""

    params = ("message",)


class AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS(ApiError):
    """"""

    params = ("message",)


class AUTH_DISABLE_FAILED(ApiError):
    """"""

    params = ("message",)


class AUTH_DISABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """"""

    params = ("message",)


class AUTH_DISABLE_FAILED_PERMISSION_DENIED(ApiError):
    """"""

    params = ("message",)


class HOST_EVACUATE_IN_PROGRESS(ApiError):
    """"""

    params = ("host",)


class HOST_EVACUATE_VM_NOT_HA_PROTECTED(ApiError):
    """"""

    params = ("vm",)


class JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS(ApiError):
    """"""


class JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS(ApiError):
    """"""


class JOINING_HOST_CANNOT_HAVE_RUNNING_VMS(ApiError):
    """"""


class JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS(ApiError):
    """"""


class JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS(ApiError):
    """"""


class JOINING_HOST_CONNECTION_FAILED(ApiError):
    """"""


class JOINING_HOST_SERVICE_FAILED(ApiError):
    """"""


class POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC(ApiError):
    """"""


class POOL_JOINING_EXTERNAL_AUTH_MISMATCH(ApiError):
    """"""


class POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION(ApiError):
    """"""


class POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS(ApiError):
    """"""


class POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH(ApiError):
    """"""

    params = (
        "local",
        "remote",
    )


class POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS(ApiError):
    """"""


class POOL_JOINING_HOST_HAS_BONDS(ApiError):
    """"""


class POOL_JOINING_HOST_HAS_TUNNELS(ApiError):
    """"""


class HOSTS_NOT_COMPATIBLE(ApiError):
    """"""


class HOSTS_NOT_HOMOGENEOUS(ApiError):
    """"""

    params = ("reason",)


class NOT_IN_EMERGENCY_MODE(ApiError):
    """"""


class POOL_AUTH_ALREADY_ENABLED(ApiError):
    """"""

    params = ("host",)


class POOL_AUTH_ENABLE_FAILED(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_UNAVAILABLE(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_INVALID_OU(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_INVALID_ACCOUNT(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_NO_SUPP_ENCRYPT_TYPE(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_ENABLE_FAILED_SETUP_TLS_CONNECTION(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class AUTH_SETUP_TLS_CONNECTION(ApiError):
    """"""

    params = ("message",)


class AUTH_SET_LDAPS_FAILED(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED_WRONG_CREDENTIALS(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED_PERMISSION_DENIED(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_AUTH_DISABLE_FAILED_INVALID_ACCOUNT(ApiError):
    """"""

    params = (
        "host",
        "message",
    )


class POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION(ApiError):
    """"""

    params = (
        "host_api_version",
        "master_api_version",
    )


class POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA(ApiError):
    """"""

    params = (
        "host_db_schema",
        "master_db_schema",
    )


class POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT(ApiError):
    """"""


class POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT(ApiError):
    """"""

    params = (
        "ref_in_pool",
        "ref_on_host",
    )


class POOL_JOINING_SM_FEATURES_INCOMPATIBLE(ApiError):
    """"""

    params = (
        "pool_sm_ref",
        "candidate_sm_ref",
    )


class POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK(ApiError):
    """"""

    params = ("vlan",)


class POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK(ApiError):
    """"""


class POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH(ApiError):
    """"""


class POOL_JOINING_MASTER_CERTIFICATE_NOT_IN_POOL_BUNDLE(ApiError):
    """"""

    params = ("master_uuid",)


class POOL_JOINING_POOL_BUNDLE_EMPTY_AFTER_IMPORT(ApiError):
    """"""

    params = ("bundle_path",)


class SUBJECT_CANNOT_BE_RESOLVED(ApiError):
    """"""


class AUTH_SERVICE_ERROR(ApiError):
    """"""

    params = ("message",)


class SUBJECT_ALREADY_EXISTS(ApiError):
    """"""


class ROLE_NOT_FOUND(ApiError):
    """"""


class ROLE_ALREADY_EXISTS(ApiError):
    """"""


class RBAC_PERMISSION_DENIED(ApiError):
    """"""

    params = (
        "permission",
        "message",
    )


class WLB_NOT_INITIALIZED(ApiError):
    """"""


class WLB_DISABLED(ApiError):
    """"""


class WLB_CONNECTION_REFUSED(ApiError):
    """"""


class WLB_UNKNOWN_HOST(ApiError):
    """"""


class WLB_TIMEOUT(ApiError):
    """"""

    params = ("configured_timeout",)


class WLB_AUTHENTICATION_FAILED(ApiError):
    """"""


class WLB_MALFORMED_REQUEST(ApiError):
    """"""


class WLB_MALFORMED_RESPONSE(ApiError):
    """"""

    params = (
        "method",
        "reason",
        "response",
    )


class WLB_XENSERVER_CONNECTION_REFUSED(ApiError):
    """"""


class WLB_XENSERVER_UNKNOWN_HOST(ApiError):
    """"""


class WLB_XENSERVER_TIMEOUT(ApiError):
    """"""


class WLB_XENSERVER_AUTHENTICATION_FAILED(ApiError):
    """"""


class WLB_XENSERVER_MALFORMED_RESPONSE(ApiError):
    """"""


class WLB_INTERNAL_ERROR(ApiError):
    """"""


class WLB_CONNECTION_RESET(ApiError):
    """"""


class WLB_URL_INVALID(ApiError):
    """"""

    params = ("url",)


class VM_UNSAFE_BOOT(ApiError):
    """"""

    params = ("vm",)


class VM_REQUIRES_SR(ApiError):
    """"""

    params = (
        "vm",
        "sr",
    )


class VM_REQUIRES_NETWORK(ApiError):
    """"""

    params = (
        "vm",
        "network",
    )


class VM_REQUIRES_GPU(ApiError):
    """"""

    params = (
        "vm",
        "GPU_group",
    )


class VM_REQUIRES_VGPU(ApiError):
    """"""

    params = (
        "vm",
        "GPU_group",
        "vGPU_type",
    )


class VM_REQUIRES_IOMMU(ApiError):
    """"""

    params = ("host",)


class VM_HOST_INCOMPATIBLE_VERSION_MIGRATE(ApiError):
    """"""

    params = (
        "host",
        "vm",
    )


class VM_HOST_INCOMPATIBLE_VERSION(ApiError):
    """"""

    params = (
        "host",
        "vm",
    )


class VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION(ApiError):
    """"""

    params = (
        "host",
        "host_versions",
        "vm",
        "vm_version",
    )


class VM_HAS_PCI_ATTACHED(ApiError):
    """"""

    params = ("vm",)


class VM_HAS_VGPU(ApiError):
    """"""

    params = ("vm",)


class VM_HAS_SRIOV_VIF(ApiError):
    """"""

    params = ("vm",)


class HOST_CANNOT_ATTACH_NETWORK(ApiError):
    """"""

    params = (
        "host",
        "network",
    )


class VM_REQUIRES_VDI(ApiError):
    """"""

    params = (
        "vm",
        "vdi",
    )


class VM_HAS_NO_SUSPEND_VDI(ApiError):
    """"""

    params = ("vm",)
    varied = True


class VM_MIGRATE_FAILED(ApiError):
    """"""

    params = (
        "vm",
        "source",
        "destination",
        "msg",
    )


class VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED(ApiError):
    """"""


class VM_HAS_TOO_MANY_SNAPSHOTS(ApiError):
    """"""

    params = ("vm",)


class VM_HAS_CHECKPOINT(ApiError):
    """"""

    params = ("vm",)


class VDI_NEEDS_VM_FOR_MIGRATE(ApiError):
    """"""

    params = ("vdi",)


class MIRROR_FAILED(ApiError):
    """"""

    params = ("vdi",)


class TOO_MANY_STORAGE_MIGRATES(ApiError):
    """"""

    params = ("number",)


class SR_DOES_NOT_SUPPORT_MIGRATION(ApiError):
    """"""

    params = (
        "sr",
        "capabilities",
    )


class VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT(ApiError):
    """"""

    params = ("vm",)


class VM_FAILED_SUSPEND_ACKNOWLEDGMENT(ApiError):
    """"""

    params = ("vm",)


class VM_SHUTDOWN_TIMEOUT(ApiError):
    """"""

    params = (
        "vm",
        "timeout",
    )


class VM_SUSPEND_TIMEOUT(ApiError):
    """"""

    params = (
        "vm",
        "timeout",
    )


class VM_CRASHED(ApiError):
    """"""

    params = ("vm",)


class VM_REBOOTED(ApiError):
    """"""

    params = ("vm",)


class VM_HALTED(ApiError):
    """"""

    params = ("vm",)


class BOOTLOADER_FAILED(ApiError):
    """"""

    params = (
        "vm",
        "msg",
    )


class UNKNOWN_BOOTLOADER(ApiError):
    """"""

    params = (
        "vm",
        "bootloader",
    )


class FAILED_TO_START_EMULATOR(ApiError):
    """"""

    params = (
        "vm",
        "name",
        "msg",
    )


class VMS_FAILED_TO_COOPERATE(ApiError):
    """"""


class BALLOONING_TIMEOUT_BEFORE_MIGRATION(ApiError):
    """"""

    params = ("vm",)


class VM_REQUIRES_VUSB(ApiError):
    """"""

    params = (
        "vm",
        "USB_group",
    )


class SR_NOT_ATTACHED(ApiError):
    """"""

    params = ("sr",)


class SR_ATTACH_FAILED(ApiError):
    """"""

    params = ("sr",)


class SR_BACKEND_FAILURE(ApiError):
    """"""

    params = (
        "status",
        "stdout",
        "stderr",
    )


class SR_UUID_EXISTS(ApiError):
    """"""

    params = ("uuid",)


class SR_HAS_NO_PBDS(ApiError):
    """"""

    params = ("sr",)


class SR_FULL(ApiError):
    """"""

    params = (
        "requested",
        "maximum",
    )


class SR_SOURCE_SPACE_INSUFFICIENT(ApiError):
    """"""

    params = ("sr",)


class SR_SUSPEND_SPACE_INSUFFICIENT(ApiError):
    """"""

    params = ("sr",)


class PBD_EXISTS(ApiError):
    """"""

    params = (
        "sr",
        "host",
        "pbd",
    )


class SR_HAS_PBD(ApiError):
    """"""

    params = ("sr",)


class SR_HAS_MULTIPLE_PBDS(ApiError):
    """"""

    params = ("PBD",)
    varied = True


class SR_REQUIRES_UPGRADE(ApiError):
    """"""

    params = ("SR",)


class SR_UNKNOWN_DRIVER(ApiError):
    """"""

    params = ("driver",)


class SR_VDI_LOCKING_FAILED(ApiError):
    """"""


class VDI_READONLY(ApiError):
    """"""

    params = ("vdi",)


class VDI_HAS_RRDS(ApiError):
    """"""

    params = ("vdi",)


class VDI_TOO_SMALL(ApiError):
    """"""

    params = (
        "vdi",
        "minimum size",
    )


class VDI_TOO_LARGE(ApiError):
    """"""

    params = (
        "vdi",
        "maximum size",
    )


class VDI_NOT_SPARSE(ApiError):
    """"""

    params = ("vdi",)


class VDI_IS_A_PHYSICAL_DEVICE(ApiError):
    """"""

    params = ("vdi",)


class VDI_IS_NOT_ISO(ApiError):
    """"""

    params = (
        "vdi",
        "type",
    )


class HOST_CD_DRIVE_EMPTY(ApiError):
    """"""


class VDI_IN_USE(ApiError):
    """"""

    params = (
        "vdi",
        "operation",
    )
    varied = True


class VDI_NOT_AVAILABLE(ApiError):
    """"""

    params = ("vdi",)


class VDI_LOCATION_MISSING(ApiError):
    """"""

    params = (
        "sr",
        "location",
    )


class VDI_MISSING(ApiError):
    """"""

    params = (
        "sr",
        "vdi",
    )


class VDI_INCOMPATIBLE_TYPE(ApiError):
    """"""

    params = (
        "vdi",
        "type",
    )


class VDI_NOT_MANAGED(ApiError):
    """"""

    params = ("vdi",)


class VDI_NOT_IN_MAP(ApiError):
    """"""

    params = ("vdi",)


class VDI_CBT_ENABLED(ApiError):
    """"""

    params = ("vdi",)


class VDI_NO_CBT_METADATA(ApiError):
    """"""

    params = ("vdi",)


class VDI_IS_ENCRYPTED(ApiError):
    """"""

    params = ("vdi",)


class VDI_COPY_FAILED(ApiError):
    """"""


class VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION(ApiError):
    """"""


class CANNOT_CREATE_STATE_FILE(ApiError):
    """"""


class VIF_NOT_IN_MAP(ApiError):
    """"""

    params = ("vif",)


class SUSPEND_IMAGE_NOT_ACCESSIBLE(ApiError):
    """"""

    params = ("vdi",)


class SR_OPERATION_NOT_SUPPORTED(ApiError):
    """"""

    params = ("sr",)


class SR_NOT_EMPTY(ApiError):
    """"""


class SR_DEVICE_IN_USE(ApiError):
    """"""


class SR_NOT_SHARABLE(ApiError):
    """"""

    params = (
        "sr",
        "host",
    )


class SR_INDESTRUCTIBLE(ApiError):
    """"""

    params = ("sr",)


class SR_IS_CACHE_SR(ApiError):
    """"""

    params = ("host",)


class SR_UNHEALTHY(ApiError):
    """"""

    params = (
        "sr",
        "health",
        "fix",
    )


class CLUSTERED_SR_DEGRADED(ApiError):
    """"""

    params = ("sr",)


class SM_PLUGIN_COMMUNICATION_FAILURE(ApiError):
    """"""

    params = ("sm",)


class DEVICE_ALREADY_ATTACHED(ApiError):
    """"""

    params = ("device",)


class DEVICE_ALREADY_DETACHED(ApiError):
    """"""

    params = ("device",)


class DEVICE_ALREADY_EXISTS(ApiError):
    """"""

    params = ("device",)


class INVALID_DEVICE(ApiError):
    """"""

    params = ("device",)


class DEFAULT_SR_NOT_FOUND(ApiError):
    """"""

    params = ("sr",)


class PROVISION_ONLY_ALLOWED_ON_TEMPLATE(ApiError):
    """"""


class PROVISION_FAILED_OUT_OF_SPACE(ApiError):
    """"""


class IMPORT_INCOMPATIBLE_VERSION(ApiError):
    """"""


class IMPORT_ERROR(ApiError):
    """"""

    params = ("msg",)


class IMPORT_ERROR_PREMATURE_EOF(ApiError):
    """"""


class IMPORT_ERROR_SOME_CHECKSUMS_FAILED(ApiError):
    """"""


class IMPORT_ERROR_CANNOT_HANDLE_CHUNKED(ApiError):
    """"""


class IMPORT_ERROR_FAILED_TO_FIND_OBJECT(ApiError):
    """"""

    params = ("id",)


class IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND(ApiError):
    """"""


class IMPORT_ERROR_UNEXPECTED_FILE(ApiError):
    """"""

    params = (
        "filename_expected",
        "filename_found",
    )


class RESTORE_INCOMPATIBLE_VERSION(ApiError):
    """"""


class RESTORE_TARGET_MISSING_DEVICE(ApiError):
    """"""

    params = ("device",)


class RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP(ApiError):
    """"""


class CANNOT_FIND_STATE_PARTITION(ApiError):
    """"""


class BACKUP_SCRIPT_FAILED(ApiError):
    """"""

    params = ("log",)


class RESTORE_SCRIPT_FAILED(ApiError):
    """"""

    params = ("log",)


class EVENTS_LOST(ApiError):
    """"""


class EVENT_SUBSCRIPTION_PARSE_FAILURE(ApiError):
    """"""

    params = ("subscription",)


class EVENT_FROM_TOKEN_PARSE_FAILURE(ApiError):
    """"""

    params = ("token",)


class SESSION_NOT_REGISTERED(ApiError):
    """"""

    params = ("handle",)


class TASK_CANCELLED(ApiError):
    """"""

    params = ("task",)


class TOO_MANY_PENDING_TASKS(ApiError):
    """"""


class TOO_BUSY(ApiError):
    """"""


class OUT_OF_SPACE(ApiError):
    """"""

    params = ("location",)


class INVALID_PATCH(ApiError):
    """"""


class INVALID_PATCH_WITH_LOG(ApiError):
    """"""

    params = ("log",)


class CANNOT_FIND_PATCH(ApiError):
    """"""


class CANNOT_FETCH_PATCH(ApiError):
    """"""

    params = ("uuid",)


class PATCH_ALREADY_EXISTS(ApiError):
    """"""

    params = ("uuid",)


class UPDATE_ALREADY_EXISTS(ApiError):
    """"""

    params = ("uuid",)


class PATCH_IS_APPLIED(ApiError):
    """"""


class PATCH_ALREADY_APPLIED(ApiError):
    """"""

    params = ("patch",)


class PATCH_APPLY_FAILED(ApiError):
    """"""

    params = ("output",)


class PATCH_APPLY_FAILED_BACKUP_FILES_EXIST(ApiError):
    """"""

    params = ("output",)


class PATCH_PRECHECK_FAILED_UNKNOWN_ERROR(ApiError):
    """"""

    params = (
        "patch",
        "info",
    )


class PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING(ApiError):
    """"""

    params = (
        "patch",
        "prerequisite_patch_uuid_list",
    )


class PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION(ApiError):
    """"""

    params = (
        "patch",
        "found_version",
        "required_version",
    )


class PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD(ApiError):
    """"""

    params = (
        "patch",
        "found_build",
        "required_build",
    )


class PATCH_PRECHECK_FAILED_VM_RUNNING(ApiError):
    """"""

    params = ("patch",)


class PATCH_PRECHECK_FAILED_OUT_OF_SPACE(ApiError):
    """"""

    params = (
        "patch",
        "found_space",
        "required_required",
    )


class PATCH_PRECHECK_FAILED_ISO_MOUNTED(ApiError):
    """"""

    params = ("patch",)


class CANNOT_FIND_OEM_BACKUP_PARTITION(ApiError):
    """"""


class ONLY_ALLOWED_ON_OEM_EDITION(ApiError):
    """"""

    params = ("command",)


class NOT_ALLOWED_ON_OEM_EDITION(ApiError):
    """"""

    params = ("command",)


class INVALID_UPDATE(ApiError):
    """"""

    params = ("info",)


class UPDATE_IS_APPLIED(ApiError):
    """"""


class CANNOT_FIND_UPDATE(ApiError):
    """"""


class UPDATE_POOL_APPLY_FAILED(ApiError):
    """"""

    params = ("hosts",)


class COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE(ApiError):
    """"""


class UPDATE_APPLY_FAILED(ApiError):
    """"""

    params = ("output",)


class UPDATE_ALREADY_APPLIED(ApiError):
    """"""

    params = ("update",)


class UPDATE_ALREADY_APPLIED_IN_POOL(ApiError):
    """"""

    params = ("update",)


class UPDATE_PRECHECK_FAILED_UNKNOWN_ERROR(ApiError):
    """"""

    params = (
        "update",
        "info",
    )


class UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING(ApiError):
    """"""

    params = (
        "update",
        "prerequisite_update",
    )


class UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT(ApiError):
    """"""

    params = (
        "update",
        "conflict_update",
    )


class UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION(ApiError):
    """"""

    params = (
        "update",
        "installed_version",
        "required_version ",
    )


class UPDATE_PRECHECK_FAILED_OUT_OF_SPACE(ApiError):
    """"""

    params = (
        "update",
        "available_space",
        "required_space ",
    )


class UPDATE_PRECHECK_FAILED_GPGKEY_NOT_IMPORTED(ApiError):
    """"""

    params = ("update",)


class HOST_IS_SLAVE(ApiError):
    """"""

    params = ("Master IP address",)


class HA_FAILED_TO_FORM_LIVESET(ApiError):
    """"""


class HA_HEARTBEAT_DAEMON_STARTUP_FAILED(ApiError):
    """"""


class HA_HOST_CANNOT_ACCESS_STATEFILE(ApiError):
    """"""


class HA_HOST_IS_ARMED(ApiError):
    """"""

    params = ("host",)


class HA_IS_ENABLED(ApiError):
    """"""


class HA_NOT_ENABLED(ApiError):
    """"""


class HA_ENABLE_IN_PROGRESS(ApiError):
    """"""


class HA_DISABLE_IN_PROGRESS(ApiError):
    """"""


class HA_NOT_INSTALLED(ApiError):
    """"""

    params = ("host",)


class HA_HOST_CANNOT_SEE_PEERS(ApiError):
    """"""

    params = (
        "host",
        "all",
        "subset",
    )


class HA_TOO_FEW_HOSTS(ApiError):
    """"""


class HA_SHOULD_BE_FENCED(ApiError):
    """"""

    params = ("host",)


class HA_ABORT_NEW_MASTER(ApiError):
    """"""

    params = ("reason",)


class HA_NO_PLAN(ApiError):
    """"""


class HA_LOST_STATEFILE(ApiError):
    """"""


class HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED(ApiError):
    """"""


class HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED(ApiError):
    """"""

    params = ("SR",)


class HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED(ApiError):
    """"""

    params = ("network",)


class HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN(ApiError):
    """"""


class HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE(ApiError):
    """"""


class INCOMPATIBLE_STATEFILE_SR(ApiError):
    """"""

    params = ("SR type",)


class INCOMPATIBLE_CLUSTER_STACK_ACTIVE(ApiError):
    """"""

    params = ("cluster_stack",)


class CANNOT_EVACUATE_HOST(ApiError):
    """"""

    params = ("errors",)


class SYSTEM_STATUS_RETRIEVAL_FAILED(ApiError):
    """"""

    params = ("reason",)


class SYSTEM_STATUS_MUST_USE_TAR_ON_OEM(ApiError):
    """"""


class XAPI_HOOK_FAILED(ApiError):
    """"""

    params = (
        "hook_name",
        "reason",
        "stdout",
        "exit_code",
    )


class XENAPI_MISSING_PLUGIN(ApiError):
    """"""

    params = ("name",)


class XENAPI_PLUGIN_FAILURE(ApiError):
    """"""

    params = (
        "status",
        "stdout",
        "stderr",
    )


class DOMAIN_BUILDER_ERROR(ApiError):
    """"""

    params = (
        "function",
        "code",
        "message",
    )


class CERTIFICATE_DOES_NOT_EXIST(ApiError):
    """"""

    params = ("name",)


class CERTIFICATE_ALREADY_EXISTS(ApiError):
    """"""

    params = ("name",)


class TRUSTED_CERTIFICATE_ALREADY_EXISTS(ApiError):
    """"""

    params = ("fingerprint",)


class CERTIFICATE_NAME_INVALID(ApiError):
    """"""

    params = ("name",)


class CERTIFICATE_CORRUPT(ApiError):
    """"""

    params = ("name",)


class CERTIFICATE_LIBRARY_CORRUPT(ApiError):
    """"""


class CRL_DOES_NOT_EXIST(ApiError):
    """"""

    params = ("name",)


class CRL_ALREADY_EXISTS(ApiError):
    """"""

    params = ("name",)


class CRL_NAME_INVALID(ApiError):
    """"""

    params = ("name",)


class CRL_CORRUPT(ApiError):
    """"""

    params = ("name",)


class SERVER_CERTIFICATE_KEY_INVALID(ApiError):
    """"""


class SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED(ApiError):
    """"""

    params = ("algorithm_oid",)


class SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED(ApiError):
    """"""

    params = ("length",)


class SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED(ApiError):
    """"""


class SERVER_CERTIFICATE_INVALID(ApiError):
    """"""


class SERVER_CERTIFICATE_KEY_MISMATCH(ApiError):
    """"""


class SERVER_CERTIFICATE_NOT_VALID_YET(ApiError):
    """"""

    params = (
        "now",
        "not_before",
    )


class SERVER_CERTIFICATE_EXPIRED(ApiError):
    """"""

    params = (
        "now",
        "not_after",
    )


class SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED(ApiError):
    """"""


class SERVER_CERTIFICATE_CHAIN_INVALID(ApiError):
    """"""


class NOT_TRUSTED_CERTIFICATE(ApiError):
    """"""

    params = ("ref",)


class CERTIFICATE_LACKS_PURPOSE(ApiError):
    """"""


class TRUSTED_CERTIFICATE_EXPIRED(ApiError):
    """"""

    params = (
        "now",
        "not_after",
    )


class TRUSTED_CERTIFICATE_NOT_VALID_YET(ApiError):
    """"""

    params = (
        "now",
        "not_before",
    )


class TRUSTED_CERTIFICATE_INVALID(ApiError):
    """"""


class VMPP_HAS_VM(ApiError):
    """"""


class VMPP_ARCHIVE_MORE_FREQUENT_THAN_BACKUP(ApiError):
    """"""


class VM_ASSIGNED_TO_PROTECTION_POLICY(ApiError):
    """"""

    params = (
        "vm",
        "vmpp",
    )


class VMSS_HAS_VM(ApiError):
    """"""


class VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE(ApiError):
    """"""

    params = (
        "vm",
        "vmss",
    )


class SSL_VERIFY_ERROR(ApiError):
    """"""

    params = ("reason",)


class CANNOT_ENABLE_REDO_LOG(ApiError):
    """"""

    params = ("reason",)


class REDO_LOG_IS_ENABLED(ApiError):
    """"""


class VM_BIOS_STRINGS_ALREADY_SET(ApiError):
    """"""


class INVALID_FEATURE_STRING(ApiError):
    """"""

    params = ("details",)


class CPU_FEATURE_MASKING_NOT_SUPPORTED(ApiError):
    """"""

    params = ("details",)


class FEATURE_REQUIRES_HVM(ApiError):
    """"""

    params = ("details",)


class VDI_CONTAINS_METADATA_OF_THIS_POOL(ApiError):
    """"""

    params = (
        "vdi",
        "pool",
    )


class NO_MORE_REDO_LOGS_ALLOWED(ApiError):
    """"""


class COULD_NOT_IMPORT_DATABASE(ApiError):
    """"""

    params = ("reason",)


class VM_INCOMPATIBLE_WITH_THIS_HOST(ApiError):
    """"""

    params = (
        "vm",
        "host",
        "reason",
    )


class CANNOT_DESTROY_DISASTER_RECOVERY_TASK(ApiError):
    """"""

    params = ("reason",)


class VM_IS_PART_OF_AN_APPLIANCE(ApiError):
    """"""

    params = (
        "vm",
        "appliance",
    )


class VM_TO_IMPORT_IS_NOT_NEWER_VERSION(ApiError):
    """"""

    params = (
        "vm",
        "existing_version",
        "version_to_import",
    )


class VM_CALL_PLUGIN_RATE_LIMIT(ApiError):
    """"""

    params = (
        "VM",
        "interval",
        "wait",
    )


class VM_IS_IMMOBILE(ApiError):
    """"""

    params = ("VM",)


class VM_IS_USING_NESTED_VIRT(ApiError):
    """"""

    params = ("VM",)


class PVS_SITE_CONTAINS_RUNNING_PROXIES(ApiError):
    """"""

    params = ("proxies",)


class PVS_SITE_CONTAINS_SERVERS(ApiError):
    """"""

    params = ("servers",)


class PVS_CACHE_STORAGE_ALREADY_PRESENT(ApiError):
    """"""

    params = (
        "site",
        "host",
    )


class PVS_CACHE_STORAGE_IS_IN_USE(ApiError):
    """"""

    params = ("PVS_cache_storage",)


class PVS_PROXY_ALREADY_PRESENT(ApiError):
    """"""

    params = ("proxies",)


class PVS_SERVER_ADDRESS_IN_USE(ApiError):
    """"""

    params = ("address",)


class PVS_VIF_MUST_BE_FIRST_DEVICE(ApiError):
    """"""


class PVS_PROXY_PRESENT_ON_HIGHER_VIF_DEVICE(ApiError):
    """"""

    params = ("device",)


class USB_GROUP_CONTAINS_VUSB(ApiError):
    """"""

    params = ("vusbs",)
    varied = True


class USB_GROUP_CONTAINS_PUSB(ApiError):
    """"""

    params = ("pusbs",)
    varied = True


class USB_GROUP_CONTAINS_NO_PUSBS(ApiError):
    """"""

    params = ("usb_group",)


class TOO_MANY_VUSBS(ApiError):
    """"""

    params = ("number",)


class USB_GROUP_CONFLICT(ApiError):
    """"""

    params = ("USB_group",)


class USB_ALREADY_ATTACHED(ApiError):
    """"""

    params = (
        "PUSB",
        "VM",
    )


class PUSB_VDI_CONFLICT(ApiError):
    """"""

    params = (
        "PUSB",
        "VDI",
    )


class VM_HAS_VUSBS(ApiError):
    """"""

    params = ("VM",)


class CLUSTER_CREATE_IN_PROGRESS(ApiError):
    """"""


class CLUSTER_ALREADY_EXISTS(ApiError):
    """"""


class CLUSTERING_ENABLED(ApiError):
    """"""

    params = ("cluster_host",)


class CLUSTERING_DISABLED(ApiError):
    """"""

    params = ("cluster_host",)


class CLUSTER_DOES_NOT_HAVE_ONE_NODE(ApiError):
    """"""

    params = ("number_of_nodes",)


class NO_COMPATIBLE_CLUSTER_HOST(ApiError):
    """"""

    params = ("host",)


class CLUSTER_FORCE_DESTROY_FAILED(ApiError):
    """"""

    params = ("cluster",)


class CLUSTER_STACK_IN_USE(ApiError):
    """"""

    params = ("cluster_stack",)


class INVALID_CLUSTER_STACK(ApiError):
    """"""

    params = ("cluster_stack",)


class PIF_NOT_ATTACHED_TO_HOST(ApiError):
    """"""

    params = (
        "pif",
        "host",
    )


class CLUSTER_HOST_NOT_JOINED(ApiError):
    """"""

    params = ("cluster_host",)


class CLUSTER_HOST_IS_LAST(ApiError):
    """"""

    params = ("cluster_host",)


class NO_CLUSTER_HOSTS_REACHABLE(ApiError):
    """"""

    params = ("cluster",)


class XEN_INCOMPATIBLE(ApiError):
    """"""


class CONFIGURE_REPOSITORIES_IN_PROGRESS(ApiError):
    """"""


class INVALID_BASE_URL(ApiError):
    """"""

    params = ("url",)


class BLOCKED_REPO_URL(ApiError):
    """"""

    params = ("url",)


class INVALID_GPGKEY_PATH(ApiError):
    """"""

    params = ("gpgkey_path",)


class REPOSITORY_ALREADY_EXISTS(ApiError):
    """"""

    params = ("ref",)


class BUNDLE_REPOSITORY_ALREADY_EXISTS(ApiError):
    """"""

    params = ("ref",)


class BUNDLE_UNPACK_FAILED(ApiError):
    """"""

    params = ("error",)


class BUNDLE_REPO_NOT_ENABLED(ApiError):
    """"""


class CAN_NOT_SYNC_UPDATES(ApiError):
    """"""


class CAN_NOT_PERIODIC_SYNC_UPDATES(ApiError):
    """"""


class REPO_SHOULD_BE_SINGLE_ONE_ENABLED(ApiError):
    """"""


class UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_CONNECTION_FAILED(ApiError):
    """"""


class UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_SERVICE_FAILED(ApiError):
    """"""


class REPOSITORY_IS_IN_USE(ApiError):
    """"""


class REPOSITORY_CLEANUP_FAILED(ApiError):
    """"""


class NO_REPOSITORY_ENABLED(ApiError):
    """"""


class MULTIPLE_UPDATE_REPOSITORIES_ENABLED(ApiError):
    """"""


class SYNC_UPDATES_IN_PROGRESS(ApiError):
    """"""


class SYNC_BUNDLE_IN_PROGRESS(ApiError):
    """"""


class REPOSYNC_FAILED(ApiError):
    """"""


class BUNDLE_SYNC_FAILED(ApiError):
    """"""


class INVALID_REPOMD_XML(ApiError):
    """"""


class INVALID_UPDATEINFO_XML(ApiError):
    """"""


class GET_HOST_UPDATES_FAILED(ApiError):
    """"""

    params = ("ref",)


class GET_UPDATES_FAILED(ApiError):
    """"""


class APPLY_UPDATES_IN_PROGRESS(ApiError):
    """"""


class APPLY_UPDATES_FAILED(ApiError):
    """"""

    params = ("ref",)


class APPLY_GUIDANCE_FAILED(ApiError):
    """"""

    params = ("ref",)


class UPDATEINFO_HASH_MISMATCH(ApiError):
    """"""


class CANNOT_RESTART_DEVICE_MODEL(ApiError):
    """"""

    params = ("ref",)


class INVALID_REPOSITORY_PROXY_URL(ApiError):
    """"""

    params = ("url",)


class INVALID_REPOSITORY_PROXY_CREDENTIAL(ApiError):
    """"""


class INVALID_REPOSITORY_DOMAIN_ALLOWLIST(ApiError):
    """"""

    params = ("domains",)


class APPLY_LIVEPATCH_FAILED(ApiError):
    """"""

    params = ("livepatch",)


class VTPM_MAX_AMOUNT_REACHED(ApiError):
    """"""

    params = ("amount",)


class TELEMETRY_NEXT_COLLECTION_TOO_LATE(ApiError):
    """"""

    params = ("timestamp",)


class INVALID_UPDATE_SYNC_DAY(ApiError):
    """"""

    params = ("day",)


class NO_REPOSITORIES_CONFIGURED(ApiError):
    """"""


class HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY(ApiError):
    """"""

    params = ("host",)


class HOST_EVACUATION_IS_REQUIRED(ApiError):
    """"""

    params = ("host",)


class TOO_MANY_GROUPS(ApiError):
    """"""


class ENABLE_SSH_FAILED(ApiError):
    """"""

    params = ("host",)


class DISABLE_SSH_FAILED(ApiError):
    """"""

    params = ("host",)


class ENABLE_SSH_PARTIALLY_FAILED(ApiError):
    """"""

    params = ("hosts",)


class DISABLE_SSH_PARTIALLY_FAILED(ApiError):
    """"""

    params = ("hosts",)


class SET_SSH_TIMEOUT_PARTIALLY_FAILED(ApiError):
    """"""

    params = ("hosts",)


class SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED(ApiError):
    """"""

    params = ("hosts",)


class SET_SSH_AUTO_MODE_PARTIALLY_FAILED(ApiError):
    """"""

    params = ("hosts",)


class HOST_DRIVER_NO_HARDWARE(ApiError):
    """"""

    params = ("driver variant",)


class TLS_VERIFICATION_NOT_ENABLED_IN_POOL(ApiError):
    """"""


class SYSPREP(ApiError):
    """"""

    params = (
        "vm",
        "message",
    )


class INVALID_NTP_CONFIG(ApiError):
    """"""

    params = ("reason",)


class NOT_ALLOWED_WHEN_NTP_IS_ENABLED(ApiError):
    """"""

    params = ("host",)


class VM_IS_SNAPSHOT(ApiError):
    """"""

    params = (
        "vm",
        "operation",
    )


class REVERT_ONLY_ALLOWED_ON_SNAPSHOT(ApiError):
    """"""


class COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS(ApiError):
    """"""

    params = (
        "device",
        "mac",
    )


class CA_CERTIFICATE_INVALID(ApiError):
    """"""


class HOSTS_FAILED_TO_ENABLE_CACHING(ApiError):
    """"""

    params = ("hosts",)
    varied = True


class VDI_IS_SHARABLE(ApiError):
    """"""

    params = ("vdi",)
