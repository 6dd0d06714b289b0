"""The page of a bundle: index.html, which any browser opens from the disk. No script; only the pictures beside it are loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stationd.outputs.document import Document, Mode
from stationd.outputs.incidents.plot import text

STYLE = (
    "body{font:15px/1.4 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}table{border-collapse:collapse;margin:.6em 0}"
    "td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left;vertical-align:top}img{max-width:100%}code{font-size:12px}"
)
OURS = {"yes": "YES", "no": "NO", "cannot-tell": "cannot be told", "nothing-wrong": "nothing is wrong"}

ORIGIN = {Mode.SIM.value: "SIMULATED", Mode.HIL.value: "TEST BENCH"}
NOT_REAL = {
    Mode.SIM.value: "SIMULATED: nothing here was measured on a cable; the line and its fault exist in a simulation only.",
    Mode.HIL.value: "TEST BENCH: real equipment and no cable; the line and its fault exist on a bench only.",
}


@dataclass(frozen=True, slots=True)
class Content:
    """A file of the bundle."""

    name: str
    what: str
    size: int
    sha256: str


def origin(head: Mapping[str, Any]) -> str:
    """Return in a word where the values come from if not from a plant, else ""."""
    return ORIGIN.get(str(head.get("mode")), "")


def page(head: Mapping[str, Any], fault: Mapping[str, Any], contents: Sequence[Content]) -> str:
    """Return the page."""
    verdict = fault["verdict"]
    title = f"{fault['id']} {head.get('title') or head.get('station')}" + (f" ({origin(head)})" if origin(head) else "")
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"/><title>{text(title)}</title><style>{STYLE}</style></head><body>',
        f"<h1>{text(title)}</h1>",
        *([f"<p><strong>{text(NOT_REAL[str(head['mode'])])}</strong></p>"] if origin(head) else []),
        f"<p><strong>{text(verdict.get('sentence', ''))}</strong> {text(verdict.get('where', ''))}</p>",
        *_table((("what", "is"), *_facts(head, fault))),
        *_list("Why", verdict.get("why") or ()),
        *_list("Next", verdict.get("next") or ()),
        "<h2>Methods</h2>",
        *_table((("method", "km", "+- km", "weight", "why"), *_methods(fault["methods"]))),
        "<h2>Sequence</h2>",
        *_table((("UTC", "+- s", "what", "where", ""), *_sequence(fault["sequence"]))),
        "<h2>Plots</h2>",
        *(f'<p><img src="{text(each.name)}" alt="{text(each.what)}"/></p>' for each in contents if each.name.endswith(".svg")),
        "<h2>Contents</h2>",
        *_table((("file", "what", "bytes", "SHA-256"), *((each.name, each.what, each.size, each.sha256) for each in contents))),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _facts(head: Mapping[str, Any], fault: Mapping[str, Any]) -> Iterator[tuple[object, object]]:
    line, verdict = fault.get("line") or {}, fault["verdict"]
    yield "opened (UTC)", f"{head['opened']}{'' if head['synchronised'] else ' (the clock was not synchronised)'}"
    yield "state of this bundle", "complete" if head["complete"] else "not complete: the window of the record is not over"
    yield "station", f"{head.get('station')} ({head.get('mode')}), {head.get('operator') or 'operator not named'}"
    yield "is it ours?", f"{OURS.get(str(verdict.get('ours')), '--')}, confidence {verdict.get('confidence')}"
    yield "rests on", "this end alone" if verdict.get("one_end") else "what both ends say, where the far end is known"
    for name, value in line.items():
        yield f"line: {name}", _plain(value)
    yield "alarms that stood", ", ".join(fault["alarms"]) or "none"
    yield "readings", f"{head.get('readings_torn', 0)} torn pieces left out {head.get('readings_missing') or ''}"


def _methods(rows: Sequence[Document]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        yield row["method"], _number(row["km"]), _number(row["half"]), row["weight"], row["why"]


def _sequence(rows: Sequence[Document]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        where = row["where"] if row["count"] == 1 else f"{row['where']} to {row['until']} ({row['count']})"
        yield row["t"], _number(row["uncertainty"]), row["what"], where, "first" if row["first"] else ""


def _number(form: object) -> str:
    known = form.get("v") if isinstance(form, Mapping) else None
    return "--" if known is None else f"{known:g}"


def _plain(value: object) -> str:
    """Return a fact of the line for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _list(title: str, items: Sequence[object]) -> Iterator[str]:
    if items:
        yield f"<h2>{text(title)}</h2><ul>"
        yield from (f"<li>{text(each)}</li>" for each in items)
        yield "</ul>"


def _table(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield "<table>"
    for number, row in enumerate(rows):
        cell = "td" if number else "th"
        yield "<tr>" + "".join(f"<{cell}>{text('' if each is None else each)}</{cell}>" for each in row) + "</tr>"
    yield "</table>"
