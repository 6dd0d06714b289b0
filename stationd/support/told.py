"""The facts of a station without its daemon as the page that is read over a telephone; letters mean what they mean with one.

Each fact is looked for by itself: what fails, or does not come in time, is said in its own line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stationd.shell.screens import phone
from stationd.shell.screens.typeset import age
from stationd.support import machine, past, station_file
from stationd.support.past import Past
from stationd.support.station_file import StationFile
from stationd.support.within import Deadline, TooSlow, within

EACH_S = 5.0  # for one fact; a configuration of a big station is checked in less than a second
MEGA = machine.MEGA
WITHOUT = ("not known without the daemon",)
ONLY_LIVING = ("feed", "far", "amplifiers", "light", "buses", "values")
OPERATIONS = "operations"  # the small value of the journal that holds them
Texts = Sequence[str]
Topics = dict[str, Texts]


def summary(config: Path, state: Path | None = None, socket: Path | None = None, limit_s: float = 20.0) -> list[str]:
    """Return the page of what can be found without a daemon. Never fails and always ends."""
    deadline = Deadline(limit_s)
    file = within_or(deadline, lambda: station_file.read(config), StationFile(config, trouble="cannot be read in time"))
    return phone.page(facts(file, state or file.state, socket or file.socket, deadline))


def facts(file: StationFile, state: Path, socket: Path, deadline: Deadline) -> Topics:
    """Return all topics that can be found without a daemon."""
    topics: Topics = dict.fromkeys(ONLY_LIVING, WITHOUT)
    topics["station"] = [file.name, file.mode, file.operator] if file.name else ["its name is not known", f"file {file.path}"]
    topics["time"] = [datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"), "clock of the machine"]
    topics["source"] = _daemon(state, socket, deadline)
    topics |= machine_topics(file, state, deadline)
    topics |= _of_journal(state / past.NAME, topics["disk"], deadline)
    return topics


def machine_topics(file: StationFile, state: Path, deadline: Deadline) -> Topics:
    """Return what the machine knows whether the daemon lives or not: disk, configuration, software."""
    disk = within_or(deadline, lambda: disk_texts(state), ["it did not answer in time"])
    settings = within_or(deadline, lambda: settings_texts(file), ["not checked in time"])
    return {"disk": disk, "settings": settings, "software": within_or(deadline, machine.software, ["not known"])}


def settings_texts(file: StationFile) -> list[str]:
    """Return whether the configuration is good, or its first mistake."""
    if file.trouble:
        return ["not checked", file.trouble]
    checked = station_file.checked(file.path)
    if not checked.problems:
        return ["good", checked.summary]
    first, count = checked.problems[0], len(checked.problems)
    where = station_file.place_of(first, file.text)
    reason = re.sub(r" at line \d+, column \d+", "", first.reason)  # which stands in the place already
    return ["broken", *([f"{count} mistakes, the first"] if count > 1 else []), where, reason]


def disk_texts(state: Path) -> list[str]:
    """Return the room on the disk of the state directory."""
    found = machine.disk(state)
    free, size = phone.grouped(found.free / MEGA), phone.grouped(found.size / MEGA)
    return [*(["full"] if found.free < MEGA else []), f"{free} MB free of {size} MB"]


def within_or(deadline: Deadline, work: Callable[[], Any], otherwise: Any) -> Any:
    """Return what the work returns; where it fails or takes too long, what is said instead, with the reason where there is room."""
    try:
        return within(deadline.left_s(EACH_S), work)
    except TooSlow:
        return otherwise
    except Exception as error:  # noqa: BLE001 - a page has to come about whatever is broken
        return [f"cannot be found, {error}"] if isinstance(otherwise, list) else otherwise


def _daemon(state: Path, socket: Path, deadline: Deadline) -> Texts:
    found = within_or(deadline, machine.processes, [])
    running = [each for each in found if isinstance(each, machine.Process)]
    texts = ["process not running"] if not running else []
    texts += [f"process {each.pid} runs{f' for {age(each.age_s)}' if each.age_s is not None else ''}" for each in running[:2]]
    held = within_or(deadline, lambda: machine.holder(state), None)
    if isinstance(held, int) and held not in [each.pid for each in running]:
        texts.append(f"the state directory is held by process {held}")
    texts.append(within_or(deadline, lambda: machine.socket_state(socket), "the socket does not answer"))
    return ["no answer", *texts, *within_or(deadline, machine.unit_words, [])]


def _of_journal(path: Path, disk: Texts, deadline: Deadline) -> Topics:
    try:
        return within(deadline.left_s(EACH_S), lambda: _read(path, disk))
    except FileNotFoundError:
        why = "no journal"
    except PermissionError:
        why = "this user may not read the journal"
    except TooSlow:
        why = "the journal did not answer in time"
    except past.TROUBLE as error:
        why = f"journal damaged or not readable, {error}"
    except Exception as error:  # noqa: BLE001 - a page has to come about whatever is broken
        why = f"journal not understood, {error!r}"
    lost: Topics = dict.fromkeys(("verdict", "whose", "alarms", *phone.RANKED, "acting"), (why,))
    return {**lost, "disk": [*disk, why]}


def _read(path: Path, disk: Texts) -> Topics:
    """Return what the journal remembers; a part of it that is torn is said by itself."""
    journal = Past(path)
    try:
        topics: Topics = {"disk": [*disk, *_part(lambda: _last(journal)), *journal.notes]}
        topics |= _each(("verdict", "whose"), lambda: _verdict(journal))
        topics |= _each(("alarms", *phone.RANKED), lambda: _alarms(journal))
        topics |= _each(("acting",), lambda: {"acting": _acting(journal)})
        return topics
    finally:
        journal.close()


def _each(names: Sequence[str], work: Callable[[], Mapping[str, Texts]]) -> Topics:
    try:
        return dict(work())
    except past.TROUBLE as error:
        return {name: [f"journal torn here, {error}"] for name in names}


def _part(work: Callable[[], Texts]) -> Texts:
    try:
        return work()
    except past.TROUBLE as error:
        return [f"journal torn, {error}"]


def _last(journal: Past) -> Texts:
    event = journal.last()
    return ["journal readable", f"last event {_ago(event.utc_s)}" if event else "no event in it"]


def _verdict(journal: Past) -> Mapping[str, Texts]:
    event = journal.last_verdict()
    if event is None:
        return {"verdict": ["none in the journal"], "whose": ["none in the journal"]}
    return phone.verdict_topics(event.document["verdict"], _today(), f"as of {_ago(event.utc_s)}")


def _alarms(journal: Past) -> Mapping[str, Texts]:
    alarms, torn = journal.alarms()
    topics = phone.alarm_topics(alarms, _today())
    return {**topics, "alarms": [*topics["alarms"], *([f"{torn} torn"] if torn else []), "as in the journal"]}


def _acting(journal: Past) -> Texts:
    desk = journal.value(OPERATIONS).get("desk")
    if not isinstance(desk, Mapping):
        return ["none in the journal"]
    opened = [f"{each.get('name')} {each.get('state')} on {each.get('object')}" for each in _rows(desk.get("opened"))] or ["none"]
    held = [f"hold {each.get('name')} on {each.get('object')} by {each.get('who')}" for each in _rows(desk.get("holds"))] or ["no hold"]
    return [*opened, *held, "as in the journal"]


def _rows(saved: object) -> list[Mapping[str, Any]]:
    """Return the rows of a part of what is saved, which stand in it by themselves or in a table of it."""
    rows = next((each for each in saved.values() if isinstance(each, list)), []) if isinstance(saved, Mapping) else saved
    return [each for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _ago(utc_s: float) -> str:
    return phone.ago(max(time.time() - utc_s, 0.0))
