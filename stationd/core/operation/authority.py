"""Who may act at this station: nobody, one local person, or one remote person. One table says what each request does to that.

Follows the approach of the local/remote authority of IEC 61850 (Loc, LocSta): exactly one holder; who is at
the station may always take it from who is not, never the reverse; a wired key switch stands above all software. Whether somebody
is local was proved by the kernel (Person.local); nothing here rests on what a client says of itself.

`released` means that a person at the station has let remote ones do what can kill: by releasing the authority, or by granting it to
a remote person. It ends with the next holder but one, and after a quarter of an hour in which nothing happens, as holding does.
Only who has asked can be granted something: of others it is not known who they are. After a restart nobody holds anything. It is bound
to the session in which it was gained, and is lost with it at once: whoever comes to a terminal after a hang-up inherits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from stationd.core.alarm.words import BY_ITSELF
from stationd.core.operation.look import ago, counted
from stationd.core.operation.orders import LEAST_REASON, AuthorityVerb, Person, SetAuthority
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import AuthorityView
from stationd.core.operation.words import Accepted, ActOutcome, Cause, Noted, Refusal, Refused

IDLE_S = 900.0  # idle for 15 min, and nobody holds it any more
SUBJECT = "authority"  # subject of records
NEEDS_HOLDER = frozenset({CommandClass.SET, CommandClass.OPERATE, CommandClass.LETHAL})


class Standing(Enum):
    """Who holds it."""

    NONE = "NONE"
    LOCAL = "LOCAL"
    REMOTE = "REMOTE"


class Actor(Enum):
    """Who asks: the holder; the holder at another place than when it was given; another person at the station, or elsewhere."""

    HOLDER = "holder"
    MOVED = "holder elsewhere"
    LOCAL = "local"
    REMOTE = "remote"


class Act(Enum):
    """What comes of it. The last four are refusals."""

    GAIN = "holds it now"
    ASK = "is noted as asking"
    HAND_OVER = "gives it to who has asked"
    FREE = "gives it up"
    ALLOW = "lets remote persons act"
    HAVE = "holds it already"
    NOT_YOURS = "does not hold it"
    NEVER = "may not take it"
    NOBODY = "has nothing to give"


# Theory. A request never takes anything from anybody: it gains what is free, else it is noted. Taking does, with a reason, and is
# announced; a remote person never takes from a local one. Giving is for the holder, but for one thing: whoever is at the station may
# allow remote action (ALLOW) while no other local person has the say. Rows: standing and verb; columns: who asks.
_G, _A, _P, _F, _L, _H, _Y, _X, _N = Act
_COLUMNS = (Actor.HOLDER, Actor.MOVED, Actor.LOCAL, Actor.REMOTE)
_ROWS: Mapping[tuple[Standing, AuthorityVerb], tuple[Act | None, ...]] = {
    #                                         holder moved local remote
    (Standing.NONE, AuthorityVerb.REQUEST):   (None, None, _G, _G),
    (Standing.NONE, AuthorityVerb.GRANT):     (None, None, _N, _N),
    (Standing.NONE, AuthorityVerb.RELEASE):   (None, None, _L, _N),
    (Standing.NONE, AuthorityVerb.TAKE):      (None, None, _G, _G),
    (Standing.LOCAL, AuthorityVerb.REQUEST):  (_H,   _G,   _A, _A),
    (Standing.LOCAL, AuthorityVerb.GRANT):    (_P,   _P,   _Y, _Y),
    (Standing.LOCAL, AuthorityVerb.RELEASE):  (_F,   _F,   _Y, _Y),
    (Standing.LOCAL, AuthorityVerb.TAKE):     (_H,   _G,   _G, _X),
    (Standing.REMOTE, AuthorityVerb.REQUEST): (_H,   _G,   _A, _A),
    (Standing.REMOTE, AuthorityVerb.GRANT):   (_P,   _P,   _Y, _Y),
    (Standing.REMOTE, AuthorityVerb.RELEASE): (_F,   _F,   _L, _Y),
    (Standing.REMOTE, AuthorityVerb.TAKE):    (_H,   _G,   _G, _G),
}  # fmt: skip
TABLE: Mapping[tuple[Standing, Actor, AuthorityVerb], Act] = {
    (standing, actor, verb): act
    for (standing, verb), acts in _ROWS.items()
    for actor, act in zip(_COLUMNS, acts, strict=True)
    if act is not None
}


@dataclass(frozen=True, slots=True)
class _Asked:
    who: Person
    t: float


def standing(view: AuthorityView) -> Standing:
    """Return who holds it, as the table has it."""
    if view.uid is None:
        return Standing.NONE
    return Standing.LOCAL if view.local else Standing.REMOTE


def actor(view: AuthorityView, who: Person) -> Actor:
    """Return who asks, as the table has it."""
    if who.uid == view.uid:
        return Actor.HOLDER if who.local is view.local else Actor.MOVED
    return Actor.LOCAL if who.local else Actor.REMOTE


class AuthorityDesk:
    """The authority of this station. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._view = AuthorityView(since_t=now)
        self._active_t: float | None = None
        self._asked: _Asked | None = None
        self._session = ""  # in which the holder has gained it

    def obey(self, order: SetAuthority, key_switch: bool | None, wired: bool, now: float) -> tuple[ActOutcome, tuple[Noted, ...]]:
        """Carry out a request. `key_switch` True: at local; None with `wired`: not known, which is as good as local."""
        ended = self.expire(now)
        act = TABLE[standing(self._view), actor(self._view, order.who), order.verb]
        reasons = (*_faults_of(order, key_switch, wired), *self._denial(order, act, now))
        if reasons:
            return Refused(f"authority {order.verb.value}", reasons), ended
        before = self._view
        detail = self._do(order.who, act, now)
        document = {
            "verb": order.verb.value,
            "before": said(before),
            "after": said(self._view),
            "requested_by": self._view.requested_by,
            "reason": order.reason.strip(),
        }
        return Accepted((), detail), (*ended, Noted(SUBJECT, SUBJECT, now, order.who.name, document))

    def touch(self, who: Person, now: float) -> None:
        """Note that the holder does something: an order, a sign of life."""
        if who.uid == self._view.uid:
            self._active_t = now

    def view(self) -> AuthorityView:
        """Return how it stands, without the key switch."""
        return self._view

    def deadline(self) -> float | None:
        """Return when `expire` has something to end."""
        started = (self._active_t, self._asked.t if self._asked is not None else None)
        return min((t + IDLE_S for t in started if t is not None), default=None)

    def expire(self, now: float) -> tuple[Noted, ...]:
        """End what has been idle for too long."""
        if self._asked is not None and now >= self._asked.t + IDLE_S:
            self._forget_request()
        if self._active_t is None or not now >= self._active_t + IDLE_S:
            return ()
        before, self._view, self._active_t = self._view, AuthorityView(requested_by=self._view.requested_by, since_t=now), None
        document = {"verb": "expired", "before": said(before), "after": said(self._view), "idle_s": IDLE_S}
        return (Noted(SUBJECT, SUBJECT, now, BY_ITSELF, document),)

    def leave(self, session: str, now: float) -> tuple[Noted, ...]:
        """End what hangs on a session that has ended: the authority that was gained in it, or a request for it."""
        if not session:
            return ()
        if self._asked is not None and self._asked.who.session == session:
            self._forget_request()
        if self._view.uid is None or self._session != session:
            return ()
        before, self._view, self._active_t = self._view, AuthorityView(requested_by=self._view.requested_by, since_t=now), None
        document = {"verb": "session-ended", "before": said(before), "after": said(self._view), "session": session}
        return (Noted(SUBJECT, SUBJECT, now, BY_ITSELF, document),)

    def _denial(self, order: SetAuthority, act: Act, now: float) -> tuple[Refusal, ...]:
        match act:
            case Act.HAVE:
                return (Refusal(Cause.REACHED, f"the authority is {said(self._view)} already", "nothing is to be done"),)
            case Act.NOBODY:
                since = ago(self._view.since_t, now).removesuffix(" ago") if self._view.since_t is not None else "the start"
                return (Refusal(Cause.NOT_SELECTED, f"nobody holds the authority, since {since}", "authority request"),)
            case Act.NOT_YOURS:
                return (self._not_yours(now),)
            case Act.NEVER:
                why = f"the authority is {self._held(now)}, who is at the station; it is never taken from afar"
                return (Refusal(Cause.SWITCHING_HIERARCHY, why, f"ask for it: authority request; {self._view.holder} grants it"),)
            case Act.HAND_OVER:
                return self._no_taker(order)
            case _:
                return ()

    def _not_yours(self, now: float) -> Refusal:
        remedy = 'ask for it with: authority request; at the station also: authority take reason "..."'
        return Refusal(Cause.SWITCHING_HIERARCHY, f"the authority is {self._held(now)}", remedy)

    def _no_taker(self, order: SetAuthority) -> tuple[Refusal, ...]:
        asked = self._asked.who.name if self._asked is not None else ""
        if asked and order.to in ("", asked):
            return ()
        why = f"{order.to or 'nobody'} has not asked for it; asked for by: {asked or 'nobody'}"
        return (Refusal(Cause.NOT_SELECTED, why, f"{order.to or 'who wants it'} asks first: authority request"),)

    def _held(self, now: float) -> str:
        since = f", since {ago(self._view.since_t, now).removesuffix(' ago')}" if self._view.since_t is not None else ""
        return f"{said(self._view)}'s{since}"

    def _do(self, who: Person, act: Act, now: float) -> str:
        match act:
            case Act.GAIN:
                keeps = standing(self._view) is Standing.NONE and self._view.released and not who.local
                self._give(who, keeps, now)
            case Act.ASK:
                self._asked = _Asked(who, now)
                self._view = replace(self._view, requested_by=who.name)
                return f"{self._view.holder} is asked; until it is granted the authority stays {said(self._view)}"
            case Act.HAND_OVER if self._asked is not None:
                self._give(self._asked.who, who.local and not self._asked.who.local, now)
            case Act.FREE:
                self._forget_request()
                self._view, self._active_t = AuthorityView(released=who.local, since_t=now), now if who.local else None
            case Act.ALLOW:
                self._view, self._active_t = replace(self._view, released=True), now
            case _:
                pass
        return f"the authority is {said(self._view)}"

    def _give(self, who: Person, released: bool, now: float) -> None:
        self._forget_request()
        self._view = AuthorityView(who.name, who.uid, who.local, released, now)
        self._active_t, self._session = now, who.session

    def _forget_request(self) -> None:
        self._asked, self._view = None, replace(self._view, requested_by="")


