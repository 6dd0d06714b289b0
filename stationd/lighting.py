"""The light of a station: the optical sampler and its captures, where the file has a [sampler], and how another one takes its place.

What it is not: the sampler (stationd.links.sampler), or what its readings mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from stationd.config import settings_of
from stationd.config.changes import Changes
from stationd.config.sampling import Sampler
from stationd.core.model import Event, PointId
from stationd.links.sampler import OpticalSampler, SamplerStatistics
from stationd.links.sampler.native import Native
from stationd.links.sampler.settings import SamplerSettings, Watch
from stationd.outputs.captures import CaptureFiles, CaptureFormat, CaptureStatistics
from stationd.outputs.document import Identity
from stationd.plans import Plans
from stationd.service.reload import Mouth, Swap
from stationd.service.supervisor import Kind, Part

log = structlog.get_logger()

SWITCH_S = 0.0005  # a busy thread gives Python back after so long: events of the light pass it within a millisecond or two
NAME = "optical sampler"
Post = Callable[[Sequence[Event]], None]
Make = Callable[[SamplerSettings, tuple[Watch, ...]], Native]


@dataclass(frozen=True, slots=True)
class Light:
    """A sampler, its way to the engine, and the files of its captures; both are None where a file has no [sampler]."""

    mouth: Mouth[Event]
    captures: CaptureFiles | None = None
    sampler: OpticalSampler | None = None

    def close(self) -> None:
        """Let the thread of the captures end."""
        if self.captures is not None:
            self.captures.close()


class Lighting:
    """The sampler and the files of its captures. `measured` gives the number of a point that is not stale, or None."""

    def __init__(self, plans: Plans, identity: Identity, post: Post, measured: Callable[[PointId], float | None], make: Make) -> None:
        self._identity = identity
        self._post = post
        self._measured = measured
        self._make = make
        self._light = self._made(plans.config.sampler)

    def _made(self, section: Sampler | None) -> Light:
        mouth = Mouth[Event](self._post)
        if section is None:
            return Light(mouth)
        name, _, point = (section.temperature or "").partition(".")
        settings, warmth = settings_of(section), PointId(name, point)
        captures = CaptureFiles(Path(section.captures), CaptureFormat(section.capture_format.value), section.captures_mib, self._identity)
        return Light(mouth, captures, OpticalSampler(settings, mouth, captures.keep, lambda: self._measured(warmth), self._make))

    @property
    def sampler(self) -> OpticalSampler | None:
        """The sampler that runs; None where the station has none."""
        return self._light.sampler

    @property
    def statistics(self) -> Callable[[], SamplerStatistics] | None:
        """How to ask the sampler that runs what it counts; None where the station has none."""
        return self._statistics if self.sampler is not None else None

    def _statistics(self) -> SamplerStatistics:
        assert self.sampler is not None, "a station that has a sampler has one for as long as it runs"
        return self.sampler.statistics()

    @property
    def capture_statistics(self) -> CaptureStatistics | None:
        """What became of captures."""
        return self._light.captures.statistics if self._light.captures is not None else None

    def parts(self) -> Iterator[Part]:
        """Return the sampler's part."""
        if (sampler := self.sampler) is not None:
            sys.setswitchinterval(SWITCH_S)
            yield Part(NAME, sampler.run, sampler.beat, kind=Kind.STATION, failing=lambda: sampler.failing)

    def prepare(self, plans: Plans, change: Changes) -> Light | None:
        """Make the light of a new file, a thread included, if the files differ in that; raises what the machine refuses.

        It does nothing yet, and is closed by whoever does not use it.
        """
        return self._made(plans.config.sampler) if change.concern("sampler") else None

    def take_up(self, light: Light | None) -> list[Swap]:
        """Let what was prepared take the place of what runs; cannot fail."""
        if light is None:
            return []
        self._light.mouth.shut()
        self._light.close()
        self._light = light
        return [Swap((NAME,), tuple(self.parts()))]

    @contextlib.contextmanager
    def technician(self) -> Iterator[None]:
        """Take SIGUSR1 as the wish for a capture of raw samples: systemctl kill --signal=SIGUSR1 stationd."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._capture_now)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)
            self._light.close()

    def _capture_now(self) -> None:
        if self.sampler is not None and self.sampler.capture():
            log.info("raw samples are taken: a technician asks for them")
        else:
            log.warning("no raw samples for the technician: no sampler runs, or it has not taken up an earlier request yet")
