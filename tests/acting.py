"""A desk of operations that says what a test has told it to say, and remembers what it heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stationd.core.alarm.words import AlarmRecord, Signal
from stationd.core.model import Event
from stationd.core.operation.orders import ActOrder, CommandClass, Person
from stationd.core.operation.views import OperationView
from stationd.core.operation.words import Accepted, ActEffect, ActOutcome

News = Event | Signal | AlarmRecord
BEKOV = Person(1001, "a.bekov", "1001:77", frozenset(CommandClass), local=True)


def silence(news: News) -> list[ActEffect]:
    return []


@dataclass
class ActingDesk:
    """`says` answers news, `does` is what follows from any order; `state` is what is saved."""

    says: Callable[[News], list[ActEffect]] = silence
    does: Callable[[ActOrder], list[ActEffect]] = lambda order: []
    due: float | None = None
    state: dict[str, object] = field(default_factory=dict)
    armed: tuple[OperationView, ...] = ()
    heard: list[News] = field(default_factory=list)
    ordered: list[ActOrder] = field(default_factory=list)
    restored: list[tuple[Mapping[str, object], float]] = field(default_factory=list)
    says_of_restart: tuple[ActEffect, ...] = ()
    dirty: bool = False
    doubts: int = 0

    def handle(self, news: News, now: float) -> list[ActEffect]:
        self.heard.append(news)
        return self.says(news)

    def obey(self, order: ActOrder, now: float) -> tuple[ActOutcome, list[ActEffect]]:
        self.ordered.append(order)
        return Accepted(), self.does(order)

    def deadline(self) -> float | None:
        return self.due

    def operations(self, now: float) -> tuple[OperationView, ...]:
        return self.armed

    def saved(self, now: float) -> Mapping[str, object]:
        self.dirty = False
        return dict(self.state)

    def changed(self) -> bool:
        return self.dirty

    def restore(self, saved: Mapping[str, object], now: float, elapsed_s: float) -> list[ActEffect]:
        self.restored.append((saved, elapsed_s))
        self.state = dict(saved)
        return list(self.says_of_restart)

    def doubt(self, now: float) -> list[ActEffect]:
        self.doubts += 1
        self.dirty = True
        return list(self.says_of_restart)
