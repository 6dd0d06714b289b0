"""The benchmarks: each measures against a baseline of the same run, because machines differ and are busy.

`stationd bench NAME` prints the rows of one, `stationd bench` those of all, `--json` one JSON object a line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from stationd.bench.row import Row


def _bus() -> Iterator[Row]:
    from stationd.bench.bus import bus_rows

    return bus_rows()


def _poll() -> Iterator[Row]:
    from stationd.bench.poll import poll_rows

    return poll_rows()


def _late() -> Iterator[Row]:
    from stationd.bench.late import late_rows

    return late_rows()


def _scale() -> Iterator[Row]:
    from stationd.bench.scale import scale_rows

    return scale_rows()


def _alarms() -> Iterator[Row]:
    from stationd.bench.alarms import alarm_rows

    return alarm_rows()


def _journal() -> Iterator[Row]:
    from stationd.bench.journal import journal_rows

    return journal_rows()


def _control() -> Iterator[Row]:
    from stationd.bench.control import control_rows

    return control_rows()


def _sampler() -> Iterator[Row]:
    from stationd.bench.sampler import sampler_rows

    return sampler_rows()


def _sampler_soak() -> Iterator[Row]:
    from stationd.bench.sampler_soak import soak_rows

    return soak_rows()


def _shell() -> Iterator[Row]:
    from stationd.bench.shell import shell_rows

    return shell_rows()


def _start() -> Iterator[Row]:
    from stationd.bench.start import start_rows

    return start_rows()


def _shunt() -> Iterator[Row]:
    from stationd.bench.shunt import shunt_rows

    return shunt_rows()


BENCHES: Mapping[str, Callable[[], Iterator[Row]]] = MappingProxyType(
    {
        "alarms": _alarms,
        "bus": _bus,
        "control": _control,
        "journal": _journal,
        "late": _late,
        "poll": _poll,
        "sampler": _sampler,
        "sampler-soak": _sampler_soak,
        "scale": _scale,
        "shell": _shell,
        "shunt": _shunt,
        "start": _start,
    }
)
ONLY_BY_NAME = frozenset({"sampler-soak"})  # ten minutes; run when it is asked for


def bench(name: str | None, *, as_json: bool) -> int:
    """Run one benchmark or all; return 0 when every goal is met, 1 when one is missed, 2 for an unknown name."""
    if name is not None and name not in BENCHES:
        print(f'there is no benchmark "{name}"; one of: {", ".join(BENCHES)}', file=sys.stderr)
        return 2
    met = True
    for each in [name] if name else [every for every in BENCHES if every not in ONLY_BY_NAME]:
        for row in BENCHES[each]():
            print(row.as_json() if as_json else row.as_text(), flush=True)
            met = met and row.ok is not False
    return 0 if met else 1
