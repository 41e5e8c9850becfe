"""Our numbers on WhatsApp: the department's, and those with which members of staff speak as
themselves. Who is who, and what is on its way out just now."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from archive import directory, ids
from archive.db import Database
from archive.model import Chat, Person, Sender
from archive.sent import DEPARTMENT
from bridge.link.parent import Link

GONE = "gone"  # the role of who is in the room and not in the group (bridge.rooms.ghosts)


@dataclass
class Account:
    """One number. `key`: whose it is, a member of staff's Matrix id, or "" for the department's."""

    key: str
    link: Link
    jid: str = ""  # USER@s.whatsapp.net; "" until it was connected once
    lid: str = ""  # digits; "" when WhatsApp has not said

    @property
    def own(self) -> bool:
        """Is it somebody's own?"""
        return self.key != DEPARTMENT

    @property
    def connected(self) -> bool:
        """Can something leave from it now?"""
        return self.link.state.state == "connected"

    @property
    def number(self) -> str:
        """The phone number, digits only."""
        user, _, server = self.jid.partition("@")
        return user if server == ids.USER_SERVER else ""

    def is_of(self, other: Sender | Person) -> bool:
        """Does this address belong to the account?"""
        user, _, server = self.jid.partition("@")
        lid = self.lid or (user if server == ids.LID_SERVER else "")
        return bool(self.number and other.pn == self.number) or bool(lid and other.lid == lid)


class Accounts:
    """The numbers that are linked. The department's is always among them."""

    def __init__(self, database: Database, department: Account, domain: str = "",
                 puppets: Callable[[], bool] = lambda: False) -> None:
        """`puppets`: may the bridge speak in the rooms as members of staff of this `domain`?"""
        self._db = database
        self._puppets = puppets
        self._domain = domain
        self.department = department
        self._own: dict[str, Account] = {}
        self._leaving: dict[int, set[asyncio.Future[None]]] = {}  # chat → messages on their way

    def __iter__(self) -> Iterator[Account]:
        return iter([self.department, *self._own.values()])

    def __len__(self) -> int:
        return 1 + len(self._own)

    def add(self, account: Account) -> None:
        """A member of staff's own number is there from now on."""
        self._own[account.key] = account

    def remove(self, key: str) -> None:
        """… and is no more."""
        self._own.pop(key, None)

    def get(self, key: str) -> Account | None:
        """The number of a member of staff, or with "" the department's."""
        return self.department if key == DEPARTMENT else self._own.get(key)

    def ours(self, sender: Sender | Person) -> Account | None:
        """The number of ours that an address belongs to."""
        return next((account for account in self if account.is_of(sender)), None)

    def puppet(self, person: Person) -> str | None:
        """The Matrix id as which the bridge shows what this person says on WhatsApp, in a ghost's
        place: that of a member of staff who has linked this number."""
        if not self._puppets():
            return None
        return next((account.key for account in self._own.values()
                     if account.is_of(person) and self.is_puppet(account.key)), None)

    def is_puppet(self, mxid: str) -> bool:
        """Does the bridge speak as this user now?"""
        return self._puppets() and mxid in self._own and bool(self._own[mxid].jid) and \
            mxid.partition(":")[2] == self._domain

    async def person(self, account: Account) -> Person | None:
        """Who an account is in the record."""
        user, _, server = account.jid.partition("@")
        if not user:
            return None
        kind = "lid" if server == ids.LID_SERVER else "pn"
        return await directory.find(self._db, kind, user)

    async def role(self, account: Account, chat: Chat) -> str:
        """The account's role in a group; "" when it is no member, or that is not known."""
        person = await self.person(account)
        rows = await self._db.read(
            "SELECT role FROM member WHERE chat_id = ? AND person_id = ?",
            chat.id, person.id) if person else []
        return rows[0]["role"] if rows and rows[0]["role"] != GONE else ""

    # What one number says, the others hear

    @asynccontextmanager
    async def leaving(self, chat_id: int) -> AsyncIterator[None]:
        """While a message goes out and its id is noted."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving.setdefault(chat_id, set()).add(done)
        try:
            yield
        finally:
            self._leaving[chat_id].discard(done)
            done.set_result(None)

    async def settled(self, chat_id: int) -> None:
        """Wait until the ids of all that is going out into a chat just now are noted: another of
        our numbers may hear a message before WhatsApp has told its sender the id."""
        if pending := list(self._leaving.get(chat_id, ())):
            await asyncio.wait(pending)
