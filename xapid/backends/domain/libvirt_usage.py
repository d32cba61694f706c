"""What machines use, by libvirt: for all at once where its driver can say so, else one question after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

import libvirt

from xapid.backends.domain.domain_facts import Description, target_of
from xapid.backends.domain.libvirt_errors import is_gone
from xapid.backends.interface import DomainUsage, Traffic

STATISTICS = libvirt.VIR_DOMAIN_STATS_VCPU | libvirt.VIR_DOMAIN_STATS_INTERFACE | libvirt.VIR_DOMAIN_STATS_BLOCK
AT_ONCE = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
"""A machine that somebody works on, or whose process does not answer, is not waited for."""
NANO = 1e-9


def of_all(connection: libvirt.virConnect) -> list[DomainUsage]:
    """Of all machines of ours; what a busy one cannot say now is missing. Raises libvirtError."""
    found = (_described(domain, said) for domain, said in connection.getAllDomainStats(STATISTICS, AT_ONCE))
    return [each for each in found if each is not None]


def _described(domain: libvirt.virDomain, said: dict[str, Any]) -> DomainUsage | None:
    description = _description(domain)
    if description is None:
        return None
    vcpus = {number: said.get(f"vcpu.{number}.time") for number in range(said.get("vcpu.maximum", 0))}
    return DomainUsage(
        domain.UUIDString(),
        domain.ID(),
        {number: time * NANO for number, time in vcpus.items() if time is not None},
        _by_device(description.disks, _counted(said, "block", "rd", "wr")),
        _by_device(description.interfaces, _counted(said, "net", "rx", "tx")),
    )


def _counted(said: dict[str, Any], kind: str, into: str, out: str) -> dict[str, Traffic]:
    """Bytes by the name that a device has for libvirt: vda, vnet0."""
    found = {}
    for number in range(said.get(f"{kind}.count", 0)):
        device = f"{kind}.{number}"
        if f"{device}.{into}.bytes" in said:
            found[said[f"{device}.name"]] = Traffic(said[f"{device}.{into}.bytes"], said[f"{device}.{out}.bytes"])
    return found


def _by_device(elements: dict[str, Element], counted: dict[str, Traffic]) -> dict[str, Traffic]:
    targets = {uuid: target_of(element) for uuid, element in elements.items()}
    return {uuid: counted[target] for uuid, target in targets.items() if target in counted}


def of_each(connection: libvirt.virConnect, vcpus: dict[int, dict[int, float]]) -> list[DomainUsage]:
    """The same, by asking for each device. ``vcpus``: seconds by the numbers of domains and of their processors.

    Raises libvirtError.
    """
    found = (_asked(domain, vcpus) for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))
    return [each for each in found if each is not None]


def _asked(domain: libvirt.virDomain, vcpus: dict[int, dict[int, float]]) -> DomainUsage | None:
    description = _description(domain)
    if description is None:
        return None
    try:
        return DomainUsage(
            domain.UUIDString(),
            domain.ID(),
            vcpus.get(domain.ID(), {}),
            _devices(description.disks, lambda target: _of_disk(domain.blockStats(target))),
            _devices(description.interfaces, lambda target: _of_nic(domain.interfaceStats(target))),
        )
    except libvirt.libvirtError as error:
        if is_gone(error) or error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return None
        raise


def _devices(elements: dict[str, Element], ask: Callable[[str], Traffic]) -> dict[str, Traffic]:
    found = {}
    for uuid, element in elements.items():
        try:
            found[uuid] = ask(target_of(element))
        except libvirt.libvirtError as error:
            if is_gone(error):
                raise
            # Of an empty drive, and of a device that is about to go, there is nothing to tell.
    return found


def _of_disk(said: tuple[int, ...]) -> Traffic:
    return Traffic(said[1], said[3])


def _of_nic(said: tuple[int, ...]) -> Traffic:
    return Traffic(said[0], said[4])


def _description(domain: libvirt.virDomain) -> Description | None:
    """None: it is not ours, or went meanwhile."""
    try:
        description = Description(domain.XMLDesc())
    except libvirt.libvirtError as error:
        if is_gone(error):
            return None
        raise
    return None if description.label is None else description
