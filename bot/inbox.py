"""From a sync's raw events to rows for the archive: which are commands, which are only seen. Pure.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from archive.botbooks import SeenEvent
from bot import buttons, parse
from bot.matrix import RoomTimeline
from bot.others import NOBODY, Names, names_of
from bot.outbox import TXN_KEY
from config import Config
from nlp.words import without_fallback

PAST_MS = 7 * 86_400_000  # so long ago is history that nobody is asked about


@dataclass(frozen=True)
class Rules:
    """Who is who on this server."""

    user_id: str  # the bot
    bridge_bot: str
    ghost_prefix: str  # "@wa_"
    server_suffix: str  # ":daftar.localhost"
    prefix: str
    hosts: frozenset[str]  # whose invitations are accepted
    others: Names = NOBODY  # users of another WhatsApp bridge, who command nobody
    # what reactions stand for
    buttons: Mapping[str, str] = field(default_factory=dict)
    officials: bool = False  # may something be asked from WhatsApp?


def rules_of(config: Config) -> Rules:
    """The configuration, as the inbox needs it."""
    bridge_bot = config.user_id(config.bridge.bot)
    return Rules(
        config.user_id(config.bot.user), bridge_bot, f"@{config.bridge.ghost_prefix}",
        f":{config.homeserver.name}", config.bot.prefix,
        frozenset((bridge_bot, *config.bridge.admins, *config.bridge.staff)),
        names_of(config),
        config.bot.buttons, bool(config.bot.official_commands))


def accepts(inviter: str, rules: Rules) -> bool:
    """Whether an invitation counts: from the bridge's bot, an admin or staff, of our server."""
    return inviter in rules.hosts and inviter.endswith(rules.server_suffix)


def read(timeline: RoomTimeline, rules: Rules) -> tuple[list[SeenEvent], list[tuple[str, str]]]:
    """(rows for the archive, (transaction id, event id) of the bot's own events).

    Nothing from before the bot was asked into the room is a command: it was said to nobody. What
    was said between invitation and join was said to the bot, which only was not quick enough."""
    asked = _asked_in(timeline, rules.user_id)
    rows, echoes = [], []
    for index, event in enumerate(timeline.events):
        if "state_key" in event:
            continue
        content = event.get("content")
        content = content if isinstance(content, dict) else {}
        if event["sender"] == rules.user_id and isinstance(content.get(TXN_KEY), str):
            echoes.append((content[TXN_KEY], event["event_id"]))
        state = "new" if index > asked and _is_command(event, content, rules) else "seen"
        rows.append(SeenEvent(
            event["event_id"], timeline.room_id, event["sender"], event["type"],
            event["origin_server_ts"], _dumps(content), state))
    return rows, echoes


def _asked_in(timeline: RoomTimeline, user_id: str) -> int:
    """The place of the invitation that the bot followed, or of its join without one; -1 when it
    was in the room all the time."""
    joined = max((index for index, event in enumerate(timeline.events)
                  if is_own_join(event, user_id)), default=-1)
    return max((index for index, event in enumerate(timeline.events[:max(joined, 0)])
                if event["type"] == "m.room.member" and event.get("state_key") == user_id
                and event["content"].get("membership") == "invite"), default=joined)


def is_own_join(event: Mapping[str, Any], user_id: str) -> bool:
    """A join, not a change of name (then the content before says join as well)."""
    if event["type"] != "m.room.member" or event.get("state_key") != user_id:
        return False
    before = (event.get("unsigned") or {}).get("prev_content") or {}
    return (event["content"].get("membership") == "join"
            and before.get("membership") != "join")


def _is_command(event: Mapping[str, Any], content: Mapping[str, Any], rules: Rules) -> bool:
    """Whether somebody tells the bot something: in words, by a reaction, or by changing what they
    told it."""
    sender = event["sender"]
    if not sender.endswith(rules.server_suffix) or content.get("org.daftar.bot") or content.get(
            "org.daftar.history"):
        return False
    if sender in (rules.user_id, rules.bridge_bot):
        return False
    related = relation(content)
    if event["type"] == "m.reaction":
        return (not sender.startswith(rules.ghost_prefix)
                and buttons.is_button(rules.buttons, str(related.get("key"))))
    if event["type"] != "m.room.message" or (content.get("msgtype") != "m.text" and (
            not is_captioned(content) or sender.startswith(rules.ghost_prefix))):
        return False
    if rules.others.is_theirs(sender):
        return False
    if sender.startswith(rules.ghost_prefix):
        return (rules.officials and related.get("rel_type") != "m.replace"
                and parse.is_command(words(content), rules.prefix)
                and parse.is_known(words(content), rules.prefix))
    if related.get("rel_type") == "m.replace":
        new = content.get("m.new_content")
        return isinstance(new, dict) and parse.is_command(words(new), rules.prefix)
    return parse.is_command(words(content), rules.prefix)


def relation(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """`m.relates_to`, empty when it is missing or malformed."""
    value = content.get("m.relates_to")
    return value if isinstance(value, dict) else {}


def is_past(content: Mapping[str, Any], at: int, now: int) -> bool:
    """Whether a message is history that was brought into the room (of a phone, or a chat export)
    from so long ago that nobody is to be asked about it. Unix ms."""
    return bool(content.get("org.daftar.history")) and at < now - PAST_MS


def words(content: Mapping[str, Any]) -> str:
    """What the person wrote, without the quoted message."""
    body = content.get("body")
    return without_fallback(body, "m.in_reply_to" in relation(content)) if (
        isinstance(body, str)) else ""


def is_captioned(content: Mapping[str, Any]) -> bool:
    """Whether it is a file with words of its own (client-server API, "Media captions")."""
    return (content.get("msgtype") == "m.file" and isinstance(content.get("filename"), str)
            and content["filename"] != content.get("body"))


def thread_root(content: Mapping[str, Any]) -> str | None:
    """The thread an event is in."""
    related = relation(content)
    root = related.get("event_id")
    return root if related.get("rel_type") == "m.thread" and isinstance(root, str) else None


def reply_to(content: Mapping[str, Any]) -> str | None:
    """The event that a person replied to; in a thread, where clients without threads are given a
    reply to the last message (`is_falling_back`), the thread's first message."""
    related = relation(content)
    if thread_root(content) and related.get("is_falling_back"):
        return thread_root(content)
    answered = related.get("m.in_reply_to")
    event_id = answered.get("event_id") if isinstance(answered, dict) else None
    return event_id if isinstance(event_id, str) else thread_root(content)


_PILL = re.compile(r'href="https://matrix\.to/#/([^"/?]+)"')
_QUOTED = re.compile(r"<mx-reply>.*?</mx-reply>", re.S)


def mentions(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Users named as pills in the text itself. `m.mentions` is no help: it also names the author
    of the message replied to."""
    markup = content.get("formatted_body")
    if not isinstance(markup, str):
        return ()
    named = (unquote(match) for match in _PILL.findall(_QUOTED.sub("", markup)))
    return tuple(dict.fromkeys(name for name in named if name.startswith("@")))


def _dumps(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates: no database takes them
        return json.dumps(content, separators=(",", ":"))
    return text
