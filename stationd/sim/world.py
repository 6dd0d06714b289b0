"""Every scenario of the simulated line, as a table; how one is played; and the program behind `stationd sim`.

What it is: for each row of the table of event signatures of the design a named scenario: what happens, at which second, and what
the stations at both ends should make of it. Where the real world leaves a choice the seed decides. A new scenario is one entry
of SCENARIOS; its words are in stationd.sim.scenario, its verbs in stationd.sim.happening.
What it is not: wire faults; they are `[[fault]]` sections of a rig.
End a is "our" station where a scenario has one: the first of the two names of a route.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from math import pi
from pathlib import Path

from stationd.core.verdict.words import Kind, Ours
from stationd.sim.cable import Cut, End, InsulatedOpen, RepeaterDropChange, RepeaterShorted, Shunt
from stationd.sim.control import NAME as CONTROL
from stationd.sim.control import control_port
from stationd.sim.device_io import Contact
from stationd.sim.happening import (
    DIM_S,
    Before,
    brighten,
    change_over,
    contact,
    cut_off,
    dim,
    electrical,
    electrode,
    fail_pump,
    feeds_off,
    misset,
    nothing,
    optical,
    silence,
    storm,
    switch_pump_off,
    tide,
    together,
    trip,
    wear,
)
from stationd.sim.optics import ConnectorOpen, Direction, FibreBreak, RepeaterPumpLoss, Role, TapFault, TransmitterOff
from stationd.sim.rig import Rig, load_rig
from stationd.sim.scenario import FIRST_S, HEALTHY, REPAIR_S, SLOW_REPAIR_S, Change, Expected, Says, Scenario, Script, Setting, Step
from stationd.sim.scratch import scratch
from stationd.sim.simulation import Simulation, open_rig

AT_ONCE_S = 3.0  # line time from a cut, shunt, trip or open to the right verdict
SOON_S = 10.0  # of what is seen at the amplifiers, which are asked less often, or needs a second look
SLOW_S = 180.0  # of what takes minutes to show
LONG_S = 1800.0  # time to try a ramp before everything is as it was
LATER_S = 60.0  # how long a pump ages before it fails
ANY_OHM = 10.0  # a low-ohm shunt; the voltages hardly depend on it
PUMP_LOSS_DB, PUMP_DROP_V = 0.8, -2.0  # of one pair at the repeater next to a station: 0.3 to 1 dB, a few volts
SENSOR_DB = -6.0  # a dirty or loose photodiode; no loss of light
_NOT_OURS = (Ours.NO,)
_HARDLY = (Ours.NO, Ours.CANNOT_TELL)
_NOTHING = (Ours.NOTHING, Ours.NO, Ours.CANNOT_TELL)


def _says(*kinds: Kind, ours: tuple[Ours, ...] = _NOT_OURS) -> Says:
    return Says(kinds, ours)


def _ours(kind: Kind) -> Says:
    return Says((kind,), (Ours.YES,))


def _theirs(*kinds: Kind) -> Says:
    """What the other station may say of something that it cannot see itself, if anything."""
    return Says((Kind.HEALTHY, *kinds, Kind.CANNOT_TELL), _NOTHING)


def _once(change: Change, expected: Expected, repair_s: float = REPAIR_S) -> Script:
    return Script((Step(FIRST_S, change),), repair_s, expected)


# The cable.


def _quiet(here: Setting) -> Script:
    return _once(nothing, Expected(HEALTHY, HEALTHY, 0.0))


def _cable_cut(here: Setting) -> Script:
    km, says = here.km(0.25, 0.75), _says(Kind.CABLE_CUT)
    change = electrical(Cut(km), f"cable cut at km {km}, both conductor ends in the sea, all fibres broken")
    return _once(change, Expected(says, says, AT_ONCE_S, km, here.pairs))


def _shunt(km: float, ohm: float, *others: Kind, within_s: float = AT_ONCE_S) -> Script:
    says = Says((Kind.SHUNT, *others), (*_HARDLY, Ours.NOTHING) if others else _NOT_OURS)
    change = electrical(Shunt(km, ohm), f"shunt fault of {ohm:g} ohm at km {km}, light is not affected")
    return _once(change, Expected(says, says, within_s, km))


def _shunt_50km(here: Setting) -> Script:
    return _shunt(50.0, ANY_OHM)


def _shunt_1kohm(here: Setting) -> Script:
    return _shunt(50.0, 1000.0)


def _shunt_repeater(here: Setting) -> Script:
    return _shunt(here.cable.repeaters_km[0], ANY_OHM)


def _shunt_virtual_earth(here: Setting) -> Script:
    """A few volts from where the conductor is at the earth's potential anyway: hardly to be seen, and not to be invented."""
    km = round(here.cable.length_km / 2 + here.chance.choice((-1, 1)) * here.chance.uniform(2.0, 6.0), 1)
    return _shunt(km, ANY_OHM, Kind.CANNOT_TELL, Kind.HEALTHY, within_s=SOON_S)


