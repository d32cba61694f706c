"""What can be set of a host beyond its plain fields, with the checks that go before."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import NoReturn

from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import BadConfig
from xapid.datamodel import VM, Host, Pool
from xapid.datamodel.errors import (
    HOST_NAME_INVALID,
    INVALID_VALUE,
    LICENSE_PROCESSING_ERROR,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
    VALUE_NOT_SUPPORTED,
)
from xapid.datamodel.host import HostDisplay, HostNumaAffinityPolicy, HostSchedGran
from xapid.datamodel.map_keys import ISCSI_IQN, MULTIPATHING
from xapid.ops.blob import attach_new_blob
from xapid.rules import members
from xapid.rules.host import CONTROL_DOMAIN, parsed_cstate
from xapid.rules.packs import pack_versions, without_packs
from xapid.runtime.context import Context
from xapid.runtime.local_settings import LocalSettings

HOSTNAME_LENGTH = 255
SSH_PORT = 22
CSTATES = (0, 1)
"""How deep processors may be told to sleep at most."""

SHOWN = {
    HostDisplay.enabled: HostDisplay.enabled,
    HostDisplay.disable_on_reboot: HostDisplay.enabled,
    HostDisplay.disabled: HostDisplay.enable_on_reboot,
    HostDisplay.enable_on_reboot: HostDisplay.enable_on_reboot,
}
HIDDEN = {
    HostDisplay.enabled: HostDisplay.disable_on_reboot,
    HostDisplay.disable_on_reboot: HostDisplay.disable_on_reboot,
    HostDisplay.disabled: HostDisplay.disabled,
    HostDisplay.enable_on_reboot: HostDisplay.disabled,
}
"""What becomes of the host's own screen when it shall be shown, or be left to a guest: it takes a reboot."""


def set_power_on_mode(ctx: Context, self: Host, power_on_mode: str, power_on_config: dict[str, str]) -> None:
    """How the host is switched on from afar. Passwords of the former way are forgotten."""
    with ctx.write() as tx:
        tx.set(self, power_on_mode=power_on_mode, power_on_config=power_on_config)


async def set_iscsi_iqn(ctx: Context, host: Host, value: str) -> None:
    if not value or not value.isprintable():
        raise INVALID_VALUE("value", value)
    async with ctx.lock(host):
        await ctx.machine(host).call(HostDriver.set_initiator, value)
        host = ctx.now(host)
        with ctx.write() as tx:
            tx.set(host, iscsi_iqn=value, other_config={**host.other_config, ISCSI_IQN.name: value})


