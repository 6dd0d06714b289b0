"""The optical half of the simulated line: what light arrives where.

What it is: levels in dBm of the whole signal band, per fibre pair and direction, in steady state.
What it is not: no channels, no noise figure, no OSNR, no transients (the amplifier's own electronics are faster than any
reading); the terminal amplifiers are next door in `amplifier`. The noise (ASE) of line repeaters is left out: a fibre is
dark behind a break, where a real chain of repeaters would still send noise.
It follows the usual level model of spans of fibre and constant-pump repeaters in saturation, whose output hardly follows
the input: P_out = P_sat + (1 - c) (P_in - P_in0). Every number tagged [E] is an assumption.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import inf

from stationd.sim.cable import CableParameters, End

DARK_DBM = -60.0  # no light: the floor of every level here, and about what a monitor diode shows in the dark [E]
PUMP_LOSS_DB = 3.0  # one of two shared pumps lost: 2.5 to 3 dB [E]


class Direction(Enum):
    """Which of the two fibres of a pair."""

    A_TO_B = "a-to-b"
    B_TO_A = "b-to-a"

    @property
    def transmitter(self) -> End:
        """The station whose booster feeds this fibre."""
        return End.A if self is Direction.A_TO_B else End.B

    @property
    def receiver(self) -> End:
        """The station whose preamp ends this fibre."""
        return self.transmitter.other

    @staticmethod
    def leaving(end: End) -> Direction:
        """The direction that this station transmits in."""
        return Direction.A_TO_B if end is End.A else Direction.B_TO_A


class Role(Enum):
    """What an amplifier does for its fibre pair; the last two exist on an unrepeatered line only, at the receiving end."""

    BOOSTER = "booster"
    PREAMP = "preamp"
    RAMAN = "raman"
    ROPA_PUMP = "ropa-pump"


# Events. `direction=None` means both ways, `pair=None` all pairs. Spans and repeaters are counted from A, from 0.


@dataclass(frozen=True, slots=True)
class FibreBreak:
    """No light passes `km`; the cable itself and its conductor may be whole."""

    km: float
    pair: int | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class SpanLossStep:
    """More loss in one span: a bend, water, a bad repair."""

    span: int
    loss_db: float
    pair: int | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class RepeaterPumpLoss:
    """One of the shared pumps of a repeater is gone."""

    repeater: int
    pair: int | None = None
    direction: Direction | None = None
    loss_db: float = PUMP_LOSS_DB


@dataclass(frozen=True, slots=True)
class AmplifierPumpLoss:
    """One of the two pumps of a terminal amplifier is gone, the other runs at its end-of-life current."""

    end: End
    pair: int
    role: Role


@dataclass(frozen=True, slots=True)
class ConnectorOpen:
    """The line-side connector of a terminal amplifier is open: it sees its own reflection, and no light passes."""

    end: End
    pair: int
    role: Role


@dataclass(frozen=True, slots=True)
class TransmitterOff:
    """The transmission equipment sends nothing into the booster of this station."""

    end: End
    pair: int


@dataclass(frozen=True, slots=True)
class TapFault:
    """A photodiode tap of a station, of the received or the transmitted light, shows wrong by `offset_db`; the light is as it was."""

    end: End
    pair: int
    transmitted: bool
    offset_db: float


OpticalEvent = FibreBreak | SpanLossStep | RepeaterPumpLoss | AmplifierPumpLoss | ConnectorOpen | TransmitterOff | TapFault


@dataclass(frozen=True, slots=True)
class FibreParameters:
    """Losses and gains of every fibre of the line. One span means unrepeatered. All values [E], see `fibres`."""

    spans_km: tuple[float, ...]
    launch_dbm: float
    attenuation_db_per_km: float = 0.16
    splices_db_per_span: float = 0.5
    repeater_output_dbm: float = 17.0
    repeater_compression: float = 0.9  # 0.85 to 0.95
    repeater_top_gain_db: float = 25.0
    transmitter_dbm: float = -2.0  # from the transmission equipment into the booster
    raman_gain_db: float = 10.0
    ropa_gain_db: float = 12.0

    @property
    def unrepeatered(self) -> bool:
        """One span: no repeater, no power feed, Raman and ROPA pumps instead."""
        return len(self.spans_km) == 1

    def span_db(self, span: int) -> float:
        """Nominal loss of one span."""
        return self.attenuation_db_per_km * self.spans_km[span] + self.splices_db_per_span

    @property
    def nominal_receive_dbm(self) -> float:
        """Level at the receiving station from A to B on the healthy line, all pumps on."""
        if self.unrepeatered:
            return self.launch_dbm - self.span_db(0) + self.raman_gain_db + self.ropa_gain_db
        return self.repeater_output_dbm - self.span_db(-1)


def fibres(cable: CableParameters) -> FibreParameters:
    """The fibres of this cable: launched like a repeater's output, or at +23 dBm when there is no repeater."""
    return FibreParameters(cable.spans_km, launch_dbm=17.0 if cable.repeaters_km else 23.0)


