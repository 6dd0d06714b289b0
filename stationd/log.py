"""How the daemon speaks: one event a line, JSON for machines, columns for a person at a terminal. And the last events, in memory.

Where stderr is the journal of systemd each event goes there with its fields (stationd.journald); while that socket does not take it
the event goes to stderr as a line with its priority in front (sd-daemon(3)). Nothing here waits for a reader: what nobody takes is
lost, counted, and said as soon as somebody reads again. `RECENT` keeps the newest events for people of the control socket, bounded in
number and in size; what looks like a secret is withheld there (stationd.redaction), although nobody should ever log one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from stationd.journald import JournalSocket, encoded, field_name, is_journal
from stationd.redaction import WITHHELD, names_a_secret, redacted

# What these call an error is a peer's fault that the daemon counts, answers or reports itself, in one line of its own.
QUIET = ("pymodbus", "aiohttp.server", "mqtt")

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
IDENTIFIER = "stationd"
OWN_FIELDS = frozenset({"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "STATION"})

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


class Outlet(Protocol):
    """Where events go in the end. Called from any thread."""

    def write(self, level: str, event: MutableMapping[str, Any]) -> bool:
        """Write one event; return whether somebody has taken it. It neither waits nor raises."""


class Lines:
    """Events as lines of text, written by `put` as `render` makes them. `prioritised` puts the number of sd-daemon(3) in front."""

    def __init__(self, put: Callable[[str], bool], render: Callable[[Any, str, Any], Any], *, prioritised: bool = False) -> None:
        self._put = put
        self._render = render
        self._prioritised = prioritised

    def write(self, level: str, event: MutableMapping[str, Any]) -> bool:
        """Write one event as a line."""
        line = self._render(None, level, dict(event))
        return self._put(f"<{PRIORITIES.get(level, 6)}>{line}\n" if self._prioritised else f"{line}\n")


class Journald:
    """Events as entries of the journal. `station` stands in each of them once it is known."""

    def __init__(self, journal: JournalSocket, otherwise: Outlet) -> None:
        self._journal = journal
        self._otherwise = otherwise
        self.station = ""

    def write(self, level: str, event: MutableMapping[str, Any]) -> bool:
        """Write one event as an entry, or elsewhere when the journal does not take it."""
        return self._journal.send(encoded(entry(level, event, self.station))) or self._otherwise.write(level, event)


class Voice:
    """What structlog calls in the end. Counts what is lost, and says so as soon as somebody reads again."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.lost = 0
        self._unsaid = 0
        self._lock = threading.RLock()  # what is collected while a line is written may speak too

    def msg(self, level: str, event: MutableMapping[str, Any]) -> None:
        """Say one event."""
        with self._lock:
            if self._unsaid:
                self._admit(self._unsaid)
            if not self.outlet.write(level, event):
                self.lost += 1
                self._unsaid += 1

    debug = info = warning = error = critical = exception = log = fatal = warn = err = msg

    def _admit(self, count: int) -> None:
        event: MutableMapping[str, Any] = {"event": "events of the log were lost: nobody took them", "lost": count}
        if self.outlet.write("warning", {**event, "level": "warning", "timestamp": _utc(datetime.now(UTC).timestamp())}):
            self._unsaid = 0


