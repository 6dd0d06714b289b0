"""The report of a run: one HTML page that stands by itself, for the person who signs it.

What it is: on what and with what was measured, every measurement with its limits, every curve, what was skipped and why, what was injected,
and for what failed the one command that plays it again. It needs no script, and it loads nothing: it reads the same in ten years.
What it is not: a statement that anything conforms to a standard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from hil.plot import svg
from hil.record import Bench, Measurement, Outcome, Record, whole

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.12rem;margin:2.2rem 0 .4rem;border-top:1px solid #d5d9de;padding-top:1rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{text-align:left;padding:.22rem .6rem .22rem 0;border-bottom:1px solid #e6e9ec;vertical-align:top}th{font-weight:600;color:#4a525c}
td.n{text-align:right}td.k{color:#4a525c;width:13rem}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
.PASS{color:#1d6b34}.MARGINAL{color:#8a5a00}.FAIL,.ERROR,.NOTHING-RAN{color:#b01520;font-weight:700}.SKIP{color:#5d6670}.warn{color:#8a5a00;font-weight:600}
.sum b{margin-right:1.2rem}svg{width:100%;height:auto;margin:.6rem 0}svg text{font:12px system-ui,sans-serif;fill:#333}
svg .title{font-weight:600;font-size:13px}.grid{stroke:#e4e7ea}.frame{fill:none;stroke:#9aa2ab}
pre{background:#f5f6f7;padding:.6rem;overflow-x:auto;font-size:12.5px}
tr.head td{background:#f5f6f7;font-weight:600}details{margin:2rem 0}
.sign td{height:2.4rem;border-bottom:1px solid #555}
@media print{body{margin:0}h2{break-after:avoid}svg,table{break-inside:avoid}}
"""


SIGNED = (
    '<h2>Signed</h2><table class="sign"><tr><td class="k">Name</td><td></td></tr>'
    '<tr><td class="k">Date, signature</td><td></td></tr></table>'
)


def page(bench: Bench, records: Sequence[Record], at_utc_s: float) -> str:
    """Return the page."""
    counts = Counter(each.outcome for each in records)
    stands = whole(records, bench.trouble)
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>stationd on {escape(bench.rig)}: {stands.value}</title><style>{STYLE}</style></head><body>",
        f'<h1>stationd {escape(bench.version)} on rig {escape(bench.rig)}: <span class="{stands.word}">{stands.value}</span></h1>',
        f'<p class="sum">{"".join(f"<b class={each.value}>{counts[each]} {each.value}</b>" for each in Outcome if counts[each])}</p>',
        *_warnings(bench, records),
        *_bench(bench, at_utc_s),
        *_attention(records),
        *(line for each in records for line in _curves(each)),
        *_skipped(records),
        SIGNED,
        *_overview(records),
        *_injected(records),
        "</body></html>",
    ]) + "\n"  # fmt: skip


def _bench(bench: Bench, at_utc_s: float) -> Iterator[str]:
    rows = {
        "Finished": _utc(at_utc_s),
        "Bench": bench.station_id,
        "Device under test": bench.dut_id,
        "Version": bench.version,
        "Commit of the scenarios": bench.git_sha or "unknown",
        "Rig file": f"{bench.rig}, SHA-256 {bench.rig_sha256}",
        **{f"Station file {name}": f"SHA-256 {digest}" for name, digest in bench.config_sha256.items()},
        **{f"Calibrated: {name}": day.isoformat() for name, day in bench.calibrated.items()},
        "Load": bench.load_serial or "none with a serial number",
        "Person present": bench.person or "nobody: no voltage",
        "Lock": bench.lock_token,
    }
    lines = (f'<tr><td class="k">{escape(key)}</td><td><code>{escape(value)}</code></td></tr>' for key, value in rows.items())
    yield f"<table>{''.join(lines)}</table>"


def _warnings(bench: Bench, records: Sequence[Record]) -> Iterator[str]:
    """Yield, before anything else, what whoever signs must know: a rig that failed, overdue instruments, limits that were widened."""
    told = [f"The rig itself has failed: {bench.trouble}"] if bench.trouble else []
    told += [f"Calibration: {each}" for each in bench.overdue]
    told += [f"{_title(record)}: {beyond_words(each, record)}" for record in records for each in record.measurements if each.beyond_usual]
    yield from (f'<p class="warn">{escape(each)}</p>' for each in told)


def beyond_words(each: Measurement, record: Record) -> str:
    """Return the sentence about a value that only the rig's limits let pass."""
    usual = ", ".join(each.usual.validators) if each.usual else ""
    late = "" if record.lateness_ms is None else f"; this machine was late by up to {record.lateness_ms:.0f} ms meanwhile"
    shown = "not measured" if each.value is None else f"{each.value:.5g} {each.unit}".strip()
    return f"{_words(each.name)} is {shown}, beyond the scenario's own limit ({usual}) and within this rig's{late}"


