"""Where updates of the hosts come from, when they are looked for, and the way there."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

from xapid.datamodel import Host, Pool, Repository, Secret
from xapid.datamodel.errors import (
    INVALID_REPOSITORY_PROXY_URL,
    INVALID_UPDATE_SYNC_DAY,
    NO_REPOSITORIES_CONFIGURED,
    NO_REPOSITORY_ENABLED,
    NOT_IMPLEMENTED,
    TELEMETRY_NEXT_COLLECTION_TOO_LATE,
)
from xapid.datamodel.pool import TelemetryFrequency, UpdateSyncFrequency
from xapid.datamodel.types import NULL, DateTime
from xapid.rules.host import is_live
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction

DAYS = range(7)
"""Of a week, from Sunday."""
LATEST_COLLECTION = {
    TelemetryFrequency.daily: timedelta(days=2),
    TelemetryFrequency.weekly: timedelta(days=14),
    TelemetryFrequency.monthly: timedelta(days=62),
}
"""So far ahead telemetry can be put off: two of its periods."""


def set_repositories(ctx: Context, self: Pool, value: tuple[str, ...]) -> None:
    for ref in value:
        ctx.store.get(Repository, ref)
    with ctx.write() as tx:
        tx.set(self, repositories=value)


def add_repository(ctx: Context, self: Pool, value: Repository) -> None:
    if value.ref not in self.repositories:
        with ctx.write() as tx:
            tx.set(self, repositories=(*self.repositories, value.ref))


def remove_repository(ctx: Context, self: Pool, value: str) -> None:
    with ctx.write() as tx:
        tx.set(self, repositories=tuple(ref for ref in self.repositories if ref != value))


def sync_updates(
    ctx: Context, self: Pool, force: bool, token: str, token_id: str, username: str, password: str
) -> NoReturn:
    if not self.repositories:
        raise NO_REPOSITORY_ENABLED()
    raise NOT_IMPLEMENTED("pool.sync_updates")


def check_update_readiness(ctx: Context, self: Pool, requires_reboot: bool) -> list[list[str]]:
    """What stands in the way of updating the hosts, as errors: those that are down."""
    down = [host.ref for host in ctx.store.all(Host) if not is_live(ctx.store, host)]
    return [["HOST_OFFLINE", ref] for ref in down]


def set_update_sync_enabled(ctx: Context, self: Pool, value: bool) -> None:
    if value and not self.repositories:
        raise NO_REPOSITORIES_CONFIGURED()
    with ctx.write() as tx:
        tx.set(self, update_sync_enabled=value)


def configure_update_sync(
    ctx: Context, self: Pool, update_sync_frequency: UpdateSyncFrequency, update_sync_day: int
) -> None:
    """How often updates are looked for. The day counts for weekly looks only."""
    weekly = update_sync_frequency == UpdateSyncFrequency.weekly
    if weekly and update_sync_day not in DAYS:
        raise INVALID_UPDATE_SYNC_DAY(update_sync_day)
    with ctx.write() as tx:
        tx.set(
            self,
            update_sync_frequency=update_sync_frequency,
            update_sync_day=update_sync_day if weekly else 0,
        )


# --- The proxy ---------------------------------------------------------------------------------------


def configure_repository_proxy(ctx: Context, self: Pool, url: str, username: str, password: str) -> None:
    if not _is_web_address(url):
        raise INVALID_REPOSITORY_PROXY_URL(url)
    with ctx.write() as tx:
        _forget_password(ctx.store, tx, self)
        secret = tx.create(Secret, value=password).ref if password else NULL
        tx.set(self, repository_proxy_url=url, repository_proxy_username=username, repository_proxy_password=secret)


def disable_repository_proxy(ctx: Context, self: Pool) -> None:
    with ctx.write() as tx:
        _forget_password(ctx.store, tx, self)
        tx.set(self, repository_proxy_url="", repository_proxy_username="", repository_proxy_password=NULL)


def _forget_password(store: Store, tx: Transaction, pool: Pool) -> None:
    secret = store.find(Secret, pool.repository_proxy_password)
    if secret is not None:
        tx.delete(secret)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


# --- Telemetry ---------------------------------------------------------------------------------------


def set_telemetry_next_collection(ctx: Context, self: Pool, value: DateTime) -> None:
    if value.seconds() > ctx.clock.now() + LATEST_COLLECTION[self.telemetry_frequency].total_seconds():
        raise TELEMETRY_NEXT_COLLECTION_TOO_LATE(value)
    with ctx.write() as tx:
        tx.set(self, telemetry_next_collection=value)


def reset_telemetry_uuid(ctx: Context, self: Pool) -> None:
    """From now on nobody can tell that what is collected is of the same pool as before."""
    old = ctx.store.find(Secret, self.telemetry_uuid)
    with ctx.write() as tx:
        tx.set(self, telemetry_uuid=tx.create(Secret, value=str(uuid4())).ref)
        if old is not None:
            tx.delete(old)
