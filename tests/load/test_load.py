"""The mixed load, small: it runs, it kills, and it would see what it looks for."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.load.__main__ import GROWTH, Load, Outcome, Weight, report
from tests.load.clients import Writer


@pytest.mark.slow
def test_a_mixed_load_survives_kill_9(tmp_path: Path) -> None:
    outcome = asyncio.run(Load(tmp_path, clients=30, seed=4).run(seconds=15, kill=4))

    assert outcome.wrong == []
    assert len(outcome.lives) >= 2
    assert {"network.set_name_label", "event.from", "session.login_with_password", "VM.clone"} <= set(outcome.calls)
    assert "nothing lost" in report(outcome)


@pytest.mark.parametrize("found, lost", [("3", True), ("4", False), ("5", False), ("6", True)])
def test_a_name_that_was_promised_and_is_not_there_is_noticed(found: str, lost: bool) -> None:
    writer = Writer(0, Path("/nowhere"), Counter(), random.Random(0))
    writer.acknowledged, writer.asked = 4, 5

    writer.check(found)

    assert bool(writer.wrong) is lost


def test_the_report_says_what_grew() -> None:
    outcome = Outcome(Counter({"a.b": 10}), [], [[Weight(GROWTH, 5)] * 3, [Weight(3 * GROWTH, 9)] * 3], 2.0)

    assert outcome.memory(-1) - outcome.memory(0) == 2 * GROWTH
    assert "10 calls in 2 s, 5 a second" in report(outcome)
    assert "9 files" in report(outcome)
