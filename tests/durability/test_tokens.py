"""Tokens of events that were given before the daemon ended count after its next start.

A start computes derived fields anew: what has such is told of as changed once more, whether it did or not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client, Daemon

pytestmark = pytest.mark.slow
ENDS: dict[str, Callable[[Daemon], None]] = {"killed": Daemon.kill, "stopped": Daemon.stop}
every_end = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


def network(client: Client, label: str) -> str:
    return str(client.call("network.create", {"name_label": label, "name_description": "", "other_config": {}}))


def since(client: Client, token: str, classes: list[str], seconds: float = 0.0) -> tuple[dict[str, str], str]:
    """What became of each object since a token, and the next token."""
    batch = client.call("event.from", classes, token, seconds)
    told = {each["ref"]: each["operation"] for each in batch["events"]}
    assert len(told) == len(batch["events"])
    return told, batch["token"]


def without(told: dict[str, str], mine: dict[str, str]) -> dict[str, str]:
    """What else is told of, which may only be told of as changed."""
    return dict.fromkeys(set(told) - set(mine), "mod")


@every_end
def test_a_token_from_before_tells_what_happened_before_and_after_the_end(
    tmp_path: Path, end: Callable[[Daemon], None]
) -> None:
    with Daemon(tmp_path) as daemon:
        with closing(daemon.client()) as client:
            changed, gone_before, gone_after = (network(client, label) for label in "abc")
            (pool,) = client.call("pool.get_all")
            pool_uuid = client.call("pool.get_uuid", pool)
            old = client.call("message.create", "OLD", "3", "Pool", pool_uuid, "")
            _, token = since(client, "", ["*"])
            client.call("network.set_name_label", changed, "changed")
            client.call("network.destroy", gone_before)
            client.call("network.destroy", network(client, "came and went"))
            made_before = network(client, "made before")
            told_before = client.call("message.create", "BEFORE", "3", "Pool", pool_uuid, "")
            _, later = since(client, "", ["*"])

        end(daemon)
        daemon.start()

        with closing(daemon.client()) as client:
            made_after = network(client, "made after")
            client.call("network.destroy", gone_after)
            told_after = client.call("message.create", "AFTER", "3", "Pool", pool_uuid, "")

            told, newest = since(client, token, ["network", "message"])
            told_later, _ = since(client, later, ["network", "message"])

            known = set(since(client, "", ["network", "message"])[0])
            mine = {
                changed: "mod", made_before: "add", made_after: "add", gone_before: "del", gone_after: "del",
                told_before: "add", told_after: "add",
            }  # fmt: skip
            assert told == {**without(told, mine), **mine}
            assert set(without(told, mine)) <= known - {old}
            mine = {made_after: "add", gone_after: "del", told_after: "add"}
            assert told_later == {**without(told_later, mine), **mine}
            assert not {gone_before, told_before, old} & set(told_later)
            assert token < later < newest
            assert since(client, newest, ["network", "message"], 0.05) == ({}, newest)


@every_end
def test_a_token_outlives_many_ends(tmp_path: Path, end: Callable[[Daemon], None]) -> None:
    with Daemon(tmp_path) as daemon:
        with closing(daemon.client()) as client:
            _, token = since(client, "", ["network"])
            tokens = [token]
        made: list[str] = []

        for number in range(4):
            with closing(daemon.client()) as client:
                made.append(network(client, f"{number}"))
                tokens.append(since(client, tokens[-1], ["network"])[1])
            end(daemon)
            daemon.start()

        with closing(daemon.client()) as client:
            for number, token in enumerate(tokens):
                told, _ = since(client, token, ["network"])
                mine = dict.fromkeys(made[number:], "add")
                assert told == {**without(told, mine), **mine}
        assert tokens == sorted(tokens)


@every_end
def test_who_goes_on_waiting_with_his_token_after_a_start_hears_the_next_change(
    tmp_path: Path, end: Callable[[Daemon], None]
) -> None:
    """As clients do that log in again and go on: with the token of the end of the first connection."""
    with Daemon(tmp_path) as daemon:
        with closing(daemon.client()) as client:
            ref = network(client, "waited for")
            _, token = since(client, "", ["network"])
        end(daemon)
        daemon.start()

        heard: list[Any] = []
        for label in ("one", "two"):
            with closing(daemon.client()) as client:
                client.call("network.set_name_label", ref, label)
                batch = client.call("event.from", [f"network/{ref}"], token, 30.0)
                heard += [each["snapshot"]["name_label"] for each in batch["events"]]
                token = batch["token"]

        assert heard == ["one", "two"]
