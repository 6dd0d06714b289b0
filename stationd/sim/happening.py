"""What can happen on the simulated line and in its stations: the verbs that scenarios are written with, and the repair of all.

What it is: each function returns a Change that is carried out once, at the time of its step. What goes on for a while is a
course of the Stage. What it is not: physics (stationd.sim.plant) or times (stationd.sim.world).
The sizes follow the table of event signatures of the design; [E] marks an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi, sin

from stationd.sim.amplifier import AmplifierSettings
from stationd.sim.cable import ElectricalFault, End, InsulatedOpen, PowerFeed, RepeaterEvent
from stationd.sim.device_io import ELECTRODING_RELAY, INTERLOCKS, TONE_MA, Contact, IoModule
from stationd.sim.device_keopsys import Keopsys, Latch
from stationd.sim.optics import AmplifierPumpLoss, Direction, OpticalEvent, Role, SpanLossStep
from stationd.sim.plant import SETTLED_S, Plant
from stationd.sim.scenario import Change
from stationd.sim.simulation import Simulation

CHARGED_S = 0.01  # an ampere charges the cable up to an open at 20 to 30 kV/s: at the limit before the feed trips
TRIP_DIP = 0.05  # share of the current that the surviving feed misses at first [E]
CHANGE_OVER_DIP, CHANGE_OVER_S = 0.005, 0.005  # of a converter: at most 0.5 %, less than 10 ms
DIM_DB, DIM_S = 0.3, 0.4  # of every pair while the current dips: the pumps of the repeaters follow it a little [E]
STORM_V_PER_KM = 0.1  # rule of thumb for the highest earth potential
STORM_RISE_S, STORM_PERIODS_S = 60.0, (240.0, 97.0)  # minutes, as the slower part of a magnetic storm [E]
TIDE_V, TIDE_PERIOD_S = 2.0, 360.0  # 1 to 3 V; half a day in reality
MISSET_MA, MISSET_S = 0.5, 60.0  # a drift, not a step
WEAR_S = 60.0  # years in reality
END_OF_LIFE_SHARE = 0.97  # alarms begin at 95 %


def electrical(event: ElectricalFault | RepeaterEvent, text: str) -> Change:
    """Let something happen to the conductor or a repeater; the meters of both ends take their time to follow."""

    def change(simulation: Simulation) -> str:
        simulation.plant.resettle(simulation.stage.now, CHARGED_S if isinstance(event, InsulatedOpen) else SETTLED_S)
        simulation.plant.apply(event)
        return text

    return change


def optical(event: OpticalEvent, text: str) -> Change:
    """Let something happen to the light."""

    def change(simulation: Simulation) -> str:
        simulation.plant.apply(event)
        return text

    return change


def together(*changes: Change) -> Change:
    """Let several things happen at the same instant."""

    def change(simulation: Simulation) -> str:
        return "; ".join([each(simulation) for each in changes])

    return change


def trip(*ends: End) -> Change:
    """Trip the power feeds of these ends; each stays a way to earth."""

    def change(simulation: Simulation) -> str:
        simulation.plant.resettle(simulation.stage.now, dip=TRIP_DIP)
        for end in ends:
            _switch_off(simulation, end)
        return " and ".join(f"power feed of end {end.value} tripped" for end in ends)

    return change


def _dims(simulation: Simulation) -> tuple[SpanLossStep, ...]:
    last = len(simulation.plant.fibre.spans_km) - 1
    return SpanLossStep(last, DIM_DB, None, Direction.A_TO_B), SpanLossStep(0, DIM_DB, None, Direction.B_TO_A)


def dim(simulation: Simulation) -> str:
    """Let all light fall a little, as it does while the line current dips."""
    for event in _dims(simulation):
        simulation.plant.apply(event)
    return f"all light falls by {DIM_DB:g} dB"


def brighten(simulation: Simulation) -> str:
    """Let the light be as it was before `dim`."""
    for event in _dims(simulation):
        simulation.plant.clear(event)
    return "the light is back"


def feeds_off(*ends: End) -> Change:
    """Let people have ramped these feeds down and switched them off some time ago: 0 mA set, no trip, the line discharged."""

    def change(simulation: Simulation) -> str:
        for end in ends:
            feed = simulation.plant.power_feed(end)
            simulation.plant.set_power_feed(end, replace(feed, output_on=False, current_setpoint_ma=0.0))
        return f"power feed of {' and '.join(f'end {end.value}' for end in ends)} switched off at 0 mA, the line is discharged"

    return change


def _switch_off(simulation: Simulation, end: End) -> None:
    desk, plant = simulation.stage.feeds.get(end), simulation.plant
    if desk is not None:
        desk.trip()
    else:
        plant.set_power_feed(end, replace(plant.power_feed(end), output_on=False))


def contact(end: End, which: Contact, text: str) -> Change:
    """Open a contact of a station's I/O module; one of the interlock loop switches the power feed off."""

    def change(simulation: Simulation) -> str:
        if which in INTERLOCKS:
            simulation.plant.resettle(simulation.stage.now, dip=TRIP_DIP)
        for module in _modules(simulation, end):
            module.set_contact(which, closed=False)
        return text

    return change


