"""What a bad line brings: messages that cannot be read at first, and the state of the line."""
from __future__ import annotations

import itertools
import time
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from archive import directory, messages, queue, settings
from bridge import line, worker
from bridge.clock import now_ms
from bridge.link import LinkDown, LinkState, Sent
from bridge.outward import outbox
from bridge.outward.pace import Pace
from cli import status
from emulator import content
from emulator.faults import Chances, Faults
from tests.bridge import wire
from tests.bridge.here import Here, bridge_here
from tests.bridge.town import Town, body, relation, until
from waproto import common

ZAFAR = {"pn": "923007008001", "name": "Zafar"}
GUL = {"pn": "923007008002", "name": "Gul"}


@pytest.mark.asyncio(loop_scope="session")
async def test_what_cannot_be_read_is_announced_and_the_notice_points_to_it_later(town: Town):
    place = await town.group()
    zafar, gul = place.phones
    await zafar.send_text(place.group, "readable")
    await place.shown(text="readable")
    town.emulator.faults = Faults(town.emulator, 1, Chances(late_key=1.0))
    try:
        secret = await zafar.send_text(place.group, "without its key")
    finally:
        town.emulator.faults = None
    message = await place.shown(text="without its key")
    notice = await place.shown(match=lambda e: "could not be decrypted yet" in body(e))
    pointer = await place.shown(match=lambda e: relation(e).get("event_id") == notice["event_id"])
    assert pointer["sender"] == notice["sender"] == message["sender"]
    new = pointer["content"]["m.new_content"]
    assert new["msgtype"] == "m.notice" and message["event_id"] in new["formatted_body"]
    # it is the message from now on: answered, and changed
    await gul.send_text(place.group, "noted", quote=secret)
    answer = await place.shown(text="noted")
    assert relation(answer)["m.in_reply_to"]["event_id"] == message["event_id"]
    record = await place.record(secret.id)
    assert record.kind == "text" and record.text == "without its key"
    shown = await place.record(f"undecryptable:{secret.id}")
    assert shown.kind == "notice"


def _key(here: Here, id: str) -> common.MessageKey:
    return common.MessageKey(remoteJID=here.jid, ID=id)


async def test_a_second_copy_that_cannot_be_read_is_no_news(house, tmp_path, database_url):
    async with bridge_here(house, tmp_path, database_url) as here:
        await here.deliver(
            wire.delivery(wire.message(here.jid, "A1", "readable", **ZAFAR)),
            wire.delivery(wire.undecryptable(here.jid, "A1", **ZAFAR), wire.UNDECRYPTABLE),
            wire.delivery(wire.message(here.jid, "A1", "readable", **ZAFAR)),
            wire.delivery(wire.message(here.jid, "A2", "the last", **ZAFAR)))
        room = await here.room()
        await here.shown(room, "the last")
        assert await here.bodies(room) == ["readable", "the last"]


async def test_what_is_said_about_a_message_before_it_comes_is_done_when_it_has(
        house, tmp_path, database_url):
    async with bridge_here(house, tmp_path, database_url) as here:
        said = [
            ("R1", content.reaction(_key(here, "A1"), "👍"), GUL),
            ("E1", content.edit(_key(here, "A1"), "new"), ZAFAR),
            ("D1", content.delete(_key(here, "A2")), ZAFAR),
            ("D2", content.delete(_key(here, "A3")), GUL),
            ("A1", "old", ZAFAR), ("A2", "deleted before it came", ZAFAR),
            ("A3", "not Gul's to delete", ZAFAR), ("A4", "the last", ZAFAR)]
        await here.deliver(*[wire.delivery(wire.message(here.jid, id, what, **who))
                             for id, what, who in said])
        room = await here.room()
        await here.shown(room, "the last")
        events = await here.admin.read(room)
        first = next(e for e in events if body(e) == "old")
        about = {relation(e)["rel_type"]: e for e in events
                 if relation(e).get("event_id") == first["event_id"]}
        assert about["m.annotation"]["content"]["m.relates_to"]["key"] == "👍"
        assert about["m.replace"]["content"]["m.new_content"]["body"] == "new"
        words = [body(e) for e in events]
        assert "not Gul's to delete" in words and "deleted before it came" not in words
        assert not [w for w in words if "not in this room" in w]  # the stand-in is gone


