"""Folders of group chats: reading them, and phones that play them."""
from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from emulator import Emulator
from emulator.corpus import PAKISTAN, read
from emulator.scenario import Played, Player, ScenarioError, group_jid, load

DEMO = Path(__file__).resolve().parents[2] / "emulator" / "demo"
OFFICE = "+923007009000"
ROSTER = """phone,name,whatsapp_name,post,place,rank,since
+923007001001,Farid Kakar,Secretary sb,Secretary,SED,2,2025-01-01
+923007001002,Manzoor Ahmed,~Manzoor,DEO,Sibi,7,2025-01-01
"""
SECRETARY, DEO, STRANGER = "+923007001001", "+923007001002", "+923007001099"


def line(id: str, who: str, text: str, kind: str = "text", minute: int = 0, **more) -> dict:
    return {"id": id, "ts": f"2026-11-16T09:{minute:02d}:00", "from": who, "kind": kind,
            "text": text, **more}


def folder(tmp_path: Path, lines: list, name: str = "schools", roster: str = ROSTER) -> Path:
    place = tmp_path / "corpus"
    place.mkdir(exist_ok=True)
    (place / f"{name}.jsonl").write_text(
        "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
    if roster:
        (place / "roster.csv").write_text(roster)
    return place


@pytest.fixture
async def emulator(tmp_path: Path):
    emulator = Emulator(tmp_path / "state")
    await emulator.start()
    yield emulator
    await emulator.stop()


async def play(emulator: Emulator, place: Path, **options):
    player = Player(emulator, await load(place), department=[OFFICE])
    try:
        return await player.play(**options)
    finally:
        player.close()


def at_office(emulator: Emulator, group: str) -> list:
    office = emulator.phones[OFFICE.lstrip("+")]
    return [seen for seen in office.seen if seen.group == group]


# --- reading ----------------------------------------------------------------------------------

async def test_a_folder_becomes_people_and_groups(tmp_path: Path):
    scenario = await load(folder(tmp_path, [
        line("m1", SECRETARY, "Report by noon", gold={"thread": "t01"}, mood="cross"),
        line("m2", STRANGER, "Noted", minute=3, reply_to="m1", mentions=[DEO]),
    ]))
    chat = scenario.chats[0]
    assert (chat.source, chat.name, chat.jid) == ("schools", "Schools", group_jid("schools"))
    assert chat.jid.endswith("@g.us") and len(chat.jid) == len("120363000000000000@g.us")
    assert chat.members == ("923007001001", "923007001099", "923007001002")
    assert chat.messages[1].at == datetime(2026, 11, 16, 9, 3, tzinfo=PAKISTAN)
    assert scenario.person("923007001002").push_name == "Manzoor"
    assert scenario.person("923007001099").push_name == ""  # in no roster: a person all the same


@pytest.mark.parametrize(("bad", "said"), [
    ("{not json", "not JSON"),
    ("[1, 2]", "not a JSON object"),
    ("[" * 100_000, "not JSON|nested"),
    (line("m1", SECRETARY, "again"), "stands twice"),
    (line("m2", "0300-12", "hello"), "international phone number"),
    (line("m2", SECRETARY, "hello", kind="poll"), "kind 'poll' is none of"),
    ({**line("m2", SECRETARY, "hello"), "ts": "yesterday"}, "is no time"),
    ({**line("m2", SECRETARY, "hello"), "text": 5}, "is no text"),
    (line("m2", SECRETARY, "hello", mentions="all"), "mentions"),
])
async def test_a_bad_line_is_named_by_file_and_line(tmp_path: Path, bad, said):
    place = folder(tmp_path, [line("m1", SECRETARY, "fine"), "", bad])
    with pytest.raises(ScenarioError, match=said) as caught:
        await load(place)
    assert str(caught.value).startswith("schools.jsonl line 3: ")


async def test_a_folder_that_is_none_is_told_in_a_sentence(tmp_path: Path):
    with pytest.raises(ScenarioError, match="no such folder"):
        await load(tmp_path / "nowhere")
    with pytest.raises(ScenarioError, match=r"holds no \.jsonl file"):
        await load(tmp_path)
    place = folder(tmp_path, [line("m1", SECRETARY, "x")], roster="phone,name\n12,Short\n")
    with pytest.raises(ScenarioError, match=r"roster\.csv line 2: '12'"):
        await load(place)
    (place / "schools.jsonl").write_bytes(b'{"id": "\xff"}')
    with pytest.raises(ScenarioError, match=r"schools\.jsonl line 1: not UTF-8"):
        await load(place)


def test_the_demo_folders_are_good():
    seed, lively = read(DEMO / "seed"), read(DEMO / "lively")
    assert len(seed.chats[0].messages) == 12
    assert sum(len(chat.messages) for chat in lively.chats) >= 80
    kinds = Counter(m.kind for chat in lively.chats for m in chat.messages)
    assert {"text", "image", "video", "audio", "document", "location", "reaction",
            "deleted"} <= set(kinds)
    for scenario in (seed, lively):
        for chat in scenario.chats:
            ids = {m.id: m for m in chat.messages}
            assert all(number in scenario.people for number in chat.members)
            assert list(chat.messages) == sorted(chat.messages, key=lambda m: m.at)
            for m in chat.messages:
                assert all(other in ids for other in (m.reply_to, m.edit_of) if other)


# --- playing ----------------------------------------------------------------------------------

async def test_phones_send_every_kind_and_others_see_it(emulator: Emulator, tmp_path: Path):
    report = await play(emulator, folder(tmp_path, [
        line("m1", SECRETARY, "Secretary sb created group “Sibi Schools”", "system"),
        line("m2", DEO, "School lockd", minute=1),
        line("m3", DEO, "School locked", minute=2, edit_of="m2"),
        line("m4", SECRETARY, "@Manzoor pl look into it", minute=3, reply_to="m3", mentions=[DEO]),
        line("m5", DEO, "The gate", "image", 4, file="IMG-1.jpg"),
        line("m6", DEO, "", "document", 5, file="Order.pdf", reply_to="m4"),
        line("m7", DEO, "", "audio", 6, file="PTT-1.opus"),
        line("m8", DEO, "location: https://maps.google.com/?q=29.5430,67.8770", "location", 7),
        line("m9", STRANGER, "This message was deleted", "deleted", 8),
        line("m10", SECRETARY, "   ", minute=9),
        line("m11", SECRETARY, "👍", "reaction", 10, reply_to="m3"),
    ]))
    group = emulator.groups[group_jid("schools")]
    assert group.name == "Sibi Schools"
    seen = at_office(emulator, group.jid)
    assert [s.id for s in seen] == [p.id for p in report.sent]
    assert [s.kind for s in seen] == ["text", "edit", "text", "image", "document", "audio",
                                      "location", "text", "delete", "reaction"]
    by_id = {p.corpus_id: p for p in report.sent if p.part == 0}
    assert seen[1].target_id == by_id["m2"].id and seen[1].text == "School locked"
    assert seen[2].quoted_id == by_id["m2"].id  # an edit has no id that others could quote
    assert "@Manzoor" not in seen[2].text and seen[2].text.endswith("pl look into it")
    assert seen[3].text == "The gate" and seen[3].media[:3] == b"\xff\xd8\xff"
    assert (seen[4].filename, seen[4].mime) == ("Order.pdf", "application/pdf")
    assert seen[4].quoted_id == by_id["m4"].id
    assert seen[8].target_id == seen[7].id
    assert [(r.corpus_id, r.skipped) for r in report.remarks] == [("m1", True), ("m10", True)]
    assert (seen[9].target_id, seen[9].text) == (by_id["m2"].id, "👍")
    assert report.new == len(report.sent) == 10


async def test_files_that_the_folder_ships_are_sent_as_they_are(emulator: Emulator, tmp_path: Path):
    place = folder(tmp_path, [
        line("m1", DEO, "", "document", file="list.csv"),
        line("m2", DEO, "", "image", 1, file="../../../etc/hostname"),
    ])
    (place / "media").mkdir()
    (place / "media" / "list.csv").write_bytes(b"school,teachers\n")
    await play(emulator, place)
    shipped, climbing = at_office(emulator, group_jid("schools"))
    assert (shipped.media, shipped.mime) == (b"school,teachers\n", "text/csv")
    assert climbing.media[:3] == b"\xff\xd8\xff"  # made, never read from outside the folder


async def test_what_cannot_be_played_as_written_is_said(emulator: Emulator, tmp_path: Path):
    report = await play(emulator, folder(tmp_path, [
        line("m1", SECRETARY, "First"),
        line("m2", DEO, "I edit the Secretary", minute=1, edit_of="m1"),
        line("m3", DEO, "I answer nothing", minute=2, reply_to="m99"),
        line("m4", DEO, "gone", "deleted", 3),
        line("r1", DEO, "👍", "reaction", 4, reply_to="m99"),
        line("m5", DEO, "too late", minute=4, edit_of="m4"),
    ]))
    assert [p.text for p in report.sent if p.kind == "text"][:3] == [
        "First", "I edit the Secretary", "I answer nothing"]
    assert [r.corpus_id for r in report.remarks] == ["m2", "m3", "r1", "m5"]
    assert "somebody else's" in report.remarks[0].reason
    assert [r.corpus_id for r in report.skipped] == ["r1"]


async def test_a_group_takes_the_name_that_a_notice_gives_it(emulator: Emulator, tmp_path: Path):
    place = folder(tmp_path, [
        line("m1", DEO, "hello"),
        line("m2", DEO, "~Manzoor changed the subject from “Old” to “New”", "system", 1)])
    player = Player(emulator, await load(place))
    assert [group.name for group in await player.prepare()] == ["Old"]
    await player.play()
    player.close()
    assert emulator.groups[group_jid("schools")].name == "New"


async def test_a_second_play_sends_nothing(emulator: Emulator):
    first = await play(emulator, DEMO / "lively", timestamps="given")
    again = await play(emulator, DEMO / "lively", timestamps="given")
    assert first.new == len(first.sent) > 100
    assert again.new == 0 and again.sent == first.sent
    for jid in emulator.groups:
        seen = [s for s in at_office(emulator, jid) if s.kind not in ("edit", "delete", "reaction")]
        assert [s.timestamp for s in seen] == sorted(s.timestamp for s in seen)
        assert seen[0].timestamp < datetime(2026, 11, 17, tzinfo=PAKISTAN).timestamp()


async def test_a_broken_play_goes_on_where_it_stopped(tmp_path: Path):
    lines = [line(f"m{n}", (SECRETARY, DEO)[n % 2], f"message {n}", minute=n,
                  **({"reply_to": f"m{n - 1}"} if n % 3 == 2 else {})) for n in range(20)]
    place = folder(tmp_path, lines)
    folder(tmp_path, lines, "second")

    def stumble(played: Played, done: int, total: int) -> None:
        if done == 17:
            raise InterruptedError

    emulator = Emulator(tmp_path / "state")
    await emulator.start()
    with pytest.raises(InterruptedError):
        await play(emulator, place, on_progress=stumble)
    await emulator.stop()

    emulator = Emulator(tmp_path / "state")
    await emulator.start()
    report = await play(emulator, place)
    for source in ("schools", "second"):
        seen = at_office(emulator, group_jid(source))
        assert [s.text for s in seen] == [f"message {n}" for n in range(20)]
        assert [s.id for s in seen] == [p.id for p in report.sent if p.source == source]
        assert seen[5].quoted_id == seen[4].id
    assert 0 < report.new < 40
    await emulator.stop()


async def test_another_folder_with_the_same_names_is_another_scenario(
    emulator: Emulator, tmp_path: Path
):
    await play(emulator, folder(tmp_path, [line("m1", DEO, "one")]))
    report = await play(emulator, folder(tmp_path, [line("m1", DEO, "two")]))
    assert report.new == 1 and [p.text for p in report.sent] == ["two"]


async def test_paced_play_keeps_the_order_and_can_cut_nights(emulator: Emulator, tmp_path: Path):
    place = folder(tmp_path, [line(f"m{n}", DEO, f"message {n}", minute=n) for n in range(5)])
    told = []
    await asyncio.wait_for(
        play(emulator, place, speed=1, longest_pause=0.01,
             on_progress=lambda played, done, total: told.append((played.text, done, total))), 30)
    assert told == [(f"message {n}", n + 1, 5) for n in range(5)]
    with pytest.raises(ScenarioError, match="speed"):
        await play(emulator, place, speed=0)
