"""The connections of a station to its broker: JSON and Sparkplug, where the file has an [mqtt], and how others take their place.

The JSON connection follows the board by itself; a Sparkplug node announces once what it has, so that other units make another node.
What waits for the broker is in the journal, what goes on live in `live`: both outlast a change of the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import stationd
from stationd.board import Board
from stationd.config.changes import Changes
from stationd.config.model import Mqtt
from stationd.config.parts import broker_of, password_of
from stationd.links.beat import Beat
from stationd.outputs.alarm_document import AlarmDocuments, topic_of
from stationd.outputs.broker import Broker
from stationd.outputs.document import Document, Documents, Identity
from stationd.outputs.journal import Journal, Moment
from stationd.outputs.live import Live
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.mqtt import JsonPublisher
from stationd.outputs.records import Recorder
from stationd.outputs.sparkplug.client import SparkplugPublisher, SparkplugStatistics
from stationd.outputs.sparkplug.node import EdgeNode, NodeCounts
from stationd.outputs.sparkplug.plant import PlantView, catalogue
from stationd.outputs.sparkplug_memory import JournalHistory, JournalNumbers
from stationd.plans import Plans
from stationd.service.reload import Swap
from stationd.service.supervisor import Part

JSON, SPARKPLUG = "mqtt", "sparkplug"


@dataclass(frozen=True, slots=True)
class Told:
    """What is published, and where it is asked for."""

    identity: Identity
    board: Board
    documents: Documents
    alarms: AlarmDocuments
    buses_up: Callable[[], Mapping[str, bool]]
    journal: Journal
    clock: Callable[[], Moment]


@dataclass(frozen=True, slots=True)
class Made:
    """Connections that are made and not begun. None: the one that is there stays."""

    publisher: JsonPublisher | None = None
    node: EdgeNode | None = None
    section: Mqtt | None = None
    broker: Broker | None = None


class Outlets:
    """Both connections. With `section` None there are none, and never will be in this run."""

    def __init__(self, section: Mqtt | None, told: Told, recorder: Recorder) -> None:
        self._told = told
        self.live = Live()
        self._numbers = JournalNumbers(told.journal, told.clock)
        self._sent: dict[str, int] = {}
        self.mqtt = MqttStatistics() if section is not None else None
        self.sparkplug = SparkplugStatistics() if section is not None and section.sparkplug else None
        self._made = Made()
        if section is not None:
            self._made = self._make(section, told.board, None)
            recorder.subscribe(lambda record: self._changed(topic_of(record.key)))

    @property
    def counts(self) -> tuple[SparkplugStatistics, NodeCounts] | None:
        """What the Sparkplug connection and its node count; None where there is none."""
        node = self._made.node
        return (self.sparkplug, node.counts) if self.sparkplug is not None and node is not None else None

    def _changed(self, topic: str) -> None:
        if self._made.publisher is not None:
            self._made.publisher.changed(topic)

    def parts(self) -> Iterator[Part]:
        """Return the parts of both."""
        yield from (*self._json_parts(), *self._sparkplug_parts())

    def _json_parts(self) -> Iterator[Part]:
        if (publisher := self._made.publisher) is not None:
            yield Part(JSON, publisher.run, publisher.beat)

    def _sparkplug_parts(self) -> Iterator[Part]:
        made, beat = self._made, Beat()
        if made.node is not None and made.section is not None and made.broker is not None:
            make = partial(self._sparkplug, made.section, made.broker, made.node, beat)
            yield Part(SPARKPLUG, lambda: make().run(), beat)

    # ------------------------------------------------------------------ others in their place

    def prepare(self, plans: Plans, change: Changes) -> Made:
        """Return the connections that a change wants. SecretError or ValueError where one cannot be made: then nothing has changed."""
        section = plans.config.mqtt
        if section is None or self.mqtt is None:
            return Made()
        if change.concern("mqtt"):
            if section.password:
                password_of(section.password)  # a start cannot wait for it, a person who has just written it down is told at once
            return self._make(section, Board(plans.units, asyncio.get_running_loop().time()), self._made.node)
        if change.devices and self._made.node is not None:
            board = Board(plans.units, asyncio.get_running_loop().time())
            return Made(None, self._node(section, board, self._made.node), section, self._made.broker)
        return Made()

    def take_up(self, made: Made) -> list[Swap]:
        """Let these take their place."""
        if made.node is None and made.publisher is None:
            return []
        self._made = Made(made.publisher or self._made.publisher, made.node, made.section, made.broker)
        swaps = [Swap((SPARKPLUG,), tuple(self._sparkplug_parts()))] if made.node is not None else []
        return [*swaps, Swap((JSON,), tuple(self._json_parts()))] if made.publisher is not None else swaps

    # ------------------------------------------------------------------ making

    def _make(self, section: Mqtt, board: Board, before: EdgeNode | None) -> Made:
        broker = broker_of(section)
        node = self._node(section, board, before) if section.sparkplug else None
        return Made(self._publisher(section, broker), node, section, broker)

    def _publisher(self, section: Mqtt, broker: Broker) -> JsonPublisher:
        told = self._told
        assert self.mqtt is not None, "only a station that has an [mqtt] makes a connection"
        return JsonPublisher(
            broker, told.identity, told.board, told.buses_up, self.mqtt, told.journal.outbox, section.client_id or "",
            told.alarms, self._audit_head, told.documents, self.live,
        )  # fmt: skip

    def _audit_head(self) -> Document:
        head = self._told.journal.statistics.audit
        return {"station": self._told.identity.name, "position": head.position, "digest": head.text}

    def _node(self, section: Mqtt, board: Board, before: EdgeNode | None) -> EdgeNode:
        found = catalogue(self._told.identity, board, section.group, section.primary_host or "")
        return EdgeNode(found) if before is None else EdgeNode(found, before.birth_number, before.counts)

    def _sparkplug(self, section: Mqtt, broker: Broker, node: EdgeNode, beat: Beat) -> SparkplugPublisher:
        told = self._told
        assert self.sparkplug is not None, "a node is only made where the file wants one"
        plant = PlantView(told.identity, told.board, stationd.__version__)
        history = JournalHistory(told.journal, node.catalogue, told.identity.mode, told.clock, sent=self._sent)
        client_id = f"{section.client_id or told.identity.name}-spb"
        return SparkplugPublisher(broker, node, plant, self._numbers, self.sparkplug, history, client_id, beat=beat)
