"""What the record of a host says of how it treats its guests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xapid.backends.host.interface import UNKNOWN_XEN
from xapid.datamodel import Host
from xapid.observe.host_record import software_version
from xapid.observe.machine import Machine
from xapid.rules.memory import Counted, counted_on
from xapid.runtime.config import Config, GuestsConfig, NetworkBackend, NetworkConfig
from xapid.store.store import Store


@pytest.mark.parametrize(
    "said, xen, counted",
    [
        (None, UNKNOWN_XEN, Counted.static_max),
        (True, UNKNOWN_XEN, Counted.dynamic_min),
        (None, "4.17", Counted.dynamic_min),
        (False, "4.17", Counted.static_max),
    ],
)
def test_guests_are_squeezed_under_xen_and_where_a_setting_says_so(
    machine: Machine, said: bool | None, xen: str, counted: Counted
) -> None:
    config = replace(Config(), guests=GuestsConfig(ballooning=said))

    versions = software_version(replace(machine, facts=replace(machine.facts, xen_version=xen)), config, 0.0)

    with Store().write() as tx:
        assert counted_on(tx.create(Host, software_version=versions)) is counted


@pytest.mark.parametrize("backend", list(NetworkBackend))
def test_clients_are_told_what_switches_packets(machine: Machine, backend: NetworkBackend) -> None:
    config = replace(Config(), network=NetworkConfig(backend=backend))

    assert software_version(machine, config, 0.0)["network_backend"] == backend.value