def _insulated_open(here: Setting) -> Script:
    km = here.km(0.25, 0.75)
    change = electrical(InsulatedOpen(km), f"conductor open and insulated at km {km}: the feeds go to their limit and trip")
    a, b = _says(Kind.OPEN, ours=_HARDLY), _says(Kind.OPEN, Kind.BOTH_OFF, ours=_HARDLY)
    return _once(change, Expected(a, b, AT_ONCE_S, km, here.pairs))


def _single_fibre(here: Setting) -> Script:
    km, pair, direction = here.km(0.25, 0.75), here.pair(), here.chance.choice(list(Direction))
    says = _says(Kind.FIBRE_BREAK, ours=_HARDLY)
    change = optical(FibreBreak(km, pair, direction), f"fibre {direction.value} of pair {pair} broken at km {km}")
    return _once(change, Expected(says, says, AT_ONCE_S, pairs=(pair,)))


def _repeater_pump(here: Setting) -> Script:
    """In the repeater next to end a: further away the chain of saturated repeaters heals it before it arrives."""
    pair = here.pair()
    change = together(
        electrical(RepeaterDropChange(0, PUMP_DROP_V), f"repeater 1 drops {-PUMP_DROP_V:g} V less"),
        optical(RepeaterPumpLoss(0, pair, None, PUMP_LOSS_DB), f"it has lost a pump of pair {pair}, {PUMP_LOSS_DB:g} dB"),
    )
    a = _says(Kind.REPEATER_PUMP, ours=_HARDLY)
    return _once(change, Expected(a, _theirs(Kind.REPEATER_PUMP), SLOW_S, pairs=(pair,)), SLOW_REPAIR_S)


def _repeater_failed(here: Setting) -> Script:
    number, says = here.chance.randrange(len(here.cable.repeaters_km)), _says(Kind.REPEATER_FAILED, ours=_HARDLY)
    change = electrical(RepeaterShorted(number), f"repeater {number + 1} is shorted: its voltage is missing, its pumps are dark")
    return _once(change, Expected(says, says, SOON_S, pairs=here.pairs))


# The power feeds.


def _trip(end: End) -> Script:
    here, there = _ours(Kind.FEED_TRIP_HERE), _says(Kind.FEED_TRIP_FAR)
    a, b = (here, there) if end is End.A else (there, here)
    return _dipping(trip(end), Expected(a, b, AT_ONCE_S))


def _dipping(change: Change, expected: Expected) -> Script:
    """One end takes over the whole line: the current dips, and the light with it."""
    return Script((Step(FIRST_S, together(change, dim)), Step(FIRST_S + DIM_S, brighten)), REPAIR_S, expected)


def _pfe_trip(here: Setting) -> Script:
    return _trip(End.A)


def _far_trip(here: Setting) -> Script:
    return _trip(End.B)


