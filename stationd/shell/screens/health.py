"""The screen of the daemon's health: how it is in one word, what is not well in sentences, then its parts in numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.packed import packed
from stationd.shell.screens.typeset import RULE, ascii_only, beside, bounded, figure, headed, moment, named, plain, wrapped

Form = Mapping[str, Any]
LABEL = 10
ROWS = 23
MOST_UNITS = 4  # by name; the others are counted


def health_screen(health: Form, rows: int | None = ROWS) -> list[str]:
    """Return the screen; without `rows` it is as long as it is."""
    word = "good" if health.get("good") is True else "NOT GOOD"
    top = beside(f"HEALTH  {word}", f"{headed(health)}  {moment(health.get('t'))}")
    troubles = health.get("troubles")
    listed = [each for each in troubles if isinstance(each, str)] if isinstance(troubles, Sequence) else []
    top += [row for each in listed for row in wrapped(each, "  - ")]
    body = [RULE, *_daemon(health), *_keeping(health), *_outside(health), *_sampler(health.get("sampler"))]
    body += [*_units(health.get("devices")), *_buses(health.get("buses"), each=rows is None)]
    return bounded(top, body, [], rows, "show health")


def _row(label: str, *said: str) -> list[str]:
    return packed(f"{ascii_only(label):<{LABEL}}", said)


def _daemon(health: Form) -> list[str]:
    daemon = _form(health.get("daemon"))
    return [
        *_row("DAEMON", f"stationd {daemon.get('version', '--')}", f"pid {daemon.get('pid', '--')}", f"up {figure(daemon.get('up'))}",
              f"since {moment(daemon.get('since'))}"),
        *_row("", f"memory {figure(daemon.get('memory'))}", f"cpu {figure(daemon.get('cpu'))}", f"load {figure(daemon.get('load'))}",
              f"loop late p99 {figure(daemon.get('lag_p99'))}", f"max {figure(daemon.get('lag_max'))}"),
    ]  # fmt: skip


def _keeping(health: Form) -> list[str]:
    disk, journal = _form(health.get("disk")), _form(health.get("journal"))
    lost, reason = plain(journal.get("lost")), str(journal.get("reason") or "")
    return [
        *_row("DISK", f"free {figure(disk.get('free'))} of {figure(disk.get('total'))}", f"({figure(disk.get('free_share'))})",
              f"journal {figure(disk.get('used'))} of {figure(disk.get('quota'))}"),
        *_row("JOURNAL", str(journal.get("state", "--")), f"{figure(journal.get('records'))} records",
              f"{figure(journal.get('lost'))} LOST" if lost else "none lost", f"torn {figure(journal.get('torn'))}", reason),
        *_row("", f"outbox {figure(journal.get('outbox_records'))}, {figure(journal.get('outbox'))}",
              f"audit {figure(journal.get('audit_position'))}, head {str(journal.get('audit_digest', '--'))[:8]}",
              f"reaches back {figure(journal.get('reach_minutes'))}"),
    ]  # fmt: skip


def _outside(health: Form) -> list[str]:
    lines: list[str] = []
    for label, key in (("MQTT", "mqtt"), ("SPARKPLUG", "sparkplug")):
        standing = health.get(key)
        if isinstance(standing, Mapping):
            state = "connected" if standing.get("connected") is True else "NOT CONNECTED"
            said = f"{figure(standing.get('connections'))} connections"
            lines += _row(label, state, said, str(standing.get("reason") or "") if state != "connected" else "")
    scrape = health.get("scrape")
    if isinstance(scrape, Mapping):
        age = figure(scrape.get("age"))
        lines += _row("SCRAPE", "nobody yet" if age == "--" else f"{age} ago", f"took {figure(scrape.get('took'))}" if age != "--" else "")
    far = health.get("far_station")
    if isinstance(far, Mapping):
        state, rejected = "heard" if far.get("heard") is True else "UNKNOWN", f"rejected {figure(far.get('rejected'))}"
        age, number = f"age {figure(far.get('age'))}", f"no. {figure(far.get('sequence'))}"
        lines += _row("FAR", f"{far.get('name') or '--'} {state}", age, number, f"{rejected}{_reasons(far.get('rejects'))}")
    return lines


def _sampler(sampler: object) -> list[str]:
    if not isinstance(sampler, Mapping):
        return []
    kept = "real-time" if sampler.get("real_time") is True else "NOT real-time"
    return _row("LIGHT", "runs" if sampler.get("running") is True else "DOES NOT RUN", f"rate {figure(sampler.get('rate'))}",
                f"missed {figure(sampler.get('missed'))}", f"overruns {figure(sampler.get('overruns'))}", kept)  # fmt: skip


def _buses(buses: object, *, each: bool) -> list[str]:
    """Return the lines: each of them, or those that are not well and how many the others are."""
    found = [(name, bus, _failed(bus)) for name, bus in named(buses)]
    told = [row for row in found if each or row[1].get("up") is not True or row[2]]
    lines = [row for name, bus, failed in told for row in _bus(name, bus, failed)]
    rest = len(found) - len(told)
    return [*lines, *(_row("BUSES", f"{rest} {'others are' if told else 'are'} open, none of their questions failed") if rest else [])]


def _bus(name: str, bus: Form, failed: int) -> list[str]:
    state, busy = "open" if bus.get("up") is True else "NOT OPEN", f"busy {figure(bus.get('busy'))}"
    counts = f"{figure(bus.get('transactions'))} asked", f"{failed} failed{_reasons(bus.get('failures'))}"
    quarantines = f"quarantines {figure(bus.get('quarantines'))}"
    return _row("BUS", name, state, *counts, quarantines, busy)


def _failed(bus: Form) -> int:
    return sum(count for each in _form(bus.get("failures")).values() if isinstance(count := plain(each), int))


def _units(devices: object) -> list[str]:
    units = named(devices)
    silent = [f"{name} (age {figure(unit.get('age'))})" for name, unit in units if unit.get("up") is not True]
    said = f"{len(units) - len(silent)} of {len(units)} answer"
    more = f" and {len(silent) - MOST_UNITS} more" if len(silent) > MOST_UNITS else ""
    return _row("UNITS", said, *([f"no answer: {', '.join(silent[:MOST_UNITS])}{more}"] if silent else []))


def _reasons(counts: object) -> str:
    told = [f"{name} {figure(each)}" for name, each in _form(counts).items()]
    return f" ({', '.join(told)})" if told else ""


def _form(found: object) -> Form:
    return found if isinstance(found, Mapping) else {}
