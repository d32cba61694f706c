"""Rates made of counters: what a processor and a device did between two looks."""

from __future__ import annotations

import pytest

from xapid.backends.interface import CpuTime, Traffic
from xapid.rules import figures

NOTHING = {"io_read_kbs": 0.0, "io_write_kbs": 0.0}


@pytest.mark.parametrize(
    "before, now, elapsed, expected",
    [
        ({0: 1.0, 1: 4.0}, {0: 2.0, 1: 4.0}, 4.0, {0: 0.25, 1: 0.0}),
        ({0: 1.0}, {0: 9.0}, 4.0, {0: 1.0}),
        ({0: 9.0}, {0: 1.0}, 4.0, {0: 0.0}),
        ({}, {0: 9.0}, 4.0, {0: 0.0}),
        ({0: 1.0}, {0: 2.0}, 0.0, {0: 0.0}),
    ],
)
def test_a_processor_is_busy_for_a_part_of_the_time(
    before: dict[int, float], now: dict[int, float], elapsed: float, expected: dict[int, float]
) -> None:
    assert figures.parts(before, now, elapsed) == expected


@pytest.mark.parametrize(
    "before, now, expected",
    [
        (CpuTime(1.0, 10.0), CpuTime(2.0, 14.0), 0.25),
        (None, CpuTime(2.0, 14.0), 0.0),
        (CpuTime(2.0, 14.0), CpuTime(2.0, 14.0), 0.0),
        (CpuTime(9.0, 14.0), CpuTime(1.0, 2.0), 0.0),
    ],
)
def test_a_processor_of_the_host_goes_by_its_own_time(before: CpuTime | None, now: CpuTime, expected: float) -> None:
    assert figures.busy(before, now) == expected


@pytest.mark.parametrize(
    "before, now, elapsed, expected",
    [
        (Traffic(1024, 0), Traffic(5120, 2048), 2.0, {"io_read_kbs": 2.0, "io_write_kbs": 1.0}),
        (None, Traffic(5120, 2048), 2.0, NOTHING),
        (Traffic(1024, 0), Traffic(5120, 2048), 0.0, NOTHING),
        (Traffic(9999, 9999), Traffic(0, 0), 2.0, NOTHING),
    ],
)
def test_a_device_has_its_rates_in_kib_a_second(
    before: Traffic | None, now: Traffic, elapsed: float, expected: dict[str, float]
) -> None:
    assert figures.rates(before, now, elapsed) == expected
