"""What clients are known to write under the declared keys of maps: none of it is refused.

From the sources of clients and their manuals, and from the recorded conversations. A key that is declared anew needs
its line here, or a word on why no client writes it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xapid.datamodel.errors import INVALID_VALUE
from xapid.datamodel.map_keys import KEYS, MapKey, all_keys

VECTORS = Path(__file__).parent.parent / "vectors"

PLATFORM = ("true", "false", "1", "0", "True", "")
YES = ("true", "false", "")

WRITTEN: dict[str, tuple[str, ...]] = {
    # Pools
    "pool.other_config:rolling_upgrade_in_progress": ("true", "false", ""),
    "pool.other_config:allow_clone_suspended_vm": YES,
    "pool.other_config:allow_guest_agent_run_script": YES,
    "pool.other_config:auto_poweron": YES,
    "pool.other_config:wlb_timeout": ("30.0", "30", "0.01", "120", ""),
    # Hosts: consoles of the host, XenCenter, CloudStack
    "host.other_config:auto_enable": ("true", "false", ""),
    "host.other_config:auto-scan-interval": ("30", "600", "30.5"),
    "host.other_config:no_local_storage": YES,
    "host.other_config:iscsi_iqn": ("iqn.2009-01.example.test:4e8f", ""),
    "host.other_config:multipathing": YES,
    # Where the guide has it: scripts that follow that.
    "host.logging:multipathing": YES,
    "host.logging:syslog_destination": ("logs.example", "192.0.2.7", "2001:db8::7", "logs.example:1514", ""),
    # Machines: templates of the product, Xen Orchestra, Ansible, Terraform, Packer
    "VM.other_config:default_template": YES,
    "VM.other_config:xensource_internal": YES,
    "VM.other_config:base_template_name": ("Debian Bookworm 12", ""),
    "VM.other_config:is_system_domain": YES,
    "VM.other_config:disable_pv_vnc": ("1", ""),
    "VM.other_config:auto_poweron": YES,
    "VM.other_config:auto_poweroff": YES,
    "VM.other_config:last_shutdown_time": ("20260131T12:00:00Z", ""),
    "VM.other_config:mac_seed": ("5c1f4a3e-0000-4000-8000-000000000001", "any words", ""),
    "VM.other_config:pci": ("0/0000:03:00.0", "0/0000:03:00.0,1/0000:04:00.1", "garbage", ""),
    "VM.other_config:disks": ("<provision/>", "garbage", ""),
    "VM.other_config:postinstall": ("/opt/xensource/packages/post-install-scripts/debian-etch", ""),
    "VM.platform:nomigrate": PLATFORM,
    "VM.platform:nested-virt": PLATFORM,
    "VM.platform:vcpu-unrestricted": PLATFORM,
    "VM.platform:device-model": ("qemu-upstream-compat", "qemu-upstream-uefi", "qemu-upstream", "qemu-trad", ""),
    "VM.platform:cores-per-socket": ("1", "2", "64", ""),
    "VM.platform:vga": ("std", "cirrus", ""),
    "VM.platform:videoram": ("4", "8", "16", ""),
    "host.other_config:rrd_update_interval": ("never", "1", "2", ""),
    "VM.platform:acpi": PLATFORM,
    "VM.platform:apic": PLATFORM,
    "VM.platform:hpet": PLATFORM,
    "VM.platform:nx": PLATFORM,
    "VM.platform:pae": PLATFORM,
    "VM.platform:usb": PLATFORM,
    "VM.platform:usb_tablet": PLATFORM,
    "VM.platform:viridian": PLATFORM,
    "VM.platform:viridian_apic_assist": PLATFORM,
    "VM.platform:viridian_crash_ctl": PLATFORM,
    "VM.platform:viridian_hcall_ipi": PLATFORM,
    "VM.platform:viridian_hcall_remote_tlb_flush": PLATFORM,
    "VM.platform:viridian_reference_tsc": PLATFORM,
    "VM.platform:viridian_stimer": PLATFORM,
    "VM.platform:viridian_time_ref_count": PLATFORM,
    "VM.platform:secureboot": ("true", "false", "auto", ""),
    "VM.platform:hvm_serial": ("pty", "none", "tcp:192.0.2.7:7000", ""),
    "VM.platform:parallel": ("none", "/dev/parport0", ""),
    "VM.platform:keymap": ("de", "en-us", "fr-ch", ""),
    "VM.platform:timeoffset": ("0", "3600", "-7199", "x", ""),
    "VM.platform:tsc_mode": ("0", "2", ""),
    "VM.VCPUs_params:weight": ("1", "256", "65536", ""),
    "VM.VCPUs_params:cap": ("0", "50", "400", ""),
    "VM.VCPUs_params:mask": ("1,2", "1,2;3,4", ""),
    "VM.HVM_boot_params:order": ("cd", "dc", "cdn", "ncd", "CDN", "n", ""),
    "VM.HVM_boot_params:firmware": ("bios", "uefi", ""),
    "VM.NVRAM:EFI-variables-on-boot": ("persist", "reset"),
    "VM.NVRAM:EFI-variables": ("VkFSUwEAAAA=", ""),
    # Drives, interfaces, networks: CloudStack, OpenStack, the guide
    "VBD.other_config:owner": ("true", "false", ""),
    "VBD.other_config:is_owner": ("true", "false", ""),
    "VBD.other_config:backend-kind": ("vbd", "vbd3", "qdisk", ""),
    "VBD.other_config:class": ("0", "7", "4", ""),
    "VBD.qos_algorithm_params:class": ("highest", "normal", "lowest", "3", ""),
    "VBD.qos_algorithm_params:sched": ("rt", "real-time", "idle", "best-effort", ""),
    "VIF.qos_algorithm_params:kbps": ("100", "1000", ""),
    "VIF.other_config:mtu": ("9000", "1500", ""),
    "PIF.other_config:mtu": ("9000", "1500", ""),
    "PIF.other_config:defaultroute": YES,
    "PIF.other_config:peerdns": YES,
    "PIF.other_config:domain": ("example.com", "example.com,example.net", ""),
    "network.other_config:static-routes": ("192.0.2.0/24/198.51.100.1,203.0.113.0/24/198.51.100.2", ""),
    **{
        f"PIF.other_config:ethtool-{name}": ("on", "off", "true", "false", "1", "")
        for name in ("rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro", "autoneg")
    },
    **{
        f"network.other_config:ethtool-{name}": ("on", "off", "true", "false", "1", "")
        for name in ("rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro")
    },
    "PIF.other_config:ethtool-speed": ("10", "1000", "fast", ""),
    "PIF.other_config:ethtool-duplex": ("half", "full", "both", ""),
    "PIF.other_config:ethtool-advertise": ("0x20", "32", ""),
    "PIF.other_config:bond-mode": ("balance-slb", "active-backup", "lacp", "balance-rr", ""),
    "PIF.other_config:bond-hashing-algorithm": ("src_mac", "tcpudp_ports", "layer2", ""),
    "PIF.other_config:bond-lacp-time": ("fast", "slow", ""),
    "PIF.other_config:bond-lacp-aggregation-key": ("7", "many", ""),
    "PIF.other_config:bond-miimon": ("100", "x", ""),
    "PIF.other_config:bond-updelay": ("31000", "0", ""),
    "PIF.other_config:bond-downdelay": ("200", "0", ""),
    "PIF.other_config:bond-use_carrier": ("0", "1", "true", ""),
    "network.other_config:assume_network_is_shared": YES,
    "network.other_config:is_host_internal_management_network": YES,
    # Storage
    "SR.other_config:indestructible": YES,
    "SR.other_config:auto-scan": YES,
    "SR.other_config:dirty": ("", "true"),
    "SR.other_config:gc": ("true", "false", "no"),
    "SR.other_config:coalesce": ("true", "false", "no"),
    "SR.other_config:leaf-coalesce": ("true", "false", "no"),
    "SR.sm_config:gc_no_space": ("1048576", ""),
    "SR.sm_config:type": ("cd", "block", "raw", ""),
    "PBD.device_config:location": ("/opt/isos", "nas.example:/isos", r"\\\\nas\\isos", "/dev/xapi/cd"),
    "PBD.device_config:legacy_mode": YES,
    "SR.sm_config:nosubdir": YES,
    "PBD.device_config:SRmaster": ("true", "false"),
    "SR.sm_config:allocation": ("thick", "thin", "xlvhd", ""),
    "PBD.device_config:allocation": ("thick", "thin", ""),
    "PBD.device_config:uri": ("pvs://cache", "file:///disks"),
    "VDI.sm_config:type": ("raw", "vhd", ""),
    "VDI.sm_config:image-format": ("vhd", "qcow2", "raw", ""),
    "VDI.sm_config:vhd-parent": ("5c1f4a3e-0000-4000-8000-000000000001", ""),
    "VDI.sm_config:usb_path": ("1-1.4", ""),
    "VDI.other_config:leaf-coalesce": ("false", "force", "offline", "true", "no"),
    "VDI.sm_config:vmhint": ("5c1f4a3e-0000-4000-8000-000000000001", ""),
    "VDI.sm_config:on_boot": ("reset", "persist", ""),
    "VDI.sm_config:caching": PLATFORM,
    "VDI.sm_config:backend-kind": ("vbd", "vbd3", "qdisk", ""),
    # Labels of clients, who do not know that the server writes these two
    "secret.other_config:vtpm": ("mine", ""),
    "secret.other_config:wlb": ("true", ""),
}
OURS = {"VM.platform:sim-guest"}
"""For the simulator alone, which is no original's."""


