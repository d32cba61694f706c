"""kill -9 at every step of an installation: what is trusted afterwards has an object, and the other way round."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.certificates import made
from tests.daemon import Client, Daemon

pytestmark = pytest.mark.slow

AUTHORITY = made("authority", authority=True)
STEPS = [f"{number}{after}" for number in range(1, 5) for after in ("", "+")]
"""More than any of these operations takes."""


@pytest.fixture(params=["XAPID_KILL_AT_CALL", "XAPID_KILL_AT_BATCH"])
def variable(request: pytest.FixtureRequest) -> str:
    """Which steps are counted."""
    return str(request.param)


@pytest.fixture
def daemon(tmp_path: Path, variable: str) -> Iterator[Daemon]:
    with Daemon(tmp_path, environment={variable: str(tmp_path / "step")}) as daemon:
        yield daemon


def dies(daemon: Daemon, step: str, method: str, *params: object) -> bool:
    """Whether the daemon dies at a step of a call. It runs again afterwards."""
    file = daemon.directory / "step"
    client = daemon.client()
    file.write_text(step)
    try:
        client.call(method, *params)
        died = False
    except (http.client.HTTPException, OSError):
        died = True
    client.close()
    file.unlink()
    # The other daemon counts from one again.
    daemon.kill()
    daemon.start()
    return died


def check(client: Client, folder: Path) -> list[str]:
    """The authorities; those that are recorded and those whose files are there are the same."""
    recorded = sorted(client.call("pool.certificate_list"))
    assert recorded == sorted(each.name for each in folder.glob("*.pem"))
    return recorded


def test_an_authority_is_installed_whole_or_not_at_all(daemon: Daemon) -> None:
    folder = daemon.directory / "state" / "certs"
    deaths = 0
    for number, step in enumerate(STEPS):
        name = f"ours-{number}.pem"
        died = dies(daemon, step, "pool.install_ca_certificate", name, AUTHORITY.pem)
        client = daemon.client()
        assert name in check(client, folder) or died
        client.close()
        deaths += died

    assert 2 <= deaths < len(STEPS)


def test_a_server_s_certificate_is_what_its_object_says(daemon: Daemon) -> None:
    deaths = 0
    for number, step in enumerate(STEPS):
        ours = made(f"host-{number}.example")
        client = daemon.client()
        (host,) = client.call("host.get_all")
        client.close()
        deaths += dies(daemon, step, "host.install_server_certificate", host, ours.pem, ours.key_pem, "")
        client = daemon.client()
        text = client.call("host.get_server_certificate", host)
        records = client.call("Certificate.get_all_records").values()
        client.close()
        (recorded,) = [each["fingerprint_sha256"] for each in records if each["type"] == "host"]
        shown = x509.load_pem_x509_certificate(text.encode())
        assert recorded == shown.fingerprint(hashes.SHA256()).hex(":").upper()

    assert 2 <= deaths < len(STEPS)
