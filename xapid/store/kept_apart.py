"""Passwords in maps: who may read a map is not to read them, so each becomes a secret to which the map points.

A key that ends in ``password`` is stored as ``password_secret`` with the uuid of a secret, which its object owns. The
fields that are declared so do it, whoever writes them: a client, an operation or a scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xapid.datamodel import Secret
from xapid.datamodel.types import CLASSES, Object, Passwords

if TYPE_CHECKING:
    from xapid.store.store import Store
    from xapid.store.transaction import Transaction

PASSWORD = "password"  # noqa: S105 - the end of a key's name
MARK = "_secret"

FIELDS: dict[str, dict[str, Passwords]] = {
    name: {field.name: field.passwords for field in cls.spec.fields.values() if field.passwords is not Passwords.shown}
    for name, cls in CLASSES.items()
    if any(field.passwords is not Passwords.shown for field in cls.spec.fields.values())
}
"""The maps whose passwords are kept apart, for each class that has any."""


def spelled(key: str) -> str:
    """How a key is stored."""
    return f"{key}{MARK}" if key.endswith(PASSWORD) else key


def revealed(store: Store, config: Mapping[str, str]) -> dict[str, str]:
    """A map with its passwords, for the driver that needs them."""
    found: dict[str, str] = {}
    for key, value in config.items():
        secret = _secret(store, key, value)
        if secret is None:
            found[key] = value
        else:
            found[key.removesuffix(MARK)] = secret.value
    return found


def written(tx: Transaction, name: str, values: dict[str, Any], before: Object | None = None) -> dict[str, Any]:
    """Values of fields of a class as they are stored: passwords become secrets, and those that it had go."""
    fields = FIELDS[name]
    return {
        field: _stored(tx, value, {} if before is None else before.__dict__[field], fields[field])
        if field in fields
        else value
        for field, value in values.items()
    }


def deleted(tx: Transaction, row: Object) -> None:
    """An object goes, and its passwords with it."""
    for field in FIELDS[row.spec.name]:
        _forget(tx, row.__dict__[field], {})


def move_old(tx: Transaction) -> None:
    """Keep those passwords apart too that were written before a map was declared so."""
    for name, fields in FIELDS.items():
        for row in list(tx.store.all(CLASSES[name])):
            for field in fields:
                old = row.__dict__[field]
                if any(key.endswith(PASSWORD) for key in old):
                    tx.set(row, **{field: {}})
                    tx.set(row, **{field: old})


def _stored(
    tx: Transaction, given: Mapping[str, str], before: Mapping[str, str], passwords: Passwords
) -> dict[str, str]:
    plain = {spelled(key): value for key, value in given.items() if key.endswith(PASSWORD)}
    stored = {
        key: value if value in before.values() else _own(tx, key, value, passwords)
        for key, value in given.items()
        if not key.endswith(PASSWORD) and key not in plain
    }
    stored |= {key: tx.create(Secret, value=value).uuid for key, value in plain.items()}
    _forget(tx, before, stored)
    return stored


def _own(tx: Transaction, key: str, value: str, passwords: Passwords) -> str:
    """What an object keeps for a value that it is given: of a secret a copy, unless the secret is handed over to it."""
    secret = _secret(tx.store, key, value) if passwords is Passwords.copied else None
    return value if secret is None else tx.create(Secret, value=secret.value).uuid


def _forget(tx: Transaction, before: Mapping[str, str], kept: Mapping[str, str]) -> None:
    for key, value in before.items():
        secret = _secret(tx.store, key, value) if value not in kept.values() else None
        if secret is not None:
            tx.delete(secret)


def _secret(store: Store, key: str, value: str) -> Secret | None:
    """The secret to which a key points."""
    return store.find_uuid(Secret, value) if key.endswith(f"{PASSWORD}{MARK}") else None
