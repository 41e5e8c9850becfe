"""The wiring of the bridge; the only file that knows all the others."""
from __future__ import annotations

import asyncio
import logging
from typing import Any
from zoneinfo import ZoneInfo

from archive import media as archive_media
from archive.db import Database, open_database
from archive.sent import DEPARTMENT
from bridge.accounts import Account, Accounts
from bridge.admin import Admin
from bridge.imports.jobs import Jobs
from bridge.inward.inbound import Inbound
from bridge.inward.inbox import Inbox
from bridge.inward.signs import Signs
from bridge.link import Delivery, LinkError, LinkState, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from bridge.outward.catchup import Catchup
from bridge.outward.heard import Heard
from bridge.outward.marks import Marks
from bridge.outward.outbound import Outbound
from bridge.outward.outbox import Outbox
from bridge.outward.pace import Pace, Paced, Paces
from bridge.outward.presence import Presence
from bridge.outward.sealed import Sealed
from bridge.own import OwnLines
from bridge.rooms.avatars import Avatars
from bridge.rooms.directs import Directs
from bridge.rooms.ghosts import Ghosts
from bridge.rooms.groups import Groups
from bridge.rooms.media import Media
from bridge.rooms.rooms import Rooms
from bridge.status import Status
from bridge.worker import Lanes
from config import Config

log = logging.getLogger("daftar.bridge")

HOMESERVER_WAIT_S = 5  # between tries while the homeserver is away at the start


