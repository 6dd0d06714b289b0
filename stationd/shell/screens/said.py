"""What an order about people was answered: messages, notes, the bell, the handover. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stationd.shell.screens.typeset import clock, counted, wrapped
from stationd.shell.wish import Wish

Form = Mapping[str, Any]


def said_lines(wish: Wish, answer: Form) -> list[str]:
    """Return that it was done, with what the daemon says of it."""
    match wish.method.rpartition(".")[2]:
        case "Message":
            return wrapped(f"told to {', '.join(answer['heard'])}")
        case "Silence":
            if not wish.parameters["seconds"]:
                return ["the bell rings again"]
            return wrapped(f"the bell is silent until {clock(answer['until'], '')}Z, or until a new critical alarm")
        case "TakeHandover":
            warnings = [row for each in answer["warnings"] for row in wrapped(str(each), "  ! ")]
            head = f"the shift is yours, {answer['by']}, since {clock(answer['at'], '')}Z"
            return [*wrapped(head), *([f"  {counted(len(answer['warnings']), 'thing')} to look at first:"] if warnings else []), *warnings]
    return [wish.done]
