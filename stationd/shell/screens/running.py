"""The screen of an operation that runs: set and measured, how far, how long, and what the person can do about it. Pure.

As in stationd.shell.screens.status nothing is cut off and every line is 7-bit ASCII of at most 79 columns. Rows stay where they are
while it runs, so that only figures change on a slow line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.acting import is_of_feed, task_words
from stationd.shell.screens.typeset import RULE, age, ascii_only, beside, fitting, value, wrapped

Form = Mapping[str, Any]
BAR = 40  # columns of the bar between its brackets
HOLDS_S = 5.0  # without a sign of life for so long the daemon holds it (stationd.core.operation.watching)


def running_screen(view: Form, clock: str, said: Sequence[str] = ()) -> list[str]:
    """Return the screen; `clock` is the time of this look, `said` what was told meanwhile."""
    progress = view["progress"]
    people = f"{view['armer']}{f', approved {approver}' if (approver := view.get('approver')) else ''}"
    state = f"{progress['phase'] or view['phase']}   {_left(progress)}".rstrip()
    return [
        *beside(f"{view['name']}  {ascii_only(view['object'])}  {task_words(view['task'])}", clock),
        *wrapped(f"{people}   {view['reason']}"),
        RULE,
        *_figures(progress),
        *wrapped(state, f" {'state':10} "),
        *wrapped(_checks(view["checks"]), f" {'checks':10} "),
        RULE,
        *_keys(view),
        *([RULE, *fitting(map(ascii_only, said))] if said else []),
    ]


def _figures(progress: Form) -> list[str]:
    rows = [f" {'set':10} {value(progress['setTo']):>12}   {bar(progress)}"] if _known(progress["setTo"]) else []
    if _known(progress["measured"]) or rows:
        rows.append(f" {'measured':10} {value(progress['measured']):>12}   {_off_by(progress)}".rstrip())
    if _known(progress["voltage"]):
        rising = f"   rising {value(progress['rise'])}" if _known(progress["rise"]) else ""
        rows.append(f" {'voltage':10} {value(progress['voltage']):>12}{rising}")
    return rows


def bar(progress: Form) -> str:
    """Return how much of the target is set; nothing where that is not known, or means nothing."""
    set_to, target = progress["setTo"]["v"], progress["target"].get("v")
    if not (isinstance(set_to, int | float) and isinstance(target, int | float) and target > 0 and 0 <= set_to <= target):
        return ""
    share = set_to / target
    full = int(share * BAR)
    line = "=" * full + (">" if full < BAR else "")
    return f"[{line:{BAR}}] {int(share * 100):3} %"


def _off_by(progress: Form) -> str:
    set_to, measured = progress["setTo"].get("v"), progress["measured"].get("v")
    if not (isinstance(set_to, int | float) and isinstance(measured, int | float)):
        return ""
    return f"off by {measured - set_to:+.1f} {ascii_only(progress['measured'].get('u') or '')}"


def _left(progress: Form) -> str:
    left = progress["left"].get("v")
    return f"{age(left)} left" if isinstance(left, int | float) else ""


def _checks(checks: Sequence[Form]) -> str:
    bad = [f"{each['name']}: {each['shown']}" for each in checks if not each["good"]]
    good = f"{len(checks) - len(bad)} of {len(checks)} OK"
    return "   ".join([good, *(f"NOT OK {each}" for each in bad), f"holds {HOLDS_S:g} s after this view is left"])


def _keys(view: Form) -> list[str]:
    lines = wrapped("SPACE  hold here        q  leave this view (it HOLDS within 5 s)", " ")
    if is_of_feed(view):
        lines += wrapped(f"To stop in an emergency: red button, or in another session EMERGENCY-OFF {view['object']}", " ")
    return lines


def _known(form: object) -> bool:
    return isinstance(form, Mapping) and form.get("v") is not None
