"""Alarm types of power feed, conductor and mains.

The list follows the functions of power feed equipment in general; every
default limit and delay is an assumption to be checked at commissioning against the equipment and the line.
"""

from __future__ import annotations

from stationd.core.alarm.type import AT_ONCE, LEVEL, TEMPERATURE, AlarmType, Cause, Delays, Reach, Severity

CRITICAL, MAJOR, MINOR, WARNING = Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.WARNING
CURRENT = Delays(2.0, 10.0)  # a ramp step or a converter change-over is shorter (assumption)
OF_VERDICT = Delays(2.0, 2.0)  # what the verdict says is steady by itself: it has to hold before it says that a fault is over
AT_LIMIT = Delays(0.5, 10.0)  # longer than a change-over, short enough to explain the dark fibres in time (assumption)

# What makes the measured current and voltage of a feed meaningless, so that only the reason is told.
NOT_FEEDING = (
    Cause("PFE-TRIP", Reach.SAME),
    Cause("FEED-OFF", Reach.SAME, lasting=True),
    Cause("PFE-INTERLOCK-OPEN", Reach.SAME),
    Cause("EMERGENCY-STOP", Reach.STATION),
)
# What people change on purpose, here or at the far end: voltage and current of the line belong to both.
PURPOSE = (Cause("OPERATION", Reach.STATION, intended=True), Cause("FAR-OPERATION", Reach.STATION, intended=True))
# What a ramp moves on purpose: below its band until it has arrived, and in voltage mode while it follows the far end.
RAMPED = (*NOT_FEEDING, *PURPOSE)
MAINS = (Cause("MAINS-FAIL", Reach.STATION),)

