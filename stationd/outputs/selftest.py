"""The self-test of a station, judged from what was read: one row for each part, with a sentence that holds the numbers. Pure.

It only reads, on every station: what would move anything is for a bench with a dummy load, and stands elsewhere. A row is good, failed,
or neither where there is nothing to test or nothing is known; what is not known is never called good. Limits are those named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stationd.board import Board
from stationd.core.model import Level, PointId, Reading
from stationd.core.powerfeed.words import FeedPlan
from stationd.outputs.document import Document
from stationd.outputs.feed_document import contact
from stationd.outputs.figures import Figures
from stationd.outputs.journal import Verified

FAILED_SHARE = 0.01  # of a line's questions lately; more is no sound line (assumption: good serial lines lose far less)
PLAUSIBLE = 1.05  # a meter may read so much above the limit of what it measures (assumption: its tolerance)
BACKWARDS = 0.05  # and so much of it below zero
LEAST_FREE_PERCENT, MOST_MEMORY_MIB, MOST_LAG_MS = 5.0, 1024.0, 100.0  # assumptions; the daemon usually has far less than half of that
MOST_NAMED = 3
Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One part. `ok` None: there is nothing to test, or nothing is known."""

    name: str
    ok: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Config:
    """How many values are in force, and the file: `changed` says whether it still is what was loaded (None: not known)."""

    values: int
    sha256: str | None
    changed: bool | None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the rows are made of: documents of the daemon, the audit's chain (None: it could not be read), the plant as read."""

    health: Told
    clock: Told
    config: Config
    audit: Verified | None
    board: Board
    feeds: Mapping[str, FeedPlan]
    now: float


def self_test(seen: Seen) -> list[Row]:
    """Return the rows of the whole self-test."""
    return [
        _config(seen.config),
        _audit(seen.audit),
        _clock(seen.clock),
        *_buses(seen.health["buses"]),
        *(_feed(plan, seen.board, seen.now) for plan in seen.feeds.values()),
        _interlocks(seen),
        _amplifiers(seen.health["devices"]),
        _sampler(seen.health["sampler"]),
        _far(seen.health["far_station"]),
        _journal(seen.health["journal"]),
        _machine(seen.health),
        *_brokers(seen.health),
    ]


def link_test(seen_health: Told, seen_clock: Told) -> list[Row]:
    """Return the rows about what this station is connected to."""
    return [
        _clock(seen_clock),
        _far(seen_health["far_station"]),
        _far_clock(seen_health["far_station"]),
        *_brokers(seen_health),
        _scrape(seen_health["scrape"]),
        *_buses(seen_health["buses"]),
    ]


def report(kind: str, head: Document, rows: Iterable[Row], took_s: float, figures: Figures) -> Document:
    """Return the report. It is good where nothing failed; what is unknown is counted beside it."""
    numbered = list(enumerate(rows, 1))
    counts = {ok: sum(row.ok is ok for _, row in numbered) for ok in (True, False, None)}
    return {
        "kind": kind,
        **head,
        "took": figures.sure(round(took_s, 3), "s"),
        "good": counts[False] == 0,
        "passed": counts[True],
        "failed": counts[False],
        "unknown": counts[None],
        "rows": [{"n": number, "name": row.name, "ok": row.ok, "text": row.text} for number, row in numbered],
        "saved": None,
        "not_saved": "",
    }


def unsaved(told: Document, why: str) -> Document:
    """Return a report that the disk has not taken: that is a failure of its own."""
    rows, failed = told["rows"], told["failed"]
    assert isinstance(rows, list)
    assert isinstance(failed, int)
    row = {"n": len(rows) + 1, "name": "report on the disk", "ok": False, "text": f"not saved: {why}"}
    return {**told, "rows": [*rows, row], "good": False, "failed": failed + 1, "not_saved": why}


# The rows.


def _config(config: Config) -> Row:
    if config.sha256 is None:
        return Row("config and limits", None, f"{config.values} values; they came from no file")
    said = f"{config.values} values, sha256 {config.sha256[:8]}"
    match config.changed:
        case True:
            return Row("config and limits", False, f"{said}: the file is another one now; it takes effect at the next start")
        case False:
            return Row("config and limits", True, f"{said}, as the file is")
        case None:
            return Row("config and limits", False, f"{said}: the file cannot be read any more")


