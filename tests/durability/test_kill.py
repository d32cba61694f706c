"""What was acknowledged is found again, whenever the daemon is killed."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from tests.daemon import Client, Daemon

WRITERS = 32
ROUNDS = 50 if os.environ.get("XAPID_ALL_KILL_POINTS") else 10
pytestmark = pytest.mark.slow


class Writer(threading.Thread):
    """Renames its own network over and over, and remembers what was acknowledged."""

    def __init__(self, path: Path, network: str, first: int) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._network = network
        self.asked = first
        self.acknowledged = first
        self.error = ""

    def run(self) -> None:
        try:
            client = Client(self._path)
            while True:
                self.asked += 1
                client.call("network.set_name_label", self._network, str(self.asked))
                self.acknowledged = self.asked
        except OSError:
            return
        except Exception as error:
            self.error = repr(error)


def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon:
        client = daemon.client()
        networks = [client.call("network.create", {"name_label": "0", "other_config": {}}) for _ in range(WRITERS)]
        client.close()
        reached = [0] * WRITERS
        chance = random.Random(20261125)

        for _ in range(ROUNDS):
            writers = [Writer(daemon.socket, ref, count) for ref, count in zip(networks, reached, strict=True)]
            for writer in writers:
                writer.start()
            writers[0].join(chance.uniform(0.05, 0.3))
            daemon.kill()
            for writer in writers:
                writer.join(30)

            daemon.start()
            client = daemon.client()
            found = [int(client.call("network.get_name_label", ref)) for ref in networks]
            client.close()

            assert [writer.error for writer in writers] == [""] * WRITERS
            for writer, number in zip(writers, found, strict=True):
                assert writer.acknowledged <= number <= writer.asked
            assert sum(writer.acknowledged for writer in writers) > sum(reached)
            reached = found
