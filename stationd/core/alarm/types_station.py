"""Alarm types of the station itself: buses, units, clock, storage, journal, delivery, the far station, operations.

Every default limit and delay is an assumption; a station may change it.
"""

from __future__ import annotations

from stationd.core.alarm.type import AT_ONCE, LEVEL, TEMPERATURE, AlarmType, Cause, Delays, Reach, Severity

CRITICAL, MAJOR, MINOR, WARNING = Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.WARNING

STATION_TYPES = (
    AlarmType(
        "BUS-DOWN", MAJOR, "A port cannot be opened or has gone", "Nothing is known of the units behind it; they go on working",
        "Check cable, adapter and gateway of this port: show status; it is tried again by itself", delays=Delays(0.0, 2.0),
    ),
    AlarmType(
        "STALE", MINOR, "A unit gives no news", "Its values are old; alarms on them are frozen and can neither come nor go",
        "Check the unit's power and its line: show status", delays=Delays(0.0, 2.0),
        suppressed_by=(Cause("BUS-DOWN", Reach.BUS), Cause("SAMPLER-LOST", Reach.SAMPLER)),
        limits="no good answer for three periods, at least 2 s",
    ),
    AlarmType(
        "CONTACT", MINOR, "A contact of the station says so", "As the station's own list of contacts says",
        "Look up the contact in the station's list",
    ),
    AlarmType(
        "ROOM-TEMPERATURE", MINOR, "Room is too hot", "Equipment ages and shuts down", "Check the cooling",
        delays=TEMPERATURE, deadband=1.0, limits="assumption: 30 degC; set by [[alarm]]",
    ),
    AlarmType(
        "ROOM-DOOR", WARNING, "Door of the station is open", "Somebody is inside, or it was left open", "Ask who it is",
        delays=Delays(5.0, 2.0),
    ),
    AlarmType(
        "FIRE", CRITICAL, "Fire alarm or fire contact cannot be read", "Danger to life", "Follow the fire plan of the station",
        safety=True, latching=True,
    ),
    AlarmType(
        "WATER", MAJOR, "Water in the station or in the cable chamber", "Short circuits and earth faults",
        "Look for the leak; keep away from parts under voltage", delays=Delays(5.0, 60.0),
    ),
    AlarmType(
        "CLOCK-UNSYNC", WARNING, "The clock of this computer is not synchronised",
        "Times are marked as uncertain; comparing both ends of the line is less exact. Nothing else depends on it",
        "Check network and time servers", delays=Delays(60.0, 10.0), limits="assumption: 60 s without synchronisation",
    ),
    AlarmType(
        "CLOCK-STEPPED", WARNING, "The clock of this computer was set",
        "Times before and after do not fit together; their order is still right",
        "Note it beside any fault of that hour", delays=AT_ONCE, limits="assumption: a jump of more than 1 s",
    ),
    AlarmType(
        "DISK-FULL", MAJOR, "The disk is nearly full", "History and records cannot be kept; alarms and readings go on",
        "Remove what does not belong there", delays=Delays(0.0, 10.0), deadband=1.0,
        limits="assumption: less than 5 % or 500 MB free",
    ),
    AlarmType(
        "STORAGE-FAILED", MAJOR, "The journal cannot be written",
        "What happens now is lost at a restart; commands that need a record are refused",
        "Check the disk; writing is tried again by itself", delays=AT_ONCE,
    ),
    AlarmType(
        "STORAGE-SLOW", MINOR, "The disk takes very long to write", "Records lag behind; a power cut would lose more of them",
        "Look for a failing disk", delays=LEVEL, limits="assumption: a write takes more than 1 s",
    ),
    AlarmType(
        "JOURNAL-DAMAGED", MAJOR, "The journal was damaged, missing or of another station",
        "What could not be read is gone: acknowledgements, shelves or history of before; the note names it",
        "Go through all alarms once; keep a file that was set aside for the analysis", latching=True, delays=AT_ONCE,
    ),
    AlarmType(
        "AUDIT", MAJOR, "The chain of audit records is broken or cannot be written", "Who did what can no longer be proved",
        "Save the audit records now; tell the responsible person", shelvable=False, latching=True, delays=AT_ONCE,
    ),
    AlarmType(
        "HISTORY-DROPPED", WARNING, "History was dropped to stay within its space", "The oldest readings are gone",
        "Enlarge the quota or shorten what is kept", delays=AT_ONCE,
    ),
    AlarmType(
        "BROKER-LOST", MINOR, "The MQTT broker is not reached", "The network centre sees nothing new; everything is kept and sent later",
        "Check network and broker; nothing to do at the plant", delays=Delays(30.0, 10.0), limits="assumption: 30 s without connection",
    ),
    AlarmType(
        "SPARKPLUG-LOST", MINOR, "Nothing is sent over Sparkplug B", "To hosts the station looks dead; readings are kept and sent later",
        "Check broker, login and primary host; nothing to do at the plant", delays=Delays(30.0, 10.0),
        limits="assumption: 30 s without a birth that stands", suppressed_by=(Cause("BROKER-LOST", Reach.STATION),),
    ),
    AlarmType(
        "INCIDENTS-DROPPED", WARNING, "Records of incidents were deleted within their year", "The oldest incidents can no longer be shown",
        "Save what is still needed: support fault; enlarge the disk", delays=AT_ONCE, latching=True,
    ),
    AlarmType(
        "OUTBOX-REDUCED", MINOR, "Too much waits to be sent: readings are thinned out",
        "Alarms, commands and audit records are all kept; readings of the outage get coarser", "Restore the connection to the broker",
        delays=AT_ONCE,
    ),
    AlarmType(
        "FAR-STATION-LOST", MAJOR, "The far station sends nothing valid",
        "Its voltage and current are unknown: no operation can be armed, a running one holds, faults are located from one end",
        "Call the far station by telephone; check the connection", delays=Delays(2.0, 5.0), limits="max_age_s of [far_station]",
    ),
    AlarmType(
        "FAR-STATION-REJECTED", MAJOR, "Messages in the far station's name were rejected",
        "Wrong key, wrong clock, or somebody who is not the far station", "Compare keys and clocks by telephone; tell the security officer",
        delays=Delays(0.0, 60.0),
    ),
    AlarmType(
        "TASK-REBUILT", MINOR, "A part of this program hung and was started again", "A gap in what it does; the rest went on",
        "Save the log of this hour for whoever keeps the program", delays=AT_ONCE,
    ),
    AlarmType(
        "CONFIG-REJECTED", MINOR, "A new configuration was rejected", "The old one stays in force",
        "Read every mistake at once: stationd check", delays=AT_ONCE,
    ),
    AlarmType(
        "REVIEW-DUE", MINOR, "An alarm is out of service beyond its review date", "Something may be wrong and nobody would be told",
        "Return it to service or have two persons decide again: show alarms out-of-service", delays=AT_ONCE,
    ),
    AlarmType(
        "OP-HELD", MAJOR, "An operation holds where it is", "Current and voltage stay where they are until somebody decides",
        "Read why it holds; go on, go back or close it", shelvable=False, delays=AT_ONCE,
    ),
    AlarmType(
        "OPERATION", WARNING, "An operation is changing the line",
        "Current, voltage and light move because somebody has decided it; what follows from that is folded under this",
        "Look who runs it and how far it has come before you act on anything else", delays=AT_ONCE,
    ),
    AlarmType(
        "EMERGENCY-OFF-FAILED", CRITICAL, "An EMERGENCY-OFF was not confirmed: the feed cannot be read as off",
        "The feed may still be on and the line energised although somebody has ordered it off",
        "Press the red button of this feed, then look at the unit itself; nobody touches the line before it is locked, earthed and tested",
        safety=True, shelvable=False, service_affecting=True, delays=AT_ONCE,
    ),
    AlarmType(
        "BYPASS", MAJOR, "An interlock is bypassed", "A protection is missing for the time of the work",
        "End the bypass as soon as the work is done", shelvable=False, delays=AT_ONCE,
    ),
    AlarmType(
        "UNCONFIRMED", MINOR, "A changed set value was not confirmed", "The value stays as it is; nobody has said that it is right",
        "Look at the plant, then confirm or revert: show status", delays=AT_ONCE,
    ),
)  # fmt: skip
