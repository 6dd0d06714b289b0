"""R10: malformed requests at the control socket while people work: the attack of `stationd bench shell`, whose rows are the figures."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stationd.bench.row import Row
from stationd.bench.shell import attack_rows, station
from tests.reliability.figures import Figure, Share

SENT = "malformed: malformed, sent"  # of the row that counts them
AT_MOST = re.compile(r"<= ([\d.e+]+)")


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R10."""
    requests = share.of(100_000, 1_000_000)
    with tempfile.TemporaryDirectory() as name, station(Path(name)) as (process, path):
        for row in attack_rows(process, path, requests):
            sys.stdout.write(row.as_text() + "\n")
            if row.metric == SENT:
                yield Figure("cases", row.value, least=requests)
            if row.goal:
                yield of_row(row)


def of_row(row: Row) -> Figure:
    """Return a row of a benchmark as a figure with its goal as the limit."""
    name = re.sub(r"[^a-z0-9]+", "_", f"{row.metric} {row.unit}".lower()).strip("_")
    goal = AT_MOST.fullmatch(row.goal)
    return Figure(name, row.value, most=float(goal[1]) if goal else None)
