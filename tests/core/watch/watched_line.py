"""A line for tests of the line watch: the simulated cable solved anew for each reading, both ends watched, in virtual time.

Each end is read once a second, tells the other end once a second what its own watch says, and has two fibre pairs with a tap and
a preamplifier each. Nothing here judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from stationd.core.alarm.words import Signal
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.line.plan import AmplifierPoints, FeedPoints, LinePlan, PairPoints
from stationd.core.line.words import Cable, End
from stationd.core.model import GOOD, Level, LightEvent, LightKind, PointId, Quality, Reading, Reason, Tick, Value
from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Kind, Verdict
from stationd.core.watch.line_watch import LineWatch
from stationd.sim import cable as sim
from stationd.sim.solver import solve

TWIN = sim.CableParameters(341.0, (68.2, 136.4, 204.6, 272.8))
CABLE = Cable(341.0, 1.0, (68.2, 136.4, 204.6, 272.8), 40.0)
NAMES = {End.A: "Aktau", End.B: "Siyazan"}
PAIRS = (1, 2)
SECOND, STEP_S = 1.0, 0.05
Message = Callable[[FarLine], FarLine | None]


def plan(end: End) -> LinePlan:
    feed = FeedPoints(
        "pfe", PointId("pfe", "output_current"), PointId("pfe", "output_voltage"), on=PointId("pfe", "output_on"),
        nominal_ma=1000.0, max_v=800.0, tripped=(PointId("pfe", "fault"),),
    )  # fmt: skip
    pairs = tuple(_pair(number) for number in PAIRS)
    buses = {"pfe": ("pfe",), "amps": tuple(f"fp{number}-{role}" for number in PAIRS for role in ("preamp", "booster"))}
    return LinePlan("s1", end, CABLE, NAMES[end], NAMES[end.other], pairs, (feed,), demarcation_km=4.0, buses=buses)


def _pair(number: int) -> PairPoints:
    preamp, booster = f"fp{number}-preamp", f"fp{number}-booster"
    return PairPoints(
        number,
        receive_tap=f"fp{number}-rx",
        preamp=AmplifierPoints(preamp, PointId(preamp, "input_power"), lost=PointId(preamp, "los")),
        booster=AmplifierPoints(booster, output_dbm=PointId(booster, "output_power")),
    )


@dataclass(slots=True)
class Station:
    """One end: its watch, and all that it has told."""

    watch: LineWatch
    phase_s: float
    told: list[VerdictChanged] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    def take(self, event: object, now: float) -> None:
        for effect in self.watch.handle(event, now):  # type: ignore[arg-type]
            (self.told if isinstance(effect, VerdictChanged) else self.signals).append(effect)  # type: ignore[arg-type]

    @property
    def verdict(self) -> Verdict:
        return self.watch.verdict

    def alarm(self, name: str) -> bool | None:
        """Return what the last signal of an alarm said."""
        return next((each.active for each in reversed(self.signals) if each.key.type == name), None)


class Line:
    """The plant, its two stations, and the time. `message` may change, drop or invent what one end tells the other."""

    def __init__(self, message: Message = lambda told: told, *, speaks: bool = True) -> None:
        self.now = 1000.0
        self.twin = TWIN
        self.feeds = sim.balanced(TWIN)
        self.fault: sim.ElectricalFault | None = None
        self.dark: dict[End, set[int]] = {End.A: set(), End.B: set()}
        self.tap_db: dict[str, float] = {}
        self.level_db: dict[tuple[End, int], float] = {}
        self.mute: set[End] = set()
        self.message = message
        self.speaks = speaks
        self.ends = {End.A: Station(LineWatch(plan(End.A), self.now), 0.30), End.B: Station(LineWatch(plan(End.B), self.now), 0.75)}
        self._sequence = 0

    def wait(self, seconds: float) -> None:
        """Let time go by in steps at which something may be due."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = round(self.now + STEP_S, 2)
            for which, station in self.ends.items():
                if self._due(station.phase_s):
                    self._read(which, station)
                if self._due(station.phase_s + 0.2) and self.speaks:
                    self._tell(which)
                due = station.watch.deadline()
                if due is not None and self.now >= due:
                    station.take(Tick(self.now), self.now)

    def until(self, end: End, kind: Kind, within_s: float) -> float:
        """Wait until a station says so; return how long that took."""
        begin = self.now
        while self.ends[end].verdict.kind is not kind:
            assert self.now - begin <= within_s, self.ends[end].verdict
            self.wait(STEP_S)
        return self.now - begin

    def darken(self, *pairs: int, ends: tuple[End, ...] = (End.A, End.B)) -> None:
        """Take the light of pairs away at these ends, as the sampler sees it."""
        for which in ends:
            for number in pairs:
                self.dark[which].add(number)
                event = LightEvent(LightKind.LOST, f"fp{number}-rx", self.now, self.now - 0.002, self.now, number)
                self.ends[which].take(event, self.now)

    def say(self, end: End, point: PointId, value: Value) -> None:
        """Give one reading to a station."""
        self.ends[end].take(Reading(point, value, GOOD, self.now), self.now)

    def _due(self, phase_s: float) -> bool:
        return abs((self.now - phase_s) % SECOND) < 0.005 or abs((self.now - phase_s) % SECOND - SECOND) < 0.005

    def _read(self, which: End, station: Station) -> None:
        for point, value, quality in self._readings(which):
            station.take(Reading(point, value, quality, self.now), self.now)

    def _readings(self, which: End) -> list[tuple[PointId, Value | None, Quality]]:
        feed = self.feeds[0 if which is End.A else 1]
        shown = solve(self.twin, *self.feeds, self.fault)
        twin_end = sim.End(which.value)
        stale = Quality(Level.STALE, Reason.TIMEOUT)
        quality = stale if which in self.mute else GOOD
        found: list[tuple[PointId, Value | None, Quality]] = [
            (PointId("pfe", "output_voltage"), round(shown.voltage_v(twin_end), 1), quality),
            (PointId("pfe", "output_current"), round(shown.current_ma(twin_end), 1), quality),
            (PointId("pfe", "output_on"), feed.output_on, quality),
        ]
        for number in PAIRS:
            lit = number not in self.dark[which]
            level = -18.0 + self.level_db.get((which, number), 0.0)
            tap = f"fp{number}-rx"
            found.append((PointId(tap, "los"), not lit, GOOD))
            found.append((PointId(tap, "power"), level + self.tap_db.get(tap, 0.0) if lit else -60.0, GOOD))
            below = Quality(Level.BAD, Reason.BELOW_RANGE)
            found.append((PointId(f"fp{number}-preamp", "input_power"), level if lit else None, GOOD if lit else below))
            found.append((PointId(f"fp{number}-preamp", "los"), not lit, GOOD))
            found.append((PointId(f"fp{number}-booster", "output_power"), 20.0, GOOD))
        return found

    def _tell(self, which: End) -> None:
        """Let the other end hear what this one says of itself."""
        self._sequence += 1
        near = self.ends[which].watch.near_end(self.now)
        told = self.message(
            FarLine(self.now, self.now, 0.01, "boot", self._sequence, feed=near.feed, light=near.light, events=near.events)
        )
        if told is not None:
            self.ends[which.other].take(told, self.now)

    def fall_silent(self) -> None:
        """No message comes any more."""
        self.speaks = False
        for station in self.ends.values():
            station.take(FarSilent(self.now, "nothing valid for 2 s"), self.now)


def healthy(message: Message = lambda told: told, *, speaks: bool = True) -> Line:
    """Return a line that has been watched for twelve seconds and is healthy."""
    line = Line(message, speaks=speaks)
    line.wait(12.0)
    assert {station.verdict.kind for station in line.ends.values()} == {Kind.HEALTHY}
    return line


def trip(line: Line, end: End) -> None:
    """Switch the feed of one end off."""
    place = 0 if end is End.A else 1
    feeds = list(line.feeds)
    feeds[place] = replace(feeds[place], output_on=False)
    line.feeds = (feeds[0], feeds[1])
