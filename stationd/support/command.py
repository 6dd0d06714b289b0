"""The words of `support`: a summary to be read over the telephone, a bundle to be sent.

    summary                          twenty lines, from the daemon when it answers, else from the machine
    bundle [since 24h]               one .zip; prints where it is, its size, its SHA-256 and what is in it
    --config FILE  --state DIR  --socket PATH  --since 24h

Works without a daemon. 0 done, 1 no place took the bundle, 2 words that are none.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import stationd
from stationd.shell.screens.phone import grouped, page
from stationd.support import packing, station_file, told, words
from stationd.support.collecting import Wanted, collected, living_page
from stationd.support.station_file import StationFile
from stationd.support.within import Deadline

DONE, FAILED, USAGE = 0, 1, 2


def run(typed: Sequence[str]) -> int:
    """Carry out the words; an exit code."""
    parser = argparse.ArgumentParser(prog="support", description="What can be found out about the station, also without its daemon.")
    words.add_arguments(parser)
    try:
        arguments = parser.parse_args(list(typed))
    except SystemExit as ended:  # --help, or words that are none: said already
        return ended.code if isinstance(ended.code, int) else USAGE
    return carry_out(arguments)


def carry_out(arguments: argparse.Namespace) -> int:
    """Carry out what was parsed."""
    back_s = words.since_s(arguments)
    if back_s is None:
        sys.stderr.write("support bundle since T: a time with its unit, for example 90m, 24h or 3d\n")
        return USAGE
    deadline = Deadline(60.0)
    file = told.within_or(deadline, lambda: station_file.read(arguments.config), None)
    file = file if isinstance(file, StationFile) else StationFile(arguments.config, trouble="cannot be read")
    now = time.time()
    wanted = Wanted(file, arguments.state or file.state, arguments.socket or file.socket, now - back_s, deadline)
    return _summary(wanted) if arguments.what == "summary" else _bundle(wanted, now)


def _summary(wanted: Wanted) -> int:
    machine = told.machine_topics(wanted.file, wanted.state, Deadline(8.0))
    lines = living_page(wanted, machine)
    if lines is None:
        lines = page(told.facts(wanted.file, wanted.state, wanted.socket, Deadline(20.0)))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return DONE


def _bundle(wanted: Wanted, now: float) -> int:
    parts, missing = collected(wanted)
    stamp = datetime.fromtimestamp(now, UTC)
    station = re.sub(r"[^a-z0-9-]", "", wanted.file.name.lower())[:40] or "station"
    since = datetime.fromtimestamp(max(wanted.since_utc_s, 0), UTC)
    head = [
        f"support bundle of {station}, made {stamp:%Y-%m-%d %H:%M:%S} UTC by stationd {stationd.__version__}",
        f"since {since:%Y-%m-%d %H:%M:%S} UTC; station file {wanted.file.path}, state directory {wanted.state}",
        f"by the user with the number {os.geteuid()}",
    ]
    data, listing = packing.packed(parts, missing, head, now)
    places = packing.places(wanted.state, os.environ)
    try:
        file = packing.written(data, f"support-{station}-{stamp:%Y%m%dT%H%M%SZ}.zip", places, wanted.state)
    except packing.NoPlace as why:
        sys.stderr.write(f"no place takes the bundle of {grouped(len(data))} bytes: {why}\nread this instead: support summary\n")
        return FAILED
    said = [f"not in {reason}" for reason in file.passed_over]
    said += [f"path    {file.path}", f"size    {grouped(file.size)} bytes", f"sha256  {file.sha256}", "", listing.rstrip()]
    sys.stdout.write("\n".join(said) + "\n")
    return DONE
