"""A room as a Matrix client shows it: corrections applied, reactions counted, threads apart."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cli.reader import Reader

CASE = "org.daftar.case"  # in the content: which case a card or a note is of


@dataclass
class Message:
    """A message as it stands now. `thread`: its thread's first message, `answers`: the message that
    it replies to ("" for none); `reactions`: by sign, who pressed it; `versions`: 1 when it was
    never corrected; `at`: Unix ms."""

    id: str
    sender: str
    at: int
    content: dict[str, Any]
    thread: str = ""
    answers: str = ""
    reactions: dict[str, list[str]] = field(default_factory=dict)
    versions: int = 1

    @property
    def body(self) -> str:
        """Its words."""
        return str(self.content.get("body", ""))

    @property
    def case(self) -> str:
        """The number of the case whose card this is, "" for any other message."""
        return "" if self.thread else str(self.content.get(CASE, ""))


@dataclass
class Room:
    """A room: who is in it by name, and its messages, oldest first."""

    id: str
    name: str
    topic: str
    names: dict[str, str]
    messages: list[Message]

    def __getitem__(self, event_id: str) -> Message:
        return next(message for message in self.messages if message.id == event_id)

    @property
    def line(self) -> list[Message]:
        """The main line: what is in no thread."""
        return [message for message in self.messages if not message.thread]

    def thread(self, root: str) -> list[Message]:
        """What stands in a thread, without its first message."""
        return [message for message in self.messages if message.thread == root]

    def card(self, number: str) -> Message:
        """A case's card."""
        [found] = [message for message in self.messages if message.case == number]
        return found

    def replies(self, event_id: str) -> list[Message]:
        """What was said in reply to a message."""
        return [message for message in self.messages if message.answers == event_id]

    def of(self, sender: str) -> list[Message]:
        """What somebody said; `sender` is the beginning of a Matrix id."""
        return [message for message in self.messages if message.sender.startswith(sender)]


async def read(reader: Reader, room: str) -> Room:
    """The room as this user's client shows it now."""
    members = await reader.call("GET", f"/v3/rooms/{quote(room)}/joined_members")
    names = {mxid: who.get("display_name") or mxid for mxid, who in members["joined"].items()}
    state = {event["type"]: event["content"] for event in
             await reader.call("GET", f"/v3/rooms/{quote(room)}/state") if not event["state_key"]}
    return Room(room, state.get("m.room.name", {}).get("name", ""),
                state.get("m.room.topic", {}).get("topic", ""), names,
                messages(await reader.events(room)))


def messages(events: list[dict[str, Any]]) -> list[Message]:
    """The messages that a room's events make, oldest first."""
    shown: dict[str, Message] = {}
    for event in events:
        content = event["content"]
        relation = content.get("m.relates_to", {})
        target = shown.get(relation.get("event_id", ""))
        if event["type"] == "m.reaction" and target:
            target.reactions.setdefault(relation["key"], []).append(event["sender"])
        elif event["type"] != "m.room.message" or not content:
            continue
        elif relation.get("rel_type") == "m.replace":
            if target and target.sender == event["sender"]:
                target.content = content["m.new_content"]
                target.versions += 1
        else:
            shown[event["event_id"]] = _message(event, relation)
    return list(shown.values())


def _message(event: dict[str, Any], relation: dict[str, Any]) -> Message:
    thread = relation["event_id"] if relation.get("rel_type") == "m.thread" else ""
    # in a thread, clients without threads are given a reply to nothing in particular
    answered = {} if relation.get("is_falling_back") else relation.get("m.in_reply_to", {})
    return Message(event["event_id"], event["sender"], event["origin_server_ts"],
                   event["content"], thread, answered.get("event_id", ""))
