"""The interface io.stationd.Diagnostics: the line with its faults, the daemon about itself and its past, the self-test.

Reading wants stationd-view. Taking a baseline, making a bundle, testing and saving want stationd-operate; none of it touches the plant.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802  # names of methods are those of the interface

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter
from asyncvarlink.types import JSONValue

from stationd.console import diagnostics_refusal, door, forms, refusal
from stationd.console.diagnostics_door import DiagnosticsDoor, NotSaved, Unknown, What
from stationd.console.forms import Stamp
from stationd.console.peer import Peer
from stationd.console.text import TooLong, one_line, shown_name
from stationd.core.operation.task import CommandClass

LAST = "last"
MOST_FAULTS, USUAL_FAULTS = 200, 20
BUNDLE_S = 60.0  # what making a bundle may take; usual are a few seconds (assumption for a slow disk)
TEST_S = 150.0  # a self-test walks along the whole chain of the audit, which alone may take 120 s (assumption of its own)
HISTORY_S = 30.0  # 400 days are some seconds of reading (assumption for a slow disk)
LONGEST_SPAN_S, MOST_COLUMNS, USUAL_COLUMNS = 400 * 86_400, 200, 66
MOST_EVENTS, USUAL_EVENTS, USUAL_LOG = 1000, 100, 200
DISK = "look at the disk: show alarms, journalctl -u stationd"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file of an incident on the station's disk. complete is false before the window of the record is over."""

    id: str
    path: str
    size: int
    sha256: str
    complete: bool


