"""What tests of rules start from."""

from __future__ import annotations

import pytest

from tests.rules.rows import World


@pytest.fixture
def world() -> World:
    return World()
