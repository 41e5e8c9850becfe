"""Direct chats with the department's number: which are carried (bridge.direct), and whose room is
whose. One person has one room, whether WhatsApp names them by number or by LID."""
from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Iterable

from archive import directory, queue, settings
from archive.db import Database, Unit
from archive.ids import LID_SERVER, USER_SERVER
from archive.model import Chat, Sender
from bridge.clock import now_ms
from bridge.link.direct import Rules, fits
from bridge.rooms import follow
from bridge.whatsapp import described
from config import Config

MARK = " (direct)"  # behind the person's name
_SETTING = "chosen "  # + JID: the entry of bridge.direct by which a chat was chosen (as groups')
_NOBODY = "0"  # WhatsApp's own announcements come from this number
_SERVER = {"pn": USER_SERVER, "lid": LID_SERVER}


class Directs:
    """The chosen direct chats. Nothing is kept of any other. `is_own` tells whether an address is
    the department's; `wake` wakes a lane with work."""

    def __init__(self, config: Config, database: Database, is_own: Callable[[Sender], bool],
                 wake: Callable[[str], None]) -> None:
        self._patterns = config.bridge.direct
        self._db = database
        self._is_own = is_own
        self._wake = wake
        self.on_choice: Callable[[], Awaitable[None]] = _nothing  # others are chosen than before

    async def rules(self) -> Rules:
        """What the link has to know. A name is often known here only: so all who are meant stand
        in it by their addresses."""
        choices = await self._choices()
        if not self._patterns and not choices:
            return Rules()
        chosen = await settings.named(self._db, _SETTING)
        kept = {jid for jid, pattern in chosen.items() if pattern in self._patterns}
        yes, no = set(), set()
        for name, addresses in await self._people():
            if any(choices.get(address) == "no" for address in addresses):
                no |= addresses
            elif addresses & kept or any(choices.get(a) == "yes" for a in addresses) or \
                    any(fits(p, addresses, [name]) for p in self._patterns if p != "*"):
                yes |= addresses  # "*" needs no list
        for jid, choice in choices.items():
            (yes if choice == "yes" else no).add(jid)
        return Rules(self._patterns, frozenset(yes - no), frozenset(no))

    async def _choices(self) -> dict[str, str]:
        """What admins wrote, by address."""
        found = await settings.named(self._db, follow.CHOICE)
        return {jid: choice for jid, choice in found.items() if described.is_direct(jid)}

    async def _people(self) -> list[tuple[str, set[str]]]:
        rows = await self._db.read(
            "SELECT p.id, p.name, i.kind, i.value FROM person p JOIN identifier i "
            "ON i.person_id = p.id WHERE i.kind IN ('pn', 'lid')")
        found: dict[int, tuple[str, set[str]]] = {}
        for row in rows:
            _, addresses = found.setdefault(row["id"], (row["name"], set()))
            addresses.add(f"{row['value']}@{_SERVER[row['kind']]}")
        return list(found.values())

    async def chosen(self, peer: Sender, at: int) -> Chat | None:
        """The archive's chat with somebody, under their name of today; None when it is not
        carried."""
        if _NOBODY in (peer.pn, peer.lid) or self._is_own(peer):
            return None
        addresses, names = await self._known(peer)
        before = await _chats(self._db, addresses)
        why = await self._why(addresses, names, before)
        if why is None:
            return None
        chat, lanes = await self._db.write(_opened(peer, before, why, at))
        for lane in lanes:
            self._wake(lane)
        if not before:
            await self.on_choice()
        return chat

    async def known(self, peer: Sender) -> Chat | None:
        """The chat with somebody, when it is carried and has begun; no name is noted."""
        addresses, names = await self._known(peer)
        before = await _chats(self._db, addresses)
        return before[0] if before and await self._why(addresses, names, before) is not None \
            else None

    async def _known(self, peer: Sender) -> tuple[set[str], list[str]]:
        """All addresses and names of somebody."""
        addresses = set(_addresses(peer))
        names = [peer.push_name or ""]
        for address in sorted(addresses):
            more, name = await _person(self._db, address)
            addresses |= more
            names.append(name)
        return addresses, names

    async def _why(self, addresses: set[str], names: list[str], chats: list[Chat]) -> str | None:
        """The rule by which a chat is chosen; None when none does. Once chosen by a name, it stays
        chosen as long as that rule stands."""
        choices = await self._choices()
        said = {choices[address] for address in addresses if address in choices}
        if said:
            return "" if "no" not in said else None
        for chat in chats:
            pattern = await settings.get(self._db, _SETTING + chat.jid)
            if pattern and pattern in self._patterns:
                return pattern
        return next((p for p in self._patterns if fits(p, addresses, names)), None)

    async def choose(self, number: str, yes: bool) -> str:
        """An admin's word on the chat with a number (digits). Returns the answer."""
        addresses, _ = await self._known(Sender(pn=number))
        chats = await _chats(self._db, addresses)
        for jid in sorted({f"{number}@{USER_SERVER}", *(chat.jid for chat in chats)}):
            await self._db.write(follow.choose(jid, yes))
        await self.on_choice()
        words = ("This direct chat is bridged from now on." if yes else
                 "This direct chat is not bridged any more: nothing arrives from it and nothing "
                 "can be sent. This room and the record stay.")
        for chat in chats:
            at = now_ms()
            if lane := await self._db.write(follow.say(
                    chat, "bridged" if yes else "unbridged", at, at, words)):
                self._wake(lane)
            self._wake(f"out:{chat.id}")
        if not yes:
            return f"The direct chat with +{number} is not bridged any more."
        return (f"The direct chat with +{number} is bridged from now on. Its room is made with the "
                "next message.")


