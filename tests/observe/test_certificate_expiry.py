"""Alerts about certificates that expire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certificates import made
from tests.conftest import FreshHost
from xapid.observe.certificate_expiry import DAY, EVERY, CertificateExpiry

OURS = made("xen1.example", days=40)
AUTHORITY = made("authority", days=40, authority=True)


async def later(fresh: FreshHost, days: float) -> None:
    """Let days pass, in which sessions end."""
    fresh.clock.passed += days * DAY
    await fresh.xapi.log_in()


async def alerts(fresh: FreshHost) -> list[dict[str, Any]]:
    return list((await fresh.xapi.message.get_all_records()).values())


async def with_certificates(fresh: FreshHost) -> None:
    host, pool = await fresh.the("host"), await fresh.the("pool")
    await fresh.xapi.host.install_server_certificate(host, OURS.pem, OURS.key_pem, "")
    await fresh.xapi.pool.install_ca_certificate("ours.pem", AUTHORITY.pem)
    await fresh.xapi.pool.install_trusted_certificate(pool, False, AUTHORITY.pem, ["ldaps"])


@pytest.mark.parametrize(
    "passed, stage, priority",
    [(11, "EXPIRING_30", "3"), (27, "EXPIRING_14", "2"), (34, "EXPIRING_07", "1"), (41, "EXPIRED", "1")],
)
async def test_the_nearer_the_end_the_more_urgent(fresh: FreshHost, passed: int, stage: str, priority: str) -> None:
    await with_certificates(fresh)
    await later(fresh, passed)

    CertificateExpiry(fresh.runtime).look()

    found = await alerts(fresh)
    kinds = "HOST_SERVER_CERTIFICATE", "POOL_CA_CERTIFICATE", "POOL_PINNED_CERTIFICATE"
    assert {each["name"] for each in found} == {f"{kind}_{stage}" for kind in kinds}
    assert {each["priority"] for each in found} == {priority}


async def test_an_alert_names_its_object_and_its_date(fresh: FreshHost) -> None:
    await with_certificates(fresh)
    records = await fresh.xapi.Certificate.get_all_records()
    await later(fresh, 41)

    CertificateExpiry(fresh.runtime).look()

    found = {each["name"]: each for each in await alerts(fresh)}
    server, authority = found["HOST_SERVER_CERTIFICATE_EXPIRED"], found["POOL_CA_CERTIFICATE_EXPIRED"]
    assert (server["cls"], server["obj_uuid"]) == (
        "Host", await fresh.xapi.host.get_uuid(await fresh.the("host")),
    )  # fmt: skip
    (row,) = [each for each in records.values() if each["name"] == "ours.pem"]
    assert (authority["cls"], authority["obj_uuid"]) == ("Certificate", row["uuid"])
    assert authority["body"].endswith(f" has expired.</message><date>{row['not_after']}</date></body>")


async def test_certificates_that_last_are_not_spoken_of(fresh: FreshHost) -> None:
    await with_certificates(fresh)

    CertificateExpiry(fresh.runtime).look()

    assert await alerts(fresh) == []


async def test_an_alert_is_given_once_and_gives_way_to_a_more_urgent_one(fresh: FreshHost) -> None:
    await with_certificates(fresh)
    expiry = CertificateExpiry(fresh.runtime)
    await later(fresh, 11)
    expiry.look()
    first = await fresh.xapi.message.get_all()

    await later(fresh, EVERY / DAY)
    expiry.look()
    second = await fresh.xapi.message.get_all()
    await later(fresh, 22)
    expiry.look()

    assert sorted(first) == sorted(second)
    assert {each["name"].rpartition("_")[2] for each in await alerts(fresh)} == {"07"}
    assert len(await alerts(fresh)) == len(first) == 3


async def test_one_looks_once_a_day(fresh: FreshHost) -> None:
    await with_certificates(fresh)
    expiry = CertificateExpiry(fresh.runtime)
    expiry.look()
    fresh.clock.passed += EVERY - 1
    for ref in await fresh.xapi.Certificate.get_all():
        row = fresh.store.find_any(ref)
        assert row is not None
        with fresh.store.write() as tx:
            tx.set(row, not_after=fresh.clock.date())
    expiry.look()
    before = await alerts(fresh)

    fresh.clock.passed += 1
    expiry.look()

    assert (before, len(await alerts(fresh))) == ([], 3)