POWER_TYPES = (
    AlarmType(
        "PFE-TRIP", CRITICAL, "Power feed has tripped or reports a fault",
        "The line may be fed from the far end alone, or not at all; without feed every repeater and all traffic is lost",
        "Call the far station and read its voltage and current; do not switch on again before the cause is known: show fault",
        latching=True, service_affecting=True,
        suppressed_by=(Cause("EMERGENCY-STOP", Reach.STATION),),
    ),
    AlarmType(
        "FEED-OFF", CRITICAL, "Output of the power feed is off",
        "This end does not feed the line; if the far end does not carry it alone, all traffic is lost",
        "Ask the far station whether it carries the line; ask who switched it off. Also told of a feed that is off from the start",
        service_affecting=True, delays=Delays(0.0, 2.0),
        suppressed_by=(
            Cause("PFE-TRIP", Reach.SAME), Cause("PFE-INTERLOCK-OPEN", Reach.SAME), Cause("EMERGENCY-STOP", Reach.STATION),
            Cause("FEED-SWITCHED-OFF", Reach.SAME, lasting=True, intended=True),
        ),
    ),
    AlarmType(
        "FEED-SWITCHED-OFF", WARNING, "Our feed is switched off on purpose",
        "This end does not feed the line, because an operation of this station has switched it off; its name stands in the alarm",
        "Nothing, if that is still wanted; not safe to touch: lock, earth, test", delays=AT_ONCE,
    ),
    AlarmType(
        "FAR-OPERATION", WARNING, "An operation of the far station is changing the line",
        "Current, voltage and light move because somebody there has decided it; what follows from that is folded under this",
        "Call the far station before you act on anything else", delays=AT_ONCE,
    ),
    AlarmType(
        "LINE-FED-ALONE", WARNING, "Our feed carries the whole line, as an operation has set it up",
        "The far feed was off when ours energised the line: the voltage here is that of the whole line",
        "Nothing, if that is still wanted; the far end feeds only after both stations have agreed", delays=AT_ONCE,
    ),
    AlarmType(
        "LINE-OVER-CURRENT", MAJOR, "Line current is above its band",
        "Repeaters run hotter than they should; at the next limit the feed trips",
        "Compare with the current of the far station; look for a changed set point: show line",
        delays=CURRENT, service_affecting=True, suppressed_by=(Cause("LINE-OVER-CURRENT-LIMIT", Reach.SAME, lasting=True),),
        limits="assumption: 2 % above nominal, deadband 0.5 %",
    ),
    AlarmType(
        "LINE-OVER-CURRENT-LIMIT", CRITICAL, "Line current is at the trip limit",
        "Repeaters can be damaged for good; the equipment should shut down by itself",
        "If the equipment has not tripped within seconds, press the red button of this feed, then call the far station",
        latching=True, service_affecting=True, limits="assumption: 5 % above nominal, deadband 0.5 %",
    ),
    AlarmType(
        "LINE-UNDER-CURRENT", MAJOR, "Line current is below its band",
        "Pumps of the repeaters lose power and optical margin shrinks",
        "Check regulation mode and voltage limit of both feeds: show line",
        delays=CURRENT, service_affecting=True, suppressed_by=(*RAMPED, Cause("LINE-UNDER-CURRENT-LIMIT", Reach.SAME, lasting=True)),
        limits="assumption: 2 % below nominal, deadband 0.5 %",
    ),
    AlarmType(
        "LINE-UNDER-CURRENT-LIMIT", CRITICAL, "Line current is too low to keep the repeaters working",
        "Traffic is being lost or will be within minutes",
        "Look whether the far end has tripped or the voltage limit is reached; call the far station",
        delays=AT_LIMIT, service_affecting=True, suppressed_by=RAMPED, limits="assumption: 10 % below nominal, deadband 0.5 %",
    ),
    AlarmType(
        "LINE-OVER-VOLTAGE", MAJOR, "Feed voltage is higher than the line explains",
        "The far end has tripped, or the conductor or a joint has a higher resistance: it may open",
        "Ask the far station for its voltage; compare the sum with the model: show line",
        delays=LEVEL,
        suppressed_by=(
            Cause("LINE-OVER-VOLTAGE-LIMIT", Reach.SAME, lasting=True), Cause("FAR-FEED-OFF", Reach.STATION, lasting=True), *PURPOSE,
            Cause("LINE-FED-ALONE", Reach.STATION, lasting=True, intended=True),
        ),
        limits="assumption: 10 % above the expected share of the line voltage, plus an earth potential of 0.1 V/km; deadband 2 %",
    ),
    AlarmType(
        "LINE-OVER-VOLTAGE-LIMIT", CRITICAL, "Feed voltage is at its limit",
        "The line is open or nearly so; the equipment trips or limits the voltage, the current falls",
        "Do not raise the limit. Read current and voltage of both ends, then: show fault",
        latching=True, delays=AT_LIMIT, service_affecting=True,
        limits="assumption: 98 % of the limit of the configuration, max_v; deadband 2 %",
    ),
    AlarmType(
        "LINE-UNDER-VOLTAGE", MAJOR, "Feed voltage is lower than the line explains",
        "The conductor may have lost its insulation to the sea; traffic still runs while both ends feed",
        "Read both ends at the same time and locate it: show fault",
        delays=LEVEL, suppressed_by=RAMPED,
        limits="assumption: 10 % below the expected share of the line voltage, less an earth potential of 0.1 V/km; deadband 2 %",
    ),
    AlarmType(
        "CURRENT-DEVIATION", WARNING, "Line current differs from its nominal value",
        "The regulation drifts; the split of the voltage between the ends moves with it",
        "Compare both ends; plan a check of the current regulation",
        delays=LEVEL, suppressed_by=(
            *RAMPED, *(
                Cause(name, Reach.SAME, lasting=True) for name in
                ("LINE-OVER-CURRENT", "LINE-UNDER-CURRENT", "LINE-OVER-CURRENT-LIMIT", "LINE-UNDER-CURRENT-LIMIT")
            ),
        ), limits="assumption: 0.5 % of nominal; good equipment moves less per kilovolt",
    ),
    AlarmType(
        "VOLTAGE-STEP", MAJOR, "Feed voltage stepped while the current stayed",
        "The signature of a shunt fault: the conductor touches the sea somewhere; traffic is not hit yet",
        "Ask the far station for a step of opposite sign at the same time, then: show fault",
        delays=AT_ONCE, suppressed_by=(Cause("LINE-BREAK", Reach.STATION), Cause("FAR-FEED-OFF", Reach.STATION)),
        limits="assumption: more than 3 V within 1 s while the current moves less than 0.2 %",
    ),
    AlarmType(
        "LINE-SHUNT", MAJOR, "The conductor has a fault to the sea",
        "Both ends still feed and traffic runs; a trip of one end may now lose the repeaters beyond the fault",
        "Keep both feeds on; record voltages of both ends; give the location to the repair contractor: show fault",
        service_affecting=True, delays=OF_VERDICT,
    ),
    AlarmType(
        "FAR-FEED-OFF", MAJOR, "The far end does not feed; ours carries the whole line",
        "All traffic hangs on the power feed of this station; its voltage is that of the whole line, which is meant to be so",
        "Keep our feed on and its limits as they are; call the far station and ask what has happened there",
        service_affecting=True, delays=OF_VERDICT,
    ),
    AlarmType(
        "BALANCE-DRIFT", WARNING, "Voltage split between the ends drifts while the currents are equal",
        "Half a milliampere of difference moves the split by tens of volts; it can be mistaken for a shunt",
        "Compare the current set points of both ends by telephone; do not adjust alone", delays=OF_VERDICT,
    ),
    AlarmType(
        "EARTH-POTENTIAL", WARNING, "Sum of the feed voltages follows an earth potential",
        "Geomagnetic activity or tide; voltage margin of the feeds shrinks",
        "Look at the geomagnetic forecast; watch the margin to the voltage limits: show line", delays=OF_VERDICT,
    ),
    AlarmType(
        "EARTH-SEA-OPEN", CRITICAL, "Return path through the sea earth is open or poor",
        "Return current goes over the station's safety earth: danger to people and equipment",
        "Nobody touches earth bars or cable; call the specialist for the sea earth",
        latching=True, limits="assumption: station earth over 10 mA or sea earth over 20 V",
    ),
    AlarmType(
        "GROUND-FAULT", CRITICAL, "Ground fault in the power feed",
        "High voltage may stand where people can touch it", "Leave the room, keep others out, call the responsible person",
        latching=True,
    ),
    AlarmType(
        "ARC", CRITICAL, "Arc detected in the power feed", "Fire and danger to life; the equipment should have tripped",
        "Leave the room; press the red button outside; call the responsible person", latching=True,
    ),
    AlarmType(
        "EMERGENCY-STOP", CRITICAL, "Emergency stop is pressed or cannot be read", "The power feed of this end is off and stays off",
        "Find out who pressed it and why; it is released only by the responsible person on site",
        safety=True, latching=True, service_affecting=True,
    ),
    AlarmType(
        "PFE-INTERLOCK-OPEN", CRITICAL, "Interlock of the power feed is open or cannot be read",
        "The feed is off or must not be switched on: a door, cover, key or earth switch is not as it should be",
        "Look which interlock it is, its name stands in the alarm, and who is there", safety=True, service_affecting=True,
    ),
    AlarmType(
        "DOOR-OPEN", CRITICAL, "Door of a high-voltage part is open or cannot be read",
        "Somebody may reach parts under voltage; the equipment shuts down",
        "Call the room; nobody switches on before the door is closed and everybody is counted", safety=True,
    ),
    AlarmType(
        "COVER-OPEN", CRITICAL, "Cover of a high-voltage part is open or cannot be read",
        "Somebody may reach parts under voltage; the equipment shuts down",
        "Call the room; nobody switches on before the cover is fastened", safety=True,
    ),
    AlarmType(
        "KEY-REMOVED", CRITICAL, "Cable key is removed or cannot be read",
        "Power safety of the line is with somebody else, perhaps a ship: people may hold the cable",
        "Do not switch on. Ask who has the key and under which permit", safety=True,
    ),
    AlarmType(
        "CONVERTER-FAIL", MINOR, "A converter of the power feed has failed",
        "The others carry the load; the next failure trips the feed", "Note which one; order the spare; do not reset on a live line",
        suppressed_by=(Cause("PFE-TRIP", Reach.SAME),),
    ),
    AlarmType(
        "REDUNDANCY-LOST", MINOR, "The power feed has no spare converter left", "The next failure trips the feed",
        "Replace the failed converter by the procedure of the maker", suppressed_by=(Cause("PFE-TRIP", Reach.SAME),),
    ),
    AlarmType(
        "PFE-TEMPERATURE", MAJOR, "Power feed is too hot", "It trips when it gets hotter",
        "Check fans, filters and room cooling", delays=TEMPERATURE, deadband=3.0, limits="assumption: 50 degC in the case",
    ),
    AlarmType(
        "PFE-PROTECTION", CRITICAL, "A protection of the power supply has acted",
        "Its output is off or limited: over-voltage, over-current, over-power or foldback",
        "Its name stands in the alarm; do not switch on before the cause is known", latching=True,
        service_affecting=True, suppressed_by=(Cause("PFE-TRIP", Reach.SAME),),
    ),
    AlarmType(
        "FEED-MODE", MAJOR, "The power feed does not regulate the current",
        "It holds a voltage or is at a limit: the line current follows the line and no longer the set point",
        "Compare voltage with its limit and read the far station", delays=CURRENT, suppressed_by=RAMPED,
    ),
    AlarmType(
        "REMOTE-DISABLED", MINOR, "Power feed is not under remote control",
        "Readings go on; no command of this station reaches it", "Ask who works at the front panel", delays=LEVEL,
    ),
    AlarmType(
        "AUTO-RESTART-ON", MAJOR, "The supply is set to switch itself on again",
        "After a mains failure it would energise the line without anybody deciding it",
        "Have it switched off at the unit before anybody arms this feed",
    ),
    AlarmType(
        "WATCHDOG-ON", MAJOR, "The supply is set to switch off when communication is lost",
        "A failure of this station's computer would take down the line", "Have it switched off at the unit",
    ),
    AlarmType(
        "TEST-LOAD-CONNECTED", WARNING, "Power feed works into its test load", "It does not feed the line",
        "Check the permit of the test; set back when it is over",
    ),
    AlarmType(
        "ELECTRODING-ON", WARNING, "Electroding tone is on the line", "Current and voltage show a ripple; a ship may be tracking the cable",
        "Check the permit and its end",
    ),
    AlarmType(
        "MAINS-FAIL", MAJOR, "Mains of the station has failed", "The station runs on battery; its time is limited",
        "Check that the generator starts; read the battery voltage; call the energy supplier", service_affecting=True,
    ),
    AlarmType(
        "RECTIFIER-FAIL", MINOR, "A rectifier has failed", "Charging power is reduced", "Note which one; order the spare",
        suppressed_by=MAINS,
    ),
    AlarmType(
        "AC-PHASE-FAIL", MINOR, "A phase of the mains is missing", "Load on the other phases rises", "Check the incoming supply",
        suppressed_by=MAINS,
    ),
    AlarmType(
        "BATTERY-LOW", CRITICAL, "Battery is nearly empty", "All equipment of the station goes off; a feed that dies is a trip",
        "Start the generator by hand; agree with the far station on carrying the line alone",
        delays=LEVEL, service_affecting=True, deadband=1.0, limits="assumption: 46 V of a 48 V battery; set by [[alarm]]",
    ),
)  # fmt: skip
