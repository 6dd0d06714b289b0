"""The inbox of the engine: bounded, ordered, and never losing what is not a reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stationd.board import Board
from stationd.core.alarm.condition import Below
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Event
from stationd.core.alarm.plan import Plan, rule
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Done, Signal, Target
from stationd.core.model import (
    GOOD,
    Announce,
    IntentKept,
    Level,
    LightEvent,
    LightKind,
    LinkChanged,
    PointId,
    Reading,
    Reason,
    Value,
    Write,
    WriteDone,
)
from stationd.core.operation.orders import Confirm, EmergencyOff, KeepAlive
from stationd.core.operation.words import Accepted, ActEffect, CutOff, Hasten, Noted, TakeBack
from stationd.core.station import Station
from stationd.core.verdict.told import TakeBaseline
from stationd.device import Device
from stationd.driver import INPUT_OUTPUT, Driver, Holding, Point, Protocol
from stationd.engine import INBOX_EVENTS, Acted, Engine, Kept, Ordered, Told
from stationd.wire.modbus import Rtu
from stationd.wire.registers import U16
from tests import virtual_time
from tests.acting import BEKOV, ActingDesk

LEVEL = PointId("m", "level")
LOW, CLOCK = AlarmKey("m", "LOW-LEVEL"), AlarmKey("station", "CLOCK-STEPPED")
DRIVER = Driver("meter", INPUT_OUTPUT, (Protocol.MODBUS_RTU,), (Point("level", Holding(0), U16),), "none", addresses=(1, 247))


async def no_write(target: PointId, value: Value) -> WriteDone:
    raise AssertionError("nothing is written here")


@dataclass
class Ear:
    """Hears what is told outside, all that follows from one event together."""

    told: list[Told] = field(default_factory=list)
    groups: list[tuple[Told, ...]] = field(default_factory=list)
    ordered: list[Ordered | Acted] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def keep(self, told: Sequence[Told], ordered: Ordered | Acted | None) -> Kept:
        self.told += told
        self.groups.append(tuple(told))
        self.ordered += [ordered] if ordered is not None else []
        kept: Kept = asyncio.get_running_loop().create_future()
        self.kept.append(kept)
        return kept

    def remember(self, readings: Sequence[Reading]) -> None:
        self.readings += readings


def with_alarms(now: float) -> tuple[Engine, Ear, Alarms]:
    desk, ear = Alarms(Plan({LOW: rule(LOW, Below(5.0), LEVEL), CLOCK: rule(CLOCK)}), now), Ear()
    board = Board([Device("m", DRIVER, Rtu())], 0.0)
    return Engine(board, Station({LEVEL: 1.0}, desk), no_write, ear), ear, desk


def events_of(ear: Ear, key: AlarmKey) -> list[Event]:
    return [each.event for each in ear.told if isinstance(each, AlarmRecord) and each.key == key]


def made() -> tuple[Engine, Board]:
    board = Board([Device("m", DRIVER, Rtu())], 0.0)
    return Engine(board, Station({LEVEL: 1.0}), no_write), board


def test_a_full_inbox_drops_readings_and_counts_them_but_nothing_else() -> None:
    async def main() -> None:
        engine, board = made()
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        engine.post([Reading(LEVEL, 2, GOOD, now), LinkChanged("line", False, ("m",), now)])
        assert engine.dropped_events == 1
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert board[LEVEL].quality.level is Level.STALE
        assert board[LEVEL].value == 1

    virtual_time.run(main())


def test_what_follows_from_an_event_is_shown_before_the_next_event() -> None:
    async def main() -> None:
        engine, board = made()
        now = asyncio.get_running_loop().time()
        events = [Reading(LEVEL, 1, GOOD, now), LinkChanged("line", False, ("m",), now), Reading(LEVEL, 2, GOOD, now)]
        engine.post(events)
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert (board[LEVEL].value, board[LEVEL].quality) == (2, GOOD)

    virtual_time.run(main())


def test_a_full_inbox_loses_no_event_of_the_light_and_announces_them_in_order() -> None:
    async def main() -> None:
        ear = Ear()
        engine = Engine(Board([Device("m", DRIVER, Rtu())], 0.0), Station({LEVEL: 1.0}), no_write, ear)
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        events = [LightEvent(LightKind.LOST, "a", now, now, now, number) for number in range(3)]
        for event in events:
            engine.post([Reading(LEVEL, 2, GOOD, now), event])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert [each.event for each in ear.told if isinstance(each, Announce)] == events
        assert engine.dropped_events == 3

    virtual_time.run(main())


def test_readings_and_signals_raise_alarms_and_readings_go_to_the_history() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, desk = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now), Signal(CLOCK, True, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert events_of(ear, LOW) == events_of(ear, CLOCK) == [Event.RAISE]
        assert [reading.value for reading in ear.readings] == [1]
        assert {view.key for view in desk.views()} == {LOW, CLOCK}

    virtual_time.run(main())


def test_a_delay_of_an_alarm_ends_without_any_further_event() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, _ = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now), Reading(LEVEL, 9, GOOD, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(1.9)  # back for less than the 2 s of a digital alarm
        assert events_of(ear, LOW) == [Event.RAISE]
        await asyncio.sleep(0.2)
        task.cancel()
        assert events_of(ear, LOW) == [Event.RAISE, Event.CLEAR]

    virtual_time.run(main())


def test_an_order_is_carried_out_after_what_came_before_it_and_is_kept_together_with_its_results() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, _ = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        task = asyncio.create_task(engine.run())
        outcomes, kept = await engine.order(Acknowledge((Target(LOW),), "a.bekov"), "uid 1")
        task.cancel()
        assert [type(each) for each in outcomes] == [Done], "an order is never dropped"
        assert not kept.done(), "it is kept when the outside says so"
        assert ear.ordered[0].peer == "uid 1"
        assert [each.event for each in ear.groups[-1] if isinstance(each, AlarmRecord)] == [Event.ACK]

    virtual_time.run(main())


def test_an_order_nobody_waits_for_any_more_is_carried_out_nevertheless() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, ear, _ = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now)])
        waiting = asyncio.create_task(engine.order(Acknowledge((Target(LOW),), "a.bekov")))
        await asyncio.sleep(0)
        waiting.cancel()
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        engine.post([Signal(CLOCK, True, now)])
        await asyncio.sleep(0.01)
        task.cancel()
        assert events_of(ear, LOW) == [Event.RAISE, Event.ACK]
        assert events_of(ear, CLOCK) == [Event.RAISE], "and the engine goes on"

    virtual_time.run(main())


def test_a_value_that_grows_old_freezes_its_alarm() -> None:
    async def main() -> None:
        now = asyncio.get_running_loop().time()
        engine, _, desk = with_alarms(now)
        engine.post([Reading(LEVEL, 1, GOOD, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(10.0)
        task.cancel()
        view = desk.view(LOW)
        assert view is not None
        assert (view.active, view.unknown) == (True, True)

    virtual_time.run(main())


# ---------------------------------------------------------------------- acting

SWITCH = PointId("m", "switch")


@dataclass
class Hands:
    """What writes: notes what is asked of it, in order, and answers when it is let."""

    done: list[str] = field(default_factory=list)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, target: PointId, value: Value) -> WriteDone:
        return await self._end("write", target, value)

    async def cut_off(self, target: PointId, value: Value) -> WriteDone:
        return await self._end("cut off", target, value)

    def take_back(self, targets: frozenset[PointId], why: str) -> None:
        self.done.append(f"take back {', '.join(map(str, targets))}: {why}")

    def hasten(self, points: frozenset[PointId], every_s: float) -> None:
        self.done.append(f"hasten {len(points)} {every_s:g}")

    async def _end(self, what: str, target: PointId, value: Value) -> WriteDone:
        self.done.append(f"{what} {target} {value}")
        await self.free.wait()
        return WriteDone(target, value, value, Reason.NONE, "", asyncio.get_running_loop().time())


def acting(desk: ActingDesk) -> tuple[Engine, Ear, Hands]:
    ear, hands = Ear(), Hands()
    board, station = Board([Device("m", DRIVER, Rtu())], 0.0), Station({LEVEL: 1.0}, None, None, desk)
    return Engine(board, station, hands.write, ear, cut_off=hands.cut_off, take_back=hands.take_back, hasten=hands.hasten), ear, hands


def test_effects_of_an_order_are_carried_out_and_writes_come_back_as_events() -> None:
    async def main() -> None:
        noted = Noted("armed", "OP-1", 0.0, "a.bekov")
        desk = ActingDesk(does=lambda order: [Hasten(frozenset({LEVEL}), 0.5), noted, Write(SWITCH, True, "OP-1 pump on")])
        engine, ear, hands = acting(desk)
        task = asyncio.create_task(engine.run())
        outcome, kept = await engine.act(Confirm(BEKOV), "uid 1001")
        await asyncio.sleep(0.01)
        assert outcome == Accepted()
        assert kept is ear.kept[-1]
        assert hands.done == ["hasten 1 0.5", "write m.switch True"]
        assert (ear.told, ear.ordered) == ([noted], [Acted(Confirm(BEKOV), "uid 1001", outcome)])
        hands.free.set()
        await asyncio.sleep(0.01)
        task.cancel()
        assert [each.target for each in desk.heard if isinstance(each, WriteDone)] == [SWITCH]

    virtual_time.run(main())


def test_an_act_or_a_baseline_nobody_waits_for_any_more_is_carried_out_and_the_engine_goes_on() -> None:
    async def main() -> None:
        desk = ActingDesk()
        engine, ear, _ = acting(desk)
        waiting = [
            asyncio.create_task(engine.act(Confirm(BEKOV), "uid 1001")),
            asyncio.create_task(engine.take_baseline(TakeBaseline("a.bekov", "after the repair"))),
        ]
        await asyncio.sleep(0)
        for each in waiting:
            each.cancel()
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        assert not task.done()
        assert desk.ordered == [Confirm(BEKOV)]
        assert len(ear.ordered) == 2
        assert (await engine.act(KeepAlive(BEKOV, "OP-1")))[0] == Accepted(), "and the engine goes on"
        task.cancel()

    virtual_time.run(main())


def test_an_announced_act_is_told_whether_its_record_is_on_the_disk_and_never_before() -> None:
    async def main() -> None:
        numbers = iter((7, 8))
        desk = ActingDesk(does=lambda order: [Noted("intent", "OP-1", 0.0, "a.bekov", intent=next(numbers))])
        engine, ear, _ = acting(desk)
        task = asyncio.create_task(engine.run())
        await engine.act(KeepAlive(BEKOV, "OP-1"))
        await engine.act(KeepAlive(BEKOV, "OP-1"))
        await asyncio.sleep(60.0)
        assert not [each for each in desk.heard if isinstance(each, IntentKept)]
        ear.kept[0].set_result(None)
        ear.kept[1].cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        assert [(each.number, each.kept) for each in desk.heard if isinstance(each, IntentKept)] == [(7, True), (8, False)]

    virtual_time.run(main())


def test_an_emergency_passes_a_full_inbox_and_is_begun_before_all_that_follows_from_it() -> None:
    async def main() -> None:
        seen: list[int] = []
        desk = ActingDesk(does=lambda order: [Write(SWITCH, True, "x"), Noted("emergency-off", "m", 0.0, "a"), CutOff(SWITCH, False, "E")])
        engine, ear, hands = acting(desk)
        hands.done = Begun(lambda: seen.append(len(desk.heard)))
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now)] * INBOX_EVENTS)
        task = asyncio.create_task(engine.run())
        _, kept = await engine.act(EmergencyOff(BEKOV, ("all",)))
        assert not kept.done(), "it waits for no record"
        await asyncio.sleep(0.01)
        task.cancel()
        assert list(hands.done) == ["cut off m.switch False", "write m.switch True"]
        assert seen[0] <= 1000, "of 20,000 events that were there before it"
        assert len(ear.readings) == INBOX_EVENTS, "which are handled nevertheless"

    virtual_time.run(main())


def test_a_write_that_no_line_was_given_yet_is_taken_back_and_answered_as_refused() -> None:
    async def main() -> None:
        def says(news: object) -> list[ActEffect]:
            if not isinstance(news, Reading):
                return []
            return [Write(SWITCH, 2.0, "OP-1 ramp")] if news.value == 1 else [TakeBack(frozenset({SWITCH}), "OP-1 holds")]

        desk = ActingDesk(says=says)
        engine, _, hands = acting(desk)
        now = asyncio.get_running_loop().time()
        engine.post([Reading(LEVEL, 1, GOOD, now), Reading(LEVEL, 2, GOOD, now)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        assert hands.done == ["take back m.switch: OP-1 holds"]
        (done,) = [each for each in desk.heard if isinstance(each, WriteDone)]
        assert (done.asked, done.read_back, done.reason, done.detail) == (2.0, None, Reason.REFUSED, "OP-1 holds")
        engine.post([Reading(LEVEL, 1, GOOD, now)])
        await asyncio.sleep(0.01)
        task.cancel()
        assert hands.done[1:] == ["write m.switch 2.0"], "only what waited at that moment"

    virtual_time.run(main())


class Begun(list[str]):
    """Tells when something is noted."""

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def append(self, what: str) -> None:
        self._tell()
        super().append(what)


def test_what_the_desk_says_of_a_restart_is_carried_out_like_all_that_it_says() -> None:
    async def main() -> None:
        desk = ActingDesk()
        engine, ear, hands = acting(desk)
        noted = Noted("restarted", "OP-1", 0.0, "")
        engine.follow([noted, Hasten(frozenset(), 0.5)])
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(0.01)
        task.cancel()
        assert (ear.told, hands.done) == ([noted], ["hasten 0 0.5"])

    virtual_time.run(main())


def test_no_point_grows_stale_while_its_good_reading_waits_in_the_inbox() -> None:
    async def main() -> None:
        desk = ActingDesk()
        engine, _, _ = acting(desk)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        engine.post([Reading(LEVEL, 1, GOOD, begin)])
        due = begin + 3.0
        events = [*[LinkChanged("line", True, ("m",), due)] * 1000, Reading(LEVEL, 2, GOOD, due)]
        loop.call_at(due, engine.post, events)
        task = asyncio.create_task(engine.run())
        await asyncio.sleep(3.1)
        task.cancel()
        assert {each.quality for each in desk.heard if isinstance(each, Reading)} == {GOOD}

    virtual_time.run(main())
