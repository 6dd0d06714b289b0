"""Polling and writing: due blocks become readings, failures become qualities, here and nowhere else.

One task for each line asks one block at a time; the line's owner decides what goes first. A write is one exchange, never
repeated, and counts only when the unit shows the value afterwards.

EMERGENCY-OFF (`cut_off`) is the one exception. Its OFF is repeated, because repeating it changes nothing, until two read-backs in a row
show it; no plant state, quarantine, pause of a mute unit or lost port ends that before its time. Polls of the line wait meanwhile, but
for one round after every ten seconds.

    OFF --> quiet? --yes--> read back --agrees--> read back --agrees--> confirmed
     ^       no (late answers are due)   |                    |
     '---------------- pause <-----------'--------------------'        no port: wait for it, then OFF
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from stationd.core.model import Event, Level, LinkChanged, PointId, Quality, ReadFailed, Reading, Reason, Value, WriteDone
from stationd.device import Block, Device, Order
from stationd.links.beat import Beat
from stationd.links.bell import Bell
from stationd.links.bus import Bus
from stationd.links.queue import Done, Failure
from stationd.links.statistics import Priority
from stationd.links.turnaround import Timing
from stationd.schedule import Schedule, Task
from stationd.wire.exchange import Answer, Exchange, FrameError, Refusal, WireFault

log = structlog.get_logger()

READ_BACK_PAUSE_S = 0.1
OFF_FIRST = "an EMERGENCY-OFF of this unit is under way: nothing else is sent to it"
FLOAT_SLACK = 1e-9
UNDECIDED = (WireFault.BUSY, WireFault.GATEWAY)  # the unit may have taken the value all the same: only a read-back tells
NEVER = (Reason.READ_ONLY, Reason.REFUSED)  # of a line: this exchange can never be sent
GIVE_UP_S = 120.0  # an EMERGENCY-OFF is driven so long; after that a person has pressed the red button
BLIND_S = 10.0  # polls of a line wait at most so long at a stretch
AGREEING = 2  # read-backs in a row that confirm an EMERGENCY-OFF: one damaged answer never does
OFF_AGAIN_S = 0.5  # where the read-back has to wait for late answers, OFF is sent again meanwhile (assumption)


class Poller:
    """The reader and writer of one line. `post` takes events in the order in which they happened."""

    def __init__(self, bus: Bus, devices: Iterable[Device], post: Callable[[Sequence[Event]], None], phase_s: float = 0.0) -> None:
        self.devices = {device.name: device for device in devices}
        self._bus = bus
        self._post = post
        self._phase_s = phase_s
        self.beat = Beat()
        self._changed = Bell()
        self._port_up = asyncio.Event()
        self._off: dict[PointId, asyncio.Future[WriteDone]] = {}
        self._asking: list[tuple[PointId, Exchange]] = []  # writes that wait on the line or are on the wire
        self._stretch: asyncio.TimerHandle | None = None
        self._round = 0  # polls that may still be made before the line belongs to EMERGENCY-OFF again
        self._named: set[PointId] = set()
        self._schedule = Schedule(self.devices.values(), self._cost_s, lambda block: bus.quiet_until(block.exchange))
        bus.units.keep_only({device.unit for device in self.devices.values()})
        for device in self.devices.values():
            driver = device.driver
            bus.declare(device.unit, Timing(driver.gap_s, driver.answer_s, driver.late_s))

    @property
    def name(self) -> str:
        """The name of the line."""
        return self._bus.name

    def _cost_s(self, block: Block) -> float:
        return self._bus.time_out(block.exchange) + 2 * self._bus.silence_s(block.exchange) + 0.01

    def link_changed(self, up: bool) -> None:
        """Take the news from the line's owner that its port came or went."""
        now = asyncio.get_running_loop().time()
        self._post([LinkChanged(self._bus.name, up, tuple(self.devices), now)])
        if up:
            self._schedule.start(now, self._phase_s)
            self._port_up.set()
        else:
            self._port_up.clear()
        self._changed.ring()

    def hasten(self, points: frozenset[PointId], every_s: float) -> None:
        """Read the blocks of these points (of any line) at least every `every_s` seconds, all others at their own periods."""
        own = frozenset(point for point in points if point.device in self.devices)
        self._schedule.hasten(own, every_s, asyncio.get_running_loop().time())
        self._changed.ring()

    async def run(self) -> None:
        """Poll for ever; ends only by cancellation."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            task = self._next(now)
            if task is None:
                self.beat.by(wake_at := self._wake_at(now), "waiting for what is due")
                await self._changed.wait(wake_at)
                continue
            self.beat.within(0.0, "asking a unit")
            done = await self._bus.ask(task.block.exchange, Priority.FAST if task.fast else Priority.SLOW)
            was_mute = self._schedule.mute(task.device.unit)
            self._settle(task, done, loop.time())
            self._tell(task.device.unit, done, was_mute)

    def _next(self, now: float) -> Task | None:
        """Return what to poll now; while a feed is driven off nothing, but for one round after each stretch."""
        if not self._bus.up:
            return None
        if not self._off:
            return self._schedule.next(now)
        task = self._schedule.next(now) if self._round > 0 else None
        self._round = self._round - 1 if task is not None else 0
        if task is None:
            self._bus.hold_polls(held=True)
        return task

    def _wake_at(self, now: float) -> float | None:
        return self._schedule.wake_at(now) if self._bus.up and not self._off else None

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

    async def write(self, target: PointId, value: Value) -> WriteDone:
        """Write a value and read it back; the result says what the unit shows now. Never raises for plant or line."""
        order = self._prepared(target, value)
        if isinstance(order, WriteDone):
            return order
        if any(self.devices[off.device].unit == self.devices[target.device].unit for off in self._off):
            return WriteDone(target, value, None, Reason.REFUSED, OFF_FIRST, asyncio.get_running_loop().time())
        asking = (target, order.write)
        self._asking.append(asking)
        try:
            written = await self._bus.ask(order.write, Priority.OPERATOR)
        finally:
            self._asking.remove(asking)
        match written.outcome:
            case Failure(Reason.READ_ONLY | Reason.QUEUE_FULL | Reason.REFUSED as reason, detail):
                return WriteDone(target, value, None, reason, detail, written.t)
            case Refusal(fault, detail) if fault not in UNDECIDED:
                return WriteDone(target, value, None, Reason(fault.value), detail, written.t)
        return await self._read_back(target, order, written)

    def take_back(self, targets: frozenset[PointId], why: str) -> None:
        """Refuse the writes to these points that still wait. What is on the wire is finished and read back."""
        own = [exchange for target, exchange in self._asking if target in targets]
        done = Done(Failure(Reason.REFUSED, why), asyncio.get_running_loop().time())
        self._bus.queue.withdraw(lambda exchange: any(exchange is each for each in own), done)

    def _prepared(self, target: PointId, value: Value) -> Order | WriteDone:
        """Return what writes a value, or why it cannot be written."""
        try:
            return self.devices[target.device].prepare(target.point, value)
        except FrameError as error:
            return WriteDone(target, value, None, Reason.ILLEGAL_VALUE, str(error), asyncio.get_running_loop().time())

    async def _read_back(self, target: PointId, order: Order, written: Done) -> WriteDone:
        """Ask until the unit shows the value or its time to settle is over. A lost answer to the write does not matter."""
        loop = asyncio.get_running_loop()
        device = self.devices[target.device]
        give_up = loop.time() + device.driver.settle_s
        while True:
            shown, reason, detail, t = await self._shown(device, order, Priority.READ_BACK)
            if shown is not None and agrees(shown, order.asked, order.tolerance):
                return WriteDone(target, order.asked, shown, Reason.NONE, "", t)
            if loop.time() >= give_up:
                break
            await asyncio.sleep(READ_BACK_PAUSE_S)
        if shown is not None:
            detail = _differs(order, shown)
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

    # ------------------------------------------------------------------ EMERGENCY-OFF

    async def cut_off(self, target: PointId, value: Value) -> WriteDone:
        """Drive a point to a value that de-energises, until it shows twice in a row; `reason` is NONE only then.

        A second call for the same point joins the first. Ends after GIVE_UP_S with the reason; never raises for plant or line.
        """
        running = self._off.get(target)
        if running is not None:
            return await asyncio.shield(running)
        order = self._prepared(target, value)
        if isinstance(order, WriteDone):
            return order
        running = self._off[target] = asyncio.get_running_loop().create_future()
        withdrawn, unit = Done(Failure(Reason.REFUSED, OFF_FIRST), asyncio.get_running_loop().time()), self.devices[target.device].unit
        self._bus.queue.withdraw(lambda exchange: exchange.unit == unit, withdrawn)
        if self._stretch is None:
            self._begin_stretch()
        try:
            done = await self._drive_off(target, order)
            running.set_result(done)
            return done
        finally:
            del self._off[target]
            running.cancel()  # those who joined a call that is itself cancelled
            if not self._off:
                self._end_stretch()

    def _begin_stretch(self) -> None:
        """Let polls wait from now on."""
        self._round = 0
        self._bus.hold_polls(held=True)
        self._stretch = asyncio.get_running_loop().call_later(BLIND_S, self._begin_round)

    def _begin_round(self) -> None:
        """Let each block be polled once, between the attempts, so that the station is not blind."""
        self._round = self._schedule.blocks
        self._bus.hold_polls(held=False)
        self._stretch = asyncio.get_running_loop().call_later(BLIND_S, self._begin_round)
        self._changed.ring()

    def _end_stretch(self) -> None:
        if self._stretch is not None:
            self._stretch.cancel()
            self._stretch = None
        self._bus.hold_polls(held=False)
        self._changed.ring()

    async def _drive_off(self, target: PointId, order: Order) -> WriteDone:
        loop = asyncio.get_running_loop()
        give_up, sent = loop.time() + GIVE_UP_S, 0
        while True:
            off = await self._bus.ask(order.write, Priority.EMERGENCY)
            sent += 1
            done = await self._confirmed(target, order, off)
            if done.reason is Reason.NONE or (isinstance(off.outcome, Failure) and off.outcome.reason in NEVER):
                log.warning("emergency-off ends", target=str(target), shown=done.read_back, sent=sent, cause=done.detail)
                return done
            if loop.time() >= give_up:
                log.error("emergency-off is not confirmed", target=str(target), shown=done.read_back, sent=sent, cause=done.detail)
                return replace(done, detail=f"not confirmed within {GIVE_UP_S:g} s, OFF sent {sent} times; {done.detail}")
            await self._pause(give_up)

    async def _confirmed(self, target: PointId, order: Order, off: Done) -> WriteDone:
        """Return that read-backs in a row agree, or what stands in the way."""
        if isinstance(off.outcome, Failure) and off.outcome.reason in (*NEVER, Reason.LINK_DOWN):
            return WriteDone(target, order.asked, None, off.outcome.reason, off.outcome.detail, off.t)
        shown, t = None, off.t
        for _ in range(AGREEING):
            if not await self._quiet(order.read_back):
                return WriteDone(target, order.asked, None, Reason.TIMEOUT, "the unit has not answered yet", t)
            shown, reason, detail, t = await self._shown(self.devices[target.device], order, Priority.EMERGENCY)
            if shown is None or not agrees(shown, order.asked, order.tolerance):
                return WriteDone(target, order.asked, shown, reason, detail if shown is None else _differs(order, shown), t)
        return WriteDone(target, order.asked, shown, Reason.NONE, "", t)

    async def _quiet(self, block: Block) -> bool:
        """Wait a little until no late answer can be taken for this one; False where OFF had better be sent again.

        Where answers carry no address, sending again would only make the wait longer; there the line's owner waits.
        """
        now = asyncio.get_running_loop().time()
        until = self._bus.quiet_until(block.exchange)
        if not block.exchange.codec.addressed or until <= now:
            return True
        await asyncio.sleep(min(until - now, OFF_AGAIN_S))
        return until <= now + OFF_AGAIN_S

    async def _pause(self, give_up: float) -> None:
        """Wait a moment; where the port is gone, until it is back."""
        if self._bus.up:
            await asyncio.sleep(READ_BACK_PAUSE_S)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(give_up):
                await self._port_up.wait()


class Pollers:
    """The way to every line, by device: through this the engine writes."""

    def __init__(self) -> None:
        self._of_device: dict[str, Poller] = {}

    def add(self, poller: Poller) -> None:
        """Take in a line with its devices."""
        self._of_device |= dict.fromkeys(poller.devices, poller)

    def replace(self, pollers: Iterable[Poller]) -> None:
        """Let these take the place of all, each with its devices; the engine writes through them from now on."""
        self._of_device.clear()
        for poller in pollers:
            self.add(poller)

    def every(self) -> tuple[Poller, ...]:
        """Return each line's poller once."""
        return tuple(dict.fromkeys(self._of_device.values()))

    async def write(self, target: PointId, value: Value) -> WriteDone:
        """Write a value and read it back (Poller.write)."""
        poller = self._of_device.get(target.device)
        return await poller.write(target, value) if poller is not None else _nowhere(target, value)

    async def cut_off(self, target: PointId, value: Value) -> WriteDone:
        """Drive a point to a value that de-energises (Poller.cut_off)."""
        poller = self._of_device.get(target.device)
        return await poller.cut_off(target, value) if poller is not None else _nowhere(target, value)

    def take_back(self, targets: frozenset[PointId], why: str) -> None:
        """Refuse the writes to these points that still wait, whatever line they wait on (Poller.take_back)."""
        for poller in self.every():
            poller.take_back(targets, why)

    def hasten(self, points: frozenset[PointId], every_s: float) -> None:
        """Read these points at least so often, whatever line they are on, all others at their own periods."""
        for poller in self.every():
            poller.hasten(points, every_s)


def _nowhere(target: PointId, value: Value) -> WriteDone:
    detail = f"no line leads to a device {target.device!r}"
    return WriteDone(target, value, None, Reason.ILLEGAL_VALUE, detail, asyncio.get_running_loop().time())


def _differs(order: Order, shown: Value) -> str:
    return f"asked {order.asked}, the unit shows {shown} (allowed difference {order.tolerance:g})"


def agrees(shown: Value, asked: Value, tolerance: float) -> bool:
    """Return True when a unit shows what was asked: equal words or truths, numbers within `tolerance` (same unit)."""
    if isinstance(shown, (bool, str)) or isinstance(asked, (bool, str)):
        return shown == asked and type(shown) is type(asked)
    return abs(shown - asked) <= tolerance + FLOAT_SLACK
