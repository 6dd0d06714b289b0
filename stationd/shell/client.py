"""`stationctl` with words: one command, one answer, one exit code. Without words, on a terminal, it is the shell.

One-shot it never pages, never asks (but where only a person may answer), never colours and never waits longer than its time-out. Data
goes to standard output, everything else to standard error. Follows varlink.org for the bytes on the socket; needs nothing but the
standard library, and is small on purpose, so that it starts quickly on a small machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence

from stationd.shell import errand, stages
from stationd.shell.caller import SOCKET, Failed, Line
from stationd.shell.daemon import Daemon
from stationd.shell.exits import Exit
from stationd.shell.grammar.command import IN_PERSON
from stationd.shell.grammar.match import EMERGENCY_OFF
from stationd.shell.grammar.table import recognised, stage, understood
from stationd.shell.grammar.typed import of_arguments, staged
from stationd.shell.options import Options, options
from stationd.shell.screens.typeset import ascii_only, fitting, wrapped
from stationd.shell.told import Asked, Told
from stationd.shell.wish import OF_SHELL, Kind, Usage, Wish

TIMEOUT_S = 10.0
ROWS = 23  # of a terminal with 24, whose last one is for the next prompt
FEWEST_ROWS = 19  # of a smaller terminal a screen takes no fewer: the answer itself needs them


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command, or the shell, and return the exit code."""
    try:
        asked = options(sys.argv[1:] if arguments is None else arguments, SOCKET, TIMEOUT_S)
        return _told(asked)
    except Usage as wrong:
        say(f"stationctl: {wrong}", "all commands: stationctl --help")
        return Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough, and nothing but words was to be said
        _output_is_nowhere()
        return Exit.DONE
    except OSError as error:
        return _unwritten(error, Exit.DONE)


def _unwritten(error: OSError, code: int) -> int:
    """Say that nobody can read the answer; return the code of the command, or that it failed where it only had something to say."""
    _output_is_nowhere()
    if not isinstance(error, BrokenPipeError):  # whose reader has seen enough
        say(f"stationctl: the output cannot be written: {error.strerror or error}")
        return code or Exit.FAILED
    return code


