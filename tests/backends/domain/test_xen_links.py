"""How the host's ends of the interfaces of Xen's guests are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.domain.xenstored import Daemon
from xapid.backends.domain.domain_facts import Description
from xapid.backends.domain.xen_links import BACKENDS, links
from xapid.backends.domain.xenstore import Xenstore

FIRST, SECOND = "5d1f9a3e-0000-4000-8000-0000000000f0", "5d1f9a3e-0000-4000-8000-0000000000f1"
DOMAIN = f"""
<domain>
  <devices>
    <interface type="bridge"><mac address="02:00:00:00:00:0a"/><alias name="ua-{FIRST}"/></interface>
    <interface type="bridge"><mac address="02:00:00:00:00:0b"/><alias name="ua-{SECOND}"/></interface>
  </devices>
</domain>
"""
KEYS = {
    f"{BACKENDS}/7/0/mac": "02:00:00:00:00:0B",
    f"{BACKENDS}/7/3/mac": "02:00:00:00:00:0a",
    f"{BACKENDS}/7/4/mac": "02:00:00:00:00:0c",
    f"{BACKENDS}/7/5/state": "1",
    f"{BACKENDS}/8/0/mac": "02:00:00:00:00:0a",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Xenstore]:
    daemon = Daemon(tmp_path / "socket", KEYS)
    store = Xenstore(lambda path: None, tmp_path / "socket")
    yield store
    store.close()
    daemon.close()


def test_each_is_found_by_its_hardware_address(store: Xenstore) -> None:
    found = links(store, 7, Description(DOMAIN).interfaces)

    assert found == {FIRST: ("vif7.3", "vif7.3-emu"), SECOND: ("vif7.0", "vif7.0-emu")}


def test_a_domain_without_any_has_none(store: Xenstore) -> None:
    assert links(store, 9, Description(DOMAIN).interfaces) == {}
