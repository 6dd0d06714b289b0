"""Faults of the lines: whatever a line does, no wrong value is shown as a good one, the neighbours go on, and the unit comes back.

The faults strike in the fault box, between the plant and the station: on a serial Modbus line (the power feed), on Modbus TCP (the
contacts) and on a line of text without any check sum (an amplifier). A damaged digit that still reads as a number cannot be seen on such
a line, so values are judged on the two lines that have check sums.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import pytest

from hil.faults import Fault, Kind, Layer
from hil.page import Page
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

FAULT_S = 1.4  # several exchanges of each line
LONGEST_S = 13.0  # until a unit that is left alone is asked again
EXCEPTION_S = 0.6  # each of the eleven
LOOK_S = 0.1
BACK_S = 20.0  # back-off goes up to 10 s (ruling 17), and an exchange after it
BACK_MOST_S, BACK_MARGINAL_S = 12.0, 10.5
VALUES = ("stationd_pfe_output_current_amperes", "stationd_point_value")
SAME_A = 0.002  # noise and droop of the meter of the feed
SERIAL, MODBUS, TCP = ("modbus-rtu", "text", "frame68"), ("modbus-rtu", "modbus-tcp"), ("modbus-tcp",)
ALL = (*SERIAL, *TCP)


class Case(NamedTuple):
    """A fault, and the protocols of the lines that can have it."""

    kind: Kind
    params: dict[str, float]
    protocols: tuple[str, ...] = ALL


CASES = (
    Case(Kind.BIT_ERRORS, {"share": 0.7, "bits": 3}, MODBUS), Case(Kind.DROP, {"share": 0.7}), Case(Kind.DUPLICATE, {}),
    Case(Kind.DELAY, {"delay_s": 0.3}), Case(Kind.TRUNCATE, {"size": 3, "share": 0.8}), Case(Kind.GARBAGE, {"size": 6}, SERIAL),
    Case(Kind.BREAK, {}, SERIAL), Case(Kind.STUCK, {}), Case(Kind.UNPLUG, {"for_s": 1.0}),
    Case(Kind.WRONG_UNIT, {}, MODBUS), Case(Kind.WRONG_ID, {}, TCP), Case(Kind.CRC, {}, ("modbus-rtu",)), Case(Kind.SHORT, {}, MODBUS),
    Case(Kind.LATE, {"delay_s": 0.8, "share": 0.6}, MODBUS),
    Case(Kind.LATENCY, {"latency_s": 0.2, "jitter_s": 0.1}, TCP), Case(Kind.BANDWIDTH, {"bytes_per_s": 200.0}, TCP),
    Case(Kind.SLICER, {"size": 1, "gap_s": 0.002}, TCP), Case(Kind.RESET_PEER, {}, TCP), Case(Kind.TIMEOUT, {}, TCP),
    Case(Kind.LIMIT_DATA, {"size": 30}, TCP), Case(Kind.SLOW_CLOSE, {"delay_s": 0.5}, TCP),
)  # fmt: skip


@pytest.mark.rig(needs=["fault:serial", "fault:modbus", "fault:net", "repair", "meter:a.current_ma"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.kind.value, *(f"{value:g}" for value in case.params.values())]))
def test_a_fault_of_a_line_makes_no_wrong_value_and_ends_with_the_fault(
    case: Case, rig: Rig, aktau: Station, measure: Sheet, seed: int
) -> None:
    """The fault on all lines that can have it at the same time, then until everything is read again."""
    lines = _lines(rig, aktau, case.protocols)
    failures = _failures(aktau)
    true_a = rig.measure("a.current_ma") / 1000.0
    boxed = [line for line in aktau.lines if line in rig.file.proxied]  # they share the thread of the fault box with the faulty ones
    touched = {*aktau.devices_of(boxed), aktau.section.far}  # the far station is heard over the broker, which has its own scenarios
    neighbours = {each for each in aktau.page().values("stationd_device_up") if each.removeprefix("device=") not in touched}
    wrong, lost, noted = 0, set[str](), len(rig.log.entries)
    with contextlib.ExitStack() as faults:
        injected = [Fault(case.kind, line, case.params, seed) for line in lines]
        for fault in injected:
            faults.enter_context(rig.inject(fault))
        begin = time.monotonic()
        while time.monotonic() - begin < (FAULT_S if case.kind.layer is Layer.NET or _struck(rig, injected) else LONGEST_S):
            wrong += _wrong(aktau, true_a)
            ups = aktau.page().values("stationd_device_up")
            lost |= {each for each in neighbours if ups.get(each) != 1.0}
            time.sleep(LOOK_S)
    struck = sum(int(str(each["struck"])) for each in rig.log.entries[noted:] if each["what"] == "healed")
    begin = time.monotonic()
    aktau.until(partial(_read_again, aktau.devices_of(lines)), BACK_S, "a unit is not read again")
    if case.kind.layer is not Layer.NET:  # those of a stream have no answers to count
        measure("times_struck", struck, "", lo=1)
    measure("failures_counted", _failures(aktau) - failures, "")
    measure("wrong_values", wrong, "", hi=0)
    measure("neighbours_lost", len(lost), "", hi=0)
    measure("read_again_after", time.monotonic() - begin, "s", lo=0.0, hi=BACK_MOST_S, marginal_hi=BACK_MARGINAL_S)


@pytest.mark.rig(needs=["fault:modbus", "repair", "meter:a.current_ma"])
def test_every_exception_is_an_answer_without_a_value(rig: Rig, aktau: Station, measure: Sheet, seed: int) -> None:
    """Exceptions 1 to 11, one after the other, on both Modbus lines."""
    lines = _lines(rig, aktau, MODBUS)
    true_a, wrong, failures = rig.measure("a.current_ma") / 1000.0, 0, _failures(aktau)
    for code in range(1, 12):
        with contextlib.ExitStack() as faults:
            for line in lines:
                faults.enter_context(rig.inject(Fault(Kind.EXCEPTION, line, {"code": float(code)}, seed)))
            until = time.monotonic() + EXCEPTION_S
            while time.monotonic() < until:
                wrong += _wrong(aktau, true_a)
                time.sleep(LOOK_S)
    begin = time.monotonic()
    aktau.until(partial(_read_again, aktau.devices_of(lines)), BACK_S, "a unit is not read again")
    measure("exceptions_counted", _failures(aktau) - failures, "", lo=11)
    measure("wrong_values", wrong, "", hi=0)
    measure("read_again_after", time.monotonic() - begin, "s", lo=0.0, hi=BACK_MOST_S, marginal_hi=BACK_MARGINAL_S)


def _lines(rig: Rig, station: Station, protocols: Sequence[str]) -> list[str]:
    """Return the lines of a station that go through the fault box and speak one of these protocols; skips where there is none."""
    lines = [line for line in station.lines if line in rig.file.proxied and rig.protocol(line) in protocols]
    if not lines:
        pytest.skip(f"no line of {station.name} with {' or '.join(protocols)} goes through the fault box of this rig ([hil] proxied)")
    return lines


def _wrong(station: Station, true_a: float) -> int:
    """Return how many values on lines with check sums are shown, and are not what they are."""
    page = station.page()
    shown_a = page.value("stationd_pfe_output_current_amperes", device=station.section.feed)
    contacts = [each.value for each in page.find("stationd_point_value", device="io") if each.labels.get("point", "").startswith("di")]
    at_rest = sorted([1.0] * 6 + [0.0] * 2)  # earthed and local are open in service
    off = shown_a is not None and abs(shown_a - true_a) > SAME_A
    return int(off) + int(len(contacts) == len(at_rest) and sorted(contacts) != at_rest)


def _struck(rig: Rig, injected: Sequence[Fault]) -> bool:
    """Whether a fault has struck: a unit that is still left alone for an earlier one is not asked at once."""
    return any(each.kind is Kind.UNPLUG or rig.struck(each) for each in injected)


def _failures(station: Station) -> float:
    return sum(station.page().values("stationd_bus_failures_total").values())


def _read_again(devices: Sequence[str], page: Page) -> bool:
    """Whether units are up again, and those with values on the page have them: power feeds and contacts."""
    ups = page.values("stationd_device_up")
    valued = {each.labels.get("device") for each in page.samples if each.name in VALUES}
    return all(ups.get(f"device={device}") == 1.0 for device in devices) and _valued(devices) <= valued


def _valued(devices: Sequence[str]) -> set[str | None]:
    """Return those that show values on the page, by the names that the station files of the rigs give them."""
    return {each for each in devices if each in ("pfe", "io")}
