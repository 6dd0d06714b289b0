"""What real amplifiers do with the loss of light: they need a moment to see it, and what sends shuts off for people's eyes.

What it is: the lag with which a simulated amplifier shows that its input went dark or came back, and the automatic laser shutdown
of a booster whose pair receives nothing: off within a second, a pulse after each pause that the other end answers, and on again
with the light. What it is not: the unit's reaction to its own input or to an open connector; see stationd.sim.amplifier.
The order of things follows the approach of the published procedures for automatic shutdown (persistence of about 550 ms, off within
1 s, pulses of 9 s every 100 s); the lags are assumptions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from stationd.sim.amplifier import AmplifierState
from stationd.sim.cable import End
from stationd.sim.optics import Role
from stationd.sim.plant import Place, Plant

PAUSE_S, PULSE_S = 100.0, 9.0
KEPT = 16  # changes of a dark input within one lag


class Lag:
    """An input as a unit sees it that needs `lag_s` to notice. `clock` gives the time of the plant."""

    def __init__(self, plant: Plant, place: Place, lag_s: float, now: float) -> None:
        self._plant = plant
        self._place = place
        self._lag_s = lag_s
        first = plant.amplifier_state(*place)
        self._seen: deque[tuple[float, float, bool]] = deque([(now, first.input_dbm, first.los)], KEPT)

    def note(self, now: float) -> None:
        """Look at the plant, which has just changed."""
        state = self._plant.amplifier_state(*self._place)
        if (state.input_dbm, state.los) != self._seen[-1][1:]:
            self._seen.append((now, state.input_dbm, state.los))

    def shown(self, state: AmplifierState, now: float) -> AmplifierState:
        """Return what the unit shows of what it measures: while a loss is not yet noticed, the level of before."""
        if now >= self._seen[-1][0] + self._lag_s:
            return state
        old = next((each for each in reversed(self._seen) if each[0] <= now - self._lag_s), self._seen[0])
        if old[2] == state.los:
            return state
        return replace(state, input_dbm=old[1], los=old[2])


class Shutdown:
    """The automatic shutdown of one booster: `after_s` of darkness at the preamp of its pair, then off."""

    def __init__(self, plant: Plant, end: End, pair: int, after_s: float) -> None:
        self._plant = plant
        self._place: Place = (end, pair, Role.BOOSTER)
        self._preamp: Place = (end, pair, Role.PREAMP)
        self._after_s = after_s
        self._dark_t: float | None = None

    def advance(self, now: float) -> None:
        """Shut off, pulse or be on, as it is time for. A booster that has reduced its power by itself is safe as it is."""
        if not self._plant.amplifier_state(*self._preamp).los:
            self.restart()
            return
        if self._dark_t is None:
            self._dark_t = now
        off_s = now - self._dark_t - self._after_s
        pulse = off_s >= PAUSE_S and off_s % PAUSE_S < PULSE_S
        safe = self._plant.amplifier_state(*self._place).apr_active
        self._plant.shut(self._place, off=off_s >= 0.0 and not pulse and not safe)

    def restart(self) -> None:
        """Be on, by light that has come back or by hand."""
        self._dark_t = None
        self._plant.shut(self._place, off=False)
