"""How the daemon speaks: one event a line, JSON for machines, columns for a person at a terminal. And the last events, in memory.

Under systemd the lines go to the journal with their priority in front (sd-daemon(3)), so that `journalctl -p warning` works.
`RECENT` keeps the newest events for people of the control socket, bounded in number and in size; what looks like a secret is
withheld there (stationd.redaction), although nobody should ever log one.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from stationd.redaction import WITHHELD, names_a_secret, redacted

# What these call an error is a peer's fault that the daemon counts, answers or reports itself, in one line of its own.
QUIET = ("pymodbus", "aiohttp.server", "mqtt")

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

MOST_EVENTS = 1000
LONGEST_TEXT, MOST_FIELDS = 300, 16  # of one field, and of one event: together at most about 5 KiB


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: UTC as text, the word of its level, what happened, and the fields as text, numbers or truths."""

    t: str
    level: str
    event: str
    fields: Mapping[str, object] = field(default_factory=dict)


class Ring:
    """The newest events. Filled from any thread; `gone` are those that had to go since the start."""

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._events: deque[LogEvent] = deque(maxlen=most)
        self.taken = 0

    @property
    def gone(self) -> int:
        """How many events are not there any more."""
        return max(self.taken - len(self._events), 0)

    def events(self) -> tuple[LogEvent, ...]:
        """Return what is kept, the oldest first."""
        return tuple(self._events.copy())

    def take(self, event: LogEvent) -> None:
        """Keep an event; the oldest one goes when there is no room."""
        self._events.append(event)
        self.taken += 1

    def processor(self, _: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Take what passes by, as a processor of structlog, and change nothing."""
        fields = [(str(name), value) for name, value in event.items() if name not in ("timestamp", "level", "event")]
        kept = {name[:LONGEST_TEXT]: _fit(name, value) for name, value in fields[:MOST_FIELDS]}
        self.take(LogEvent(str(event.get("timestamp", "")), str(event.get("level", method)), _text(event.get("event", "")), kept))
        return event


RECENT = Ring()


class _Library(logging.Handler):
    """Takes what libraries say by the standard logging."""

    def __init__(self, ring: Ring) -> None:
        super().__init__(logging.WARNING)
        self._ring = ring

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message; one that cannot be written out is said by its name."""
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - a log line of a library must not end anything
            said = str(record.msg)
        t = datetime.fromtimestamp(record.created, UTC).isoformat()[:-6] + "Z"
        self._ring.take(LogEvent(t, record.levelname.lower(), _text(said), {"library": record.name}))


def set_up(stream: Any = sys.stderr, ring: Ring = RECENT) -> None:
    """Send all events to `stream` and to the ring; libraries that use the standard logging speak only when something is wrong."""
    terminal = stream.isatty()
    journal = not terminal and "JOURNAL_STREAM" in os.environ
    last: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            ring.processor,
            last,
            *([_with_priority] if journal else []),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Library)]:
        root.removeHandler(earlier)
    root.addHandler(_Library(ring))
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _with_priority(_: Any, method: str, line: str | MutableMapping[str, Any]) -> str:
    return f"<{PRIORITIES.get(method, 6)}>{line}"


def _fit(name: str, value: object) -> object:
    """Return a field as it is kept: numbers and truths as they are, all else as a text of bounded length."""
    if names_a_secret(name):
        return WITHHELD
    return value if value is None or isinstance(value, bool | int) or (isinstance(value, float) and abs(value) < 1e300) else _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else repr(value) if not hasattr(value, "__fspath__") else str(value)
    shown = redacted(text[: 4 * LONGEST_TEXT])
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[: LONGEST_TEXT - 3]}..."