def _audit(audit: Verified | None) -> Row:
    if audit is None:
        return Row("audit chain", False, "the journal cannot be read")
    said = f"{audit.head.position} records, head {audit.head.text[:8]}"
    return Row("audit chain", audit.intact, said if audit.intact else f"{said}; broken at {audit.broken_at}: {audit.why}")


def _clock(clock: Told) -> Row:
    if not clock["synchronised"]:
        return Row("clock", False, "not synchronised: times of this station can be wrong")
    most = _number(clock["error_max"])
    leap = f", leap {clock['leap']}" if clock["leap"] else ""
    return Row("clock", True, f"synchronised{'' if most is None else f', at most {1000 * most:.1f} ms off'}{leap}")


def _buses(buses: Told) -> Iterator[Row]:
    for name, bus in buses.items():
        yield _bus(f"bus {name}", bus)


def _bus(name: str, bus: Told) -> Row:
    if not bus["up"]:
        return Row(name, False, f"{bus['port']} is not open")
    asked, failed, span_s = (_number(bus[each]) or 0.0 for each in ("asked_lately", "failed_lately", "lately"))
    if not asked:
        return Row(name, None, f"nothing was asked in the last {span_s:.0f} s")
    took_ms = _number(bus["exchange"])
    took = "" if took_ms is None else f", {took_ms:g} ms each"
    said = f"{asked:.0f} asked, {failed:.0f} failed / {span_s:.0f} s{took}"
    return Row(name, failed <= FAILED_SHARE * asked, said)


def _feed(plan: FeedPlan, board: Board, now: float) -> Row:
    name, points = f"{plan.device} read-only", plan.points
    found = {"I": (points.current_ma, plan.nominal_ma, "mA"), "V": (points.voltage_v, plan.max_v, "V")}
    said, wrong = list[str](), list[str]()
    for word, (point, most, unit) in found.items():
        reading = board[point] if point in board.points else None
        value = _measured(reading)
        if value is None or reading is None:
            wrong.append(f"{word} {_why_not(reading)}")
        else:
            said.append(f"{word} {round(value, 1):g} {unit}, age {max(now - reading.t, 0.0):.1f} s")
            if not -BACKWARDS * most <= (abs(value) if word == "V" else value) <= PLAUSIBLE * most:
                wrong.append(f"{word} is beyond {most:g} {unit}")
    return Row(name, not wrong, "; ".join([*wrong, *said]))


def _interlocks(seen: Seen) -> Row:
    points = dict.fromkeys(point for plan in seen.feeds.values() for point in plan.interlocks)
    reasons = [plan.interlocks_reason for plan in seen.feeds.values() if plan.interlocks_reason]
    if not points:
        said = f"hardware only: {'; '.join(reasons)}" if reasons else "none is configured"
        return Row("interlock inputs", None, said)
    states = {point: contact(point, seen.board) for point in points}
    whys = {point: "is open" if closed is False else _why_not(_reading(seen.board, point)) for point, closed in states.items()}
    bad = [f"{point} {whys[point]}" for point, closed in states.items() if not closed]
    good = sum(closed is True for closed in states.values())
    return Row("interlock inputs", not bad, "; ".join([*_named(bad), f"{good} of {len(states)} closed"]))


def _amplifiers(devices: Told) -> Row:
    amplifiers = {name: device for name, device in devices.items() if device["kind"] == "amplifier"}
    name = f"amplifiers ({len(amplifiers)})"
    if not amplifiers:
        return Row(name, None, "there is none")
    silent = [name for name, device in amplifiers.items() if not device["up"]]
    if silent:
        return Row(name, False, f"no answer: {', '.join(_named(silent))}")
    ages = [_number(device["age"]) for device in amplifiers.values()]
    oldest = max((age for age in ages if age is not None), default=None)
    return Row(name, True, f"all answer{'' if oldest is None else f', age at most {oldest:g} s'}")


def _sampler(sampler: Told | None) -> Row:
    if sampler is None:
        return Row("optical sampler", None, "there is none")
    if not sampler["running"]:
        return Row("optical sampler", False, "it does not run")
    rate_hz, missed, span_s = (_number(sampler[each]) for each in ("rate", "missed_lately", "lately"))
    rate = "rate not known yet" if rate_hz is None else f"{rate_hz:g} Hz"
    kept = "real-time" if sampler["real_time"] else "NOT real-time: LimitRTPRIO= of the service"
    return Row("optical sampler", missed == 0, f"{rate}, {missed:g} missed / {span_s:g} s, {kept}")


