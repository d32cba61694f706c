"""A disk that is full: the administrator is told, once each time."""

from __future__ import annotations

from xml.sax.saxutils import escape

from xapid.datamodel import Host
from xapid.datamodel.message import Cls
from xapid.runtime import messages
from xapid.runtime.context import Runtime
from xapid.store.writer import Writer

PRIORITY = 2
NAME = "DATABASE_DISK_FULL"


class FullDiskWatch:
    """Leaves the messages, as long as there is the ballast's place for them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told = False

    def look(self) -> None:
        """To be called often."""
        store = self._runtime.store
        reason = store.sink.trouble
        if not reason:
            self._told = False
        elif not self._told and isinstance(store.sink, Writer) and store.sink.records:
            self._told = True
            place = escape(str(self._runtime.config.state_dir))
            body = f"<body><directory>{place}</directory><reason>{escape(reason)}</reason></body>"
            host = store.get(Host, self._runtime.localhost)
            with store.write() as tx:
                messages.leave(tx, self._runtime.clock, NAME, PRIORITY, Cls.Host, host.uuid, body)