def _attention(records: Sequence[Record]) -> Iterator[str]:
    """Yield what is not as it should be, with all that is known of it; nothing where all is well."""
    for record in records:
        if record.outcome in (Outcome.PASS, Outcome.SKIP):
            continue
        outcome = record.outcome.value
        yield f'<h2>{escape(_title(record))} <span class="{outcome}">{outcome}</span></h2>'
        yield f"<p>{_utc(record.start_utc_s)}, {record.duration_s:.1f} s</p>"
        wrong = [each for each in record.measurements if each.outcome not in (Outcome.PASS, Outcome.SKIP)]
        if wrong:
            yield f"<table>{''.join(f'<tr><td>{escape(_words(each.name))}</td>{_value(each)}</tr>' for each in wrong)}</table>"
        if record.detail:
            yield f"<pre>{escape(record.detail)}</pre>"
        if record.replay:
            yield f"<p>Play it again: <code>{escape(record.replay)}</code></p>"


def _curves(record: Record) -> Iterator[str]:
    plots = [each.plot for each in record.measurements if each.plot is not None]
    if plots:
        outcome = record.outcome.value
        yield f'<h2>{escape(_title(record))} <span class="{outcome}">{outcome}</span></h2>'
        yield from map(svg, plots)


def _overview(records: Sequence[Record]) -> Iterator[str]:
    """Yield every measurement of every scenario."""
    yield "<h2>Every measurement</h2><table><tr><th>Measured</th><th>Value</th><th>Limits</th><th>Outcome</th></tr>"
    for record in records:
        if record.outcome is Outcome.SKIP:
            continue
        outcome = record.outcome.value
        yield f'<tr class="head"><td colspan="3">{escape(_title(record))}, {record.duration_s:.1f} s</td>'
        yield f'<td class="{outcome}">{outcome}</td></tr>'
        yield from (f"<tr><td>{escape(_words(each.name))}</td>{_value(each)}</tr>" for each in record.measurements)
        for each in record.attachments:
            yield f'<tr><td>{escape(each.name)}</td><td colspan="3"><code>sha1 {each.sha1}</code></td></tr>'
    yield "</table>"


def _value(each: Measurement) -> str:
    shown = each.left_out or ("not measured" if each.value is None else f"{each.value:.5g} {each.unit}".strip())
    limits = ", ".join(each.limits.validators) or "none"
    marginal = [f"{bound:g}" for bound in (each.limits.marginal_lo, each.limits.marginal_hi) if bound is not None]
    limits += f" (marginal from {', '.join(marginal)})" if marginal else ""
    outcome = each.outcome.value
    return f'<td>{escape(shown)}</td><td>{escape(limits)}</td><td class="{outcome}">{outcome}</td>'


def _injected(records: Sequence[Record]) -> Iterator[str]:
    """Yield every fault, folded away: who looks for one opens the list."""
    faults = [fault for record in records for fault in record.faults if fault.get("what") in ("injected", "done")]
    if not faults:
        return
    plant = sum(fault["what"] == "done" for fault in faults)
    yield f"<details><summary>{len(faults) - plant} faults were injected, {plant} things were done to the plant</summary>"
    yield "<table><tr><th>Fault</th><th>Where</th><th>Parameters</th><th>Seed</th><th>Monotonic, s</th></tr>"
    for fault in faults:
        cells = (str(fault["kind"]), str(fault["where"]), str(fault["params"]), str(fault.get("seed", "")), f"{float(str(fault['t'])):.3f}")
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</table></details>"


def _skipped(records: Sequence[Record]) -> Iterator[str]:
    left_out = [(record, each) for record in records for each in record.measurements if each.left_out]
    skipped = [each for each in records if each.outcome is Outcome.SKIP]
    yield f"<h2>Skipped: {len(skipped)}</h2>"
    if skipped:
        yield "<table><tr><th>Scenario</th><th>Why</th></tr>"
        yield "".join(f'<tr><td>{escape(_title(each))}</td><td class="SKIP">{escape(each.detail)}</td></tr>' for each in skipped)
        yield "</table>"
    if left_out:
        yield f"<h2>Left out: {len(left_out)}</h2><table><tr><th>Measurement</th><th>Why</th></tr>"
        yield "".join(
            f'<tr><td>{escape(_title(record))}: {escape(_words(each.name))}</td><td class="SKIP">{escape(each.left_out)}</td></tr>'
            for record, each in left_out
        )
        yield "</table>"


def _title(record: Record) -> str:
    """Return the name of a scenario in words: its file, and what it shows."""
    file, _, name = record.name.partition("::")
    subject = file.removesuffix(".py").removeprefix("test_").replace("_", " ")
    return f"{subject}: {_words(name.removeprefix('test_')).replace('[', ' [')}" if name else record.name


def _words(name: str) -> str:
    return name.replace("_", " ")


def _utc(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
