"""The static roles, strongest first, and how a declaration names who may do something."""

from __future__ import annotations

Roles = tuple[str, ...]
"""Every role that may; empty: the local superuser only."""

HIGHEST_FIRST = ("pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only")
"""Each includes those after it."""


def at_least(name: str) -> Roles:
    """The named role and every stronger one."""
    return HIGHEST_FIRST[: HIGHEST_FIRST.index(name) + 1]


def role_set(*groups: Roles) -> Roles:
    """Several grants in one, without repetition."""
    return tuple(dict.fromkeys(role for group in groups for role in group))


POOL_ADMIN = at_least("pool-admin")
POOL_OPERATOR = at_least("pool-operator")
VM_POWER_ADMIN = at_least("vm-power-admin")
VM_ADMIN = at_least("vm-admin")
VM_OPERATOR = at_least("vm-operator")
READ_ONLY = at_least("read-only")
CLIENT_CERT: Roles = ("client-cert",)
"""The internal role of callers known by their certificate alone."""
LOCAL_ROOT: Roles = ()

STATIC_ROLES = {
    # uuid by name_label. All but pool-admin's are the MD5 of the name; clients have them written down.
    "pool-admin": "0165f154-ba3e-034e-6b27-5d271af109ba",
    "pool-operator": "b9ce9791-0604-50cd-0649-09b3284c7dfd",
    "vm-power-admin": "7955168d-7bec-10ed-105f-c6a7e6e63249",
    "vm-admin": "aaa00ab5-7340-bfbc-0d1b-7cf342639a6e",
    "vm-operator": "fb8d4ff9-310c-a959-0613-54101535d3d5",
    "client-cert": "2c42debf-c64a-2ecd-f674-3350f06409f7",
    "read-only": "7233b8e3-eacb-d7da-2c95-f2e581cdbf4e",
}
