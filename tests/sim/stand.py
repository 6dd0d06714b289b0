"""A device on the table: a plant, a clock that is turned by hand, and one unit without any port."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stationd.sim.cable import End
from stationd.sim.devices import Panel, modbus_unit, text_line
from stationd.sim.meters import Meters, quiet
from stationd.sim.modbus_server import Bank, ModbusUnit
from stationd.sim.plant import Plant
from stationd.sim.rig import RULES, Device
from stationd.sim.stage import Stage

RATINGS = {"voltage_v": 1000.0, "current_ma": 1500.0, "power_w": 1500.0}


@dataclass(slots=True)
class Clock:
    """Seconds, turned by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Stand:
    """`plant` is S1 with two pairs and quiet meters. Amplifiers are those of pair 1, end a."""

    def __init__(self, driver: str, role: str | None = None, *, off: bool = False, **options: object) -> None:
        self.clock = Clock()
        self.plant = Plant(fibre_pairs=2, meters=quiet(Meters()))
        if off:
            for end in End:
                self.plant.set_power_feed(end, replace(self.plant.power_feed(end), output_on=False, current_setpoint_ma=0.0))
        self.stage = Stage(self.plant, self.clock)
        rule = RULES[driver]
        amplifier = role is not None
        self.device = Device.model_validate(
            {
                "port": "here",
                "driver": driver,
                "role": role or rule.roles[0],
                "fibre_pair": 1 if amplifier else None,
                "ratings": {name: RATINGS[name] for name in rule.ratings},
                **options,
            }
        )

    def text(self) -> TextStand:
        """Return the unit with its text line."""
        return TextStand(self)

    def modbus(self) -> tuple[ModbusUnit, Panel]:
        """Return the unit and its panel."""
        return modbus_unit(self.stage, self.device)


class TextStand:
    """A text unit: `ask` speaks lines, `feed` bytes."""

    def __init__(self, stand: Stand) -> None:
        self.clock, self.plant = stand.clock, stand.plant
        self.line, panels = text_line(stand.stage, {"unit": stand.device})
        self.panel = panels["unit"]

    def feed(self, data: bytes) -> bytes:
        """Return everything that the unit sends."""
        return b"".join(answer for _, answer in self.line.feed(data))

    def ask(self, command: str, end: str = "\r") -> str | None:
        """Return the answer without its end, None for silence."""
        answer = self.feed((command + end).encode("latin-1"))
        return answer.decode("latin-1").rstrip("\r\n\0") if answer else None


def words(unit: ModbusUnit, address: int, count: int = 1) -> list[int]:
    """Return holding registers as they are now."""
    now = unit.snapshot(Bank.HOLDING)
    return [now[each] for each in range(address, address + count)]
