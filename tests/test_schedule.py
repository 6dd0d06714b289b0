"""The schedule of a line: periods, mute units, illegal addresses. Time is a number here."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from stationd.core.model import PointId, Reason
from stationd.device import Block, Device
from stationd.driver import INPUT_OUTPUT, Driver, Holding, Point, Protocol
from stationd.schedule import ILLEGAL_PAUSES_S, Schedule, Task
from stationd.wire.modbus import Read, Rtu
from stationd.wire.registers import U16

COST_S = 0.2
ANSWER_S = 0.05


def driver(addresses: list[int], every_s: float = 1.0) -> Driver:
    points = tuple(Point(f"r{address}", Holding(address), U16, every_s=every_s) for address in addresses)
    return Driver("test", INPUT_OUTPUT, (Protocol.MODBUS_RTU,), points, "none", addresses=(1, 247))


def driver_of(*places: tuple[int, float]) -> Driver:
    points = tuple(Point(f"r{address}", Holding(address), U16, every_s=every_s) for address, every_s in places)
    return Driver("test", INPUT_OUTPUT, (Protocol.MODBUS_RTU,), points, "none", addresses=(1, 247))


def unit(number: int, addresses: list[int], every_s: float = 1.0) -> Device:
    return Device(f"u{number}", driver(addresses, every_s), Rtu(), number)


class Play:
    """Runs a schedule against units given as a function (task) -> reason of failure, or None for an answer."""

    def __init__(self, devices: list[Device], outcome: Callable[[Task, float], Reason | None]) -> None:
        self.quiet: dict[int, float] = {}
        self.schedule = Schedule(devices, lambda block: COST_S, self.quiet_until)
        self.outcome = outcome
        self.now = 0.0
        self.reads: list[tuple[float, str, Read, Reason | None]] = []
        self.schedule.start(0.0)

    def quiet_until(self, block: Block) -> float:
        return self.quiet.get(block.exchange.unit, 0.0)

    def run(self, until: float) -> None:
        while self.now < until:
            task = self.schedule.next(self.now)
            if task is None:
                wake = self.schedule.wake_at(self.now)
                assert wake > self.now, "a schedule that has nothing to do must not spin"
                self.now = wake
                continue
            reason = self.outcome(task, self.now)
            self.reads.append((self.now, task.device.name, task.block.exchange.question, reason))
            self.now += ANSWER_S if reason in (None, Reason.ILLEGAL_ADDRESS) else COST_S
            if reason is None:
                self.schedule.answered(task, self.now)
            else:
                if reason is Reason.TIMEOUT:
                    self.quiet[task.device.unit] = self.now + 1.0
                self.schedule.failed(task, reason, self.now)

    def times(self, name: str, after: float = 0.0) -> list[float]:
        return [t for t, device, _, _ in self.reads if device == name and t >= after]


def intervals(times: list[float]) -> list[float]:
    return [b - a for a, b in itertools.pairwise(times)]


def test_a_block_is_read_on_an_absolute_grid_without_drift() -> None:
    play = Play([unit(1, [0])], lambda task, now: None)
    play.run(1000.0)
    assert len(play.reads) == 1000
    assert all(abs(t - round(t)) < 1e-9 for t in play.times("u1"))


def test_an_overrun_skips_periods_and_never_queues_them_up() -> None:
    devices = [unit(number, [0], every_s=0.1) for number in range(1, 6)]  # 5 x 0.05 s of line time in each 0.1 s
    play = Play(devices, lambda task, now: None)
    play.run(100.0)
    counts = [len(play.times(device.name)) for device in devices]
    assert sum(counts) <= 100.0 / ANSWER_S + 1
    assert max(counts) <= 1.2 * min(counts), "nobody is left behind"


def test_mute_units_are_probed_in_the_slack_of_the_healthy_ones_and_at_least_every_ten_seconds() -> None:
    devices = [unit(number, [0]) for number in range(1, 9)]
    mute = {"u3", "u5", "u8"}
    play = Play(devices, lambda task, now: Reason.TIMEOUT if task.device.name in mute else None)
    play.run(200.0)
    for device in devices:
        after = intervals(play.times(device.name, after=40.0))
        if device.name in mute:
            assert max(after) <= 10.0
        else:
            assert max(after) <= 1.05


def test_a_line_with_nothing_but_mute_units_is_not_asked_all_the_time() -> None:
    play = Play([unit(1, [0]), unit(2, [0])], lambda task, now: Reason.TIMEOUT)
    play.run(100.0)
    assert len(play.reads) <= 2 * (8 + 100 / 8.5)


def test_a_mute_unit_that_answers_a_probe_is_read_in_full_at_once() -> None:
    back_at = 50.0
    device = unit(1, [0, 500])
    play = Play([device, unit(2, [0])], lambda task, now: Reason.TIMEOUT if task.device is device and now < back_at else None)
    play.run(80.0)
    first = min(play.times("u1", after=back_at))
    assert first <= back_at + 10.0
    soon = [question.address for t, name, question, reason in play.reads if name == "u1" and first <= t <= first + 1.0]
    assert {0, 500} <= set(soon)


def test_one_failure_is_retried_once_and_does_not_make_a_unit_mute() -> None:
    failures = iter([Reason.CHECKSUM])
    play = Play([unit(1, [0])], lambda task, now: next(failures, None))
    play.run(10.0)
    assert play.times("u1")[1] < 0.5
    assert len(play.reads) == 11


def test_an_illegal_register_is_found_by_halving_and_the_others_keep_their_period() -> None:
    bad = 17

    def outcome(task: Task, now: float) -> Reason | None:
        question = task.block.exchange.question
        return Reason.ILLEGAL_ADDRESS if question.address <= bad < question.address + question.count else None

    play = Play([unit(1, list(range(40)))], outcome)
    play.run(120.0)
    for address in range(40):
        good = [t for t, _, q, reason in play.reads if reason is None and q.address <= address < q.address + q.count]
        if address == bad:
            assert good == []
        else:
            assert max(intervals(good)) <= 1.5
    late = [q for t, _, q, reason in play.reads if t > 60.0 and reason is None]
    assert {(q.address, q.count) for q in late} == {(0, 17), (18, 22)}, "the gaps are closed again, the bad place is left out"


def test_an_illegal_register_is_asked_again_rarely_and_comes_back_when_it_answers() -> None:
    bad, mended = 3, 700.0

    def outcome(task: Task, now: float) -> Reason | None:
        question = task.block.exchange.question
        hit = question.address <= bad < question.address + question.count
        return Reason.ILLEGAL_ADDRESS if hit and now < mended else None

    play = Play([unit(1, list(range(8)))], outcome)
    play.run(1400.0)
    alone = [t for t, _, q, reason in play.reads if reason is not None and t > 8.0]
    assert [round(pause, 1) for pause in intervals(alone)] == pytest.approx(ILLEGAL_PAUSES_S[1:], abs=0.2)
    assert {(q.address, q.count) for t, _, q, _ in play.reads if t > 1300.0} == {(0, 8)}


def test_one_refusal_does_not_take_a_point_off_the_air() -> None:
    refusals = iter([None, None, Reason.ILLEGAL_ADDRESS])
    play = Play([unit(1, [0])], lambda task, now: next(refusals, None))
    play.run(10.0)
    good = [t for t, _, _, reason in play.reads if reason is None]
    assert max(intervals(good)) <= 2.0


def test_a_mute_unit_is_probed_in_time_even_on_a_line_that_is_never_idle() -> None:
    devices = [unit(number, [0], every_s=0.1) for number in range(1, 4)] + [unit(9, [0])]
    play = Play(devices, lambda task, now: Reason.TIMEOUT if task.device.unit == 9 else None)
    play.run(200.0)
    assert max(intervals(play.times("u9", after=40.0))) <= 10.0


def test_a_unit_that_lacks_its_fastest_block_is_found_by_its_others() -> None:
    device = Device("u1", driver_of((0, 1.0), (500, 5.0)), Rtu(), 1)
    silent = 0
    play = Play([device], lambda task, now: Reason.TIMEOUT if task.block.exchange.question.address == silent else None)
    play.run(600.0)
    good = [t for t, _, q, reason in play.reads if q.address == 500 and t > 100.0]
    assert sorted(intervals(good))[len(good) // 2] <= 10.0


def test_slow_blocks_are_read_though_fast_ones_fill_the_line() -> None:
    device = Device("u1", driver_of((0, 0.05), (500, 10.0)), Rtu(), 1)
    play = Play([device], lambda task, now: None)
    play.run(100.0)
    slow = [t for t, _, q, _ in play.reads if q.address == 500]
    assert max(intervals(slow)) <= 25.0


def test_after_a_retry_a_block_is_back_on_its_grid() -> None:
    failures = iter([None, None, Reason.CHECKSUM])
    play = Play([unit(1, [0])], lambda task, now: next(failures, None))
    play.run(20.0)
    assert all(abs(t - round(t)) < 1e-9 for t in play.times("u1", after=4.0))


def test_a_hole_in_the_map_between_good_registers_leaves_all_of_them_read() -> None:
    def outcome(task: Task, now: float) -> Reason | None:
        question = task.block.exchange.question
        return Reason.ILLEGAL_ADDRESS if question.address <= 4 < question.address + question.count else None

    play = Play([unit(1, [0, 1, 2, 6, 7])], outcome)
    play.run(60.0)
    for address in (0, 1, 2, 6, 7):
        good = [t for t, _, q, reason in play.reads if reason is None and q.address <= address < q.address + q.count]
        assert max(intervals(good)) <= 1.5


def test_a_feature_that_only_times_out_is_asked_ever_more_rarely_and_the_rest_keeps_its_period() -> None:
    device = unit(1, [0, 500])
    play = Play([device], lambda task, now: Reason.TIMEOUT if task.block.exchange.question.address == 500 else None)
    play.run(2000.0)
    silent = [t for t, _, q, _ in play.reads if q.address == 500]
    answered = [t for t, _, q, _ in play.reads if q.address == 0 and t > 100.0]
    assert len(silent) < 15
    assert sorted(intervals(answered))[len(answered) // 2] <= 1.01


def test_a_block_that_a_bad_line_kept_silent_is_read_again_within_ten_seconds_of_its_repair() -> None:
    device, repaired_at = unit(1, [0, 500]), 100.0

    def outcome(task: Task, now: float) -> Reason | None:
        return Reason.TIMEOUT if task.block.exchange.question.address == 500 and 10.0 < now < repaired_at else None

    play = Play([device], outcome)
    play.run(120.0)
    good = [t for t, _, q, reason in play.reads if q.address == 500 and reason is None]
    assert min(t for t in good if t > 10.0) <= repaired_at + 10.0


def test_a_busy_unit_is_asked_again_soon_but_not_for_ever() -> None:
    play = Play([unit(1, [0])], lambda task, now: Reason.BUSY)
    play.run(10.0)
    assert 10 <= len(play.reads) <= 40


def hastened(*points: str) -> frozenset[PointId]:
    return frozenset(PointId(*point.split(".")) for point in points)


def test_a_hastened_block_is_read_so_often_with_all_its_points_and_the_others_keep_their_periods() -> None:
    device = Device("u1", driver_of((0, 10.0), (1, 10.0), (500, 1.0), (900, 0.4)), Rtu(), 1)
    play = Play([device, unit(2, [0])], lambda task, now: None)
    play.run(3.3)
    play.schedule.hasten(hastened("u1.r1", "u1.r900"), 0.5, play.now)
    play.run(33.3)
    counts = {address: sum(q.address == address and t > 3.4 for t, name, q, _ in play.reads if name == "u1") for address in (0, 500, 900)}
    assert 59 <= counts[0] <= 61, "every 0.5 s"
    assert 29 <= counts[500] <= 31
    assert 70 <= counts[900] <= 76, "what is read more often anyhow stays as it is"
    assert 29 <= len(play.times("u2", after=3.4)) <= 31


def test_hastening_reads_no_period_twice_and_keeps_the_grid() -> None:
    device = Device("u1", driver_of((0, 1.0)), Rtu(), 1)
    play = Play([device], lambda task, now: None)
    for at in (3.02, 3.3, 3.48, 3.55, 4.9):
        play.run(at)
        play.schedule.hasten(hastened("u1.r0"), 0.5, play.now)
    play.run(20.0)
    assert min(intervals(play.times("u1"))) >= 0.5 - 1e-9
    assert max(intervals(play.times("u1", after=3.0))) <= 0.5 + 1e-9
    play.schedule.hasten(frozenset(), 0.5, play.now)
    play.run(40.0)
    assert intervals(play.times("u1", after=20.6)) == pytest.approx([1.0] * len(intervals(play.times("u1", after=20.6))))
    assert all(abs(t - round(t)) < 1e-9 for t in play.times("u1", after=20.6))


def test_hastening_before_the_first_read_does_not_put_it_off() -> None:
    device = Device("u1", driver_of((0, 10.0)), Rtu(), 1)
    play = Play([device], lambda task, now: None)
    play.schedule.start(0.0, 0.7)
    play.schedule.hasten(hastened("u1.r0"), 0.5, 0.0)
    play.run(2.0)
    assert play.times("u1")[0] == pytest.approx(0.7)


def test_a_port_that_comes_back_goes_on_with_what_was_hastened() -> None:
    device = Device("u1", driver_of((0, 10.0)), Rtu(), 1)
    play = Play([device], lambda task, now: None)
    play.schedule.hasten(hastened("u1.r0"), 0.5, 0.0)
    play.run(5.0)
    play.schedule.start(play.now)
    play.run(10.0)
    assert max(intervals(play.times("u1"))) <= 0.6


def test_a_place_that_is_refused_and_a_mute_unit_keep_their_pauses_while_hastened() -> None:
    devices = [unit(1, [0, 500]), unit(2, [0])]

    def outcome(task: Task, now: float) -> Reason | None:
        if task.device.name == "u2":
            return Reason.TIMEOUT
        return Reason.ILLEGAL_ADDRESS if task.block.exchange.question.address == 500 else None

    play = Play(devices, outcome)
    play.run(30.0)
    play.schedule.hasten(hastened("u1.r0", "u1.r500", "u2.r0"), 0.5, play.now)
    play.run(60.0)
    refused = [t for t, name, question, _ in play.reads if name == "u1" and question.address == 500 and t > 30.0]
    assert len(refused) <= 2
    assert len(play.times("u2", after=30.0)) <= 5
    assert max(intervals([t for t, name, q, _ in play.reads if name == "u1" and q.address == 0 and t > 30.0])) <= 0.8


def test_a_place_that_is_no_longer_refused_is_read_at_its_own_period_again() -> None:
    device = unit(1, [500])
    back_at = 25.0

    def outcome(task: Task, now: float) -> Reason | None:
        return Reason.ILLEGAL_ADDRESS if now < back_at else None

    play = Play([device], outcome)
    play.run(400.0)
    assert max(intervals(play.times("u1", after=200.0))) <= 1.05
