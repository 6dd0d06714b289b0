"""One client: its calls one after the other, each answered before the next is looked at.

Dispatch, types and the description of the interfaces are those of asyncvarlink; bytes, bounds and back-pressure are ours
(stationd.console.channel), because the library reads and queues without bounds. A stream ("more") ends when the client goes,
when it does not take what it asked for, or when it sends more than a message meanwhile. What stops something waits for nobody's
share of the loop; behind an earlier call of the same connection it does wait, so that it wants a connection of its own. Who may
not stop anything, and a connection on which that failed or was refused, wait their turn for it as for everything else.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import structlog
from asyncvarlink import AnnotatedResult, VarlinkErrorReply, VarlinkInterfaceRegistry, VarlinkMethodCall
from asyncvarlink.conversion import ConversionError
from asyncvarlink.interface import VarlinkMethodSignature
from asyncvarlink.serviceerrors import InvalidParameter

from stationd.console.channel import Channel, Unusable
from stationd.console.metering import metered
from stationd.console.places import AROUND_S, UserShare
from stationd.console.refusal import OPERATION, InternalError, NotServed, TooSlow

log = structlog.get_logger()

Form = dict[str, Any]
Method = Callable[..., Any]
STOPPING = frozenset({f"{OPERATION}.EmergencyOff", f"{OPERATION}.Hold"})


class Connection:
    """Serves one channel with the interfaces of one peer.

    `crowded` is "", or the sentence that says why there is no place: then one call is served, and only one that stops something.
    `called` is told the method of each call. `stops` says whether this peer may stop something. `serve` is measured by whoever runs it
    (stationd.console.metering); what runs beside it is measured here.
    """

    def __init__(
        self,
        channel: Channel,
        registry: VarlinkInterfaceRegistry,
        share: UserShare,
        crowded: str = "",
        called: Callable[[str], None] = lambda _: None,
        stops: bool = True,
    ) -> None:
        self._channel = channel
        self._registry = registry
        self._share = share
        self._crowded = crowded
        self._called = called
        self._at_once = stops

    async def serve(self) -> None:
        """Answer calls until the client ends the connection, or loses it by what it sends or does not take."""
        try:
            while (message := await self._channel.next_message()) is not None:
                call = call_in(message)
                self._called(call.method)
                stopping = call.method in STOPPING
                if self._crowded and not stopping:
                    raise Unusable(self._crowded)
                if not (stopping and self._at_once):
                    await self._share.turn()
                done = await self._answer(call)
                if stopping:
                    self._at_once = self._at_once and done
                if self._crowded:
                    return
        except Unusable as reason:
            await self._channel.farewell(said(NotServed(detail=str(reason))))

    async def _answer(self, call: VarlinkMethodCall) -> bool:
        """Answer a call; return whether it was answered without an error."""
        try:
            method, signature = self._registry.lookup_method(call)
            parameters = _parameters(signature, call.parameters)
            if signature.more:
                await self._stream(method(**parameters))
            else:
                result = method(**parameters)
                answer = await result if signature.asynchronous else result
                await self._reply(encoded(answer.parameters), silent=call.oneway)
        except TooSlow as error:
            await self._reply(said(error))
            self._channel.drop()
        except VarlinkErrorReply as error:
            await self._reply(said(error), silent=call.oneway)
        except Unusable:
            raise
        except Exception:  # a mistake of ours ends neither the connection nor the daemon
            log.exception("a call on the control socket failed", method=call.method)
            await self._reply(said(InternalError()), silent=call.oneway)
        else:
            return True
        return False

    async def _stream(self, results: AsyncGenerator[AnnotatedResult, None]) -> None:
        """Send one result after the other until the client goes. Only this task writes, so that the order holds."""
        sending = asyncio.ensure_future(metered(lambda: self._send_all(results), self._share.used))
        ending = asyncio.ensure_future(metered(self._channel.done_asking, self._share.used))
        try:
            await asyncio.wait((sending, ending), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            else:
                raise Unusable(ending.result())
        finally:
            for task in (sending, ending):
                task.cancel()
            await asyncio.gather(sending, ending, return_exceptions=True)

    async def _send_all(self, results: AsyncGenerator[AnnotatedResult, None]) -> None:
        async with aclosing(results):  # whatever ends it, a stream lets go of what it listens to before its place is given back
            async for result in results:
                await self._reply(encoded(result.parameters, continues=result.continues))
                await self._share.turn()

    async def _reply(self, message: bytes, *, silent: bool = False) -> None:
        self._share.used(AROUND_S)
        if not silent:
            await self._channel.send(message)
        await asyncio.sleep(0)  # the loop is free, and this call paid for, before the next one that waits here already


def call_in(message: bytes) -> VarlinkMethodCall:
    """Return the call that a message is. Unusable when it is none."""
    try:
        return VarlinkMethodCall.fromjson(json.loads(message.decode(), parse_constant=_no_number))
    except (ValueError, TypeError, RecursionError) as error:
        raise Unusable(f"not a Varlink call: {str(error)[:80] or type(error).__name__}") from None


def encoded(parameters: Mapping[str, object], *, continues: bool = False) -> bytes:
    """Return an answer as it is sent, without the NUL. ASCII, so that no terminal and no half character spoils it.

    The forms are dataclasses, which the encoder takes apart itself: several times as quick as the library's conversion,
    which the tests run beside it to see that every answer is what the description says.
    """
    reply = {"continues": True, "parameters": parameters} if continues else {"parameters": parameters}
    return json.dumps(reply, separators=(",", ":"), allow_nan=False, default=_taken_apart).encode()


def said(error: VarlinkErrorReply) -> bytes:
    """Return an error as it is sent, without the NUL."""
    return json.dumps(error.tojson(), separators=(",", ":")).encode()


def _taken_apart(form: object) -> Form:
    if not is_dataclass(form):
        raise TypeError(f"{type(form).__name__} is no form of an answer")
    return {field.name: getattr(form, field.name) for field in fields(form)}


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _parameters(signature: VarlinkMethodSignature, given: Form) -> Form:
    try:
        parameters: Form = signature.parameter_type.fromjson(given)
    except ConversionError as error:
        where = next((str(place) for place in error.location), "")
        raise InvalidParameter(parameter=where[:80]) from None
    kinds = signature.parameter_type.as_type.__annotations__
    for name, value in given.items():
        if _truth_for_number(value, kinds[name]):
            raise InvalidParameter(parameter=name)
    return parameters


def _truth_for_number(given: object, kind: Any) -> bool:
    """Return whether true or false was given where a number belongs: for Python, and so for the library, they are numbers."""
    kinds = get_args(kind) if isinstance(kind, UnionType) or get_origin(kind) is Union else (kind,)
    match given:
        case bool():
            return bool not in kinds and Any not in kinds
        case list():
            lists = [each for each in kinds if get_origin(each) is list]
            return any(_truth_for_number(inner, get_args(each)[0]) for each in lists for inner in given)
        case dict():
            hints = [_hints(each) for each in kinds if isinstance(each, type) and is_dataclass(each)]
            return any(_truth_for_number(given.get(name), hint) for each in hints for name, hint in each.items())
    return False


@cache
def _hints(form: type) -> Mapping[str, Any]:
    return get_type_hints(form)
