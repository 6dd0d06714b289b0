"""The commands that change the plant: set values, operations on amplifiers and power feeds, and the emergency. Typed in full.

Every number has its word and its unit, nothing that is left out makes a command wider, and no word answers a question beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.shell.grammar.asked import Ask, act, call
from stationd.shell.grammar.command import Class, Command, Filled
from stationd.shell.grammar.match import EMERGENCY_OFF
from stationd.shell.grammar.slots import Feed, feed
from stationd.shell.methods import ALARM, OPERATION, SETPOINT
from stationd.shell.wish import Kind, Wish

SET, OPERATE, LETHAL, EMERGENCY = Class.SET, Class.OPERATE, Class.LETHAL, Class.EMERGENCY
UNIT = {"GAIN": "dB", "POWER": "dBm", "PUMPCURRENT": "mA"}
BARE_FEED = Feed("pfe")  # a station with one feed may call it just so


def _stage(name: str, slot: str) -> Ask:
    def made(filled: Filled) -> Wish:
        device, amount, unit = filled["DEVICE"], filled[slot], UNIT[slot]
        parameters = {"device": device, "name": name, "value": amount, "unit": unit}
        done = f"{device} {name} {amount:g} {unit} is staged: nothing was sent yet. Look: show diff"
        return Wish(Kind.ACT, f"{SETPOINT}.Stage", parameters, done=done)

    return made


def _apply(filled: Filled) -> Wish:
    parameters: dict[str, object] = {"reason": filled["REASON"]}
    if "DURATION" in filled:
        parameters["confirmWithinSeconds"] = filled["DURATION"]
    return Wish(Kind.ACT, f"{SETPOINT}.Apply", parameters, done="applied")


def _armed(name: str, task: Mapping[str, object], filled: Filled) -> Wish:
    return Wish(Kind.ARM, f"{OPERATION}.Arm", {"object": name, "task": task, "reason": filled["REASON"]})


def _profile(verb: str) -> Ask:
    def made(filled: Filled) -> Wish:
        task = {"verb": verb, "toMilliamperes": filled["CURRENT"], "rateMilliamperesPerSecond": filled["RATE"]}
        part = {"part": filled["PART"]} if "PART" in filled else {}
        return _armed(filled.get("FEED", BARE_FEED), task | part, filled)

    return made


def _off(filled: Filled) -> Wish:
    return _armed(filled.get("FEED", BARE_FEED), {"verb": "off", "rateMilliamperesPerSecond": filled["RATE"]}, filled)


def _polarity(filled: Filled) -> Wish:
    return _armed(filled.get("FEED", BARE_FEED), {"verb": "polarity", "negative": filled["SIGN"] == "neg"}, filled)


def _electroding(filled: Filled) -> Wish:
    return _armed(filled.get("FEED", BARE_FEED), {"verb": "electroding", "on": filled["ONOFF"] == "on"}, filled)


def _bypass(filled: Filled) -> Wish:
    name = filled["CONTACT"]
    return _armed(name, {"verb": "bypass", "interlock": name, "forSeconds": filled["DURATION"]}, filled)


def _out_of_service(filled: Filled) -> Wish:
    parameters = {"until": {"t": filled["UNTIL"]}, "reason": filled["REASON"]}
    return Wish(Kind.OUT_OF_SERVICE, f"{ALARM}.TakeOutOfService", parameters, (filled["KEY"],), "key", "out of service")


def _go_on(way: str) -> Ask:
    return lambda filled: Wish(Kind.GO_ON, f"{OPERATION}.Prepare", {"operation": filled["OPERATION"], "way": way})


def _approve(filled: Filled) -> Wish:
    name = filled["OPERATION"]
    return Wish(Kind.APPROVE, f"{OPERATION}.Approve", {"operation": name}, done=f"{name} approved")


def _emergency(filled: Filled) -> Wish:
    """Read pfe a, pfe-a pfe-b, all, in either case. All is all, whatever is named beside it."""
    objects: list[str] = []
    words = list(filled["FEEDS"])
    while words:
        group = words[0].casefold() == "pfe" and len(words) > 1
        name = words.pop(1 if group else 0)
        if group:
            words.pop(0)
        objects.append("all" if name.casefold() == "all" else feed(name) if group else name)
    if "all" in objects:
        objects = ["all"]
    return Wish(Kind.EMERGENCY, f"{OPERATION}.EmergencyOff", {"objects": objects}, keys=tuple(objects))


ACTS = (
    Command("set amp DEVICE gain GAIN dB", SET, "stage a set value; apply sends it", _stage("gain", "GAIN")),
    Command("set amp DEVICE output POWER dBm", SET, "its output power", _stage("output", "POWER")),
    Command("set amp DEVICE pump1-current PUMPCURRENT mA", SET, "the current of its pump", _stage("pump1-current", "PUMPCURRENT")),
    Command("apply [confirm-within DURATION] reason REASON", SET, "send what show diff shows; without confirm it goes back", _apply),
    Command("confirm", SET, "what was applied stays", act(f"{SETPOINT}.Confirm", "confirmed: it stays")),
    Command("revert reason REASON", SET, "send the values of before", act(f"{SETPOINT}.Revert", "reverted", reason="REASON")),
    Command("discard", SET, "forget what is staged", act(f"{SETPOINT}.Discard", "discarded: nothing is staged any more")),
    Command("rollback BACK", SET, "stage the values of before the last so many applies",
            act(f"{SETPOINT}.Rollback", "staged: nothing was sent yet. Look: show diff", number="BACK")),
    Command("arm amp DEVICE PUMP reason REASON", OPERATE, "pumps of an amplifier",
            lambda filled: _armed(filled["DEVICE"], {"verb": "pump", "on": filled["PUMP"] == "pump-on"}, filled)),
    Command("arm amp DEVICE mode MODE reason REASON", OPERATE, "what an amplifier keeps constant",
            lambda filled: _armed(filled["DEVICE"], {"verb": "mode", "mode": filled["MODE"]}, filled)),
    Command("arm pfe [FEED] energise [PART] to CURRENT mA rate RATE mA/s reason REASON", LETHAL, "put current on the sea cable",
            _profile("energise")),
    Command("arm pfe [FEED] ramp to CURRENT mA rate RATE mA/s reason REASON", LETHAL, "another current", _profile("ramp")),
    Command("arm pfe [FEED] off rate RATE mA/s reason REASON", LETHAL, "down, off, discharged", _off),
    Command("arm pfe [FEED] polarity SIGN reason REASON", LETHAL, "of a feed that is off", _polarity),
    Command("arm pfe [FEED] electroding ONOFF reason REASON", LETHAL, "the tone that a ship looks for", _electroding),
    Command("arm interlock CONTACT bypass for DURATION reason REASON", LETHAL, "an interlock counts as closed, for 30 minutes at most",
            _bypass),
    Command("arm hold HOLD remove reason REASON", LETHAL, "somebody else's hold",
            lambda filled: _armed(filled["HOLD"], {"verb": "remove-hold", "hold": filled["HOLD"]}, filled)),
    Command("arm alarm KEY out-of-service until UNTIL reason REASON", LETHAL,
            "an alarm does not count; both persons type the same line within 3 minutes", _out_of_service),
    Command("approve OPERATION", LETHAL, "agree to what somebody else has armed", _approve),
    Command("execute OPERATION", OPERATE, "begin what is armed: its code is asked for",
            call(Kind.EXECUTE, f"{OPERATION}.Execute", operation="OPERATION")),
    Command("resume OPERATION", OPERATE, "go on with what is held: a code is asked for", _go_on("resume")),
    Command("back OPERATION", OPERATE, "go back to where it began", _go_on("back")),
    Command(f"{EMERGENCY_OFF} FEEDS...", EMERGENCY, "de-energise one feed, several, or all, now. Nothing is asked", _emergency),
)  # fmt: skip
