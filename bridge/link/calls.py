"""What the parent may ask of the child: one method each, all of them answered."""
from __future__ import annotations

import asyncio
import logging
import types
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.link import LinkError, LinkUnsure, library

if TYPE_CHECKING:
    from bridge.link.child import Child
    from bridge.link.frames import Frame

log = logging.getLogger("daftar.bridge")

SEND_LIMIT = 100.0  # seconds; whatsmeow waits 75 for the server's answer, then retries without end
TRANSFERS = 4  # uploads and downloads at a time
PICTURE_LIMIT = 5 * 1024 * 1024  # bytes of a profile picture
FINISH_LIMIT = 5.0  # seconds a send under way gets before a stop
_NO_PICTURE = ("does not have a profile picture", "hidden their profile picture", "not-authorized",
               "item-not-found")


class Calls:
    """Serves "call" frames with "reply" frames: `ok`, or `error` of kind refused or unsure."""

    def __init__(self, lib: types.SimpleNamespace, client: Any, child: Child) -> None:
        self._library = lib
        self._client = client
        self._child = child
        self._sending = asyncio.Lock()  # fair: sends leave in the order in which they were asked
        self._transfers = asyncio.Semaphore(TRANSFERS)
        self._methods = {
            "send": self._send, "upload": self._upload, "download": self._download,
            "groups": self._groups, "group": self._group, "picture": self._picture,
            "pair_code": self._pair_code, "logout": self._logout, "mark_read": self._mark_read,
            "change_member": self._change_member, "name_group": self._name_group,
            "describe_group": self._describe_group, "picture_group": self._picture_group,
            "typing": self._typing, "online": self._online,
        }

    async def serve(self, frame: Frame) -> None:
        """Do what `frame` asks and reply."""
        number = frame.head["id"]
        try:
            method = self._methods[frame.head["method"]]
            head, body = await method(frame.head, frame.body)
        except LinkUnsure as error:
            await self._child.say("reply", {"id": number, "error": "unsure", "text": str(error)})
        except Exception as error:
            if not isinstance(error, LinkError | self._library.client.NeonizeError):
                log.exception("the call %s failed", frame.head.get("method"))
            text = str(error) or type(error).__name__
            await self._child.say("reply", {"id": number, "error": "refused", "text": text})
        else:
            await self._child.say("reply", {"id": number, "ok": head}, body)

    async def finish(self) -> None:
        """Before a stop: let the send that is under way come to its end."""
        try:
            async with asyncio.timeout(FINISH_LIMIT):
                await self._sending.acquire()
        except TimeoutError:
            log.warning("stopping while a message is being sent")

    async def announce(self) -> None:
        """Tell WhatsApp our push name, as whatsmeow advises, without silencing the phone."""
        try:
            await self._client.send_presence(self._library.enum.Presence.UNAVAILABLE)
        except self._library.client.NeonizeError as error:
            log.info("presence not announced: %s", error)  # no push name yet: harmless

    def _must_be_connected(self) -> None:
        # Also keeps calls from reaching Go before it has a client: that would kill the process.
        if not self._child.connected:
            raise LinkError("WhatsApp is not connected")

    async def _send(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        chat = library.parse_jid(self._library, head["chat"])
        message = self._library.e2e.Message.FromString(body)
        async with self._sending:
            self._must_be_connected()
            await self._child.say("begun", {"id": head["id"]})
            sending = asyncio.ensure_future(self._client.send_message(chat, message))
            try:
                async with asyncio.timeout(SEND_LIMIT):
                    sent = await asyncio.shield(sending)
            except TimeoutError:
                # Go holds its send lock for ever now: nothing would leave any more.
                self._child.give_up("the WhatsApp library hung while sending; starting it again")
                raise LinkUnsure("WhatsApp did not confirm the message in time") from None
            except self._library.client.SendMessageError as error:
                if library.definitely_not_sent(str(error)):
                    raise LinkError(f"WhatsApp did not take the message: {error}") from error
                raise LinkUnsure(f"it is not known whether WhatsApp took the message: {error}"
                                 ) from error
        return {"message_id": sent.ID, "timestamp": sent.Timestamp}, b""

    async def _upload(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        if head["kind"] not in library.KINDS:
            raise LinkError(f"{head['kind']!r} is no kind of media; "
                            f"there are {', '.join(sorted(library.KINDS))}")
        if "path" in head:
            body = await asyncio.to_thread(Path(head["path"]).read_bytes)
        if not body:
            raise LinkError("an empty file cannot be sent on WhatsApp")
        self._must_be_connected()
        kind = self._library.enum.MediaType[library.KINDS[head["kind"]]]
        async with self._transfers:
            return {}, (await self._client.upload(body, kind)).SerializeToString()

    async def _download(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        message = self._library.e2e.Message.FromString(body)
        async with self._transfers:
            data = await self._client.download_any(message)
            # The library holds a file whole; the bridge, which everything goes through, need not.
            await asyncio.to_thread(Path(head["path"]).write_bytes, data)
        return {}, b""

    async def _groups(self, _head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        groups = await self._client.get_joined_groups()
        answer = self._library.pb.GetJoinedGroupsReturnFunction(Group=groups)
        return {}, answer.SerializeToString()

    async def _group(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        jid = library.parse_jid(self._library, head["jid"])
        return {}, (await self._client.get_group_info(jid)).SerializeToString()

    async def _picture(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        jid = library.parse_jid(self._library, head["jid"])
        try:
            info = await self._client.get_profile_picture(jid)
        except self._library.client.GetProfilePictureError as error:
            if any(words in str(error) for words in _NO_PICTURE):
                return {"found": False}, b""
            raise
        if not info.URL:
            return {"found": False}, b""
        async with self._transfers:
            return {"found": True}, await asyncio.to_thread(_fetch, info.URL)

    async def _pair_code(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        if not self._child.at_qr:
            raise LinkError("the link is not waiting for a phone")
        enum = self._library.enum
        code = await self._client.PairPhone(head["phone"], True, enum.ClientName.LINUX,
                                            enum.ClientType.CHROME)
        return {"code": code}, b""

    async def _logout(self, _head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        await self._client.logout()
        self._child.logged_out()
        return {}, b""

    async def _mark_read(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        await self._client.mark_read(
            *head["ids"], chat=library.parse_jid(self._library, head["chat"]),
            sender=library.parse_jid(self._library, head["sender"]),
            receipt=self._library.enum.ReceiptType.READ)
        return {}, b""

    # What changes a group: a refusal of the server is an answer (its code), not an error

    async def _change_member(self, head: dict[str, Any], _body: bytes
                             ) -> tuple[dict[str, Any], bytes]:
        member = library.parse_jid(self._library, head["member"])
        change = self._library.enum.ParticipantChange(head["change"])

        async def ask(chat: Any) -> dict[str, Any]:
            for part in await self._client.update_group_participants(chat, [member], change):
                if part.Error:
                    return {"code": part.Error, "whole": False,
                            "text": f"WhatsApp refuses the person with code {part.Error}"}
            return {}

        return await self._change(head, ask)

    async def _name_group(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        return await self._change(
            head, lambda chat: self._client.set_group_name(chat, head["text"]))

    async def _describe_group(self, head: dict[str, Any], _body: bytes
                              ) -> tuple[dict[str, Any], bytes]:
        # Without ids whatsmeow looks up the one of the description that stands, and makes a new one
        return await self._change(
            head, lambda chat: self._client.set_group_topic(chat, "", "", head["text"]))

    async def _picture_group(self, head: dict[str, Any], body: bytes
                             ) -> tuple[dict[str, Any], bytes]:
        if not body:  # neonize hands Go an empty picture, where whatsmeow wants none at all
            raise LinkError("the WhatsApp library cannot take a group's picture away")
        return await self._change(head, lambda chat: self._client.set_group_photo(chat, body))

    async def _change(self, head: dict[str, Any], ask: Callable[[Any], Awaitable[Any]]
                      ) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        try:
            answer = await ask(library.parse_jid(self._library, head["chat"]))
        except self._library.client.NeonizeError as error:
            code = library.refusal(str(error))
            if not code:
                raise
            return {"code": code, "whole": True, "text": str(error)}, b""
        return answer if isinstance(answer, dict) else {}, b""

    # Signs of life

    async def _typing(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        enum = self._library.enum
        states = enum.ChatPresence
        state = states.CHAT_PRESENCE_COMPOSING if head["on"] else states.CHAT_PRESENCE_PAUSED
        await self._client.send_chat_presence(
            library.parse_jid(self._library, head["chat"]), state,
            enum.ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)
        return {}, b""

    async def _online(self, head: dict[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
        self._must_be_connected()
        presence = self._library.enum.Presence
        await self._client.send_presence(
            presence.AVAILABLE if head["on"] else presence.UNAVAILABLE)
        return {}, b""


def _fetch(url: str) -> bytes:
    """A profile picture, over the proxy and with the certificates of the environment."""
    if urllib.parse.urlsplit(url).scheme != "https":
        raise LinkError("WhatsApp gave a picture address that is not https")
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            data: bytes = answer.read(PICTURE_LIMIT + 1)
    except (OSError, urllib.error.URLError) as error:
        raise LinkError(f"the picture could not be fetched: {error}") from error
    if len(data) > PICTURE_LIMIT:
        raise LinkError(f"the picture is larger than {PICTURE_LIMIT} bytes")
    return data