async def _nothing() -> None:
    """Nobody wants to know."""


async def find(db: Database, jid: str) -> Chat | None:
    """The chat of an address: a group's, or the direct one with the person who has it."""
    chat = await directory.chat_by_jid(db, jid)
    if not described.is_direct(jid):
        return chat
    more, _ = await _person(db, jid)
    found = await _chats(db, {jid, *more})
    return found[0] if found else chat


async def address(db: Database, chat: Chat) -> str:
    """Where a message into this chat goes: of a direct chat the newest number of the person, or
    their LID."""
    if not described.is_direct(chat.jid):
        return chat.jid
    user, _, server = chat.jid.partition("@")
    person = await directory.find(db, "lid" if server == LID_SERVER else "pn", user)
    newest = (person.lid if server == LID_SERVER else person.pn) if person else None
    return f"{newest or user}@{server}"


def _addresses(sender: Sender) -> Iterable[str]:
    """Number first: as long as both are known, the number names a chat."""
    if sender.pn:
        yield f"{sender.pn}@{USER_SERVER}"
    if sender.lid:
        yield f"{sender.lid}@{LID_SERVER}"


async def _person(db: Database, address: str) -> tuple[set[str], str]:
    """All addresses of the person behind one, and their name."""
    user, _, server = address.partition("@")
    rows = await db.read(
        """SELECT i.kind, i.value, p.name FROM identifier a JOIN person p ON p.id = a.person_id
        JOIN identifier i ON i.person_id = p.id
        WHERE a.kind = ? AND a.value = ? AND i.kind IN ('pn', 'lid')""",
        "lid" if server == LID_SERVER else "pn", user)
    return ({f"{row['value']}@{_SERVER[row['kind']]}" for row in rows},
            rows[0]["name"] if rows else "")


async def _chats(db: Database, addresses: set[str]) -> list[Chat]:
    """The chats with somebody: more than one when two of their addresses met late. The first is the
    one that goes on."""
    rows = await db.read(
        "SELECT id FROM chat WHERE jid IN "
        f"({', '.join('?' * len(addresses))}) ORDER BY room_id IS NULL, id", *sorted(addresses))
    found = [await directory.chat(db, row["id"]) for row in rows]
    return [chat for chat in found if chat]


def _opened(peer: Sender, before: list[Chat], why: str, at: int
            ) -> Unit[tuple[Chat, list[str]]]:
    """The chat, made when there is none, under the person's name, and the lanes with work."""
    person = yield from directory.ensure(peer, at)
    rows = yield (
        "SELECT p.name, i.value AS pn FROM person p LEFT JOIN identifier i ON i.person_id = p.id "
        "AND i.kind = 'pn' WHERE p.id = ? ORDER BY i.since DESC, i.value LIMIT 1", (person,))
    name, number = rows[0]["name"], f"+{rows[0]['pn']}" if rows[0]["pn"] else ""
    topic = name if number in ("", name) else f"{name} ({number})"
    jid = before[0].jid if before else next(iter(_addresses(peer)))
    if before and (before[0].name, before[0].topic) == (name + MARK, topic):
        chat, lanes = before[0], []
    else:
        chat = yield from directory.ensure_chat(jid, name + MARK, topic, at)
        lanes = [f"in:{chat.id}"]
        yield from queue.put(lanes[0], f"room:{chat.id}:{secrets.token_hex(6)}", "room",
                             payload=json.dumps({"picture": not before}))
    if why:
        yield from settings.put(_SETTING + jid, why)
    for other in before[1:]:  # said once: a notice with this key is there or not
        lane = (yield from follow.say(
            other, "moved", 0, at, "This chat goes on in another room: "
            f"https://matrix.to/#/{chat.room_id}")) if other.room_id else None
        lanes += [lane] if lane else []
    return chat, lanes
