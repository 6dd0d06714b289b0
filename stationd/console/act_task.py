"""What an operation is to do, as it stands on the control socket: read strictly, and written.

A field that is missing, that does not belong to the verb, or that has no good value is refused by its name. Whether the plant can do
it is not decided here. Pure.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N815  # names of fields are those of the interface

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from stationd.console.text import LONGEST_NAME
from stationd.core.model import PointId
from stationd.core.operation import task as core

# Beyond these a number is a mistake of the client; the limits of the plant are far below and are the desk's.
LEAST, MOST = 1e-6, 1e6
LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: verb is one of energise, ramp, off, polarity, electroding, pump, mode, remove-hold, bypass.

    Each verb has its fields, all of them and no others: energise toMilliamperes, rateMilliamperesPerSecond (and part: single, master
    or follower; single if it is left out); ramp the two numbers; off rateMilliamperesPerSecond; polarity negative; electroding and
    pump on; mode mode; remove-hold hold; bypass interlock and forSeconds.
    """

    verb: str
    toMilliamperes: float | None = None
    rateMilliamperesPerSecond: float | None = None
    part: str | None = None
    negative: bool | None = None
    on: bool | None = None
    mode: str | None = None
    hold: str | None = None
    interlock: str | None = None
    forSeconds: float | None = None


class Wrong(Exception):
    """A field of a task is missing, superfluous or has no good value. The text is its name."""


NEEDED: Mapping[str, tuple[str, ...]] = {
    "energise": ("toMilliamperes", "rateMilliamperesPerSecond"),
    "ramp": ("toMilliamperes", "rateMilliamperesPerSecond"),
    "off": ("rateMilliamperesPerSecond",),
    "polarity": ("negative",),
    "electroding": ("on",),
    "pump": ("on",),
    "mode": ("mode",),
    "remove-hold": ("hold",),
    "bypass": ("interlock", "forSeconds"),
}
ALSO: Mapping[str, tuple[str, ...]] = {"energise": ("part",)}


def task_in(form: Task) -> core.Task:
    """Return the task that a form means. Wrong names the field that is missing, superfluous or no good."""
    if form.verb not in NEEDED:
        raise Wrong("verb")
    given = {field.name for field in fields(form) if getattr(form, field.name) is not None} - {"verb"}
    needed = set(NEEDED[form.verb])
    amiss = sorted(needed - given) + sorted(given - needed - set(ALSO.get(form.verb, ())))
    if amiss:
        raise Wrong(amiss[0])
    return READERS[form.verb](form)


def _current(form: Task) -> float:
    return _within("toMilliamperes", form.toMilliamperes, 0.0, MOST)


def _rate(form: Task) -> float:
    return _within("rateMilliamperesPerSecond", form.rateMilliamperesPerSecond, LEAST, MOST)


def _within(field: str, number: float | None, least: float, most: float) -> float:
    if number is None or not least <= number <= most:
        raise Wrong(field)
    return number


def _part(word: str | None) -> core.Part:
    try:
        return core.Part.SINGLE if word is None else core.Part(word)
    except ValueError:
        raise Wrong("part") from None


def _word(field: str, word: str | None) -> str:
    if not word or len(word) > LONGEST_NAME or not word.isprintable():
        raise Wrong(field)
    return word


def point_in(text: str | None) -> PointId:
    """Return the contact that a name means. Wrong when it is none."""
    device, mark, point = _word("interlock", text).partition(".")
    if not (device and mark and point):
        raise Wrong("interlock")
    return PointId(device, point)


READERS: Mapping[str, Callable[[Task], core.Task]] = {
    "energise": lambda form: core.Energise(_current(form), _rate(form), _part(form.part)),
    "ramp": lambda form: core.RampTo(_current(form), _rate(form)),
    "off": lambda form: core.SwitchOff(_rate(form)),
    "polarity": lambda form: core.SetPolarity(form.negative is True),
    "electroding": lambda form: core.Electrode(form.on is True),
    "pump": lambda form: core.Pump(form.on is True),
    "mode": lambda form: core.SetMode(_word("mode", form.mode)),
    "remove-hold": lambda form: core.RemoveHold(_word("hold", form.hold)),
    "bypass": lambda form: core.Bypass(point_in(form.interlock), _within("forSeconds", form.forSeconds, LEAST, LONGEST_S)),
}


def task_out(task: core.Task) -> Task:
    """Return the form of a task."""
    match task:
        case core.Energise(to_ma, rate, part):
            return Task("energise", toMilliamperes=to_ma, rateMilliamperesPerSecond=rate, part=part.value)
        case core.RampTo(to_ma, rate):
            return Task("ramp", toMilliamperes=to_ma, rateMilliamperesPerSecond=rate)
        case core.SwitchOff(rate):
            return Task("off", rateMilliamperesPerSecond=rate)
        case core.SetPolarity(negative):
            return Task("polarity", negative=negative)
        case core.Electrode(on):
            return Task("electroding", on=on)
        case core.Pump(on):
            return Task("pump", on=on)
        case core.SetMode(mode):
            return Task("mode", mode=mode)
        case core.RemoveHold(hold):
            return Task("remove-hold", hold=hold)
        case core.Bypass(interlock, for_s):
            return Task("bypass", interlock=str(interlock), forSeconds=for_s)
