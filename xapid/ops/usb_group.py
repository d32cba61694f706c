"""Messages of class USB_group: USB devices of one kind, one of which a guest gets."""

from __future__ import annotations

from xapid.datamodel import PUSB, VUSB, USB_group
from xapid.datamodel.errors import USB_GROUP_CONTAINS_PUSB, USB_GROUP_CONTAINS_VUSB
from xapid.runtime.context import Context


def create(ctx: Context, name_label: str, name_description: str, other_config: dict[str, str]) -> str:
    with ctx.write() as tx:
        group = tx.create(
            USB_group, name_label=name_label, name_description=name_description, other_config=other_config
        )
    return str(group.ref)


def destroy(ctx: Context, self: USB_group) -> None:
    """Raises what is still in the group."""
    used = [row.ref for row in ctx.store.where(VUSB, USB_group=self.ref)]
    if used:
        raise USB_GROUP_CONTAINS_VUSB(*used)
    members = [row.ref for row in ctx.store.where(PUSB, USB_group=self.ref)]
    if members:
        raise USB_GROUP_CONTAINS_PUSB(*members)
    with ctx.write() as tx:
        tx.delete(self)
