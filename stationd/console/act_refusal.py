"""The errors of acting on the plant, as Varlink describes them: why not, with the live value, and what would change it.

The words of `cause` are those of stationd.core.operation.words.Cause (IEC 61850's AddCause as public manuals quote them).
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.

from dataclasses import dataclass
from typing import Any

from asyncvarlink import TypedVarlinkErrorReply

from stationd.console.refusal import AUDIT, OPERATION, SETPOINT
from stationd.core.operation import words


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a refusal: the word, a sentence with the live value and its age, a sentence that says what would change it."""

    cause: str
    why: str
    remedy: str


class Refused(TypedVarlinkErrorReply, interface=OPERATION):
    """Nothing was done. asked is the order in words; cause, detail and hint are those of the gravest reason, reasons has all."""

    class Parameters:
        """What the error carries."""

        asked: str
        cause: str
        detail: str
        hint: str
        reasons: list[Reason]


class NoSuchOperation(TypedVarlinkErrorReply, interface=OPERATION):
    """There is no operation of that name, or it was closed long ago: see the audit."""

    class Parameters:
        """What the error carries."""

        operation: str


class NoSuchHold(TypedVarlinkErrorReply, interface=OPERATION):
    """Nothing is held under that name."""

    class Parameters:
        """What the error carries."""

        hold: str


class NotAllowed(TypedVarlinkErrorReply, interface=OPERATION):
    """This peer may not give such orders at all."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class OutcomeUnknown(TypedVarlinkErrorReply, interface=OPERATION):
    """The order was taken but its end was not seen in time. Look at the operations before anything else."""

    class Parameters:
        """What the error carries."""

        detail: str


class SetpointRefused(TypedVarlinkErrorReply, name=f"{SETPOINT}.Refused"):
    """Nothing was sent. asked is the order in words; cause, detail and hint are those of the gravest reason, reasons has all."""

    class Parameters:
        """What the error carries."""

        asked: str
        cause: str
        detail: str
        hint: str
        reasons: list[Reason]


class NoSuchSetValue(TypedVarlinkErrorReply, interface=SETPOINT):
    """This device has no set value of that name, or there is no such device; known are the names that it has."""

    class Parameters:
        """What the error carries."""

        device: str
        name: str
        known: list[str]


class SetpointNotAllowed(TypedVarlinkErrorReply, name=f"{SETPOINT}.NotAllowed"):
    """This peer may not set anything."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class SetpointOutcomeUnknown(TypedVarlinkErrorReply, name=f"{SETPOINT}.OutcomeUnknown"):
    """The order was taken but its end was not seen in time. Look at what was applied before anything else."""

    class Parameters:
        """What the error carries."""

        detail: str


class NotRead(TypedVarlinkErrorReply, interface=AUDIT):
    """The audit could not be read. Nothing that is on the disk is lost by it."""

    class Parameters:
        """What the error carries."""

        detail: str
        hint: str


def refused(outcome: words.Refused) -> Refused:
    """Return the error for what the desk of operations has refused."""
    asked, reasons, first = _said(outcome)
    return Refused(asked=asked, cause=first.cause, detail=first.why, hint=first.remedy, reasons=reasons)


def setpoint_refused(outcome: words.Refused) -> SetpointRefused:
    """Return the error for what the desk of operations has refused about set values."""
    asked, reasons, first = _said(outcome)
    return SetpointRefused(asked=asked, cause=first.cause, detail=first.why, hint=first.remedy, reasons=reasons)


def _said(outcome: words.Refused) -> tuple[str, Any, Reason]:
    """Return the order in words, the reasons (forms, which the library writes as it does those of answers), and the gravest."""
    reasons = [Reason(each.cause.value, each.why, each.remedy) for each in outcome.reasons]
    return outcome.asked, reasons, next(iter(reasons), Reason("", "", ""))
