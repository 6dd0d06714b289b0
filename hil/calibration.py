"""Which instruments of a rig are overdue: no date, or one older than the rig file allows ([hil] calibration_days).

What it is: the judgement that the report shows and that keeps class 4 off a real bench. What it is not: a calibration.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from hil.rigfile import RigFile


def overdue_of(file: RigFile, today: date | None = None) -> list[str]:
    """Return a sentence for each instrument that is overdue, one when a bench names none. Simulated equipment has nothing to calibrate."""
    if not file.real:
        return []
    if not file.calibrated:
        return ["the rig file names no instrument with a date of calibration ([hil.calibrated])"]
    on = today or datetime.now(UTC).date()
    return [sentence for name, day in file.calibrated.items() if (sentence := _sentence(name, day, on, file.calibration_days))]


def _sentence(name: str, day: date, today: date, allowed_days: float) -> str:
    age_days = (today - day).days
    if age_days < 0:
        return f"{name}: its date of calibration, {day.isoformat()}, is still to come"
    if age_days > allowed_days:
        return f"{name}: calibrated on {day.isoformat()}, {age_days} days ago; {allowed_days:g} are allowed"
    return ""
