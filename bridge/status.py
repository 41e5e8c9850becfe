"""The state of the line, in sentences, for the admins: and how they link a phone."""
from __future__ import annotations

import asyncio
import io
import json
import logging
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import segno
from google.protobuf.message import DecodeError

from archive import directory, gaps, ids, queue, settings
from archive.db import Database, Unit
from bridge import line, link
from bridge.clock import now_ms
from bridge.line import Line
from bridge.link import Delivery, LinkState
from bridge.matrix import Homeserver, HomeserverError
from bridge.rooms.rooms import Rooms
from config import Config
from waproto import neonize_pb2

log = logging.getLogger("daftar.bridge.status")

QUIET = ("starting",)  # states that nobody needs to be told of
SEEN_STEP_MS = 600_000  # a sign of the phone is written down when it is so much newer
CHECK_S = 3600.0  # seconds between looks at how long the phone has been away


class Status:
    """Hears of the link's states; tells the admins, keeps the last one, records gaps."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver, rooms: Rooms,
                 wake: Any, *, owner: str = "", name: str = "") -> None:
        """`owner`: the Matrix id of the member of staff whose own number it is, who alone hears of
        it; `name`: the link's. Without them it is the department's line, of which admins hear."""
        self._owner = owner
        self._name = name or config.whatsapp.name
        self._people = (owner,) if owner else config.bridge.admins
        self._asked = False  # a code was shown
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._rooms = rooms
        self._wake = wake
        # room → picture and text of the first code, then those of the codes that replaced them
        self._qr_events: dict[str, list[str]] = {}
        self._told = ""
        self.state = LinkState("starting", "", now_ms(), None)
        self.line: Line | None = None  # None until it is read
        self._zone = ZoneInfo(config.timezone)
        self.own_jid = ""  # the account this link belongs to, once connected
        self.own_lid = ""  # the same as LID, digits only; "" when WhatsApp did not say

    async def changed(self, state: LinkState) -> None:
        """The link says how it is."""
        before, self.state = self.state, state
        if state.state == "connected":
            self.own_jid = str(ids.parse_jid(state.detail).bare) if "@" in state.detail else ""
            self.own_lid = state.lid
        if state.unclean and not self._owner:  # what an own number missed, the department's has
            await self._record_gap(state.unclean)
        await self._note(state)
        if state.state == "qr":
            self._asked = True
            await self._show_qr(state.detail)
            return
        if before.state == "qr" and state.state != "qr":
            await self.end_codes()
        if state.state != self._told and self._worth_telling(state.state):
            self._told = state.state
            await self.tell(self.sentence())

    def _worth_telling(self, state: str) -> bool:
        """Does somebody need to be told? Of an own number that comes and goes nobody does: the
        department's speaks meanwhile."""
        if self._owner and state in ("connected", "disconnected"):
            asked, self._asked = self._asked, self._asked and state != "connected"
            return asked and state == "connected"
        return state not in QUIET

    def sentence(self) -> str:
        """How the line is, and what to do."""
        if self._owner:
            return line.own_sentence(self.line or Line(), self._zone)
        return line.sentence(self.line or Line(), self._zone, now_ms())

    async def _note(self, state: LinkState) -> None:
        """Keep the state for `daftar status` and for the next start."""
        known = await self._known()
        new_phone = known.state in ("qr", "logged_out") and state.state == "connected"
        seen = state.since if new_phone or not known.phone_seen else known.phone_seen
        await self._keep(replace(
            known, state=state.state, detail="" if state.state == "qr" else state.detail,
            since=state.since, until=state.until,
            down_since=0 if state.state == "connected" else known.down_since or state.since,
            phone_seen=seen if state.state == "connected" else known.phone_seen,
            warned=0 if new_phone else known.warned))

    async def _known(self) -> Line:
        if self.line is None:
            name = line.setting(self._name)
            self.line = Line.load(await settings.get(self._db, name))
        return self.line

    async def _keep(self, new: Line) -> None:
        self.line = new
        await self._db.write(settings.put(line.setting(self._name), new.dump()))

    # The phone

    async def saw(self, delivery: Delivery) -> None:
        """Look at what the link delivers for a sign of the department's own phone."""
        at = _own_phone(delivery)
        known = await self._known()
        if at - known.phone_seen >= SEEN_STEP_MS:
            await self._keep(replace(known, phone_seen=min(at, now_ms()), warned=0))

    async def watch(self) -> None:
        """Warn the admins before WhatsApp unlinks us, for as long as the bridge runs."""
        while True:
            await self.check_phone(now_ms())
            await asyncio.sleep(CHECK_S)

    async def check_phone(self, now: int) -> None:
        """Tell the admins, once for each of line.WARN_DAYS, that the phone is away."""
        known = await self._known()
        days = line.due(known, now)
        if days and known.state not in ("qr", "logged_out"):
            await self._keep(replace(known, warned=days))
            await self.tell(line.phone(known, self._zone, now))

    async def _record_gap(self, stretch: tuple[int, int]) -> None:
        chats = [chat.id for chat in await directory.chats(self._db)
                 if not chat.jid.endswith(f"@{ids.IMPORT_SERVER}")]  # nothing is heard of those
        lanes = await self._db.write(_store_gap(chats, self._name, stretch))
        for lane in lanes:
            self._wake(lane)

    async def tell(self, text: str) -> None:
        """Put a notice into the chat with the bridge of everybody whom this line concerns; kept
        until it is posted."""
        for admin in self._people:
            room = await self._admin_room(admin)
            if room is None:
                continue
            lane = f"bot:{room}"
            await self._db.write(queue.put(
                lane, f"tell:{room}:{now_ms()}:{self._name}", "notice",
                payload=json.dumps({"text": text})))
            self._wake(lane)

    async def held_back(self, until: float) -> None:
        """The hour's limit (bridge.pace) holds messages back until then (Unix seconds)."""
        limit = self._config.whatsapp.pace_hour
        await self.tell(
            f"{limit} messages have left in the last hour, which is the limit (whatsapp.pace_hour) "
            "that keeps WhatsApp from banning the number. What else was written waits, in order; "
            f"the next leaves at {datetime.fromtimestamp(until, self._zone):%H:%M}.")

    async def _admin_room(self, admin: str) -> str | None:
        try:
            return await self._rooms.admin_room(admin)
        except HomeserverError as error:
            log.error("cannot make the chat with %s: %s", admin, error)
            return None

    async def _show_qr(self, code: str) -> None:
        """The code as a picture and as text; renewed in place, as WhatsApp renews it."""
        picture = io.BytesIO()
        segno.make_qr(code).save(picture, kind="png", scale=6, border=4)
        try:
            uri = await self._homeserver.upload(picture.getvalue(), "image/png", "qr.png")
        except HomeserverError as error:
            log.error("cannot upload the QR code: %s", error)
            return
        image = {"msgtype": "m.image", "body": "qr.png", "url": uri,
                 "info": {"mimetype": "image/png", "size": len(picture.getvalue())}}
        whose = "your own phone" if self._owner else "the department's phone"
        words = (f"Link {whose}: WhatsApp → Settings → Linked devices → Link a device, then scan "
                 "the picture. The code changes every few seconds.")
        text = {"msgtype": "m.notice", "body": f"{words}\n\n{code}",
                "format": "org.matrix.custom.html", "org.daftar.qr": code,
                "formatted_body": f"{words}<br><code>{code}</code>"}
        for admin in self._people:
            room = await self._admin_room(admin)
            if room:
                await self._post_qr(room, image, text)

    async def _post_qr(self, room: str, image: dict[str, Any], text: dict[str, Any]) -> None:
        shown = self._qr_events.get(room)
        stamp = now_ms()
        try:
            events = []
            for number, content in enumerate((image, text)):
                if shown:
                    content = _replacing(content, shown[number])
                events.append(await self._homeserver.send(
                    room, "m.room.message", content, f"qr{stamp}.{number}"))
            self._qr_events.setdefault(room, []).extend(events)
        except HomeserverError as error:
            log.error("cannot show the QR code in %s: %s", room, error)

    async def end_codes(self) -> None:
        """Take the codes away that are shown."""
        shown, self._qr_events = self._qr_events, {}
        for room, events in shown.items():
            for number, event in enumerate(events):
                try:
                    await self._homeserver.redact(room, event, f"qrend{event}.{number}",
                                                  reason="The code is no longer valid")
                except HomeserverError as error:
                    log.warning("cannot remove the QR code from %s: %s", room, error)


