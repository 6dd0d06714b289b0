from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from prometheus_client.registry import Collector

from stationd.board import Board
from stationd.core.line.words import Interval
from stationd.core.model import GOOD, Level, LinkChanged, PointId, ReadFailed, Reading, Reason, Restate, Tick
from stationd.core.station import Station
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict
from stationd.farstation.families import far_families, line_families
from stationd.farstation.far import Arrival, far_line, readings
from stationd.farstation.guard import Difference
from stationd.farstation.link import FarStatistics
from stationd.farstation.unit import FarUnit, far_unit
from stationd.farstation.words import FeedTold, Message, Result, Told
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents
from stationd.outputs.exposition import Exposition
from stationd.outputs.journal import Moment
from stationd.outputs.metrics import DEVICE_UP, FAMILIES, LAST_SUCCESS, POINT_VALUE
from stationd.outputs.sparkplug.plant import catalogue
from tests.farstation.ends import NOW, message
from tests.outputs.plant import LIVE, board

T = 1000.0


class Near:
    """A board with our own units and the far station on it, and the station that makes its values stale."""

    def __init__(self) -> None:
        self.unit = far_unit("siyazan", 2, 2.0, fed=True)
        self.board: Board = board((self.unit,))
        self.station = Station(self.board.periods())

    def hear(self, said: Message, t: float) -> None:
        for each in readings(arrival(said, t), self.unit):
            if isinstance(each, Reading):
                self.board.show(each)
            self._perform(each, t)

    def pass_to(self, t: float) -> None:
        self._perform(Tick(t), t)

    def _perform(self, event: Reading | ReadFailed | LinkChanged | Tick, t: float) -> None:
        for effect in self.station.handle(event, t):
            if isinstance(effect, Restate):
                self.board.show(effect.reading)

    def lose(self, t: float) -> None:
        self._perform(LinkChanged("far station siyazan", False, ("siyazan",), t), t)

    def shown(self, point: str) -> Reading:
        return self.board[PointId("siyazan", point)]


def arrival(said: Message, t: float) -> Arrival:
    return Arrival(said, Moment(NOW + t - T, True, t, 0.01), 0.03)


def test_a_far_value_has_the_time_of_its_own_exchange_there() -> None:
    near = Near()
    near.hear(message(), T + 0.1)
    assert near.shown("output_current") == Reading(PointId("siyazan", "output_current"), 1000.1, GOOD, T - 0.3)
    assert near.shown("regulation").value == "cc"
    assert (near.shown("fp1_receive").value, near.shown("fp1_lost").value, near.shown("fp2_lost").value) == (-21.5, False, True)
    assert near.shown("fp2_receive").quality.reason is Reason.BELOW_RANGE
    assert near.shown("age").value == 0.1


def test_a_far_station_that_speaks_once_a_second_never_looks_stale_and_a_silent_one_does_at_once() -> None:
    near = Near()
    for second in range(5):
        near.hear(message(second, NOW + second), T + second + 0.9)  # a slow way; its exchange was 0.3 s before
        near.pass_to(T + second + 1.89)
        assert near.shown("output_voltage").quality == GOOD
    near.lose(T + 6.0)
    for point in ("output_voltage", "output_on", "fp1_receive", "age"):
        assert near.shown(point).quality.level is Level.STALE
    assert near.shown("output_voltage").t == T + 3.7


def test_a_value_that_grows_old_at_the_far_end_grows_old_here() -> None:
    near = Near()
    near.hear(message(), T)
    old = Told(None, Level.STALE, NOW - 0.3)
    for second in range(1, 5):
        near.hear(message(second, NOW + second, feed=FeedTold(old, old, old, old)), T + second)
        near.pass_to(T + second)
    current = near.shown("output_current")
    assert (current.quality.level, current.value, current.t) == (Level.STALE, 1000.1, T - 0.3)
    assert near.shown("fp1_receive").quality == GOOD


def test_what_is_not_shared_is_missing_and_not_wrong() -> None:
    near = Near()
    near.hear(message(feed=None, light={}), T)
    for point in ("output_current", "output_on", "fp1_receive", "fp1_lost", "earth"):
        assert (near.shown(point).value, near.shown(point).quality.reason) == (None, Reason.NOT_OFFERED)


def test_a_feed_of_which_one_value_is_bad_is_no_measurement() -> None:
    said = message()
    assert said.feed is not None
    for name in ("current", "voltage"):
        for level in (Level.UNCERTAIN, Level.BAD, Level.STALE):
            value = 1.0 if level is Level.UNCERTAIN else None
            wrong = replace(said, feed=replace(said.feed, **{name: Told(value, level, NOW)}))
            assert far_line(arrival(wrong, T)).feed is None


@pytest.mark.parametrize("name", ["current", "voltage"])
@pytest.mark.parametrize("off_s", [-3600.0, -10.2, 0.5, 86_400.0])
def test_a_measurement_with_a_stamp_that_is_not_of_its_message_is_unknown(name: str, off_s: float) -> None:
    said = message()
    assert said.feed is not None
    told = getattr(said.feed, name)
    wrong = replace(said, feed=replace(said.feed, **{name: replace(told, utc_s=said.sent_utc_s + off_s)}))
    assert far_line(arrival(said, T)).feed is not None
    assert far_line(arrival(wrong, T)).feed is None


