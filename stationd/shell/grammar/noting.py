"""The commands that note something and touch no plant: class NOTE. Typed in full, as all that follow."""

from __future__ import annotations

from stationd.shell.grammar.asked import Ask, act, call, fixed, order
from stationd.shell.grammar.command import Class, Command, Filled
from stationd.shell.grammar.slots import Feed
from stationd.shell.methods import ALARM, DIAGNOSTICS, OPERATION, SESSION
from stationd.shell.wish import Kind, Wish

NOTE = Class.NOTE
ALL_VISIBLE = "all-visible"
LONG_S = 900


def _ack(filled: Filled) -> Wish:
    keys = filled.get("KEY", (ALL_VISIBLE,))
    parameters = {"note": filled["NOTE"]} if "NOTE" in filled else {}
    return Wish(Kind.ORDER, f"{ALARM}.Acknowledge", parameters, keys, "keys", "acknowledged")


def _shelve(one_shot: bool) -> Ask:
    def made(filled: Filled) -> Wish:
        parameters: dict[str, object] = {"seconds": filled["DURATION"], "reason": filled["REASON"]}
        return Wish(Kind.ORDER, f"{ALARM}.Shelve", parameters | ({"oneShot": True} if one_shot else {}), (filled["KEY"],), "key", "shelved")

    return made


def _hold_on(group: str) -> Ask:
    def made(filled: Filled) -> Wish:
        name = filled.get(group, Feed("pfe"))
        return Wish(Kind.ACT, f"{OPERATION}.AddHold", {"object": name, "reason": filled["REASON"]}, done=f"hold on {name}")

    return made


def _silence(filled: Filled) -> Wish:
    return Wish(Kind.SAY, f"{SESSION}.Silence", {"seconds": filled.get("DURATION", LONG_S)}, done="the bell is silent")


NOTING = (
    Command("ack KEY... [NOTE]", NOTE, "say that you have seen alarms", _ack),
    Command("ack all-visible [NOTE]", NOTE, "all that wait for it", _ack),
    Command("silence [DURATION]", NOTE, "no bell for a while; a new critical alarm ends it", _silence),
    Command("shelve KEY [for] DURATION [reason] REASON", NOTE, "hide an alarm for a time", _shelve(False)),
    Command("shelve KEY [for] DURATION one-shot [reason] REASON", NOTE, "at most until it clears", _shelve(True)),
    Command("unshelve KEY", NOTE, "show it again", order(f"{ALARM}.Unshelve", "on no shelf any more")),
    Command("reset KEY NOTE", NOTE, "end the latch of an alarm that is gone and acknowledged",
            order(f"{ALARM}.Reset", "reset", note="NOTE")),
    Command("return-to-service KEY", NOTE, "an alarm that was out of service counts again",
            order(f"{ALARM}.ReturnToService", "back in service")),
    Command("note NOTE", NOTE, "write something down for this station and its next shift",
            lambda filled: Wish(Kind.SAY, f"{SESSION}.Note", {"text": filled["NOTE"]}, done="noted")),
    Command("note NOTE KEY", NOTE, "write it beside an alarm", order(f"{ALARM}.AddNote", "noted", text="NOTE")),
    Command("message USER TEXT", NOTE, "tell a user, or all, who sits at a shell of this station",
            lambda filled: Wish(Kind.SAY, f"{SESSION}.Message", {"to": filled["USER"], "text": filled["TEXT"]}, done="told")),
    Command("handover write TEXT", NOTE, "what the next shift has to know",
            lambda filled: Wish(Kind.SAY, f"{SESSION}.WriteHandover", {"text": filled["TEXT"]}, done="written for the next shift")),
    Command("handover take", NOTE, "the shift is yours; another user has had it",
            fixed(Kind.SAY, f"{SESSION}.TakeHandover", {})),
    Command("hold add OBJECT reason REASON", NOTE, "nobody is to act on this. NOT AN ISOLATION", _hold_on("OBJECT")),
    Command("hold add pfe [FEED] reason REASON", NOTE, "on a power feed", _hold_on("FEED")),
    Command("hold add amp DEVICE reason REASON", NOTE, "on an amplifier", _hold_on("DEVICE")),
    Command("hold remove HOLD", NOTE, "remove one's own hold", act(f"{OPERATION}.DropHold", "{HOLD} is removed", hold="HOLD")),
    Command("hold-ramp [OPERATION]", NOTE, "stop changing, keep what is", act(f"{OPERATION}.Hold", "held", operation="OPERATION")),
    Command("authority request", NOTE, "ask for the right to act", act(f"{OPERATION}.RequestAuthority", "authority requested")),
    Command("authority grant USER", NOTE, "give it to somebody",
            act(f"{OPERATION}.GrantAuthority", "authority granted to {USER}", to="USER")),
    Command("authority release", NOTE, "give it up", act(f"{OPERATION}.ReleaseAuthority", "authority released")),
    Command("authority take reason REASON", NOTE, "take it from somebody",
            act(f"{OPERATION}.TakeAuthority", "authority taken", reason="REASON")),
    Command("bypass end CONTACT", NOTE, "an interlock counts again",
            act(f"{OPERATION}.EndBypass", "{CONTACT} is bypassed no more", interlock="CONTACT")),
    Command("baseline take [NOTE]", NOTE, "what is measured now counts as normal from now on",
            call(Kind.TAKE, f"{DIAGNOSTICS}.TakeBaseline", note="NOTE")),
    Command("test self", NOTE, "read everything, move nothing, and say what is not well",
            fixed(Kind.REPORT, f"{DIAGNOSTICS}.SelfTest", {})),
    Command("test link", NOTE, "the far station, the broker, the lines", fixed(Kind.REPORT, f"{DIAGNOSTICS}.LinkTest", {})),
    Command("support fault [last]", NOTE, "all about the newest fault in one file: CSV, JSON, plots",
            fixed(Kind.BUNDLE, f"{DIAGNOSTICS}.MakeBundle", {"id": "last"})),
    Command("support fault FAULT", NOTE, "of an earlier one", call(Kind.BUNDLE, f"{DIAGNOSTICS}.MakeBundle", id="FAULT")),
    Command("reject OPERATION [NOTE]", NOTE, "say no to what somebody else has armed",
            lambda filled: Wish(Kind.ACT, f"{OPERATION}.Reject", {"operation": filled["OPERATION"], "why": filled.get("NOTE", "")},
                                done=f"{filled['OPERATION']} rejected")),
    Command("disarm OPERATION", NOTE, "give up what is armed, or let what is held be over",
            act(f"{OPERATION}.Disarm", "{OPERATION} closed", operation="OPERATION")),
)  # fmt: skip
