"""kill -9 at each step of a ramp, and between: the line stays as it is, and people are told what was going on.

Real daemon processes, units of two makes on pseudo terminals, two persons at the control socket. STATIOND_RAMP_KILLS sets how often
a daemon is killed, over both makes; a release takes 200. Several stations are at work at once, each with a plant of its own.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from stationd.core.powerfeed.words import LEAD_S
from tests.integration.acting_house import ALARM, AUDIT, RATE_DOWN, RATE_UP, REASON, Feed, House, Life, Someone, house, present, until

KILLS = int(os.environ.get("STATIOND_RAMP_KILLS", "20"))
TRANSIT_S = 0.25  # what was on the wire when the daemon died arrives within this; a new daemon is not up so soon
METER_MA = 2.0  # droop of the feed: its current is so far from its set point
BETWEEN_S = 0.7  # about the time between two steps
UNPROVED = 0.3  # the share of that in which it is not yet proved by two readings that nothing is left
STATIONS = tuple(Feed) * 2
TRIES = 4  # a machine that is so busy that readings are late makes a ramp hold before its moment: then it is begun anew


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: at the n-th command of this task, or so much later."""

    task: Mapping[str, object]
    begin_ma: float
    rate_ma_per_s: float
    command: int
    later_s: float

    @property
    def upward(self) -> bool:
        """Whether going on wants two persons again."""
        to_ma = self.task.get("toMilliamperes")
        return isinstance(to_ma, float) and to_ma > self.begin_ma


def moments(count: int, of: random.Random) -> list[Moment]:
    """Return moments spread over the four tasks that move a current; the numbers of commands are those that each surely has."""
    made, first = [], of.randrange(4)
    for number in range(count):
        later_s = of.uniform(0.0, BETWEEN_S) if of.random() < 0.5 else 0.0
        from_ma = float(of.randrange(200, 600))
        rate: dict[str, object] = {"rateMilliamperesPerSecond": RATE_UP}
        down: dict[str, object] = {"rateMilliamperesPerSecond": RATE_DOWN}
        made.append((
            Moment({"verb": "energise", "toMilliamperes": 120.0, **rate}, 0.0, RATE_UP, of.randint(1, 7), later_s),
            Moment({"verb": "ramp", "toMilliamperes": from_ma + 200.0, **rate}, from_ma, RATE_UP, of.randint(1, 4), later_s),
            Moment({"verb": "ramp", "toMilliamperes": from_ma - 200.0, **down}, from_ma, RATE_DOWN, of.randint(1, 4), later_s),
            Moment({"verb": "off", **down}, 150.0, RATE_DOWN, of.randint(1, 4), later_s * UNPROVED),
        )[(first + number) % 4])  # fmt: skip
    return made


@dataclass(frozen=True, slots=True)
class Killed:
    """What there was when the daemon died."""

    operation: str
    t: float
    current_ma: float
    ran_s: float


async def run_until_killed(one: House, life: Life, moment: Moment) -> Killed:
    """Let two persons begin the task, and kill the daemon at the moment."""
    aliya, nurlan = await life.someone("aliya"), await life.someone("nurlan")
    held = []
    for _ in range(TRIES):
        await one.told_at(aliya, moment.begin_ma)
        await aliya.causes("RequestAuthority")
        armed = await aliya.insist("Arm", object="pfe", task=moment.task, reason=REASON)
        name = armed["operation"]["name"]
        await nurlan.order("Approve", operation=name)
        before, begun_t = len(one.simulation.written), one.now
        await aliya.order("Execute", operation=name, code=armed["code"])
        async with present(life, name):
            if await comes(one, aliya, name, before + moment.command):
                await asyncio.sleep(moment.later_s)
                killed_t, current_ma = one.now, one.current_ma
                await life.kill()
                return Killed(name, killed_t, current_ma, killed_t - begun_t)
        held.append(await aliya.operation(name))
        await aliya.causes("Disarm", operation=name)
    raise AssertionError(f"{moment} was not reached: {[each['detail'] for each in held]}")