def _store_gap(chats: list[int], link: str, stretch: tuple[int, int]) -> Unit[list[str]]:
    """The gap in every chat's record, and the rows that show it in the rooms."""
    lanes = []
    records = yield from gaps.add(chats, link, *stretch)
    for chat_id, record_id in zip(chats, records, strict=True):
        lanes.append(f"in:{chat_id}")
        yield from queue.put(f"in:{chat_id}", f"in:{record_id}", "record", record_id=record_id)
    return lanes


def _own_phone(delivery: Delivery) -> int:
    """When the own phone did what this event tells of (Unix ms); 0 when it is not about it."""
    try:
        match delivery.code:
            case link.MESSAGE:
                info = neonize_pb2.Message.FromString(delivery.body).Info
                source, at = info.MessageSource, info.Timestamp
            case link.RECEIPT:
                receipt = neonize_pb2.Receipt.FromString(delivery.body)
                source, at = receipt.MessageSource, receipt.Timestamp
            case _:
                return 0
    except DecodeError:
        return 0
    if not source.IsFromMe or source.Sender.Device:
        return 0
    return at if at > 10**11 else at * 1000


def _replacing(content: dict[str, Any], event: str) -> dict[str, Any]:
    return {**content, "m.new_content": content,
            "m.relates_to": {"rel_type": "m.replace", "event_id": event}}
