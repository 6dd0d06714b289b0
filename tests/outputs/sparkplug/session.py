"""An edge node and a host in virtual time: what the node says is heard by the host at once, unless the line loses it."""

from __future__ import annotations

from collections.abc import Callable

from stationd.core.model import PointId
from stationd.outputs.sparkplug.catalogue import NODE, Catalogue, MetricKind, Sample, Trust
from stationd.outputs.sparkplug.messages import Message
from stationd.outputs.sparkplug.node import EdgeNode, Heard, Moment
from stationd.outputs.sparkplug.payload import DataType
from tests.outputs.sparkplug.host import Host

START_MS = 1_772_366_400_000  # 2026-03-01T12:00:00Z
CURRENT, ON, MODE = PointId("pfe-a", "output_current"), PointId("pfe-a", "output_on"), PointId("pfe-a", "regulation")
POWER = PointId("fp1-booster", "output_power")
TITLE = PointId(NODE, "Properties/Title")
DEVICES = {
    "pfe-a": (MetricKind(CURRENT, DataType.DOUBLE, "mA"), MetricKind(ON, DataType.BOOLEAN), MetricKind(MODE, DataType.STRING)),
    "fp1-booster": (MetricKind(POWER, DataType.DOUBLE, "dBm"),),
}
OWN = (MetricKind(TITLE, DataType.STRING),)


def catalogue(primary_host: str = "") -> Catalogue:
    return Catalogue("caspian", "aktau", DEVICES, OWN, primary_host)


def good(value: float | bool | str, at_ms: int = START_MS) -> Sample:
    return Sample(value, Trust.GOOD, at_ms)


class Session:
    """A node, the broker in front of it, and a host. `loses` decides which messages never arrive."""

    def __init__(self, primary_host: str = "", last_birth_number: int | None = None, devices: bool = True) -> None:
        self.node = EdgeNode(catalogue(primary_host), last_birth_number)
        self.host = Host()
        self.sent: list[Message] = []
        self.will: Message | None = None
        self.s = 1000.0
        self.ahead_ms = 0  # how far the clock of the machine has been set
        self.loses: Callable[[Message], bool] = lambda message: False
        for device in DEVICES if devices else ():
            self.node.answers(device)

    @property
    def now(self) -> Moment:
        return Moment(START_MS + round(1000 * (self.s - 1000.0)) + self.ahead_ms, self.s)

    def connect(self) -> Session:
        self.will = self.node.connecting(self.now)
        self.host.expect_will(self.will.topic, self.will.payload)
        self.node.connected()
        self.flow()
        return self

    def cut(self) -> None:
        """Lose the connection: the broker publishes the will."""
        assert self.will is not None
        self.node.disconnected()
        self.host.hear(self.will.topic, self.will.payload, self.will.qos)

    def wait(self, s: float) -> None:
        self.s += s

    def flow(self) -> list[Message]:
        """Let everything go out that wants to."""
        messages = []
        while (message := self.node.next_message(self.now)) is not None:
            messages.append(message)
            self.deliver(message)
        return messages

    def deliver(self, message: Message) -> None:
        self.sent.append(message)
        if not self.loses(message):
            self.host.hear(message.topic, message.payload, message.qos)

    def says(self, *samples: tuple[PointId, Sample]) -> list[Message]:
        """Give the node new samples and let go out what follows."""
        self.node.update(dict(samples))
        return self.flow()

    def command(self, name: str = "Node Control/Rebirth", value: bool = True) -> Heard:
        topic, payload = self.host.command(name, value)
        return self.node.received(topic, payload, self.now)

    def state(self, online: bool, timestamp: int, host: str = "scada") -> Heard:
        payload = f'{{"online": {str(online).lower()}, "timestamp": {timestamp}}}'.encode()
        return self.node.received(f"spBv1.0/STATE/{host}", payload, self.now)

    def heard(self) -> list[str]:
        """Return what the host has heard since the last call."""
        heard, self.host.heard = self.host.heard, []
        return heard
