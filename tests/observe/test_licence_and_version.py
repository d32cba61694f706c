"""The maps of a host about its licence and its software are those that the page of the docs describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.xapi import Xapi

PAGE = Path(__file__).parents[2] / "docs" / "licence_and_version.md"
ROW = re.compile(r"^\| `(?P<key>[^`]+)` \| (?P<value>[^|]+) \| [^|]+ \|$", re.MULTILINE)


def described(field: str) -> dict[str, str]:
    """Each key of the table below the field's name, and the text in its column of values."""
    _, _, after = PAGE.read_text().partition(f"## host.{field}\n")
    rows = [(found["key"], found["value"]) for found in ROW.finditer(after.partition("\n## ")[0])]
    assert len(dict(rows)) == len(rows)
    return dict(rows)


@pytest.mark.parametrize("field", ["license_params", "software_version"])
async def test_the_page_names_every_key_and_no_other(xapi: Xapi, host: str, field: str) -> None:
    found = await xapi.call(f"host.get_{field}", host)

    assert set(found) == set(described(field))


@pytest.mark.parametrize("field", ["license_params", "software_version"])
async def test_values_that_the_page_gives_are_those_of_the_host(xapi: Xapi, host: str, field: str) -> None:
    given = {key: text.strip("`") for key, text in described(field).items() if re.fullmatch(r"`[a-z0-9.]+`", text)}

    found = await xapi.call(f"host.get_{field}", host)

    assert {key: found[key] for key in given} == given
    assert len(given) >= 4


async def test_what_a_host_withholds_the_pool_says_too(xapi: Xapi, host: str, pool: str) -> None:
    licence = await xapi.host.get_license_params(host)

    restrictions = await xapi.pool.get_restrictions(pool)

    assert restrictions == {key: licence[key] for key in restrictions}
    assert {key for key in licence if key.startswith("restrict_")} <= set(restrictions)
