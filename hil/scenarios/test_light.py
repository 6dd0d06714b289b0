"""Loss of light: how long it takes from the stimulus until the station has published it and its alarm, over many losses."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence

import pytest

from hil.mqtt import Message
from hil.record import Dimension, Limits, Plot, Trace
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

LOSSES = 32
DARK_DB = 60.0
PATIENCE_S = 6.0
# The sampler tells of a channel that flaps one event a second after the first ones, and counts the others: a loss and its end in 2 s.
OF_ONE_CHANNEL_S = 2.2
LATEST_MS, MARGINAL_MS = 250.0, 100.0  # detection, a commit to the disk, the broker; the rest is a busy machine (assumption)
MEDIAN_MS = 60.0


def channels(rig: Rig) -> Iterator[tuple[Station, str]]:
    """Yield the receiving taps of all stations, again and again."""
    every = [(each, f"fp{pair}-rx") for pair in range(1, 3) for each in rig.stations.values() if pair <= each.section.pairs]
    return itertools.cycle(every)


def told(message: Message, station: Station, kind: str, channel: str) -> bool:
    """Whether a message is that event of that channel."""
    said = message.document
    return message.topic == f"stationd/{station.name}/event" and said.get("kind") == kind and said.get("channel") == channel


def distribution(title: str, values_ms: Sequence[float], limits: Limits) -> Plot:
    """Return how values are distributed, beside their limits."""
    ordered = [(value, (place + 1) / len(values_ms)) for place, value in enumerate(sorted(values_ms))]
    edges = {"marginal": limits.marginal_hi, "limit": limits.hi}
    return Plot(
        title, Dimension("latency", "ms"), Dimension("share of losses", ""),
        [Trace("share so quick", ordered), Trace("a loss", ordered, "points")],
        [Trace(name, [(at_ms, 0.0), (at_ms, 1.0)]) for name, at_ms in edges.items() if at_ms is not None],
    )  # fmt: skip


@pytest.mark.rig(needs=["attenuate", "light", "broker", "repair"])
def test_loss_of_light_is_published_at_once(rig: Rig, aktau: Station, measure: Sheet, seed: int) -> None:
    """Many losses, one channel after the other, each at any moment of the periods of everything else."""
    chance, latencies_ms, number = random.Random(seed), list[float](), len({(s.name, c) for s, c in itertools.islice(channels(rig), 64)})
    for station, channel in itertools.islice(channels(rig), LOSSES):
        begin_t, mark = time.monotonic(), rig.ear.mark()
        port = f"{station.section.end}-{channel}"
        stimulus_t = rig.attenuate(port, DARK_DB)
        lost = rig.ear.wait(mark, lambda m, s=station, c=channel: told(m, s, "light-lost", c), PATIENCE_S)  # type: ignore[misc]
        latencies_ms.append((lost.t - stimulus_t) * 1000.0)
        mark = rig.ear.mark()
        rig.attenuate(port, 0.0)
        rig.ear.wait(mark, lambda m, s=station, c=channel: told(m, s, "light-back", c), PATIENCE_S)  # type: ignore[misc]
        pause_s = OF_ONE_CHANNEL_S / number - (time.monotonic() - begin_t)
        time.sleep(max(0.0, pause_s) + chance.uniform(0.0, 0.05))
    ordered = sorted(latencies_ms)
    shown = measure.limits("light_latency_max", "ms", Limits(0.0, LATEST_MS, marginal_hi=MARGINAL_MS))
    measure("light_losses_told", len(ordered), "", lo=LOSSES)
    measure("light_latency_p50", ordered[len(ordered) // 2], "ms", lo=0.0, hi=MEDIAN_MS)
    measure("light_latency_max", ordered[-1], "ms", lo=0.0, hi=LATEST_MS, marginal_hi=MARGINAL_MS,
            plot=distribution("From the loss of light to the message at the broker", latencies_ms, shown))  # fmt: skip
