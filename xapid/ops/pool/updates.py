"""Where updates of the hosts come from, when they are looked for, and the way there."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

from xapid.datamodel import Host, Pool, Repository, Secret
from xapid.datamodel.errors import (
    CAN_NOT_PERIODIC_SYNC_UPDATES,
    CAN_NOT_SYNC_UPDATES,
    INVALID_REPOSITORY_PROXY_URL,
    INVALID_UPDATE_SYNC_DAY,
    NO_REPOSITORIES_CONFIGURED,
    NO_REPOSITORY_ENABLED,
    NOT_IMPLEMENTED,
    REPO_SHOULD_BE_SINGLE_ONE_ENABLED,
    TELEMETRY_NEXT_COLLECTION_TOO_LATE,
)
from xapid.datamodel.host import LatestSyncedUpdatesAppliedState
from xapid.datamodel.pool import PoolAllowedOperations, TelemetryFrequency, UpdateSyncFrequency
from xapid.datamodel.repository import Origin
from xapid.datamodel.types import EPOCH, NULL, DateTime
from xapid.ops.host import power
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
    repositories = [ctx.store.get(Repository, ref) for ref in value]
    ctx.check(self, PoolAllowedOperations.configure_repositories)
    _assert_together(repositories)
    with ctx.write() as tx:
        for row in repositories:
            if row.ref not in self.repositories:
                _begin_anew(tx, self, row)
        tx.set(self, repositories=value)
        if not value:
            _forget_looks(ctx.store, tx, self)
        _stop_what_cannot_be(tx, self, repositories)


def add_repository(ctx: Context, self: Pool, value: Repository) -> None:
    ctx.check(self, PoolAllowedOperations.configure_repositories)
    if value.ref in self.repositories:
        return
    repositories = [value, *_enabled(ctx.store, self)]
    _assert_together(repositories)
    with ctx.write() as tx:
        _begin_anew(tx, self, value)
        tx.set(self, repositories=(*self.repositories, value.ref))
        _stop_what_cannot_be(tx, self, repositories)


def remove_repository(ctx: Context, self: Pool, value: str) -> None:
    ctx.check(self, PoolAllowedOperations.configure_repositories)
    left = tuple(ref for ref in self.repositories if ref != value)
    with ctx.write() as tx:
        tx.set(self, repositories=left)
        if not left:
            tx.set(self, last_update_sync=EPOCH)


def _enabled(store: Store, pool: Pool) -> list[Repository]:
    found = (store.find(Repository, ref) for ref in pool.repositories)
    return [row for row in found if row is not None]


def _assert_together(repositories: list[Repository]) -> None:
    """A bundle or another pool has all that hosts need, and bears nothing beside it."""
    if len(repositories) > 1 and any(row.origin is not Origin.remote for row in repositories):
        raise REPO_SHOULD_BE_SINGLE_ONE_ENABLED()


def _begin_anew(tx: Transaction, pool: Pool, added: Repository) -> None:
    """What was found so far says nothing of a repository that is new."""
    tx.set(added, hash="")
    tx.set(pool, last_update_sync=EPOCH)


def _forget_looks(store: Store, tx: Transaction, pool: Pool) -> None:
    """Without a repository nobody knows whether a host has all updates."""
    tx.set(pool, last_update_sync=EPOCH)
    for host in store.all(Host):
        tx.set(host, latest_synced_updates_applied=LatestSyncedUpdatesAppliedState.unknown)


def _stop_what_cannot_be(tx: Transaction, pool: Pool, repositories: list[Repository]) -> None:
    if not _by_the_calendar(repositories):
        tx.set(pool, update_sync_enabled=False)


def _by_the_calendar(repositories: list[Repository]) -> bool:
    """Whether they can be looked at without somebody who brings a bundle or a password."""
    return all(row.origin is Origin.remote for row in repositories)


def sync_updates(
    ctx: Context, self: Pool, force: bool, token: str, token_id: str, username: str, password: str
) -> NoReturn:
    ctx.check(self, PoolAllowedOperations.sync_updates)
    if not self.repositories:
        raise NO_REPOSITORY_ENABLED()
    if any(row.origin is Origin.bundle for row in _enabled(ctx.store, self)):
        raise CAN_NOT_SYNC_UPDATES()
    raise NOT_IMPLEMENTED("pool.sync_updates")


def check_update_readiness(ctx: Context, self: Pool, requires_reboot: bool) -> list[list[str]]:
    """What stands in the way of updating the hosts, as errors.

    Hosts that are down; with ``requires_reboot`` also guests that cannot leave theirs; and high availability.
    """
    found = [["HA_IS_ENABLED"]] if self.ha_enabled else []
    for host in ctx.store.all(Host):
        if not is_live(ctx.store, host):
            found.append(["HOST_OFFLINE", host.ref])
        elif requires_reboot:
            found += power.get_vms_which_prevent_evacuation(ctx, host).values()
    return found


def set_update_sync_enabled(ctx: Context, self: Pool, value: bool) -> None:
    if value and not self.repositories:
        raise NO_REPOSITORIES_CONFIGURED()
    if value and not _by_the_calendar(_enabled(ctx.store, self)):
        raise CAN_NOT_PERIODIC_SYNC_UPDATES()
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
