"""The errors of the control socket, as Varlink describes them. Every refusal says what, why, and what would change it."""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N815  # names of parameters are those of the interface

from asyncvarlink import TypedVarlinkErrorReply

ALARM = "io.stationd.Alarm"
STATUS = "io.stationd.Status"
DIAGNOSTICS = "io.stationd.Diagnostics"
OPERATION = "io.stationd.Operation"
SETPOINT = "io.stationd.Setpoint"
AUDIT = "io.stationd.Audit"
SESSION = "io.stationd.Session"


class NoSuchAlarm(TypedVarlinkErrorReply, interface=ALARM):
    """This station has no alarm of that key."""

    class Parameters:
        """What the error carries."""

        key: str


class Hidden(TypedVarlinkErrorReply, interface=ALARM):
    """The alarm is shelved, suppressed or out of service, so that nobody can have seen what is to be acknowledged or reset."""

    class Parameters:
        """What the error carries."""

        key: str
        why: str


class StillActive(TypedVarlinkErrorReply, interface=ALARM):
    """The condition still holds."""

    class Parameters:
        """What the error carries."""

        key: str


class NotAcknowledged(TypedVarlinkErrorReply, interface=ALARM):
    """Nobody has acknowledged the alarm yet."""

    class Parameters:
        """What the error carries."""

        key: str


class NotShelvable(TypedVarlinkErrorReply, interface=ALARM):
    """The alarm cannot be shelved for so long; maxSeconds is 0 where it cannot be shelved at all."""

    class Parameters:
        """What the error carries."""

        key: str
        maxSeconds: int


class ReasonRequired(TypedVarlinkErrorReply, interface=ALARM):
    """The reason or the note is shorter than this number of characters."""

    class Parameters:
        """What the error carries."""

        minLength: int


class Refused(TypedVarlinkErrorReply, interface=ALARM):
    """Nothing was done. cause is one word (after IEC 61850 where it has one), detail what is, hint what would change it."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class OutcomeUnknown(TypedVarlinkErrorReply, interface=ALARM):
    """The order was taken but its end was not seen in time. Read the state before anything else."""

    class Parameters:
        """What the error carries."""

        detail: str


class TooSlow(TypedVarlinkErrorReply, interface=ALARM):
    """The client did not read for so long that changes were lost. Ask for a new Monitor, which begins with everything."""

    class Parameters:
        """What the error carries."""

        detail: str


class NoSuchDevice(TypedVarlinkErrorReply, interface=STATUS):
    """This station has no device of that name."""

    class Parameters:
        """What the error carries."""

        device: str


class NotServed(TypedVarlinkErrorReply, interface=STATUS):
    """The connection is ended: no place is left, or what was sent cannot be understood or was not finished."""

    class Parameters:
        """What the error carries."""

        detail: str


class NotAdmitted(TypedVarlinkErrorReply, interface=STATUS):
    """The kernel does not say who is there, or this user has no role on this station. The connection is ended."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class InternalError(TypedVarlinkErrorReply, interface=STATUS):
    """A mistake in the daemon, which has written more about it to its log."""

    class Parameters:
        """Nothing."""


class NoSuchFault(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """There is no incident of that name; "last" is the newest one."""

    class Parameters:
        """What the error carries."""

        id: str


class NotDone(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """It could not be done. Nothing that was there is lost by it."""

    class Parameters:
        """What the error carries."""

        detail: str
        hint: str


class BaselineRefused(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """No baseline was taken and the one before stays; missing says what is not as it must be."""

    class Parameters:
        """What the error carries."""

        cause: str
        missing: list[str]


class NotAllowed(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """This peer may not do that."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str
