"""A real WhatsApp client for tests: prints JSON lines of what it receives, takes JSON commands on
stdin. Must be started with the emulator's client_environment().

    python client.py DATABASE [--code NUMBER]
"""
from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import threading

os.environ.setdefault("NEONIZE_BOT_TAG", "off")

from neonize.aioze.client import NewAClient
from neonize.aioze.events import (
    ConnectedEv,
    DisconnectedEv,
    GroupInfoEv,
    JoinedGroupEv,
    LoggedOutEv,
    MessageEv,
    OfflineSyncCompletedEv,
    PairStatusEv,
    ReceiptEv,
    StreamReplacedEv,
)
from neonize.events import UndecryptableMessageEv
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils import build_jid


def tell(event: str, **values) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def jid_text(jid) -> str:
    device = f":{jid.Device}" if jid.Device else ""
    return f"{jid.User}{device}@{jid.Server}"


def on_message(event) -> None:
    info, source = event.Info, event.Info.MessageSource
    tell(
        "message", id=info.ID, chat=jid_text(source.Chat), sender=jid_text(source.Sender),
        alt=jid_text(source.SenderAlt), name=info.Pushname, edit=info.Edit, type=info.Type,
        timestamp=info.Timestamp, mode=source.AddressingMode, from_me=source.IsFromMe,
        raw=base64.b64encode(event.Message.SerializeToString()).decode(),
    )


class Commands:
    def __init__(self, client: NewAClient) -> None:
        self.client = client

    async def text(self, group, text):
        return {"id": (await self.client.send_message(group, text)).ID}

    async def raw(self, group, raw):
        message = Message.FromString(base64.b64decode(raw))
        return {"id": (await self.client.send_message(group, message)).ID}

    async def image(self, group, data, caption):
        sent = await self.client.send_image(group, base64.b64decode(data), caption)
        return {"id": sent.ID}

    async def document(self, group, data, filename):
        sent = await self.client.send_document(group, base64.b64decode(data), filename=filename)
        return {"id": sent.ID}

    async def edit(self, group, id, text):
        sent = await self.client.edit_message(group, id, Message(conversation=text))
        return {"id": sent.ID}

    async def react(self, group, sender, id, emoji):
        user, _, server = sender.partition("@")
        message = await self.client.build_reaction(group, build_jid(user, server), id, emoji)
        return {"id": (await self.client.send_message(group, message)).ID}

    async def revoke(self, group, sender, id):
        user, _, server = sender.partition("@")
        sent = await self.client.revoke_message(group, build_jid(user, server), id)
        return {"id": sent.ID}

    async def download(self, group, raw):
        data = await self.client.download_any(Message.FromString(base64.b64decode(raw)))
        return {"data": base64.b64encode(data).decode()}

    async def groups(self, group):
        joined = await self.client.get_joined_groups()
        return {"groups": [describe(each) for each in joined]}

    async def info(self, group):
        return describe(await self.client.get_group_info(group))

    async def picture(self, group, number):
        info = await self.client.get_profile_picture(build_jid(number))
        return {"url": info.URL}

    async def logout(self, group):
        await self.client.logout()
        return {}


def describe(info) -> dict:
    return {
        "jid": jid_text(info.JID), "name": info.GroupName.Name, "topic": info.GroupTopic.Topic,
        "members": [
            {"jid": jid_text(p.JID), "lid": jid_text(p.LID), "phone": jid_text(p.PhoneNumber),
             "admin": p.IsAdmin, "super": p.IsSuperAdmin}
            for p in info.Participants
        ],
    }


async def main(database: str, number: str | None) -> None:
    client = NewAClient(database)
    loop = asyncio.get_running_loop()
    simple = {
        ConnectedEv: lambda e: tell("connected"),
        DisconnectedEv: lambda e: tell("disconnected"),
        LoggedOutEv: lambda e: tell("logged_out"),
        StreamReplacedEv: lambda e: tell("replaced"),
        PairStatusEv: lambda e: tell("paired", jid=jid_text(e.ID)),
        OfflineSyncCompletedEv: lambda e: tell("offline", count=e.Count),
        ReceiptEv: lambda e: tell("receipt", ids=list(e.MessageIDs), type=e.Type,
                                  sender=jid_text(e.MessageSource.Sender)),
        UndecryptableMessageEv: lambda e: tell("undecryptable", id=e.Info.ID),
        GroupInfoEv: lambda e: tell(
            "group_info", jid=jid_text(e.JID), name=e.Name.Name,
            join=[jid_text(j) for j in e.Join], leave=[jid_text(j) for j in e.Leave]),
        JoinedGroupEv: lambda e: tell("joined", jid=jid_text(e.GroupInfo.JID)),
        MessageEv: on_message,
    }

    def register(kind, action):
        async def handler(_, event):
            action(event)
        client.event(kind)(handler)

    for kind, action in simple.items():
        register(kind, action)

    async def on_qr(_, code: bytes):
        tell("qr", code=code.decode())
        if number and not asked:
            asked.append(True)
            tell("code", code=await client.PairPhone(number, False))

    asked: list[bool] = []
    client.event.qr(on_qr)
    queue: asyncio.Queue[str] = asyncio.Queue()

    def read_stdin():
        for line in sys.stdin:
            loop.call_soon_threadsafe(queue.put_nowait, line)
        os._exit(0)

    threading.Thread(target=read_stdin, daemon=True).start()
    await client.connect()
    commands = Commands(client)
    while True:
        command = json.loads(await queue.get())
        name, serial = command.pop("do"), command.pop("n")
        group = command.pop("group", None)
        jid = build_jid(*group.split("@")) if group else None
        try:
            tell("done", n=serial, **await getattr(commands, name)(jid, **command))
        except Exception as error:
            tell("done", n=serial, error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None))
