"""What one scenario has measured, while it runs: `measure("poll_p99", 43.0, unit="ms", hi=50.0, marginal_hi=40.0, plot=...)`.

What it is: it keeps measurements and attachments, and puts the rig's own limits in the place of the scenario's. A measurement out of its
limits fails the scenario at its end and not before, so that everything else is measured too. What it is not: the record; conftest makes
that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hil.record import Attachment, Dimension, Limits, Measurement, Outcome, Plot
from hil.rigfile import Limit


@dataclass(slots=True)
class Sheet:
    """The measurements of one scenario; called, it takes one more. `tell` gets each as a name and a text, for the test's own report."""

    own: Mapping[str, Limit]
    tell: Callable[[str, str], None]
    measurements: list[Measurement] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)

    def __call__(
        self, name: str, value: float | None, unit: str = "", lo: float | None = None, hi: float | None = None,
        marginal_lo: float | None = None, marginal_hi: float | None = None, plot: Plot | None = None, dimensions: Sequence[Dimension] = (),
    ) -> Measurement:  # fmt: skip
        """Take a measurement. ValueError where the rig's limits of this name are in another unit, or the name is there twice."""
        usual = Limits(lo, hi, marginal_lo, marginal_hi)
        limits = self.limits(name, unit, usual)
        if any(each.name == name for each in self.measurements):
            raise ValueError(f"{name} is measured twice in one scenario; give the second another name")
        over = dimensions or ((plot.x, plot.y) if plot else ())
        measured = Measurement(name, value, unit, limits, over, plot, usual if name in self.own else None)
        self.measurements.append(measured)
        self.tell(name, f"{value} {unit} {measured.outcome.value}")
        return measured

    def limits(self, name: str, unit: str, usual: Limits) -> Limits:
        """Return the limits that hold on this rig: its own, or else those of the scenario. ValueError where the units differ."""
        mine = self.own.get(name)
        if mine is None:
            return usual
        if mine.unit != unit:
            raise ValueError(f"the rig's limits of {name} are in {mine.unit!r}, it is measured in {unit!r}")
        return Limits(mine.lo, mine.hi, mine.marginal_lo, mine.marginal_hi)

    def leave_out(self, name: str, reason: str) -> None:
        """Say that this rig does not measure something that the scenario would; the report counts it."""
        self.measurements.append(Measurement(name, None, "", left_out=reason))
        self.tell(name, f"left out: {reason}")

    def attach(self, name: str, data: bytes | str, mimetype: str = "text/plain") -> None:
        """Keep a file with the record."""
        self.attachments.append(Attachment(name, data.encode() if isinstance(data, str) else data, mimetype))

    @property
    def failures(self) -> list[str]:
        """What is out of its limits, each in a sentence."""
        return [_sentence(each) for each in self.measurements if each.outcome is Outcome.FAIL]


def _sentence(each: Measurement) -> str:
    shown = "not measured" if each.value is None else f"{each.value:g} {each.unit}".strip()
    return f"{each.name} is {shown}, it must be {', '.join(each.limits.validators) or 'measured'}"
