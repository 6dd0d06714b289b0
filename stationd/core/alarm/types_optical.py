"""Alarm types of fibres, amplifiers, taps and the optical sampler.

The amplifier words follow the alarm bits of real units;
every default limit and delay is an assumption to be checked at commissioning.
"""

from __future__ import annotations

from stationd.core.alarm.type import AT_ONCE, LEVEL, OPTICAL, TEMPERATURE, AlarmType, Cause, Delays, Reach, Severity

CRITICAL, MAJOR, MINOR, WARNING = Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.WARNING

# Without feed the repeaters are dark, and so is everything that receives light from the line.
DARK_LINE = (
    Cause("LINE-DOWN", Reach.LINE),
    Cause("LINE-BREAK", Reach.LINE),
    Cause("PFE-TRIP", Reach.FEED),
    Cause("FEED-OFF", Reach.FEED),
    Cause("LINE-UNDER-CURRENT-LIMIT", Reach.FEED),
    Cause("LINE-OVER-VOLTAGE-LIMIT", Reach.FEED),
)
DARK_TAP = (*DARK_LINE, Cause("LIGHT-LOST", Reach.SAME, lasting=True))
# A tap of a sending fibre goes dark when the booster before it shuts off because its pair receives nothing; the times of taps are those of
# samples, so that a transmitter of ours that failed first is told first. What a booster says itself (PUMP-OFF) is read every second or
# five: which of the two came first cannot be told from that, and so nothing hides it.
SHUT_OFF = Cause("LIGHT-LOST", Reach.RETURN)
DARK_INPUT = (*DARK_LINE, Cause("LIGHT-LOST", Reach.PAIR))
NO_INPUT = (*DARK_INPUT, Cause("AMP-LOS", Reach.SAME, lasting=True))
PUMPS = (Cause("AMP-INTERLOCK", Reach.SAME), Cause("AMP-FAULT", Reach.SAME))
NO_GAIN = tuple(Cause(name, Reach.SAME, lasting=True) for name in ("PUMP-OFF", "AMP-SHUTOFF", "AMP-DISABLED"))

