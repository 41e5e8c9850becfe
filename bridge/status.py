"""The state of the line, in sentences, for the admins: and how they link a phone."""
from __future__ import annotations

import io
import json
import logging
from typing import Any

import segno

from archive import directory, gaps, ids, queue, settings
from archive.db import Database, Unit
from bridge.clock import now_ms
from bridge.link import LinkState
from bridge.matrix import Homeserver, HomeserverError
from bridge.rooms import Rooms
from config import Config

log = logging.getLogger("daftar.bridge.status")

SENTENCES = {
    "starting": "The WhatsApp link is starting.",
    "qr": "No phone is linked. Scan the code below, or write !wa login +92… for a pairing code.",
    "connected": "Connected to WhatsApp.",
    "disconnected": "The connection to WhatsApp is lost; the link tries again by itself.",
    "logged_out": "The phone has removed this device from its linked devices. Write !wa login to "
                  "link it again.",
    "replaced": "The session was opened somewhere else. Make sure that only one Daftar uses it, "
                "then restart the bridge.",
    "banned": "WhatsApp has suspended the number for a time. Wait; do not link it again before.",
    "outdated": "This version of the WhatsApp library is no longer accepted. Upgrade Daftar.",
    "failed": "The WhatsApp link cannot work.",
}
QUIET = ("starting",)  # states that nobody needs to be told of


class Status:
    """Hears of the link's states; tells the admins, keeps the last one, records gaps."""

    def __init__(self, config: Config, database: Database, homeserver: Homeserver, rooms: Rooms,
                 wake: Any) -> None:
        self._config = config
        self._db = database
        self._homeserver = homeserver
        self._rooms = rooms
        self._wake = wake
        # room → picture and text of the first code, then those of the codes that replaced them
        self._qr_events: dict[str, list[str]] = {}
        self._told = ""
        self.state = LinkState("starting", "", now_ms(), None)
        self.own_jid = ""  # the account this link belongs to, once connected

    async def changed(self, state: LinkState) -> None:
        """The link says how it is."""
        before, self.state = self.state, state
        if state.state == "connected":
            self.own_jid = str(ids.parse_jid(state.detail).bare) if "@" in state.detail else ""
        if state.unclean:
            await self._record_gap(state.unclean)
        await self._db.write(settings.put(f"link {self._config.whatsapp.name}", json.dumps(
            {"state": state.state, "detail": "" if state.state == "qr" else state.detail,
             "since": state.since})))
        if state.state == "qr":
            await self._show_qr(state.detail)
            return
        if before.state == "qr" and state.state != "qr":
            await self._end_qr(state)
        if state.state not in QUIET and state.state != self._told:
            self._told = state.state
            await self.tell_admins(self.sentence())

    def sentence(self) -> str:
        """How the line is, and what to do."""
        text = SENTENCES.get(self.state.state, self.state.state)
        if self.state.detail and self.state.state not in ("qr", "connected"):
            text += f" ({self.state.detail})"
        return text

    async def _record_gap(self, stretch: tuple[int, int]) -> None:
        chats = [chat.id for chat in await directory.chats(self._db)]
        lanes = await self._db.write(_store_gap(chats, self._config.whatsapp.name, stretch))
        for lane in lanes:
            self._wake(lane)

    async def tell_admins(self, text: str) -> None:
        """Put a notice into every admin's chat with the bridge; kept until it is posted."""
        for admin in self._config.bridge.admins:
            room = await self._admin_room(admin)
            if room is None:
                continue
            lane = f"bot:{room}"
            await self._db.write(queue.put(
                lane, f"tell:{room}:{now_ms()}", "notice", payload=json.dumps({"text": text})))
            self._wake(lane)

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
        words = ("Link the department's phone: WhatsApp → Settings → Linked devices → Link a "
                 "device, then scan the picture. The code changes every few seconds.")
        text = {"msgtype": "m.notice", "body": f"{words}\n\n{code}",
                "format": "org.matrix.custom.html", "org.daftar.qr": code,
                "formatted_body": f"{words}<br><code>{code}</code>"}
        for admin in self._config.bridge.admins:
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

    async def _end_qr(self, state: LinkState) -> None:
        for room, events in self._qr_events.items():
            for number, event in enumerate(events):
                try:
                    await self._homeserver.redact(room, event, f"qrend{state.since}.{number}",
                                                  reason="The code is no longer valid")
                except HomeserverError as error:
                    log.warning("cannot remove the QR code from %s: %s", room, error)
        self._qr_events.clear()


def _store_gap(chats: list[int], link: str, stretch: tuple[int, int]) -> Unit[list[str]]:
    """The gap in every chat's record, and the rows that show it in the rooms."""
    lanes = []
    records = yield from gaps.add(chats, link, *stretch)
    for chat_id, record_id in zip(chats, records, strict=True):
        lanes.append(f"in:{chat_id}")
        yield from queue.put(f"in:{chat_id}", f"in:{record_id}", "record", record_id=record_id)
    return lanes


def _replacing(content: dict[str, Any], event: str) -> dict[str, Any]:
    return {**content, "m.new_content": content,
            "m.relates_to": {"rel_type": "m.replace", "event_id": event}}
