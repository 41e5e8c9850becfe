"""Plays a scenario: the phones of a folder's people send what the folder says they sent.

Every message sent is noted in scenario.sqlite beside the emulator's state, so that a second play
of the same scenario sends only what is missing, and so that a checker can ask for everything that
was ever sent and compare it with what others read.
"""
from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emulator import attachments
from emulator.corpus import (
    MEDIA_KINDS,
    Chat,
    Message,
    Scenario,
    ScenarioError,
    digits,
    group_jid,
    load,
    renaming,
)
from emulator.model import EmulatorError, Group, Sent
from emulator.phone import Phone
from emulator.played import Book, Played

if TYPE_CHECKING:
    from emulator.server import Emulator

__all__ = ["PlayReport", "Played", "Player", "Remark", "Scenario", "ScenarioError", "digits",
           "group_jid", "load"]

# What a phone wrote before it deleted it: a corpus keeps only that something was deleted.
TAKEN_BACK = "(this message was taken back by its sender)"
_PLACE = re.compile(r"(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)")


@dataclass(frozen=True)
class Remark:
    """What could not be played as written: left out (`skipped`) or sent in another shape."""

    source: str
    corpus_id: str
    reason: str
    skipped: bool


@dataclass(frozen=True)
class PlayReport:
    """`sent`: everything this scenario ever sent, earlier plays included, group after group, each
    in the order sent; `new`: how many of them in this play."""

    sent: tuple[Played, ...]
    new: int
    remarks: tuple[Remark, ...]
    seconds: float

    @property
    def skipped(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.skipped)


Progress = Callable[[Played, int, int], None]  # the message, messages done, messages in all


