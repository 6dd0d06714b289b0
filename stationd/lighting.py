"""The light of a station: the optical sampler and its captures, where the file has a [sampler], and how another one takes its place.

What it is not: the sampler (stationd.links.sampler), or what its readings mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
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


class Lighting:
    """The sampler and the files of its captures. `measured` gives the number of a point that is not stale, or None."""

    def __init__(self, plans: Plans, identity: Identity, post: Post, measured: Callable[[PointId], float | None], make: Make) -> None:
        self._identity = identity
        self._post = post
        self._measured = measured
        self._make = make
        self._mouth = Mouth[Event](post)
        self.captures: CaptureFiles | None = None
        self.sampler: OpticalSampler | None = None
        self._begin(plans.config.sampler)

    def _begin(self, section: Sampler | None) -> None:
        if section is None:
            return
        form, self._mouth = CaptureFormat(section.capture_format.value), Mouth(self._post)
        captures = self.captures = CaptureFiles(Path(section.captures), form, section.captures_mib, self._identity)
        name, _, point = (section.temperature or "").partition(".")
        warmth = PointId(name, point)
        self.sampler = OpticalSampler(settings_of(section), self._mouth, captures.keep, lambda: self._measured(warmth), self._make)

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
        return self.captures.statistics if self.captures is not None else None

    def parts(self) -> Iterator[Part]:
        """Return the sampler's part."""
        if (sampler := self.sampler) is not None:
            sys.setswitchinterval(SWITCH_S)
            yield Part(NAME, sampler.run, sampler.beat, kind=Kind.STATION, failing=lambda: sampler.failing)

    def replan(self, plans: Plans, change: Changes) -> list[Swap]:
        """Let a sampler of the new file take the place of the one that runs, if they differ."""
        if not change.concern("sampler"):
            return []
        self._mouth.shut()
        self._end_captures()
        self._begin(plans.config.sampler)
        return [Swap((NAME,), tuple(self.parts()))]

    def _end_captures(self) -> None:
        if self.captures is not None:
            self.captures.close()

    @contextlib.contextmanager
    def technician(self) -> Iterator[None]:
        """Take SIGUSR1 as the wish for a capture of raw samples: systemctl kill --signal=SIGUSR1 stationd."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._capture_now)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)
            self._end_captures()

    def _capture_now(self) -> None:
        if self.sampler is not None and self.sampler.capture():
            log.info("raw samples are taken: a technician asks for them")
        else:
            log.warning("no raw samples for the technician: no sampler runs, or it has not taken up an earlier request yet")
