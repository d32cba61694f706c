"""The declared API: one module per class; everything else is derived from them.

Importing this package declares all classes, in the order of the contract.
"""

from xapid.datamodel.auth import Auth as Auth
from xapid.datamodel.blob import Blob as Blob
from xapid.datamodel.bond import Bond as Bond
from xapid.datamodel.caller import Caller as Caller
from xapid.datamodel.certificate import Certificate as Certificate
from xapid.datamodel.cluster import Cluster as Cluster
from xapid.datamodel.cluster_host import Cluster_host as Cluster_host
from xapid.datamodel.console import Console as Console
from xapid.datamodel.crashdump import Crashdump as Crashdump
from xapid.datamodel.data_source import DataSource as DataSource
from xapid.datamodel.dr_task import DR_task as DR_task
from xapid.datamodel.driver_variant import Driver_variant as Driver_variant
from xapid.datamodel.event import Event as Event
from xapid.datamodel.feature import Feature as Feature
from xapid.datamodel.gpu_group import GPU_group as GPU_group
from xapid.datamodel.host import Host as Host
from xapid.datamodel.host_cpu import HostCpu as HostCpu
from xapid.datamodel.host_crashdump import HostCrashdump as HostCrashdump
from xapid.datamodel.host_driver import Host_driver as Host_driver
from xapid.datamodel.host_metrics import HostMetrics as HostMetrics
from xapid.datamodel.host_patch import HostPatch as HostPatch
from xapid.datamodel.lvhd import LVHD as LVHD
from xapid.datamodel.message import Message as Message
from xapid.datamodel.network import Network as Network
from xapid.datamodel.network_sriov import NetworkSriov as NetworkSriov
from xapid.datamodel.observer import Observer as Observer
from xapid.datamodel.pbd import PBD as PBD
from xapid.datamodel.pci import PCI as PCI
from xapid.datamodel.pgpu import PGPU as PGPU
from xapid.datamodel.pif import PIF as PIF
from xapid.datamodel.pif_metrics import PIF_metrics as PIF_metrics
from xapid.datamodel.pool import Pool as Pool
from xapid.datamodel.pool_patch import PoolPatch as PoolPatch
from xapid.datamodel.pool_update import PoolUpdate as PoolUpdate
from xapid.datamodel.probe_result import ProbeResult as ProbeResult
from xapid.datamodel.pusb import PUSB as PUSB
from xapid.datamodel.pvs_cache_storage import PVS_cache_storage as PVS_cache_storage
from xapid.datamodel.pvs_proxy import PVS_proxy as PVS_proxy
from xapid.datamodel.pvs_server import PVS_server as PVS_server
from xapid.datamodel.pvs_site import PVS_site as PVS_site
from xapid.datamodel.rate_limit import Rate_limit as Rate_limit
from xapid.datamodel.repository import Repository as Repository
from xapid.datamodel.role import Role as Role
from xapid.datamodel.sdn_controller import SDN_controller as SDN_controller
from xapid.datamodel.secret import Secret as Secret
from xapid.datamodel.session import Session as Session
from xapid.datamodel.sm import SM as SM
from xapid.datamodel.sr import SR as SR
from xapid.datamodel.sr_stat import SrStat as SrStat
from xapid.datamodel.subject import Subject as Subject
from xapid.datamodel.task import Task as Task
from xapid.datamodel.tunnel import Tunnel as Tunnel
from xapid.datamodel.types import CLASSES
from xapid.datamodel.usb_group import USB_group as USB_group
from xapid.datamodel.user import User as User
from xapid.datamodel.vbd import VBD as VBD
from xapid.datamodel.vbd_metrics import VBD_metrics as VBD_metrics
from xapid.datamodel.vdi import VDI as VDI
from xapid.datamodel.vdi_nbd_server_info import VdiNbdServerInfo as VdiNbdServerInfo
from xapid.datamodel.vgpu import VGPU as VGPU
from xapid.datamodel.vgpu_type import VGPU_type as VGPU_type
from xapid.datamodel.vif import VIF as VIF
from xapid.datamodel.vif_metrics import VIF_metrics as VIF_metrics
from xapid.datamodel.vlan import VLAN as VLAN
from xapid.datamodel.vm import VM as VM
from xapid.datamodel.vm_appliance import VM_appliance as VM_appliance
from xapid.datamodel.vm_group import VM_group as VM_group
from xapid.datamodel.vm_guest_metrics import VM_guest_metrics as VM_guest_metrics
from xapid.datamodel.vm_metrics import VM_metrics as VM_metrics
from xapid.datamodel.vmpp import VMPP as VMPP
from xapid.datamodel.vmss import VMSS as VMSS
from xapid.datamodel.vtpm import VTPM as VTPM
from xapid.datamodel.vusb import VUSB as VUSB

ORDER = (
    "session",
    "auth",
    "subject",
    "role",
    "task",
    "event",
    "pool",
    "pool_patch",
    "pool_update",
    "VM",
    "VM_metrics",
    "VM_guest_metrics",
    "VMPP",
    "VMSS",
    "VM_appliance",
    "DR_task",
    "host",
    "host_crashdump",
    "host_patch",
    "host_metrics",
    "host_cpu",
    "network",
    "VIF",
    "VIF_metrics",
    "PIF",
    "PIF_metrics",
    "Bond",
    "VLAN",
    "SM",
    "SR",
    "sr_stat",
    "probe_result",
    "LVHD",
    "VDI",
    "VBD",
    "VBD_metrics",
    "PBD",
    "crashdump",
    "VTPM",
    "console",
    "user",
    "data_source",
    "blob",
    "message",
    "secret",
    "tunnel",
    "network_sriov",
    "PCI",
    "PGPU",
    "GPU_group",
    "VGPU",
    "VGPU_type",
    "PVS_site",
    "PVS_server",
    "PVS_proxy",
    "PVS_cache_storage",
    "Feature",
    "SDN_controller",
    "vdi_nbd_server_info",
    "PUSB",
    "USB_group",
    "VUSB",
    "Cluster",
    "Cluster_host",
    "Certificate",
    "Repository",
    "Observer",
    "VM_group",
    "Host_driver",
    "Driver_variant",
    "Caller",
    "Rate_limit",
)
"""The order of the contract, in which answers list classes."""

# Modules import each other for their enumerations, so the order of declaration is not that of the lines above.
for _name in ORDER:
    CLASSES[_name] = CLASSES.pop(_name)
