"""The licence that every host has: nothing is restricted, and it never ends."""

from __future__ import annotations

ALLOWED = ("enable_xha",)
"""Features that a licence grants."""
RESTRICTED = (
    "vlan", "qos", "pool_attached_storage", "netapp", "equalogic", "pooling", "marathon", "email_alerting",
    "historical_performance", "wlb", "rbac", "dmc", "checkpoint", "cpu_masking", "connection", "vmpr", "vmss",
    "intellicache", "gpu", "dr", "vif_locking", "storage_xen_motion", "vgpu", "integrated_gpu_passthrough", "vss",
    "guest_agent_auto_update", "pci_device_for_auto_update", "xen_motion", "guest_ip_setting", "ad", "nested_virt",
    "live_patching", "set_vcpus_number_live", "pvs_proxy", "igmp_snooping", "rpu", "pool_size", "cbt",
    "usb_passthrough", "network_sriov", "corosync", "cluster_address", "zstd_export", "pool_secret_rotation",
    "certificate_verification", "updates", "internal_repo_access", "vtpm", "vm_groups", "vm_start",
    "vm_appliance_start",
)  # fmt: skip
"""Features that a licence can withhold, each by a key ``restrict_...``."""
NAGGING = ("platform_filter", "regular_nag_dialog")
"""What clients do to users of a lesser licence."""

RESTRICTIONS: dict[str, str] = {
    **dict.fromkeys(ALLOWED, "true"),
    **{f"restrict_{feature}": "false" for feature in RESTRICTED},
    **dict.fromkeys(NAGGING, "false"),
}
"""``pool.restrictions``: hosts cannot differ."""

EDITION = "free"
"""The only edition there is."""


def license_params(sockets: int) -> dict[str, str]:
    """``host.license_params``. Clients hide a feature whose restriction is ``true``."""
    return {
        **RESTRICTIONS,
        "sku_type": EDITION,
        "sku_marketing_name": "xapid",
        "expiry": "never",
        "grace": "no",
        "sockets": str(sockets),
    }
