"""Files of raw optical samples round an event, for the person who looks into it afterwards.

Each is either an .npz, which numpy.load opens, or a .csv, which everything opens. A file has the counts, their times, and what
is needed to understand them: channels, calibration, thresholds, and what triggered it. numpy is not needed to write them: the
format is that of numpy's own description (NEP 1, version 1.0) in a zip archive.

    counts.npy        int32, scans x channels      times_ns.npy   int64, nanoseconds of CLOCK_MONOTONIC of each scan
    slots.npy         uint64, number of each scan; one that was missed is a number that is not there
    channels.npy      names                        description.json   all the rest

A file is written under a temporary name, brought to the disk, and renamed: a kill leaves no half file. Then the oldest files go,
down to the quota. Which are older says the number at the end of their names, which only rises: a clock that is set back does not
make a new file the oldest. Files of other names are never touched. One thread writes, so that a slow disk holds up neither the
loop nor any other output; a full one costs the capture, which is counted and said once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import struct
import sys
import threading
import zipfile
from array import array
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from queue import Full, Queue
from typing import BinaryIO

import structlog

from stationd.core.model import LightKind
from stationd.links.sampler import RawCapture
from stationd.outputs.clock import Clock
from stationd.outputs.document import Identity

log = structlog.get_logger()

MIB = 1 << 20
MANUAL = "manual"
ORDER, WIDE = ("<", "utf-32-le") if sys.byteorder == "little" else (">", "utf-32-be")  # arrays are written as they lie in memory
NEW = ".new"  # the end of the name of a file that is not complete
KINDS = "|".join([MANUAL, *(kind.value for kind in LightKind)])
OURS = re.compile(rf"\d{{8}}T\d{{6}}\.\d{{6}}Z-(?:{KINDS})(?:-.+)?-(\d{{6,}})\.(?:npz|csv)")  # all names that we ever give


class CaptureFormat(Enum):
    """What kind of file is written."""

    NPZ = "npz"
    CSV = "csv"


@dataclass(slots=True)
class CaptureStatistics:
    """What became of the captures that were handed over."""

    written: int = 0
    failed: int = 0
    deleted: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    capture: RawCapture
    clock: Clock
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class CaptureFiles:
    """The directory of captures. To be started and used in the running event loop; only its own thread touches the disk."""

    def __init__(self, directory: Path, form: CaptureFormat, quota_mib: int, identity: Identity) -> None:
        self.statistics = CaptureStatistics()
        self._directory = directory
        self._form = form
        self._quota = quota_mib * MIB
        self._identity = identity
        self._jobs: Queue[_Job | None] = Queue(maxsize=1)
        self._told = ""
        self._last = 0  # the number at the end of the newest name
        # A daemon thread: a disk that hangs must not hold up the end of the program; a file that is not complete is no loss.
        threading.Thread(target=self._work, name="captures", daemon=True).start()

    def keep(self, capture: RawCapture) -> asyncio.Future[None]:
        """Have a capture written; the future ends when it is on the disk or was lost. Never fails and never waits."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        try:
            self._jobs.put_nowait(_Job(capture, Clock.read(), loop, done))
        except Full:
            self._fail("too many captures wait for the disk")
            done.set_result(None)
        return done

    def close(self) -> None:
        """Let the thread end after what it is writing; does not wait for it."""
        with contextlib.suppress(Full):
            self._jobs.put_nowait(None)

    # ------------------------------------------------------------------ in the thread

    def _work(self) -> None:
        self._begin()
        while (job := self._jobs.get()) is not None:
            try:
                self._write(job)
            except Exception as error:  # noqa: BLE001 - whatever it is (no memory, no disk), the next capture may go well
                self._fail(error.strerror or str(error) if isinstance(error, OSError) else repr(error))
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                job.loop.call_soon_threadsafe(_finish, job.done)

    def _begin(self) -> None:
        """Make the directory and remove what a kill has left; whether that works is seen again at the first capture."""
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True)
            for left in self._directory.glob(f".*{NEW}"):
                if OURS.fullmatch(left.name[1 : -len(NEW)]):
                    left.unlink()
            self.statistics.bytes = sum(size for _, _, size in self._files())

    def _write(self, job: _Job) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._last = max([self._last, *(number for number, _, _ in self._files())]) + 1
        name, description = self._described(job)
        new = self._directory / f".{name}{NEW}"
        try:
            with new.open("wb") as file:
                (write_npz if self._form is CaptureFormat.NPZ else write_csv)(file, job.capture, description)
                file.flush()
                os.fsync(file.fileno())
            self._refuse_larger(new.stat().st_size)
            new.rename(self._directory / name)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        _bring_to_disk(self._directory)
        self.statistics.written += 1
        self._told = ""
        log.info("raw samples written", file=str(self._directory / name), scans=job.capture.scans)
        self._keep_to_quota()

    def _described(self, job: _Job) -> tuple[str, dict[str, object]]:
        """Return the name of a capture's file, and what it says of itself."""
        capture, trigger = job.capture, job.clock.written(job.capture.trigger_ns * 1e-9, 6)
        kind = MANUAL if capture.kind is None else capture.kind.value
        parts = (trigger.replace(":", "").replace("-", ""), kind, capture.channel, f"{self._last:06}")
        return "-".join(filter(None, parts)) + f".{self._form.value}", describe(capture, self._identity, kind, trigger)

    def _refuse_larger(self, size: int) -> None:
        if size > self._quota:
            raise OSError(f"{size / MIB:.1f} MiB are more than [sampler] captures_mib = {self._quota // MIB} allows")

    def _keep_to_quota(self) -> None:
        """Delete the oldest files; one that cannot be deleted is not counted against the capture that was written."""
        files = self._files()
        self.statistics.bytes = sum(size for _, _, size in files)
        for _, path, size in files[:-1]:
            if self.statistics.bytes <= self._quota:
                return
            try:
                path.unlink()
            except OSError as error:
                log.warning("a file of raw samples cannot be deleted", file=str(path), cause=error.strerror or str(error))
                continue
            self.statistics.deleted += 1
            self.statistics.bytes -= size

    def _files(self) -> list[tuple[int, Path, int]]:
        """Return number, path and size of our files, the oldest first."""
        found = [(int(ours[1]), path) for path in self._directory.iterdir() if (ours := OURS.fullmatch(path.name))]
        return [(number, path, path.stat().st_size) for number, path in sorted(found)]

    def _fail(self, cause: str) -> None:
        self.statistics.failed += 1
        if not self._told:
            log.error("raw samples of an event are lost", directory=str(self._directory), cause=cause)
        self._told = cause


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _bring_to_disk(directory: Path) -> None:
    """Make the new name of a file outlast a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------- what a file says


def describe(capture: RawCapture, identity: Identity, kind: str, trigger: str) -> dict[str, object]:
    """Return everything that is needed to understand the samples of a capture, in JSON's types."""
    settings = capture.settings
    channels = [
        {
            "name": channel.name,
            "input": channel.index,
            "los_dbm": channel.los_dbm,
            "clear_dbm": channel.clear_dbm,
            "calibration": {"model": type(channel.calibration.law).__name__, **asdict(channel.calibration)},
            "watch": asdict(watch),
        }
        for channel, watch in zip(settings.channels, capture.watches, strict=True)
    ]
    return {
        "station": identity.name,
        "mode": identity.mode.value,
        "trigger": {"kind": kind, "channel": capture.channel, "utc": trigger, "t_ns": capture.trigger_ns, "slot": capture.trigger_slot},
        "number": capture.number,
        "lost_before": capture.lost_before,
        "rate_hz": settings.rate_hz,
        "source": f"{settings.source.kind}:{settings.source.where}",
        "scans": capture.scans,
        "temperature_c": capture.temperature_c,
        "channels": channels,
    }


