"""Transition tables as a picture of plain characters, for the README: one paragraph for each state. Pure text, no knowledge of any machine.

```
 armed     executed                        -> starting
           timed-out changed session-gone  -> closed
```
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

WIDTH = 110  # columns of the README
GAP = 2


def picture(rows: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Return lines of at most 110 columns for rows of (state, event, next state); what changes nothing should be left out before.

    States come in the order of their first row; of a state, events that lead to the same next state share a line.
    """
    grouped: dict[str, dict[str, list[str]]] = {}
    for state, event, following in rows:
        grouped.setdefault(state, {}).setdefault(following, []).append(event)
    if not grouped:
        return ()
    states = max(len(state) for state in grouped) + GAP
    ends = max(len(end) for targets in grouped.values() for end in targets)
    room = WIDTH - 1 - states - len(" -> ") - ends
    blocks = [_block(state, targets, states, room) for state, targets in grouped.items()]
    widest = max(len(events) for block in blocks for _, events, _ in block)
    return tuple(_line(row, states, widest) for block in blocks for row in block)


def _block(state: str, targets: dict[str, list[str]], states: int, room: int) -> list[tuple[str, str, str]]:
    """Return (state, events, next state); the name of the state stands on its first line, the next one where the events end."""
    found: list[tuple[str, str, str]] = []
    for following, events in targets.items():
        parts = wrap(" ".join(dict.fromkeys(events)), room, break_long_words=False, break_on_hyphens=False)
        found += [("", part, "") for part in parts[:-1]] + [("", parts[-1], following)]
    found[0] = (state, *found[0][1:])
    return found


def _line(row: tuple[str, str, str], states: int, widest: int) -> str:
    state, events, following = row
    return f" {state:<{states}}{events:<{widest}} {'-> ' + following if following else ''}".rstrip()


def summary(rows: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Return the same table in fewer lines: events that lead from the same states to the same next one share an entry.

    An entry is `states: events -> next`, wrapped at 110 columns; entries stand in the order of their first row.
    """
    sources: dict[tuple[str, str], dict[str, None]] = {}
    for state, event, following in rows:
        sources.setdefault((event, following), {})[state] = None
    entries: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for (event, following), states in sources.items():
        entries.setdefault((tuple(states), following), []).append(event)
    lines: list[str] = []
    for (several, following), events in entries.items():
        text = f"{', '.join(several)}: {' '.join(events)} -> {following}"
        lines += wrap(text, WIDTH, initial_indent=" ", subsequent_indent="     ", break_long_words=False, break_on_hyphens=False)
    return tuple(lines)
