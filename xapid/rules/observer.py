"""What is traced on a host, with which attributes, and where the traces go: what its Observers say, taken together."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

from xapid.datamodel import Host, Observer, Pool
from xapid.store.store import Store

BUGTOOL = "bugtool"
"""The endpoint that is no address: files for a bug report."""


class Component(enum.StrEnum):
    """The daemons of the original, among which our work is divided for who reads traces."""

    xapi = "xapi"
    xenopsd = "xenopsd"
    clusterd = "xapi-clusterd"
    smapi = "smapi"


Aims = Mapping[str, Mapping[Component, Mapping[str, str]]]
"""Endpoint -> components whose spans go there -> attributes of each of these spans."""


def component_of(kind: str) -> Component:
    """Whose work the calls of a kind of back end are."""
    if kind in ("domain", "datapath"):
        return Component.xenopsd
    return Component.smapi if kind.startswith("storage:") else Component.xapi


def aims(store: Store, localhost: str, set_aside: Collection[str] = ()) -> Aims:
    """What the enabled Observers say of a host, but for those set aside.

    Where two send the same spans to the same endpoint, these go there once, with the attributes of both.
    """
    host = store.find(Host, localhost)
    if host is None:
        return {}
    found: dict[str, dict[Component, dict[str, str]]] = {}
    for observer in sorted(store.all(Observer), key=lambda each: each.uuid):
        if not _concerns(observer, localhost) or observer.ref in set_aside:
            continue
        for endpoint in observer.endpoints:
            for component in map(Component, observer.components or Component):
                attributes = found.setdefault(endpoint, {}).setdefault(component, {})
                names = [attributes["xs.observer.name"]] if attributes else []
                attributes |= {
                    "xs.pool.uuid": store.one(Pool).uuid,
                    "xs.host.uuid": host.uuid,
                    "xs.host.name": host.name_label,
                    "service.name": component.value,
                    **observer.attributes,
                    "xs.observer.name": ", ".join([*names, observer.name_label]),
                }
    return found


def _concerns(observer: Observer, host: str) -> bool:
    return observer.enabled and (not observer.hosts or host in observer.hosts)
