"""What staff say, in WhatsApp's words: formatting, mentions, and the name before it."""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from archive import directory, ids
from archive.db import Database
from archive.model import Chat, Person
from bridge.link.parent import Link
from bridge.matrix import Homeserver
from bridge.outward import compose, formatted
from bridge.outward.compose import Words
from bridge.rooms.posts import FIELD, Posts
from bridge.whatsapp import described
from config import Config

HTML = "org.matrix.custom.html"
EVERYONE = "@room"  # Matrix's word for it (spec: Mentioning the whole room); WhatsApp's is @all
ADDRESSING_S = 3600  # seconds for which it is remembered how a group names its members
MENTIONS = 200  # people that one message may mention


class Voice:
    """Turns the content of a Matrix event into WhatsApp's text, relayed under its author's
    name."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver,
                 link: Link) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._link = link
        self._posts = Posts(config, database)
        self._servers: dict[int, tuple[str, float]] = {}  # chat → server of addresses, as of when

    async def name(self, mxid: str) -> str:
        """A member of staff's name, as the homeserver has it."""
        return await self._homeserver.display_name(mxid)

    async def relayed(self, words: Words, mxid: str) -> Words:
        """The words under their author's name."""
        template, post = self._config.bridge.relay, ""
        if FIELD in template:
            person = await directory.find(self._db, "mxid", mxid)
            post = await self._posts.shown(template, person.id if person else None)
        text = compose.relay_text(template, await self.name(mxid), words.text, post)
        return Words(text, words.mentions, words.everyone)

    async def caption(self, words: Words, mxid: str) -> Words:
        """The same; without words the name alone."""
        said = await self.relayed(words, mxid)
        return said if words.text else Words(said.text.rstrip(" :\n"))

    async def words(self, content: dict[str, Any], plain: str, chat: Chat) -> Words:
        """What an event's content says, with formatting and mentions; `plain` is its text without
        them. Raises LinkError when WhatsApp cannot be asked who is who."""
        rich = content.get("formatted_body")
        if not plain or content.get("format") != HTML or not isinstance(rich, str):
            rich = ""
        called = content.get("m.mentions")
        called = called if isinstance(called, dict) else {}
        listed = called.get("user_ids")
        named = {user for user in listed if isinstance(user, str)} \
            if isinstance(listed, list) else set()
        known = await self._addresses(sorted({*named, *formatted.users(rich)}), chat)
        text, mentions = formatted.from_html(rich, known.get) if rich else ("", [])
        if not text:
            text, mentions = await self._plain(plain, {u: known[u] for u in named if u in known})
        everyone = called.get("room") is True and EVERYONE in text
        if everyone:
            text = text.replace(EVERYONE, "@all")
        return Words(text, tuple(mentions), everyone)

    async def _plain(self, text: str, known: dict[str, tuple[str, str]]) -> tuple[str, list[str]]:
        """A text without formatting that mentions people by their names."""
        mentions = []
        for user, (digits, jid) in known.items():
            name = await self.name(user)
            found = next((word for word in (f"@{name}", user, name) if word and word in text), None)
            if found:
                text = text.replace(found, f"@{digits}", 1)
                mentions.append(jid)
        return text, mentions

    async def _addresses(self, users: Iterable[str], chat: Chat) -> dict[str, tuple[str, str]]:
        """For ghosts, and for staff whose own number is known: what stands behind the "@", and the
        JID, as the group names its members."""
        found = {}
        for user in list(users)[:MENTIONS]:
            is_ghost = user.startswith("@" + self._config.bridge.ghost_prefix)
            person = await directory.find(self._db, "ghost" if is_ghost else "mxid", user)
            jid = await self.address(person, chat) if person else ""
            if jid:
                found[user] = (jid.partition("@")[0], jid)
        return found

    async def address(self, person: Person, chat: Chat) -> str:
        """The JID under which somebody is known in a group; "" when WhatsApp does not know them.
        Raises LinkError."""
        by_lid = f"{person.lid}@{ids.LID_SERVER}" if person.lid else ""
        by_number = f"{person.pn}@{ids.USER_SERVER}" if person.pn else ""
        if not (by_lid and by_number):
            return by_lid or by_number
        return by_lid if await self._server(chat) == ids.LID_SERVER else by_number

    async def _server(self, chat: Chat) -> str:
        """Whether a group names its members by LID or by number: what most of them go by."""
        if described.is_direct(chat.jid):
            return ids.LID_SERVER
        server, at = self._servers.get(chat.id, ("", 0.0))
        if not server or time.monotonic() - at > ADDRESSING_S:
            members = (await self._link.group(chat.jid)).Participants
            counted = Counter(str(member.JID.Server) for member in members)
            server = counted.most_common(1)[0][0] if counted else ids.LID_SERVER
            self._servers[chat.id] = (server, time.monotonic())
        return server
