"""For whom a certificate speaks."""

from __future__ import annotations

import pytest

from tests.certificates import made
from xapid.auth.client_certificates import covers, names_of


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