# How the line is

DAY = 86_400_000
NOW = 1_790_000_000_000  # 21 September 2026, 19:13 in Quetta


@pytest.mark.asyncio(loop_scope="session")
async def test_a_ban_is_told_with_its_end_and_the_link_waits(town: Town):
    place = await town.group()
    await town.emulator.ban(town.department, 3600)
    room = await town.admin_room()

    async def told() -> str | None:
        return next((body(e) for e in await town.admin.reader.events(room)
                     if "suspended the number until" in body(e)), None)

    words = await until(told)
    end = datetime.strptime(words.split("until ")[1].split(". Wait")[0], "%d %B %Y %H:%M")
    left = end.replace(tzinfo=ZoneInfo("Asia/Karachi")).timestamp() - time.time()
    assert 3400 < left < 3700 and "sent too many same message" in words
    assert "suspended the number until" in await town.ask("!wa status")
    found = await status.status(town.office.config)
    assert words.partition(" The phone")[0] in status.as_text(found, ZoneInfo("Asia/Karachi"))
    await town.emulator.ban(town.department, 0)
    await town.ask("!wa login")
    await place.phones[0].send_text(place.group, "after the ban")
    await place.shown(text="after the ban")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_library_that_whatsapp_takes_no_more_is_told_and_rests(town: Town):
    place = await town.group()
    room = await town.admin_room()
    try:
        await town.emulator.outdate()

        async def told() -> bool:
            return any(body(e).startswith("This version of the WhatsApp library is no longer "
                                          "accepted. Upgrade Daftar.")
                       for e in await town.admin.reader.events(room))

        await until(told)
        assert "Upgrade Daftar" in await town.ask("!wa status")
        found = await status.status(town.office.config)
        assert found["line"]["state"] == "outdated"
        await place.phones[0].send_text(place.group, "while it is too old")
    finally:
        await town.emulator.outdate(False)
    await town.ask("!wa login")  # what the administrator does after the upgrade
    await place.shown(text="while it is too old")
    assert "Connected to WhatsApp." in await town.ask("!wa status")


@pytest.mark.asyncio(loop_scope="session")
async def test_the_phone_is_seen_when_it_writes(town: Town):
    place = await town.group()
    name = line.setting(town.office.config.whatsapp.name)
    known = line.Line.load(await settings.get(town.db, name))
    assert known.state == "connected" and "The phone was last seen" in await town.ask("!wa status")
    at = datetime.fromtimestamp(known.phone_seen / 1000 + 1200, ZoneInfo("UTC"))
    await town.department.send_text(place.group, "from the phone itself", at=at)
    await place.shown(text="from the phone itself")
    assert line.Line.load(await settings.get(town.db, name)).phone_seen > known.phone_seen


