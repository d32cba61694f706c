"""The templates that come with the product: one for each well-known guest, and the demo guest."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from xapid.datamodel import VIF, VM, Network, VM_metrics
from xapid.datamodel.vm import DomainType, OnCrashBehaviour, OnNormalExit, VmPowerState
from xapid.rules.addresses import seeded_mac
from xapid.rules.memory import vm_overhead
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

if TYPE_CHECKING:
    from xapid.demo.build import DemoGuest

MIB = 1024 * 1024
GIB = 1024 * MIB

DEMO_NAME = "xapid demo guest"
DEMO_UUID = "7d6a1f1c-5c0e-4f0b-9d6e-2b1f0c9a4e51"
DEMO_DISK = 64 * MIB
DEMO_MEMORY_LEAST = 128 * MIB
DEMO_MEMORY = 256 * MIB


@cache
def default_templates() -> tuple[dict[str, Any], ...]:
    """The fields of each template. The data says for each how it differs from its family."""
    data = json.loads(resources.files(__package__).joinpath("templates.json").read_text())
    return tuple(_template(each, data["families"][each["family"]]) for each in data["templates"])


def _template(entry: dict[str, Any], family: dict[str, Any]) -> dict[str, Any]:
    but = entry.get("but", {})
    facts = {key: _but(value, but[key]) if key in but else value for key, value in family.items()}
    other_config = dict(facts["other_config"])
    if entry["disk_gib"]:
        other_config["disks"] = disks_xml(entry["disk_gib"] * GIB, "", facts["bootable_disk"])
    hvm = bool(facts["boot"])
    return {
        "uuid": entry["uuid"],
        "name_label": entry["name_label"],
        "name_description": _description(other_config["install-methods"]),
        "reference_label": entry["reference_label"],
        "VCPUs_max": facts["vcpus"],
        "VCPUs_at_startup": facts["vcpus"],
        "HVM_boot_policy": "BIOS order" if hvm else "",
        "HVM_boot_params": facts["boot"],
        "domain_type": DomainType.hvm if hvm else DomainType.pv,
        "PV_bootloader": facts["bootloader"],
        "PV_args": facts["kernel_args"],
        "generation_id": facts["generation_id"],
        "platform": facts["platform"],
        "other_config": other_config,
        "recommendations": _recommendations_xml(facts["recommendations"]),
        **memory(entry["memory_mib"] * MIB, 2 * entry["memory_mib"] * MIB),
    }


def _but(value: Any, other: Any) -> Any:
    """A fact of the family, changed for one member: of a map single keys, which null takes away."""
    if not isinstance(value, dict):
        return other
    return {key: each for key, each in {**value, **other}.items() if each is not None}


def _description(install_methods: str) -> str:
    network = " or from the network" if "http" in install_methods.split(",") else ""
    return f"For a guest that is installed from a CD{network}."


def _recommendations_xml(recommendations: dict[str, str]) -> str:
    root = ET.Element("restrictions")
    for name, bound in recommendations.items():
        kind = "property" if name.startswith("number-of-") else "field"
        which, _, value = bound.partition("=")
        ET.SubElement(root, "restriction", {kind: name, which: value})
    return ET.tostring(root, encoding="unicode")


def disks_xml(size: int, sr: str, bootable: bool) -> str:
    """What ``VM.provision`` makes disks from. An empty ``sr`` is the default repository of the pool."""
    root = ET.Element("provision")
    ET.SubElement(root, "disk", device="0", size=str(size), sr=sr, bootable=str(bootable).lower(), type="system")
    return ET.tostring(root, encoding="unicode")


def memory(least: int, most: int) -> dict[str, int]:
    return {
        "memory_static_min": least,
        "memory_dynamic_min": most,
        "memory_dynamic_max": most,
        "memory_static_max": most,
    }


def write_templates(tx: Transaction) -> None:
    for values in default_templates():
        _create(tx, values)


def _create(tx: Transaction, values: dict[str, Any]) -> VM:
    metrics = tx.create(VM_metrics, VCPUs_number=values["VCPUs_max"])
    template = tx.create(
        VM,
        metrics=metrics.ref,
        **{
            "power_state": VmPowerState.Halted,
            "user_version": 1,
            "is_a_template": True,
            "is_default_template": True,
            "domid": -1,
            "actions_after_shutdown": OnNormalExit.destroy,
            "actions_after_reboot": OnNormalExit.restart,
            "actions_after_crash": OnCrashBehaviour.restart,
            "has_vendor_device": False,
            **values,
            "other_config": {**values["other_config"], "mac_seed": new_uuid()},
        },
    )
    return tx.set(template, memory_overhead=vm_overhead(template))


# --- The demo guest ----------------------------------------------------------------------------------


def write_demo(store: Store, tx: Transaction, demo: DemoGuest, network: Network, sr: str, hvm: bool) -> None:
    """The template of a small Linux that boots without an installation, with a disk and an interface.

    It is found again by its uuid; then only the files it boots are looked at anew. ``sr`` is the uuid of the repository
    for its disk, or empty.
    """
    boot = {"PV_kernel": str(demo.kernel), "PV_ramdisk": str(demo.initrd), "PV_args": demo.kernel_args}
    present = store.find_uuid(VM, DEMO_UUID)
    if present is not None:
        tx.set(present, **boot)
        return
    template = _create(
        tx,
        {
            "uuid": DEMO_UUID,
            "name_label": DEMO_NAME,
            "name_description": "A small Linux that boots at once, to try things with.",
            "VCPUs_max": 1,
            "VCPUs_at_startup": 1,
            # QEMU boots the kernel itself; Xen does too, by way of PVH where the processor can.
            "domain_type": DomainType.pvh if hvm else DomainType.pv,
            "platform": {"acpi": "1", "apic": "true", "nx": "true", "pae": "true"},
            "other_config": {"disks": disks_xml(DEMO_DISK, sr, bootable=False)},
            **memory(DEMO_MEMORY_LEAST, DEMO_MEMORY),
            **boot,
        },
    )
    tx.create(
        VIF,
        device="0",
        network=network.ref,
        VM=template.ref,
        MAC=seeded_mac(template.other_config["mac_seed"], 0),
        MTU=network.MTU,
        MAC_autogenerated=True,
    )
