"""How rows of the table make a wish of the slots that were filled. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stationd.shell.grammar.command import Filled
from stationd.shell.wish import Kind, Wish

Ask = Callable[[Filled], Wish]


def call(kind: Kind, method: str, **slots: str) -> Ask:
    """Return how to ask for a method: each parameter is taken from the slot that is named, where it was filled."""

    def made(filled: Filled) -> Wish:
        return Wish(kind, method, {name: filled[slot] for name, slot in slots.items() if slot in filled})

    return made


def fixed(kind: Kind, method: str, parameters: Mapping[str, object]) -> Ask:
    """Return how to ask for a method with parameters that are always the same."""
    return lambda _: Wish(kind, method, parameters)


def alone(kind: Kind, what: str = "", **slots: str) -> Ask:
    """Return the wish for something that the client does by itself; `what` tells it from others of its kind."""
    return call(kind, what, **slots)


def order(method: str, done: str, **slots: str) -> Ask:
    """Return how to order something of an alarm, whose key stands in the slot KEY."""

    def made(filled: Filled) -> Wish:
        parameters = {name: filled[slot] for name, slot in slots.items() if slot in filled}
        return Wish(Kind.ORDER, method, parameters, (filled["KEY"],), "key", done)

    return made


def act(method: str, done: str, **slots: str) -> Ask:
    """Return how to give an order that is answered at once; `done` is a sentence in which slots may stand in {braces}."""

    def made(filled: Filled) -> Wish:
        parameters = {name: filled[slot] for name, slot in slots.items() if slot in filled}
        return Wish(Kind.ACT, method, parameters, done=done.format_map(filled))

    return made
