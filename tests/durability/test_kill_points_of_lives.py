"""kill -9 of the daemon, or of its agent, in the middle of whatever is done to machines on QEMU: the records are true
then, what is said to sleep wakes up, and nothing is left over.

With XAPID_ALL_KILL_POINTS=1 each operation is walked through, dying one step later each time; a run without draws some
of them, and places, by lot: a failure names them.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.durability.killed_operations import ACTS, Act, Killed, Site, Things, carry_out
from tests.forked_daemon import ForkedQemuDaemon
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, agent_of, started_on_qemu
from tests.told import lives

pytestmark = [pytest.mark.libvirt, pytest.mark.root, pytest.mark.slow]

ALL = bool(os.environ.get("XAPID_ALL_KILL_POINTS"))
COMMITS = "XAPID_KILL_AT_BATCH"
SETTINGS = ("XAPID_KILL_AT_CALL", COMMITS, "XAPID_KILL_AGENT_AT_CALL")
EARLY = 4
"""Steps among which the places of a run are drawn that does not try all."""
PATIENCE = 20.0


class Killer:
    """A daemon on QEMU that can be told where it, or its agent, is to die."""

    def __init__(self, daemon: QemuDaemon, folder: Path) -> None:
        self.daemon = daemon
        self._folder = folder
        self.start()

    def start(self) -> None:
        self.daemon.start(environment={setting: str(self._folder / setting) for setting in SETTINGS})

    @contextmanager
    def waiting(self, setting: str, place: str) -> Iterator[None]:
        """Within the block the next operation kills somebody."""
        (self._folder / setting).write_text(place)
        try:
            yield
        finally:
            (self._folder / setting).unlink()

    @contextmanager
    def site(self) -> Iterator[Site]:
        with closing(self.daemon.client()) as client:
            yield Site(self.daemon, client)

    def has_died(self, agent: int) -> bool:
        """Whether the daemon is gone, or the agent that it had; who is gone is started again."""
        assert self.daemon.process is not None
        if self.daemon.process.poll() is None:
            return not lives(agent)
        self.start()
        return True


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    with own_network() as within, started_on_qemu(ForkedQemuDaemon, within) as daemon:
        daemon.stop()
        yield Killer(daemon, tmp_path_factory.mktemp("kill"))


def kills(killer: Killer, act: Act, setting: str, place: str) -> bool:
    """Whether somebody dies at that place. All is as it should be then."""
    told = f"{act}, {setting}={place}"
    with killer.site() as site:
        before, agent = site.things(), agent_of(killer.daemon)
        vm = site.machine(act.state)
        subject = act.subject(site, vm)
        extra = [each(site, vm) if callable(each) else each for each in act.extra]
        status = ""
        with killer.waiting(setting, place), suppress(Killed):
            status = carry_out(site.daemon, site.client, act.message, subject, *extra)
    died = killer.has_died(agent)
    if not died:
        assert status == "success", told
    with killer.site() as site:
        comes_to_nothing(site.untruths, told)
        site.wake_up()
        comes_to_nothing(site.untruths, told)
        site.clear()
        comes_to_nothing(lambda: difference(before, site.things()), told)
    return died


def difference(before: Things, after: Things) -> list[str]:
    return [f"{after[name] - before[name]} of {name}" for name in before | after if after[name] != before[name]]


def comes_to_nothing(look: Callable[[], list[str]], told: str) -> None:
    """A new daemon answers when it has looked at everything; a new agent is there before that."""
    deadline = time.monotonic() + PATIENCE
    while found := look():
        assert time.monotonic() < deadline, (told, found)
        time.sleep(0.1)


def places() -> Iterator[str]:
    """Before the first step, after it, before the second, and so on."""
    for number in itertools.count(1):
        yield from (f"{number}", f"{number}+")


if ALL:

    @pytest.mark.parametrize("setting", SETTINGS)
    @pytest.mark.parametrize("act", ACTS, ids=str)
    def test_wherever_somebody_dies_all_is_as_it_should_be(killer: Killer, act: Act, setting: str) -> None:
        deaths = sum(1 for _ in itertools.takewhile(lambda place: kills(killer, act, setting, place), places()))

        assert deaths >= 2 or not (act.calls or setting == COMMITS)

else:

    def test_all_is_as_it_should_be_when_somebody_dies_in_some_operations(killer: Killer) -> None:
        drawn = random.sample([act for act in ACTS if act.calls and act.state != "Up"], len(SETTINGS))
        for act, setting in zip(drawn, SETTINGS, strict=True):
            kills(killer, act, setting, f"{random.randint(1, EARLY)}{random.choice(('', '+'))}")