def test_a_measurement_is_as_old_as_the_file_lets_far_data_be() -> None:
    said = message()
    assert said.feed is not None
    old = replace(said, feed=replace(said.feed, current=replace(said.feed.current, utc_s=said.sent_utc_s - 3.0)))
    assert far_line(Arrival(old, Moment(NOW, True, T, 0.01), 0.03, max_age_s=5.0)).feed is not None
    assert far_line(Arrival(old, Moment(NOW, True, T, 0.01), 0.03, max_age_s=2.0)).feed is None


def test_a_feed_is_as_old_as_the_older_of_its_two_values() -> None:
    said = message()
    assert said.feed is not None
    for name in ("current", "voltage"):
        older = replace(getattr(said.feed, name), utc_s=said.sent_utc_s - 1.5)
        found = far_line(arrival(replace(said, feed=replace(said.feed, **{name: older})), T)).feed
        assert found is not None
        assert found.t == pytest.approx(T - 1.5)


def test_what_a_message_tells_of_after_it_was_sent_is_left_out() -> None:
    said = message()
    late = said.sent_utc_s + 5.0
    light = {pair: replace(each, since_utc_s=late) for pair, each in said.light.items()}
    told = far_line(arrival(replace(said, light=light, events=tuple(replace(each, utc_s=late) for each in said.events)), T))
    assert all(each.lost_t is None for each in told.light.values())
    assert told.events == ()
    near = Near()
    assert said.feed is not None
    near.hear(replace(said, feed=replace(said.feed, voltage=replace(said.feed.voltage, utc_s=late))), T)
    assert near.shown("output_voltage").value is None
    assert near.shown("output_current").value is not None


def test_a_far_value_is_never_shown_as_ours() -> None:
    near = Near()
    near.hear(message(), T)
    exposition = Exposition(near.board, FAMILIES, POINT_VALUE, LAST_SUCCESS, DEVICE_UP)
    page = exposition.render(near.board.snapshot(), near.board.last_success(), Clock(NOW, T))
    values = [line for line in page.splitlines() if 'device="siyazan"' in line and not line.startswith("stationd_point_last")]
    assert 'stationd_point_value{device="siyazan",point="output_current",unit="mA"} 1000.1' in values
    assert all(line.startswith(("stationd_point_value", "stationd_device_up")) for line in values)
    status = Documents(LIVE, near.board).status({}, Clock(NOW, T))
    assert status["devices"]["siyazan"] == {"kind": "far-station", "up": True}  # type: ignore[index]
    assert "siyazan" not in status["power_feeds"]  # type: ignore[operator]


def test_the_far_station_has_a_place_in_sparkplug() -> None:
    assert {kind.point.point for kind in catalogue(LIVE, Near().board, "caspian").devices["siyazan"]} >= {"output_current", "fp2_lost"}


def test_a_line_without_feed_has_no_far_feed_either() -> None:
    unit = far_unit("kuryk", 1, 2.0, fed=False)
    assert not [each for each in readings(arrival(message(), T), unit) if isinstance(each, Reading) and each.point.point == "output_on"]
    assert {point.name for point in unit.driver.points} == {"earth", "age", "fp1_receive", "fp1_transmit", "fp1_lost"}


def test_all_that_is_read_is_a_point_of_the_unit() -> None:
    unit: FarUnit = far_unit("siyazan", 24, 10.0, fed=True)
    found = readings(arrival(message(), T), unit)
    assert {each.point.point for each in found if isinstance(each, Reading)} == {point.name for point in unit.driver.points}


class Page(Collector):
    """Families as the library renders them."""

    def __init__(self, *families: object) -> None:
        self.families = families

    def collect(self):  # type: ignore[no-untyped-def]
        return self.families


class Figures:
    """What the line watch knows."""

    def __init__(self, km: float | None, volts: float | None) -> None:
        self.virtual_earth_km = km
        self.residual_v = volts
        self.verdict = Verdict(
            Kind.CABLE_CUT, Ours.NO, Confidence.HIGH, "cable cut", "km 120", (), (), 0.0, Interval(120.0, 119.0, 121.0)
        )


def page(*families: object) -> str:
    return generate_latest(Page(*families)).decode()


def test_what_is_not_known_of_the_line_is_absent_from_the_page() -> None:
    known = page(*line_families("s1", Figures(170.5, -0.25)))
    assert 'stationd_line_virtual_earth_metres{line="s1"} 170500.0' in known
    assert 'stationd_line_residual_volts{line="s1"} -0.25' in known
    assert 'stationd_verdict{kind="cable-cut"} 1.0' in known
    assert known.count("} 1.0") == 1
    unknown = page(*line_families("s1", Figures(None, None)))
    assert "virtual_earth" not in unknown
    assert "residual" not in unknown


def test_the_age_of_the_far_station_is_absent_while_it_is_unknown() -> None:
    statistics = FarStatistics()
    silent = page(*far_families(statistics, T))
    assert "age_seconds" not in silent
    assert 'stationd_far_station_messages_total{result="wrong-signature"} 0.0' in silent
    statistics.results[Result.ACCEPTED] += 1
    statistics.heard, statistics.sent_t, statistics.clocks = True, T - 0.5, Difference(-0.25, 0.01)
    known = page(*far_families(statistics, T))
    assert "stationd_far_station_age_seconds 0.5" in known
    assert "stationd_far_station_clock_difference_seconds -0.25" in known
    assert 'stationd_far_station_messages_total{result="accepted"} 1.0' in known
