"""What operations of ours leave behind, for as long as it stands: a feed switched off, a line fed by us alone, a low current. Pure.

    our feed off, the far one off --(ours energises the line)--> alone --(ours off, or the far one on)--> nothing
    the line settles below KNEE_SHARE of its current --> low --(more, off, or half of it gone)--> nothing
    the current is brought down to nothing and the output goes off, while an operation of ours runs --> switched off

None of this is a fault, and none of it can be seen from what is measured: a far feed that trips leaves a line fed by us alone as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.line.cable import line_v
from stationd.core.line.words import Cable
from stationd.core.verdict.evidence import Power
from stationd.core.watch.acts import Acts, Who
from stationd.core.watch.feeds import FeedWatch

KNEE_SHARE = 0.20  # of the nominal current: repeaters shine from there on at the latest (assumption; half of that holds their drop)
GIVES_SHARE = 0.02  # of the nominal current: less is nothing (assumption: far above the zero of the meter)
RUN_DOWN_SHARE = 0.05  # of the nominal current: a ramp down has come so far before it opens the output (a second before it)
RUN_DOWN = 2  # readings of that: at a trip one may show the current of after it beside the output of before it
FITS_SHARE, FITS_V = 0.15, 10.0  # of the voltage of the line: meters and repeaters below their knee, an earth potential (assumption)


@dataclass(slots=True)
class _Course:
    """An operation of ours while it runs: whether both feeds were off as it began, its current at most, mA, and its last readings."""

    name: str
    dead: bool
    most_ma: float = 0.0
    run_down: int = 0  # readings in a row that show next to no current with the output still on
    seen_t: float = float("-inf")


class Aftermath:
    """Looks at the feeds with every reading, and once more when the line has settled."""

    def __init__(self, acts: Acts, feeds: FeedWatch) -> None:
        self._acts = acts
        self._feeds = feeds
        self._course: _Course | None = None
        self.alone = False
        self.low_ma: float | None = None
        self.low_t = float("-inf")  # since when the current is that low: what is dark from before is no fault

    def look(self) -> None:
        """Follow our feed through an operation, and end what does not stand any more."""
        self._follow()
        feeds, near = self._feeds, self._feeds.near
        if self.alone and feeds.there() in (Power.FEEDING, Power.AT_LIMIT):
            self.alone = False
            feeds.restart()  # what the line was with one feed tells nothing of what it is with two
        self.alone = self.alone and not self.off
        if self.low_ma is not None and near is not None and not self._still_low(near.current_ma):
            self.low_ma = None

    def settled(self, now: float) -> None:
        """Take what the line has settled at after an operation."""
        feeds, near, course = self._feeds, self._feeds.near, self._course
        on = near is not None and near.on is not False and feeds.here is not Power.UNKNOWN and not self.off
        self.alone = self.alone or (on and course is not None and course.dead and feeds.there() is Power.OFF)
        if on and near is not None and near.on and near.current_ma < KNEE_SHARE * feeds.nominal_ma:
            self.low_ma, self.low_t = near.current_ma, now
        if not self._acts.of(Who.OWN):
            self._course = None

    @property
    def off(self) -> bool:
        """True while our feed gives nothing; a few milliamperes on purpose are little, and not nothing."""
        near = self._feeds.near
        gives = near is not None and bool(near.on) and near.current_ma >= GIVES_SHARE * self._feeds.nominal_ma
        return self._feeds.here is Power.OFF and not gives

    @property
    def energising(self) -> bool:
        """True while our feed carries the line alone because an operation of ours has it so, or is about to."""
        return self.alone or (self._course is not None and self._course.dead and self._feeds.there() is Power.OFF)

    def fits(self, cable: Cable) -> bool | None:
        """Return whether voltage and current at both ends are those of a sound line; None where one end is not known."""
        feeds, near = self._feeds, self._feeds.near
        if near is None or feeds.far is None:
            return None
        whole_v = near.voltage_v + (0.0 if feeds.there() is Power.OFF else feeds.far.voltage_v)
        wanted_v = line_v(cable, near.current_ma / 1000)
        return abs(whole_v - wanted_v) <= FITS_SHARE * wanted_v + FITS_V

    def _still_low(self, current_ma: float) -> bool:
        known = self.low_ma or 0.0
        return not self.off and known / 2 <= current_ma < KNEE_SHARE * self._feeds.nominal_ma

    def _follow(self) -> None:
        feeds, near = self._feeds, self._feeds.near
        for act in self._acts.of(Who.OWN):
            if self._course is None or self._course.name != act.name:
                dead = feeds.here is Power.OFF and feeds.there() is Power.OFF
                self._course = _Course(act.name, dead or self.alone)
            if near is not None and near.on and not act.switches_off:
                self._acts.on_again(Who.OWN)
            if act.switches_off and self.off:
                self._acts.switched_off[Who.OWN] = act.name
        if self._course is not None and self._acts.acting:
            self._run_down(self._course)

    def _run_down(self, course: _Course) -> None:
        """Tell an output that was switched off after its current was brought down from one that went off by itself."""
        feeds, near = self._feeds, self._feeds.near
        least_ma = RUN_DOWN_SHARE * feeds.nominal_ma
        if feeds.there() is Power.FEEDING:
            course.dead = False
        if near is not None and near.on and near.t > course.seen_t:
            course.run_down = course.run_down + 1 if near.current_ma <= least_ma else 0
            course.seen_t, course.most_ma = near.t, max(course.most_ma, near.current_ma)
        elif self.off and not (near is not None and near.on) and course.run_down >= RUN_DOWN and course.most_ma > least_ma:
            self._acts.switched_off[Who.OWN] = course.name