class DiagnosticsInterface(VarlinkInterface, name=refusal.DIAGNOSTICS):
    """The line, the daemon and its past as JSON documents. Kilometres count from end a; every number is {"v", "u", "t", "q"}.

    A number that is not known at all is null, never 0. A fault is named F-YYYY-MM-DD-n by the UTC day on which it opened; "last" is
    the newest one.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        refusal.NoSuchFault,
        refusal.NotDone,
        refusal.BaselineRefused,
        refusal.NotAllowed,
        diagnostics_refusal.NoLine,
        diagnostics_refusal.NoSuchKey,
        diagnostics_refusal.NoSuchPoint,
        diagnostics_refusal.NoSuchDevice,
        diagnostics_refusal.NotSaved,
    )

    def __init__(self, line: door.LineDoor | None, own: DiagnosticsDoor, peer: Peer, answer_s: float) -> None:
        self._line = line
        self._own = own
        self._peer = peer
        self._answer_s = answer_s

    @varlinkmethod(return_parameter="line", allow_foreign=True)
    def GetLine(self) -> Any:
        """Return the line as it stands: both ends, virtual earth, residual, what was learnt, each fibre pair against the baseline."""
        return self._there().line()

    @varlinkmethod(return_parameter="baseline", allow_foreign=True)
    def GetBaseline(self) -> Any:
        """Return the baseline; null where none was taken."""
        return self._there().baseline()

    @varlinkmethod(return_parameter="baseline", allow_foreign=True)
    async def TakeBaseline(self, *, note: str | None = None) -> Any:
        """Declare what is measured now the normal state of the line. Every value that is needed has to be good."""
        self._require("take a baseline")
        try:
            text = one_line(note or "")
        except TooLong:
            raise InvalidParameter(parameter="note") from None
        try:
            return await self._in_time(self._there().take_baseline(text, self._peer), self._answer_s)
        except door.Declined as declined:
            raise refusal.BaselineRefused(cause=declined.cause, missing=list(declined.missing)) from None

    @varlinkmethod(return_parameter="faults", allow_foreign=True)
    async def ListFaults(self, *, limit: int = USUAL_FAULTS) -> Any:
        """Return the faults in short, the newest first; at most limit (20, up to 200)."""
        if isinstance(limit, bool) or not 1 <= limit <= MOST_FAULTS:
            raise InvalidParameter(parameter="limit")
        return list(await self._in_time(self._there().faults(limit), self._answer_s))

    @varlinkmethod(return_parameter="fault", allow_foreign=True)
    async def GetFault(self, *, id: str | None = None) -> Any:
        """Return one fault: verdict, methods and how they agree, what came first, whose it is."""
        return await self._in_time(self._there().fault(_name(id)), self._answer_s)

    @varlinkmethod(return_parameter="bundle")
    async def MakeBundle(self, *, id: str | None = None) -> Bundle:
        """Make the file of a fault: CSV, JSON, plots and an index.html in one zip. Interrupts nothing; can take some seconds."""
        self._require("make a bundle")
        made = await self._in_time(self._there().bundle(_name(id)), max(BUNDLE_S, self._answer_s))
        return Bundle(made.id, made.path, made.size, made.sha256, made.complete)

    # ------------------------------------------------------------------ the daemon

    @varlinkmethod(return_parameter="clock", allow_foreign=True)
    async def GetClock(self) -> Any:
        """Return the time of day in UTC and in the zone of the station, and how well it is known; how long machine and daemon are up."""
        return await self._in_time(self._own.clock(), self._answer_s)

    @varlinkmethod(return_parameter="health", allow_foreign=True)
    async def GetHealth(self) -> Any:
        """Return how the daemon and all that it depends on are: good, and troubles in sentences; then each part in numbers."""
        return await self._in_time(self._own.health(), self._answer_s)

    @varlinkmethod(return_parameter="version", allow_foreign=True)
    async def GetVersion(self) -> Any:
        """Return what runs here and the file by which it was configured."""
        return await self._in_time(self._own.version(), self._answer_s)

    @varlinkmethod(return_parameter="config", allow_foreign=True)
    def GetConfig(self, *, path: str | None = None) -> Any:
        """Return the configuration in force with its defaults, or what stands below a dotted path; of secrets only the references."""
        try:
            return self._own.config(shown_name(path or ""))
        except Unknown as unknown:
            raise _unknown(unknown) from None

    @varlinkmethod(return_parameter="log", allow_foreign=True)
    def GetLog(self, *, since: Stamp | None = None, limit: int = USUAL_LOG) -> Any:
        """Return the newest events of the daemon's log, oldest first, at most limit (200, up to 1000)."""
        return self._own.log(_utc_s(since), _within(limit, MOST_EVENTS, "limit"))

    # ------------------------------------------------------------------ the past

    @varlinkmethod(return_parameter="points", allow_foreign=True)
    def ListPoints(self) -> Any:
        """Return every point with its unit."""
        return list(self._own.points())

    @varlinkmethod(return_parameter="series", allow_foreign=True)
    async def GetHistory(self, *, point: str, seconds: int, columns: int = USUAL_COLUMNS) -> Any:
        """Return the last seconds (up to 400 days) of a point in columns (66, 1 to 200) with lowest, highest and last value.

        A column into which nothing fell is null.
        """
        span_s, wide = _within(seconds, LONGEST_SPAN_S, "seconds"), _within(columns, MOST_COLUMNS, "columns")
        return await self._in_time(self._own.history(shown_name(point), span_s, wide), max(HISTORY_S, self._answer_s))

    @varlinkmethod(return_parameter="events", allow_foreign=True)
    async def GetEvents(self, *, subject: str, since: Stamp | None = None, limit: int = USUAL_EVENTS) -> Any:
        """Return the newest events of a unit, of "line", "station", or of one alarm: alarms, light, acts; at most limit (100; 1000)."""
        most = _within(limit, MOST_EVENTS, "limit")
        return await self._in_time(self._own.events(shown_name(subject), _utc_s(since), most), self._answer_s)

    @varlinkmethod(return_parameter="feed", allow_foreign=True)
    def GetFeed(self, *, device: str) -> Any:
        """Return the limits of a power feed, its permissives and holds, and what its machine is doing."""
        try:
            return self._own.feed(shown_name(device))
        except Unknown as unknown:
            raise _unknown(unknown) from None

    # ------------------------------------------------------------------ tests and texts

    @varlinkmethod(return_parameter="report", allow_foreign=True)
    async def SelfTest(self) -> Any:
        """Test this station by reading alone, and keep the report on the disk. Who asks while one runs gets the same report."""
        self._require("run the self-test")
        return await self._in_time(self._own.self_test(), max(TEST_S, self._answer_s))

    @varlinkmethod(return_parameter="report", allow_foreign=True)
    async def LinkTest(self) -> Any:
        """Test what this station is connected to, by reading alone."""
        self._require("test the links")
        return await self._in_time(self._own.link_test(), self._answer_s)

    @varlinkmethod(return_parameter="path")
    async def SaveText(self, *, name: str, text: str) -> str:
        """Save a text of at most 60 KiB under a new name below bundles/saved/ of the state directory."""
        self._require("save a text")
        return await self._in_time(self._own.save(name, text), self._answer_s)

    # ------------------------------------------------------------------ what they share

    def _there(self) -> door.LineDoor:
        if self._line is None:
            detail, hint = "this station has no [line] in its file", "stationd check --defaults shows what belongs there"
            raise diagnostics_refusal.NoLine(cause="no-line", detail=detail, hint=hint)
        return self._line

    def _require(self, what: str) -> None:
        if not self._peer.may(CommandClass.NOTE):
            detail = f"{self._peer.spoken_of} has the role {self._peer.role.name.lower()} and may not {what}"
            raise refusal.NotAllowed(cause="no-access-authority", detail=detail, hint="ask somebody of the group stationd-operate")

    async def _in_time(self, work: Awaitable[T], limit_s: float) -> T:
        """Return what the door answers, its exceptions as errors of the interface."""
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except door.NoSuchFault as missing:
            raise refusal.NoSuchFault(id=shown_name(str(missing))) from None
        except door.NotDone as failed:
            raise refusal.NotDone(detail=str(failed), hint=DISK) from None
        except Unknown as unknown:
            raise _unknown(unknown) from None
        except NotSaved as refused:
            raise diagnostics_refusal.NotSaved(cause=refused.cause, detail=str(refused), hint=refused.hint) from None
        except TimeoutError:
            raise refusal.NotDone(detail=f"there was no answer within {limit_s:g} s: the disk may hang", hint=DISK) from None


