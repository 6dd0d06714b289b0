"""What the daemon tells its manager and the journal, found by the words that a person types."""

from __future__ import annotations

import json

from inside.plant import said, standing, until_polled, write_station
from inside.systemctl import UNIT, Journal, main_pid, run, shown, systemctl, until, until_active

DOOR = "io1/DOOR-OPEN/di8"


def the_manager_knows_that_it_is_ready_and_how_it_stands() -> str:
    """Type=notify, the pid of the daemon itself, and one line for `systemctl status`."""
    assert shown("Type") in ("notify", "notify-reload")
    assert run("ps", "--no-headers", "--format=args", "--pid", main_pid()).stdout.startswith("/opt/stationd/bin/python3")
    status = shown("StatusText")
    assert "devices answer" in status, status
    return status


def its_entries_carry_the_station_and_their_own_fields() -> None:
    """`journalctl --namespace=stationd STATION=aktau` and the fields of each event."""
    words = ("journalctl", "--namespace=stationd", "--output=json", "--no-pager")
    entries = [json.loads(line) for line in run(*words, "STATION=aktau", "SYSLOG_IDENTIFIER=stationd").stdout.splitlines()]
    begun = [entry for entry in entries if entry["MESSAGE"].startswith("station starts")]
    assert begun
    assert begun[-1]["MODE"] == "hil"
    assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {UNIT}


def the_machines_own_journal_has_only_what_the_manager_says() -> None:
    """LogNamespace=: nothing of the daemon's own fills the journal of the machine, nor the other way round."""
    entries = [json.loads(line) for line in run("journalctl", "--output=json", "--no-pager", "--unit", UNIT).stdout.splitlines()]
    assert entries
    own = [entry for entry in entries if entry.get("_UID") != "0" or entry.get("SYSLOG_IDENTIFIER") == "stationd"]
    assert own == [], own[0]


def an_alarm_is_found_in_the_journal_by_its_key() -> None:
    """`journalctl --namespace=stationd ALARM=io1/DOOR-OPEN/di8` or whatever field names it."""
    journal = Journal()
    write_station(door_raises=True)
    systemctl("restart", UNIT)
    until_polled()
    until(lambda: DOOR in standing(), "the alarm never came")
    journal.until_said(DOOR)
    found = [entry for entry in journal.entries() if DOOR in entry.values()]
    assert found, "no entry has the key in a field of its own"


def status_shows_its_newest_lines() -> None:
    """`systemctl status` shows the name space's lines too, to whoever may read them."""
    until_active()
    assert said("show", "status").stdout
    assert "station starts" in systemctl("status", "--lines=1000", UNIT)


LINES = (
    the_manager_knows_that_it_is_ready_and_how_it_stands,
    its_entries_carry_the_station_and_their_own_fields,
    the_machines_own_journal_has_only_what_the_manager_says,
    an_alarm_is_found_in_the_journal_by_its_key,
    status_shows_its_newest_lines,
)
