"""The class PVS_proxy."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import NULL, Object, Param, Ref, dynamic, message, ref, static

if TYPE_CHECKING:
    from xapid.datamodel.pvs_site import PVS_site
    from xapid.datamodel.vif import VIF


class PvsProxyStatus(enum.StrEnum):
    """How far a proxy is: off, ready, caching, or unable to because of what server and machine agreed on."""

    stopped = "stopped"
    """It does not run."""
    initialised = "initialised"
    """It runs, and the machine did not use it yet."""
    caching = "caching"
    """It runs, and keeps what the machine reads."""
    incompatible_write_cache_mode = "incompatible_write_cache_mode"
    """It can do nothing, since the machine writes to the server."""
    incompatible_protocol_version = "incompatible_protocol_version"
    """It can do nothing, since server and machine speak a version that it does not know."""


class PVS_proxy(Object, roles=POOL_OPERATOR, since="ely"):
    """Serves one interface of a machine from its host's cache instead of from the servers of a site (PVS)."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    site: Ref[PVS_site] = static(NULL, "The site whose servers it stands in for.")
    VIF: Ref[VIF] = static(NULL, "The interface that it serves.")
    currently_attached: bool = dynamic(False, "Whether the proxy is at work for a running machine.")
    status: PvsProxyStatus = dynamic(PvsProxyStatus.stopped, "How far the proxy is.")

    create = message(
        "Refused with OPENVSWITCH_NOT_ACTIVE: proxies need a virtual switch, and the hosts have plain bridges.",
        Param("site", ref("PVS_site"), "The site whose servers it stands in for.", late=True),
        Param("VIF", ref("VIF"), "The interface, which must be number 0 of its machine."),
        result=ref("PVS_proxy"),
    )
    destroy = message(
        "Remove a proxy of an older pool.",
        Param("self", ref("PVS_proxy"), "The proxy."),
    )
