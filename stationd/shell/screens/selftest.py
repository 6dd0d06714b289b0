"""The screen of a self-test: one row for each part, then the result. Pure.

A station that is not live says so in its first line: nothing of what is tested there is the sea cable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.clock import small
from stationd.shell.screens.packed import led
from stationd.shell.screens.typeset import RULE, ascii_only, bounded, headed, moment, wrapped

ROWS = 23
NAME = 22
WORDS = {True: "ok", False: "FAIL", None: "-"}
WORLDS = {
    "sim": "SIM - A SIMULATED LINE. Nothing here is the sea cable.",
    "hil": "HIL - HARDWARE IN THE LOOP, DUMMY LOAD. Nothing here is the sea cable.",
}
KINDS = {"self": "SELF-TEST", "link": "LINK TEST"}


def report_screen(report: Mapping[str, Any], rows: int | None = ROWS) -> list[str]:
    """Return the screen of a self-test or of a link test."""
    world = WORLDS.get(str(report.get("mode")))
    kind = KINDS.get(str(report.get("kind")), "TEST")
    top = [*([world] if world else []), *wrapped(f"{kind}  {headed(report)}   {moment(report.get('t'))}   reads only")]
    found = report.get("rows")
    told = [each for each in found if isinstance(each, Mapping)] if isinstance(found, Sequence) else []
    failed = [row for row in told if row.get("ok") is False]
    body = [line for row in told for line in _row(row)]
    end = [RULE, *_result(report), *_saved(report)]
    if rows is not None and len(top) + len(body) + len(end) > rows:  # what failed is what is looked for
        rest = [row for row in told if row.get("ok") is not False]
        body = [line for row in (*failed, *rest) for line in _row(row)]
    return bounded(top, body, end, rows, f"test {report.get('kind') or 'self'}")


def _row(row: Mapping[str, Any]) -> list[str]:
    name, ok = ascii_only(row.get("name") or "--"), row.get("ok")
    start = f"{ascii_only(row.get('n', '-')):>2} {name:<{NAME}} {WORDS.get(ok if isinstance(ok, bool) else None):<6} "
    if len(name) > NAME:
        return led(f"{start[:3]}{name}  ", f"{WORDS.get(ok if isinstance(ok, bool) else None)}  {row.get('text') or ''}", " " * 8)
    return led(start, str(row.get("text") or ""))


def _result(report: Mapping[str, Any]) -> list[str]:
    failed, unknown = report.get("failed"), report.get("unknown")
    said = f"RESULT  {_count(report.get('passed'))} ok, {_count(failed)} {'FAILED' if failed else 'failed'}"
    said += f", {_count(unknown)} not known or not there" if unknown else ""
    return wrapped(f"{said}   took {small(report.get('took'))}")


def _saved(report: Mapping[str, Any]) -> list[str]:
    code = "" if report.get("good") is True else "   (exit code 1)"
    if report.get("saved"):
        return wrapped(f"Report saved: {report['saved']}{code}")
    why = f"Report NOT SAVED: {report['not_saved']}{code}" if report.get("not_saved") else code.strip()
    return wrapped(why) if why else []


def _count(found: object) -> str:
    return str(found) if isinstance(found, int) else "--"