def said(view: AuthorityView) -> str:
    """Return it in words: `LOCAL a.bekov`, `REMOTE duty.noc, released`, `NONE`."""
    words = f"{standing(view).value} {view.holder}".strip()
    return f"{words}, released" if view.released else words


def refusal(view: AuthorityView, who: Person, command_class: CommandClass, key_switch: bool | None, wired: bool) -> Refusal | None:
    """Return why a person may not give a command of a class while the authority stands so, or None. The key switch goes first.

    `key_switch` True: at local; None with `wired`: not known, which is as good as local; False lets remote persons act.
    """
    if command_class not in NEEDS_HOLDER:
        return None
    key = _key_refusal(who, key_switch, wired)
    if key is not None:
        return key
    if view.uid is None:
        why = f"nobody holds the authority ({said(view)}), so that {who.name} does not either"
        return Refusal(Cause.SWITCHING_HIERARCHY, why, "authority request")
    if view.uid != who.uid:
        remedy = f'{view.holder} grants it after: authority request; at the station also: authority take reason "..."'
        return Refusal(Cause.SWITCHING_HIERARCHY, f"the authority is {said(view)}'s, not {who.name}'s", remedy)
    free = who.local or view.released or (wired and key_switch is False)
    if command_class is CommandClass.LETHAL and not free:
        why = f"the authority is {said(view)}; {who.name} is not at the station and nobody there has released it"
        return Refusal(Cause.SWITCHING_HIERARCHY, why, "a person at the station: authority release, or the key switch to REMOTE")
    return None


