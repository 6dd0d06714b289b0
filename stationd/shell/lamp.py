"""`test lamp`: what this terminal can show, so that nobody trusts a screen that hides something. Pure."""

from __future__ import annotations

from stationd.shell.screens.typeset import COLUMNS


def lamp_lines(*, utf8: bool) -> list[str]:
    """Return every sign that screens are made of, a ruler, and how to read the result."""
    tens = "".join(f"{number * 10:>10}" for number in range(1, COLUMNS // 10 + 1))
    signs = "".join(map(chr, range(0x20, 0x7F)))
    lines = ["LAMP  every sign that a screen may use:", f"  {signs[:48]}", f"  {signs[48:]}"]
    lines += ["These two lines have to stand exactly over each other, none of them broken:"]
    lines += [tens.ljust(COLUMNS), ("----+----|" * 8)[:COLUMNS]]
    lines += ["Severities:  CRIT  MAJOR  MINOR  WARN      States:  UP  DOWN  STALE  BAD  HELD"]
    if utf8:
        lines += ["This terminal says that it shows UTF-8: \u0442\u043e\u043a, \u049b\u0443\u0430\u0442, g\u0259rginlik"]
    else:
        lines += ["This terminal shows 7-bit ASCII only, or does not say more: explanations are English."]
    return [*lines, "If a line is broken: terminal size 80 24. If signs are wrong: check LANG and TERM."]
