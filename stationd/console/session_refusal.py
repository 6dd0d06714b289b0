"""The errors of the session interface, as Varlink describes them. Every refusal says what, why, and what would change it."""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.

from asyncvarlink import TypedVarlinkErrorReply

from stationd.console.refusal import SESSION


class NobodyThere(TypedVarlinkErrorReply, interface=SESSION):
    """Nobody heard the message: no shell of that user monitors now. there are the users whose shells do."""

    class Parameters:
        """What the error carries."""

        to: str
        there: list[str]
        cause: str
        detail: str
        hint: str


class SessionNotAllowed(TypedVarlinkErrorReply, name=f"{SESSION}.NotAllowed"):
    """This peer may not do that."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class SessionRefused(TypedVarlinkErrorReply, name=f"{SESSION}.Refused"):
    """Nothing was done. cause is one word, detail what is, hint what would change it."""

    class Parameters:
        """What the error carries."""

        cause: str
        detail: str
        hint: str


class SessionOutcomeUnknown(TypedVarlinkErrorReply, name=f"{SESSION}.OutcomeUnknown"):
    """It was taken but its end was not seen in time: the disk may hang. Read the handover before anything else."""

    class Parameters:
        """What the error carries."""

        detail: str
