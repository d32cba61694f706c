"""The README keeps its word: what it says to paste, and where things are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def pasted() -> str:
    """The lines of Python that a reader is told to paste."""
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    return block[1]


def test_what_is_to_be_pasted_is_ten_lines_of_python() -> None:
    compile(pasted(), "README.md", "exec")

    assert len(pasted().splitlines()) == 10


def test_every_room_is_on_the_map() -> None:
    rooms = {path.name for path in (ROOT / "xapid").iterdir() if path.is_dir() and path.name != "__pycache__"}

    assert sorted(room for room in rooms if f"| `xapid/{room}/` |" not in README) == []


def test_every_target_that_it_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z][a-z-]*)", README, re.MULTILINE))

    assert named and named <= targets


def test_the_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^):]+)\)", README)

    assert [link for link in links if not (ROOT / link).exists()] == []
