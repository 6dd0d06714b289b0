"""The broker fails in every way: nothing that the station has told itself is lost, order is kept, and the lines never notice.

The events that are counted are losses of light and their ends, on two channels: four for each failure.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import pytest

from hil.faults import Fault, Kind
from hil.mqtt import Message
from hil.page import Page
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

DARK_DB = 60.0
PATIENCE_S = 6.0
BACK_S = 45.0
BACK_MOST_S = 30.0
LASTS_S = 2.0
ONCE_MORE = 2  # times that a record may come again, for each connection that was lost (ruling 16: at most once for a kill or reconnect)
POLLED = "stationd_bus_transactions_total"
CASES: Mapping[Kind, dict[str, float]] = {
    Kind.BROKER_RESET: {}, Kind.BROKER_SLOW: {"bytes_per_s": 4000.0}, Kind.BROKER_TAKE_OVER: {"times": 1},
    Kind.BROKER_STOP: {}, Kind.BROKER_BLACK_HOLE: {}, Kind.BROKER_BAD_AUTH: {},
}  # fmt: skip


@pytest.mark.rig(needs=["broker", "fault:broker", "attenuate", "light", "repair"])
@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.value)
def test_no_event_is_lost_and_no_line_is_disturbed(kind: Kind, rig: Rig, aktau: Station, measure: Sheet, seed: int) -> None:
    """Light goes and comes while the broker fails; all of it arrives, in its order, when the broker is well again."""
    names = [f"fp{pair}-rx" for pair in range(1, aktau.section.pairs + 1)]
    wanted = [(way, name) for name in names for way in ("light-lost", "light-back")]
    rig.ear.wait(0, lambda m: m.topic == f"stationd/{aktau.name}/status", BACK_S)
    mark, before, begin = rig.ear.mark(), _transactions(aktau), time.monotonic()
    with rig.inject(Fault(kind, "broker", CASES[kind], seed)):
        for name in names:
            _blink(rig, aktau, name)
        time.sleep(max(0.0, LASTS_S - (time.monotonic() - begin)))
        during = (_transactions(aktau) - before) / (time.monotonic() - begin)
    healed = time.monotonic()
    _await(rig, mark, aktau, wanted)
    heard = [each for each in (_of(message, aktau) for message in rig.ear.since(mark)) if each]
    first = list({str(each["id"]): (each["kind"], each["channel"]) for each in heard}.values())
    measure("delivered_after", time.monotonic() - healed, "s", lo=0.0, hi=BACK_MOST_S)
    measure("events_lost", len(set(wanted) - set(first)), "", hi=0)
    measure("events_out_of_order", float(first != [each for each in wanted if each in first]), "", hi=0)
    measure("events_doubled", len(heard) - len(first), "", hi=ONCE_MORE * len(wanted))
    measure("exchanges_meanwhile", during, "1/s", lo=3.0)


def _blink(rig: Rig, station: Station, channel: str) -> None:
    """Take the light of a channel away and give it back; by /metrics, which does not need the broker."""
    port = f"{station.section.end}-{channel}"
    for db, state in ((DARK_DB, 1.0), (0.0, 0.0)):
        rig.attenuate(port, db)
        station.until(partial(_shows, channel, state), PATIENCE_S, f"{channel} does not see it")


def _shows(channel: str, state: float, page: Page) -> bool:
    return page.value("stationd_optical_los", channel=channel) == state


def _await(rig: Rig, mark: int, station: Station, wanted: Sequence[tuple[str, str]]) -> None:
    """Wait until all has come, or nothing more does."""
    until = time.monotonic() + BACK_S
    while time.monotonic() < until:
        come = {(each.get("kind"), each.get("channel")) for each in (_of(message, station) for message in rig.ear.since(mark))}
        if set(wanted) <= come:
            return
        time.sleep(0.05)


def _transactions(station: Station) -> float:
    return sum(station.page().values(POLLED).values())


def _of(message: Message, station: Station) -> Mapping[str, object]:
    """Return what a message tells of light, {} in any other."""
    said = message.document
    return said if message.topic == f"stationd/{station.name}/event" and str(said.get("kind", "")).startswith("light-") else {}