def _both_trip(here: Setting) -> Script:
    mains = [contact(end, Contact.MAINS, f"mains of end {end.value} failed") for end in End]
    says = _says(Kind.BOTH_OFF, ours=(Ours.YES, Ours.CANNOT_TELL))
    return _once(together(trip(*End), *mains), Expected(says, says, AT_ONCE_S, pairs=here.pairs))


def _feeds_off(here: Setting) -> Script:
    says = _says(Kind.BOTH_OFF, ours=(Ours.YES, Ours.CANNOT_TELL))
    return _once(feeds_off(*End), Expected(says, says, AT_ONCE_S, pairs=here.pairs), LONG_S)


def _door(here: Setting) -> Script:
    change = contact(End.A, Contact.DOOR, "door of the power feed of end a opened, its interlock switches the feed off")
    return _dipping(change, Expected(_ours(Kind.INTERLOCK), _says(Kind.INTERLOCK, Kind.FEED_TRIP_FAR), AT_ONCE_S))


def _converter_failed(here: Setting) -> Script:
    return _once(change_over(End.A), Expected(_ours(Kind.CONVERTER), _theirs(Kind.CONVERTER), SOON_S))


def _electroding(here: Setting) -> Script:
    a = _says(Kind.ELECTRODING, ours=_NOTHING)
    return _once(electrode(End.A), Expected(a, _theirs(Kind.ELECTRODING), SOON_S))


def _current_misset(here: Setting) -> Script:
    a, b = _says(Kind.MIS_SET, ours=_HARDLY), _says(Kind.MIS_SET, ours=(Ours.CANNOT_TELL, Ours.YES))
    return _once(misset(End.B), Expected(a, b, SLOW_S), SLOW_REPAIR_S)


def _earth_storm(here: Setting) -> Script:
    says = _says(Kind.EARTH_POTENTIAL, ours=_NOTHING)
    return _once(storm(here.chance.uniform(0.0, 2 * pi)), Expected(says, says, SLOW_S), SLOW_REPAIR_S)


def _tide(here: Setting) -> Script:
    says = _says(Kind.HEALTHY, Kind.EARTH_POTENTIAL, ours=_NOTHING)
    return _once(tide, Expected(says, says, SLOW_S), SLOW_REPAIR_S)


# The light of a station.


def _terminal_pump(here: Setting) -> Script:
    pair, a = _worn_pair(here), _ours(Kind.TERMINAL_PUMP)
    steps = (Step(FIRST_S, wear(End.A, pair, Role.BOOSTER)), Step(FIRST_S + LATER_S, fail_pump(End.A, pair, Role.BOOSTER)))
    expected = Expected(a, _theirs(Kind.TERMINAL_PUMP), LATER_S + SOON_S, pairs=(pair,))
    return Script(steps, SLOW_REPAIR_S, expected)


def _worn_pair(here: Setting) -> int:
    """Return a pair whose booster tells the end of life of its pumps, else one that tells their currents."""
    return _pair_with(here, "edfa68", "fiberlabs", "keopsys-cefa")


def _open_pair(here: Setting) -> int:
    """Return a pair whose booster tells that light comes back; the others only go dark."""
    return _pair_with(here, "edfa68", "fiberlabs")


def _pair_with(here: Setting, *drivers: str) -> int:
    """Return a pair whose booster at end a has the first of these drivers that is there at all."""
    boosters = {each.fibre_pair or 1: each.driver for each in here.rig.device.values() if each.end is End.A and each.role == "booster"}
    for driver in drivers:
        pairs = [pair for pair, its in boosters.items() if its == driver]
        if pairs:
            return here.chance.choice(pairs)
    return here.pair()


def _connector_open(here: Setting) -> Script:
    pair = _open_pair(here)
    change = together(
        optical(ConnectorOpen(End.A, pair, Role.BOOSTER), f"line connector of the booster of pair {pair} at end a opened"),
        optical(ConnectorOpen(End.A, pair, Role.PREAMP), "that of its preamp too"),
    )
    b = _says(Kind.FIBRE_BREAK, Kind.CONNECTOR, ours=_HARDLY)
    return _once(change, Expected(_ours(Kind.CONNECTOR), b, SOON_S, pairs=(pair,)))