class _Library(logging.Handler):
    """Takes what libraries say by the standard logging."""

    def __init__(self, ring: Ring, voice: Voice) -> None:
        super().__init__(logging.WARNING)
        self._ring = ring
        self._voice = voice

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message; one that cannot be written out is said by its name."""
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - a log line of a library must not end anything
            said = str(record.msg)
        t, level = _utc(record.created), record.levelname.lower()
        self._ring.take(LogEvent(t, level, _text(said), {"library": record.name}))
        trace = {"exception": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        self._voice.msg(level, {"event": said, "library": record.name, **trace, "level": level, "timestamp": t})


def set_up(stream: Any = sys.stderr, ring: Ring = RECENT, journal: str = "") -> Voice:
    """Send all events to `stream` and to the ring; libraries that use the standard logging speak only when something is wrong.

    `journal` is what JOURNAL_STREAM says: where the stream is that of the journal, events go there with their fields.
    """
    voice = Voice(_outlet(stream, journal))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            ring.processor,
            lambda _, method, event: ((method, event), {}),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),  # whatever was set before
        logger_factory=lambda *_: voice,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Library)]:
        root.removeHandler(earlier)
    root.addHandler(_Library(ring, voice))
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return voice


def name_station(voice: Voice, station: str) -> None:
    """Have every entry of the journal from now on carry the name of the station."""
    if isinstance(voice.outlet, Journald):
        voice.outlet.station = station


def entry(level: str, event: Mapping[str, Any], station: str) -> list[tuple[str, str]]:
    """Return the fields of an event in the journal; what looks like a secret is withheld. MESSAGE reads by itself."""
    fields = {str(name): value for name, value in event.items() if name not in ("timestamp", "level", "event")}
    trace = str(fields.pop("exception", ""))
    shown = {name: WITHHELD if names_a_secret(name) else value if isinstance(value, str) else repr(value) for name, value in fields.items()}
    said = " ".join([str(event.get("event", "")), *(f"{name}={_quoted(value)}" for name, value in shown.items())])
    named = [("MESSAGE", f"{said}\n{trace}" if trace else said), ("PRIORITY", str(PRIORITIES.get(level, 6)))]
    named += [("SYSLOG_IDENTIFIER", IDENTIFIER), *([("STATION", station)] if station else [])]
    own = [(field_name(name), value) for name, value in shown.items()]
    return named + [(f"STATIOND_{name}" if name in OWN_FIELDS else name, value) for name, value in own if name]


def _outlet(stream: Any, journal: str) -> Outlet:
    terminal = stream.isatty()
    descriptor = _descriptor(stream)
    render: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(default=str)
    put = _into(stream) if descriptor is None else _Patient(descriptor).put
    if descriptor is None or not journal or not is_journal(journal, descriptor):
        return Lines(put, render)
    return Journald(JournalSocket(), Lines(put, render, prioritised=True))


def _descriptor(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (OSError, AttributeError):
        return None


def _into(stream: Any) -> Callable[[str], bool]:
    def put(line: str) -> bool:
        stream.write(line)
        return True

    return put


class _Patient:
    """Writes to a descriptor as much as it takes without waiting: a terminal may be stopped, and a pipe or a socket full.

    Who reads the descriptor beside us keeps it as it is: whether a write waits is asked for on an opening of our own. The end of a
    line that was not taken whole goes out before the next one.
    """

    def __init__(self, descriptor: int) -> None:
        self._write = _writing(descriptor)
        self._rest = b""

    def put(self, line: str) -> bool:
        """Write a line; return whether it was taken, or will be."""
        if not self._drain():
            return False
        whole = line.encode(errors="replace")
        self._rest = whole
        return self._drain() or len(self._rest) < len(whole) or self._forget()

    def _drain(self) -> bool:
        """Write what is left; return whether nothing is."""
        try:
            while self._rest:
                self._rest = self._rest[self._write(self._rest) :]
        except OSError:  # it takes no more now, or nobody reads any more
            return False
        return True

    def _forget(self) -> bool:
        self._rest = b""
        return False


def _writing(descriptor: int) -> Callable[[bytes], int]:
    """Return how to write to a descriptor without ever waiting. A file of a disk takes what it is given."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        connection = socket.socket(fileno=os.dup(descriptor))
        return lambda data: connection.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    opened = descriptor
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with contextlib.suppress(OSError):  # without /proc, or the right to open it, it may have to be waited for
            opened = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return lambda data: os.write(opened, data)


def _utc(t: float) -> str:
    return f"{datetime.fromtimestamp(t, UTC).isoformat(timespec='microseconds')[:-6]}Z"


def _quoted(value: str) -> str:
    shown = redacted(value)
    return repr(shown) if not shown or any(sign.isspace() for sign in shown) else shown


def _fit(name: str, value: object) -> object:
    """Return a field as it is kept: numbers and truths as they are, all else as a text of bounded length."""
    if names_a_secret(name):
        return WITHHELD
    return value if value is None or isinstance(value, bool | int) or (isinstance(value, float) and abs(value) < 1e300) else _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else repr(value) if not hasattr(value, "__fspath__") else str(value)
    shown = redacted(text[: 4 * LONGEST_TEXT])
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[: LONGEST_TEXT - 3]}..."
