"""The errors of io.stationd.Diagnostics beyond those of the line: each says why in one word, what is, and what would change it."""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.

from asyncvarlink import TypedVarlinkErrorReply

from stationd.console.refusal import DIAGNOSTICS


class NoLine(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """This station has no [line] in its file: there is no line, no baseline and no fault to tell of."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class NoSuchKey(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """The configuration has no such key; near are those that were probably meant."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str
        near: list[str]


class NoSuchPoint(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """This station has no such point; near are those that were probably meant."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str
        near: list[str]


class NoSuchDevice(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """This station has no such unit, or not of the kind that is asked for; near are those that it has."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str
        near: list[str]


class NotSaved(TypedVarlinkErrorReply, interface=DIAGNOSTICS):
    """The text was not saved; cause is bad-name, too-large, name-taken or no-room."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str
