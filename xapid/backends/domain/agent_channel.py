"""Questions to the agent in a guest of QEMU, through libvirt, which keeps the connection to it."""

from __future__ import annotations

import libvirt
import libvirt_qemu

from xapid.backends.domain.qemu_agent import Refused, Silent

ANSWER_SECONDS = 3
"""How long an agent may take for each answer. libvirt allows as much again, and two seconds, for a first word."""

SILENT = frozenset(
    {
        libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
        libvirt.VIR_ERR_AGENT_UNSYNCED,
        libvirt.VIR_ERR_OPERATION_TIMEOUT,
        libvirt.VIR_ERR_OPERATION_INVALID,
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_INVALID_CONN,
        libvirt.VIR_ERR_RPC,
    }
)
"""Errors after which another question would only take time."""


def ask(domain: libvirt.virDomain, command: str) -> str:
    """Raises Refused, Silent."""
    try:
        return libvirt_qemu.qemuAgentCommand(domain, command, ANSWER_SECONDS, 0) or ""
    except libvirt.libvirtError as error:
        kind = Silent if error.get_error_code() in SILENT else Refused
        raise kind(error.get_error_message() or str(error)) from error


def require_running(domain: libvirt.virDomain) -> None:
    """Raises Silent for a guest that stands still: each question to it would take its time."""
    try:
        state = domain.state()[0]
    except libvirt.libvirtError as error:
        raise Silent(error.get_error_message() or str(error)) from error
    if state not in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED):
        raise Silent("it is paused")