def _far(far: Told | None) -> Row:
    if far is None:
        return Row("far station", None, "there is no [far_station]")
    rejected = _number(far["rejected"]) or 0
    refused = f"; {rejected:g} messages were not believed" if rejected else ""
    if not far["heard"]:
        return Row(f"far station {far['name']}", False, f"unknown: {far['why']}{refused}")
    age_s = _number(far["age"])
    return Row(f"far station {far['name']}", True, f"heard{'' if age_s is None else f', age {age_s:.1f} s'}{refused}")


def _far_clock(far: Told | None) -> Row:
    if far is None or _number(far["clocks"]) is None:
        return Row("far clock", None, "not known: no answer of the far station to a message of ours")
    doubt_s = _number(far["clocks_doubt"])
    delay = "" if doubt_s is None else f", known to {1000 * doubt_s:.1f} ms"
    return Row("far clock", True, f"{1000 * (_number(far['clocks']) or 0.0):+.1f} ms ahead of ours{delay}")


def _journal(journal: Told) -> Row:
    lost, records = _number(journal["lost"]) or 0, _number(journal["records"]) or 0
    if journal["state"] != "good":
        return Row("journal", False, f"{journal['state']}: {journal['reason'] or 'nothing reaches the disk'}")
    waiting = f"{_number(journal['outbox_records']):g} wait for the broker"
    return Row("journal", lost == 0, f"{records:g} records, {lost:g} lost, {waiting}, reaches back {_number(journal['reach_minutes']):g} d")


def _machine(health: Told) -> Row:
    free, memory, lag = _number(health["disk"]["free_share"]), _number(health["daemon"]["memory"]), _number(health["daemon"]["lag_p99"])
    load = _number(health["daemon"]["load"])
    said = [
        "free space is not known" if free is None else f"{free:g} % free",
        "memory is not known" if memory is None else f"{memory:g} MiB",
        "loop not measured yet" if lag is None else f"loop late {lag:g} ms p99",
        "load is not known" if load is None else f"load {load:g}",
    ]
    wrong = (free is None or free < LEAST_FREE_PERCENT, (memory or 0.0) > MOST_MEMORY_MIB, (lag or 0.0) > MOST_LAG_MS)
    return Row("disk, memory, cpu", not any(wrong), ", ".join(said))


def _brokers(health: Told) -> Iterator[Row]:
    for name, key in (("MQTT", "mqtt"), ("Sparkplug", "sparkplug")):
        standing = health[key]
        if standing is None:
            yield Row(name, None, "there is none")
        elif standing["connected"]:
            yield Row(name, True, f"connected, {_number(standing['connections']):g} since the start")
        else:
            yield Row(name, False, f"not connected: {standing['reason'] or 'no reason is known'}")


def _scrape(scrape: Told | None) -> Row:
    if scrape is None:
        return Row("Prometheus", None, "there is no [prometheus]")
    age_s, took_ms = _number(scrape["age"]), _number(scrape["took"])
    if age_s is None:
        return Row("Prometheus", None, "nobody has fetched the page since the start")
    return Row("Prometheus", True, f"fetched {age_s:g} s ago{'' if took_ms is None else f', in {took_ms:g} ms'}")


# What they share.


def _number(figure: Told | None) -> float | None:
    known = None if figure is None else figure["v"]
    return known if isinstance(known, int | float) and not isinstance(known, bool) else None


def _reading(board: Board, point: PointId) -> Reading | None:
    return board[point] if point in board.points else None


def _measured(reading: Reading | None) -> float | None:
    if reading is None or reading.quality.level not in (Level.GOOD, Level.UNCERTAIN) or isinstance(reading.value, bool | str):
        return None
    return reading.value


def _why_not(reading: Reading | None) -> str:
    return "is not read here" if reading is None else f"has no good reading ({reading.quality.reason.value or reading.quality.level.value})"


def _named(several: list[str]) -> list[str]:
    return several if len(several) <= MOST_NAMED else [*several[:MOST_NAMED], f"and {len(several) - MOST_NAMED} more"]

