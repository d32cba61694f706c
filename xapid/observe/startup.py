"""Every start: what the machine says of itself now, and what lives no longer than the daemon."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from xapid.auth.certificate import ensure_certificate, read_certificate
from xapid.auth.certificate_records import write_host_certificate
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import BackendError
from xapid.datamodel import SR, Host, HostMetrics, Pool
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.datamodel.types import DateTime
from xapid.observe import host_record
from xapid.observe.certificate_files import shown_files
from xapid.observe.control_domain import refresh_control_domain, write_consoles
from xapid.observe.first_start.templates import write_demo
from xapid.observe.machine import Machine
from xapid.observe.mending import mend
from xapid.observe.networks import demo_network, refresh_physical
from xapid.observe.repositories import plug_all
from xapid.observe.roles import write_roles
from xapid.observe.storage_kinds import write_storage_kinds
from xapid.rules import members
from xapid.rules.host import done_by_start, enabled_at_start, parsed_cstate
from xapid.runtime import going_down
from xapid.runtime.context import Runtime
from xapid.runtime.local_settings import (
    AUTO_ENABLE,
    BOOT,
    DISABLED_UNTIL_REBOOT,
    GUESTS_TO_START,
    MANAGEMENT,
    LocalSettings,
)
from xapid.store.kept_apart import move_old
from xapid.store.store import Store, StoreFailed
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)


def local_host(store: Store, uuid: str) -> Host:
    """The host that this daemon runs on: the one with the uuid that was configured, else the only one."""
    return store.find_uuid(Host, uuid) or store.one(Host)


async def startup(runtime: Runtime, machine: Machine) -> None:
    """Look at the machine anew, plug the storage, and say that the host is ready; all of it is on disk at the end.

    To be called once a start, after ``first_start`` if there was one, before clients are let in. References and uuids
    stay as they are.
    """
    host = local_host(runtime.store, runtime.config.first_start.host_uuid)
    runtime.localhost = runtime.tasks.localhost = host.ref
    internal = shown_files(machine.certificate)[CertificateType.host_internal]
    if internal is not None:
        ensure_certificate(internal, [host.uuid], [])
    write_roles(runtime.store)
    with runtime.store.write() as tx:
        move_old(tx)
        mend(runtime.store, tx)
        _refresh_host(runtime, tx, machine, host)
        write_storage_kinds(runtime.store, tx, machine.storage)
        _write_demo(runtime.store, tx, machine)
    await _note_boot(runtime, machine, host)
    await set_again(runtime, host)
    await plug_all(runtime, host)
    with runtime.store.write() as tx:
        _enable(runtime, tx, host)
    await runtime.store.settled()


def _refresh_host(runtime: Runtime, tx: Transaction, machine: Machine, host: Host) -> None:
    store, config, now = runtime.store, runtime.config, runtime.clock.now()
    fields = host_record.fields(machine, config, now)
    if chosen := _chosen(runtime):
        # Where it is reached a client has said.
        fields.pop("address")
    host = tx.set(
        host,
        enabled=False,
        other_config=host_record.started(host.other_config, machine, now),
        **fields,
    )
    tx.set(
        store.get(HostMetrics, host.metrics),
        memory_total=machine.facts.memory_total,
        memory_free=machine.facts.memory_free,
        last_updated=DateTime.of(now),
    )
    host_record.write_cpus(store, tx, host.ref, machine.facts)
    tx.set(store.one(Pool), cpu_info=members.cpu_info(store))
    refresh_control_domain(store, tx, host, machine.facts, now)
    write_consoles(store, tx, host, host_record.console_base(host.address, config))
    refresh_physical(store, tx, host.ref, machine.nics, machine.facts.name_servers, now, chosen)
    for kind, path in shown_files(machine.certificate).items():
        write_host_certificate(store, tx, host.ref, read_certificate(path) if path is not None else None, kind)


def _chosen(runtime: Runtime) -> str:
    """uuid of the interface that a client chose for the management, ``off``, or empty."""
    settings: LocalSettings = runtime.services["local_settings"]
    return settings.get(MANAGEMENT)


async def set_again(runtime: Runtime, host: Host) -> None:
    """Have the machine as the record of its host says, where it forgets, or somebody took a file away."""
    call = runtime.backends.agent(host.ref, "host").call
    steps: list[Callable[[], Awaitable[None]]] = []
    if host.max_cstate:
        steps.append(partial(call, HostDriver.set_max_cstate, *parsed_cstate(host.max_cstate)))
    if host.console_idle_timeout:
        steps.append(partial(call, HostDriver.set_idle_timeout, host.console_idle_timeout))
    if host.ssh_auto_mode:
        # It was on while we were away.
        steps += (partial(call, HostDriver.set_ssh_auto, True), partial(_close_ssh, runtime, host))
    for step in steps:
        try:
            await step()
        except BackendError as error:
            log.warning("the machine is not set up as the record of its host says: %s", error.message)


async def _close_ssh(runtime: Runtime, host: Host) -> None:
    await runtime.backends.agent(host.ref, "host").call(HostDriver.set_ssh, False, True)
    with runtime.store.write() as tx:
        tx.set(runtime.store.get(Host, host.ref), ssh_enabled=False)


def _write_demo(store: Store, tx: Transaction, machine: Machine) -> None:
    if machine.demo is None:
        return
    sr = store.find(SR, store.one(Pool).default_SR)
    hvm = any(each.startswith("hvm") for each in host_record.capabilities(machine.facts))
    write_demo(store, tx, machine.demo, demo_network(store, tx), sr.uuid if sr is not None else "", hvm)


async def _note_boot(runtime: Runtime, machine: Machine, host: Host) -> None:
    """Strike off what this start has done, or the boot before it; a host that was ready to go down has done so then."""
    settings: LocalSettings = runtime.services["local_settings"]
    booted = settings.get(BOOT) != machine.facts.boot_id
    host = runtime.store.get(Host, host.ref)
    with runtime.store.write() as tx:
        tx.set(host, **done_by_start(host, booted=booted))
    if booted:
        # On disk first: a start that dies here must find the boot again.
        await runtime.store.settled()
        try:
            settings.put(DISABLED_UNTIL_REBOOT, "")
            settings.put(GUESTS_TO_START, "true")
            settings.put(BOOT, machine.facts.boot_id)
        except OSError as error:
            raise StoreFailed(f"{error.strerror}: {error.filename2 or error.filename}") from error
    _end_descent(runtime, settings)


def _end_descent(runtime: Runtime, settings: LocalSettings) -> None:
    """A host that was to go down has done so, or nobody counts on it any more; else it is still to be done."""
    descent = going_down.kept(settings)
    if descent is None or going_down.is_due(settings, descent, runtime.clock.monotonic()):
        return
    task = runtime.tasks.resumed(descent.task, descent.operation)
    if descent.boot == settings.get(BOOT):
        log.error("the host was to go down (%s) before the toolstack ended; it is not done any more", descent.operation)
        runtime.tasks.fail(task, INTERNAL_ERROR("the toolstack was away when the host was to go down"))
    else:
        runtime.tasks.succeed(task, "")
    going_down.forget(settings)


def _enable(runtime: Runtime, tx: Transaction, host: Host) -> None:
    host, settings = runtime.store.get(Host, host.ref), runtime.services["local_settings"]
    refused = settings.get(DISABLED_UNTIL_REBOOT) == "true" or settings.get(AUTO_ENABLE) == "false"
    refused = refused or going_down.kept(settings) is not None
    tx.set(host, enabled=enabled_at_start(host) and not refused)
    tx.set(runtime.store.get(HostMetrics, host.metrics), live=True, last_updated=DateTime.of(runtime.clock.now()))
