"""Where repositories may lie: full paths that the kernel can take, with names of files still to follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapid.backends.interface import BadConfig
from xapid.backends.storage.places import LONGEST, directory


@pytest.mark.parametrize(
    "location", ["/", "/srv/images", "/srv/Zürich", f"/{'a/' * (LONGEST // 2 - 2)}", f"/{'x' * 255}"]
)
def test_a_full_path_is_taken(location: str) -> None:
    assert directory(location) == Path(location)


@pytest.mark.parametrize(
    "location",
    ["", "srv", "./srv", "/srv/../etc", "/a\nb", "/a\0b", f"/{'a/' * LONGEST}", f"/{'x' * 256}", f"/{'ü' * 128}"],
)
def test_what_is_no_place_is_refused_in_few_words(location: str) -> None:
    with pytest.raises(BadConfig) as refused:
        directory(location)
    assert refused.value.facts["key"] == "location"
    assert len(str(refused.value)) < 1000
