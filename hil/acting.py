"""What two persons do to energise: arm, approve, type the code, stay present. And what a ramp is judged by.

What it is: the steps of io.stationd.Operation that every scenario of class 4 takes, by two users of the machine. What it is not: a short
cut.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hil.door import Person, Refused
from hil.rig import Rig
from hil.station import Station

REASON = "test on the rig"
PATIENCE_S = 60.0
LOOK_S = 0.05
ENDED = ("closed",)


@dataclass(slots=True)
class Crew:
    """The two persons at a station."""

    first: Person
    second: Person

    @classmethod
    def of(cls, station: Station) -> Crew:
        """Return the rig's two persons at a station."""
        return cls(*(station.person(name) for name in list(station.around.accounts)[:2]))

    def arm(self, feed: str, task: dict[str, object], patience_s: float = PATIENCE_S) -> tuple[str, str]:
        """Let the first arm and the second approve; return the name of the operation and its code.

        Right after a start not everything is fresh, and nobody has the authority: what is refused is tried again. Refused after a while.
        """
        until = time.monotonic() + patience_s
        while True:
            with contextlib.suppress(Refused):  # he has it already, or it cannot be given yet
                self.first.order("RequestAuthority")
            try:
                armed = self.first.order("Arm", object=feed, task=task, reason=REASON)
                break
            except Refused:
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)
        name = str(armed["operation"]["name"])
        if armed["operation"].get("wantsApproval"):
            self.second.order("Approve", operation=name)
        return name, str(armed["code"])

    def phase(self, name: str) -> str:
        """Return the phase of an operation."""
        return str(self.first.operation(name)["phase"])

    def wait(self, name: str, phases: Sequence[str], patience_s: float = PATIENCE_S) -> dict[str, object]:
        """Wait until an operation is in one of these phases; TimeoutError with where it is."""
        until = time.monotonic() + patience_s
        while (seen := self.first.operation(name))["phase"] not in phases:
            if time.monotonic() > until:
                raise TimeoutError(f"{name} is {seen['phase']}, not {' or '.join(phases)}: {seen.get('detail')}")
            time.sleep(LOOK_S)
        return seen

    @contextlib.contextmanager
    def running(self, feed: str, task: dict[str, object]) -> Iterator[str]:
        """Arm, approve and execute a task; the first is present as long as the block. Gives the name of the operation."""
        name, code = self.arm(feed, task)
        self.first.order("Execute", operation=name, code=code)
        with self.first.present(name):
            yield name


@dataclass(slots=True)
class Curve:
    """What a meter showed, from `begin_t` on, every LOOK_S."""

    begin_t: float = field(default_factory=time.monotonic)
    current: list[tuple[float, float]] = field(default_factory=list)
    voltage: list[tuple[float, float]] = field(default_factory=list)

    def look(self, rig: Rig, end: str) -> float:
        """Look once; return the current in mA."""
        t, current_ma = time.monotonic() - self.begin_t, rig.measure(f"{end}.current_ma")
        self.current.append((t, current_ma))
        self.voltage.append((t, rig.measure(f"{end}.voltage_v")))
        return current_ma

    def until(self, rig: Rig, end: str, fits: Callable[[float], bool], patience_s: float = PATIENCE_S) -> float:
        """Look until the current fits; return it. TimeoutError with the last one."""
        until = time.monotonic() + patience_s
        while not fits(current_ma := self.look(rig, end)):
            if time.monotonic() > until:
                raise TimeoutError(f"the current of end {end} is {current_ma:.1f} mA and stays so")
            time.sleep(LOOK_S)
        return current_ma

    def watch(self, rig: Rig, end: str, seconds: float) -> None:
        """Look for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look(rig, end)
            time.sleep(LOOK_S)


def profile(begin_s: float, begin_ma: float, rate_ma_per_s: float, to_ma: float, until_s: float) -> list[tuple[float, float]]:
    """Return the course of a set current: from `begin_ma` at its rate to `to_ma`, and there until the end."""
    there_s = begin_s + abs(to_ma - begin_ma) / rate_ma_per_s
    return [(begin_s, begin_ma), (min(there_s, until_s), to_ma), (until_s, to_ma)]


def above(curve: Sequence[tuple[float, float]], begin_s: float, begin_ma: float, rate_ma_per_s: float, to_ma: float) -> float:
    """Return by how much a current was at most above its profile."""
    return max((value - min(to_ma, begin_ma + rate_ma_per_s * max(0.0, t - begin_s)) for t, value in curve), default=0.0)
