"""What of the line watch outlives a restart, as plain types: baseline, normal state, learnt cable, since when it is so, what was first.

Each part stands for itself: one that cannot be read is named and found anew, and the others are put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stationd.core.light import baseline as baselines
from stationd.core.light.watch import LightWatch
from stationd.core.line.learn import Learner
from stationd.core.model import PointId
from stationd.core.verdict.words import Kind
from stationd.core.watch.acts import Acts, Who
from stationd.core.watch.aftermath import Aftermath
from stationd.core.watch.chronicle import Chronicle
from stationd.core.watch.feeds import BothEnds, FeedWatch, feed_as_plain, feed_from_plain
from stationd.core.watch.steadiness import Steadiness

VERSION = 1
FEEDS = ("version", "feeds", "learnt", "left")  # the parts of what is saved that are about the feeds


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a line watch that remember."""

    feeds: FeedWatch
    light: LightWatch
    learner: Learner
    steadiness: Steadiness
    chronicle: Chronicle
    acts: Acts
    aftermath: Aftermath


def saved_state(parts: Parts, now: float) -> dict[str, Any]:
    """Return it; times as ages."""
    light, normal, verdict = parts.light, parts.feeds.normal, parts.steadiness.verdict
    return {
        "version": VERSION,
        "baseline": baselines.as_plain(light.baseline, now) if light.baseline is not None else None,
        "feeds": {"near": feed_as_plain(normal.near), "far": feed_as_plain(normal.far)},
        "levels": {str(point): round(level, 3) for point, level in light.normal.items()},
        "far_levels": {str(number): round(level, 3) for number, level in light.far_normal.items()},
        "learnt": parts.learner.saved(),
        "verdict": {"kind": verdict.kind.value, "age_s": now - verdict.since},
        "switched_off": parts.acts.switched_off.get(Who.OWN, ""),
        "left": {"alone": parts.aftermath.alone, "low_ma": parts.aftermath.low_ma},
        "events": parts.chronicle.saved(now, {*verdict.tied, *((verdict.first_out,) if verdict.first_out is not None else ())}),
    }


def put_back(parts: Parts, saved: Mapping[str, Any], now: float, elapsed_s: float) -> list[str]:
    """Put back what was saved `elapsed_s` ago; return what could not be read, each with its reason."""
    if saved.get("version") != VERSION:
        return [f"the state of the line watch is of version {saved.get('version')!r}, not {VERSION}"]
    readers: Mapping[str, Callable[[Any], None]] = {
        "baseline": lambda plain: _baseline(parts, plain, now, elapsed_s),
        "feeds": lambda plain: _feeds(parts, plain, now - elapsed_s),
        "levels": lambda plain: parts.light.normal.update({_point(name): float(level) for name, level in plain.items()}),
        "far_levels": lambda plain: parts.light.far_normal.update({int(name): float(level) for name, level in plain.items()}),
        "learnt": parts.learner.restore,
        "verdict": lambda plain: _verdict(parts, plain, now - elapsed_s),
        "switched_off": lambda plain: parts.acts.switched_off.update({Who.OWN: str(plain)} if plain else {}),
        "left": lambda plain: _left(parts, plain, now),
        "events": lambda plain: parts.chronicle.restore(plain, now - elapsed_s),
    }
    failed: list[str] = []
    for name, read in readers.items():
        if name not in saved:
            continue
        try:
            read(saved[name])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            failed.append(f"{name}: {error!r}")
    return failed


def _baseline(parts: Parts, plain: Mapping[str, Any] | None, now: float, elapsed_s: float) -> None:
    if plain is not None:
        parts.light.baseline = baselines.from_plain(plain, now, elapsed_s)


def _feeds(parts: Parts, plain: Mapping[str, Any], t: float) -> None:
    parts.feeds.settle(BothEnds(feed_from_plain(plain["near"], t), feed_from_plain(plain["far"], t)))


def _verdict(parts: Parts, plain: Mapping[str, Any], t: float) -> None:
    parts.steadiness.kept = (Kind(plain["kind"]), t - float(plain["age_s"]))


def _left(parts: Parts, plain: Mapping[str, Any], now: float) -> None:
    low_ma = None if plain["low_ma"] is None else float(plain["low_ma"])
    parts.aftermath.alone, parts.aftermath.low_ma, parts.aftermath.low_t = plain["alone"] is True, low_ma, now


def _point(name: str) -> PointId:
    device, dot, point = name.partition(".")
    if not (device and dot and point):
        raise ValueError(f"{name!r} is no point: device.point")
    return PointId(device, point)
