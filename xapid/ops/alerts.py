"""Messages that the toolstack leaves for the administrator, each with its urgency."""

from __future__ import annotations

import enum

from xapid.datamodel import VM, Host, Message
from xapid.datamodel.message import Cls
from xapid.runtime import messages
from xapid.runtime.context import Context


class VmAlert(enum.StrEnum):
    """What is told of a machine once it happened."""

    VM_STARTED = "VM_STARTED"
    VM_SHUTDOWN = "VM_SHUTDOWN"
    VM_REBOOTED = "VM_REBOOTED"
    VM_SUSPENDED = "VM_SUSPENDED"
    VM_RESUMED = "VM_RESUMED"
    VM_PAUSED = "VM_PAUSED"
    VM_UNPAUSED = "VM_UNPAUSED"
    VM_SNAPSHOTTED = "VM_SNAPSHOTTED"
    VM_CHECKPOINTED = "VM_CHECKPOINTED"
    VM_SNAPSHOT_REVERTED = "VM_SNAPSHOT_REVERTED"
    VM_CRASHED = "VM_CRASHED"
    VM_AUTO_POWERON_FAILED = "VM_AUTO_POWERON_FAILED"


MAJOR = 2
NOTICE = 3
INFORMATION = 5
"""Urgency: 1 is the most urgent."""
URGENCY = {VmAlert.VM_CRASHED: MAJOR, VmAlert.VM_AUTO_POWERON_FAILED: NOTICE}
"""Of what is told of machines and is more than information."""


def of_vm(ctx: Context, vm: VM, alert: VmAlert, what: str, *, on: str = "") -> None:
    """Tell what became of a machine; to be called once that is recorded. ``on``: the host, if that matters.

    Clones and copies are not told of, nor what a guest does by itself, crashes aside.
    """
    body = f"VM '{vm.name_label}' (uuid: {vm.uuid}) {what}"
    host = ctx.store.find(Host, on)
    if host is not None:
        body += f" on host '{host.name_label}' (uuid: {host.uuid})"
    leave(ctx, alert, URGENCY.get(alert, INFORMATION), Cls.VM, vm.uuid, body)


def leave(ctx: Context, name: str, priority: int, cls: Cls, obj_uuid: str, body: str) -> Message:
    """Leave a message about an object, in a change of its own or the one that is being made."""
    with ctx.write() as tx:
        return messages.leave(tx, ctx.clock, name, priority, cls, obj_uuid, body)
