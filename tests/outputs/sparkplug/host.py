"""A small Sparkplug host, independent of the product: it decodes with the protocol buffer runtime and is strict.

What the specification forbids is an AssertionError here. A sequence number that is missing is none: the host then wants a
rebirth (tck-id-operational-behavior-host-reordering-rebirth) and believes nothing until it has come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.outputs.sparkplug.schema import Payload

GOOD = 192
TYPES = {4: "long_value", 10: "double_value", 11: "boolean_value", 12: "string_value"}


@dataclass
class Known:
    """What the host knows of one metric."""

    value: Any
    quality: int
    timestamp: int
    properties: dict[str, Any]


@dataclass
class Host:
    """One host that watches one edge node; every metric is known as "metric" or "device/metric"."""

    group: str = "caspian"
    node: str = "aktau"
    online: bool = False
    wants_rebirth: bool = False
    birth_number: int | None = None
    will: int | None = None
    seq: int = 0
    alive: set[str] = field(default_factory=set)
    known: dict[str, Known] = field(default_factory=dict)
    historical: list[tuple[str, Any, int]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    births: int = 0
    _aliases: dict[int, tuple[str, int]] = field(default_factory=dict)

    def expect_will(self, topic: str, payload: bytes) -> None:
        """Take the will of a connection, as a broker would keep it."""
        assert topic == f"spBv1.0/{self.group}/NDEATH/{self.node}"
        self.will = self._number_of(payload)

    def hear(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Take one message; AssertionError when it breaks a rule."""
        namespace, group, verb, node, *device = topic.split("/")
        assert (namespace, group, node) == ("spBv1.0", self.group, self.node)
        assert (len(device) == 1) == verb.startswith("D")
        assert not retain
        self.heard.append(f"{verb}/{device[0]}" if device else verb)
        if verb == "NDEATH":
            self._node_death(payload)
            return
        assert qos == 0
        message = Payload.FromString(payload)
        assert message.HasField("seq")
        assert 0 <= message.seq <= 255
        assert message.HasField("timestamp")
        getattr(self, f"_{verb.lower()}")(message, *device)

    def command(self, name: str = "Node Control/Rebirth", value: bool = True) -> tuple[str, bytes]:
        """Return an NCMD message."""
        metric = {"name": name, "timestamp": 1, "datatype": 11, "boolean_value": value}
        return f"spBv1.0/{self.group}/NCMD/{self.node}", Payload(timestamp=1, metrics=[metric]).SerializeToString()

    def _number_of(self, payload: bytes) -> int:
        """Return the bdSeq of an NDEATH, which has nothing else."""
        message = Payload.FromString(payload)
        assert not message.HasField("seq")
        assert [metric.name for metric in message.metrics] == ["bdSeq"]
        assert message.metrics[0].datatype == 4
        return int(message.metrics[0].long_value)

    def _node_death(self, payload: bytes) -> None:
        if self._number_of(payload) == self.birth_number:  # a late will of an earlier connection means nothing
            self.online = False
            self.alive.clear()

    def _nbirth(self, message: Any) -> None:
        assert message.seq == 0
        self.online, self.wants_rebirth = True, False
        self.births += 1
        self.seq = 0
        self.alive.clear()
        self.known.clear()
        self._aliases.clear()
        self._learn("", message)
        rebirth = next(metric for metric in message.metrics if metric.name == "Node Control/Rebirth")
        assert not rebirth.HasField("alias")
        assert (rebirth.datatype, rebirth.WhichOneof("value"), rebirth.boolean_value) == (11, "boolean_value", False)
        number = next(metric for metric in message.metrics if metric.name == "bdSeq")
        assert number.datatype == 4
        self.birth_number = number.long_value
        assert self.birth_number == self.will

    def _dbirth(self, message: Any, device: str) -> None:
        if self._follows(message):
            assert device not in self.alive
            self.alive.add(device)
            self._learn(device, message)

    def _ddeath(self, message: Any, device: str) -> None:
        if self._follows(message):
            assert device in self.alive
            self.alive.discard(device)

    def _ndata(self, message: Any) -> None:
        if self._follows(message):
            self._data("", message)

    def _ddata(self, message: Any, device: str) -> None:
        if self._follows(message):
            assert device in self.alive
            self._data(device, message)

    def _follows(self, message: Any) -> bool:
        """Return whether the sequence number is the next one; else ask for a rebirth."""
        if not self.online or self.wants_rebirth:
            self.wants_rebirth = True
            return False
        self.seq = (self.seq + 1) % 256
        self.wants_rebirth = message.seq != self.seq
        return not self.wants_rebirth

    def _learn(self, device: str, message: Any) -> None:
        names = [metric.name for metric in message.metrics]
        assert all(names)
        assert len({name.casefold() for name in names}) == len(names)
        for metric in message.metrics:
            name = f"{device}/{metric.name}" if device else metric.name
            assert metric.HasField("datatype")
            assert metric.datatype in TYPES
            if metric.HasField("alias"):
                assert self._aliases.get(metric.alias, (name, metric.datatype)) == (name, metric.datatype)
                self._aliases[metric.alias] = (name, metric.datatype)
            self.known.pop(name, None)
            self._note(name, metric.datatype, metric)
        assert len({name for name, _ in self._aliases.values()}) == len(self._aliases)

    def _data(self, device: str, message: Any) -> None:
        assert message.metrics
        for metric in message.metrics:
            assert not metric.HasField("name")
            assert not metric.HasField("datatype")
            name, datatype = self._aliases[metric.alias]
            assert name.startswith(f"{device}/" if device else "")
            if metric.is_historical:
                self.historical.append((name, _value(datatype, metric), metric.timestamp))
            else:
                assert metric.timestamp >= self.known[name].timestamp
                self._note(name, datatype, metric)

    def _note(self, name: str, datatype: int, metric: Any) -> None:
        assert metric.HasField("timestamp")
        value = _value(datatype, metric)
        properties = _properties(metric)
        before = self.known.get(name)  # a property that is not repeated stays, as in the hosts that are sold
        quality = properties.get("Quality", before.quality if before else GOOD)
        assert quality in (0, 192, 500)
        self.known[name] = Known(value, quality, metric.timestamp, properties)


def _value(datatype: int, metric: Any) -> Any:
    chosen = metric.WhichOneof("value")
    if metric.is_null:
        assert chosen is None
        return None
    assert chosen == TYPES[datatype]
    return getattr(metric, chosen)


def _properties(metric: Any) -> dict[str, Any]:
    keys, values = metric.properties.keys, metric.properties.values
    assert len(keys) == len(values)
    found = {}
    for key, value in zip(keys, values, strict=True):
        assert value.HasField("type")
        found[key] = getattr(value, value.WhichOneof("value"))
        if key == "Quality":
            assert (value.type, value.WhichOneof("value")) == (3, "int_value")
    return found
