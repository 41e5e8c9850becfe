"""`!digest`: when somebody is told what is theirs."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from archive import duties, settings
from archive.db import Unit
from bot import digests, render, rooms
from bot.commands.base import Answer, Call, Command, Mistake, Request, Say, Tools, result
from nlp import words as texts

# What may follow `!digest`, and other words for it.
WORDS: dict[str, tuple[str, ...]] = {
    "on": ("on", "yes", "start", "چالو", "شروع", "ہاں"),
    "off": ("off", "no", "stop", "never", "none", "بند", "نہیں"),
    "now": ("now", "today", "show", "ابھی", "آج"),
}


@dataclass(frozen=True)
class Wish:
    """on, off, now, a time ("09:30"), or "" to be told how it stands."""

    word: str


def parse_digest(call: Call, request: Request) -> Wish:
    """One of WORDS, or a time."""
    said = texts.fold(texts.one_line(call.rest))
    for name, others in WORDS.items():
        if said in others:
            return Wish(name)
    if not said:
        return Wish("")
    plain = "".join(str(int(c)) if c.isdecimal() else c for c in said)
    clock = digests.read_time(plain.removeprefix("at ").strip())
    if clock is None:
        raise Mistake("A digest can be on, off or now, or come at a time such as 09:30.",
                      call.command)
    return Wish(f"{clock:%H:%M}")


async def do_digest(tools: Tools, request: Request, wish: Wish) -> Unit[tuple[str, str]]:
    """Keep the wish, or tell it at once; gives the words."""
    mxid = request.actor.mxid
    private = await tools.matrix.private_with(request.room_id, mxid)
    if wish.word == "now":
        if not private:
            raise Mistake("What is yours is for you alone: say this in our private talk.")
        words = await digests.personal(
            tools.db, tools.matrix, request, mxid, await duties.last_action(tools.db))
        return result(words or _plain("Nothing is with you, and nothing that you watch has "
                                      "changed."))
    usual = tools.config.bot.digest
    wanted = wish.word or await settings.get(tools.db, digests.setting(mxid), "on") or "on"
    clock = digests.clock_time(wanted, usual)
    if wanted == "on" and not clock:
        raise Mistake("Digests are switched off in the configuration (bot.digest); with a time, "
                      f"such as {request.prefix}digest 09:30, you get yours all the same.")
    _refuse_night(clock, request)

    def unit() -> Unit[tuple[str, str]]:
        if wish.word:
            yield from settings.put(digests.setting(mxid), wish.word)
        if private and wish.word != "off":
            yield from rooms.talk_here(mxid, request.room_id)
        elif wish.word and wish.word != "off":
            yield from rooms.talk_again(mxid)
        return _plain(f"You get your digest on office days at {clock}, in our private talk."
                      if clock else "You get no digest.")
    return unit()


def _refuse_night(clock: str, request: Request) -> None:
    """Raises Mistake when the office is closed at that hour all the coming week."""
    at, calendar = digests.read_time(clock), request.calendar
    if at is None or calendar is None:
        return
    today = datetime.fromtimestamp(request.at / 1000, request.zone).date()
    days = [today + timedelta(ahead) for ahead in range(14)]
    if not any(start <= at < end for day in days for start, end in calendar.hours(day)):
        day = calendar.next_office_day(today)
        start, end = calendar.hours(day)[0][0], calendar.hours(day)[-1][1]
        raise Mistake(f"The office is closed at {clock}, and I keep quiet then: name a time from "
                      f"{start:%H:%M} to {end:%H:%M}.")


def _plain(sentence: str) -> tuple[str, str]:
    return sentence, render.html(sentence)


def render_digest(words: tuple[str, str], request: Request) -> list[Say]:
    """The words."""
    return [Answer(*words)]


DIGEST_COMMANDS = [
    Command("digest", "[on|off|now|HH:MM]",
            "When I tell you in our private talk what is yours, due and overdue: each office day "
            "at that time, or now. After you have left our talk, on invites you again.",
            (), parse_digest, do_digest, render_digest, role="viewer",
            examples=("digest now", "digest 10:30", "digest off")),
]