def _key_refusal(who: Person, key_switch: bool | None, wired: bool) -> Refusal | None:
    if who.local or not wired or key_switch is False:
        return None
    stands = "at LOCAL" if key_switch else "not known, which counts as LOCAL"
    why = f"the key switch of the station is {stands}, and {who.name} is not at the station"
    return Refusal(Cause.SWITCHING_HIERARCHY, why, "a person at the station turns the key switch to REMOTE")


def _faults_of(order: SetAuthority, key_switch: bool | None, wired: bool) -> tuple[Refusal, ...]:
    who, reason, found = order.who, order.reason.strip(), []
    if not who.identified:
        found.append(Refusal(Cause.NO_AUTHORITY, f"{who.name} is not the account of one person", "log in under your own name"))
    if CommandClass.SET not in who.classes:
        found.append(Refusal(Cause.NO_AUTHORITY, f"{who.name} may not act here", "a person of the group stationd-operate asks for it"))
    key = _key_refusal(who, key_switch, wired)
    if key is not None:
        found.append(key)
    if order.verb is AuthorityVerb.TAKE and len(reason) < LEAST_REASON:
        why = f"the reason has {counted(len(reason), 'character')}"
        found.append(Refusal(Cause.INCONSISTENT, why, f"at least {LEAST_REASON}: why it is taken"))
    return tuple(found)