def set_multipathing(ctx: Context, host: Host, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(host, multipathing=value, other_config={**host.other_config, MULTIPATHING.name: str(value).lower()})


def set_numa_affinity_policy(ctx: Context, self: Host, value: HostNumaAffinityPolicy) -> None:
    with ctx.write() as tx:
        tx.set(self, numa_affinity_policy=value)


async def set_max_cstate(ctx: Context, self: Host, value: str) -> None:
    """How deep processors may sleep: ``0``, ``1``, with a substate after a comma; empty: as deep as they can."""
    try:
        state, substate = parsed_cstate(value)
    except ValueError as error:
        raise INVALID_VALUE("max_cstate", value) from error
    if state not in (None, *CSTATES):
        raise VALUE_NOT_SUPPORTED("max_cstate", value, "only C0, C1 and no limit can be set")
    async with ctx.lock(self):
        await ctx.machine(self).call(HostDriver.set_max_cstate, state, substate)
        with ctx.write() as tx:
            tx.set(ctx.now(self), max_cstate=value)


def get_sched_gran(ctx: Context, self: Host) -> HostSchedGran:
    """Guests are scheduled by the single processor; there is no other way here."""
    return HostSchedGran.cpu


def set_sched_gran(ctx: Context, self: Host, value: HostSchedGran) -> None:
    if value is not HostSchedGran.cpu:
        raise OPERATION_NOT_ALLOWED("guests of this host are scheduled by the single processor")


def set_ssl_legacy(ctx: Context, self: Host, value: bool) -> None:
    """Old ciphers were once offered on request."""
    if value:
        raise VALUE_NOT_SUPPORTED("value", "true", "nothing older than TLS 1.2 is spoken")


def set_uefi_certificates(ctx: Context, host: Host, value: str) -> NoReturn:
    raise OPERATION_NOT_ALLOWED("certificates for secure boot belong to the pool: pool.set_custom_uefi_certificates")


async def set_hostname_live(ctx: Context, host: Host, hostname: str) -> None:
    """Call the machine so, and its control domain after it, unless somebody gave that another name."""
    reason = _fault_of(hostname)
    if reason:
        raise HOST_NAME_INVALID(reason)
    async with ctx.lock(host):
        machine = ctx.machine(host).saying(BadConfig, lambda error: HOST_NAME_INVALID(error.message))
        await machine.call(HostDriver.set_hostname, hostname)
        domain = ctx.store.find(VM, host.control_domain)
        with ctx.write() as tx:
            tx.set(ctx.now(host), hostname=hostname)
            if domain is not None and domain.name_label.startswith(CONTROL_DOMAIN):
                tx.set(domain, name_label=CONTROL_DOMAIN + hostname)


def _fault_of(hostname: str) -> str:
    if not hostname:
        return "hostname empty"
    if len(hostname) > HOSTNAME_LENGTH:
        return "hostname too long"
    if not re.fullmatch(r"[A-Za-z0-9.-]+", hostname, re.ASCII):
        return "hostname contains invalid characters"
    if hostname.startswith("-") or hostname.endswith("-"):
        return "hostname begins or ends with a hyphen"
    return ""


def create_new_blob(ctx: Context, host: Host, name: str, mime_type: str, public: bool) -> str:
    return attach_new_blob(ctx, host, name, mime_type, public)


# --- The screen --------------------------------------------------------------------------------------


def enable_display(ctx: Context, host: Host) -> HostDisplay:
    return _display(ctx, host, SHOWN[host.display])


def disable_display(ctx: Context, host: Host) -> HostDisplay:
    return _display(ctx, host, HIDDEN[host.display])


def _display(ctx: Context, host: Host, display: HostDisplay) -> HostDisplay:
    with ctx.write() as tx:
        tx.set(host, display=display)
    return display


# --- Licences: every host has the one that restricts nothing -----------------------------------------


def license_add(ctx: Context, host: Host, contents: str) -> None:
    """Any licence will do, as long as it can be read."""
    try:
        readable = bool(base64.b64decode(contents, validate=True))
    except ValueError:  # of what is no Base64, or no ASCII
        readable = False
    if not readable:
        raise LICENSE_PROCESSING_ERROR()


def license_remove(ctx: Context, host: Host) -> None:
    """There is none to remove."""


def apply_edition(ctx: Context, host: Host, edition: str, force: bool) -> None:
    """Whatever edition is asked for, the host keeps all it can do."""


def set_license_params(ctx: Context, self: Host, value: dict[str, str]) -> None:
    """What the pool can do follows."""
    with ctx.write() as tx:
        tx.set(self, license_params=value)
        tx.set(ctx.store.one(Pool), restrictions=members.restrictions(ctx.store))


async def set_localdb_key(ctx: Context, host: Host, key: str, value: str) -> None:
    if host.ref != ctx.runtime.localhost:
        raise NOT_IMPLEMENTED("host.set_localdb_key")
    settings: LocalSettings = ctx.runtime.services["local_settings"]
    await asyncio.to_thread(settings.put, key, value)


# --- Software ----------------------------------------------------------------------------------------


async def refresh_pack_info(ctx: Context, host: Host) -> None:
    """Packs that were installed, or removed, since the start."""
    async with ctx.lock(host):
        packs = await ctx.machine(host).call(HostDriver.packs)
        host = ctx.now(host)
        with ctx.write() as tx:
            tx.set(host, software_version={**without_packs(host.software_version), **pack_versions(packs)})


async def update_firewalld_service_status(ctx: Context) -> None:
    """Other machines reach what the host that is asked offers them: logins by SSH, and calls without TLS, or not."""
    host = ctx.store.get(Host, ctx.runtime.localhost)
    plain = {each.port: not host.https_only for each in ctx.config.http}
    secure = {each.port: True for each in ctx.config.https}
    await ctx.machine(host).call(HostDriver.set_ports, {SSH_PORT: host.ssh_enabled, **plain, **secure})
