"""Messages of class Repository: where updates can be fetched from."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from xapid.datamodel import Pool, Repository
from xapid.datamodel.errors import (
    BUNDLE_REPOSITORY_ALREADY_EXISTS,
    INVALID_BASE_URL,
    INVALID_GPGKEY_PATH,
    REPOSITORY_ALREADY_EXISTS,
    REPOSITORY_IS_IN_USE,
)
from xapid.datamodel.repository import Origin
from xapid.runtime.context import Context

_KEY_FILE = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
REMOTE_POOL_PATH = "/repository/enabled"


def introduce(
    ctx: Context,
    name_label: str,
    name_description: str,
    binary_url: str,
    source_url: str,
    update: bool,
    gpgkey_path: str,
) -> str:
    for url in (binary_url, source_url):
        _assert_web_address(url, "http", "https")
    _assert_key_file(gpgkey_path)
    return _introduce(
        ctx,
        name_label=name_label,
        name_description=name_description,
        binary_url=binary_url,
        source_url=source_url,
        update=update,
        gpgkey_path=gpgkey_path,
        origin=Origin.remote,
    )


def introduce_bundle(ctx: Context, name_label: str, name_description: str) -> str:
    """Updates that somebody brings in a file; there is one such place at most."""
    for row in ctx.store.all(Repository):
        if row.origin == Origin.bundle:
            raise BUNDLE_REPOSITORY_ALREADY_EXISTS(row.ref)
    return _introduce(ctx, name_label=name_label, name_description=name_description, update=True, origin=Origin.bundle)


def introduce_remote_pool(
    ctx: Context, name_label: str, name_description: str, binary_url: str, certificate: str
) -> str:
    """Updates that another pool has."""
    _assert_web_address(binary_url, "https")
    if urlsplit(binary_url).path != REMOTE_POOL_PATH:
        raise INVALID_BASE_URL(binary_url)
    return _introduce(
        ctx,
        name_label=name_label,
        name_description=name_description,
        binary_url=binary_url,
        certificate=certificate,
        update=True,
        origin=Origin.remote_pool,
    )


def _introduce(ctx: Context, **fields: Any) -> str:
    for row in ctx.store.all(Repository):
        same_place = row.binary_url != "" and row.binary_url == fields.get("binary_url")
        if row.name_label == fields["name_label"] or same_place:
            raise REPOSITORY_ALREADY_EXISTS(row.ref)
    with ctx.write() as tx:
        return str(tx.create(Repository, **fields).ref)


def forget(ctx: Context, self: Repository) -> None:
    if any(self.ref in pool.repositories for pool in ctx.store.all(Pool)):
        raise REPOSITORY_IS_IN_USE()
    with ctx.write() as tx:
        tx.delete(self)


def set_gpgkey_path(ctx: Context, self: Repository, value: str) -> None:
    _assert_key_file(value)
    with ctx.write() as tx:
        tx.set(self, gpgkey_path=value)


def _assert_key_file(name: str) -> None:
    """The key lies among those of the host: only its name is given."""
    if not _KEY_FILE.fullmatch(name):
        raise INVALID_GPGKEY_PATH(name)


def _assert_web_address(url: str, *schemes: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise INVALID_BASE_URL(url)
