"""The screens of the line and its faults: answers of the daemon in, lines of 7-bit ASCII out, at most 79 columns. Pure.

As in stationd.shell.screens.status nothing is cut off and nothing missing is shown as there: what is not known is "--". Kilometres are
shown from the station at end a, which each screen names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.status import place_words, verdict_rows
from stationd.shell.screens.typeset import ROWS, RULE, ascii_only, beside, bounded, wrapped
from stationd.shell.wish import Kind

Form = Mapping[str, Any]
OURS = {
    "yes": "YES",
    "no": "NO",
    "cannot-tell": "CANNOT TELL",
    "nothing-wrong": "NOTHING IS WRONG",
}
LABEL = 12
METHOD, WHY = 29, 53
MOST_WHY, MOST_NEXT = 4, 2
LEAST_BODY = 4  # rows of methods and sequence that reasons and steps leave at least


def shown(kind: Kind, answer: Form, status: Form, rows: int | None = ROWS) -> list[str]:
    """Return the screen of an answer; without `rows` it is as long as it is."""
    match kind:
        case Kind.LINE:
            return line_screen(answer["line"], rows)
        case Kind.FAULT:
            return fault_screen(answer["fault"], str(status.get("t") or ""), rows)
        case Kind.FAULTS:
            return faults_screen(answer["faults"], rows)
        case Kind.BASELINE:
            return baseline_screen(answer["baseline"], rows)
        case Kind.TAKE:
            kept = answer["baseline"].get("durable") is not False
            said = "the baseline is taken" if kept else "the baseline is taken; the disk fails: a restart forgets it"
            return [said, *baseline_screen(answer["baseline"], None if rows is None else rows - 1)]
        case _:
            return bundle_lines(answer["bundle"])


# The line.


def line_screen(line: Form, rows: int | None = ROWS) -> list[str]:
    """Return both ends, what follows from them, and the fibre pairs."""
    facts = _form(line.get("line"))
    ends = _form(facts.get("ends"))
    spans = f"{ends.get('a', '--')} km 0 - {ends.get('b', '--')} km {_plain(facts.get('length_km'))}"
    name = f"LINE {str(facts.get('name') or '--').upper()}   {spans}"
    stamp = str(line.get("t") or "")
    top = [*beside(ascii_only(name), f"{stamp[:10]} {stamp[11:19]}Z" if stamp else "--"), *verdict_rows(line.get("verdict")), RULE]
    far = _form(line.get("far_station"))
    body = [
        *_end(str(line.get("station") or "--"), line.get("near"), ""),
        *_end(str(far.get("name") or "--"), line.get("far"), _silence(far, line.get("far"))),
        *_row("MODEL", _figures(line)),
        *_row("BASELINE", _baseline_line(line.get("baseline"))),
        RULE,
    ]
    pairs = [row for pair in _items(line.get("pairs")) for row in _pair(pair)]
    return bounded([*top, *body, PAIR_HEAD], pairs, [], rows, "show line")


LEVELS = ("receive", "receive_change", "transmit", "transmit_change")
PAIR_HEAD = f"{'Pair':<5}{'receive':>9}{'change':>8}{'transmit':>10}{'change':>8}  {'light':8}{'far rx':>8}  remark"


def _silence(far: Form, feed: object) -> str:
    """Return why the far end, or its feed, is not known, and when it was heard last."""
    if not far.get("known"):
        last = "" if far.get("age") is None else f"; last heard {_number(far.get('age'), 0)} ago"
        return f"unknown: {far.get('why') or 'silent'}{last}"
    if feed is not None or not isinstance(far.get("shared"), Sequence):
        return ""
    return "its feed cannot be read there" if "feed" in far["shared"] else "its feed is not shared"


def _end(name: str, feed: object, why: str) -> list[str]:
    if not isinstance(feed, Mapping):
        return _row(name.upper(), f"-- mA   -- V   {why or 'no good reading'}")
    on = {True: "ON", False: "OFF"}.get(feed.get("on"), "output ?")  # type: ignore[arg-type]
    said = [on, _number(feed.get("current"), 1), _number(feed.get("voltage"), 1)]
    said += [str(feed["regulation"])] if feed.get("regulation") else []
    said += [f"age {_number(feed.get('age'), 1)}", why]
    return _row(name.upper(), "   ".join(filter(None, said)))


def _figures(line: Form) -> str:
    learnt = _form(line.get("learnt"))
    said = [f"virtual earth {_number(line.get('virtual_earth'), 1)}", f"residual {_number(line.get('residual'), 1)}"]
    if learnt:
        said.append(f"learnt {_number(learnt.get('resistance'), 4)} +- {_number(learnt.get('resistance_sigma'), 4)}")
        said.append(f"repeater {_number(learnt.get('repeater_drop'), 2)}")
    return "   ".join(said)


def _baseline_line(baseline: object) -> str:
    if not isinstance(baseline, Mapping):
        return "none was taken: baseline take"
    return f"of {_stamp(baseline.get('t'))} by {baseline.get('who') or '--'} {baseline.get('note') or ''}".rstrip()


def _pair(pair: Form) -> list[str]:
    light = {True: "LOST", False: "ok"}.get(pair.get("lost"), "--")  # type: ignore[arg-type]
    far = _form(pair.get("far"))
    receive, receive_change, transmit, transmit_change = (_bare(pair.get(name), 2) for name in LEVELS)
    far_level = "LOST" if far.get("lost") else _bare(far.get("receive"), 2)
    near = f"{receive:>9}{receive_change:>8}{transmit:>10}{transmit_change:>8}"
    start = f"{ascii_only(pair.get('number', '--')):<5}{near}  {light:8}{far_level:>8}  "
    return wrapped(str(pair.get("remark") or ""), start, "     ") if pair.get("remark") else [start.rstrip()]


# A fault.


def fault_screen(fault: Form, now: str = "", rows: int | None = ROWS) -> list[str]:
    """Return the conclusion, the methods and how they agree, the sequence, and whose it is."""
    line, verdict = _form(fault.get("line")), _form(fault.get("verdict"))
    state = "still there" if fault.get("standing") else "healthy again" if fault.get("ended_utc_s") is None else "over"
    mark = "" if fault.get("synchronised", True) else "~"
    head = f"FAULT {fault.get('id', '--')}   {str(line.get('name') or '').upper()}".rstrip()
    top = [*beside(ascii_only(head), ascii_only(f"opened {mark}{_stamp(fault.get('opened'), 23)}   {state}")), RULE]
    origin = str(_form(line.get("ends")).get("a") or "end a")
    top += _row("CONCLUSION", f"{verdict.get('sentence') or '--'}. {place_words(verdict)}".strip())
    top += [row for text in _where(fault, origin) for row in wrapped(text, " " * LABEL)]
    body = [RULE, f" {'Method':<{METHOD}}{'km':>7}{'+-':>6}  weight  why", *_methods(fault), *_sequence(fault)]
    ends = (
        [RULE, *_row("OURS?", _ours(verdict, whys)), *_end_lines(fault, verdict, steps)]
        for whys, steps in ((MOST_WHY, MOST_NEXT), (2, MOST_NEXT), (1, 1), (0, 0))
    )
    shortest = [RULE, *_row("OURS?", _ours(verdict, 0))]
    end = next((each for each in ends if rows is None or len(top) + LEAST_BODY + len(each) <= rows), shortest)
    return bounded(top, body, end, rows, f"show fault {fault.get('id') or ''}".rstrip())


def _where(fault: Form, origin: str) -> list[str]:
    """Return the place with its interval, and the section of the line that it lies in."""
    place, section, line = _form(_form(fault.get("verdict")).get("place")), fault.get("section"), _form(fault.get("line"))
    if not place:
        return []
    said = f"{_number(place.get('km'), 1)} from {origin} ({_number(place.get('low_km'), 1)} to {_number(place.get('high_km'), 1)})"
    if not isinstance(section, Mapping):
        return [said]
    ends = _form(line.get("ends"))
    before = f"R{section['after']}" if section.get("after") else str(ends.get("a") or "end a")
    after = f"R{section['before']}" if section.get("before") else str(ends.get("b") or "end b")
    return [said, f"between {before} (km {_plain(section.get('after_km'))}) and {after} (km {_plain(section.get('before_km'))})"]


def _methods(fault: Form) -> list[str]:
    lines: list[str] = []
    for row in _items(fault.get("methods")):
        method = ascii_only(row.get("method") or "--")
        if len(method) > METHOD:
            lines += wrapped(method, " ")
            method = ""
        start = f" {method:<{METHOD}}{_bare(row.get('km'), 1):>7}{_bare(row.get('half'), 1):>6}  "
        lines += wrapped(f"{row.get('weight') or '--':<7} {row.get('why') or ''}", start, " " * WHY)
    return lines or [" no method gives a kilometre"]


def _sequence(fault: Form) -> list[str]:
    lines: list[str] = []
    rows = _items(fault.get("sequence"))
    first = "first out" if sum(1 for row in rows if row.get("first")) == 1 else "one of the first: the clocks cannot tell"
    for number, row in enumerate(rows):
        mark = first if row.get("first") else ""
        doubt = f"+- {_number(row['uncertainty'], 4)}" if row.get("uncertainty") else ""
        said = (_stamp(row.get("t"), 26)[11:], row.get("what") or "--", row.get("where") or "", _more(row), doubt, mark)
        lines += _row("" if number else "SEQUENCE", " ".join(" ".join(map(str, said)).split()))
    return lines or _row("SEQUENCE", "--")


def _more(row: Form) -> str:
    """Return how many alike a row stands for, and the last of them."""
    count = row.get("count")
    return f"to {str(row.get('until')).rpartition(' ')[2]} ({count})" if isinstance(count, int) and count > 1 else ""


def _ours(verdict: Form, most: int) -> str:
    why = "; ".join(str(each) for each in (verdict.get("why") or ())[:most])
    alone = " Rests on this end alone." if verdict.get("one_end") else ""
    confidence = str(verdict.get("confidence") or "--").upper()
    return f"{OURS.get(str(verdict.get('ours')), '--')}, confidence {confidence}.{alone} {why}".rstrip()


def _end_lines(fault: Form, verdict: Form, most: int) -> list[str]:
    """Return what to do next, without a hint at this very screen, and where the file is."""
    steps = "  |  ".join(str(each).removesuffix(": show fault") for each in (verdict.get("next") or ())[:most])
    kept = "" if fault.get("complete") else "   (the record is complete 10 minutes after the event)"
    return [*(_row("NEXT", steps) if steps else []), *_row("FILE", f"support fault {fault.get('id', '')}{kept}")]


# The faults, the baseline, the file.


def faults_screen(faults: Sequence[Form], rows: int | None = ROWS) -> list[str]:
    """Return the faults in short, the newest first."""
    top = [f"{'Fault':<16}{'Opened':<11}{'State':<8}{'Ours?':<12}What and where", RULE]
    blocks: list[str] = []
    for fault in _items(faults):
        state = "STANDS" if fault.get("standing") else "over"
        ours = OURS.get(str(fault.get("ours")), "--")
        opened = ("" if fault.get("synchronised", True) else "~") + (_stamp(fault.get("opened"))[11:] or "--")
        start = f"{ascii_only(fault.get('id') or '--'):<15} {opened:<10} {state:<7} {ours:<11} "
        blocks += wrapped(f"{fault.get('sentence') or '--'}. {place_words(fault)}".strip(), start)
    return bounded(top, blocks or ["none"], [], rows, "show faults")


def baseline_screen(baseline: object, rows: int | None = ROWS) -> list[str]:
    """Return what counts as normal."""
    if not isinstance(baseline, Mapping):
        return ["BASELINE  none was taken", *wrapped("Next:  baseline take \"after commissioning\"")]
    head = f"BASELINE  of {_stamp(baseline.get('t'))}   by {baseline.get('who') or '--'}"
    top = [*wrapped(head), *(wrapped(str(baseline["note"]), " " * 10) if baseline.get("note") else []), RULE]
    figures = dict(_form(baseline.get("values")))
    for name, unit in (("far_current", "mA"), ("far_voltage", "V")):
        if baseline.get(name) is not None:
            figures[f"far station, in {unit}"] = baseline[name]
    figures |= {f"far station, fibre pair {pair}": level for pair, level in _form(baseline.get("far_light")).items()}
    rest = [row for name, form in figures.items() for row in beside(ascii_only(name), _number(form, 2))]
    return bounded(top, rest, [], rows, "show baseline")


def bundle_lines(bundle: Form) -> list[str]:
    """Return where the file is."""
    lines = [str(bundle.get("path")), f"{bundle.get('size')} bytes", f"SHA-256 {bundle.get('sha256')}"]
    lines += [] if bundle.get("complete") else ["not complete yet: make it again 10 minutes after the event"]
    return [row for line in lines for row in wrapped(line)]


# What they share.


def _form(found: object) -> Form:
    return found if isinstance(found, Mapping) else {}


def _items(found: object) -> list[Form]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, Sequence) else []


def _row(label: str, text: str) -> list[str]:
    """Return a text after its label; a label that is too long for its column begins the text."""
    shown = ascii_only(label)
    return wrapped(text, f"{shown:<{LABEL}}") if len(shown) < LABEL else wrapped(f"{shown}  {text}", "", " " * LABEL)


def _number(form: object, digits: int) -> str:
    """Return a number with its unit; "--" where there is none."""
    bare = _bare(form, digits)
    unit = ascii_only(form.get("u") or "") if isinstance(form, Mapping) else ""
    return bare if bare == "--" else f"{bare} {unit}".rstrip()


def _bare(form: object, digits: int) -> str:
    known = form.get("v") if isinstance(form, Mapping) else None
    if not isinstance(known, int | float) or isinstance(known, bool):
        return "--"
    sign = "+" if isinstance(form, Mapping) and form.get("u") in ("dB", "dBm") else ""
    return f"{round(known, digits) + 0.0:{sign}.{digits}f}" if abs(known) < 1e6 else f"{known:{sign}.6g}"  # never -0.00


def _plain(known: object) -> str:
    return f"{known:g}" if isinstance(known, int | float) and not isinstance(known, bool) else "--"


def _stamp(text: object, length: int = 19) -> str:
    """Return a time of day to seconds, or to as many characters as wished, with its Z."""
    found = ascii_only(text or "")
    return f"{found[:length].rstrip('Z').replace('T', ' ')}Z" if found else "--"