def _transmitter_off(here: Setting) -> Script:
    pair = here.pair()
    change = optical(TransmitterOff(End.A, pair), f"transmission equipment of pair {pair} at end a sends nothing into the booster")
    b = _says(Kind.TERMINAL_PUMP, Kind.FIBRE_BREAK, ours=_HARDLY)
    return _once(change, Expected(_ours(Kind.TERMINAL_PUMP), b, SOON_S, pairs=(pair,)))


def _pump_off(here: Setting, role: Role) -> Script:
    pair = here.pair()
    expected = Expected(_ours(Kind.PUMP_OFF), _theirs(Kind.PUMP_OFF), SOON_S, pairs=(pair,))
    return _once(switch_pump_off(End.A, pair, role), expected)


def _ropa_off(here: Setting) -> Script:
    return _pump_off(here, Role.ROPA_PUMP)


def _raman_off(here: Setting) -> Script:
    return _pump_off(here, Role.RAMAN)


def _sensor_fault(here: Setting) -> Script:
    pair, sent = here.pair(), here.chance.random() < 0.5
    fault = TapFault(End.A, pair, sent, SENSOR_DB)
    text = f"tap fp{pair}-{'tx' if sent else 'rx'} of end a shows {-SENSOR_DB:g} dB too little"
    return _once(optical(fault, text), Expected(_ours(Kind.SENSOR), _theirs(Kind.SENSOR), SOON_S, pairs=(pair,)))


# The stations themselves.


def _bus_loss(here: Setting) -> Script:
    port = next((device.port for device in here.rig.device.values() if device.end is End.A and device.role == "pfe"), "")
    return _once(cut_off(port), Expected(_ours(Kind.BUS_LOST), _theirs(Kind.BUS_LOST), SOON_S))


def _far_silent(here: Setting) -> Script:
    says = _theirs()
    return _once(silence(End.B), Expected(says, says, SOON_S))


_ALL = (
    Scenario("quiet", "Nothing happens", _quiet),
    Scenario("cable-cut", "The cable is cut between the first and the last repeater", _cable_cut),
    Scenario("shunt-50km", "The insulation fails at km 50, 10 ohm", _shunt_50km),
    Scenario("shunt-1kohm", "The insulation fails at km 50, 1 kohm", _shunt_1kohm),
    Scenario("shunt-repeater", "The insulation fails at the first repeater", _shunt_repeater),
    Scenario("shunt-virtual-earth", "The insulation fails near the virtual earth: hardly to be seen", _shunt_virtual_earth),
    Scenario("insulated-open", "The conductor parts and stays insulated: both feeds trip on over-voltage", _insulated_open),
    Scenario("single-fibre", "One fibre of one pair breaks", _single_fibre),
    Scenario("pfe-trip", "The power feed of end a trips, end b carries the line", _pfe_trip),
    Scenario("far-trip", "The power feed of end b trips, end a carries the line", _far_trip),
    Scenario("both-trip", "The mains of both stations fail", _both_trip),
    Scenario("feeds-off", "Both feeds were switched off by people, and half an hour to try a ramp", _feeds_off),
    Scenario("door", "A door of the power feed of end a is opened", _door),
    Scenario("converter-failed", "A converter of the power feed of end a fails", _converter_failed),
    Scenario("electroding", "End a puts the electroding tone on the line", _electroding),
    Scenario("current-misset", "The set current of end b drifts by 0.5 mA", _current_misset),
    Scenario("earth-storm", "A magnetic storm, up to 0.1 V/km", _earth_storm),
    Scenario("tide", "The tide, a few volts", _tide),
    Scenario("repeater-pump", "A pump of the repeater next to end a is lost, one pair", _repeater_pump),
    Scenario("repeater-failed", "A repeater is shorted and dark", _repeater_failed),
    Scenario("terminal-pump", "The pumps of a booster of end a age, then one fails", _terminal_pump),
    Scenario("connector-open", "The line connectors of a pair are opened at end a", _connector_open),
    Scenario("transmitter-off", "The transmission equipment of a pair at end a goes dark", _transmitter_off),
    Scenario("ropa-off", "A pump of the remote amplifier is off at end a, line without repeaters", _ropa_off, unrepeatered=True),
    Scenario("raman-off", "A Raman pump is off at end a, line without repeaters", _raman_off, unrepeatered=True),
    Scenario("sensor-fault", "A photodiode tap of end a shows wrong", _sensor_fault),
    Scenario("bus-loss", "The serial line to the power feed of end a dies", _bus_loss),
    Scenario("far-silent", "The station at end b falls silent", _far_silent),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}