class Player:
    """Plays one scenario on one emulator. `department`: phones (or numbers) of the department,
    which are in every group and admins of it; `book`: where sent messages are noted."""

    def __init__(
        self, emulator: Emulator, scenario: Scenario, *, department: Sequence[Phone | str] = (),
        book: Path | None = None,
    ) -> None:
        self.emulator, self.scenario = emulator, scenario
        self._department = department
        self._book = Book(book or Path(emulator.state) / "scenario.sqlite")
        self._lines = {chat.source: {message.id: message for message in chat.messages}
                       for chat in scenario.chats}
        self._groups: dict[str, Group] = {}
        self._remarks: list[Remark] = []
        self._given = False
        self._new = 0
        self._done = 0
        self._progress: Progress | None = None

    async def prepare(self) -> list[Group]:
        """Makes phones and groups, without a message: so that somebody can be linked first."""
        ours = [phone if isinstance(phone, Phone) else await self.emulator.phone(digits(phone))
                for phone in self._department]
        for chat in self.scenario.chats:
            if chat.source in self._groups:
                continue
            members = [await self._phone(number) for number in chat.members]
            ranked = sorted(members, key=lambda phone: self.scenario.person(phone.number).rank)
            self._groups[chat.source] = await self.emulator.create_group(
                chat.name, [*members, *ours], admins=[*ranked[:1], *ours], jid=chat.jid,
                topic=chat.topic,
            )
        return list(self._groups.values())

    async def play(
        self, *, speed: float | None = None, on_progress: Progress | None = None,
        timestamps: Literal["now", "given"] = "now", longest_pause: float | None = None,
    ) -> PlayReport:
        """Sends what has not been sent: groups side by side, each in its own order.

        `speed`: None as fast as it goes, 1 with the spacing of the scenario, 60 a minute in a
        second; `longest_pause`: seconds of waiting that a longer pause (a night) is cut to;
        `timestamps`: whether messages carry the time of sending or the scenario's.
        Raises EmulatorError when a phone cannot send; what was sent stays noted.
        """
        if speed is not None and not speed > 0:
            raise ScenarioError(f"speed {speed} is not above 0 (1 is real time, 60 a minute a "
                                "second)")
        began = time.monotonic()
        self._given, self._progress = timestamps == "given", on_progress
        self._new = self._done = 0
        self._remarks = []
        await self.prepare()
        due = self._offsets(speed, longest_pause)
        tasks = [asyncio.create_task(self._play_chat(chat, began, due))
                 for chat in self.scenario.chats]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return PlayReport(self.sent(), self._new, tuple(self._remarks), time.monotonic() - began)

    def sent(self) -> tuple[Played, ...]:
        """Everything that this scenario has sent so far."""
        return tuple(played for chat in self.scenario.chats for message in chat.messages
                     for played in self._book.parts(chat, message))

    def close(self) -> None:
        """Closes the book."""
        self._book.close()

    # -- pace -----------------------------------------------------------------------------------

    def _offsets(self, speed: float | None, longest: float | None) -> dict[tuple[str, str], float]:
        """Seconds after the start at which each unsent message is due, on one clock for all."""
        waiting = sorted((message.at, chat.source, message.id) for chat in self.scenario.chats
                         for message in chat.messages if not self._book.parts(chat, message))
        due: dict[tuple[str, str], float] = {}
        clock, last = 0.0, waiting[0][0] if waiting else None
        for at, source, name in waiting if speed else ():
            pause = (at - last).total_seconds() / speed
            clock += pause if longest is None else min(pause, longest)
            due[source, name] = clock
            last = at
        return due

    async def _play_chat(
        self, chat: Chat, began: float, due: dict[tuple[str, str], float]
    ) -> None:
        total = sum(len(chat.messages) for chat in self.scenario.chats)
        for message in chat.messages:
            wait = began + due.get((chat.source, message.id), 0.0) - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            before = self._new
            played = await self._send(chat, message)
            self._done += 1
            if self._progress and played and self._new > before:
                self._progress(played, self._done, total)

    # -- one message ------------------------------------------------------------------------------

    async def _send(self, chat: Chat, message: Message) -> Played | None:
        """Sends one message of the corpus, or what is missing of it; None when it is left out."""
        phone = await self._phone(message.sender)
        group = self._groups[chat.source]
        if message.kind == "system":
            return await self._notice(chat, message, phone, group)
        if message.kind == "deleted":
            return await self._send_deleted(chat, message, phone, group)
        if message.kind == "reaction":
            return await self._react(chat, message, phone)
        if message.edit_of and (target := self._edited(chat, message)):
            return await self._once(chat, message, 0, "edit",
                                    lambda: phone.edit(target.sent, message.text),
                                    text=message.text, target_id=target.id)
        if message.kind in MEDIA_KINDS:
            return await self._send_media(chat, message, phone, group)
        if message.kind == "location" and (place := _place(message.text)):
            latitude, longitude, name = place
            return await self._message(chat, message, lambda quote, at: phone.send_location(
                group, latitude, longitude, name, quote=quote, at=at), kind="location")
        if not message.text.strip():
            return self._remark(chat, message, "an empty text, which WhatsApp does not send", True)
        others = [await self._phone(number) for number in message.mentions]
        text = self._with_addresses(message)
        return await self._message(chat, message, lambda quote, at: phone.send_text(
            group, text, quote=quote, mentions=others, at=at))

    async def _notice(self, chat: Chat, message: Message, phone: Phone, group: Group) -> None:
        """A line that WhatsApp wrote. A new name of the group is given to it; the rest is left
        out: everybody who speaks is a member from the beginning."""
        renamed = renaming(message.text)
        if renamed and group.name == renamed[0]:
            await self.emulator.rename_group(group, renamed[1], by=phone)
        reason = "the group was renamed" if renamed else "a notice of WhatsApp, not a message"
        self._remark(chat, message, reason, True)

    async def _send_deleted(
        self, chat: Chat, message: Message, phone: Phone, group: Group
    ) -> Played:
        first = await self._message(chat, message, lambda quote, at: phone.send_text(
            group, TAKEN_BACK, quote=quote, at=at))
        return await self._once(chat, message, 1, "delete", lambda: phone.delete(first.sent),
                                target_id=first.id)

    async def _react(self, chat: Chat, message: Message, phone: Phone) -> Played | None:
        target = self._original(chat, message.reply_to)
        if target is None:
            what = message.reply_to or "nothing"
            return self._remark(chat, message, f"a reaction to {what}, which is no message sent "
                                               "before", True)
        sign = message.text.strip()
        return await self._once(chat, message, 0, "reaction",
                                lambda: phone.react(target.sent, sign),
                                text=sign, target_id=target.id)

    async def _send_media(
        self, chat: Chat, message: Message, phone: Phone, group: Group
    ) -> Played:
        file = await asyncio.to_thread(self._file, chat, message)
        caption = "" if message.kind == "audio" else message.text
        played = await self._message(
            chat, message, lambda quote, at: phone.send_media(
                group, file.data, message.kind, mime=file.mime, filename=file.filename,
                caption=caption, quote=quote, at=at),
            kind=message.kind, filename=file.filename,
            sha256=hashlib.sha256(file.data).hexdigest())
        if message.kind == "audio" and message.text.strip():  # WhatsApp's audio has no caption
            return await self._message(chat, message, lambda quote, at: phone.send_text(
                group, message.text, at=at), part=1)
        return played

    async def _message(
        self, chat: Chat, message: Message, send: Callable[..., Awaitable[Sent]], *,
        part: int = 0, kind: str = "text", **facts: str,
    ) -> Played:
        """A message that may answer another and carry the scenario's time."""
        quote = self._quoted(chat, message) if part == 0 else None
        at = message.at if self._given else None
        return await self._once(chat, message, part, kind,
                                lambda: send(quote.sent if quote else None, at),
                                quoted_id=quote.id if quote else "", **facts)

    async def _once(
        self, chat: Chat, message: Message, part: int, kind: str,
        send: Callable[[], Awaitable[Sent]], *, text: str | None = None, **facts: str,
    ) -> Played:
        """Sends unless the book has it. `text` where it is not what the phone says it sent."""
        parts = self._book.parts(chat, message)
        if part < len(parts):
            return parts[part]

        async def send_and_note() -> Played:
            sent = await send()
            played = Played(chat.source, message.id, part, sent.group, sent.id, kind,
                            sent.text if text is None else text, sent.sender, sent.timestamp,
                            **facts)
            self.emulator.store.now()  # on disk before the book says that it was sent
            self._book.note(message, played)
            self._new += 1
            return played

        sending = asyncio.create_task(send_and_note())
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:  # a play that is stopped still notes what left
            await asyncio.wait([sending])
            raise
        except EmulatorError as error:
            raise EmulatorError(f"{chat.source}.jsonl line {message.line}: {error}") from error

    # -- what a message names ---------------------------------------------------------------------

    async def _phone(self, number: str) -> Phone:
        return self.emulator.phones.get(number) or await self.emulator.phone(
            number, self.scenario.person(number).push_name)

    def _original(self, chat: Chat, corpus_id: str) -> Played | None:
        """The message that a corpus id stands for: for an edit, the one that it edits."""
        message = self._lines[chat.source].get(corpus_id)
        parts = self._book.parts(chat, message) if message else []
        if not parts or parts[0].kind == "reaction":
            return None
        if parts[0].kind != "edit":
            return parts[0]
        return self._book.by_id(parts[0].group, parts[0].target_id)

    def _quoted(self, chat: Chat, message: Message) -> Played | None:
        if not message.reply_to:
            return None
        quoted = self._original(chat, message.reply_to)
        if quoted is None:
            self._remark(chat, message, f"sent without its quote: {message.reply_to} is no "
                                        "message sent before", False)
        return quoted

    def _edited(self, chat: Chat, message: Message) -> Played | None:
        target = self._original(chat, message.edit_of)
        if target is None:
            why = "is no message sent before"
        elif target.sender != message.sender:
            why = "is somebody else's"
        elif self._lines[chat.source][target.corpus_id].kind == "deleted":
            why = "is deleted"
        elif not message.text.strip():
            why = "would be empty"
        else:
            return target
        self._remark(chat, message, f"sent as a new message: {message.edit_of}, which it edits, "
                                    f"{why}", False)
        return None

    def _with_addresses(self, message: Message) -> str:
        """The text as WhatsApp sends it: "@Name" of somebody mentioned becomes "@<number>"."""
        text = message.text
        for number in message.mentions:
            person = self.scenario.person(number)
            names = {person.shown, person.shown.lstrip("~"), person.name, f"+{number}"}
            for name in sorted(filter(None, names), key=len, reverse=True):
                text = text.replace(f"@{name}", f"@{number}")
        return text

    def _file(self, chat: Chat, message: Message) -> attachments.Attachment:
        """The file that the folder ships (beside the chat, or in media/), else one made here."""
        name = Path(message.file.replace("\\", "/")).name
        for folder in (self.scenario.folder, self.scenario.folder / "media",
                       self.scenario.folder / chat.source):
            path = folder / name
            if name and path.suffix != ".jsonl" and path.is_file():
                mime = attachments.mime_of(name, message.kind)
                return attachments.Attachment(path.read_bytes(), mime, name)
        return attachments.make(message.kind, name, message.text)

    def _remark(self, chat: Chat, message: Message, reason: str, skipped: bool) -> None:
        self._remarks.append(Remark(chat.source, message.id, reason, skipped))


def _place(text: str) -> tuple[float, float, str] | None:
    """Latitude, longitude (degrees) and the words around a map link; None without a place."""
    found = _PLACE.search(text)
    if not found or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        return None
    words = [word for word in text.split() if found[1] not in word and found[2] not in word]
    name = re.sub(r"^location:?$", "", " ".join(words), flags=re.IGNORECASE)
    return float(found[1]), float(found[2]), name
