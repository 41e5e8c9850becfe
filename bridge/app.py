"""The wiring of the bridge; the only file that knows all the others."""
from __future__ import annotations

import asyncio
import logging
from zoneinfo import ZoneInfo

from archive import media as archive_media
from archive.db import Database, open_database
from bridge.admin import Admin
from bridge.inward.inbound import Inbound
from bridge.inward.inbox import Inbox
from bridge.link import LinkError, LinkState, LinkUnsure
from bridge.link.parent import Link
from bridge.matrix import Homeserver, HomeserverError
from bridge.outward.catchup import Catchup
from bridge.outward.marks import Marks
from bridge.outward.outbound import Outbound
from bridge.outward.outbox import Outbox
from bridge.outward.pace import Pace, Paced
from bridge.rooms.avatars import Avatars
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
                         whatsapp.environment, self._on_event, self._on_state)
        self.homeserver = Homeserver(config, self._on_transaction)
        store = archive_media.MediaStore(config.data / "media")
        media = Media(database, store, self.link, self.homeserver,
                      whatsapp.media_limit * 2**20)
        avatars = Avatars(database, store, self.link, self.homeserver)
        ghosts = Ghosts(config, database, self.homeserver, avatars)
        rooms = Rooms(config, database, self.homeserver, avatars, ghosts)
        self.rooms = rooms
        self.groups = Groups(config, database, self.link, lambda: self.status.own_jid, self._wake)
        self.status = Status(config, database, self.homeserver, rooms, self._wake)
        inbound = Inbound(database, self.homeserver, rooms, ghosts, media, config)
        outbound = Outbound(config, database, self.homeserver, self.link, media,
                            lambda: self.status.own_jid, self._wake)
        admin = Admin(config, database, self.homeserver, self.link, self.groups, rooms,
                      self.status)
        self.pace = Pace(whatsapp.pace_minute, whatsapp.pace_hour, self.status.held_back)
        self.lanes = Lanes(database, {"in": inbound, "out": Paced(outbound, self.pace),
                                      "bot": admin, "mark": Marks(database, self.homeserver)},
                           retries=config.bridge.retries)
        self.inbox = Inbox(database, self.groups, self._wake, lambda: self.status.own_jid,
                           ZoneInfo(config.timezone))
        self.outbox = Outbox(config, database, self.homeserver, self._wake)
        self.catchup = Catchup(database, self.homeserver, self.outbox.store)
        self._catching_up: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    def _wake(self, lane: str) -> None:
        self.lanes.wake(lane)

    async def _on_event(self, delivery) -> None:
        await self.inbox.store(delivery)
        await self.status.saw(delivery)

    async def _on_transaction(self, events) -> None:
        await self.catchup.take(events)

    async def _on_state(self, state: LinkState) -> None:
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
                break
            except HomeserverError as error:
                await self.homeserver.stop()
                if not error.temporary:
                    raise
                log.error("%s; trying again in %d s", error, HOMESERVER_WAIT_S)
                await asyncio.sleep(HOMESERVER_WAIT_S)
        for admin in self.config.bridge.admins:
            self.outbox.listen(await self.rooms.admin_room(admin))
        await self.pace.remember(self.database)
        await self.lanes.start()
        self._catching_up = asyncio.create_task(self.catchup.run())
        self._watching = asyncio.create_task(self.status.watch())
        await self.link.start()

    async def stop(self) -> None:
        """Stop the link first: nothing new comes; then the lanes; then the appservice."""
        await self.link.stop()
        for task in (self._catching_up, self._watching):
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
