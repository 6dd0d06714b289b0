"""A task read back from plain values. None for anything that is not exactly a task: nothing is guessed about what acts on a line."""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.model import PointId
from stationd.core.operation.applies import number
from stationd.core.operation.task import Bypass, Electrode, Energise, Part, Pump, RampTo, RemoveHold, SetMode, SetPolarity, SwitchOff, Task


def row_task(row: object) -> Task | None:
    """Return the task of which `plain_task` made this mapping."""
    return (_feed(row) or _other(row)) if isinstance(row, Mapping) else None


def _feed(row: Mapping[str, object]) -> Task | None:
    match row:
        case {"verb": "energise", "to_ma": to, "rate_ma_per_s": rate, "part": str(part)} if part in {each.value for each in Part}:
            target, pace = number(to), number(rate)
            return Energise(target, pace, Part(part)) if target is not None and pace is not None else None
        case {"verb": "ramp", "to_ma": to, "rate_ma_per_s": rate}:
            target, pace = number(to), number(rate)
            return RampTo(target, pace) if target is not None and pace is not None else None
        case {"verb": "off", "rate_ma_per_s": rate}:
            pace = number(rate)
            return SwitchOff(pace) if pace is not None else None
        case {"verb": "polarity", "negative": bool(negative)}:
            return SetPolarity(negative)
        case {"verb": "electroding", "on": bool(on)}:
            return Electrode(on)
        case _:
            return None


def _other(row: Mapping[str, object]) -> Task | None:
    match row:
        case {"verb": "pump", "on": bool(on)}:
            return Pump(on)
        case {"verb": "mode", "mode": str(mode)}:
            return SetMode(mode)
        case {"verb": "remove-hold", "hold": str(hold)}:
            return RemoveHold(hold)
        case {"verb": "bypass", "interlock": str(name), "for_s": for_s}:
            device, dot, point = name.partition(".")
            seconds = number(for_s)
            return Bypass(PointId(device, point), seconds) if dot and seconds is not None else None
        case _:
            return None
