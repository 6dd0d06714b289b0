"""The rigs of the demonstration: both stations of a Trans-Caspian route, every driver of the catalogue at work.

A route is built with repeaters and a power feed at each end, or, to show what can happen to such lines, without: then each pair
has a Raman pump and a pump of a remote amplifier at each end instead. The A end is fed over Modbus RTU, the B end over a text
protocol. Amplifiers change their make from pair to pair. Nobody published what the real stations have; this mix is chosen to
show every driver.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Literal

from stationd.driver import Protocol
from stationd.sim.cable import End
from stationd.sim.rig import Cable, Device, Port, Rig

Amplifies = Literal["booster", "preamp", "raman", "ropa-pump"]


class Route(Enum):
    """The two cables of the project; the values are the words of `--routes`."""

    MAIN = "main"
    RESERVE = "reserve"


STATIONS = {Route.MAIN: ("aktau", "siyazan"), Route.RESERVE: ("kuryk", "buzovna")}
TEST_SETS = {Route.MAIN: "s1-341", Route.RESERVE: "kb-330"}
PFE_PORTS = {
    End.A: ("ea-ps10000", Port(protocol=Protocol.MODBUS_RTU, baud=19200)),
    End.B: ("fug-probus5", Port(protocol=Protocol.TEXT, baud=9600)),
}
RATINGS = {  # 1 kV and 1.5 A laboratory supplies feed such a line at full scale
    "ea-ps10000": {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0},
    "fug-probus5": {"voltage_v": 1000.0, "current_ma": 1500.0},
}
AMPLIFIER_PORTS = (
    ("keopsys-cefa", Port(protocol=Protocol.TEXT, baud=19200)),
    ("fiberlabs", Port(protocol=Protocol.TEXT, baud=57600)),
    ("amonics-aedfa", Port(protocol=Protocol.TEXT, baud=19200)),
    ("edfa68", Port(protocol=Protocol.FRAME68, baud=115200)),
)
LAGS_S = (0.2, 0.3, 0.1, 0.5)  # how late they notice lost light, in the same order (assumption: 0.1 to 0.5 s)
SHUTDOWNS_S: tuple[float | None, ...] = (None, 0.55, None, 0.9)  # and shut off: not all have it; off within 1 s
REPEATERED: tuple[Amplifies, ...] = ("booster", "preamp")
UNREPEATERED: tuple[Amplifies, ...] = (*REPEATERED, "raman", "ropa-pump")
IO_PORT = Port(link="tcp", protocol=Protocol.MODBUS_TCP)


def station(route: Route, end: End) -> str:
    """Return the name of the station at an end of a route."""
    return STATIONS[route][0 if end is End.A else 1]


def demo_rig(route: Route = Route.MAIN, fibre_pairs: int = 8, *, repeatered: bool = True) -> Rig:
    """Return the rig of a route. Each device is alone on a port of its own name, STATION-pfe, STATION-io, STATION-fp1-booster.

    The light of an end is STATION-light.
    """
    fittings = [fitting for end in End for fitting in _station(station(route, end), end, fibre_pairs, repeatered)]
    built = Cable(test_set=TEST_SETS[route], fibre_pairs=fibre_pairs)
    return Rig(
        built if repeatered else Cable(length_km=built.parameters().length_km, fibre_pairs=fibre_pairs),
        {name: port for name, port, _ in fittings},
        {name: device for name, _, device in fittings},
        light={end: f"{station(route, end)}-light" for end in End},
    )


def _station(name: str, end: End, fibre_pairs: int, repeatered: bool) -> Iterator[tuple[str, Port, Device]]:
    driver, port = PFE_PORTS[end]
    if repeatered:
        yield f"{name}-pfe", port, Device(port=f"{name}-pfe", driver=driver, end=end, role="pfe", ratings=RATINGS[driver])
    yield f"{name}-io", IO_PORT, Device(port=f"{name}-io", driver="modbus-io", end=end, role="io")
    for pair in range(1, fibre_pairs + 1):
        make = (pair - 1) % len(AMPLIFIER_PORTS)
        driver, port = AMPLIFIER_PORTS[make]
        for role in REPEATERED if repeatered else UNREPEATERED:
            unit, shutdown_s = f"{name}-fp{pair}-{role}", SHUTDOWNS_S[make] if role == "booster" else None
            lag_s = LAGS_S[make] if role in REPEATERED else 0.0
            yield unit, port, Device(
                port=unit, driver=driver, end=end, role=role, fibre_pair=pair, los_lag_s=lag_s, shutdown_s=shutdown_s
            )
