"""A host that is managed by another address, or by none, is heard there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from tests.bench.load import free_port
from tests.daemon import Client, Daemon
from tests.own_network import own_network

pytestmark = [pytest.mark.slow, pytest.mark.root]

FIRST, SECOND = "192.0.2.1", "192.0.2.2"
ASK = """
import socket, sys
for address in sys.argv[2:]:
    try:
        socket.create_connection((address, int(sys.argv[1])), timeout=10).close()
    except OSError:
        continue
    print(address)
"""


@pytest.fixture
def within() -> Iterator[tuple[str, ...]]:
    """A network with two addresses that are no loopback."""
    with own_network() as within:
        for each in (FIRST, SECOND):
            run([*within, "ip", "address", "add", f"{each}/32", "dev", "lo"], check=True)
        yield within


def heard(within: tuple[str, ...], port: int) -> list[str]:
    """At which of these addresses the daemon is heard."""
    command = [*within, "python3", "-c", ASK, str(port), "127.0.0.1", FIRST, SECOND]
    return run(command, capture_output=True, text=True, check=True).stdout.split()


def other_interface(client: Client, **fields: Any) -> str:
    (host,) = client.call("host.get_all")
    pif = str(client.call("PIF.introduce", host, "", "eth1", True))
    client.call("PIF.reconfigure_ip", pif, "Static", SECOND, "255.255.255.0", "", "")
    return pif


@pytest.mark.parametrize("host", ["0.0.0.0", FIRST])
def test_listeners_follow_the_management(within: tuple[str, ...], tmp_path: Path, host: str) -> None:
    port = free_port()
    daemon = Daemon(tmp_path, "--http", f"{host}:{port}", within=within)
    everywhere = ["127.0.0.1", FIRST, SECOND]

    with daemon, closing(daemon.client()) as client:
        pif = other_interface(client)
        before = heard(within, port)
        client.call("host.management_reconfigure", pif)
        moved = heard(within, port)
    run([*within, "ip", "address", "delete", f"{FIRST}/32", "dev", "lo"], check=True)
    with daemon, closing(daemon.client()) as client:
        again = heard(within, port)
        (address,) = [each["address"] for each in client.call("host.get_all_records").values()]
        client.call("host.management_disable")
        alone = heard(within, port)
    with daemon, closing(daemon.client()) as client:
        alone_again = heard(within, port)
        client.call("host.management_reconfigure", pif)
        back = heard(within, port)

    assert address == SECOND
    assert before == (everywhere if host == "0.0.0.0" else [FIRST])
    assert moved == (everywhere if host == "0.0.0.0" else [SECOND])
    assert again == back == (["127.0.0.1", SECOND] if host == "0.0.0.0" else [SECOND])
    assert alone == alone_again == ["127.0.0.1"]
