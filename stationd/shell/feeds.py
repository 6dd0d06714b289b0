"""Which power feed is meant: `pfe a` is pfe-a where there is one of that name, and the only feed of a station that has called it otherwise.

The daemon is asked for its names before anything is shown or armed; what a person reads after that, the arming screen above all, has the
real name. EMERGENCY-OFF is not read here: it leaves as it was typed, at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stationd.shell.caller import Failed, Line
from stationd.shell.exits import Exit
from stationd.shell.grammar.slots import Feed
from stationd.shell.methods import STATUS
from stationd.shell.wish import Wish

ONLY = ("pfe", "pfe-a")  # how the only feed may be called whatever its name is; pfe-b would be a second one


def meant(wish: Wish, line: Line) -> Wish:
    """Return a wish with the names of feeds as the station has them. Failed where it has no such feed, with those that it has."""
    typed = {name: known for name, known in wish.parameters.items() if isinstance(known, Feed)}
    if not typed:
        return wish
    try:
        answer = line.call(f"{STATUS}.GetStatus", {})
    except Failed as failed:
        if not failed.error:
            raise
        return wish  # it answers, but not this: whoever carries it out knows the names
    feeds = of_station(answer.get("status"))
    return wish._replace(parameters={**wish.parameters, **{name: _named(known, feeds) for name, known in typed.items()}})


def of_station(status: object) -> Sequence[str]:
    """Return the names of the power feeds in a status."""
    feeds = status.get("power_feeds") if isinstance(status, Mapping) else None
    return [str(name) for name in feeds] if isinstance(feeds, Mapping) else []


def only(feeds: Sequence[str], typed: Sequence[str]) -> str | None:
    """Return the one feed of a station where it was called as the only one may be; None where there are more, or another one is meant.

    `pfe b` is the feed of the other end: to switch ours off in its place would not be what was asked.
    """
    return feeds[0] if len(feeds) == 1 and all(name.casefold() in ONLY for name in typed) else None


def _named(typed: Feed, feeds: Sequence[str]) -> str:
    if typed in feeds or not feeds:  # without any, the daemon says why
        return str(typed)
    bare = typed.removeprefix("pfe-")
    if bare in feeds:
        return bare
    if len(feeds) == 1 and typed in ONLY:
        return feeds[0]
    why = f"there is no power feed {typed} here; there {'is' if len(feeds) == 1 else 'are'}: {', '.join(feeds)}"
    raise Failed(Exit.NO_SUCH_THING, why)