async def test_admins_are_warned_before_whatsapp_unlinks_an_absent_phone(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        room, now = await here.admin_room(), here.bridge.status
        linked = now_ms() - DAY
        await now.changed(LinkState("connected", "923007009990@s.whatsapp.net", linked))
        for days in (1, 9, 10, 10, 11, 12, 13):
            await now.check_phone(linked + days * DAY)
        await here.shown(room, "12 days ago")
        warnings = [b for b in await here.bodies(room) if "days ago" in b]
        assert ["10 days ago" in b for b in warnings] == [True, False]
        assert all("Switch the phone on" in b for b in warnings)
        # it writes again: all is well, and the count begins anew
        await here.deliver(wire.delivery(wire.message(
            here.jid, "A1", "here I am", pn="923007009990", from_me=True,
            at=(linked + DAY) // 1000)))
        assert line.days_away(now.line, linked + 11 * DAY) in (9, 10) and now.line.warned == 0


async def test_how_long_the_connection_has_been_lost(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        room = await here.admin_room()
        for state, detail, at in (("connected", "923007009990@s.whatsapp.net", NOW),
                                  ("disconnected", "broke", NOW + 60_000),
                                  ("starting", "", NOW + 120_000),
                                  ("disconnected", "cannot be reached", NOW + 180_000)):
            await here.bridge.status.changed(LinkState(state, detail, at))
        await here.shown(room, "lost since 21 September 2026 19:14")
        assert "since 21 September 2026 19:14" in here.bridge.status.sentence()
        lost = [b for b in await here.bodies(room) if "lost since" in b]
        assert len(lost) == 1  # told once
        found = await status.status(here.config)
        assert found["line"]["state"] == "disconnected"
        assert "(cannot be reached)" in status.as_text(found, ZoneInfo("Asia/Karachi"))


async def test_status_before_the_bridge_ever_ran(tmp_path, house):
    fresh = replace(house.config, data=tmp_path, database=f"sqlite:{tmp_path / 'a.sqlite'}")
    assert "has not run yet" in (await status.status(fresh))["line"]["sentence"]


# How fast an account may speak


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_no_more_leaves_in_a_minute_or_an_hour_than_may():
    clock, held, left = Clock(), [], []

    async def hold(until: float) -> None:
        held.append(until - clock.now)

    pace = Pace(5, 20, hold, clock=lambda: clock.now, sleep=clock.sleep)
    for _ in range(45):
        await pace.turn()
        left.append(clock.now)
    for window, limit in ((60, 5), (3600, 20)):
        assert all(sum(at - window < other <= at for other in left) <= limit for at in left)
    assert left[19] - left[0] == 180  # not slower than it must be
    assert left[40] - left[0] == 7200 and len(held) == 1  # told once, not for every message
    for _ in range(50):  # what could not leave costs nothing
        pace.give_back(await pace.turn())
    assert clock.now - left[0] <= 7260


async def test_what_the_hour_holds_back_waits_and_admins_are_told_once(house, tmp_path):
    async with bridge_here(house, tmp_path) as here:
        here.bridge.pace.limits.update({60.0: 0, 3600.0: 2})
        left: list[str] = []

        async def send(chat: str, message: object) -> Sent:
            left.append(str(message.conversation))
            return Sent(f"W{len(left)}", 1_790_000_000)

        here.bridge.link.send = send
        room = await here.admin_room()
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "hello", **ZAFAR)))
        group = await here.room()
        for number in range(4):
            await here.admin.say(group, f"answer {number}")
        await here.shown(room, "have left in the last hour, which is the limit")
        assert [text.rpartition(": ")[2] for text in left] == ["answer 0", "answer 1"]
        assert len([b for b in await here.bodies(room) if "last hour" in b]) == 1
        assert await queue.depth(here.db, "out:") == 2 and not await queue.stuck(here.db)


@pytest.mark.parametrize("hours", [0, 2], ids=["now", "hours-ago"])
async def test_what_staff_write_waits_for_the_line_but_not_for_ever(
        house, tmp_path, monkeypatch, hours):
    monkeypatch.setattr(worker, "AWAY_S", 0.05)
    monkeypatch.setattr(worker, "BACKOFF_S", (0.05,))
    monkeypatch.setattr(outbox, "now_ms", lambda: now_ms() - hours * 3_600_000)
    async with bridge_here(house, tmp_path) as here:
        tries = itertools.count(1)

        async def send(chat: str, message: object) -> Sent:
            if next(tries) <= 20:
                raise LinkDown("the connection to WhatsApp broke; reconnecting")
            return Sent("W1", 1_790_000_000)

        here.bridge.link.send = send
        await here.deliver(wire.delivery(wire.message(here.jid, "A1", "hello", **ZAFAR)))
        group = await here.room()
        await here.admin.say(group, "an answer")
        if hours:  # as many tries as any failure gets, then a notice
            notice = await here.shown(group, "This was not sent to WhatsApp")
            assert "tried 8 times" in notice["content"]["body"] and next(tries) == 9
        else:
            chat = await directory.chat_by_jid(here.db, here.jid)
            await until(lambda: messages.by_whatsapp(here.db, chat.id, "W1"))  # the 21st try
            assert not [b for b in await here.bodies(group) if "not sent" in b]
