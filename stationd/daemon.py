"""The daemon as a process: from the command line to a station that runs, is read anew at SIGHUP, and ends at SIGTERM or SIGINT.

    file that cannot be used --> the last one that was taken up, read-only (stationd.last_good), with an alarm --> none: exit 2
    SIGHUP  --> noted (service.hangup) --> once ready: RELOADING=1, file read in a thread, App.reload, one line of log, READY=1
    SIGTERM --> STOPPING=1 --> a reload that runs is given up, then the station ends: ports closed, journal whole, nothing sent

What it is not: the station (stationd.app), or the service manager; without one all of this is the same, and nobody is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from stationd import log as voices
from stationd.app import App
from stationd.config import StationConfig
from stationd.config.changes import Reloaded
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import STATION
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.last_good import instead_of, keep, places
from stationd.links.exact_loop import exact_loop
from stationd.loading import Loaded, Reading, Texts
from stationd.outputs.document import answering
from stationd.outputs.journal import StateDirectoryHeld
from stationd.problem import Problem
from stationd.service.descriptors import CONTROL, PAGES, Listeners
from stationd.service.hangup import Hangup, handle_quietly
from stationd.service.notify import Notifier
from stationd.service.own_age import own_age_s
from stationd.service.watchdog import leave_stacks
from stationd.surroundings import Surroundings

log = structlog.get_logger()

ENDED, FAILED, FAULTY, HELD = 0, 1, 2, 75
LEAVE_S = 2.0  # assumption: whatever a thread does for us is done by then, or will not be done
ASIDE = "aside"
STATUS_S = 10.0  # between two looks for the line of `systemctl status`, which people read and no machine
REJECTED = AlarmKey(STATION, "CONFIG-REJECTED")
BY_COPY = "the last good file is in force and nothing can be written until the file is mended and stationd restarted"
STANDING = frozenset({Letter.NEW, Letter.ACKNOWLEDGED, Letter.LATCHED_NEW, Letter.LATCHED_ACKNOWLEDGED})


def run_daemon(path: Path, ports_file: Path | None, hangup: Hangup) -> int:
    """Run the daemon of a station file until it is told to end; return the exit code."""
    notifier = Notifier.of(os.environ, os.getpid())
    voice = voices.set_up(journal=os.environ.get("JOURNAL_STREAM", ""))
    leave_stacks()
    listeners = Listeners.of(os.environ, os.getpid(), notifier)
    reading = Reading(path)
    loaded = reading.now()
    if loaded.config is None:
        found = instead_of(loaded, path, places(os.environ, loaded.texts))
        if found is None:
            notifier.status(f"{path}: {_counted(loaded.mistakes)}; nothing was started")
            return _refuse(loaded.mistakes)
        loaded = found
    assert loaded.config is not None
    voices.name_station(voice, loaded.config.station.name)
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        aside = ThreadPoolExecutor(thread_name_prefix=ASIDE)
        runner.get_loop().set_default_executor(aside)
        code = _carried_out(runner, _Process(reading, notifier, listeners, hangup).run(loaded, loaded.config, ports_file))
        _leave(aside, code)
    return code


def _carried_out(runner: asyncio.Runner, work: Coroutine[None, None, None]) -> int:
    """Carry the station out to its end; return the exit code, and say what the machine refused or what failed."""
    try:
        runner.run(work)
    except StateDirectoryHeld as held:
        return _say(held, HELD)
    except OSError as refused:
        return _say(refused, FAILED)
    except ExceptionGroup as group:
        return _failed(group)
    except Exception:
        log.critical("the daemon failed", exc_info=True)
        return FAILED
    return ENDED


def _leave(aside: ThreadPoolExecutor, code: int) -> None:
    """Let threads that work aside end. One that hangs, on a name server for example, holds nobody up: everything else has ended by now."""
    aside.shutdown(wait=False, cancel_futures=True)
    patience = time.monotonic() + LEAVE_S
    threads = [each for each in threading.enumerate() if each.name.startswith(ASIDE)]
    for thread in threads:
        thread.join(max(0.0, patience - time.monotonic()))
    if hanging := sum(thread.is_alive() for thread in threads):
        log.warning("the daemon ends although threads still wait for something outside", threads=hanging)
        sys.stderr.flush()
        os._exit(code)
    last = threading.Timer(LEAVE_S, os._exit, (code,))  # a task that was left behind and swallows its cancellation
    last.daemon = True
    last.start()


class _Process:
    """One station's life between the signals of its process."""

    def __init__(self, reading: Reading, notifier: Notifier, listeners: Listeners, hangup: Hangup) -> None:
        self._reading = reading
        self._notifier = notifier
        self._listeners = listeners
        self._hangup = hangup
        self._asked = asyncio.Event()  # a reload
        self._ready = asyncio.Event()
        self._told_to_end = asyncio.Event()
        self._told = ""
        self._not_taken = ""  # why the file is not in force: that of the start, or of the last reload
        self._by_copy = False  # whether what is in force is the last good file and not the one of the start
        self._kept = _Kept()

    async def run(self, loaded: Loaded, config: StationConfig, ports_file: Path | None) -> None:
        """Run the station until a signal ends it, or until it fails; then raise what made it fail."""
        loop = asyncio.get_running_loop()
        handle_quietly(loop, (signal.SIGTERM, signal.SIGINT), self._end)
        self._hangup.tell(lambda: loop.call_soon_threadsafe(self._asked.set))
        if loaded.mistakes:
            self._not_taken, self._by_copy = _mistaken(loaded.mistakes), True
        station = App(config, loaded.catalogue, Surroundings(source=loaded.source, listeners=self._listeners))
        gc.freeze()  # what has been made by now lives as long as the daemon: no later search for garbage goes through it
        gc.enable()
        living = asyncio.create_task(station.run(ports_file, lambda: self._begun(station, config, loaded), self._notifier), name="station")
        attending = asyncio.create_task(self._attend(station), name="signals")
        hearing = asyncio.create_task(_say_first_value(station, config), name="first value")
        ending = asyncio.create_task(self._told_to_end.wait(), name="end")
        try:
            await asyncio.wait({living, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (attending, hearing, ending, living):  # a reload that runs is given up before the station itself ends
                task.cancel()
                await asyncio.wait({task})
            self._hangup.tell(int)
            self._listeners.close()
        if not living.cancelled():
            living.result()

    def _end(self) -> None:
        """Begin the end; to be told again changes nothing."""
        if not self._told_to_end.is_set():
            self._notifier.stopping()
            self._told_to_end.set()

    def _begun(self, station: App, config: StationConfig, loaded: Loaded) -> None:
        """Tell that the station does its work."""
        self._say_rejected(station)
        if not self._by_copy:
            self._kept.want(loaded.texts)
        self._listeners.settle()
        self._listeners.drop_all_but(_used(config))
        self._told = self._status(station)
        self._notifier.ready(self._told)
        log.info("the station is ready", after_s=_age())
        self._ready.set()

    async def _attend(self, station: App) -> None:
        """Reload as often as that is asked for, and tell now and then how it stands."""
        await self._ready.wait()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_S):
                    await self._asked.wait()
            self._asked.clear()
            try:
                await self._look(station)
            except Exception:
                log.exception("the wish of a signal, or the status, could not be taken care of")

    async def _look(self, station: App) -> None:
        if self._hangup.take():
            await self._reload(station)
            return
        self._listeners.settle()  # a part that was made anew may have made others
        if (status := self._status(station)) != self._told:
            self._told = status
            self._notifier.status(status)

    # ------------------------------------------------------------------ reading the file again

    async def _reload(self, station: App) -> None:
        """Take the station file up as it is now; whatever is wrong with it, what was in force goes on."""
        self._notifier.reloading()
        log.info("the station file is read again", file=str(self._reading.path))
        try:
            loaded = await self._reading.aside()
            self._not_taken = _mistaken(loaded.mistakes) if loaded.config is None else await _taken_up(station, loaded)
            self._listeners.settle(taken_up=not self._not_taken)
            if loaded.config is not None and not self._not_taken:
                self._by_copy = False
                self._kept.want(loaded.texts)
                self._listeners.drop_all_but(_used(loaded.config))
        except Exception as error:
            self._not_taken = f"it failed: {type(error).__name__}"
            log.exception("the reload failed; look at what is in force")
        self._say_rejected(station)
        self._told = self._status(station)
        self._notifier.ready(self._told)

    def _say_rejected(self, station: App) -> None:
        """Say to the alarm desk whether the file is in force, and why it is not."""
        if REJECTED in station.alarms.plan.rules:
            note = f"{self._not_taken}; {BY_COPY}" if self._not_taken and self._by_copy else self._not_taken
            station.engine.post([Signal(REJECTED, bool(note), asyncio.get_running_loop().time(), note=note)])

    def _status(self, station: App) -> str:
        """Return in one line how the station stands."""
        status = status_line(station)
        if not self._not_taken:
            return status
        if self._by_copy:
            return f"{status}; the station file is not in force: {self._not_taken}; {BY_COPY}"
        return f"{status}; the last reload was not taken up: {self._not_taken}"


class _Kept:
    """Has the last file that was taken up kept for the next start (stationd.last_good), beside whatever goes on: a disk may hang."""

    def __init__(self) -> None:
        self._wanted: Texts | None = None
        self._keeping: asyncio.Task[None] | None = None

    def want(self, texts: Texts | None) -> None:
        """Have these texts kept, instead of any before them."""
        self._wanted = texts
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep(), name="copy of the station file")

    async def _keep(self) -> None:
        while (texts := self._wanted) is not None:
            self._wanted = None
            try:
                await asyncio.to_thread(keep, texts, places(os.environ, texts))
            except OSError as error:
                log.warning("the station file could not be kept for a start with a bad one", reason=str(error))