def scenario_list() -> str:
    """Return every scenario with its title, one a line."""
    return "\n".join(f"  {scenario.name:<20} {scenario.title}" for scenario in _ALL)


async def play(
    scenario: Scenario, simulation: Simulation, report: Callable[[str], None] = lambda _: None, seed: int = 1
) -> None:
    """Carry a scenario out; `report` gets a line for each step and for the repair. Returns after that.

    ValueError when the scenario needs another kind of line.
    """
    script = scenario.script(simulation.rig, seed)
    loop, before = asyncio.get_running_loop(), Before.of(simulation)
    begin = loop.time()
    for step in script.steps:
        await asyncio.sleep(max(0.0, begin + step.at_s - loop.time()))
        report(f"{scenario.name} +{step.at_s:g} s: {step.change(simulation)}")
    await asyncio.sleep(max(0.0, begin + script.repair_s - loop.time()))
    before.restore(simulation)
    report(f"{scenario.name} +{script.repair_s:g} s: everything repaired and as it was")


async def run_sim(
    rig_path: Path, ports_file: Path | None = None, seed: int = 1, report: Callable[[str], None] = print
) -> None:
    """Open the equipment of a rig file, say where it is, and serve until cancelled.

    RigError names every mistake of the file; OSError when a TCP port number is taken or the ports file cannot be written.
    """
    rig = load_rig(rig_path)
    with scratch("stationd-sim-control", Path(tempfile.gettempdir())) as directory:
        async with open_rig(rig, seed) as simulation, control_port(simulation, directory / CONTROL) as control:
            for line in port_table(simulation):
                report(line)
            report(f"{CONTROL:<24} {control:<48} {'JSON lines':<18} the hands of whoever stands at the plant")
            if ports_file is not None:
                write_ports(ports_file, {**simulation.ports, CONTROL: control})
            await asyncio.Event().wait()


def port_table(simulation: Simulation) -> list[str]:
    """Return the lines that say which device is behind which port."""
    return [_HEADER, *(_row(name, address, simulation.rig) for name, address in simulation.ports.items())]


_HEADER = f"{'port':<24} {'opens as':<48} {'speaks':<18} devices"


def _row(name: str, address: str, rig: Rig) -> str:
    for end, light in rig.light.items():
        if name == light:
            return f"{name:<24} {address:<48} {'counts':<18} optical taps of {rig.cable.fibre_pairs} pairs at end {end.value}"
    port = rig.port[name]
    speaks = port.protocol.value if address.startswith("tcp://") else f"{port.protocol.value} {port.baud}"
    here = (f"{key} ({device.driver}, address {device.address})" for key, device in rig.device.items() if device.port == name)
    return f"{name:<24} {address:<48} {speaks:<18} {', '.join(here)}"


def write_ports(path: Path, ports: Mapping[str, str]) -> None:
    """Write {"name": "address"} in one step: a reader sees all of it or nothing."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(ports), file, indent=2)
        file.write("\n")
    Path(fresh).chmod(0o644)
    Path(fresh).replace(path)
