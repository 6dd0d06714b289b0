"""The board: what is known now, one reading for each point; written by the engine alone, read by every output.

It is not a history and not a queue. A subscriber that is slow sees the latest reading of each point that changed, never a
backlog.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from stationd.core.model import NEVER_READ, NOT_OFFERED, PointId, Reading
from stationd.driver import Driver, Missing, Point


class Unit(Protocol):
    """What has points: a device on a bus, or a tap of the optical sampler."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def driver(self) -> Driver:
        """Its kind and its points."""

    @property
    def role(self) -> str:
        """What it does for the line; may be empty."""

    @property
    def fibre_pair(self) -> int | None:
        """The fibre pair that it serves."""


class Subscription:
    """The points that changed since they were last taken; at most one entry for a point."""

    def __init__(self) -> None:
        self._changed: set[PointId] = set()
        self._news = asyncio.Event()

    def mark(self, point: PointId) -> None:
        """Note that a point has a new reading."""
        self._changed.add(point)
        self._news.set()

    async def wait(self) -> None:
        """Return when something has changed since the last `take`."""
        await self._news.wait()

    def take(self) -> frozenset[PointId]:
        """Return the changed points and forget them."""
        changed = frozenset(self._changed)
        self._changed.clear()
        self._news.clear()
        return changed


class Board:
    """The latest reading of every point of every device, from the first instant: never read is BAD, never absent."""

    def __init__(self, devices: Iterable[Unit], now: float) -> None:
        self._readings: dict[PointId, Reading] = {}
        self._last_success: dict[PointId, float] = {}
        self._subscriptions: list[Subscription] = []
        self._lay_out(devices, now)

    def _lay_out(self, devices: Iterable[Unit], now: float) -> None:
        self.devices: Mapping[str, Unit] = MappingProxyType({device.name: device for device in devices})
        rows = {PointId(device.name, point.name): point for device in self.devices.values() for point in device.driver.points}
        self.points: Mapping[PointId, Point] = MappingProxyType(rows)
        self._of_device: dict[str, list[PointId]] = {device: [] for device in self.devices}
        for point in rows:
            self._of_device[point.device].append(point)
        self._readings = {name: self._readings.get(name) or _first(name, row, now) for name, row in rows.items()}

    def replan(self, devices: Iterable[Unit], anew: Container[str], now: float) -> None:
        """Show other devices from now on; what is known of a device that is not `anew` stays. Only the engine calls this.

        Subscribers hear of every point of those that are, also of one that is there no more.
        """
        for point in [point for point in self._readings if point.device in anew]:
            self._forget(point)
        known = self.points
        self._lay_out(devices, now)
        for point in {point: None for point in (*known, *self.points) if point.device in anew}:
            self._mark(point)

    def _forget(self, point: PointId) -> None:
        del self._readings[point]
        self._last_success.pop(point, None)

    def of_device(self, device: str) -> Sequence[PointId]:
        """Return the points of a device; KeyError for one that is not configured."""
        return self._of_device[device]

    def periods(self) -> Mapping[PointId, float]:
        """Return how often each point is read, in seconds; points that their unit does not have are never read."""
        return {name: point.every_s for name, point in self.points.items() if not isinstance(point.at, Missing)}

    def show(self, reading: Reading) -> None:
        """Replace what is shown of a point. Only the engine calls this."""
        self._readings[reading.point] = reading
        if reading.value is not None:
            self._last_success[reading.point] = reading.t
        self._mark(reading.point)

    def _mark(self, point: PointId) -> None:
        for subscription in self._subscriptions:
            subscription.mark(point)

    def __getitem__(self, point: PointId) -> Reading:
        """Return the reading of a point; KeyError for a point that no driver has."""
        return self._readings[point]

    def snapshot(self) -> Mapping[PointId, Reading]:
        """Return a copy of all readings, safe to render in another thread."""
        return dict(self._readings)

    def last_success(self) -> Mapping[PointId, float]:
        """Return a copy of the monotonic time of each point's last good exchange (absent: none yet)."""
        return dict(self._last_success)

    def subscribe(self) -> Subscription:
        """Return a new subscription that starts with nothing changed."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        self._subscriptions.remove(subscription)


def _first(name: PointId, point: Point, now: float) -> Reading:
    return Reading(name, None, NOT_OFFERED if isinstance(point.at, Missing) else NEVER_READ, now)
