"""Where a task waits, as text: for the log line about one that hangs.

asyncio itself shows only the outermost frame of a task that waits. Here its chain of awaits is followed to the end.
"""

from __future__ import annotations

import asyncio
from types import CoroutineType, FrameType, GeneratorType
from typing import Any

MOST_FRAMES = 40  # deeper than any chain of ours


def where(task: asyncio.Task[Any] | None) -> str:
    """Return "file:line function > file:line function > what is awaited", the outermost first; "" for no task or one that has ended."""
    if task is None or task.done():
        return ""
    steps: list[str] = []
    waits: object = task.get_coro()
    while waits is not None and len(steps) < MOST_FRAMES:
        frame, inner = _within(waits)
        if frame is None:
            steps.append(_awaited(waits))
            break
        steps.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
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


def _awaited(waits: object) -> str:
    return f"a task named {waits.get_name()}" if isinstance(waits, asyncio.Task) else type(waits).__name__
