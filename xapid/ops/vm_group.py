"""Messages of class VM_group: machines that are placed with regard to each other."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import VM, VM_group
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    with ctx.write() as tx:
        return str(tx.create(VM_group, **args).ref)


def destroy(ctx: Context, self: VM_group) -> None:
    """Its machines are in no group afterwards."""
    with ctx.write() as tx:
        for ref in ctx.store.members(self, "VMs"):
            vm = ctx.store.get(VM, ref)
            tx.set(vm, groups=tuple(group for group in vm.groups if group != self.ref))
        tx.delete(self)
