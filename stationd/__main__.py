"""The command line: words in, exit code out.

0 ended as asked, 1 failed, 2 usage or a faulty configuration, 75 another instance holds the state directory. Heavy rooms are
imported only by the command that needs them. The signals of the daemon are taken by the first instruction of `main`: a SIGHUP that
comes while it still reads its modules is a wish for later, not its end.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import stationd
from stationd.service.hangup import Hangup

if TYPE_CHECKING:
    import argparse
    from collections.abc import Coroutine
    from pathlib import Path

OK, FAILED, USAGE = 0, 1, 2
DEFAULT_CONFIG = "/etc/stationd/station.toml"
RUN = """Run the station until SIGTERM. SIGHUP has the station file read again. A file that is missing or has mistakes is never taken up: a
reload then changes nothing, and a start goes by the last file of the same path that was taken up (kept in the state directory), read-only
and with the alarm CONFIG-REJECTED, until the file is mended and stationd restarted. Where there is none, the exit code is 2."""


def main(words: list[str] | None = None) -> None:
    """Run one command and exit with its code."""
    hangup = _signals_of_the_daemon() if (sys.argv[1:] if words is None else words)[:1] == ["run"] else None
    arguments = _parser().parse_args(words)
    sys.exit(_run(arguments, hangup))


def _signals_of_the_daemon() -> Hangup:
    """Take the signals of `run`: until it has its event loop nothing is open, and whoever ends it may end it at once."""
    hangup = Hangup()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(OK))
    return hangup


def _parser() -> argparse.ArgumentParser:
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="stationd", description="Controller daemon of submarine-cable landing stations.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="the daemon", description=RUN)
    run.add_argument("--config", type=Path, default=Path(DEFAULT_CONFIG), metavar="FILE", help=f"station file (default {DEFAULT_CONFIG})")
    run.add_argument("--ports-file", type=Path, metavar="PATH", help="write where the pages are, as JSON, once they are served")
    check = commands.add_parser("check", help="every mistake of a station file at once")
    check.add_argument("config", type=Path, nargs="?", metavar="CONFIG")
    check.add_argument("--defaults", action="store_true", help="print every key with its default and meaning")
    sim = commands.add_parser("sim", help="only simulated equipment, for any client")
    sim.add_argument("rig", type=Path, metavar="RIG.toml")
    sim.add_argument("--ports-file", type=Path, metavar="PATH", help="write where the ports are, as JSON, once they are open")
    drivers = commands.add_parser("drivers", help="the catalogue of drivers, or one driver's points")
    drivers.add_argument("name", nargs="?", metavar="NAME")
    drivers.add_argument("--directory", type=Path, action="append", default=[], metavar="DIR", help="also driver files of this directory")
    _add_demo(commands.add_parser("demo", help="the whole simulated line with two real daemons"))
    bench = commands.add_parser("bench", help="the benchmarks, each with its own baseline in the same run")
    bench.add_argument("name", nargs="?", metavar="NAME")
    bench.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_support(commands)
    commands.add_parser("version", help="the version")
    return parser


def _add_demo(demo: argparse.ArgumentParser) -> None:
    from pathlib import Path

    demo.add_argument("--scenario", metavar="NAME", help="play a scenario, for example cable-cut")
    demo.add_argument("--seconds", type=float, metavar="N", help="end after N seconds (default: at Ctrl-C)")
    demo.add_argument("--routes", choices=("main", "reserve", "both"), default="main")
    demo.add_argument("--fibre-pairs", type=int, default=8, metavar="N", help="1 to 24, default 8")
    demo.add_argument("--ports-file", type=Path, metavar="PATH", help="write where everything is, as JSON, once it is ready")


def _add_support(commands: Any) -> None:
    from stationd.support.words import add_arguments

    add_arguments(commands.add_parser("support", help="what can be found out about the station, also without its daemon"))


def _run(arguments: argparse.Namespace, hangup: Hangup | None) -> int:
    match arguments.command:
        case "run":
            return _daemon(arguments.config, arguments.ports_file, hangup or _signals_of_the_daemon())
        case "check":
            return _check(arguments.config, arguments.defaults)
        case "sim":
            return _sim(arguments.rig, arguments.ports_file)
        case "drivers":
            return _drivers(arguments.name, arguments.directory)
        case "demo":
            from stationd.demo import demo

            return demo(arguments.scenario, arguments.seconds, arguments.routes, arguments.fibre_pairs, arguments.ports_file)
        case "support":
            from stationd.support.command import carry_out

            return carry_out(arguments)
        case "bench":
            from stationd import log
            from stationd.bench import bench

            log.set_up()
            return bench(arguments.name, as_json=arguments.json)
        case _:
            print(f"stationd {stationd.__version__}")
            return OK


def _daemon(path: Path, ports_file: Path | None, hangup: Hangup) -> int:
    gc.disable()  # hardly anything that a start makes is garbage: looking for it costs a tenth of the time until the station is ready
    from stationd.daemon import run_daemon

    try:
        return run_daemon(path, ports_file, hangup)
    finally:
        hangup.end()


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT, then let everything end in order."""
    import asyncio

    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def _check(path: Path | None, list_defaults: bool) -> int:
    from stationd import app, config
    from stationd.config.far_station import key_trouble

    if list_defaults:
        print(config.defaults(), end="")
        return OK
    if path is None:
        print("stationd check: name a station file, or --defaults", file=sys.stderr)
        return USAGE
    loaded = app.load(path)
    for mistake in loaded.mistakes:
        print(mistake.render())
    if loaded.config is None:
        return FAILED
    print(f"{path}: no mistakes; {len(loaded.config.device)} devices on {len(loaded.config.bus)} buses")
    if trouble := key_trouble(loaded.config, os.environ):
        print(f"{path}: on this machine the far station would stay unknown: no key: {trouble}")
    return OK


def _sim(rig: Path, ports_file: Path | None) -> int:
    import asyncio

    from stationd.sim.rig import RigError
    from stationd.sim.world import run_sim

    try:
        asyncio.run(_until_signal(run_sim(rig, ports_file)))
    except RigError as error:
        print(error, file=sys.stderr)
        return USAGE
    return OK


def _drivers(name: str | None, directories: list[Path]) -> int:
    from stationd import app, catalogue_page

    catalogue, problems = app.catalogue(directories)
    for problem in problems:
        print(problem.render(), file=sys.stderr)
    if name is None:
        print(catalogue_page.catalogue(catalogue), end="")
        return FAILED if problems else OK
    if name not in catalogue:
        print(f'there is no driver "{name}"; one of: {", ".join(sorted(catalogue))}', file=sys.stderr)
        return USAGE
    print(catalogue_page.driver_page(catalogue[name]), end="")
    return OK


if __name__ == "__main__":
    main()
