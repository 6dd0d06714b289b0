"""The words and options of `support`. Loaded with every start of `stationd`, therefore nothing but the standard library."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

CONFIG = Path("/etc/stationd/station.toml")
USUAL_SINCE = "24h"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_S = 400 * 86_400  # nothing is kept for longer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the words and options of `support` to a parser."""
    parser.add_argument("what", choices=("summary", "bundle"), help="twenty lines for the telephone, or all there is in one file")
    parser.add_argument("more", nargs="*", metavar="since 24h", help="how far back the bundle goes")
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"station file (default {CONFIG})")
    parser.add_argument("--state", type=Path, metavar="DIR", help="state directory (default: as the station file says)")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="control socket (default: as the station file says)")
    parser.add_argument("--since", metavar="T", help=f"how far back: 90m, 24h, 3d (default {USUAL_SINCE})")


def since_s(arguments: argparse.Namespace) -> float | None:
    """Return how far back is meant, in s; None where the words say nothing that is understood."""
    words = list(arguments.more)
    if words and (len(words) != 2 or words[0] != "since" or arguments.since or arguments.what != "bundle"):
        return None
    text = words[1] if words else arguments.since or USUAL_SINCE
    if re.fullmatch(r"(\d{1,6}[smhd])+", text, re.ASCII) is None:
        return None
    return min(float(sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))), LONGEST_S)