def _name(text: str | None) -> str:
    return LAST if text is None else shown_name(text)


def _within(number: int, most: int, parameter: str) -> int:
    if isinstance(number, bool) or not 1 <= number <= most:
        raise InvalidParameter(parameter=parameter)
    return number


def _utc_s(since: Stamp | None) -> float | None:
    if since is None:
        return None
    try:
        return forms.utc_s(since.t)
    except ValueError:
        raise InvalidParameter(parameter="since") from None


def _unknown(unknown: Unknown) -> TypedVarlinkErrorReply:
    """Return the error for what there is none of, with the names that were probably meant."""
    near: list[JSONValue] = list(unknown.near)
    meant = f"did you mean {', '.join(unknown.near)}?" if near else ""
    match unknown.what:
        case What.KEY:
            detail, hint = f"the configuration has no {unknown.name or 'such key'}", meant or "show config"
            return diagnostics_refusal.NoSuchKey(cause="no-such-key", detail=detail, hint=hint, near=near)
        case What.POINT:
            detail, hint = f"this station has no point {unknown.name}", meant or "show points lists them"
            return diagnostics_refusal.NoSuchPoint(cause="no-such-point", detail=detail, hint=hint, near=near)
        case What.FEED | What.DEVICE:
            kind = "power feed" if unknown.what is What.FEED else "unit"
            detail, hint = f"this station has no {kind} {unknown.name}", meant or "show status"
            return diagnostics_refusal.NoSuchDevice(cause="no-such-device", detail=detail, hint=hint, near=near)
