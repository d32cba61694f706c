"""Certificates that somebody puts in place by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import Made, made, rsa_key
from tests.conftest import FreshHost
from xapid.backends.certificates.interface import INTERNAL, SERVER
from xapid.observe.certificate_files import CertificateFiles


@pytest.fixture
def folder(fresh: FreshHost) -> Path:
    return fresh.runtime.config.state_dir


def put(path: Path, ours: Made, key: str = "") -> None:
    new = path.with_suffix(".new")
    new.write_text((key or ours.key_pem) + ours.pem)
    new.replace(path)


async def recorded(fresh: FreshHost) -> dict[str, str]:
    """Type -> fingerprint."""
    found = (await fresh.xapi.Certificate.get_all_records()).values()
    return {each["type"]: each["fingerprint_sha256"] for each in found}


async def test_another_file_is_another_object(fresh: FreshHost, folder: Path) -> None:
    world, pool = made("world"), made("pool")
    files = CertificateFiles(fresh.runtime, folder / SERVER)

    put(folder / SERVER, world)
    files.look()
    put(folder / INTERNAL, pool)
    files.look()

    assert await recorded(fresh) == {"host": world.fingerprint, "host_internal": pool.fingerprint}
    (ref, _) = await fresh.xapi.Certificate.get_all()
    files.look()
    assert ref in await fresh.xapi.Certificate.get_all()


async def test_a_file_that_cannot_be_shown_leaves_the_object_alone(fresh: FreshHost, folder: Path) -> None:
    ours = made("world")
    put(folder / SERVER, ours)
    files = CertificateFiles(fresh.runtime, folder / SERVER)
    put(folder / SERVER, ours)
    files.look()

    put(folder / SERVER, made("another"), made("x", key=rsa_key(1)).key_pem)
    files.look()
    (folder / SERVER).unlink()
    files.look()

    assert await recorded(fresh) == {"host": ours.fingerprint}
