"""Who gets a place, and how many come in at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stationd.console.places import USUAL, Entrance, Limits, Places, Share, UserShare
from tests.console.desk import OPERATOR, POWER, VIEWER
from tests.virtual_time import run

MOMENT = Limits(at_once=5, moment_s=0.1)


def test_no_user_has_more_than_one_of_the_places_for_emergencies() -> None:
    places = Places(Limits(emergency=2))
    assert places.press_in(OPERATOR)
    assert not places.press_in(replace(OPERATOR, pid=99))
    assert places.press_in(POWER)
    places.press_out(OPERATOR)
    assert places.press_in(OPERATOR)
    assert not places.press_in(VIEWER)


@given(st.lists(st.floats(0.0, 0.05), min_size=1, max_size=100))
def test_however_many_knock_few_are_taken_in_a_moment_and_the_rest_is_no_longer_than_one(gaps: list[float]) -> None:
    entrance, now, taken = Entrance(MOMENT), 0.0, list[float]()
    for gap in gaps:
        now += gap
        taken.append(now)
        rest_s = entrance.rest_s(now)
        assert 0.0 <= rest_s <= MOMENT.moment_s
        now += rest_s
    for first in taken:
        assert sum(first <= each < first + 0.0999 for each in taken) <= 2 * MOMENT.at_once


def test_all_who_may_wait_are_taken_within_a_tenth_of_a_second() -> None:
    assert USUAL.backlog / USUAL.at_once * USUAL.moment_s <= 0.1


def test_so_many_are_taken_before_the_next_rest() -> None:
    entrance = Entrance(MOMENT)
    assert [entrance.rest_s(1.0) > 0 for _ in range(5)] == [False] * 4 + [True]
    assert [entrance.rest_s(1.1) > 0 for _ in range(5)] == [False] * 4 + [True]


# The share of the loop that many have together, in virtual time: a call costs what it says, and nobody works beside it.

GREEDY, GREEDY_TOO, MODEST = 1, 2, 3
CALL_S = 0.001


async def calls_on(own: UserShare, done: Counter[int], cost_s: float = CALL_S) -> None:
    """Ask again as soon as one is answered."""
    while True:
        await own.turn()
        own.used(cost_s)
        done[own.uid] += 1
        await asyncio.sleep(0)


async def beside(greedy: list[UserShare], then: Callable[[Counter[int]], Awaitable[None]]) -> None:
    """Do something while others ask for as much as they can get, for a minute already."""
    done = Counter[int]()
    tasks = [asyncio.create_task(calls_on(own, done)) for own in greedy]
    await asyncio.sleep(60.0)
    await then(done)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_whatever_is_asked_for_all_together_use_no_more_than_the_share() -> None:
    share = Share(0.1)

    async def measured(done: Counter[int]) -> None:
        before = done.total()
        await asyncio.sleep(100.0)
        assert abs((done.total() - before) * CALL_S - 10.0) < 0.2

    run(beside([share.of(GREEDY)] * 4 + [share.of(GREEDY_TOO)] * 4, measured))


def test_users_who_ask_for_all_they_can_get_have_the_same_however_many_connections_they_have() -> None:
    share = Share(0.1)

    async def measured(done: Counter[int]) -> None:
        before = Counter(done)
        await asyncio.sleep(100.0)
        gained = done - before
        assert abs(gained[GREEDY] / gained[GREEDY_TOO] - 1.0) < 0.02

    run(beside([share.of(GREEDY)] * 15 + [share.of(GREEDY_TOO)], measured))


def test_who_asks_for_less_than_his_part_never_waits_whatever_the_others_ask_for() -> None:
    share = Share(0.1)

    async def measured(_: Counter[int]) -> None:
        loop, own, waits_s = asyncio.get_running_loop(), share.of(MODEST), list[float]()
        for _ in range(200):
            begun = loop.time()
            await own.turn()
            waits_s.append(loop.time() - begun)
            own.used(CALL_S)
            await asyncio.sleep(0.05)  # 2 % of the loop, of 10 % for three
        assert max(waits_s) == 0.0

    run(beside([share.of(GREEDY)] * 12 + [share.of(GREEDY_TOO)], measured))


def test_who_asks_for_more_than_his_part_waits_like_the_others() -> None:
    share = Share(0.1)

    async def measured(done: Counter[int]) -> None:
        before, more = Counter(done), asyncio.create_task(calls_on(share.of(MODEST), done, 5 * CALL_S))
        await asyncio.sleep(100.0)
        more.cancel()
        gained = done - before
        assert abs(5 * gained[MODEST] / gained[GREEDY] - 1.0) < 0.05

    run(beside([share.of(GREEDY)] * 3, measured))


def test_who_gives_up_waiting_takes_nobodys_turn() -> None:
    share = Share(0.1)

    async def scene() -> None:
        share.of(GREEDY).used(1.0)
        first, second = asyncio.create_task(share.turn(GREEDY)), asyncio.create_task(share.turn(GREEDY))
        await asyncio.sleep(1.0)
        first.cancel()
        async with asyncio.timeout(9.0):
            await second

    run(scene())


def test_the_clocks_of_users_who_are_gone_are_forgotten() -> None:
    share = Share(0.1)

    async def scene() -> None:
        for uid in range(1000):
            await share.turn(uid)
            share.used(uid, 0.01)
        assert share.clocks <= 65

    run(scene())
