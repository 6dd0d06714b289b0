"""What somebody types who has `stationctl-login` in the place of a shell: OpenSSH's ForceCommand, or the login shell of an account.

`ssh station` gives the shell of the product, `ssh station show status` one command. What comes from outside is cut into words as
a shell would do it, and handed over as words: no shell ever sees it, and nothing in it is expanded or run. Of the options only those
are let in that change how an answer looks or how long it is waited for; to whom it talks is not for whoever logs in. Three ways in:

    ForceCommand stationctl-login       the words stand in SSH_ORIGINAL_COMMAND; without it the person wants the shell
    login shell, with a command         stationctl-login -c "show status"
    login shell, without one            argv[0] is "-stationctl-login", and nothing else

Where both are set, sshd calls the login shell with ForceCommand's own name as its command. Follows sshd_config(5) and sshd(8).
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence

from stationd.shell.exits import Exit

COMMAND = "-c"
ORIGINAL = "SSH_ORIGINAL_COMMAND"
PROGRAMS = frozenset({"stationctl", "stationctl-login"})
OPTIONS = frozenset({"--json", "--plain", "--strict", "--timeout", "--help", "-h"})
LONGEST = 8192  # characters of one command (assumption: the longest order with its reason is far below)


class Unreadable(Exception):
    """What came is no command; the text is one sentence for the person."""


def main() -> int:
    """Carry out what was typed; without words it is the shell."""
    try:
        words = typed(sys.argv, os.environ)
    except Unreadable as why:
        sys.stderr.write(f"stationctl: {why}\n")
        return Exit.USAGE
    from stationd.shell import client  # the program itself, in this process

    return client.main(words)


def typed(arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the words for `stationctl`; none where the person wants to type them himself. Unreadable for what is no command.

    `arguments` are those of the process, its own name first.
    """
    rest = list(arguments[1:])
    words = _without_program(_split(rest[1]) if rest[:1] == [COMMAND] and len(rest) > 1 else rest)
    return _let_in(words or _without_program(_split(environ.get(ORIGINAL, ""))))


def _let_in(words: list[str]) -> list[str]:
    """Return words as they are. Unreadable where an option among them is not for whoever logs in."""
    for word in words[: words.index("--")] if "--" in words else words:
        if word.startswith("--") and word.partition("=")[0] not in OPTIONS:
            raise Unreadable(f"{word.partition('=')[0]} is no option for a login; a note that begins so stands after --")
    return words


def _without_program(words: list[str]) -> list[str]:
    """Return the words behind the name of the program, which people are used to type."""
    return words[1:] if words[:1] and words[0].rpartition("/")[2] in PROGRAMS else words


def _split(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise Unreadable(f"the command has {len(text)} characters; the longest that is read has {LONGEST}")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Unreadable(f"the command cannot be cut into words: {error}; check its quotes") from None


if __name__ == "__main__":
    sys.exit(main())
