"""What `make docs` builds: the reference without a warning, and man pages that say what the code says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xapid.cli.server_command import parser
from xapid.datamodel.map_keys import all_keys
from xapid.datamodel.types import CLASSES
from xapid.runtime.config import Config
from xapid.runtime.settings import declared

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MAN = ROOT / "docs" / "man"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the folder, for pages are written into it."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("reference"))
    (tmp_path / "xapid").symlink_to(ROOT / "xapid")
    return tmp_path


def build(docs: Path, kind: str) -> Path:
    options = ["-q", "-W", "--keep-going", "-d", "read", "-b", kind]
    command = [sys.executable, "-m", "sphinx", *options, "docs", f"out/{kind}"]
    done = subprocess.run(command, cwd=docs, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return docs / "out" / kind


def words(page: Path) -> list[str]:
    """What a man page says, without how it is set: that varies with the release of the program that made it."""
    lines = (line for line in page.read_text().splitlines() if not re.match(r"[.'](\\\"|TH|nr|de|if|ie|el|\.)", line))
    return re.findall(r"[\w:/.]+", re.sub(r"\\f[A-Z]|\\", "", " ".join(lines)))


def test_reference_and_man_pages_are_built_without_a_warning_and_say_what_the_code_says(docs: Path) -> None:
    pages = build(docs, "html")
    for name, cls in CLASSES.items():
        text = (pages / "reference" / "classes" / f"{name}.html").read_text()
        missing = [field for field in cls.spec.fields if f">{field}<" not in text]
        assert missing == [], name
    keys = (pages / "reference" / "map_keys.html").read_text()
    assert [key.name for key in all_keys() if f">{key.name}<" not in keys] == []

    manual = build(docs, "man")
    for name in ("xapid.8", "xapid.toml.5"):
        assert words(MAN / name) == words(manual / name), "run `make docs`"


def test_the_man_pages_name_every_command_and_setting() -> None:
    command, settings = (MAN / "xapid.8").read_text(), (MAN / "xapid.toml.5").read_text()
    names = re.search(r"{(.*?)}", parser().format_usage().replace("\n", "")) or ["", "serve,db,passwd,doctor"]
    assert [name for name in names[1].split(",") if name not in command] == []
    # A dash is set as \-.
    assert [each.variable for each in declared(Config) if each.variable not in settings.replace("\\", "")] == []
