"""One client: its calls one after the other, each answered before the next is looked at.

Dispatch, types and the description of the interfaces are those of asyncvarlink; bytes, bounds and back-pressure are ours
(stationd.console.channel), because the library reads and queues without bounds. A stream ("more") ends when the client goes,
when it does not take what it asked for, or when it sends more than a message meanwhile.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import structlog
from asyncvarlink import AnnotatedResult, VarlinkErrorReply, VarlinkInterfaceRegistry, VarlinkMethodCall
from asyncvarlink.conversion import ConversionError
from asyncvarlink.interface import VarlinkMethodSignature
from asyncvarlink.serviceerrors import InvalidParameter

from stationd.console.channel import Channel, Unusable
from stationd.console.places import Share, cost_s
from stationd.console.refusal import InternalError, NotServed, TooSlow

log = structlog.get_logger()

Form = dict[str, Any]
Method = Callable[..., Any]


class Connection:
    """Serves one channel with the interfaces of one peer."""

    def __init__(self, channel: Channel, registry: VarlinkInterfaceRegistry, share: Share) -> None:
        self._channel = channel
        self._registry = registry
        self._share = share

    async def serve(self) -> None:
        """Answer calls until the client ends the connection, or loses it by what it sends or does not take."""
        try:
            while (message := await self._channel.next_message()) is not None:
                await self._share.turn()
                await self._answer(call_in(message))
        except Unusable as reason:
            await self._channel.farewell(said(NotServed(detail=str(reason))))

    async def _answer(self, call: VarlinkMethodCall) -> None:
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

    async def _stream(self, results: AsyncIterator[AnnotatedResult]) -> None:
        """Send one result after the other until the client goes. Only this task writes, so that the order holds."""
        sending = asyncio.ensure_future(self._send_all(results))
        ending = asyncio.ensure_future(self._channel.done_asking())
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

    async def _send_all(self, results: AsyncIterator[AnnotatedResult]) -> None:
        async for result in results:
            await self._reply(encoded(result.parameters, continues=result.continues))
            await self._share.turn()

    async def _reply(self, message: bytes, *, silent: bool = False) -> None:
        self._share.used(cost_s(len(message)))
        if not silent:
            await self._channel.send(message)


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
    return parameters