def spelled(key: MapKey[Any]) -> str:
    return f"{key.owner}.{key.field}:{key.name}"


@pytest.mark.parametrize("key", [key for key in all_keys() if spelled(key) in WRITTEN], ids=spelled)
def test_what_a_client_writes_is_taken(key: MapKey[Any]) -> None:
    for value in WRITTEN[spelled(key)]:
        key.check(value)


def test_each_key_has_its_line() -> None:
    """A new one: look at what clients write, and add a line above."""
    assert {spelled(key) for key in all_keys()} == WRITTEN.keys() | OURS


# --- In the recordings ------------------------------------------------------------------------------


def steps() -> Iterator[dict[str, Any]]:
    """Every recorded call that was not refused."""
    for path in sorted(VECTORS.glob("*.json.gz")):
        with gzip.open(path) as file:
            for scenario in json.load(file)["scenarios"]:
                yield from (step for step in scenario["steps"] if "call" in step and "err" not in step)


def writes(method: str, args: list[Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Class, field and what a call writes into it."""
    owner, _, name = method.removeprefix("Async.").partition(".")
    if name.startswith("set_") and len(args) > 2 and isinstance(args[2], dict):
        yield owner, name.removeprefix("set_"), args[2]
    elif name.startswith("add_to_") and len(args) > 3 and isinstance(args[2], str):
        yield owner, name.removeprefix("add_to_"), {args[2]: args[3]}
    elif name == "create" and len(args) > 1 and isinstance(args[1], dict):
        yield from ((owner, field, value) for field, value in args[1].items() if isinstance(value, dict))
    elif owner == "SR" and name in ("create", "introduce"):
        maps = [each for each in args if isinstance(each, dict)]
        yield from ((*place, each) for each in maps for place in (("PBD", "device_config"), ("SR", "sm_config")))


def test_what_the_original_took_is_taken() -> None:
    refused, checked = [], 0
    for step in steps():
        for owner, field, written in writes(step["call"], step.get("args", [])):
            for name, value in written.items():
                key = KEYS.get((owner, field), {}).get(name)
                if key is None or not isinstance(value, str):
                    continue
                checked += 1
                try:
                    key.check(value)
                except INVALID_VALUE as error:
                    refused.append(f"{step['call']}: {error}")
    assert refused == []
    assert checked > 100
