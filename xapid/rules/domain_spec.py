"""From rows to the values that a domain driver needs to start a machine, with the checks that come before a start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from xapid.backends.domain.interface import DiskSpec, DomainKind, DomainSpec, EfiVariable, NicSpec, Tpm, UsbSpec
from xapid.backends.storage.interface import Disk
from xapid.datamodel import PUSB, VBD, VIF, VM, VUSB, Network
from xapid.datamodel.errors import (
    INVALID_VALUE,
    NOT_IMPLEMENTED,
    VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE,
)
from xapid.datamodel.map_keys import (
    BOOT_ORDER,
    CORES_PER_SOCKET,
    DEVICE_MODEL,
    DISABLE_PV_VNC,
    FIRMWARE,
    TIME_OFFSET,
    VBD_BACKEND_KIND,
    VIF_MTU,
)
from xapid.datamodel.vbd import VbdMode, VbdType
from xapid.datamodel.vm import DomainType, OnCrashBehaviour, OnNormalExit
from xapid.rules import devices, hardware, nvram
from xapid.rules.guest_ports import link_name
from xapid.store.store import Store

GUEST_KERNELS = PurePosixPath("/var/lib/xcp/guest")
"""Where administrators put kernels for direct boot."""

UEFI = "uefi"
DEVICE_MODELS = {"bios": "qemu-upstream-compat", UEFI: "qemu-upstream-uefi"}
"""By firmware: what ``platform:device-model`` says of a machine that was started."""

KINDS = {
    DomainType.hvm: DomainKind.hvm,
    DomainType.pv: DomainKind.pv,
    DomainType.pvh: DomainKind.pvh,
    DomainType.pv_in_pvh: DomainKind.pvh,
}

UNSET_GENERATION = "0:0"
"""A generation_id that asks for a real one at the next start."""

BOOT_DEVICES = "cdn"
VM_DATA = "vm-data/"
"""The part of VM.xenstore_data that a guest gets to see."""

GENERIC_BIOS_STRINGS = {
    "bios-vendor": "Xen",
    "bios-version": "",
    "system-manufacturer": "Xen",
    "system-product-name": "HVM domU",
    "system-version": "",
    "system-serial-number": "",
    "baseboard-manufacturer": "",
    "baseboard-product-name": "",
    "baseboard-version": "",
    "baseboard-serial-number": "",
    "baseboard-asset-tag": "",
    "baseboard-location-in-chassis": "",
    "enclosure-asset-tag": "",
    "hp-rombios": "",
    "oem-1": "Xen",
    "oem-2": "",
}
"""What a machine that was told nothing else says of its hardware."""


def is_hvm(vm: VM) -> bool:
    return vm.domain_type is DomainType.hvm


def has_uefi(vm: VM) -> bool:
    """Whether UEFI boots the machine; one whose firmware is none that there is does not boot at all."""
    return is_hvm(vm) and vm.HVM_boot_params.get(FIRMWARE.name) == UEFI


@dataclass(frozen=True)
class BootSettings:
    """What a start makes of the settings of a machine, once they are known to make sense."""

    platform: dict[str, str]
    firmware: str
    boot_order: str
    cores_per_socket: int
    kernel: str = ""
    ramdisk: str = ""
    kernel_args: str = ""
    bootloader: str = ""
    bootloader_args: str = ""
    legacy_args: str = ""
    secure_boot: bool = False
    efi_variables: tuple[EfiVariable, ...] = ()
    bios_strings: dict[str, str] = field(default_factory=dict)
    generation_id: str = ""

    def changes(self, vm: VM) -> dict[str, Any]:
        """Fields that a start fills in, of the machine as it is once it has started."""
        filled_in = {key: self.platform[key] for key in (DEVICE_MODEL.name,) if key in self.platform}
        return {
            "platform": {**vm.platform, **filled_in},
            "bios_strings": vm.bios_strings or self.bios_strings,
            "generation_id": _generation(vm, self.generation_id),
        }


def boot_settings(
    vm: VM,
    kernel_folders: Iterable[PurePosixPath] = (),
    certificates: Mapping[str, bytes] = MappingProxyType({}),
    fresh_generation: str = "",
) -> BootSettings:
    """How the machine boots. Raises INVALID_VALUE and its like for settings that cannot be.

    ``certificates``: files of the pool for secure boot; ``fresh_generation``: of a machine that asks for one.
    """
    nvram.starts_afresh(vm)
    bios_strings = vm.bios_strings or GENERIC_BIOS_STRINGS
    cores = _cores_per_socket(vm)
    generation = _generation(vm, fresh_generation)
    if is_hvm(vm):
        firmware = _firmware(vm)
        uefi = firmware == UEFI
        order = "".join(each for each in BOOT_ORDER.of(vm).lower() if each in BOOT_DEVICES)
        return BootSettings(
            {**vm.platform, DEVICE_MODEL.name: _device_model(vm, firmware)},
            firmware,
            order,
            cores,
            secure_boot=uefi and nvram.secure_boot(vm, certificates),
            efi_variables=nvram.at_start(vm, certificates) if uefi else (),
            bios_strings=bios_strings,
            generation_id=generation,
        )
    settings = BootSettings(
        vm.platform,
        "bios",
        "c",
        cores,
        bootloader=vm.PV_bootloader,
        bootloader_args=vm.PV_bootloader_args,
        legacy_args=vm.PV_legacy_args,
        kernel_args=vm.PV_args,
        bios_strings=bios_strings,
        generation_id=generation,
    )
    if vm.PV_bootloader:
        return settings
    folders = (GUEST_KERNELS, *kernel_folders)
    kernel = _kernel("kernel", vm.PV_kernel, folders)
    ramdisk = _kernel("ramdisk", vm.PV_ramdisk, folders) if vm.PV_ramdisk else ""
    return replace(settings, kernel=kernel, ramdisk=ramdisk)


def _generation(vm: VM, fresh: str) -> str:
    return fresh if vm.generation_id == UNSET_GENERATION else vm.generation_id


def _firmware(vm: VM) -> str:
    return FIRMWARE.of(vm)


def _device_model(vm: VM, firmware: str) -> str:
    asked = DEVICE_MODEL.of(vm)
    if firmware == "bios" and asked == DEVICE_MODELS[UEFI]:
        raise INVALID_VALUE("platform:device-model", f"{asked} does not boot from a BIOS")
    return DEVICE_MODELS[firmware]


def _cores_per_socket(vm: VM) -> int:
    cores = CORES_PER_SOCKET.of(vm)
    if vm.VCPUs_max % cores:
        raise VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE(vm.VCPUs_max, vm.platform[CORES_PER_SOCKET.name])
    return cores


def _kernel(what: str, path: str, folders: Iterable[PurePosixPath]) -> str:
    """A kernel comes from a folder that only administrators fill."""
    pure = PurePosixPath(path)
    if ".." in pure.parts or not any(pure.is_relative_to(folder) and pure != folder for folder in folders):
        raise INVALID_VALUE(what, path, "Kernels are booted from the folder for guests' kernels only")
    return path


def drives_at_start(vm: VM, drives: Iterable[VBD]) -> list[VBD]:
    """Those of its drives that a machine is started with: all, but paravirtual machines have no empty drives."""
    hvm = is_hvm(vm)
    return [vbd for vbd in drives if hvm or not vbd.empty]


def disk_spec(vbd: VBD, disk: Disk | None, *, hvm: bool) -> DiskSpec:
    """One drive; ``disk`` is its open volume, None for an empty drive."""
    kinds = {VbdType.Disk: "disk", VbdType.CD: "cdrom", VbdType.Floppy: "floppy"}
    # A paravirtual guest has no CD drive: it sees a disk that it cannot write.
    kind = kinds[vbd.type] if hvm else "disk"
    return DiskSpec(
        vbd=vbd.uuid,
        position=devices.position(vbd.userdevice),
        device=kind,
        disk=disk,
        read_only=vbd.mode is VbdMode.RO,
        bootable=vbd.bootable,
        priority=hardware.io_priority(vbd),
        backend=VBD_BACKEND_KIND.of(vbd),
    )


def mtu_of(vif: VIF, network: Network) -> int:
    """VIF.MTU is a wish that nobody reads; the network's holds, unless the VIF's other_config says otherwise."""
    return VIF_MTU.of(vif) or network.MTU


def nic_spec(store: Store, vif: VIF, network: Network | None = None) -> NicSpec:
    """An interface in its network, or as it would be in another one."""
    network = network or store.get(Network, vif.network)
    return NicSpec(vif.uuid, int(vif.device), vif.MAC, network.bridge, mtu_of(vif, network), link_name(vif.uuid))


def usb_spec(vusb: VUSB, device: PUSB) -> UsbSpec:
    return UsbSpec(vusb.uuid, device.path, device.vendor_id, device.product_id)


def domain_spec(
    vm: VM,
    boot: BootSettings,
    memory: int,
    drives: Iterable[DiskSpec],
    nics: Iterable[NicSpec],
    tpm: Tpm | None = None,
) -> DomainSpec:
    """The machine as a driver starts it, with so many bytes of memory at first.

    Raises NOT_IMPLEMENTED for a TPM that its firmware knows nothing of.
    """
    if tpm is not None and boot.firmware != UEFI:
        raise NOT_IMPLEMENTED("a TPM of a machine without UEFI")
    return DomainSpec(
        uuid=vm.uuid,
        name=vm.name_label,
        kind=KINDS[vm.domain_type],
        memory_static_max=vm.memory_static_max,
        memory_target=memory,
        vcpus_max=vm.VCPUs_max,
        vcpus=vm.VCPUs_at_startup,
        boot_order=boot.boot_order,
        firmware=boot.firmware,
        secure_boot=boot.secure_boot,
        efi_variables=boot.efi_variables,
        tpm=tpm,
        kernel=boot.kernel,
        ramdisk=boot.ramdisk,
        kernel_args=boot.kernel_args,
        bootloader=boot.bootloader,
        bootloader_args=boot.bootloader_args,
        legacy_args=boot.legacy_args,
        disks=tuple(sorted(drives, key=lambda drive: drive.position)),
        nics=tuple(sorted(nics, key=lambda nic: nic.position)),
        platform=boot.platform,
        xenstore_data={key: value for key, value in vm.xenstore_data.items() if key.startswith(VM_DATA)},
        bios_strings=boot.bios_strings,
        cores_per_socket=boot.cores_per_socket,
        scheduling=hardware.scheduling(vm),
        screen=hardware.screen(vm),
        line_as_screen=not DISABLE_PV_VNC.of(vm),
        hardware=hardware.hardware(vm),
        clock_offset=TIME_OFFSET.of(vm),
        generation_id=hardware.generation_uuid(boot.generation_id),
        on_reboot="restart" if vm.actions_after_reboot is OnNormalExit.restart else "destroy",
        # Restarting a crashed machine is our business: its rows have to follow.
        on_crash="preserve" if vm.actions_after_crash is OnCrashBehaviour.preserve else "destroy",
    )
