"""What the line watch has to know of a station: the cable, the feeds and the fibre pairs with the points that tell of them.

A plan is made once, from the station's file (stationd.config.line_plan); a station without [line] has none and gives no verdict.
Nothing here measures: these are names. Points that a unit lacks are None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stationd.core.line.uncertainty import Uncertainty
from stationd.core.line.words import Cable, End
from stationd.core.model import PointId, Value

METER_MA, METER_V = 0.1, 0.1  # the last digit of usual feed meters; their noise is of the same size (assumption)


@dataclass(frozen=True, slots=True)
class PumpPoints:
    """A pump diode of an amplifier: its current, and the current at the end of its life where the unit knows it."""

    current: PointId
    end_of_life: PointId | None = None


@dataclass(frozen=True, slots=True)
class AmplifierPoints:
    """An amplifier of this station. `returned` are points in dBm that rise, and `return_loss` in dB that falls, at an open connector.

    `dark` are points that are true when its output is off or lost, `reflected` those that are true at an open connector.
    """

    device: str
    input_dbm: PointId | None = None
    output_dbm: PointId | None = None
    lost: PointId | None = None
    reduced: tuple[PointId, ...] = ()
    reflected: tuple[PointId, ...] = ()
    returned_dbm: PointId | None = None
    return_loss_db: PointId | None = None
    pump_on: PointId | None = None
    dark: tuple[PointId, ...] = ()
    pumps: tuple[PumpPoints, ...] = ()

    def points(self) -> tuple[PointId, ...]:
        """Return all points that are there."""
        single = (self.input_dbm, self.output_dbm, self.lost, self.returned_dbm, self.return_loss_db, self.pump_on)
        pumps = [each for pump in self.pumps for each in (pump.current, pump.end_of_life)]
        return tuple(each for each in (*single, *self.reduced, *self.reflected, *self.dark, *pumps) if each is not None)


@dataclass(frozen=True, slots=True)
class PairPoints:
    """A fibre pair at this station. The taps are channels of the optical sampler; `pumps` are Raman and ROPA pump units."""

    number: int
    transmit_tap: str | None = None
    receive_tap: str | None = None
    booster: AmplifierPoints | None = None
    preamp: AmplifierPoints | None = None
    pumps: tuple[AmplifierPoints, ...] = ()

    def amplifiers(self) -> tuple[AmplifierPoints, ...]:
        """Return all amplifiers of the pair."""
        return tuple(each for each in (self.booster, self.preamp, *self.pumps) if each is not None)


@dataclass(frozen=True, slots=True)
class FeedPoints:
    """A power feed of this station. `tripped` and `over_voltage` are points that are true when it has switched itself off."""

    device: str
    current_ma: PointId | None = None
    voltage_v: PointId | None = None
    setpoint_ma: PointId | None = None
    on: PointId | None = None
    regulation: PointId | None = None
    tripped: tuple[PointId, ...] = ()
    over_voltage: tuple[PointId, ...] = ()
    mains_failed: PointId | None = None
    interlocks: tuple[PointId, ...] = ()
    nominal_ma: float | None = None
    max_v: float | None = None

    def points(self) -> tuple[PointId, ...]:
        """Return all points that are there."""
        single = (self.current_ma, self.voltage_v, self.setpoint_ma, self.on, self.regulation, self.mains_failed)
        return tuple(each for each in (*single, *self.tripped, *self.over_voltage, *self.interlocks) if each is not None)


@dataclass(frozen=True, slots=True)
class Contact:
    """A point of the station's file that stands for an alarm type (door, converter, electroding, mains) while it has that value."""

    type: str
    point: PointId
    value: Value


@dataclass(frozen=True, slots=True)
class LinePlan:
    """The line as this station sees it. `demarcation_km` is counted from this station, at either end.

    It is fed from both ends. `known` is what the station's file says about what is not known of the line and of the own feeds.
    """

    name: str
    end: End
    cable: Cable
    station: str
    far_station: str
    pairs: tuple[PairPoints, ...] = ()
    feeds: tuple[FeedPoints, ...] = ()
    contacts: tuple[Contact, ...] = ()
    demarcation_km: float = 0.0
    meter_ma: float = METER_MA
    meter_v: float = METER_V
    buses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of each bus, the devices on it
    known: Uncertainty = field(default_factory=Uncertainty)

    def points(self) -> frozenset[PointId]:
        """Return every point that the watch listens to."""
        found = [point for feed in self.feeds for point in feed.points()]
        found += [point for pair in self.pairs for each in pair.amplifiers() for point in each.points()]
        found += [contact.point for contact in self.contacts]
        for pair in self.pairs:
            taps = [tap for tap in (pair.transmit_tap, pair.receive_tap) if tap is not None]
            found += [PointId(tap, point) for tap in taps for point in ("power", "los")]
        return frozenset(found)

    def from_here_km(self, km: float) -> float:
        """Return the distance from this station of a kilometre that is counted from end a."""
        return km if self.end is End.A else self.cable.length_km - km