class Bridge:
    """One bridge process: the appservice, the lanes and the link's parent."""

    def __init__(self, config: Config, database: Database) -> None:
        self.config = config
        self.database = database
        whatsapp = config.whatsapp
        self.link = Link(config.data / "links" / whatsapp.name, whatsapp.device_name,
                         whatsapp.environment, self._on_event, self._on_state,
                         direct=lambda: self.directs.rules())
        self.homeserver = Homeserver(config, self._on_transaction)
        self.accounts = Accounts(database, Account(DEPARTMENT, self.link), config.homeserver.name,
                                 lambda: self.homeserver.puppets)
        self.homeserver.is_puppet = self.accounts.is_puppet
        store = archive_media.MediaStore(config.data / "media")
        media = Media(database, store, self.link, self.homeserver,
                      whatsapp.media_limit * 2**20)
        avatars = Avatars(database, store, self.link, self.homeserver)
        ghosts = Ghosts(config, database, self.homeserver, avatars)
        rooms = Rooms(config, database, self.homeserver, avatars, ghosts)
        self.rooms = rooms
        self.groups = Groups(config, database, self.link, lambda: self.status.own_jid, self._wake)
        self.directs = Directs(config, database, self.accounts.department.is_of, self._wake)
        self.directs.on_choice = self.link.choose
        self.status = Status(config, database, self.homeserver, rooms, self._wake)
        inbound = Inbound(database, self.homeserver, rooms, ghosts, media, config, self.accounts,
                          self._wake)
        outbound = Outbound(config, database, self.homeserver, self.accounts, media, self._wake)
        self.own = OwnLines(config, database, self.accounts, self.groups, self._own_status,
                            self._on_own_event)
        self.groups.on_choice = self.own.choose
        self.pace = self._pace(self.status)
        self.paces = Paces(database, self.pace,
                           lambda owner: self._pace(self._own_status(owner, "")))
        self.outbox = Outbox(config, database, self.homeserver, self._wake)
        admin = Admin(config, database, self.homeserver, self.link, self.groups, self.directs,
                      rooms, self.status, self.own, self.outbox.listen, self._wake)
        self.lanes = Lanes(database, {"in": inbound, "out": Paced(outbound, self.paces),
                                      "bot": admin, "mark": Marks(database, self.homeserver),
                                      "key": Sealed(database, self.homeserver, self.outbox.store)},
                           retries=config.bridge.retries)
        self.inbox = Inbox(database, self.groups, self.directs, self._wake, self.accounts,
                           ZoneInfo(config.timezone), config.bridge.admins)
        self.inbox.in_doubt = Heard(database, self._wake).settle
        self.signs = Signs(config, database, self.homeserver)
        self.link.on_sign = self.signs.hear
        self.presence = Presence(config, database, self.homeserver, self.link)
        self.homeserver.on_ephemeral = self.presence.hear
        self.jobs = Jobs(config, database, self._wake)
        self.catchup = Catchup(database, self.homeserver, self.outbox.store)
        self._catching_up: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._passing: list[asyncio.Task[None]] = []
        self._refreshing: asyncio.Task[None] | None = None

    def _wake(self, lane: str) -> None:
        self.lanes.wake(lane)

    async def _on_event(self, delivery) -> None:
        await self.inbox.store(delivery)
        await self.status.saw(delivery)

    async def _on_own_event(self, account: Account, delivery: Delivery) -> None:
        await self.inbox.store(delivery, account)

    def _own_status(self, owner: str, name: str) -> Status:
        return Status(self.config, self.database, self.homeserver, self.rooms, self._wake,
                      owner=owner, name=name)

    def _pace(self, status: Status) -> Pace:
        whatsapp = self.config.whatsapp
        return Pace(whatsapp.pace_minute, whatsapp.pace_hour, status.held_back)

    async def _on_transaction(self, events) -> None:
        for event in events:
            if self._invites_to_a_chat(event):
                await self._come(event)
        await self.catchup.take(events)

    def _invites_to_a_chat(self, event: dict[str, Any]) -> bool:
        """Does somebody who may command the bridge want to talk to it alone?"""
        content = event.get("content")
        return (event.get("type") == "m.room.member" and isinstance(content, dict)
                and event.get("state_key") == self.homeserver.bot_id
                and content.get("membership") == "invite" and content.get("is_direct") is True
                and isinstance(event.get("room_id"), str)
                and self.own.may(str(event.get("sender"))))

    async def _come(self, event: dict[str, Any]) -> None:
        try:
            room = await self.homeserver.enter(event["room_id"])
        except HomeserverError as error:
            if error.temporary:
                raise  # the transaction comes again
            log.warning("the chat with %s cannot be entered: %s", event["sender"], error)
            return
        await self.database.write(self.rooms.chats_in(event["sender"], room))
        self.outbox.listen(room)

    async def _on_state(self, state: LinkState) -> None:
        if state.state == "connected" and "@" in state.detail:
            await self.own.department_connected(state)
        await self.status.changed(state)
        if state.state == "connected" and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.create_task(self._refresh_groups())

    async def _refresh_groups(self) -> None:
        try:
            for lane in await self.groups.refresh():
                self._wake(lane)
        except (LinkError, LinkUnsure) as error:
            log.warning("the list of groups could not be read now: %s", error)

    async def start(self) -> None:
        """Listen, take up what was left, and start the link."""
        while True:
            try:
                await self.homeserver.start()
                await self.rooms.encrypt()
                break
            except HomeserverError as error:
                await self.homeserver.stop()
                if not error.temporary:
                    raise
                log.error("%s; trying again in %d s", error, HOMESERVER_WAIT_S)
                await asyncio.sleep(HOMESERVER_WAIT_S)
        for admin in self.config.bridge.admins:
            self.outbox.listen(await self.rooms.admin_room(admin))
        for room in await self.rooms.chats_of(self.config.bridge.staff):
            self.outbox.listen(room)
        await self.pace.remember(self.database)
        await self.lanes.start()
        self._catching_up = asyncio.create_task(self.catchup.run())
        self._watching = asyncio.create_task(self.status.watch())
        self._passing = [asyncio.create_task(self.homeserver.call_again()),
                         asyncio.create_task(self.signs.run()),
                         asyncio.create_task(self.presence.run()),
                         asyncio.create_task(self.jobs.run())]
        await self.own.start()
        await self.link.start()

    async def stop(self) -> None:
        """Stop the links first: nothing new comes; then the lanes; then the appservice."""
        await asyncio.gather(self.link.stop(), self.own.stop())
        for task in (self._catching_up, self._watching, *self._passing):
            if task:
                task.cancel()
        await self.lanes.stop()
        await self.homeserver.stop()


async def run(config: Config) -> None:
    """Run the bridge until cancelled. Raises ArchiveError or HomeserverError when it cannot."""
    config.data.mkdir(parents=True, exist_ok=True)
    database = await open_database(config.database_url)
    bridge = Bridge(config, database)
    try:
        await bridge.start()
        await asyncio.Event().wait()
    finally:
        await bridge.stop()
        await database.close()
