"""The commands that only look: class READ. Their words may be typed short."""

from __future__ import annotations

from stationd.shell.grammar.asked import alone, call, fixed
from stationd.shell.grammar.command import Class, Command, Filled
from stationd.shell.grammar.slots import MOST_RECORDS
from stationd.shell.methods import ALARM, AUDIT, DIAGNOSTICS, OPERATION, SESSION, SETPOINT, STATUS
from stationd.shell.wish import Kind, Wish

READ = Class.READ
MOST_FAULTS = 200
USUAL_RECORDS = 20


def _alarms(filled: Filled) -> Wish:
    shown = filled.get("ALARMS", "active")
    return Wish(Kind.ALARMS, f"{ALARM}.List", {"filter": {"shown": shown.replace("-", "_")}})


def _plot(filled: Filled) -> Wish:
    return Wish(Kind.PLOT, f"{DIAGNOSTICS}.GetHistory", {"point": filled["POINT"], "seconds": filled.get("DURATION", 3600)})


READING = (
    Command("show status", READ, "the station at a glance: is it ours?", fixed(Kind.STATUS, f"{STATUS}.GetStatus", {})),
    Command("show line", READ, "both ends, fibre pairs against the baseline", fixed(Kind.LINE, f"{DIAGNOSTICS}.GetLine", {})),
    Command("show fault [last]", READ, "the newest fault: where it is, which methods agree, what came first",
            fixed(Kind.FAULT, f"{DIAGNOSTICS}.GetFault", {"id": "last"})),
    Command("show fault FAULT", READ, "an earlier fault", call(Kind.FAULT, f"{DIAGNOSTICS}.GetFault", id="FAULT")),
    Command("show faults", READ, "the faults that were recorded", fixed(Kind.FAULTS, f"{DIAGNOSTICS}.ListFaults", {"limit": MOST_FAULTS})),
    Command("show baseline", READ, "what counts as normal, since when", fixed(Kind.BASELINE, f"{DIAGNOSTICS}.GetBaseline", {})),
    Command("show pfe", READ, "the power feeds", fixed(Kind.FEEDS, f"{STATUS}.GetStatus", {})),
    Command("show pfe FEED [detail]", READ, "one power feed: current, voltage, regulation, interlocks, what it is doing",
            call(Kind.FEED, f"{DIAGNOSTICS}.GetFeed", device="FEED")),
    Command("show pfe FEED limits", READ, "its limits", call(Kind.FEED_LIMITS, f"{DIAGNOSTICS}.GetFeed", device="FEED")),
    Command("show pfe FEED events [since SINCE]", READ, "what has happened to it",
            call(Kind.EVENTS, f"{DIAGNOSTICS}.GetEvents", subject="FEED", since="SINCE")),
    Command("show amp", READ, "the amplifiers", fixed(Kind.AMPLIFIERS, f"{STATUS}.GetStatus", {})),
    Command("show amp DEVICE", READ, "one amplifier, with all its points", call(Kind.AMPLIFIER, f"{STATUS}.GetDevice", device="DEVICE")),
    Command("show optical", READ, "the light of all inputs, the sampling loop", fixed(Kind.OPTICAL, f"{STATUS}.GetStatus", {})),
    Command("show optical TAP", READ, "one input", call(Kind.TAP, f"{STATUS}.GetStatus", tap="TAP")),
    Command("show alarms [ALARMS]", READ, "what is wrong, and what to do first", _alarms),
    Command("show alarms history [KEY]", READ, "what has happened to alarms", call(Kind.ALARM_HISTORY, f"{ALARM}.History", key="KEY")),
    Command("show alarms stats", READ, "how many come, which ones chatter", fixed(Kind.ALARM_STATISTICS, f"{ALARM}.Statistics", {})),
    Command("show alarms types", READ, "every type of alarm there is", alone(Kind.ALARM_TYPES)),
    Command("show operations", READ, "what is armed, running or held, and what was", fixed(Kind.OPERATIONS, f"{OPERATION}.List", {})),
    Command("show operations OPERATION", READ, "one operation", call(Kind.OPERATION, f"{OPERATION}.Get", operation="OPERATION")),
    Command("show interlocks", READ, "what has to be closed", fixed(Kind.INTERLOCKS, f"{OPERATION}.Interlocks", {})),
    Command("show holds", READ, "what nobody is to act on", fixed(Kind.HOLDS, f"{OPERATION}.Holds", {})),
    Command("show authority", READ, "who may act", fixed(Kind.AUTHORITY, f"{OPERATION}.Authority", {})),
    Command("show sessions", READ, "who is here", fixed(Kind.SESSIONS, f"{SESSION}.List", {})),
    Command("show diff", READ, "set values that were not sent yet", fixed(Kind.DIFF, f"{SETPOINT}.Diff", {})),
    Command("show applied", READ, "set values that were sent", fixed(Kind.APPLIED, f"{SETPOINT}.List", {})),
    Command("show audit", READ, "who has done what", fixed(Kind.AUDIT, f"{AUDIT}.List", {"last": USUAL_RECORDS})),
    Command("show audit last RECORDS", READ, f"the last ones, 1 to {MOST_RECORDS}", call(Kind.AUDIT, f"{AUDIT}.List", last="RECORDS")),
    Command("show audit since SINCE", READ, "those since then", call(Kind.AUDIT, f"{AUDIT}.List", since="SINCE")),
    Command("show audit verify", READ, "whether the record is whole", fixed(Kind.VERIFY, f"{AUDIT}.Verify", {})),
    Command("show handover", READ, "the page for the next shift", fixed(Kind.HANDOVER, f"{SESSION}.GetHandover", {})),
    Command("handover show", READ, "the page for the next shift", fixed(Kind.HANDOVER, f"{SESSION}.GetHandover", {})),
    Command("show config [PATH]", READ, "the station's file, with its defaults",
            call(Kind.CONFIG, f"{DIAGNOSTICS}.GetConfig", path="PATH")),
    Command("show log [since SINCE]", READ, "what the daemon has said", call(Kind.LOG, f"{DIAGNOSTICS}.GetLog", since="SINCE")),
    Command("show clock", READ, "the time, and how well it is known", fixed(Kind.CLOCK, f"{DIAGNOSTICS}.GetClock", {})),
    Command("show health", READ, "the daemon, its disk, lines and connections", fixed(Kind.HEALTH, f"{DIAGNOSTICS}.GetHealth", {})),
    Command("show version", READ, "what runs here", fixed(Kind.VERSION, f"{DIAGNOSTICS}.GetVersion", {})),
    Command("show points", READ, "the names for plot", fixed(Kind.POINTS, f"{DIAGNOSTICS}.ListPoints", {})),
    Command("plot POINT [last DURATION]", READ, "how a value has been: lowest and highest of each column", _plot),
    Command("watch COMMAND [every DURATION]", READ, "any command of show, again and again",
            alone(Kind.WATCH, command="COMMAND", seconds="DURATION")),
    Command("explain WORD", READ, "an alarm, a refusal's word, a unit, a column", alone(Kind.EXPLAIN, word="WORD")),
    Command("check", READ, "one line and a code 0 to 3 for a monitoring system", alone(Kind.CHECK)),
    Command("wait alarm-clear KEY [timeout DURATION]", READ, "until an alarm is gone",
            alone(Kind.WAIT_ALARM, key="KEY", seconds="DURATION")),
    Command("wait operation OPERATION [timeout DURATION]", READ, "until an operation has ended",
            alone(Kind.WAIT_OPERATION, operation="OPERATION", seconds="DURATION")),
    Command("wait line up [timeout DURATION]", READ, "until the line is healthy", alone(Kind.WAIT_LINE, seconds="DURATION")),
    Command("test lamp", READ, "what this terminal can show", alone(Kind.LAMP)),
    Command("support summary", READ, "twenty lines to be read over a telephone", alone(Kind.SUPPORT, "summary")),
    Command("support bundle [since SINCE]", READ, "one file for the vendor; works without the daemon too",
            alone(Kind.SUPPORT, "bundle", since="SINCE")),
    Command("help", READ, "every command", alone(Kind.HELP)),
)  # fmt: skip