def _output_is_nowhere() -> None:
    """Let the interpreter end without another try at an output that does not work."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(asked: Options) -> int:
    """Carry out the command; say on standard error why it failed."""
    try:
        code = _carry_out(asked)
        sys.stdout.flush()
    except Failed as failed:
        _tell(failed, asked)
        return failed.code
    except Usage as wrong:
        say(f"stationctl: {wrong}", *(_emergency_forms(asked) or ["all commands: stationctl --help"]))
        return Exit.USAGE
    except (KeyError, TypeError, ValueError, AttributeError) as strange:
        say(f"stationctl: the answer of the daemon is not understood ({strange!r})", "is it of another version? stationd version")
        return Exit.OUTCOME_UNKNOWN if _acts(asked) else Exit.NO_DAEMON
    return code


def _emergency_forms(asked: Options) -> list[str]:
    """Return what may be typed at this very station, where somebody has tried to switch it off."""
    if not asked.words[:1] or asked.words[0].casefold() != EMERGENCY_OFF.casefold():
        return []
    from stationd.shell import emergency

    return emergency.may_be_typed(asked.socket)


def _acts(asked: Options) -> bool:
    """Return whether a command that was understood before changes something."""
    return understood(staged(of_arguments(asked.words)).words).acts


def _carry_out(asked: Options) -> int:
    if asked.help:
        from stationd.shell.grammar.manual import usage

        print_lines(usage())
        return Exit.DONE
    if not asked.words:
        return _shell(asked)
    line = staged(of_arguments(asked.words))
    found = recognised(line.words)
    wish = found.wish
    if wish.kind is Kind.EMERGENCY:
        from stationd.shell import emergency

        return emergency.off(wish, asked.socket, as_json=asked.json)
    through = stages.checked([stage(words) for words in line.stages])
    if wish.kind in OF_SHELL:
        raise Usage(f"{asked.words[0]} is for the shell: type stationctl alone")
    if found.command.klass in IN_PERSON or wish.kind is Kind.WATCH:
        return _face_to_face(wish, asked, piped=bool(through))
    as_json = asked.json or stages.named(through, "json") is not None
    explains = wish.kind in (Kind.EXPLAIN, Kind.LAMP)
    language = os.environ.get("STATIONCTL_LANG", "en")
    how = Asked(" ".join(line.words), as_json, asked.plain, asked.strict, None if through else rows(), language, explains and _utf8())
    daemon = Daemon(asked.socket, asked.timeout_s)
    told = errand.told(wish, daemon, how)
    try:
        _print(told, daemon, through, as_json=as_json)
        sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error, told.code)
        if wish.acts and told.code is Exit.DONE:
            say("what was ordered is done")
        return told.code if wish.acts else code
    return told.code


def _print(found: Told, daemon: Daemon, through: Sequence[Wish], *, as_json: bool) -> None:
    say(*found.beside)
    if as_json:
        sys.stdout.write(json.dumps(found.document) + "\n")
        return
    lines = stages.through(found.lines, through)
    save = stages.named(through, "save")
    print_lines(lines if save is None else errand.saved(daemon, str(save.parameters["name"]), lines))


def _shell(asked: Options) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("what is to be done? For example: show status")
    if asked.json:
        raise Usage("--json goes with a command: stationctl --json show status")
    from stationd.shell import interactive

    return interactive.run(asked)


def _face_to_face(wish: Wish, asked: Options, *, piped: bool) -> int:
    """Carry out what is asked and answered on a terminal, in one process from its beginning to its end."""
    if asked.json or piped or (asked.plain and wish.kind is not Kind.WATCH):
        raise Usage(f"{asked.words[0]} goes on for a while on the terminal: --json, --plain and bars do not go with it")
    if wish.kind is Kind.WATCH:
        from stationd.shell import watching

        return watching.watched(wish, Daemon(asked.socket, asked.timeout_s), plain=asked.plain)
    from stationd.shell import act_client  # the modules of the terminal are not needed by anything else

    act_client.person_at_terminal()  # before anybody is called: without a person it is refused, whether or not a daemon answers
    with contextlib.closing(Line(asked.socket, asked.timeout_s)) as line:
        if wish.kind is Kind.OUT_OF_SERVICE:
            from stationd.shell import out_of_service

            return out_of_service.asked(line, wish, asked.timeout_s)
        return act_client.face_to_face(line, wish, asked.socket, asked.timeout_s)


def rows() -> int | None:
    """Return how many rows a screen may have: all there are to print when nobody looks at a terminal."""
    if not sys.stdout.isatty():
        return None
    with contextlib.suppress(OSError):
        known = os.get_terminal_size(sys.stdout.fileno()).lines  # 0: a serial console that never said
        return max(known - 1, FEWEST_ROWS) if known else ROWS
    return ROWS


def _utf8() -> bool:
    """Return whether this terminal shows more than 7-bit ASCII; only translations need it."""
    from stationd.shell import tty_facts
    from stationd.shell.dress import dressed

    facts = tty_facts.of_terminal(sys.stdout.fileno())
    return dressed(os.environ, is_tty=sys.stdout.isatty(), is_serial=facts.serial, baud=facts.baud).utf8


def print_lines(lines: Sequence[str]) -> None:
    """Write lines to standard output."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def say(*lines: str) -> None:
    """Write sentences to standard error."""
    sys.stderr.write("".join(f"{line}\n" for line in fitting(map(ascii_only, lines))))


def _tell(failed: Failed, asked: Options) -> None:
    if asked.json:
        form = {"error": failed.error, "parameters": failed.parameters, "text": " ".join(failed.lines), "exit": int(failed.code)}
        sys.stderr.write(json.dumps(form) + "\n")  # one document, one line
        return
    say(*(wrapped(" ".join(asked.words), "REFUSED  ") if failed.error else []), *failed.lines)


if __name__ == "__main__":
    sys.exit(main())
