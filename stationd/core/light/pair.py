"""One fibre pair at this station as it stands: is its light lost, what has changed, and what locally speaks for itself.

A tap and the amplifier behind it see the same fibre. Where they agree, the light is as they say; where one jumps and the other
agrees with the past, the jump is a fault of that sensor and not of the fibre (event table of a landing station, row "sensor").
Two rules keep a fibre that comes and goes from being told as a fault of ours: a sensor is accused only by the other one's word of
after it moved, and none is accused while light has just returned, since amplifiers follow later than taps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stationd.core.line.far import FarLight
from stationd.core.line.plan import AmplifierPoints, PairPoints
from stationd.core.model import Level, PointId, Reading, Reason

CONFIRM_S = 2.5  # a device is polled once a second: so long one dark sensor of two waits for the other (assumption)
LAG_S = 0.3  # an amplifier's own word of lost light is so much older than its answer at most (assumption: decided in milliseconds)
WITH_S = 5.0  # pairs that went dark within so long went dark together: some are told by an amplifier alone (assumption)
WEAK_DB = 3.0  # an amplifier behind a tap whose level fell by less still has light (assumption: margin of a sound line)
RETURN_S = 5.0  # after light has come back no sensor is accused: amplifiers ramp up and clear their flags (assumption)
JUMP_DB = 1.0  # a sensor that moved by so much against the past is not noise (assumption; taps are stable to 0.1 dB)
STILL_DB = 0.4  # and one that moved by less than that agrees with the past (assumption)
DARK_DB = 25.0  # below what is usual: no pump, splice or repeater takes so much and leaves light (a ROPA gives 20 at most)
NOTHING_DBM = -20.0  # no amplifier that shines sends so little, reduced power is +10: some show a number in the dark (assumption)
REFLECTION_DB = 6.0  # more light coming back than at the baseline: an open connector returns 14 dB, a good one under 40 (assumption)

Look = Callable[[PointId | None], Reading | None]
Usual = Callable[[PointId | None], float | None]


@dataclass(frozen=True, slots=True)
class PairLight:
    """The evidence of one pair; dB against the past, None wherever it is not known.

    `receive_lost` is the light that comes from the line, `transmit_lost` that which this station sends into it; `lost_t` is the
    time of the first dark sample and `lost_uncertainty_s` how well it is known. `waiting`: one sensor of two is dark and the other
    has not been asked since. `sensor` names the tap or device that jumped alone; `patch_dark` tells that the tap has light and the
    device behind it has none. `sent_patch_dark` is the same of what we send: our amplifier shines, the tap behind it and the far
    station have no light, and `sensor_sure` is False while it could be that. `reflects` is light that comes back into an amplifier, as
    from an open connector, and `stands` that it did so before anything was lost; `reduced` is automatic power reduction. `follows`:
    sending stopped after receiving, as when an amplifier shuts off by itself, and `far_follows` the same of the far station; None
    where the times do not tell. `far_sent`: since we receive nothing the far station has said that it sends.
    `asked`: since the light was lost, every amplifier of the pair has been asked for what would show a connector of ours, and
    `far_settled`: the far station has been asked for what it sends. `no_client`: the amplifier that sends has no light at its own
    input. `pump_off` names a Raman or ROPA pump unit that is off.
    """

    number: int
    receive_dbm: float | None = None
    transmit_dbm: float | None = None
    receive_lost: bool | None = None
    transmit_lost: bool | None = None
    lost_t: float | None = None
    lost_uncertainty_s: float = 0.0
    waiting: bool = False
    receive_change_db: float | None = None
    transmit_change_db: float | None = None
    sensor: str | None = None
    sensor_sure: bool = True
    patch_dark: bool = False
    sent_patch_dark: bool = False
    reflects: bool = False
    stands: bool = False
    reduced: bool = False
    no_client: bool = False
    pump_off: str | None = None
    booster: str | None = None
    far: FarLight | None = None
    far_change_db: float | None = None
    far_transmit_lost: bool | None = None
    follows: bool | None = False
    far_follows: bool | None = False
    far_sent: bool = False
    asked: bool = True
    far_settled: bool = True

    @property
    def far_lost(self) -> bool | None:
        """Whether the far station receives no light on this pair; None where it does not say."""
        return None if self.far is None else self.far.lost


@dataclass(frozen=True, slots=True)
class Dark:
    """What one sensor says: whether it is dark, since when, the level where it has one, and when it was asked last.

    `lit_t` is when light last came back at it, minus infinity where it never went; `before_t` when it was asked the time before,
    with the same answer.
    """

    dark: bool | None
    level_dbm: float | None
    t: float
    since: float | None = None
    uncertainty_s: float = 0.0
    lit_t: float = float("-inf")
    before_t: float = float("-inf")


def number_of(reading: Reading | None) -> float | None:
    """Return the number of a reading that may be trusted, or None."""
    if reading is None or reading.quality.level not in (Level.GOOD, Level.UNCERTAIN) or isinstance(reading.value, str | bool):
        return None
    return reading.value


def true(reading: Reading | None) -> bool | None:
    """Return whether a reading that may be trusted is true; None where nothing is known."""
    if reading is None or not reading.quality.good or not isinstance(reading.value, bool):
        return None
    return reading.value


def device_sees(look: Look, amplifier: AmplifierPoints | None, usual: Usual = lambda _: None) -> Dark:
    """Return what the input of an amplifier sees. A level below what it can measure is darkness where the unit says so.

    A unit that does not say whether light is lost shows some level also in the dark: then what is usual decides.
    """
    if amplifier is None:
        return Dark(None, None, float("-inf"))
    lost, level = look(amplifier.lost), look(amplifier.input_dbm)
    dark = true(lost)
    t = lost.t if lost is not None and dark is not None else float("-inf")
    if dark is None and level is not None and level.quality.reason is Reason.BELOW_RANGE:
        dark, t = True, level.t
    shown, before = number_of(level), usual(amplifier.input_dbm)
    if dark is None and shown is not None and level is not None and before is not None:
        dark, t = shown <= before - DARK_DB, level.t
    return Dark(dark, shown if not dark else None, t)


def output_lost(look: Look, amplifier: AmplifierPoints | None) -> bool | None:
    """Return whether an amplifier sends nothing; None where nothing of it is known."""
    if amplifier is None:
        return None
    level = look(amplifier.output_dbm)
    shown = number_of(level)
    said = [true(look(point)) for point in amplifier.dark]
    if any(said) or true(look(amplifier.pump_on)) is False:
        return True
    if (level is not None and level.quality.reason is Reason.BELOW_RANGE) or (shown is not None and shown <= NOTHING_DBM):
        return True
    return None if shown is None and not any(each is False for each in said) else False


def asked_since(look: Look, amplifier: AmplifierPoints | None, t: float) -> bool:
    """Return whether an amplifier has been asked since `t` for everything that would show an open connector."""
    if amplifier is None:
        return True
    points = (*amplifier.reduced, *amplifier.reflected, amplifier.returned_dbm, amplifier.return_loss_db, *amplifier.dark)
    return all(reading is not None and reading.t > t for point in points if point is not None for reading in (look(point),))


def reflection(look: Look, amplifier: AmplifierPoints | None, usual: Usual) -> bool:
    """Return whether an amplifier itself shows that light comes back: its alarm, or a level far from what is usual."""
    if amplifier is None:
        return False
    if any(true(look(point)) for point in amplifier.reflected):
        return True
    back, loss = number_of(look(amplifier.returned_dbm)), number_of(look(amplifier.return_loss_db))
    before_back, before_loss = usual(amplifier.returned_dbm), usual(amplifier.return_loss_db)
    rose = back is not None and before_back is not None and back - before_back >= REFLECTION_DB
    fell = loss is not None and before_loss is not None and before_loss - loss >= REFLECTION_DB
    return rose or fell


def reduced(look: Look, amplifier: AmplifierPoints | None) -> bool:
    """Return whether an amplifier has reduced its power to eye-safe by itself."""
    return amplifier is not None and any(true(look(point)) for point in amplifier.reduced)


def pump_off(look: Look, pair: PairPoints) -> str | None:
    """Return the Raman or ROPA pump unit of a pair that is off, or None."""
    return next((unit.device for unit in pair.pumps if output_lost(look, unit)), None)


@dataclass(frozen=True, slots=True)
class Received:
    """What both sensors of a receiving fibre say together."""

    lost: bool | None
    level_dbm: float | None
    since: float | None = None
    uncertainty_s: float = 0.0
    waiting: bool = False
    sensor: str | None = None
    patch_dark: bool = False


def together(tap: Dark, device: Dark, names: tuple[str, str], now: float, *, as_usual: bool | None = True) -> Received:
    """Put the tap and the device behind it together. `names` are those of both, for the one that is wrong.

    A lit device makes a dark tap wrong only with two answers of afterwards: one may have been on its way. `as_usual`: the level at
    the tap is what it has always been; weak light may well be too little for the amplifier.
    """
    level = tap.level_dbm if tap.level_dbm is not None else device.level_dbm
    if tap.dark is None or device.dark is None or tap.dark == device.dark:
        only = tap if tap.dark is not None else device
        return Received(only.dark, level, only.since, only.uncertainty_s)
    returned_t = max(tap.lit_t, device.lit_t)
    returning = now <= returned_t + RETURN_S
    if tap.dark:
        since = tap.since if tap.since is not None else tap.t
        if returning or device.t <= since + CONFIRM_S / 2 or device.before_t <= since + LAG_S:
            return Received(True, level, tap.since, tap.uncertainty_s, waiting=True)
        return Received(False, device.level_dbm, since, sensor=names[0])
    since = device.since if device.since is not None else device.t
    unasked = device.t <= returned_t + RETURN_S  # what the amplifier said before tells nothing of the light that is back
    if returning or unasked or as_usual is None or (now - since <= CONFIRM_S and tap.t <= since):
        return Received(None, level, device.since, waiting=True)
    return Received(False, level, device.since, patch_dark=as_usual)


def in_company(received: Mapping[int, Received]) -> dict[int, Received]:
    """Return what all pairs receive, where none is told apart by one of two sensors while most others went dark with it."""
    return {number: _with_others(each, [other for at, other in received.items() if at != number]) for number, each in received.items()}


def _with_others(one: Received, others: Sequence[Received]) -> Received:
    since = one.since
    if since is None or not (one.patch_dark or one.sensor is not None or (one.waiting and one.lost is None)):
        return one
    dark = [each for each in others if each.lost and each.since is not None and abs(each.since - since) <= WITH_S]
    if not dark or 2 * len(dark) < len(others):
        return one
    return Received(True, None, since, max(one.uncertainty_s, *(each.uncertainty_s for each in dark)))


def jumped(tap_change_db: float | None, device_change_db: float | None, names: tuple[str, str]) -> str | None:
    """Return which of two sensors of one fibre moved while the other agrees with the past, or None."""
    if tap_change_db is None or device_change_db is None:
        return None
    if abs(tap_change_db) >= JUMP_DB and abs(device_change_db) <= STILL_DB:
        return names[0]
    if abs(device_change_db) >= JUMP_DB and abs(tap_change_db) <= STILL_DB:
        return names[1]
    return None
