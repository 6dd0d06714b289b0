"""The messages of an edge node: topic, payload, quality of service. Each function makes one kind; nothing here remembers.

Follows the approach of the Sparkplug specification 3.0, chapters 4 (topics) and 6 (payloads). Births carry name, alias, type
and properties of every metric; later messages only alias, time and value. `Node Control/Rebirth` has no alias, as demanded
(tck-id-operational-behavior-data-commands-rebirth-name-aliases); neither has bdSeq, which is never sent in data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stationd.outputs.sparkplug.catalogue import BIRTH_NUMBER, NODE, REBIRTH, Catalogue, MetricKind, Sample, Trust
from stationd.outputs.sparkplug.payload import DataType, Metric, Payload, Property, encode

NAMESPACE = "spBv1.0"
QOS_OF_DATA = 0  # births and data (tck-id-topics-nbirth-mqtt and the like)
QOS_OF_DEATH = 1  # tck-id-payloads-ndeath-will-message-qos; also how a wanted death is known to have arrived
COMMAND_QOS = 1  # of the subscription (tck-id-message-flow-edge-node-ncmd-subscribe)
QUALITY, WHY, LAST_GOOD, UNIT = "Quality", "Reason", "Last Good", "engUnit"


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be published. No message of an edge node is ever retained."""

    topic: str
    payload: bytes
    qos: int = QOS_OF_DATA


@dataclass(frozen=True, slots=True)
class Announced:
    """A metric as hosts know it: its kind, and the alias that stands for its name."""

    kind: MetricKind
    alias: int


def topic(catalogue: Catalogue, verb: str, device: str = NODE) -> str:
    """Return the topic of a verb, for example spBv1.0/caspian/DDATA/aktau/pfe-a."""
    words = [NAMESPACE, catalogue.group, verb, catalogue.node]
    return "/".join([*words, device] if device else words)


def state_topic(catalogue: Catalogue) -> str:
    """Return where the primary host says whether it is there; only for a catalogue that names one."""
    return f"{NAMESPACE}/STATE/{catalogue.primary_host}"


def node_death(catalogue: Catalogue, birth_number: int, now_ms: int) -> Message:
    """Return NDEATH, the will of a connection: nothing but its birth number, and no sequence number."""
    number = Metric(BIRTH_NUMBER, datatype=DataType.INT64, value=birth_number)
    return Message(topic(catalogue, "NDEATH"), encode(Payload(_utc(now_ms), (number,), None)), QOS_OF_DEATH)


def node_birth(catalogue: Catalogue, birth_number: int, metrics: Iterable[Metric], seq: int, now_ms: int) -> Message:
    """Return NBIRTH with the number of the connection's will, the rebirth metric and the node's own metrics."""
    control = (
        Metric(BIRTH_NUMBER, timestamp_ms=_utc(now_ms), datatype=DataType.INT64, value=birth_number),
        Metric(REBIRTH, timestamp_ms=_utc(now_ms), datatype=DataType.BOOLEAN, value=False),
    )
    return Message(topic(catalogue, "NBIRTH"), encode(Payload(_utc(now_ms), _in_order((*control, *metrics)), seq)))


def device_birth(catalogue: Catalogue, device: str, metrics: Iterable[Metric], seq: int, now_ms: int) -> Message:
    """Return DBIRTH."""
    return Message(topic(catalogue, "DBIRTH", device), encode(Payload(_utc(now_ms), _in_order(metrics), seq)))


def device_death(catalogue: Catalogue, device: str, seq: int, now_ms: int) -> Message:
    """Return DDEATH."""
    return Message(topic(catalogue, "DDEATH", device), encode(Payload(_utc(now_ms), (), seq)))


def data(catalogue: Catalogue, device: str, metrics: Iterable[Metric], seq: int, now_ms: int) -> Message:
    """Return DDATA, or NDATA for the node itself."""
    verb = "DDATA" if device else "NDATA"
    return Message(topic(catalogue, verb, device), encode(Payload(_utc(now_ms), _in_order(metrics), seq)))


def birth_metric(metric: Announced, sample: Sample) -> Metric:
    """Return a metric of a birth: everything that a host has to know of it, also the properties that may change later."""
    unit = (Property(UNIT, DataType.STRING, metric.kind.unit),) if metric.kind.unit else ()
    return Metric(
        metric.kind.point.point,
        metric.alias,
        _utc(sample.at_ms),
        metric.kind.datatype,
        sample.value,
        properties=(*unit, *_quality(sample, always=True)),
    )


def data_metric(metric: Announced, sample: Sample, before: Sample | None = None, historical: bool = False) -> Metric:
    """Return a metric of a data message. `before` is what was last said: a return to good is said, too, not left to be guessed."""
    changed = before is not None and (before.trust, before.why) != (sample.trust, sample.why)
    return Metric(
        "",
        metric.alias,
        _utc(sample.at_ms),
        None,
        sample.value,
        historical,
        _quality(sample, always=changed),
    )


def _quality(sample: Sample, always: bool) -> tuple[Property, ...]:
    if sample.trust is Trust.GOOD and not sample.why and not always:
        return ()
    quality = Property(QUALITY, DataType.INT32, int(sample.trust))
    why = (Property(WHY, DataType.STRING, sample.why),) if sample.why or always else ()
    if sample.last_good_ms is None:
        return (quality, *why)
    return (quality, *why, Property(LAST_GOOD, DataType.DATE_TIME, _utc(sample.last_good_ms)))


def _in_order(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """Return metrics in the order of their times (tck-id-operational-behavior-data-publish-dbirth-order)."""
    return tuple(sorted(metrics, key=lambda metric: metric.timestamp_ms or 0))


def _utc(ms: int) -> int:
    """Return a time that can be written: a clock that was never set may have been before 1970."""
    return max(ms, 0)