def _modules(simulation: Simulation, *ends: End) -> list[IoModule]:
    names = [name for name, device in simulation.rig.device.items() if device.end in ends]
    return [panel for name in names if isinstance(panel := simulation.panels.get(name), IoModule)]


def change_over(end: End) -> Change:
    """Let a converter of a power feed fail and another take its load."""

    def change(simulation: Simulation) -> str:
        simulation.plant.resettle(simulation.stage.now, CHANGE_OVER_S, CHANGE_OVER_DIP)
        for module in _modules(simulation, end):
            module.set_contact(Contact.CONVERTER, closed=False)
        return f"a converter of the power feed of end {end.value} failed, another took its load"

    return change


def electrode(end: End) -> Change:
    """Put the electroding tone on the line."""

    def change(simulation: Simulation) -> str:
        simulation.plant.set_tone(end, TONE_MA)
        for module in _modules(simulation, end):
            module.switch_relay(ELECTRODING_RELAY, on=True)
        return f"electroding of {TONE_MA:g} mA, 25 Hz, switched on at end {end.value}"

    return change


def storm(phase: float) -> Change:
    """Let a magnetic storm begin: the earth potential swings up to 0.1 V/km, slowly."""

    def change(simulation: Simulation) -> str:
        top_v = STORM_V_PER_KM * simulation.plant.cable.length_km
        base_v = simulation.plant.cable.earth_potential_v
        slow_s, quick_s = STORM_PERIODS_S

        def course(plant: Plant, passed_s: float) -> None:
            swing = 0.8 * sin(2 * pi * passed_s / slow_s) + 0.2 * sin(2 * pi * passed_s / quick_s + phase)
            plant.set_earth_potential(base_v + top_v * min(1.0, passed_s / STORM_RISE_S) * swing)

        simulation.stage.begin(course)
        return f"magnetic storm, earth potential of up to {top_v:.0f} V"

    return change


def tide(simulation: Simulation) -> str:
    """Let the tide move the earth potential by a few volts, in minutes instead of hours."""
    base_v = simulation.plant.cable.earth_potential_v

    def course(plant: Plant, passed_s: float) -> None:
        plant.set_earth_potential(base_v + TIDE_V * sin(2 * pi * passed_s / TIDE_PERIOD_S))

    simulation.stage.begin(course)
    return f"tide moves the earth potential by {TIDE_V:g} V"


def misset(end: End) -> Change:
    """Let the set current of one end drift away from that of the other."""

    def change(simulation: Simulation) -> str:
        begin_ma = simulation.plant.power_feed(end).current_setpoint_ma

        def course(plant: Plant, passed_s: float) -> None:
            setpoint_ma = begin_ma + MISSET_MA * min(1.0, passed_s / MISSET_S)
            plant.set_power_feed(end, replace(plant.power_feed(end), current_setpoint_ma=setpoint_ma))

        simulation.stage.begin(course)
        return f"set current of end {end.value} drifts up by {MISSET_MA:g} mA"

    return change


