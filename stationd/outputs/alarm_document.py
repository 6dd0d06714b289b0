"""The JSON documents of alarms: one alarm as it stands, and one thing that happened to it. Pure.

Values have the form of stationd.outputs.document. Words are those of the core: `event` "raise", `letter` "A" to "I" with its
name in `state`. This module sends nothing and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.board import Board
from stationd.core.alarm.condition import Above, Below, Outside
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.type import AlarmKey, alarm_key
from stationd.core.alarm.words import AlarmRecord, AlarmView
from stationd.core.model import GOOD, PointId, Quality, Reading, Value
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity, Limits, encode, valued

TOPIC = "alarm/"
WAITING = frozenset({Letter.GONE, Letter.LATCHED_NEW, Letter.LATCHED_ACKNOWLEDGED})  # not active, and yet not done with
CLEARED = b""


def topic_of(key: AlarmKey) -> str:
    """Return the topic of an alarm, below the station's own."""
    return f"{TOPIC}{key}"


def stands(view: AlarmView) -> bool:
    """Return whether an alarm has a document: it is active, or somebody has still to acknowledge or reset it."""
    return view.active or view.letter in WAITING


def limits_of(plan: Plan) -> Mapping[PointId, Limits]:
    """Return the limits that the alarms of a plan watch; of several on one side of a point the one that is passed first."""
    found: dict[PointId, Limits] = {}
    for rule in plan.rules.values():
        match rule.condition.test:
            case Below(limit):
                low, high = [limit], list[float]()
            case Above(limit):
                low, high = list[float](), [limit]
            case Outside(least, most):
                low, high = [least], [most]
            case _:
                continue
        if rule.point is not None:
            known = found.get(rule.point, Limits())
            low += [] if known.low is None else [known.low]
            high += [] if known.high is None else [known.high]
            found[rule.point] = Limits(max(low, default=None), min(high, default=None))
    return found


class AlarmDocuments:
    """Builds the documents of one station's alarms from its desk."""

    def __init__(self, identity: Identity, board: Board, desk: Alarms) -> None:
        self._identity = identity
        self._board = board
        self._desk = desk

    def unit(self, key: AlarmKey) -> str:
        """Return the unit of the point that an alarm watches, or ""."""
        rule = self._desk.plan.rules.get(key)
        row = None if rule is None or rule.point is None else self._board.points.get(rule.point)
        return "" if row is None else row.unit

    def topics(self) -> tuple[str, ...]:
        """Return the topics of all alarms that stand."""
        return tuple(topic_of(view.key) for view in self._desk.views(stands))

    def payload(self, topic: str, clock: Clock) -> bytes:
        """Return the document of a topic; empty, which takes a retained one away, when the alarm does not stand."""
        key = alarm_key(topic.removeprefix(TOPIC))
        view = self._desk.view(key) if key is not None else None
        return encode(self.alarm(view, clock)) if view is not None and stands(view) else CLEARED

    def alarm(self, view: AlarmView, clock: Clock) -> Document:
        """Return one alarm as it stands."""
        return {
            **self._head(view.key),
            "t": clock.written(clock.now),
            "letter": view.letter.value,
            "state": state_word(view.letter),
            "severity": view.severity.value,
            "worst": view.worst.value,
            "active": view.active,
            "unknown": view.unknown,
            "occurrence": view.occurrence,
            "count": view.count,
            "since": clock.written(view.onset),
            "changed": clock.written(view.changed_t),
            **self._value(view.key, view.value, view.quality, view.onset, clock),
            "note": view.note,
            "first_out": view.first_out,
            "causes": [str(cause) for cause in view.causes],
            "hides": view.hides,
            "text": view.type.text,
            "consequence": view.type.consequence,
            "first_action": view.type.first_action,
            "runbook": view.type.runbook or view.type.id,
            **_people(view, clock),
        }

    def happened(self, record: AlarmRecord, clock: Clock) -> Document:
        """Return one thing that happened to an alarm. `id` and the order of events are added by whoever keeps it."""
        rule = self._desk.plan.rules.get(record.key)
        return {
            **self._head(record.key),
            "kind": "alarm",
            "event": record.event.value,
            "before": record.before.value,
            "letter": record.after.value,
            "state": state_word(record.after),
            "severity": record.severity.value,
            "occurrence": record.occurrence,
            "number": record.number,
            "t": clock.written(record.t, 6),
            "since": clock.written(record.onset, 6),
            **self._value(record.key, record.value, record.quality, record.t, clock),
            "who": record.who,
            "note": record.note,
            **({"cause": str(record.cause)} if record.cause is not None else {}),
            **({"text": rule.type.text} if rule is not None else {}),
        }

    def _head(self, key: AlarmKey) -> Document:
        named = {"resource": key.resource, "type": key.type, "qualifier": key.qualifier}
        return {"station": self._identity.name, "mode": self._identity.mode.value, "key": str(key), **named}

    def _value(self, key: AlarmKey, value: Value | None, quality: Quality | None, t: float, clock: Clock) -> Mapping[str, object]:
        if value is None and quality in (None, GOOD):
            return {}
        reading = Reading(PointId(key.resource, ""), value, quality or GOOD, t)
        return {"value": valued(reading, self.unit(key), self._identity.mode, clock)}


def _people(view: AlarmView, clock: Clock) -> Document:
    """Return what people have ordered about it."""
    found: Document = {}
    if (seen := view.seen) is not None:
        found["seen"] = {"by": seen.who, "note": seen.note, "t": clock.written(seen.t)}
    if (shelf := view.shelf) is not None:
        until = clock.written(shelf.until_t)
        found["shelf"] = {"until": until, "by": shelf.who, "reason": shelf.reason, "one_shot": shelf.one_shot}
    if (out := view.outage) is not None:
        review = clock.written(out.review_t)
        found["out_of_service"] = {"review": review, "by": out.who, "second": out.second, "reason": out.reason}
    return found


def state_word(letter: Letter) -> str:
    """Return the name of a letter, for example "acknowledged"."""
    return letter.name.lower().replace("_", "-")
