"""Role objects: the static roles, and every permission as a role of its own. Made at each start, never stored."""

from __future__ import annotations

from xapid.auth.permissions import md5_uuid, permissions, permissions_of_role
from xapid.datamodel import Role
from xapid.datamodel.roles import CLIENT_CERT, STATIC_ROLES
from xapid.store.store import Store

DESCRIPTIONS = {
    "pool-admin": "May do everything, and say who else may do what.",
    "pool-operator": "May do everything with hosts, storage, networks and guests.",
    "vm-power-admin": "May make and manage guests, move them, and choose where they run.",
    "vm-admin": "May make and manage guests.",
    "vm-operator": "May use guests that are there: their consoles, their media, their power.",
    "client-cert": "What callers get who are known by their certificate alone.",
    "read-only": "May look at everything and change nothing.",
}
PERMISSION = "Allows one call, one key of a map, or one way over HTTP."


def write_roles(store: Store) -> None:
    """Make the roles. A permission that belongs to no role, because only the local superuser has it, is none."""
    granted = {name: each for name, each in permissions().items() if each.roles}
    uuids = {name: md5_uuid(each.original) for name, each in granted.items()}
    with store.write() as tx:
        for name, uuid in uuids.items():
            tx.create(
                Role,
                ref=_ref(uuid),
                uuid=uuid,
                name_label=name,
                name_description=PERMISSION,
                is_internal=True,
            )
        for name, uuid in STATIC_ROLES.items():
            tx.create(
                Role,
                ref=_ref(uuid),
                uuid=uuid,
                name_label=name,
                name_description=DESCRIPTIONS[name],
                subroles=tuple(_ref(uuids[each]) for each in granted if each in permissions_of_role(name)),
                is_internal=name in CLIENT_CERT,
            )


def _ref(uuid: str) -> str:
    return f"OpaqueRef:{uuid}"
