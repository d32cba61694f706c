"""For whom a certificate speaks."""

from __future__ import annotations

import pytest

from tests.certificates import Made, made, rsa_key
from xapid.auth.client_certificates import covers, leads_to, names_of


@pytest.mark.parametrize(
    "pattern, name, covered",
    [
        ("backup.example", "backup.example", True),
        ("Backup.Example", "backup.EXAMPLE.", True),
        ("backup.example", "other.example", False),
        ("backup.example", "x.backup.example", False),
        ("*.lab.example", "backup.lab.example", True),
        ("*.lab.example", "a.backup.lab.example", False),
        ("*.lab.example", "lab.example", False),
        ("*.lab.example", ".lab.example", False),
        ("*.example", "backup.example", False),
        ("*", "backup", False),
        ("", "", False),
        ("backup.example", "", False),
        ("*.lab.example", "*.lab.example", False),
        ("bac\u212aup.example", "backup.example", False),
    ],
)
def test_a_name_covers_itself_and_a_star_one_label(pattern: str, name: str, covered: bool) -> None:
    assert covers(pattern, name) is covered


def test_the_subject_counts_where_there_are_no_alternative_names() -> None:
    assert names_of(made("backup.example").certificate) == ["backup.example"]
    assert names_of(made("authority", authority=True).certificate) == ["authority"]


AUTHORITY = made("authority", key=rsa_key(9), authority=True)
BETWEEN = made("between", AUTHORITY, key=rsa_key(2), authority=True)
CLIENT = made("backup.example", BETWEEN, key=rsa_key(3), client=True)
STRANGER = made("stranger", key=rsa_key(1), authority=True)


@pytest.mark.parametrize(
    "others, trusted",
    [
        ([BETWEEN], True),
        ([BETWEEN, AUTHORITY], True),
        ([STRANGER, BETWEEN, CLIENT], True),
        ([], False),
        ([STRANGER], False),
    ],
    ids=["as TLS says", "with the authority", "in disorder, with others", "none", "another"],
)
def test_a_client_is_trusted_by_those_between_it_and_an_authority(others: list[Made], trusted: bool) -> None:
    found = [each.certificate for each in others]

    assert leads_to([AUTHORITY.certificate], CLIENT.certificate, found) is trusted
    assert leads_to([STRANGER.certificate], CLIENT.certificate, found) is False


def test_an_authority_in_between_may_be_installed_itself() -> None:
    assert leads_to([BETWEEN.certificate], CLIENT.certificate, [])