async def _say_first_value(station: App, config: StationConfig) -> None:
    """Say when the first usable value of a unit on a bus has come."""
    news = station.board.subscribe()
    found: list[str] = []
    while not found:
        await news.wait()
        found = [str(point) for point in news.take() if point.device in config.device and answering([station.board[point]])]
    station.board.unsubscribe(news)
    log.info("the first value is read", point=found[0], after_s=_age())


def _age() -> float | None:
    age_s = own_age_s()
    return None if age_s is None else round(age_s, 2)


def status_line(station: App) -> str:
    """Return how many devices answer, how many alarms stand, and the verdict where the station watches a line."""
    board = station.board
    points: dict[str, list[bool]] = {name: [] for name in board.devices}
    for point in board.points:
        points[point.device].append(answering([board[point]]))
    alarms = sum(count for (letter, _), count in station.alarms.counts().items() if letter in STANDING)
    verdict = "" if station.watch is None else f", verdict {station.watch.verdict.kind.value}"
    return f"{sum(map(any, points.values()))} of {len(points)} devices answer, {alarms} alarms stand{verdict}"


async def _taken_up(station: App, loaded: Loaded) -> str:
    """Have a station go on by what was loaded, and say what has changed; return why it was refused, "" when it was not."""
    reloaded: Reloaded = await station.reload(loaded)
    if reloaded.refused:
        log.error("the station file is not taken up, the one before stays in force", reason=reloaded.refused)
    elif reloaded.changed:
        log.info("the station file is in force", changed=list(reloaded.changed))
    else:
        log.info("the station file is in force: nothing in it has changed")
    return reloaded.refused