OPTICAL_TYPES = (
    AlarmType(
        "LINE-DOWN", CRITICAL, "All watched fibres of the line are dark", "All traffic of the cable is lost",
        "Read both feeds and both ends: show fault; call the network centre and the far station",
        delays=AT_ONCE, service_affecting=True,
        suppressed_by=(
            Cause("PFE-TRIP", Reach.FEED), Cause("FEED-OFF", Reach.FEED), Cause("LINE-BREAK", Reach.LINE),
            Cause("LINE-UNDER-CURRENT-LIMIT", Reach.FEED), Cause("LINE-OVER-VOLTAGE-LIMIT", Reach.FEED),
        ),
    ),
    AlarmType(
        "LINE-BREAK", CRITICAL, "The cable is broken", "All traffic is lost until a ship has repaired the cable",
        "Keep the feeds as they are; give the location to the network centre and the repair contractor: show fault",
        delays=AT_ONCE, service_affecting=True, latching=True,
    ),
    AlarmType(
        "REPEATER-LOSS", MAJOR, "A repeater has lost output", "One direction of a fibre pair has less margin or none",
        "Compare with the baseline of that pair; plan a loop gain measurement",
        delays=OPTICAL, service_affecting=True, suppressed_by=DARK_LINE,
    ),
    AlarmType(
        "OSNR-LOW", MAJOR, "Signal to noise ratio of a fibre pair is low", "Errors, then loss of traffic on this pair",
        "Compare with the other pairs: one pair alone points to its own amplifiers",
        delays=LEVEL, service_affecting=True, suppressed_by=(*DARK_INPUT, Cause("AMP-LOS", Reach.PAIR)),
    ),
    AlarmType(
        "LIGHT-LOST", CRITICAL, "Light is lost at a tap", "The traffic of this fibre is lost",
        "Look whether other pairs are dark too: show line; one alone is a fibre or an amplifier, all are cable or feed",
        delays=Delays(0.0, 2.0), service_affecting=True, suppressed_by=(*DARK_LINE, SHUT_OFF),
        limits="los_dbm and clear_dbm of the channel, compared in the sampling loop",
    ),
    AlarmType(
        "LIGHT-STEP", WARNING, "Light at a tap changed suddenly",
        "A connector, a bend, a pump or a fault that begins; it may go on",
        "Compare with the baseline: show line; look at the amplifier of this pair",
        delays=AT_ONCE, suppressed_by=DARK_TAP, limits="step limit of the sampler (assumption: 0.5 dB)",
    ),
    AlarmType(
        "LIGHT-LOW", MINOR, "Light at a tap is low", "Margin of this fibre is used up", "Compare with the baseline and the other pairs",
        delays=OPTICAL, deadband=0.5, suppressed_by=DARK_TAP, limits="assumption; set by [[alarm]] from the baseline of each fibre",
    ),
    AlarmType(
        "TAP-SATURATED", WARNING, "The converter of a tap is at the end of its range",
        "The level shown is wrong; light can be higher than shown",
        "Check the photodiode's range and the level of the fibre", delays=AT_ONCE,
    ),
    AlarmType(
        "TAP-STUCK", MINOR, "The converter of a tap always gives the same number", "Loss of light would not be seen at this tap",
        "Check the converter board; compare with the amplifier's own reading", delays=AT_ONCE,
    ),
    AlarmType(
        "TAP-DISAGREES", WARNING, "A tap and the amplifier beside it disagree", "One of the two levels is wrong",
        "Measure with a meter at the monitor port", delays=LEVEL, deadband=0.5, limits="assumption: 2 dB; set by [[alarm]]",
    ),
    AlarmType(
        "SAMPLER-LOST", MAJOR, "The optical sampler gives no more samples", "Loss of light is found only by the slower amplifiers",
        "Check converter and driver; the sampler is started again by itself", delays=AT_ONCE,
    ),
    AlarmType(
        "SAMPLER-TIME-JUMP", WARNING, "Times of the optical samples jumped",
        "Levels are right; times of events near the jump are estimates",
        "Nothing at once; if it repeats, check the trigger of the converter", delays=AT_ONCE,
    ),
    AlarmType(
        "SAMPLES-MISSED", WARNING, "The optical sampler misses samples", "Short events can be missed",
        "Look for load on this computer", delays=LEVEL,
    ),
    AlarmType(
        "AMP-FAULT", MAJOR, "Optical amplifier reports a fault", "Its output is off, reduced or about to be",
        "Look at its front panel and at its other alarms: show alarms all", delays=Delays(1.0, 5.0), service_affecting=True,
    ),
    AlarmType(
        "AMP-LOS", MAJOR, "Optical amplifier sees no light at its input", "It shuts down; the fibre behind it is dark",
        "Look whether the light is missing before it: show line", delays=OPTICAL, service_affecting=True, suppressed_by=DARK_INPUT,
    ),
    AlarmType(
        "AMP-INPUT-LOW", MINOR, "Input of an optical amplifier is low", "Signal to noise ratio of this pair falls",
        "Compare with the tap before it and with the baseline", delays=OPTICAL, deadband=0.5, suppressed_by=NO_INPUT,
        limits="assumption; set by [[alarm]] from the baseline of each fibre",
    ),
    AlarmType(
        "AMP-INPUT-OVERLOAD", MINOR, "Too much light at the input of an amplifier", "Gain control leaves its range",
        "Check attenuators and recent patching", delays=OPTICAL,
    ),
    AlarmType(
        "AMP-LOP", MAJOR, "Optical amplifier has lost its output", "The fibre behind it is dark or nearly so",
        "Look at its pump state and interlock, then behind it: show status", delays=OPTICAL, service_affecting=True,
        suppressed_by=(*NO_INPUT, *PUMPS, *NO_GAIN),
    ),
    AlarmType(
        "LOW-OUTPUT", MAJOR, "Output of an optical amplifier is low", "Margin of this pair shrinks, errors follow",
        "Compare input, gain and pump current with the baseline: show line", delays=OPTICAL, deadband=0.5, service_affecting=True,
        suppressed_by=(*NO_INPUT, *PUMPS, *NO_GAIN, Cause("AMP-LOP", Reach.SAME, lasting=True)),
        limits="assumption; set by [[alarm]] from the design power of each amplifier",
    ),
    AlarmType(
        "LOSS-OF-LIGHT", CRITICAL, "No light where there must be some", "The traffic of this fibre is lost",
        "Look whether other pairs are dark too: show line", delays=OPTICAL, service_affecting=True, suppressed_by=DARK_INPUT,
    ),
    AlarmType(
        "PUMP-OFF", MAJOR, "Pumps of an optical amplifier are off", "The amplifier gives no gain",
        "Look for loss of input, interlock, or somebody at work", delays=OPTICAL, service_affecting=True,
        suppressed_by=(*NO_INPUT, *PUMPS),
    ),
    AlarmType(
        "AMP-SHUTOFF", MAJOR, "Optical amplifier has shut itself off", "The amplifier gives no gain",
        "Look for loss of input, a fault or an open connector; it comes back by itself or not at all, as its manual says",
        delays=OPTICAL, service_affecting=True,
        suppressed_by=(*NO_INPUT, *PUMPS, Cause("PUMP-OFF", Reach.SAME, lasting=True)),
    ),
    AlarmType(
        "AMP-DISABLED", MAJOR, "Optical amplifier is disabled by its hardware input", "The amplifier gives no gain",
        "Find what holds the input: a key, an interlock or a board that was pulled", delays=OPTICAL, service_affecting=True,
        suppressed_by=(Cause("AMP-INTERLOCK", Reach.SAME),),
    ),
    AlarmType(
        "AMP-AUTO-RESTART-ON", MAJOR, "An optical amplifier is set to switch itself on again",
        "Light returns without anybody deciding it, perhaps into an open fibre", "Have it switched off at the unit",
    ),
    AlarmType(
        "AMP-LASER-SOURCE", MAJOR, "Laser source of an optical unit has failed", "The light that it gives is off or wrong",
        "Order the spare; compare with the baseline of this pair: show line", delays=OPTICAL, service_affecting=True,
        suppressed_by=PUMPS,
    ),
    AlarmType(
        "AMP-LOOP-GAIN", MINOR, "Gain of a fibre loop is out of its range", "The amplifier works outside what it was made for",
        "Compare with the values of the acceptance test", delays=LEVEL, suppressed_by=NO_INPUT, limits="assumption; set by [[alarm]]",
    ),
    AlarmType(
        "AMP-ATTENUATOR", MINOR, "Variable attenuator of an amplifier reports a fault", "Gain and tilt are not as set",
        "Compare output and tilt with the baseline: show line", delays=OPTICAL, suppressed_by=(Cause("AMP-FAULT", Reach.SAME),),
    ),
    AlarmType(
        "AMP-NOTICE", MINOR, "An amplifier sets an alarm bit whose meaning is not published",
        "Not known; the bit's name stands in the alarm", "Ask the maker what the bit means; note what else happened",
        delays=OPTICAL,
    ),
    AlarmType(
        "STAGE-LOS", MAJOR, "A further stage of an amplifier sees no light at its input", "The fibre behind it gets little light or none",
        "Check what is patched between the stages", delays=OPTICAL, service_affecting=True,
        suppressed_by=(*NO_INPUT, *PUMPS, *NO_GAIN),
    ),
    AlarmType(
        "STAGE-LOP", MAJOR, "A further stage of an amplifier has lost its output", "The fibre behind it is dark or nearly so",
        "Look at its pump state, then between the stages", delays=OPTICAL, service_affecting=True,
        suppressed_by=(*NO_INPUT, *PUMPS, *NO_GAIN, Cause("STAGE-LOS", Reach.SAME, lasting=True)),
    ),
    AlarmType(
        "PUMP-CURRENT-LOW", WARNING, "Pump current stays well below its set point", "Output is lower than set",
        "Compare with output and temperature of this pump; normal for seconds after it is switched on", delays=LEVEL,
        suppressed_by=(*NO_INPUT, *PUMPS, *NO_GAIN),
    ),
    AlarmType(
        "PUMP-TEMPERATURE-DRIFT", WARNING, "Temperature of a pump diode is off its set point", "Wavelength of the pump moves",
        "Check fan, filter and cooler; normal for a minute after it is switched on", delays=TEMPERATURE,
    ),
    AlarmType(
        "PUMP-CURRENT-HIGH", MINOR, "Pump diode is near the end of its life", "Output falls when it reaches its limit",
        "Order the spare; compare with the current at commissioning", delays=LEVEL,
        limits="assumption: 95 % of end-of-life current; set by [[alarm]] from the unit's data",
    ),
    AlarmType(
        "PUMP-TEMPERATURE", MAJOR, "Pump diode is too hot", "The unit shuts the pump down; life is shortened",
        "Check fan, filter and room", delays=TEMPERATURE, deadband=2.0, limits="assumption: 40 degC, a limit of some units",
    ),
    AlarmType(
        "PUMP-COLD", MINOR, "Pump diode is too cold", "Wavelength and power are off; the unit may shut the pump down",
        "Check the cooler and the room", delays=TEMPERATURE, deadband=2.0, limits="assumption: 15 degC, a limit of some units",
    ),
    AlarmType(
        "AMP-TEMPERATURE", MAJOR, "Case of an optical amplifier is too hot", "The unit shuts down when it gets hotter",
        "Check fan, filter and room", delays=TEMPERATURE, deadband=3.0, limits="assumption: 60 degC; some units shut down at 65 degC",
    ),
    AlarmType(
        "AMP-COOLER", MINOR, "Cooler of a pump diode works at its limit", "The diode's temperature will leave its range",
        "Check fan, filter and room; order the spare", delays=TEMPERATURE,
    ),
    AlarmType(
        "AMP-INTERLOCK", CRITICAL, "Laser interlock of an amplifier is open or cannot be read",
        "A fibre may be open with people before it; the amplifier must be dark", "Nobody looks into fibres; find who works there",
        safety=True, service_affecting=True,
    ),
    AlarmType(
        "AMP-KEY-OFF", MINOR, "Key switch of an amplifier is off", "The amplifier is dark and cannot be switched on from here",
        "Find who has the key and why",
    ),
    AlarmType(
        "ORL-HIGH", MAJOR, "Too much light comes back", "A connector is open or dirty; laser light may leave a fibre",
        "Nobody looks into fibres; check the connectors of this amplifier", delays=OPTICAL,
    ),
    AlarmType(
        "APR-ACTIVE", MAJOR, "Amplifier has reduced its power to eye-safe", "Traffic of this pair is lost or disturbed",
        "Find the open connector before anything is switched; nobody looks into fibres", delays=OPTICAL, service_affecting=True,
        suppressed_by=DARK_INPUT,
    ),
    AlarmType(
        "OUT-OF-GAIN", MINOR, "Amplifier cannot reach the gain that is set", "Output is lower or tilted",
        "Compare input level and set point", delays=OPTICAL, suppressed_by=NO_INPUT,
    ),
    AlarmType(
        "MID-STAGE-LOSS", MINOR, "Loss between the stages of an amplifier is too high", "Output falls, noise rises",
        "Check what is patched between the stages", delays=OPTICAL, suppressed_by=NO_INPUT,
    ),
    AlarmType(
        "ROPA-PUMP-OFF", MAJOR, "Pump for the remote amplifier in the cable is off", "The receive level falls by 10 to 20 dB",
        "Check interlock and pump unit before the connector is touched", delays=OPTICAL, service_affecting=True,
        suppressed_by=(Cause("AMP-INTERLOCK", Reach.SAME),),
    ),
    AlarmType(
        "REPEATER-PUMP", MINOR, "A pump of a repeater seems to have failed", "One pair has 0.3 to 1 dB less; the spare pump carries it",
        "Confirm with loop gain; note it in the line history", suppressed_by=DARK_LINE,
        delays=Delays(2.0, 2.0),  # of the verdict, which is steady by itself
    ),
)  # fmt: skip