def wear(end: End, pair: int, role: Role) -> Change:
    """Let the pumps of a terminal amplifier age until they need nearly their end-of-life current, then lose one of them."""

    def change(simulation: Simulation) -> str:
        state = simulation.plant.amplifier_state(end, pair, role)
        end_ma = simulation.plant.amplifier_settings(end, pair, role).pump.end_of_life_ma
        worn = END_OF_LIFE_SHARE * end_ma / max(state.pump_currents_ma)

        def course(plant: Plant, passed_s: float) -> None:
            settings = plant.amplifier_settings(end, pair, role)
            ageing = 1.0 + (worn - 1.0) * min(1.0, passed_s / WEAR_S)
            plant.set_amplifier(end, pair, role, replace(settings, pump_ageing=ageing))

        simulation.stage.begin(course)
        return f"pumps of the {role.value} of pair {pair} at end {end.value} near the end of their life"

    return change


def fail_pump(end: End, pair: int, role: Role) -> Change:
    """Let one of the two pumps of a terminal amplifier fail."""
    return optical(AmplifierPumpLoss(end, pair, role), f"a pump of the {role.value} of pair {pair} at end {end.value} failed")


def switch_pump_off(end: End, pair: int, role: Role) -> Change:
    """Switch an amplifier or pump module off."""

    def change(simulation: Simulation) -> str:
        settings = simulation.plant.amplifier_settings(end, pair, role)
        simulation.plant.set_amplifier(end, pair, role, replace(settings, pump_on=False))
        return f"{role.value} of pair {pair} at end {end.value} is off"

    return change


def cut_off(port: str) -> Change:
    """Let a serial line die: nothing comes back from it."""

    def change(simulation: Simulation) -> str:
        simulation.cut_off(port)
        return f"line {port} is dead, the equipment behind it works on"

    return change


def silence(end: End) -> Change:
    """Let the daemon of a station fall silent, as far as whoever runs it has said how."""

    def change(simulation: Simulation) -> str:
        simulation.silence(end, True)
        return f"the station at end {end.value} falls silent, the line is as it was"

    return change


def nothing(simulation: Simulation) -> str:
    """Let nothing happen."""
    return "nothing happens"


@dataclass(frozen=True, slots=True)
class Before:
    """How a line was set before a scenario began. `restore` is the repair, and what people then do at the panels."""

    earth_potential_v: float
    feeds: dict[End, PowerFeed]
    amplifiers: dict[tuple[End, int, Role], AmplifierSettings]

    @staticmethod
    def of(simulation: Simulation) -> Before:
        """Remember how everything is set."""
        plant = simulation.plant
        settings = {place: plant.amplifier_settings(*place) for place in plant.places}
        return Before(plant.cable.earth_potential_v, {end: plant.power_feed(end) for end in End}, settings)

    def restore(self, simulation: Simulation) -> None:
        """Undo every fault, and switch and set everything as it was."""
        plant, stage = simulation.plant, simulation.stage
        stage.end_courses()
        plant.resettle(stage.now)
        plant.repair()
        plant.set_earth_potential(self.earth_potential_v)
        for module in _modules(simulation, *End):
            module.rest()
        for desk in stage.feeds.values():
            desk.acknowledge()
        for end in End:
            plant.set_tone(end, 0.0)
            plant.set_power_feed(end, self.feeds[end])
            simulation.silence(end, False)
        for panel in simulation.panels.values():
            if isinstance(panel, Keopsys):
                panel.latch = Latch.NONE
        for place, settings in self.amplifiers.items():
            plant.set_amplifier(*place, settings)
        for shutdown in stage.shutdowns:
            shutdown.restart()
        simulation.reconnect()