def write_npz(file: BinaryIO, capture: RawCapture, description: dict[str, object]) -> None:
    """Write a capture as a zip archive of arrays that numpy.load reads."""
    names = [channel.name for channel in capture.settings.channels]
    width = max(map(len, names))
    text = b"".join(name.ljust(width, "\0").encode(WIDE) for name in names)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("counts.npy", npy(f"{ORDER}i4", (capture.scans, len(names)), capture.counts))
        archive.writestr("times_ns.npy", npy(f"{ORDER}i8", (capture.scans,), capture.times_ns))
        archive.writestr("slots.npy", npy(f"{ORDER}u8", (capture.scans,), capture.slots))
        archive.writestr("channels.npy", npy(f"{ORDER}U{width}", (len(names),), text))
        archive.writestr("description.json", json.dumps(description, indent=1, ensure_ascii=False))


def npy(kind: str, shape: tuple[int, ...], data: bytes) -> bytes:
    """Return an array in numpy's format 1.0: magic, length of the header, the header padded to 64 bytes, the data."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def write_csv(file: BinaryIO, capture: RawCapture, description: dict[str, object]) -> None:
    """Write a capture as text: the description in lines that begin with "#", then one line for each scan."""
    for key, value in description.items():
        file.write(f"# {key}: {json.dumps(value, ensure_ascii=False)}\n".encode())
    names = [channel.name for channel in capture.settings.channels]
    file.write((",".join(["time_ns", "slot", *names]) + "\n").encode())
    counts, times, slots = array("i", capture.counts), array("q", capture.times_ns), array("Q", capture.slots)
    for scan, (time_ns, slot) in enumerate(zip(times, slots, strict=True)):
        row = counts[scan * len(names) : (scan + 1) * len(names)]
        file.write(f"{time_ns},{slot},{','.join(map(str, row))}\n".encode())
