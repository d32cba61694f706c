"""``make proof`` runs every test there is, each for the point of the first issue that it shows."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def proof() -> ModuleType:
    spec = importlib.util.spec_from_file_location("proof", ROOT / "make.d" / "proof.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(proof: ModuleType) -> set[Path]:
    words = {word for each in proof.PROOFS for word in shlex.split(each.command)}
    return {ROOT / word for word in words if word.startswith("tests/")}


def test_every_test_that_is_named_is_there(proof: ModuleType) -> None:
    assert [path for path in named(proof) if not path.exists()] == []


def test_every_test_belongs_to_a_point(proof: ModuleType) -> None:
    places = named(proof)
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if not places & {path, *path.parents}]

    assert sorted(str(path.relative_to(ROOT)) for path in tests) == []


def test_every_point_is_shown(proof: ModuleType) -> None:
    assert {each.point for each in proof.PROOFS} == set(range(1, 12))
