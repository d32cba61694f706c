"""A host that speaks HTTPS only: other machines get no answer without TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import run

import pytest

from tests.bench.load import free_port
from tests.daemon import Daemon
from tests.own_network import own_network

pytestmark = [pytest.mark.slow, pytest.mark.root]

ASK = """
import socket, ssl, sys
host, port, tls = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls"
try:
    connection = socket.create_connection((host, port), timeout=10)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    connection.sendall(b"GET /nothing HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
    print("answers" if connection.recv(12).startswith(b"HTTP/1.1") else "closed")
except ConnectionError:
    print("closed")
"""
FAR = "192.0.2.1"


@pytest.fixture
def within() -> Iterator[tuple[str, ...]]:
    """A network with an address that is no loopback."""
    with own_network() as within:
        run([*within, "ip", "address", "add", f"{FAR}/32", "dev", "lo"], check=True)
        yield within


def test_other_machines_need_tls(within: tuple[str, ...], tmp_path: Path) -> None:
    plain, secure = free_port(), free_port()
    daemon = Daemon(tmp_path, "--http", f"0.0.0.0:{plain}", "--https", f"0.0.0.0:{secure}", within=within)

    def answers() -> dict[str, str]:
        ways = {"far": (FAR, plain, "no"), "far, TLS": (FAR, secure, "tls"), "near": ("127.0.0.1", plain, "no")}
        return {
            name: run(
                [*within, "python3", "-c", ASK, *map(str, way)], capture_output=True, text=True, check=True
            ).stdout.strip()
            for name, way in ways.items()
        }

    with daemon, closing(daemon.client()) as client:
        (pool,) = client.call("pool.get_all")
        before = answers()
        client.call("pool.set_https_only", pool, True)
        during = answers()
    with daemon, closing(daemon.client()) as client:
        afterwards = answers()
        client.call("pool.set_https_only", pool, False)

        assert set(before.values()) == set(answers().values()) == {"answers"}
        assert during == afterwards == {"far": "closed", "far, TLS": "answers", "near": "answers"}
