"""The whole simulated plant: one line, two power feeds, the amplifiers of both stations, what is broken, and the meters.

What it is: the one mutable object behind all simulated devices. Devices write set-points into it and read measured values
out of it; scenarios apply and clear events. It has one owner and no lock.
What it is not: no clock of its own (`now` is given, in seconds), no protocol, no alarm, no trip: a device that protects
itself writes `output_on=False` here. The physics is in `cable`, `optics` and `amplifier`.
Numbers tagged [E] are assumptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp, pi, sin

from stationd.sim.amplifier import (
    RAMAN_PUMP_DBM,
    ROPA_PUMP_DBM,
    AmplifierSettings,
    AmplifierState,
    amplify,
    default_settings,
    lost,
    pump_fibre,
)
from stationd.sim.cable import (
    S1_341,
    CableParameters,
    Cut,
    Electrical,
    ElectricalFault,
    End,
    PowerFeed,
    RepeaterDropChange,
    RepeaterEvent,
    RepeaterShorted,
    balanced,
    check_fault,
)
from stationd.sim.meters import Meter, Meters
from stationd.sim.optics import (
    DARK_DBM,
    AmplifierPumpLoss,
    ConnectorOpen,
    Direction,
    FibreBreak,
    FibreParameters,
    Light,
    OpticalEvent,
    RepeaterPumpLoss,
    Role,
    SpanLossStep,
    TapFault,
    TransmitterOff,
    fibres,
    light,
)
from stationd.sim.solver import solve

Event = ElectricalFault | RepeaterEvent | OpticalEvent
Place = tuple[End, int, Role]

_DAY_S = 86400.0
_CASE_SWING_K = 1.5  # day and night in the equipment room [E]
_TONE_LEFT = 0.01  # share of an electroding tone that the filter of a meter leaves [E]
_TRANSIENT_OVER = 1e-5  # what is left of a transient when it is over
DISCHARGE_S = 0.7  # time constant of a line that neither end feeds any more: some 70 uF and the bleeder of a feed [E]
SETTLED_S = 0.15  # time constant with which a line and its feeds find a new split: 0.1 to 1 s in all [E]


@dataclass(frozen=True, slots=True)
class Transient:
    """How the meters get from one steady state to the next: from what they showed at `begin`, with a time constant.

    `dip` is the share of the current that is missing at first. The equipment's own protection is faster than all this and
    looks at the steady state.
    """

    left: Electrical
    begin: float
    constant_s: float
    dip: float = 0.0

    def rest(self, now: float) -> float:
        """Share of the way that is still before the meters, 1 at the begin."""
        return exp(-max(0.0, now - self.begin) / self.constant_s)


class Plant:
    """See the module. Pairs count from 1. Every change bumps `version`; results are kept until then."""

    def __init__(
        self,
        cable: CableParameters = S1_341,
        fibre_pairs: int = 8,
        *,
        feeds: tuple[PowerFeed, PowerFeed] | None = None,
        fibre: FibreParameters | None = None,
        meters: Meters | None = None,
        seed: int = 1,
    ) -> None:
        if fibre_pairs < 1:
            raise ValueError(f"fibre_pairs is {fibre_pairs}, it must be 1 or more")
        self.cable = cable
        self.fibre = fibres(cable) if fibre is None else fibre
        self.fibre_pairs = fibre_pairs
        self.meters = (Meters() if meters is None else meters).seeded(seed)
        self.version = 0
        self._looks: list[Callable[[], None]] = []
        a, b = _feeds(cable) if feeds is None else feeds
        self._feeds = {End.A: a, End.B: b}
        self._fault: ElectricalFault | None = None
        self._events: tuple[OpticalEvent, ...] = ()
        self._repeaters: tuple[RepeaterEvent, ...] = ()
        self._transient: Transient | None = None
        self._discharging: dict[End, tuple[float, float]] = {}
        self._tones_ma = dict.fromkeys(End, 0.0)
        roles = tuple(Role) if self.fibre.unrepeatered else (Role.BOOSTER, Role.PREAMP)
        places: list[Place] = [(end, pair, role) for end in End for pair in range(1, fibre_pairs + 1) for role in roles]
        self._settings = {place: default_settings(place[2], self.fibre) for place in places}
        self._los = dict.fromkeys(self._settings, False)
        self._shut: frozenset[Place] = frozenset()
        self._electrical: Electrical | None = None
        self._states: dict[Place, AmplifierState] = {}

    def on_change(self, look: Callable[[], None]) -> None:
        """Have `look()` called right after every change; it must not change anything itself."""
        self._looks.append(look)

    # The line and its power

    @property
    def fault(self) -> ElectricalFault | None:
        """The electrical fault of the line, if any."""
        return self._fault

    @property
    def events(self) -> tuple[OpticalEvent, ...]:
        """The optical events, oldest first."""
        return self._events

    def power_feed(self, end: End) -> PowerFeed:
        """Set-points and states of one end."""
        return self._feeds[end]

    def set_power_feed(self, end: End, feed: PowerFeed) -> None:
        """Change one with `plant.set_power_feed(end, replace(plant.power_feed(end), output_on=False))`."""
        if feed != self._feeds[end]:
            self._feeds[end] = feed
            self._changed()

    def set_earth_potential(self, earth_potential_v: float) -> None:
        """Earth of B minus earth of A, from tide or a magnetic storm."""
        self.cable = replace(self.cable, earth_potential_v=earth_potential_v)
        self._changed()

    def set_conductor(self, ohm_per_km: float) -> None:
        """Let the conductor have another resistance, as a resistive line on a bench is switched."""
        self.cable = replace(self.cable, conductor_ohm_per_km=ohm_per_km)
        self._changed()

    def apply(self, event: Event) -> None:
        """Let it happen. The line has one electrical fault, a new one takes its place. ValueError if it is not on this line."""
        if isinstance(event, ElectricalFault):
            check_fault(self.cable, event)
            self._fault = event
        elif isinstance(event, RepeaterEvent):
            self._within("repeater", event.repeater, len(self.cable.repeaters_km) - 1)
            self._repeaters = (*(e for e in self._repeaters if e != event), event)
        else:
            self._check(event)
            self._events = (*(e for e in self._events if e != event), event)
        self._changed()

    def clear(self, event: Event) -> None:
        """Undo one event. ValueError if it is not there."""
        if event == self._fault:
            self._fault = None
        elif event in self._repeaters:
            self._repeaters = tuple(e for e in self._repeaters if e != event)
        elif event in self._events:
            self._events = tuple(e for e in self._events if e != event)
        else:
            raise ValueError(f"{event} is not on the line; there are {[self._fault, *self._repeaters, *self._events]}")
        self._changed()

    def repair(self) -> None:
        """Undo every event. Set-points stay."""
        self._fault, self._repeaters, self._events = None, (), ()
        self._changed()

    def electrical(self) -> Electrical:
        """The exact state, without meters. Kept while nothing changes."""
        if self._electrical is None:
            cable = replace(self.cable, repeater_changes_v=self._changes_v()) if self._repeaters else self.cable
            self._electrical = solve(cable, self._feeds[End.A], self._feeds[End.B], self._fault)
        return self._electrical

    def _changes_v(self) -> tuple[float, ...]:
        changes = [0.0] * len(self.cable.repeaters_km)
        for event in self._repeaters:
            match event:
                case RepeaterDropChange(repeater=number, volts=volts):
                    changes[number] += volts
                case RepeaterShorted(repeater=number):
                    changes[number] = -self.cable.repeater_drop_v
        return tuple(max(-self.cable.repeater_drop_v, change) for change in changes)

    def resettle(self, now: float, constant_s: float = SETTLED_S, dip: float = 0.0) -> None:
        """Let the meters go to what happens next from what they show now, instead of being there at once. Call it first."""
        self._transient = Transient(self.electrical(), now, constant_s, dip)

    def discharge(self, now: float) -> None:
        """Let the voltmeters fall slowly from what they show now, if no end feeds the line any more. Call it before switching off."""
        self._discharging = {end: (self._charged(end, self._on_the_way(end, now)[1], now), now) for end in End}

    def set_tone(self, end: End, tone_ma: float) -> None:
        """Put an electroding tone of this amplitude on the current of one end, 0 for none. Its meters show what they leave of it."""
        self._tones_ma[end] = tone_ma

    def measure(self, end: End, now: float) -> tuple[float, float]:
        """Current in mA and voltage in V as the feed's own meters show them; they have no minus sign."""
        channel = 0 if end is End.A else 2
        true_ma, true_v = self._on_the_way(end, now)
        current_ma = self.meters.current_ma.read(true_ma, channel, now)
        voltage_v = self.meters.voltage_v.read(self._charged(end, true_v, now), channel + 1, now)
        return max(0.0, current_ma), max(0.0, voltage_v)

    def _charged(self, end: End, true_v: float, now: float) -> float:
        """Voltage of an end with the charge that is left in the line."""
        left_v, begin = self._discharging.get(end, (0.0, now))
        dead = not any(feed.output_on for feed in self._feeds.values())
        return max(true_v, left_v * exp(-(now - begin) / DISCHARGE_S)) if dead else true_v

    def _on_the_way(self, end: End, now: float) -> tuple[float, float]:
        """Current and voltage of one end before the meters, with what passes."""
        state = self.electrical()
        current_ma, voltage_v = state.current_ma(end), state.voltage_v(end)
        if self._transient is not None:
            left, rest = self._transient.left, self._transient.rest(now)
            current_ma = (current_ma + (left.current_ma(end) - current_ma) * rest) * (1 - self._transient.dip * rest)
            voltage_v += (left.voltage_v(end) - voltage_v) * rest
            self._transient = self._transient if rest > _TRANSIENT_OVER else None
        if self._tones_ma[end] and current_ma > 0:
            ripple_ma = self._tones_ma[end] * _TONE_LEFT * self.meters.current_ma.swing(now)
            return current_ma + ripple_ma, voltage_v + ripple_ma / 1000 * self.cable.conductor_ohm_per_km * self.cable.length_km
        return current_ma, voltage_v

    # The fibres and their amplifiers

    def light(self, pair: int, direction: Direction) -> Light:
        """Exact levels along one fibre."""
        transmit_dbm = self._state((direction.transmitter, pair, Role.BOOSTER)).output_dbm
        breaks = (*self._events, FibreBreak(self._fault.km)) if isinstance(self._fault, Cut) else self._events
        gain_db = self._pump_gain_db(direction.receiver, pair)
        powered = self.electrical().repeaters_powered
        return light(self.fibre, breaks, pair, direction, transmit_dbm, powered, gain_db)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where amplifiers are: end, pair, role."""
        return tuple(self._settings)

    def amplifier_state(self, end: End, pair: int, role: Role) -> AmplifierState:
        """The exact state of an amplifier, without meters. ValueError if there is no such amplifier."""
        return self._state(self._place(end, pair, role))

    def amplifier_settings(self, end: End, pair: int, role: Role) -> AmplifierSettings:
        """ValueError if there is no such amplifier."""
        return self._settings[self._place(end, pair, role)]

    def set_amplifier(self, end: End, pair: int, role: Role, settings: AmplifierSettings) -> None:
        """ValueError if there is no such amplifier."""
        place = self._place(end, pair, role)
        if settings != self._settings[place]:
            self._settings[place] = settings
            self._changed()

    def shut(self, place: Place, *, off: bool) -> None:
        """Let the automatic shutdown of an amplifier switch it off, or on again as it is set."""
        wanted = self._shut | {place} if off else self._shut - {place}
        if wanted != self._shut:
            self._shut = wanted
            self._changed()

    def amplifier(self, end: End, pair: int, role: Role, now: float) -> AmplifierState:
        """What the amplifier shows at `now`. Loss of signal keeps its hysteresis from reading to reading."""
        place = self._place(end, pair, role)
        state, meters = self._state(place), self.meters
        channel = 16 + 16 * (list(Role).index(role) + len(Role) * (2 * pair + list(End).index(end)))
        input_dbm = _level(meters.level_db, state.input_dbm, channel, now)
        output_dbm = _level(meters.level_db, state.output_dbm, channel + 1, now)
        first_ma, second_ma = state.pump_currents_ma
        first_c, second_c = state.pump_temperatures_c
        case_c = state.case_temperature_c + _CASE_SWING_K * sin(2 * pi * now / _DAY_S)
        return replace(
            state,
            input_dbm=input_dbm,
            output_dbm=output_dbm,
            gain_db=None if state.gain_db is None else round(output_dbm - input_dbm, 9),
            pump_currents_ma=(_current(meters.pump_ma, first_ma, channel + 2, now), _current(meters.pump_ma, second_ma, channel + 3, now)),
            pump_temperatures_c=(
                meters.temperature_c.read(first_c, channel + 4, now),
                meters.temperature_c.read(second_c, channel + 5, now),
            ),
            case_temperature_c=meters.temperature_c.read(case_c, channel + 6, now),
            return_loss_db=meters.level_db.read(state.return_loss_db, channel + 7, now),
        )

    def _state(self, place: Place) -> AmplifierState:
        if place not in self._states:
            self._states[place] = self._settle(place)
        return self._states[place]

    def _settle(self, place: Place) -> AmplifierState:
        end, pair, role = place
        settings = self._settings[place]
        pump_lost = AmplifierPumpLoss(end, pair, role) in self._events
        line_open = ConnectorOpen(end, pair, role) in self._events
        if role in (Role.RAMAN, Role.ROPA_PUMP):
            return pump_fibre(settings, pump_lost=pump_lost, line_open=line_open)
        if role is Role.PREAMP:
            input_dbm = self.light(pair, Direction.leaving(end.other)).receive_dbm
        else:
            input_dbm = DARK_DBM if TransmitterOff(end, pair) in self._events else self.fibre.transmitter_dbm
        self._los[place] = lost(settings, input_dbm, self._los[place])
        settings = replace(settings, pump_on=False) if place in self._shut else settings
        return amplify(settings, input_dbm, self._los[place], pump_lost=pump_lost, line_open=line_open)

    def _pump_gain_db(self, end: End, pair: int) -> float:
        """On-off gain of the pumped fibre at the receiving end; in dB it follows the pump power [E]."""
        if not self.fibre.unrepeatered:
            return 0.0
        raman_dbm = self._state((end, pair, Role.RAMAN)).output_dbm
        ropa_dbm = self._state((end, pair, Role.ROPA_PUMP)).output_dbm
        raman_share, ropa_share = 10 ** ((raman_dbm - RAMAN_PUMP_DBM) / 10), 10 ** ((ropa_dbm - ROPA_PUMP_DBM) / 10)
        return float(self.fibre.raman_gain_db * raman_share + self.fibre.ropa_gain_db * ropa_share)

    def _changed(self) -> None:
        self.version += 1
        self._electrical = None
        self._states.clear()
        for look in self._looks:
            look()

    def _place(self, end: End, pair: int, role: Role) -> Place:
        place = (end, pair, role)
        if place not in self._settings:
            raise ValueError(f"no {role.value} on pair {pair}: pairs are 1 to {self.fibre_pairs}, {self._roles()}")
        return place

    def _roles(self) -> str:
        return "this line has Raman and ROPA pumps" if self.fibre.unrepeatered else "this line has repeaters, so boosters and preamps only"

    def _check(self, event: OpticalEvent) -> None:
        match event:
            case TapFault():
                self._place(event.end, event.pair, Role.BOOSTER)
            case AmplifierPumpLoss() | ConnectorOpen():
                self._place(event.end, event.pair, event.role)
            case TransmitterOff():
                self._place(event.end, event.pair, Role.BOOSTER)
            case FibreBreak(km=km):
                self._within("km", km, self.cable.length_km)
            case SpanLossStep(span=span):
                self._within("span", span, len(self.fibre.spans_km) - 1)
            case RepeaterPumpLoss(repeater=repeater):
                self._within("repeater", repeater, len(self.fibre.spans_km) - 2)
        if event.pair is not None:
            self._within("pair", event.pair, self.fibre_pairs, bottom=1)

    @staticmethod
    def _within(name: str, value: float, top: float, bottom: float = 0) -> None:
        if not bottom <= value <= top:
            raise ValueError(f"{name} of the event is {value}, it must be between {bottom} and {top}")


def _feeds(cable: CableParameters) -> tuple[PowerFeed, PowerFeed]:
    """Balanced double-end feed; a line without repeaters is not fed."""
    a, b = balanced(cable)
    return (a, b) if cable.repeaters_km else (replace(a, output_on=False), replace(b, output_on=False))


def _level(meter: Meter, true_dbm: float, channel: int, now: float) -> float:
    return DARK_DBM if true_dbm <= DARK_DBM else max(DARK_DBM, meter.read(true_dbm, channel, now))


def _current(meter: Meter, true_ma: float, channel: int, now: float) -> float:
    return 0.0 if true_ma == 0 else max(0.0, meter.read(true_ma, channel, now))