def _mistaken(mistakes: Sequence[Problem]) -> str:
    """Say every mistake of a file that is not taken up; return the first, and how many. Values are left out: one may be a secret."""
    for each in mistakes:
        log.error("a mistake in the station file", file=each.file, key=each.key, reason=each.reason, hint=each.hint)
    log.error("the station file is not taken up, the one before stays in force", mistakes=len(mistakes))
    first = mistakes[0]
    return f"{_counted(mistakes)}, the first: {': '.join(filter(None, (first.file, first.key, first.reason)))}"


def _counted(mistakes: Sequence[Problem]) -> str:
    return f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"


def _used(config: StationConfig) -> set[str]:
    """Return the names of the listeners that this configuration has a use for."""
    return {name for name, section in ((CONTROL, config.control), (PAGES, config.prometheus)) if section is not None}


def _refuse(mistakes: Sequence[Problem]) -> int:
    for problem in mistakes:
        print(problem.render(), file=sys.stderr)
    print(f"{_counted(mistakes)}; nothing was started", file=sys.stderr)
    return FAULTY


def _failed(group: ExceptionGroup[Exception]) -> int:
    """Say what the machine refused, or what is a mistake of this program."""
    expected, bugs = group.split(OSError)
    if bugs is not None:
        log.critical("the daemon failed", exc_info=bugs)
    for error in expected.exceptions if expected else ():
        _say(error, FAILED)
    return FAILED


def _say(error: Exception, code: int) -> int:
    print(f"stationd: {error}", file=sys.stderr)
    return code
