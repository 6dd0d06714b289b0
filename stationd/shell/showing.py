"""Which screen shows the answer to which command. The screens are loaded when they are needed: a command starts quickly."""

from __future__ import annotations

from stationd.shell.told import Asked, Form
from stationd.shell.wish import ACT_SHOWN, Kind


def shown(kind: Kind, answer: Form, status: Form, asked: Asked) -> list[str]:
    """Return the lines of an answer; `status` is the station as it stood then."""
    rows = None if asked.plain else asked.rows
    if kind in ACT_SHOWN:
        from stationd.shell.screens import acting

        return acting.shown(kind, answer, str(status["t"]), rows)
    match kind:
        case Kind.LINE | Kind.FAULT | Kind.FAULTS | Kind.BASELINE | Kind.TAKE | Kind.BUNDLE:
            from stationd.shell.screens import line

            return line.shown(kind, answer, status, rows)
        case Kind.ALARMS | Kind.ALARM_HISTORY | Kind.ALARM_STATISTICS:
            return _alarms(kind, answer, status, asked, rows)
        case Kind.SESSIONS | Kind.HANDOVER:
            from stationd.shell.screens import people

            return people.sessions_screen(answer["sessions"]) if kind is Kind.SESSIONS else people.handover_screen(answer["page"], rows)
    return _plant(kind, answer, status, rows) or _diagnosed(kind, answer, rows)


def _alarms(kind: Kind, answer: Form, status: Form, asked: Asked, rows: int | None) -> list[str]:
    from stationd.shell.screens import alarms

    if kind is not Kind.ALARMS:
        if kind is Kind.ALARM_HISTORY:
            return alarms.alarm_history_screen(answer["events"], rows)
        return alarms.statistics_screen(answer["stats"], rows)
    return alarms.alarm_lines(answer) if asked.plain else alarms.alarms_screen(status, answer, rows, asked.command)


def _plant(kind: Kind, answer: Form, status: Form, rows: int | None) -> list[str]:
    from stationd.shell.screens import plant

    match kind:
        case Kind.FEEDS:
            return plant.feeds_screen(status, rows)
        case Kind.AMPLIFIERS:
            return plant.amplifiers_screen(status, rows)
        case Kind.OPTICAL:
            return plant.optical_screen(status, rows, answer["health"])
        case Kind.AMPLIFIER:
            return plant.amplifier_screen(answer["device"], answer["alarms"], rows)
    return []


def _diagnosed(kind: Kind, answer: Form, rows: int | None) -> list[str]:
    match kind:
        case Kind.FEED | Kind.FEED_LIMITS | Kind.EVENTS:
            from stationd.shell.screens import feed

            if kind is Kind.FEED:
                return feed.feed_screen(answer["device"], answer["feed"], rows)
            return feed.limits_screen(answer["feed"], rows) if kind is Kind.FEED_LIMITS else feed.events_screen(answer["events"], rows)
        case Kind.CLOCK:
            from stationd.shell.screens import clock

            return clock.clock_screen(answer["clock"], rows)
        case Kind.HEALTH:
            from stationd.shell.screens import health

            return health.health_screen(answer["health"], rows)
        case Kind.VERSION:
            from stationd.shell.screens import version

            return version.version_screen(answer["version"], rows)
        case Kind.CONFIG:
            from stationd.shell.screens import config

            return config.config_screen(answer["config"], rows)
        case Kind.LOG:
            from stationd.shell.screens import log

            return log.log_screen(answer["log"], rows)
        case Kind.PLOT | Kind.POINTS:
            from stationd.shell.screens import history

            return history.history_screen(answer["series"], rows) if kind is Kind.PLOT else history.points_screen(answer["points"], rows)
        case Kind.REPORT:
            from stationd.shell.screens import selftest

            return selftest.report_screen(answer["report"], rows)
    raise ValueError(f"{kind} has no screen")
