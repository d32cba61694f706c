"""Where all messages to the administrator begin."""

from __future__ import annotations

from xapid.datamodel import Message
from xapid.datamodel.message import Cls
from xapid.runtime.clock import Clock
from xapid.store.transaction import Transaction
from xapid.wire.decode import xml_illegal

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def leave(tx: Transaction, clock: Clock, name: str, priority: int, cls: Cls, obj_uuid: str, body: str) -> Message:
    """Leave a message about an object. Characters that XML cannot carry are replaced."""
    return tx.create(
        Message,
        name=_legible(name),
        priority=priority,
        cls=cls,
        obj_uuid=obj_uuid,
        timestamp=clock.date(),
        body=_legible(body),
    )


def _legible(text: str) -> str:
    if not xml_illegal(text):
        return text
    return "".join(REPLACEMENT if xml_illegal(character) else character for character in text)
