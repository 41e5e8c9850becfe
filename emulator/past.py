"""History sync: a phone hands what it remembers to its linked devices, as one zipped and sealed
file that a message to itself points to (waE2E.HistorySyncNotification)."""
from __future__ import annotations

import time
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from emulator import content
from emulator.media import seal_media
from emulator.model import Entry, Group
from emulator.nodes import Node
from emulator.phone import Phone
from waproto import common, e2e, history, web

if TYPE_CHECKING:
    from emulator.server import Emulator

LABEL = "WhatsApp History Keys"


def hand_over(emulator: Emulator, phone: Phone, groups: Iterable[Group]) -> int:
    """Sends what was said in `groups` to the phone's devices. Returns how many messages."""
    sync = history.HistorySync(syncType=history.HistorySync.RECENT, chunkOrder=1, progress=100)
    count = 0
    for group in groups:
        said = _conversation(emulator, phone, group)
        sync.conversations.append(said)
        count += len(said.messages)
    for other in emulator.phones.values():
        sync.pushnames.add(ID=str(other.jid), pushname=other.name)
        sync.phoneNumberToLidMappings.add(pnJID=str(other.jid), lidJID=str(other.lid_jid))
    data = zlib.compress(sync.SerializeToString())
    sealed = seal_media(data, LABEL)
    emulator.media.put(sealed.data)
    message = e2e.Message(protocolMessage=e2e.ProtocolMessage(
        type=e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION,
        historySyncNotification=e2e.HistorySyncNotification(
            fileSHA256=sealed.sha256, fileLength=len(data), mediaKey=sealed.key,
            fileEncSHA256=sealed.sealed_sha256, chunkOrder=1,
            directPath=content.direct_path(sealed.sealed_sha256),
            syncType=e2e.HistorySyncType.RECENT)))
    for device in phone.devices.values():
        id = emulator.new_id()
        device.enqueue(Node(
            "message", {"from": phone.jid, "id": id, "t": int(time.time()), "type": "text",
                        "category": "peer"},
            [phone.encrypt_for(device, message.SerializeToString())]), id, str(phone.jid))
    return count


def _conversation(emulator: Emulator, phone: Phone, group: Group) -> history.Conversation:
    """A group as a phone remembers it: the newest first, edits and deletions done, reactions on
    the messages they are about."""
    entries = [e for e in emulator.log if e.seen.group == group.jid and e.raw]
    deleted = {e.seen.target_id for e in entries if e.seen.kind == "delete"}
    edited = {e.seen.target_id: e.seen.text for e in entries if e.seen.kind == "edit"}
    said: dict[str, web.WebMessageInfo] = {}
    for entry in entries:
        seen = entry.seen
        if seen.kind == "reaction" and seen.target_id in said:
            said[seen.target_id].reactions.add(
                key=_key(emulator, phone, group, entry), text=seen.text,
                senderTimestampMS=seen.timestamp * 1000)
        elif seen.kind not in ("reaction", "edit", "delete") and seen.id not in deleted:
            message = e2e.Message.FromString(entry.raw)
            if seen.id in edited:
                message = e2e.Message(conversation=edited[seen.id])
            key = _key(emulator, phone, group, entry)
            said[seen.id] = web.WebMessageInfo(
                key=key, message=message, messageTimestamp=seen.timestamp,
                participant=key.participant)
    return history.Conversation(ID=phone.chat_jid(group), name=group.name, messages=[
        history.HistorySyncMsg(message=one, msgOrderID=number)
        for number, one in reversed(list(enumerate(said.values(), 1)))])


def _key(emulator: Emulator, phone: Phone, group: Group, entry: Entry) -> common.MessageKey:
    sender = emulator.known(entry.seen.sender)
    alone = sender is phone or group.jid not in emulator.groups  # then it is nowhere said
    return common.MessageKey(
        remoteJID=phone.chat_jid(group), fromMe=sender is phone, ID=entry.seen.id,
        participant="" if alone else str(sender.address(group)))
