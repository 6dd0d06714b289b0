"""The lines of a station: each port with its owner and its poller, and how they change while the others run on.

What it is not: the protocol of a line (stationd.links.bus) or what is asked when (stationd.poller).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stationd.config.changes import Changes
from stationd.config.parts import port_of
from stationd.core.model import Event
from stationd.links.bus import Bus
from stationd.links.opening import Opener
from stationd.plans import Plans
from stationd.poller import Poller, Pollers
from stationd.service.reload import Mouth, Swap
from stationd.service.supervisor import Kind, Part

BUS_PATIENCE_S, POLLER_PATIENCE_S = 5.0, 60.0  # a poll waits behind orders, quarantine and EMERGENCY-OFF, 10 s at a stretch
LOOK_S = 0.02  # how soon a port that rests hears of an EMERGENCY-OFF
GOLDEN = 0.6180339887  # multiples of the golden ratio spread the lines' periods evenly over time


@dataclass(frozen=True, slots=True)
class _Line:
    bus: Bus
    poller: Poller
    mouth: Mouth[Event]


class Lines:
    """All lines. `buses` is the same mapping for the whole life of the daemon, and so are `pollers`, through which the engine writes."""

    def __init__(self, plans: Plans, post: Callable[[Sequence[Event]], None], opener: Opener, pollers: Pollers) -> None:
        self._post = post
        self._opener = opener
        self.buses: dict[str, Bus] = {}
        self._pollers = pollers
        self._lines = {name: self._line(self._bus(name, plans), plans) for name in plans.config.bus}
        self._show(plans.config.bus)

    def up(self) -> Mapping[str, bool]:
        """Return which ports are open."""
        return {name: bus.up for name, bus in self.buses.items()}

    def parts(self) -> Iterator[Part]:
        """Return all parts, the owners of the ports first."""
        yield from (_bus_part(line.bus, 0.0) for line in self._lines.values())
        yield from (_poller_part(line.poller) for line in self._lines.values())

    def replan(self, plans: Plans, change: Changes) -> list[Swap]:
        """Make the lines that a change concerns anew, at once; return the parts that end and begin for it.

        From now on what is written goes through the new ones. The old ones tell nothing any more.
        """
        closed = [line for name, line in self._lines.items() if name in change.ports]
        rest_s = max((device.driver.late_s for line in closed for device in line.poller.devices.values()), default=0.0)
        concerned = [name for name in {**self._lines, **plans.config.bus} if name in change.ports | change.lines]
        swaps = [self._replace(name, plans, change, rest_s) for name in concerned]
        self._show(plans.config.bus)
        for bus in self.buses.values():
            bus.read_only = bus.read_only or plans.config.station.read_only  # never the other way round
        return swaps

    def _replace(self, name: str, plans: Plans, change: Changes, rest_s: float) -> Swap:
        old = self._lines.pop(name, None)
        stays = old is not None and name not in change.ports
        ended = () if old is None else (f"poller {name}",) if stays else (f"poller {name}", f"bus {name}")
        if old is not None:
            old.mouth.shut()
            old.bus.on_change = _nobody
        if name not in plans.config.bus:
            return Swap(ended)
        line = self._lines[name] = self._line(old.bus if old is not None and stays else self._bus(name, plans), plans)
        if line.bus.up:
            line.poller.link_changed(True)
        return Swap(ended, (_poller_part(line.poller),) if stays else (_bus_part(line.bus, rest_s), _poller_part(line.poller)))

    def _bus(self, name: str, plans: Plans) -> Bus:
        return Bus(name, port_of(plans.config.bus[name]), read_only=plans.config.station.read_only, opener=self._opener)

    def _line(self, bus: Bus, plans: Plans) -> _Line:
        mouth = Mouth(self._post)
        number = tuple(plans.config.bus).index(bus.name)
        poller = Poller(bus, plans.on(bus.name), mouth, phase_s=(number * GOLDEN) % 1.0)
        bus.on_change = poller.link_changed
        return _Line(bus, poller, mouth)

    def _show(self, names: Iterable[str]) -> None:
        """Have all who look at the lines see these, in this order."""
        self._lines = {name: self._lines[name] for name in names}
        self.buses.clear()
        self.buses |= {name: line.bus for name, line in self._lines.items()}
        self._pollers.replace(line.poller for line in self._lines.values())


def _nobody(up: bool) -> None:
    """Hear of a port whose end is wanted."""


def _bus_part(bus: Bus, rest_s: float) -> Part:
    """Return the part that owns a port. It opens it only when no late answer to a question of before can come any more.

    An EMERGENCY-OFF does not wait for that: what was asked before shows the output as it was, never as off.
    """

    async def own() -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + rest_s
        while loop.time() < end and not bus.queue.polls_held:
            await asyncio.sleep(LOOK_S)
        await bus.run()

    return Part(f"bus {bus.name}", own, bus.beat, BUS_PATIENCE_S + rest_s, Kind.STATION)


def _poller_part(poller: Poller) -> Part:
    return Part(f"poller {poller.name}", poller.run, poller.beat, POLLER_PATIENCE_S, Kind.STATION)
