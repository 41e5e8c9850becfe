"""The links of members of staff who speak with a number of their own: linking, unlinking, restarts.

What such a link may read is decided in its process, before anything is written: messages of groups
that are bridged, nothing else (bridge.link.child). Which groups there are, their members, pictures
and files: all that is the department's link's alone.
"""
from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from archive import directory, settings
from archive.db import Database, Unit
from archive.model import Sender
from bridge import line
from bridge.accounts import Account, Accounts
from bridge.clock import now_ms
from bridge.link import RESTING, Delivery, LinkError, LinkState, LinkUnsure
from bridge.link.parent import Link
from bridge.rooms.groups import Groups
from bridge.status import Status
from config import Config

log = logging.getLogger("daftar.bridge.own")

_SETTING = "own number "  # + mxid: {"jid": …, "lid": …}
_DEPARTMENT = "department number"  # the same of the department's
LINKED = ("This links your own WhatsApp number: what you write in the groups' rooms then goes out "
          "from it, without your name before it. From your number only messages of the bridged "
          "groups are read; your chats and your other groups are not.")

MakeStatus = Callable[[str, str], Status]  # (owner, name of the link)
OnEvent = Callable[[Account, Delivery], Awaitable[None]]


class OwnLine:
    """One member of staff's link."""

    def __init__(self, account: Account, status: Status, folder: str) -> None:
        self.account = account
        self.status = status
        self.folder = folder
        self.ending = False


class OwnLines:
    """All of them, by Matrix id."""

    def __init__(self, config: Config, database: Database, accounts: Accounts, groups: Groups,
                 make_status: MakeStatus, on_event: OnEvent) -> None:
        self._config = config
        self._db = database
        self._accounts = accounts
        self._groups = groups
        self._make_status = make_status
        self._on_event = on_event
        self._lines: dict[str, OwnLine] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the links that there were; before the department's."""
        known = json.loads(await settings.get(self._db, _DEPARTMENT) or "{}")
        department = self._accounts.department
        department.jid, department.lid = known.get("jid", ""), known.get("lid", "")
        rows = await self._db.read(
            "SELECT name, value FROM setting WHERE name LIKE ? ORDER BY name", f"{_SETTING}%")
        for row in rows:
            mxid, kept = row["name"].removeprefix(_SETTING), json.loads(row["value"])
            if not self.may(mxid):
                log.warning("%s is neither in bridge.admins nor in bridge.staff any more: the own "
                            "number is not connected", mxid)
                continue
            await self._begin(mxid, kept.get("jid", ""), kept.get("lid", ""))

    async def stop(self) -> None:
        """Stop them all; they start again with the bridge."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)
        await asyncio.gather(*(one.account.link.stop() for one in self._lines.values()))

    def may(self, mxid: str) -> bool:
        """Who may speak with a number of their own."""
        return mxid in (*self._config.bridge.admins, *self._config.bridge.staff)

    def choose(self) -> None:
        """Other groups are bridged than before: every link is told."""
        for one in self._lines.values():
            self._spawn(one.account.link.choose())

    # What people ask for

    async def link(self, mxid: str, number: str) -> str:
        """Begin to link somebody's own number: by QR code, or by a code for that phone number.
        Returns the answer. Raises LinkError."""
        digits = "".join(c for c in number if c.isdigit())
        if number and not 8 <= len(digits) <= 15:
            return f"{number} is not a phone number; write it like +923001234567."
        one = self._lines.get(mxid)
        if one and (one.account.connected or (one.account.jid and not self._resting(one))):
            return (f"Your own number +{one.account.number} is linked already. Write !wa unlink "
                    "first to link another one.")
        if number and (taken := self._taken(digits, "", mxid)):
            return taken
        if one is None:
            one = await self._begin(mxid)
        elif self._resting(one):
            await one.account.link.relink()
        if not number:
            return f"{LINKED} The code follows as a picture and as text."
        code = await one.account.link.pair_code(digits)
        return (f"Pairing code: {code}\nOn your phone +{digits}: WhatsApp → Settings → Linked "
                f"devices → Link a device → Link with phone number instead.\n{LINKED}")

    async def unlink(self, mxid: str) -> str:
        """Unlink somebody's own number and forget its session. Returns the answer."""
        one = self._lines.get(mxid)
        if one is None:
            return "You have linked no number of your own."
        was_connected = one.account.connected
        await self._end(one)
        if was_connected or not one.account.jid:
            return "Your own number is unlinked. You speak through the department's number again."
        return ("Your own number is forgotten here, but WhatsApp could not be told: remove the "
                f"device “{self._config.whatsapp.device_name}” on the phone, under Linked devices. "
                "You speak through the department's number again.")

    def sentence(self, mxid: str) -> str:
        """How somebody's own line is; "" when there is none."""
        one = self._lines.get(mxid)
        if one is None:
            return ""
        number = f" (+{one.account.number})" if one.account.number else ""
        return f"{one.status.sentence()}{number}"

    def _resting(self, one: OwnLine) -> bool:
        return one.account.link.state.state in RESTING

    # Life of a link

    async def _begin(self, mxid: str, jid: str = "", lid: str = "") -> OwnLine:
        folder = folder_of(mxid, self._config.homeserver.name)
        whatsapp = self._config.whatsapp

        async def on_event(delivery: Delivery) -> None:
            await self._on_event(account, delivery)

        async def on_state(state: LinkState) -> None:
            await self._changed(one, state)

        link = Link(self._config.data / "links" / folder, whatsapp.device_name,
                    whatsapp.environment, on_event, on_state, chats=self._groups.mirrored_jids)
        account = Account(mxid, link, jid, lid)
        one = self._lines[mxid] = OwnLine(account, self._make_status(mxid, folder), folder)
        await self._db.write(_keep(_SETTING + mxid, jid, lid))
        self._accounts.add(account)
        await link.start()
        return one

    async def _changed(self, one: OwnLine, state: LinkState) -> None:
        if one.ending:
            return
        if state.state == "connected":
            user = state.detail.partition("@")[0]
            if taken := self._taken(user, state.lid, one.account.key):
                await self._refuse(one, taken)
                return
            one.account.jid, one.account.lid = state.detail, state.lid
            await self._db.write(_linked(one.account, now_ms()))
        if state.state == "logged_out" and not one.account.jid:
            await self._refuse(one, "Nobody scanned the code. Write !wa link for a new one.")
            return
        await one.status.changed(state)
        if state.state == "logged_out":
            self._spawn(self._end(one))

    async def department_connected(self, state: LinkState) -> None:
        """The department's number is known now; nobody may have it as their own."""
        department = self._accounts.department
        if (department.jid, department.lid) != (state.detail, state.lid):
            department.jid, department.lid = state.detail, state.lid
            await self._db.write(_keep(_DEPARTMENT, state.detail, state.lid))
        for one in list(self._lines.values()):
            if one.account.number and one.account.number == department.number:
                await self._refuse(one, _is_departments(department.number))

    def _taken(self, number: str, lid: str, mxid: str) -> str:
        """Why this number cannot be somebody's own; "" when it can."""
        for other in self._accounts:
            if other.key == mxid or not other.is_of(Sender(pn=number, lid=lid or None)):
                continue
            if other.own:
                return (f"+{number} is linked already, as the own number of {other.key}. One "
                        "number can speak for one person only.")
            return _is_departments(number)
        return ""

    async def _refuse(self, one: OwnLine, why: str) -> None:
        await one.status.end_codes()
        await one.status.tell(why)
        one.ending = True
        self._spawn(self._end(one))

    async def _end(self, one: OwnLine) -> None:
        """Unlink, when WhatsApp can be asked, and leave nothing of it on the disk."""
        one.ending = True
        self._accounts.remove(one.account.key)
        self._lines.pop(one.account.key, None)
        await one.status.end_codes()
        try:
            if one.account.connected:
                await one.account.link.logout()
        except (LinkError, LinkUnsure) as error:
            log.warning("the own number of %s could not be unlinked: %s", one.account.key, error)
        await one.account.link.stop()
        await self._db.write(_forget(one))
        folder = self._config.data / "links" / one.folder
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("an own number's link", exc_info=task.exception())