@dataclass(frozen=True, slots=True)
class Light:
    """Levels along one fibre in its own direction. `receive_dbm` is the input of the receiving amplifier.

    `transmit_dbm` is what the booster sends out, where its tap is: an open connector of the line is behind that.
    """

    transmit_dbm: float
    repeater_input_dbm: tuple[float, ...]
    repeater_output_dbm: tuple[float, ...]
    receive_dbm: float

    @property
    def dark(self) -> bool:
        """Nothing arrives."""
        return self.receive_dbm <= DARK_DBM


def light(
    parameters: FibreParameters,
    events: Collection[OpticalEvent],
    pair: int,
    direction: Direction,
    transmit_dbm: float,
    powered: tuple[bool, ...] | None = None,
    receive_gain_db: float = 0.0,
) -> Light:
    """Follow one fibre. `powered` counts from A, None = all; `receive_gain_db` is what Raman and ROPA pumps add now."""
    order = range(len(parameters.spans_km)) if direction is Direction.A_TO_B else range(len(parameters.spans_km) - 1, -1, -1)
    here = [event for event in events if _concerns(event, pair, direction)]
    level = DARK_DBM if ConnectorOpen(direction.transmitter, pair, Role.BOOSTER) in events else transmit_dbm
    reference = parameters.launch_dbm
    inputs: list[float] = []
    outputs: list[float] = []
    for span, following in pairwise(order):
        inputs.append(_lose(level, _span_db(parameters, here, span)))
        repeater = min(span, following)
        alive = powered is None or powered[repeater]
        level = _repeat(parameters, here, repeater, inputs[-1], reference - parameters.span_db(span)) if alive else DARK_DBM
        outputs.append(level)
        reference = parameters.repeater_output_dbm
    level = _lose(level, _span_db(parameters, here, order[-1]) - receive_gain_db)
    if any(ConnectorOpen(direction.receiver, pair, role) in events for role in Role if role is not Role.BOOSTER):
        level = DARK_DBM
    return Light(transmit_dbm, tuple(inputs), tuple(outputs), level)


def _concerns(event: OpticalEvent, pair: int, direction: Direction) -> bool:
    match event:
        case FibreBreak() | SpanLossStep() | RepeaterPumpLoss():
            return event.pair in (None, pair) and event.direction in (None, direction)
        case _:
            return False


def _span_db(parameters: FibreParameters, events: Collection[OpticalEvent], span: int) -> float:
    start_km, end_km = sum(parameters.spans_km[:span]), sum(parameters.spans_km[: span + 1])
    last = span == len(parameters.spans_km) - 1  # it keeps a break at the far beach, whatever the sum of spans rounds to
    loss_db = parameters.span_db(span)
    for event in events:
        match event:
            case FibreBreak(km=km) if start_km <= km and (km <= end_km or last):
                return inf
            case SpanLossStep(span=where, loss_db=step_db) if where == span:
                loss_db += step_db
    return loss_db


def _lose(level_dbm: float, loss_db: float) -> float:
    return DARK_DBM if level_dbm <= DARK_DBM else max(DARK_DBM, level_dbm - loss_db)


def _repeat(parameters: FibreParameters, events: Collection[OpticalEvent], repeater: int, input_dbm: float, reference_dbm: float) -> float:
    """A saturated repeater: its output hardly follows its input, so a loss heals along the chain."""
    if input_dbm <= DARK_DBM:
        return DARK_DBM
    output_dbm = parameters.repeater_output_dbm + (1 - parameters.repeater_compression) * (input_dbm - reference_dbm)
    output_dbm = min(output_dbm, input_dbm + parameters.repeater_top_gain_db)
    lost_db = sum(event.loss_db for event in events if isinstance(event, RepeaterPumpLoss) and event.repeater == repeater)
    return max(DARK_DBM, output_dbm - lost_db)
