"""What a pool is by its hosts: their processors together, and what any of their licences withholds."""

from __future__ import annotations

from xapid.datamodel import Host, Pool
from xapid.store.store import Store


def cpu_info(store: Store) -> dict[str, str]:
    """The processors of all hosts together."""
    infos = [host.cpu_info for host in store.all(Host)]
    return {
        "vendor": infos[0]["vendor"],
        "cpu_count": str(sum(int(info["cpu_count"]) for info in infos)),
        "socket_count": str(sum(int(info["socket_count"]) for info in infos)),
        "features_pv_host": "",
        "features_hvm_host": "",
    }


def restrictions(store: Store) -> dict[str, str]:
    """A pool can do what the licences of all its hosts let it: one that does not speak of a feature withholds it."""
    licences = [host.license_params for host in store.all(Host)]

    def everywhere(key: str) -> str:
        allowed = "false" if key.startswith("restrict_") else "true"
        refused = "true" if key.startswith("restrict_") else "false"
        return allowed if all(licence.get(key) == allowed for licence in licences) else refused

    return {key: everywhere(key) for key in store.one(Pool).restrictions}
