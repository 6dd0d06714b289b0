"""Checks of [pfe.*], [amplifier.*] and the key switch against the devices: what operations need is there and within what a unit can.

A point that lets something run must be a contact: words or numbers are never taken for "good". Limits of the file stay within those
of the unit, and both numbers are said where they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stationd.config import values
from stationd.config.devices import Catalogue, driver_of, ratings_of
from stationd.config.draft import Draft
from stationd.config.line import named_point, point_words, points_of_machines
from stationd.config.machines import Amplifier, PowerFeed
from stationd.config.plant import Plant
from stationd.config.problem import Finding, listed, shown, written
from stationd.driver import Driver, Missing, Point


class SetPoint(NamedTuple):
    """A set value in the words of the file, of people, of drivers; and the key with its largest step."""

    key: str
    word: str
    point: str
    step: str


SET_POINTS = (
    SetPoint("gain_db", "gain", "gain_setpoint", "step_db"),
    SetPoint("output_dbm", "output", "output_setpoint", "step_dbm"),
    SetPoint("pump1_ma", "pump1-current", "pump1_current_setpoint", "step_ma"),
    SetPoint("tilt_db", "tilt", "tilt_setpoint", "step_db"),
)


def check_machines(plant: Plant, catalogue: Catalogue) -> list[Finding]:
    """Return what is wrong with the sections of what can be driven."""
    return [*_points(plant, catalogue), *_power_feeds(plant, catalogue), *_amplifiers(plant, catalogue)]


# Points.


def _points(plant: Plant, catalogue: Catalogue) -> Iterator[Finding]:
    seen: set[tuple[object, str]] = set()
    for path, name in points_of_machines(plant):
        point, finding = named_point(plant, catalogue, name, path)
        if (path[:3], name) in seen and "interlocks" in path:
            yield Finding(path, shown(name), "is there twice")
        elif finding is not None:
            yield finding
        elif point is not None:
            yield from _contact(point, path, name)
        seen.add((path[:3], name))


def _contact(point: Point, path: tuple[str | int, ...], name: str) -> Iterator[Finding]:
    if set(point_words(point)) != {True, False}:
        yield Finding(path, shown(name), "is no contact: it must be true or false", "for example a diN of a modbus-io")
    elif path[-1] == "electroding" and "w" not in point.access:
        yield Finding(path, shown(name), "cannot be written", "the tone is switched by a relay, for example a doN of a modbus-io")


# Power feeds.


def _power_feeds(plant: Plant, catalogue: Catalogue) -> Iterator[Finding]:
    for name, feed in plant.pfe.items():
        yield from _reason(feed)
        device = plant.device.get(name)
        driver = driver_of(device, catalogue) if device else None
        if device is None or driver is None:
            continue
        if driver.kind.name != "pfe":
            reason = f"[{written(device.path)}] is no power feed: {driver.model} is of kind {driver.kind.name}"
            yield Finding(feed.path, "", reason)
        elif device.sound("ratings"):
            yield from _beyond_rating(feed, ratings_of(device, catalogue), driver)


def _reason(machine: Draft[PowerFeed] | Draft[Amplifier]) -> Iterator[Finding]:
    if not machine.sound("interlocks", "interlocks_reason"):
        return
    bare, reason = machine.item.interlocks == values.HARDWARE_ONLY, machine.item.interlocks_reason
    if bare and reason is None:
        yield machine.finding("interlocks", "needs interlocks_reason", "why no point of an interlock can be read here")
    if reason is not None and not bare:
        yield machine.finding("interlocks_reason", 'belongs to interlocks = "hardware-only"', "leave the key out")


def _beyond_rating(feed: Draft[PowerFeed], ratings: Mapping[str, float | None], driver: Driver) -> Iterator[Finding]:
    keys = (("nominal_ma", "current_ma", "current_setpoint", "mA"), ("max_v", "voltage_v", "voltage_setpoint", "V"))
    for key, rating, point, unit in keys:
        limit, settable = ratings.get(rating), _highest(driver.point(point), ratings)
        if not feed.sound(key):
            continue
        if limit is not None and getattr(feed.item, key) > limit:
            yield feed.finding(key, f"is above the rating of the supply, {shown(limit)} {unit}")
        elif settable is not None and getattr(feed.item, key) > settable:
            yield feed.finding(key, f"is above what can be set on the supply, {shown(settable)} {unit}")


def _highest(point: Point | None, ratings: Mapping[str, float | None]) -> float | None:
    """Return the highest value that a set point takes, where that is known."""
    if point is None or isinstance(point.at, Missing):
        return None
    if point.rated_limits is None:
        return point.limits[1] if point.limits else None
    name, _, high = point.rated_limits
    rating = ratings.get(name)
    return None if rating is None else rating * high


# Amplifiers.


def _amplifiers(plant: Plant, catalogue: Catalogue) -> Iterator[Finding]:
    for name, amplifier in plant.amplifier.items():
        yield from _reason(amplifier)
        device = plant.device.get(name)
        driver = driver_of(device, catalogue) if device else None
        if device is None or driver is None:
            continue
        if driver.kind.name != "amplifier":
            reason = f"[{written(device.path)}] is no amplifier: {driver.model} is of kind {driver.kind.name}"
            yield Finding(amplifier.path, "", reason)
        else:
            yield from _spans(amplifier, driver)


def _spans(amplifier: Draft[Amplifier], driver: Driver) -> Iterator[Finding]:
    known = [each.key for each in SET_POINTS if settable(driver, each.point) is not None]
    for each in SET_POINTS:
        span, point = getattr(amplifier.item, each.key), settable(driver, each.point)
        if span is None or not amplifier.sound(each.key):
            continue
        if point is None:
            hint = f"what can be set: {listed(known)}" if known else "nothing can be set on it"
            yield amplifier.finding(each.key, f"{driver.model} has no set value of that kind", hint)
        elif point.limits is not None and not point.limits[0] <= span[0] < span[1] <= point.limits[1]:
            low, high = point.limits
            yield amplifier.finding(each.key, f"is beyond what {driver.model} takes, {shown(low)} to {shown(high)} {point.unit}")


def settable(driver: Driver, name: str) -> Point | None:
    """Return the point of that name if the unit has it and it can be written."""
    point = driver.point(name)
    return None if point is None or isinstance(point.at, Missing) or "w" not in point.access else point