def folder_of(mxid: str, server: str) -> str:
    """The name of a link's folder: safe, and of one member of staff alone."""
    localpart, _, home = mxid[1:].partition(":")
    plain = re.sub(r"[^a-z0-9_-]", "_", localpart)[:40]
    if plain == localpart and home == server:
        return f"staff-{plain}"
    return f"staff-{plain}-{hashlib.sha256(mxid.encode()).hexdigest()[:12]}"


def _is_departments(number: str) -> str:
    return (f"+{number} is the department's number, which speaks for everybody: it cannot be "
            "anybody's own as well.")


def _keep(name: str, jid: str, lid: str) -> Unit[None]:
    yield from settings.put(name, json.dumps({"jid": jid, "lid": lid}))


def _linked(account: Account, at: int) -> Unit[None]:
    """The number and its holder become one person, unless the record knows it as another member
    of staff's: what was written then stays theirs."""
    yield from _keep(_SETTING + account.key, account.jid, account.lid)
    rows = yield (
        """SELECT 1 FROM identifier a JOIN identifier m ON m.person_id = a.person_id
        WHERE m.kind = 'mxid' AND m.value <> ? AND
            ((a.kind = 'pn' AND a.value = ?) OR (a.kind = 'lid' AND a.value = ?))""",
        (account.key, account.number, account.lid))
    mxid = account.key if not rows else None
    if account.number or account.lid:
        yield from directory.ensure(
            Sender(pn=account.number or None, lid=account.lid or None, mxid=mxid), at)


def _forget(one: OwnLine) -> Unit[None]:
    yield from settings.remove(_SETTING + one.account.key)
    yield from settings.remove(line.setting(one.folder))
