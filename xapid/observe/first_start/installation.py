"""The first start of a daemon on an empty state directory."""

from __future__ import annotations

from typing import Any

from xapid.backends.storage.interface import StorageDriver
from xapid.datamodel import Host, HostMetrics, Pool, Secret, User
from xapid.datamodel.pool import TelemetryFrequency, UpdateSyncFrequency
from xapid.observe import host_record
from xapid.observe.control_domain import create_control_domain
from xapid.observe.first_start.templates import write_templates
from xapid.observe.licence import RESTRICTIONS
from xapid.observe.machine import Machine
from xapid.observe.networks import create_internal, create_physical
from xapid.observe.repositories import Installed, create_repository, installed
from xapid.rules import members
from xapid.runtime.context import Runtime
from xapid.store.rows import new_ref, new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def needed(store: Store) -> bool:
    """Whether nobody has started on this state directory yet."""
    return not store.all(Pool)


async def first_start(runtime: Runtime, machine: Machine) -> None:
    """Make the pool, its host, and all that a client finds on a fresh host: in one transaction, on disk at the end.

    What is looked at anew at every start comes by ``startup``, which is to follow. Raises BackendError if the storage
    for local disks cannot be prepared.
    """
    host = runtime.config.first_start.host_ref or new_ref()
    repositories = await _prepare_storage(runtime, machine, host)
    with runtime.store.write() as tx:
        _create_host(runtime, tx, machine, host)
        create_internal(tx)
        management = host_record.management_nic(machine.nics)
        for nic in machine.nics[:1] if machine.simulated else machine.nics:
            create_physical(tx, host, nic, runtime.clock.now(), management=nic is management)
        for repository in repositories:
            create_repository(tx, host, repository)
        write_templates(tx)
        tx.create(User, short_name="root", fullname="superuser")
        _create_pool(runtime, tx, host, repositories[0].ref if repositories else None)
    await runtime.store.settled()


async def _prepare_storage(runtime: Runtime, machine: Machine, host: str) -> tuple[Installed, ...]:
    wanted = runtime.config.first_start.repositories
    if wanted is None:
        wanted = not machine.simulated
    if not wanted:
        return ()
    repositories = installed(runtime.config.state_dir.resolve())
    for repository in repositories:
        agent = runtime.backends.agent(host, f"storage:{repository.type}")
        await agent.call(StorageDriver.create_sr, repository.spec, 0)
    return repositories


def _create_host(runtime: Runtime, tx: Transaction, machine: Machine, ref: str) -> None:
    config, now, facts = runtime.config, runtime.clock.now(), machine.facts
    uuid = config.first_start.host_uuid or new_uuid()
    iqn = f"iqn.2026-11.org.xapid:{uuid[:8]}"
    metrics = tx.create(HostMetrics, memory_total=facts.memory_total, memory_free=facts.memory_free)
    tx.create(
        Host,
        ref=ref,
        uuid=uuid,
        name_label=facts.hostname,
        name_description="Default install",
        metrics=metrics.ref,
        control_domain=create_control_domain(tx, ref, facts, now).ref,
        iscsi_iqn=iqn,
        other_config={"iscsi_iqn": iqn},
        **host_record.fields(machine, config, now),
    )


def _create_pool(runtime: Runtime, tx: Transaction, host: str, local_storage: str | None) -> None:
    ids = runtime.config.first_start
    storage: dict[str, Any] = {}
    if local_storage is not None:
        storage = dict.fromkeys(("default_SR", "suspend_image_SR", "crash_dump_SR"), local_storage)
    tx.create(
        Pool,
        ref=ids.pool_ref or new_ref(),
        uuid=ids.pool_uuid or new_uuid(),
        master=host,
        ha_cluster_stack="xhad",
        other_config={"auto_poweron": "true", "memory-ratio-hvm": "0.25", "memory-ratio-pv": "0.25"},
        restrictions=RESTRICTIONS,
        cpu_info=members.cpu_info(runtime.store),
        ext_auth_cache_enabled=False,
        telemetry_uuid=tx.create(Secret, value=new_uuid()).ref,
        telemetry_frequency=TelemetryFrequency.weekly,
        update_sync_frequency=UpdateSyncFrequency.weekly,
        **storage,
    )
