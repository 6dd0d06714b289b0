"""The owner of a line: one task for each port, one question at a time, and no late answer ever taken for the next one.

Rules (the numbers are those of "Rules of the bus" in the README's picture of the house):

* Callers wait in a queue by priority; what they ask is answered by a value, `Done`, whatever happens on the line.
* After a time-out or a damaged answer the unit is in *quarantine* for its late window: nothing that a late answer could be
  mistaken for is asked of it. On a line whose answers carry no address the whole line keeps quiet. Answers that carry the
  number of their question (Modbus TCP, 0x68 frames) need no quarantine.
* Late frames are recognised by what they answer, counted, learnt from, and dropped; the question in flight keeps waiting.
* A caller that gives up only takes its future away; the answer is still collected and thrown away.
* Reads may be asked again by the caller; writes are never repeated here.
* What de-energises (Priority.EMERGENCY) waits for the exchange in flight and for nothing else, be it quarantine, queue or babble. All
  that the port has received is thrown away before it. If it left within a quarantine, what came back may be a late answer: it is
  reported as a failure, and the quarantine begins anew. So no late answer ever confirms anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

from stationd.core.model import Reason
from stationd.links.beat import Beat
from stationd.links.listener import LateFrame, Listener, Sent
from stationd.links.opening import Opener, open_link
from stationd.links.port import Link, LinkError, PortSettings
from stationd.links.queue import QUEUE_LIMIT, Done, Failure, Queue
from stationd.links.statistics import BusStatistics, Priority
from stationd.links.trace import Direction, FrameTrace
from stationd.links.turnaround import Timing
from stationd.links.units import Units
from stationd.wire.exchange import Answer, Exchange, Found, FrameError, Garbled, Refusal, WireFault

log = structlog.get_logger()

REOPEN_S = 1.0
SHORTEST_GAP_S = 0.00175  # serial line specification: fixed above 19200 baud, where 3.5 characters would be shorter
HUSH_S = 0.02  # a frame whose bytes have all come and that is not the answer ends after this silence
EARLY_S = 0.0004
FIFO_CHARACTERS = 16  # a serial chip may hold back so many that have long arrived (16550A)
BABBLE_S = 1.0  # a line that is never silent for so long cannot be used
SHOUT_S = 0.3  # what de-energises is sent into a line that is not silent for so long: longer than any frame at 9600 baud
STEPS = 3  # of an exchange at most: two that select the unit, and itself
MUTE_CONNECTION = 2  # time-outs without a single byte, of all units of a connection, after which it is made anew
GATEWAY_S = 1.5  # Modbus TCP: above the time after which a gateway gives up its own serial side (assumption)
REST_S = 0.006  # shorter waits are not worth it: waking up twice costs more than the two or three pieces of a short answer
UNKNOWN_LENGTH = 80  # characters allowed for an answer that was never heard and that the protocol does not fix
OPEN_S = 4.0  # beyond the time to connect: a terminal has 3 s more; then its opener itself gives up


class Bus:
    """One line. `run` is its owner task; everybody else calls `ask`."""

    def __init__(self, name: str, settings: PortSettings, *, read_only: bool = True, opener: Opener = open_link) -> None:
        self.name = name
        self.settings = settings
        self.read_only = read_only
        self.up = False
        self.statistics = BusStatistics()
        self.trace = FrameTrace()
        self.beat = Beat()
        self.on_change: Callable[[bool], None] = lambda up: None
        self._opener = opener
        self._link: Link | None = None
        self._lost: str | None = None
        self._told = ""  # the last cause that was logged: an endless repetition is said once
        self.units = Units()
        self.queue = Queue()
        self._number = 0
        self._listener = Listener(self.statistics)
        self._in_flight: Sent | None = None
        self._answered: asyncio.Future[Found | None] | None = None
        self._last_byte = 0.0
        self._hush: asyncio.TimerHandle | None = None
        self._selected: int | None = None
        self._silent: Counter[int] = Counter()  # by unit: questions without a byte since the last byte of the line
        self._in_vain = False  # the connection was made anew because nobody answered, and still nobody does

    # ------------------------------------------------------------------ for callers

    def declare(self, unit: int, timing: Timing) -> None:
        """Tell the timing of a unit before asking it; several devices of one unit share the slowest of each."""
        self.units.declare(unit, timing)

    async def ask(self, exchange: Exchange, priority: Priority) -> Done:
        """Wait for one's turn and for the answer. Never raises for what happens on the line."""
        now = asyncio.get_running_loop().time()
        refused = self._refused(exchange, priority)
        if refused is not None:
            self.statistics.failures[refused.reason] += 1
            return Done(refused, now)
        return await self.queue.put(exchange, priority, now)

    def quiet_until(self, exchange: Exchange) -> float:
        """Return the time before which this question would only wait, because a late answer could be taken for its own."""
        return self.units.quiet_until(exchange)

    def hold_polls(self, *, held: bool) -> None:
        """Keep polls waiting while a feed is driven off; everything else goes on."""
        self.queue.hold_polls(held=held)

    def time_out(self, exchange: Exchange) -> float:
        """Return the longest time that this question can hold the line once its own bytes have left."""
        expected = self._listener.expected(exchange)
        length = UNKNOWN_LENGTH if expected is None else expected
        blind = not exchange.codec.addressed and not exchange.codec.numbered
        answer_s = self.units[exchange.unit].answer_s(blind=blind)
        return self._wire_s(length) + (answer_s if self.settings.paced else max(answer_s, GATEWAY_S))

    def _refused(self, exchange: Exchange, priority: Priority) -> Failure | None:
        if exchange.writes and self.read_only:
            return Failure(Reason.READ_ONLY, "this station is read only: [station] read_only = true")
        if not self.up:
            return Failure(Reason.LINK_DOWN, self._lost or "the port is not open yet")
        if self.queue.full and priority is not Priority.EMERGENCY:
            return Failure(Reason.QUEUE_FULL, f"{QUEUE_LIMIT} questions wait already")
        return None

    def _wire_s(self, characters: int) -> float:
        return characters * self.settings.character_s if self.settings.paced else 0.0

    # ------------------------------------------------------------------ the owner task

    async def run(self) -> None:
        """Own the port: open it, serve the queue, open it again when it is lost. Ends only by cancellation."""
        try:
            while True:
                self.beat.within(self.settings.connect_timeout_s + OPEN_S, "opening")
                if await self._open():
                    await self._serve()
                await asyncio.sleep(REOPEN_S)
        finally:
            self._close("the owner of the line ends")

    async def _open(self) -> bool:
        try:
            self._link = await self._opener(self.settings, self)
        except LinkError as error:
            if self._lost != str(error):
                self._lost = str(error)
                log.warning("port cannot be opened", bus=self.name, cause=self._lost)
            return False
        self._lost, self._selected = None, None
        self._silent.clear()
        self._listener.reset()
        self.statistics.openings += 1
        self.up = True
        if not self._in_vain:
            log.info("port open", bus=self.name, port=self.settings.port)
        self.on_change(True)
        return True

    async def _serve(self) -> None:
        while self._lost is None:
            now = asyncio.get_running_loop().time()
            waiting = self.queue.take(now, self.quiet_until)
            if waiting is None:
                self.beat.by(chance := self.queue.next_chance(self.quiet_until), "waiting for questions")
                await self.queue.news.wait(chance)
                continue
            self.beat.within(STEPS * (BABBLE_S + self.time_out(waiting.exchange)), "an exchange")
            self.statistics.queue_s[waiting.priority].observe(now - waiting.since)
            done = Done(Failure(Reason.LINK_DOWN, "the owner of the line ends"), now)
            try:
                done = await self._transact(waiting.exchange, waiting.priority is Priority.EMERGENCY)
            finally:
                if not waiting.future.done():
                    waiting.future.set_result(done)

    # ------------------------------------------------------------------ one exchange

    async def _transact(self, exchange: Exchange, urgent: bool) -> Done:
        if (failed := await self._select(exchange, urgent)) is not None:
            return failed
        doubtful = urgent and asyncio.get_running_loop().time() < self.quiet_until(exchange)
        done = await self._exchange(exchange, urgent)
        return self._doubt(exchange, done) if doubtful else done

    async def _select(self, exchange: Exchange, urgent: bool) -> Done | None:
        """Select the unit where that is needed, or return the failure. What is urgent tries twice: the first may meet a late answer."""
        selector = exchange.codec.selector(exchange.question)
        if selector is None or self._selected == exchange.unit:
            return None
        self._selected = None
        selection = Exchange(exchange.codec, exchange.unit, selector)
        done = await self._exchange(selection, urgent)
        if urgent and not isinstance(done.outcome, Answer):
            done = await self._exchange(selection, urgent)
        if not isinstance(done.outcome, Answer):
            return done
        self._selected = exchange.unit
        return None

    def _doubt(self, exchange: Exchange, done: Done) -> Done:
        """Take what came while late answers were due for nothing: they, and the answer to this question, may still come."""
        self.units.hold(exchange, done.t)
        if isinstance(done.outcome, Failure):
            return done
        return self._failed(Reason.GARBLED, "sent at once; what came may be a late answer to another question")

    async def _exchange(self, exchange: Exchange, urgent: bool) -> Done:
        self._number = (self._number + 1) & 0xFFFF
        try:
            frame = exchange.codec.encode(exchange.question, self._number)
            await self._silence(exchange, urgent)
            sent = self._send(exchange, frame)
        except LinkError as error:
            self.lost(str(error))
            return self._failed(Reason.LINK_DOWN, str(error))
        except FrameError as error:
            return self._failed(Reason.REFUSED, str(error))
        except TimeoutError:
            return self._failed(Reason.BABBLE, f"the line was not silent for {BABBLE_S} s")
        return await self._finish(sent)

    async def _finish(self, sent: Sent) -> Done:
        """Wait for the answer of a question that has left, and judge it."""
        try:
            found = await self._answer(sent)
        except LinkError as error:
            self._quarantine(sent, asyncio.get_running_loop().time())
            return self._failed(Reason.LINK_DOWN, str(error))
        finally:
            self._listener.stop()
            self._in_flight = self._answered = None
        now = asyncio.get_running_loop().time()
        self.statistics.transactions += 1
        self.statistics.busy_s += now - sent.t
        return self._unanswered(sent, now) if found is None else self._judge(sent, found, now)

    async def _silence(self, exchange: Exchange, urgent: bool) -> None:
        """Wait until the line has been silent for as long as protocol and unit want; TimeoutError if it never is, unless it is urgent."""
        loop = asyncio.get_running_loop()
        for _ in range(2 if urgent else 0):  # in the first turn the loop looks at its ports, in the second what they had is read
            await asyncio.sleep(0)
        gap = max(self.silence_s(exchange), self.units[exchange.unit].timing.gap_s)
        give_up = loop.time() + (SHOUT_S if urgent else BABBLE_S) + gap
        while (pause := self._last_byte + gap - loop.time()) > 0:
            if loop.time() >= give_up:
                if urgent:
                    return
                raise TimeoutError
            await asyncio.sleep(pause)

    def silence_s(self, exchange: Exchange) -> float:
        """Return the protocol's silence before a frame: 3.5 characters for Modbus RTU, but never under 1.75 ms."""
        characters = exchange.codec.silence_characters
        if not characters or not self.settings.paced:
            return 0.0
        return max(SHORTEST_GAP_S, characters * self.settings.character_s)

    def _send(self, exchange: Exchange, frame: bytes) -> Sent:
        if self._link is None or self._lost is not None:
            raise LinkError(self._lost or "the port is closed")
        loop = asyncio.get_running_loop()
        sent = Sent(exchange, self._number, loop.time(), self._wire_s(len(frame)))
        self._listener.expect(sent)
        self._link.send(frame)
        self._in_flight, self._answered = sent, loop.create_future()
        self._last_byte = sent.t + sent.wire_s
        self._rest_until_due(sent)
        self.trace.note(sent.t, Direction.OUT, frame)
        return sent

    async def _answer(self, sent: Sent) -> Found | None:
        """Return what was found, or None after the time-out; LinkError when the port is lost meanwhile."""
        loop = asyncio.get_running_loop()
        answered = self._answered
        assert answered is not None
        if not sent.exchange.codec.answers(sent.exchange.question):
            await asyncio.sleep(sent.wire_s)
            return Found(0, 0, Answer([]))
        timer = loop.call_at(sent.t + sent.wire_s + self.time_out(sent.exchange), self._resolve, None)
        try:
            return await answered
        finally:
            timer.cancel()
            if self._hush is not None:
                self._hush.cancel()
                self._hush = None

    def _resolve(self, found: Found | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(found)

    def _judge(self, sent: Sent, found: Found, now: float) -> Done:
        match found.outcome:
            case Garbled(fault, detail):
                self._quarantine(sent, now)
                return self._failed(Reason(fault.value), detail)
            case Refusal(fault, _):
                self.statistics.failures[Reason(fault.value)] += 1
        answer_s = now - sent.t - sent.wire_s - self._wire_s(found.end - found.start)
        self.units[sent.exchange.unit].learn(max(0.0, answer_s))
        return Done(found.outcome, now)

    def _unanswered(self, sent: Sent, now: float) -> Done:
        self._quarantine(sent, now)
        if self._listener.heard:
            return self._failed(Reason.GARBLED, self._noise())
        self._silent[sent.exchange.unit] += 1
        if self.settings.network and self._silent.total() >= MUTE_CONNECTION and self.units.addresses() <= self._silent.keys():
            self._in_vain = True  # every unit of the line was asked in vain since the last byte, and not just once
            self.lost(f"{self.settings.port}: takes questions and gives no byte; connecting anew")
        return self._failed(Reason.TIMEOUT, f"no answer within {now - sent.t:.3f} s")

    def _noise(self) -> str:
        dropped = self._listener.drop(self._listener.heard)
        return f"{len(dropped)} bytes, no answer among them: {dropped[:32].hex(' ')}"

    def _failed(self, reason: Reason, detail: str) -> Done:
        self.statistics.failures[reason] += 1
        return Done(Failure(reason, detail), asyncio.get_running_loop().time())

    def _quarantine(self, sent: Sent, now: float) -> None:
        """Keep late answers apart: remember what was asked, and do not ask anything they could be taken for."""
        turnaround = self.units[sent.exchange.unit]
        turnaround.miss()
        codec = sent.exchange.codec
        if codec.addressed or codec.numbered:
            self._listener.remember(sent, now + 2.0 * turnaround.late_s)
        if not codec.numbered:
            self.statistics.quarantines += 1
            self._selected = None
            self.units.hold(sent.exchange, now)

    # ------------------------------------------------------------------ what the link reports

    def received(self, data: bytes) -> None:
        """Take bytes from the link: the answer in flight, late ones, or noise."""
        now = asyncio.get_running_loop().time()
        self._last_byte = now
        self._silent.clear()
        if self._in_vain:
            self._in_vain = False
            log.info("port answers again", bus=self.name)
        self.trace.note(now, Direction.IN, data)
        answer, late = self._listener.hear(data)
        for frame in late:
            self._late_frame(frame, now)
        if answer is not None:
            self._resolve(answer)
        elif self._in_flight is not None and self._answered is not None and not self._answered.done():
            self._await_rest(self._in_flight)

    def _late_frame(self, late: LateFrame, now: float) -> None:
        self.statistics.late_frames += 1
        answer_s = now - late.sent.t - late.sent.wire_s - self._wire_s(late.found.end - late.found.start)
        self.units[late.sent.exchange.unit].learn_late(answer_s)

    def _await_rest(self, sent: Sent) -> None:
        """Rest until the answer can be whole; end early on a frame that is whole, is not the answer, and is followed by nothing."""
        codec = sent.exchange.codec
        expected = self._listener.expected(sent.exchange)
        if self._hush is not None:
            self._hush.cancel()
            self._hush = None
        if expected is None:
            return
        if codec.silence_characters and self._listener.heard >= expected:
            self._hush = asyncio.get_running_loop().call_later(HUSH_S, self._hushed)
        self._rest(self._wire_s(expected - self._listener.heard - FIFO_CHARACTERS))

    def _rest_until_due(self, sent: Sent) -> None:
        """Sleep through the time that question and answer take on the wire at least."""
        expected = self._listener.expected(sent.exchange)
        if expected is not None and self.settings.paced:
            self._rest(sent.wire_s + self.silence_s(sent.exchange) + self._wire_s(expected))

    def _rest(self, seconds: float) -> None:
        """Do not wake up for each piece of an answer, only shortly before its end, to be quick when it comes."""
        if self._link is not None and seconds >= REST_S:
            self._link.rest(seconds - EARLY_S)

    def _hushed(self) -> None:
        self._resolve(Found(0, 0, Garbled(WireFault.CHECKSUM, self._noise())))

    def lost(self, cause: str) -> None:
        """Take the news that the port is gone: everybody who waits learns it at once."""
        if self._lost is not None:
            return
        self._lost = cause
        if cause != self._told:
            self._told = cause
            log.warning("port lost", bus=self.name, cause=cause)
        self._close(cause)

    def _close(self, cause: str) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(LinkError(cause))
        self.queue.dismiss(Done(Failure(Reason.LINK_DOWN, cause), asyncio.get_running_loop().time()))
        if self.up:
            self.up = False
            self.on_change(False)
