"""From which number something leaves: a member of staff's own, or the department's."""
from __future__ import annotations

import json
from typing import Any

from archive import directory, messages, sent
from archive.db import Database
from archive.model import Chat, QueueRow, Record
from bridge.accounts import Account, Accounts
from bridge.link import LinkDown
from bridge.whatsapp import described
from bridge.worker import GiveUp

# These are about a message that one number sent, and WhatsApp takes them from that one only.
_OF_THE_SENDER = ("edit", "deletion")


class Speakers:
    """Decides before anything is sent. What may have been sent is not sent from another number."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._db = database
        self._accounts = accounts
        self._refused: set[int] = set()  # rows that the own number surely could not send

    async def of(self, row: QueueRow, record: Record, chat: Chat, event: dict[str, Any]) -> Account:
        """The account from which a row leaves. Raises LinkDown when it must be one that is not
        there just now, GiveUp when it is not there any more."""
        if row.task == "revoke":
            return self._account(event.get("account", sent.DEPARTMENT))
        if record.kind in _OF_THE_SENDER and record.target_id is not None:
            target = await messages.get(self._db, record.target_id)
            if target is not None and target.origin == "matrix":
                return self._account(await sent.account_of(self._db, target.id))
        if described.is_direct(chat.jid):
            return self._accounts.department  # the chat is with its number
        own = self._accounts.get(event["sender"])
        if own is not None and own.own and own.connected and row.id not in self._refused and \
                await self._accounts.role(own, chat):
            return own
        return self._accounts.department

    def refused(self, row: QueueRow) -> None:
        """It was surely not sent from the own number: the department's says it next time."""
        self._refused.add(row.id)

    def _account(self, key: str) -> Account:
        account = self._accounts.get(key)
        if account is None:
            raise GiveUp(f"it was sent from the own number of {key}, which is not linked any more")
        if account.own and not account.connected:
            raise LinkDown(f"the own number of {key}, which sent it, is not connected")
        return account

    async def speaker(self, row: QueueRow) -> str:
        """The same for the pace (bridge.outward.pace): the account's key, without a complaint."""
        record = await messages.get(self._db, row.record_id)
        chat = await directory.chat(self._db, int(row.lane.partition(":")[2]))
        event = json.loads(row.payload or "{}")
        if record is None or chat is None or ("sender" not in event and row.task != "revoke"):
            return sent.DEPARTMENT
        try:
            return (await self.of(row, record, chat, event)).key
        except (LinkDown, GiveUp):
            return sent.DEPARTMENT

    async def may_write(self, account: Account, chat: Chat) -> bool:
        """In a group in which only admins can write: is it one?"""
        return account.own and await self._accounts.role(account, chat) in ("admin", "superadmin")

    async def sent(self, account: Account, record: Record) -> bool:
        """Did this account say that, from here or from its phone?"""
        if record.origin == "matrix":
            return await sent.account_of(self._db, record.id) == account.key
        if record.sender_id is None:
            return not account.own
        person = await directory.person(self._db, record.sender_id)
        return person is not None and account.is_of(person)

    async def author(self, record: Record) -> Account | None:
        """The account that said it for a member of staff; None when it is not linked any more."""
        return self._accounts.get(await sent.account_of(self._db, record.id))
