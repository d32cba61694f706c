"""Places that may change while they are taken."""

from __future__ import annotations

import asyncio

import pytest

from xapid.auth.slots import Slots


class Crowd:
    """Who is inside, and at most so many ever were."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.slots = Slots(lambda: self.places)
        self.inside = self.most = 0
        self.leave = asyncio.Event()

    async def enter(self) -> None:
        async with self.slots.taken():
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.leave.wait()
            self.inside -= 1


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("places", [1, 3])
async def test_no_more_are_inside_than_there_are_places(places: int) -> None:
    crowd = Crowd(places)
    waiting = [asyncio.ensure_future(crowd.enter()) for _ in range(10)]
    await settled()
    inside = crowd.inside
    crowd.leave.set()
    await asyncio.gather(*waiting)

    assert (inside, crowd.most, crowd.inside) == (places, places, 0)


async def test_fewer_places_count_from_the_next_on() -> None:
    crowd = Crowd(4)
    first = [asyncio.ensure_future(crowd.enter()) for _ in range(4)]
    await settled()
    crowd.places = 1
    later = [asyncio.ensure_future(crowd.enter()) for _ in range(3)]
    await settled()
    crowd.leave.set()
    await asyncio.gather(*first)
    crowd.most = 0
    await asyncio.gather(*later)

    assert crowd.most == 1


async def test_who_gives_up_waiting_keeps_nobody_out() -> None:
    crowd = Crowd(1)
    first, second, third = (asyncio.ensure_future(crowd.enter()) for _ in range(3))
    await settled()
    second.cancel()
    crowd.leave.set()
    await asyncio.gather(first, third)

    assert second.cancelled()
    assert crowd.inside == 0


async def test_whose_turn_has_come_passes_it_on_when_he_gives_up() -> None:
    crowd = Crowd(1)
    first, second, third = (asyncio.ensure_future(crowd.enter()) for _ in range(3))
    await settled()
    crowd.leave.set()
    await asyncio.wait({first})
    second.cancel()

    await asyncio.wait_for(third, 5)
