"""Polling and writing: due blocks become readings, failures become qualities, here and nowhere else.

One task for each line asks one block at a time; the line's owner decides what goes first. A write is one exchange, never
repeated, and counts only when the unit shows the value afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from stationd.core.model import Event, Level, LinkChanged, PointId, Quality, ReadFailed, Reading, Reason, Value, WriteDone
from stationd.device import Block, Device, Order
from stationd.links.bell import Bell
from stationd.links.bus import Bus
from stationd.links.queue import Done, Failure
from stationd.links.statistics import Priority
from stationd.links.turnaround import Timing
from stationd.schedule import Schedule, Task
from stationd.wire.exchange import Answer, FrameError, Refusal, WireFault

log = structlog.get_logger()

READ_BACK_PAUSE_S = 0.1
FLOAT_SLACK = 1e-9
UNDECIDED = (WireFault.BUSY, WireFault.GATEWAY)  # the unit may have taken the value all the same: only a read-back tells


class Poller:
    """The reader and writer of one line. `post` takes events in the order in which they happened."""

    def __init__(self, bus: Bus, devices: Iterable[Device], post: Callable[[Sequence[Event]], None], phase_s: float = 0.0) -> None:
        self.devices = {device.name: device for device in devices}
        self._bus = bus
        self._post = post
        self._phase_s = phase_s
        self._changed = Bell()
        self._named: set[PointId] = set()
        self._schedule = Schedule(self.devices.values(), self._cost_s, lambda block: bus.quiet_until(block.exchange))
        for device in self.devices.values():
            driver = device.driver
            bus.declare(device.unit, Timing(driver.gap_s, driver.answer_s, driver.late_s))

    def _cost_s(self, block: Block) -> float:
        return self._bus.time_out(block.exchange) + 2 * self._bus.silence_s(block.exchange) + 0.01

    def link_changed(self, up: bool) -> None:
        """Take the news from the line's owner that its port came or went."""
        now = asyncio.get_running_loop().time()
        self._post([LinkChanged(self._bus.name, up, tuple(self.devices), now)])
        if up:
            self._schedule.start(now, self._phase_s)
        self._changed.ring()

    async def run(self) -> None:
        """Poll for ever; ends only by cancellation."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            task = self._schedule.next(now) if self._bus.up else None
            if task is None:
                await self._changed.wait(self._schedule.wake_at(now) if self._bus.up else None)
                continue
            done = await self._bus.ask(task.block.exchange, Priority.FAST if task.fast else Priority.SLOW)
            was_mute = self._schedule.mute(task.device.unit)
            self._settle(task, done, loop.time())
            self._tell(task.device.unit, done, was_mute)

    def _tell(self, unit: int, done: Done, was_mute: bool) -> None:
        """Say once that a unit does not answer any more, and once that it does again."""
        mute = self._schedule.mute(unit)
        if mute == was_mute:
            return
        devices = [name for name, device in self.devices.items() if device.unit == unit]
        if not mute:
            log.info("unit answers again", bus=self._bus.name, devices=devices)
        elif isinstance(done.outcome, Failure):
            log.warning("unit does not answer", bus=self._bus.name, devices=devices, cause=done.outcome.detail)

    def _settle(self, task: Task, done: Done, now: float) -> None:
        match done.outcome:
            case _ if not self._bus.up:
                return  # what came before the port was lost is older than that news: the owner tells it by link_changed
            case Answer(body):
                self._schedule.answered(task, now)
                self._post(task.device.decode(task.block, body, done.t))
            case Failure(reason, detail):
                self._report(task, reason, detail, done.t, now)
            case Refusal(fault, detail):
                self._report(task, Reason(fault.value), detail, done.t, now)

    def _report(self, task: Task, reason: Reason, detail: str, t: float, now: float) -> None:
        points = tuple(PointId(task.device.name, point.name) for point in task.block.points)
        if self._schedule.failed(task, reason, now):
            self._name(points, reason, detail)
            quality = Quality(Level.BAD, reason)
            self._post([Reading(point, None, quality, t) for point in points])
        else:
            self._post([ReadFailed(points, reason, t)])

    def _name(self, points: tuple[PointId, ...], reason: Reason, detail: str) -> None:
        """Say once which points a unit refuses; the counters go on counting."""
        new = [point for point in points if point not in self._named]
        self._named.update(new)
        if new:
            log.warning("the unit refuses to give a point", points=[str(point) for point in new], reason=reason.value, answer=detail)

    # ------------------------------------------------------------------ writing

    async def write(self, target: PointId, value: Value, *, emergency: bool = False) -> WriteDone:
        """Write a value and read it back; the result says what the unit shows now. Never raises for plant or line."""
        loop = asyncio.get_running_loop()
        try:
            order = self.devices[target.device].prepare(target.point, value)
        except FrameError as error:
            return WriteDone(target, value, None, Reason.ILLEGAL_VALUE, str(error), loop.time())
        written = await self._bus.ask(order.write, Priority.EMERGENCY if emergency else Priority.OPERATOR)
        match written.outcome:
            case Failure(Reason.READ_ONLY | Reason.QUEUE_FULL | Reason.REFUSED as reason, detail):
                return WriteDone(target, value, None, reason, detail, written.t)
            case Refusal(fault, detail) if fault not in UNDECIDED:
                return WriteDone(target, value, None, Reason(fault.value), detail, written.t)
        return await self._read_back(target, order, written, Priority.EMERGENCY if emergency else Priority.READ_BACK)

    async def _read_back(self, target: PointId, order: Order, written: Done, priority: Priority) -> WriteDone:
        """Ask until the unit shows the value or its time to settle is over. A lost answer to the write does not matter."""
        loop = asyncio.get_running_loop()
        device = self.devices[target.device]
        give_up = loop.time() + device.driver.settle_s
        while True:
            shown, reason, detail, t = await self._shown(device, order, priority)
            if shown is not None and agrees(shown, order.asked, order.tolerance):
                return WriteDone(target, order.asked, shown, Reason.NONE, "", t)
            if loop.time() >= give_up:
                break
            await asyncio.sleep(READ_BACK_PAUSE_S)
        if shown is not None:
            detail = f"asked {order.asked}, the unit shows {shown} (allowed difference {order.tolerance:g})"
        elif isinstance(written.outcome, Failure):
            detail = f"{detail}; the write itself: {written.outcome.detail}"
        return WriteDone(target, order.asked, shown, reason, detail, t)

    async def _shown(self, device: Device, order: Order, priority: Priority) -> tuple[Value | None, Reason, str, float]:
        done = await self._bus.ask(order.read_back.exchange, priority)
        match done.outcome:
            case Answer(body):
                readings = device.decode(order.read_back, body, done.t)
                self._post(readings)
                return readings[0].value, Reason.REFUSED, "the unit shows no such value", done.t
            case Failure(reason, detail):
                return None, reason, detail, done.t
            case Refusal(fault, detail):
                return None, Reason(fault.value), detail, done.t


def agrees(shown: Value, asked: Value, tolerance: float) -> bool:
    """Return True when a unit shows what was asked: equal words or truths, numbers within `tolerance` (same unit)."""
    if isinstance(shown, (bool, str)) or isinstance(asked, (bool, str)):
        return shown == asked and type(shown) is type(asked)
    return abs(shown - asked) <= tolerance + FLOAT_SLACK
