"""The light of some pairs over time: what follows from what, whose connector, which sensor. Readings are given once a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from stationd.core.light.pair import PairLight
from stationd.core.light.watch import LightWatch
from stationd.core.line.far import FarLight
from stationd.core.line.plan import AmplifierPoints, LinePlan, PairPoints
from stationd.core.line.words import Cable, End
from stationd.core.model import GOOD, Level, LightEvent, LightKind, PointId, Quality, Reading, Reason, Value

PAIRS = (1, 2, 3)
LIT_THERE = FarLight(-18.0, 10.0, lost=False)
BELOW = Quality(Level.BAD, Reason.BELOW_RANGE)


def _pair(number: int, *, taps: bool) -> PairPoints:
    preamp, booster = f"fp{number}-preamp", f"fp{number}-booster"
    return PairPoints(
        number,
        transmit_tap=f"fp{number}-tx" if taps else None,
        receive_tap=f"fp{number}-rx",
        preamp=AmplifierPoints(preamp, PointId(preamp, "input_power"), lost=PointId(preamp, "los")),
        booster=AmplifierPoints(
            booster, output_dbm=PointId(booster, "output_power"), dark=(PointId(booster, "shutoff"),),
            reduced=(PointId(booster, "apr"),), reflected=(PointId(booster, "orl"),),
        ),
    )  # fmt: skip


def _plan(*, taps: bool = True) -> LinePlan:
    pairs = tuple(_pair(number, taps=taps) for number in PAIRS)
    return LinePlan("s1", End.A, Cable(341.0, 1.0, (68.2,), 40.0), "Aktau", "Siyazan", pairs)


@dataclass(slots=True)
class Station:
    """A watch, the values that it is read from once a second, and what the far station says."""

    taps: bool = True
    now: float = 1000.0
    values: dict[PointId, Reading] = field(default_factory=dict)
    shown: dict[PointId, Value | None] = field(default_factory=dict)
    far: dict[int, FarLight] = field(default_factory=lambda: dict.fromkeys(PAIRS, LIT_THERE))
    far_wide_s: float = 0.01
    watch: LightWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = LightWatch(_plan(taps=self.taps), self._look)
        for number in PAIRS:
            self.show(f"fp{number}-rx", los=False, power=-18.0)
            self.show(f"fp{number}-preamp", los=False, input_power=-18.0)
            self.show(f"fp{number}-booster", output_power=20.0, shutoff=False, apr=False, orl=False)
            if self.taps:
                self.show(f"fp{number}-tx", los=False, power=10.0)
        self.wait(5)
        self.watch.settle({})

    def _look(self, point: PointId | None) -> Reading | None:
        return None if point is None else self.values.get(point)

    def show(self, device: str, **values: Value | None) -> None:
        self.shown |= {PointId(device, name): value for name, value in values.items()}

    def dark(self, channel: str, *, level: bool = True) -> None:
        """Let the sampler see a loss of light now."""
        self.watch.light(LightEvent(LightKind.LOST, channel, self.now + 0.002, self.now, self.now, int(channel[2])))
        self.show(channel, los=True, **({"power": -60.0} if level else {}))

    def cut(self, *numbers: int) -> None:
        """Let the fibre towards us go dark: the tap now, the amplifier at its next answer."""
        for number in numbers:
            self.dark(f"fp{number}-rx")
            self.show(f"fp{number}-preamp", los=True, input_power=None)

    def wait(self, seconds: int = 1) -> tuple[PairLight, ...]:
        found: tuple[PairLight, ...] = ()
        for _ in range(seconds):
            self.now += 1.0
            for point, value in self.shown.items():
                reading = Reading(point, value, GOOD if value is not None else BELOW, self.now)
                self.values[point] = reading
                self.watch.read(reading)
            found = self.watch.pairs(self.now, self.far, self.now, self.far_wide_s)
        return found

    def there(self, number: int, **changes: object) -> None:
        self.far[number] = replace(self.far[number], **changes)  # type: ignore[arg-type]


def settled() -> Station:
    return Station()


def test_an_amplifier_that_shuts_off_after_the_light_from_the_line_was_lost_is_no_transmitter_of_ours() -> None:
    here = settled()
    here.cut(1)
    here.now += 0.6
    here.dark("fp1-tx")
    here.show("fp1-booster", output_power=None, shutoff=True)
    found = here.wait(3)[0]
    assert (found.transmit_lost, found.receive_lost, found.follows) == (True, True, True)


def test_a_transmitter_that_fails_first_is_not_said_to_follow() -> None:
    here = settled()
    here.dark("fp1-tx")
    here.show("fp1-booster", output_power=None, shutoff=True)
    here.now += 0.8
    here.cut(1)
    assert here.wait(3)[0].follows is False


def test_without_a_tap_of_what_is_sent_the_order_within_a_second_is_not_known() -> None:
    here = Station(taps=False)
    here.cut(1)
    here.show("fp1-booster", output_power=None, shutoff=True)
    assert here.wait(3)[0].follows is None


def test_a_far_station_that_had_lost_our_light_before_it_stopped_sending_follows() -> None:
    here = settled()
    here.there(1, lost=True, lost_t=here.now, receive_dbm=None)
    here.now += 0.8
    here.cut(1)
    here.there(1, transmit_dbm=None)
    assert here.wait(3)[0].far_follows is True
    here.far_wide_s = 3.0
    assert here.wait(2)[0].far_follows is None


def test_a_far_station_that_stopped_sending_while_it_received_our_light_does_not_follow() -> None:
    here = settled()
    here.cut(1)
    here.there(1, transmit_dbm=None)
    found = here.wait(3)[0]
    assert (found.far_transmit_lost, found.far_follows) == (True, False)


def test_what_the_far_station_said_before_the_loss_or_may_have_said_before_it_tells_nothing() -> None:
    here = settled()
    here.cut(1)
    here.wait(1)
    for far_t, wide_s, heard in ((here.now - 2.0, 0.0, False), (here.now, 0.0, True), (here.now, 1.5, False)):
        pair = here.watch.pairs(here.now, here.far, far_t, wide_s)[0]
        assert (pair.far is not None) is heard
    assert not here.watch.pairs(here.now, here.far, here.now, 0.0)[0].far_settled
    assert here.watch.pairs(here.now, here.far, here.now + 0.3, 0.0)[0].far_settled


def test_a_far_station_that_was_heard_to_send_into_the_darkness_did_not_cause_it() -> None:
    here = settled()
    here.cut(1)
    assert [pair.far_sent for pair in (here.wait(1)[0], here.wait(1)[0])] == [False, True]
    here.there(1, transmit_dbm=None)
    assert here.wait(3)[0].far_sent
    here.watch.light(LightEvent(LightKind.BACK, "fp1-rx", here.now, here.now, here.now, 1))
    here.show("fp1-rx", los=False, power=-18.0)
    here.show("fp1-preamp", los=False, input_power=-18.0)
    assert not here.wait(1)[0].far_sent


def test_a_loss_that_a_reading_told_first_is_known_to_the_sample_once_the_sampler_tells_it() -> None:
    here = settled()
    lost_t = here.now + 0.3
    here.show("fp1-rx", los=True, power=-60.0)
    here.show("fp1-preamp", los=True, input_power=None)
    assert here.wait(1)[0].lost_uncertainty_s == 1.0
    here.watch.light(LightEvent(LightKind.LOST, "fp1-rx", lost_t + 0.002, lost_t, here.now, 1))
    found = here.wait(1)[0]
    assert (found.lost_t, found.lost_uncertainty_s) == (lost_t, 0.001)


def test_light_that_came_back_long_before_a_fibre_breaks_is_told_as_standing() -> None:
    here = settled()
    here.show("fp1-booster", orl=True)
    before = here.wait(20)[0]
    assert (before.reflects, before.stands) == (True, True)
    here.cut(1)
    here.there(1, lost=True, lost_t=here.now, receive_dbm=None)
    after = here.wait(4)[0]
    assert (after.reflects, after.stands) == (True, True)


def test_light_that_begins_to_come_back_with_the_loss_does_not_stand_and_outlives_the_shutdown() -> None:
    here = settled()
    here.cut(1)
    here.show("fp1-booster", orl=True, apr=True)
    assert [(pair.reflects, pair.stands) for pair in here.wait(2)[:1]] == [(True, False)]
    here.show("fp1-booster", orl=False)
    assert [(pair.reflects, pair.stands) for pair in here.wait(30)[:1]] == [(True, False)]


def test_a_dark_tap_behind_an_amplifier_that_shines_is_a_patch_where_the_far_station_has_lost_our_light_too() -> None:
    here = settled()
    here.dark("fp1-tx")
    here.there(1, lost=True, lost_t=here.now, receive_dbm=None)
    found = here.wait(4)[0]
    assert (found.sensor, found.sent_patch_dark) == (None, True)


def test_a_dark_tap_is_a_sensor_where_our_light_still_arrives_and_unsure_where_that_is_not_known() -> None:
    here = settled()
    here.dark("fp1-tx")
    found = here.wait(4)[0]
    assert (found.sensor, found.sensor_sure, found.sent_patch_dark) == ("fp1-tx", True, False)
    here.far.clear()
    found = here.wait(1)[0]
    assert (found.sensor, found.sensor_sure) == ("fp1-tx", False)


@pytest.mark.parametrize("timed", [True, False])
def test_a_patch_is_told_whether_or_not_the_far_station_says_since_when(timed: bool) -> None:
    here = settled()
    here.dark("fp1-tx")
    here.there(1, lost=True, lost_t=here.now if timed else None, receive_dbm=None)
    assert here.wait(4)[0].sent_patch_dark


@pytest.mark.parametrize("timed", [True, False])
def test_a_pair_that_the_far_station_lost_long_before_does_not_make_a_patch_of_a_dark_tap(timed: bool) -> None:
    here = settled()
    here.there(1, lost=True, lost_t=here.now if timed else None, receive_dbm=None)
    here.wait(60)
    here.dark("fp1-tx")
    found = here.wait(4)[0]
    assert (found.sent_patch_dark, found.sensor, found.sensor_sure) == (False, "fp1-tx", False)


def test_one_late_answer_of_an_amplifier_accuses_no_tap() -> None:
    here = settled()
    here.dark("fp1-rx")
    first = here.wait(1)[0]
    here.show("fp1-preamp", los=True, input_power=None)
    assert [first.sensor, *(here.wait(1)[0].sensor for _ in range(5))] == [None] * 6


def test_a_tap_alone_is_accused_once_the_amplifier_has_said_twice_that_there_is_light() -> None:
    here = settled()
    here.dark("fp1-rx")
    assert here.wait(1)[0].sensor is None
    assert here.wait(2)[0].sensor == "fp1-rx"


def test_a_tap_that_stays_lit_while_the_others_go_dark_is_no_patch_of_ours() -> None:
    here = settled()
    here.cut(1, 2)
    here.show("fp3-preamp", los=True, input_power=None)
    for _ in range(6):
        pair = here.wait(1)[2]
        assert not pair.patch_dark
    assert pair.receive_lost


def test_a_tap_that_stays_lit_alone_is_a_patch_and_weak_light_is_none() -> None:
    here = settled()
    here.show("fp3-preamp", los=True, input_power=None)
    assert here.wait(5)[2].patch_dark
    weak = settled()
    weak.show("fp3-preamp", los=True, input_power=None)
    weak.show("fp3-rx", power=-36.0)
    assert not weak.wait(5)[2].patch_dark


def test_a_sent_level_of_exactly_nothing_in_db_is_a_level() -> None:
    here = settled()
    here.show("fp1-tx", power=0.0)
    assert here.wait(1)[0].transmit_dbm == 0.0


def test_when_the_sampler_ends_its_taps_know_nothing_any_more() -> None:
    here = settled()
    here.cut(1)
    here.wait(2)
    here.watch.light(LightEvent(LightKind.ENDED, "", here.now, here.now, here.now, 0))
    for point in [each for each in here.shown if each.device.endswith(("-rx", "-preamp"))]:
        del here.shown[point], here.values[point]
    assert here.wait(1)[0].receive_lost is None


@pytest.mark.parametrize("levels", [{}, {1: LIT_THERE}])
def test_what_the_far_station_does_not_tell_of_is_unknown(levels: Mapping[int, FarLight]) -> None:
    here = settled()
    here.far = dict(levels)
    assert [pair.far_lost for pair in here.wait(1)] == [False if number in levels else None for number in PAIRS]
