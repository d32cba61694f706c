"""The class host_crashdump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import STRING, STRING_MAP, DateTime, Object, Param, Ref, dynamic, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class HostCrashdump(Object, name="host_crashdump", roles=POOL_OPERATOR):
    """What was kept of a host when it crashed: a folder on its own disk."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    host: Ref[Host] = static(doc="The host.")
    timestamp: DateTime = dynamic(doc="When the host crashed.")
    size: int = dynamic(doc="How many bytes the folder takes.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")

    destroy = message(
        "Remove the dump from the host.",
        Param("self", ref("host_crashdump"), "The dump."),
    )
    upload = message(
        "Send the dump to a server, packed into one file.",
        Param("self", ref("host_crashdump"), "The dump."),
        Param("url", STRING, "Where to send it: an address of HTTP, HTTPS or FTP. Without one it is INVALID_VALUE."),
        Param("options", STRING_MAP, "Further options, such as http_proxy."),
    )
