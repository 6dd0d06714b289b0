"""Where a task waits, as text: for the log line about one that hangs.

asyncio itself shows only the outermost frame of a task that waits. Here its chain of awaits is followed to the end, and into the tasks
of a group that it waits for.
"""

from __future__ import annotations

import asyncio
from types import CoroutineType, FrameType, GeneratorType
from typing import Any

MOST_FRAMES = 40  # deeper than any chain of ours
MOST_TASKS = 30  # of groups: the JSON connection has some twenty alike


def where(task: asyncio.Task[Any] | None) -> str:
    """Return "file:line function > file:line function > what is awaited", the outermost first; "" for no task or one that has ended.

    The tasks of a group follow in brackets, those that wait at the same place once.
    """
    return _chain(task, MOST_TASKS)


def _chain(task: asyncio.Task[Any] | None, most: int) -> str:
    if task is None or task.done():
        return ""
    steps: list[str] = []
    waits: object = task.get_coro()
    while waits is not None and len(steps) < MOST_FRAMES:
        frame, inner = _within(waits)
        if frame is None:
            steps.append(_awaited(waits, most))
            break
        steps.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        if members := _members(frame):
            steps.append(_bracketed(members, most))
            break
        waits = inner
    return " > ".join(steps)


def _within(waits: object) -> tuple[FrameType | None, object]:
    match waits:
        case CoroutineType():
            return waits.cr_frame, waits.cr_await
        case GeneratorType():
            return waits.gi_frame, waits.gi_yieldfrom
        case _:
            return None, None


def _awaited(waits: object, most: int) -> str:
    """Return what is at the end of a chain. A future that a task is tells where that waits."""
    waited = getattr(waits, "_asyncio_future_blocking", None)
    return _chain(waits, most - 1) if isinstance(waits, asyncio.Task) and waited is not None and most > 0 else type(waits).__name__


def _members(frame: FrameType) -> list[asyncio.Task[Any]]:
    """Return the tasks of the group that this frame waits for the end of."""
    group = frame.f_locals.get("self") if frame.f_code.co_name == "__aexit__" else None
    return list(getattr(group, "_tasks", ())) if isinstance(group, asyncio.TaskGroup) else []


def _bracketed(tasks: list[asyncio.Task[Any]], most: int) -> str:
    chains = dict.fromkeys(_chain(each, most - len(tasks)) for each in tasks[:most])
    return f"[{' | '.join(chain for chain in chains if chain)}]"
