"""Taking a baseline: what is measured now becomes the normal state, if every value that the comparison needs is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stationd.core.light.baseline import Baseline
from stationd.core.light.pair import Look, PairLight, number_of
from stationd.core.line.plan import LinePlan, PairPoints
from stationd.core.model import PointId
from stationd.core.verdict.evidence import Power
from stationd.core.verdict.told import BaselineOutcome, BaselineRefused, BaselineTaken, TakeBaseline
from stationd.core.verdict.words import Kind, Verdict
from stationd.core.watch.feeds import BothEnds

NOT_NORMAL = frozenset(
    {Kind.CABLE_CUT, Kind.SHUNT, Kind.OPEN, Kind.BOTH_OFF, Kind.FEED_TRIP_HERE, Kind.FEED_TRIP_FAR, Kind.FIBRE_BREAK, Kind.OPERATION,
     Kind.SWITCHED_OFF, Kind.ELECTRODING, Kind.MIS_SET}
)  # fmt: skip


def take(
    order: TakeBaseline,
    plan: LinePlan,
    look: Look,
    pairs: Sequence[PairLight],
    recent: BothEnds,
    here: Power,
    verdict: Verdict,
    now: float,
    utc_s: float | None,
) -> BaselineOutcome:
    """Return the baseline, or what keeps it from being taken."""
    if verdict.kind in NOT_NORMAL:
        return BaselineRefused("blocked-by-process", (f"the line is not as it should be: {verdict.sentence}",))
    missing = (*_missing_levels(plan, look), *_dark(pairs), *_power(recent, here))
    if missing:
        return BaselineRefused("blocked-by-health", missing)
    values = {point: value for point in _points(plan) if (value := number_of(look(point))) is not None}
    far = recent.far
    return BaselineTaken(
        Baseline(
            t=now,
            who=order.who,
            note=order.note,
            values=values,
            far_current_ma=far.current_ma if far is not None else None,
            far_voltage_v=far.voltage_v if far is not None else None,
            utc_s=utc_s,
            far_light={pair.number: pair.far.receive_dbm for pair in pairs if pair.far is not None and pair.far.receive_dbm is not None},
        )
    )


def _power(recent: BothEnds, here: Power) -> Iterator[str]:
    if here is Power.ABSENT:
        return
    if here is not Power.FEEDING:
        yield f"the power feed does not feed: it is {here.value}"
    elif recent.near is None:
        yield "voltage and current of the power feed have not been steady for three readings"


def _dark(pairs: Iterable[PairLight]) -> Iterator[str]:
    for pair in pairs:
        if pair.receive_lost:
            yield f"pair {pair.number} receives no light"
        if pair.transmit_lost:
            yield f"pair {pair.number} sends no light"
        if pair.sensor is not None:
            yield f"sensor {pair.sensor} contradicts its neighbour"


def _missing_levels(plan: LinePlan, look: Look) -> Iterator[str]:
    for pair in plan.pairs:
        yield from (f"{point} has no good value" for point in _levels(pair) if number_of(look(point)) is None)


def _levels(pair: PairPoints) -> Iterator[PointId]:
    """Give the levels that every comparison needs."""
    for tap in (pair.transmit_tap, pair.receive_tap):
        if tap is not None:
            yield PointId(tap, "power")
    if pair.booster is not None and pair.booster.output_dbm is not None:
        yield pair.booster.output_dbm
    if pair.preamp is not None and pair.preamp.input_dbm is not None:
        yield pair.preamp.input_dbm


def _points(plan: LinePlan) -> Iterator[PointId]:
    """Give all that goes into a baseline where it is known: levels, pump currents, what comes back, voltage and current."""
    for pair in plan.pairs:
        yield from _levels(pair)
        for unit in pair.amplifiers():
            more = (unit.input_dbm, unit.output_dbm, unit.returned_dbm, unit.return_loss_db, *(pump.current for pump in unit.pumps))
            yield from (point for point in more if point is not None)
    for feed in plan.feeds:
        yield from (point for point in (feed.current_ma, feed.voltage_v) if point is not None)
