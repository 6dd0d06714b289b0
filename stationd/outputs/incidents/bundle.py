"""The bundle of an incident: one zip that opens everywhere, for the repair contractor, the other operator and the file.

    index.html           what happened, whose it is, which methods agree, the sequence, and all pictures
    incident.json        the same in full, with the line as built and all events
    csv/QUANTITY.csv     utc, seconds after the event, device, fibre pair, value, unit, quality, why
    events.csv           alarms, light, verdicts
    plots/*.svg          voltage and current of both ends; the levels of each fibre pair
    SHA256SUMS           of every other file, as sha256sum -c reads it

A value that could not be trusted has an empty field, never 0 and never the old one. What was not measured on a plant says so in every
file: the word of its quality, the page, the titles of the pictures. Pure but for the file that it is given.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

from stationd.core.model import Level
from stationd.outputs.document import Mode, quality_word
from stationd.outputs.incidents.fault import fault_document
from stationd.outputs.incidents.page import Content, origin, page
from stationd.outputs.incidents.plot import Curve, Frame, plot
from stationd.outputs.incidents.record import Series

BREATH_S = 0.0005  # between two quantities, so that the event loop gets the processor in between
SUMS = "SHA256SUMS"
COLUMNS = ("utc", "seconds_after_event", "device", "fibre_pair", "value", "unit", "quality", "why")
EVENT_COLUMNS = ("utc", "seconds_after_event", "id", "what", "subject", "event", "severity", "text")
FEED_PLOTS = (("output_voltage", "voltage", "V"), ("output_current", "current", "mA"))
OLDEST_ZIP = (1980, 1, 1, 0, 0, 0)


def pour(file: BinaryIO, head: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Write the zip."""
    contents: list[Content] = []
    at = _zip_time(float(head["opened_utc_s"]))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, what, body in _parts(head, series):
            archive.writestr(zipfile.ZipInfo(name, at), body, zipfile.ZIP_DEFLATED)
            contents.append(Content(name, what, len(body), hashlib.sha256(body).hexdigest()))
            time.sleep(BREATH_S)
        index = page(head, fault_document(head), contents).encode(errors="replace")
        archive.writestr(zipfile.ZipInfo("index.html", at), index, zipfile.ZIP_DEFLATED)
        contents.append(Content("index.html", "", len(index), hashlib.sha256(index).hexdigest()))
        sums = "".join(f"{each.sha256}  {each.name}\n" for each in contents)
        archive.writestr(zipfile.ZipInfo(SUMS, at), sums.encode(), zipfile.ZIP_DEFLATED)


def _parts(head: Mapping[str, Any], series: Sequence[Series]) -> Iterator[tuple[str, str, bytes]]:
    """Give the name, the meaning and the bytes of each file."""
    document = {**head, "fault": fault_document(head)}
    yield "incident.json", "everything but the readings", json.dumps(document, indent=1, ensure_ascii=True).encode()
    for name in dict.fromkeys(each.quantity.name for each in series):
        own = [each for each in series if each.quantity.name == name]
        yield f"csv/{_file_name(name)}.csv", f"{len(own)} x {name}", _csv(own, float(head["opened_utc_s"]), good_word(head))
    yield "events.csv", "alarms, light, verdicts", _events_csv(head)
    for name, what, picture in pictures(head, series):
        yield f"plots/{name}.svg", what, picture.encode(errors="replace")


def pictures(head: Mapping[str, Any], series: Sequence[Series]) -> Iterator[tuple[str, str, str]]:
    """Give the name, the meaning and the text of each picture."""
    before_s, after_s = head["window_s"]
    opened = float(head["opened_utc_s"])
    frame = Frame(round(before_s * 1000), round(after_s * 1000), opened, f"{head['id']} {_utc(opened)[11:19]}")
    shown = f" ({origin(head)})" if origin(head) else ""
    for point, what, unit in FEED_PLOTS:
        own = [each for each in series if each.quantity.name == point]
        title = f"{what.capitalize()} of both ends{shown}"
        yield what, title, plot(title, what, unit, [_curve(each) for each in own], frame)
    levels = [each for each in series if each.quantity.unit == "dBm"]
    for pair in sorted({each.quantity.fibre_pair or 0 for each in levels}):
        own = [each for each in levels if (each.quantity.fibre_pair or 0) == pair]
        title = (f"Levels of fibre pair {pair}" if pair else "Levels without a fibre pair") + shown
        yield f"levels-pair-{pair:02}", title, plot(title, "level", "dBm", [_curve(each) for each in own], frame)


def _curve(series: Series) -> Curve:
    own = series.quantity
    numbers = [value if isinstance(value, int | float) and not isinstance(value, bool) else None for value in series.v]
    return Curve(f"{own.device} {own.name}" + (" (far)" if own.far else ""), list(zip(series.ms, numbers, strict=True)))


def good_word(head: Mapping[str, Any]) -> str:
    """Return the word for a value that is plainly good: that of the station's mode."""
    return quality_word(Level.GOOD, Mode(head["mode"])) if head.get("mode") else Level.GOOD.value


def _csv(series: Sequence[Series], opened_utc_s: float, good: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for each in series:
        own = each.quantity
        pair = "" if own.fibre_pair is None else own.fibre_pair
        for index, (ms, value) in enumerate(zip(each.ms, each.v, strict=True)):
            level, why = each.remarks.get(index, (good, ""))
            shown = "" if value is None else _plain(value)
            writer.writerow((_utc(opened_utc_s + ms / 1000), f"{ms / 1000:.3f}", own.device, pair, shown, own.unit, level, why))
        time.sleep(BREATH_S)
    return out.getvalue().encode(errors="replace")


def _events_csv(head: Mapping[str, Any]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(EVENT_COLUMNS)
    for each in head.get("events") or ():
        body = each.get("body") or {}
        told = map(_cell, _told(body))
        at = _utc(float(head["opened_utc_s"]) + each["ms"] / 1000)
        writer.writerow((at, f"{each['ms'] / 1000:.3f}", each["id"], _cell(each["what"]), _cell(each["subject"]), *told))
    return out.getvalue().encode(errors="replace")


def _told(body: Mapping[str, Any]) -> tuple[object, object, object]:
    """Return the event, its severity and its text; of a verdict what it says now, how sure it is, and the whole sentence."""
    verdict = body.get("verdict")
    if not isinstance(verdict, Mapping):
        return body.get("event", ""), body.get("severity", ""), body.get("text", "")
    said = [str(verdict[name]) for name in ("sentence", "where") if verdict.get(name)]
    return verdict.get("kind", ""), f"confidence {verdict.get('confidence')}", "; ".join([*said, f"ours: {verdict.get('ours')}"])


def _plain(value: float | bool | str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _cell(value)
        case _:
            return repr(value)


def _cell(raw: object) -> str:
    """Return a text for a cell: a spreadsheet takes none that begins like a formula for one."""
    found = str(raw)
    return f"'{found}" if found[:1] in ("=", "+", "-", "@", "\t", "\r") else found


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "_"


def _utc(utc_s: float) -> str:
    bounded = min(max(utc_s, 0.0), 253402300799.0)
    return datetime.fromtimestamp(round(bounded, 3), UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _zip_time(utc_s: float) -> tuple[int, int, int, int, int, int]:
    at = datetime.fromtimestamp(min(max(utc_s, 0.0), 4e9), UTC)
    return max((at.year, at.month, at.day, at.hour, at.minute, at.second), OLDEST_ZIP)