async def comes(one: House, aliya: Someone, name: str, commands: int) -> bool:
    """Wait for so many commands at the units; return False if the operation ends or holds before."""
    looks = 0
    while len(one.simulation.written) < commands:
        await asyncio.sleep(0.002)
        looks += 1
        if looks % 200 == 0 and (await aliya.operation(name))["phase"] not in ("starting", "running"):
            return False
    return True


async def look_after(one: House, life: Life, moment: Moment, killed: Killed) -> None:
    """Look at everything that is promised of a daemon that was started again."""
    aliya = await life.someone("aliya")
    seen = await aliya.operation(killed.operation)
    assert (seen["phase"], seen["ending"]) == ("held", None), f"{moment}: {seen}"
    await until(lambda: alarmed(aliya))
    await until(lambda: told(aliya, killed.operation))
    lead_ma = moment.rate_ma_per_s * LEAD_S + METER_MA
    stands_ma = one.current_ma
    assert abs(killed.current_ma - moment.begin_ma) <= moment.rate_ma_per_s * killed.ran_s + lead_ma, f"{moment}: {killed}"
    assert abs(stands_ma - killed.current_ma) <= lead_ma, f"{moment}: {killed}, and then {stands_ma} mA"
    await aliya.order("RequestAuthority")
    prepared = await aliya.insist("Prepare", operation=killed.operation, way="resume")
    assert prepared["operation"]["wantsApproval"] or not moment.upward, f"{moment}: {prepared}"
    if prepared["operation"]["wantsApproval"]:  # downward too, where it is not known any more from where it came
        causes = await aliya.causes("Execute", operation=killed.operation, code=prepared["code"])
        assert causes == ["second-person-missing"], f"{moment}: {causes}"
    assert one.current_ma == pytest.approx(stands_ma, abs=0.01), f"{moment}: it moved"
    assert one.written(killed.t + TRANSIT_S) == [], f"{moment}: commands after the kill"
    await aliya.order("Disarm", operation=killed.operation)
    assert one.written(killed.t + TRANSIT_S) == [], f"{moment}: commands when it was closed"


async def alarmed(who: Someone) -> bool:
    alarms = (await who.must(f"{ALARM}.List", filter={"shown": "active"}))["alarms"]
    return "station/OP-HELD" in {each["key"] for each in alarms}


async def told(who: Someone, operation: str) -> bool:
    """Return whether the restart is in the audit: behind the intent, which never has a result."""
    listing = await who.must(f"{AUDIT}.List", last=100)
    kinds = [each["kind"] for each in listing["entries"] if each["subject"] == operation]
    assert "result" not in kinds, kinds
    assert kinds[:3] == ["armed", "approved", "intent"], kinds
    return "restarted" in kinds[3:]


async def series(folder: Path, feed: Feed, count: int, seed: int) -> None:
    """Kill the daemon of one station again and again; the one that was looked at after a kill is killed next."""
    async with house(folder, feed) as one:
        life = await one.start()
        try:
            for moment in moments(count, random.Random(seed)):
                killed = await run_until_killed(one, life, moment)
                await life.end()
                life = await one.start()
                await look_after(one, life, moment, killed)
            verified = await (await life.someone("viewer")).must(f"{AUDIT}.Verify")
            assert verified["intact"], verified
        finally:
            await life.end()


@pytest.mark.timeout(240 + 20 * KILLS)
async def test_kill_9_at_any_step_of_a_ramp_leaves_the_line_as_it_is_and_holds_it_with_an_alarm(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    sys.stdout.write(f"{KILLS} kills, seed {seed}\n")
    begun = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as tasks:
        for number, feed in enumerate(STATIONS):
            count = (KILLS + number) // len(STATIONS)
            tasks.create_task(series(tmp_path / str(number), feed, count, seed + number))
    sys.stdout.write(f"{KILLS} kills in {asyncio.get_running_loop().time() - begun:.0f} s\n")
