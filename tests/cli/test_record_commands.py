"""`daftar search` and `daftar status`, over a record written here."""
from __future__ import annotations

import asyncio
import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import config
from archive import directory, messages, queue
from archive.db import open_database
from archive.model import NewRecord, Sender
from cli import init
from cli.main import main
from cli.search import parse_when
from tests.homeserver import house_values

KARACHI = ZoneInfo("Asia/Karachi")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=KARACHI).timestamp() * 1000)


async def _write(url: str) -> None:
    db = await open_database(url)
    try:
        for jid, name in (("1@g.us", "Education Makran"), ("2@g.us", "Secondary Department")):
            await db.write(directory.ensure_chat(jid, name, "", at("2026-11-01")))
        chats = {chat.jid: chat.id for chat in await directory.chats(db)}
        said = [("1@g.us", "2026-11-20T09:00", "GPS Turbat is closed since Monday"),
                ("1@g.us", "2026-11-21T23:59", "GPS Turbat is open again"),
                ("2@g.us", "2026-11-22T10:00", "اسکول بند ہے \x1b[31m Turbat")]
        for number, (jid, when, text) in enumerate(said):
            await db.write(messages.add(NewRecord(
                chats[jid], "text", "whatsapp", f"ID{number}",
                Sender(pn="923007000001", push_name="Noor\x1b[2J"), at(when), at(when), text)))
        await db.write(queue.put("in:1", "a", "record"))
        await db.write(queue.put("out:1", "b", "record"))
        rows = await db.write(queue.claim("out:1", "w", at("2026-11-23")))
        await db.write(queue.unsure(rows[0].id, "the link ended while sending"))
    finally:
        await db.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    written = init.write(tmp_path, house_values("http://127.0.0.1:1"))
    read = config.load(written[0], env={})
    read.data.mkdir()
    asyncio.run(_write(read.database_url))
    return str(written[0])


def search(path: str, *words: str) -> int:
    return main(["search", *words, "--config", path])


def test_words_are_found_newest_first(path: str, capsys) -> None:
    assert search(path, "turbat") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:16] for line in lines] == [
        "2026-11-22 10:00", "2026-11-21 23:59", "2026-11-20 09:00"]
    assert lines[1].endswith("GPS Turbat is open again") and "Education Makran" in lines[1]


def test_what_others_wrote_does_not_steer_the_terminal(path: str, capsys) -> None:
    search(path, "turbat")
    assert "\x1b" not in capsys.readouterr().out


def test_narrowed_by_group_and_dates(path: str, capsys) -> None:
    search(path, "turbat", "--group", "makran", "--since", "2026-11-21")
    assert capsys.readouterr().out.startswith("2026-11-21 23:59")
    search(path, "turbat", "--group", "1@g.us", "--until", "2026-11-20")
    assert capsys.readouterr().out.startswith("2026-11-20 09:00")
    search(path, "turbat", "--until", "2026-11-20T08:59")
    assert capsys.readouterr().out == ""


def test_a_quoted_argument_is_a_phrase(path: str, capsys) -> None:
    assert search(path, "open again") == 0
    assert search(path, "again open") == 1
    assert search(path, "again", "open") == 0


def test_urdu_is_found_as_it_is_typed_elsewhere(path: str, capsys) -> None:
    assert search(path, "اسكول", "ھے") == 0, "Arabic kaf and another heh"


def test_json_for_programs(path: str, capsys) -> None:
    search(path, "open", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["group"] == "Education Makran" and found["source_id"] == "ID1"
    assert "\x02open\x03" in found["snippet"]


@pytest.mark.parametrize(("more", "code", "told"), [
    (["nothing-like-this"], 1, "Nothing found."),
    (["x", "--group", "zhob"], 2, "--group zhob: there is no such group; the record holds:"),
    (["x", "--group", "e"], 2, "more than one group has that in its name"),
    (["x", "--since", "yesterday"], 2, "'yesterday' is not a date; write 2026-11-23"),
    (["x", "--limit", "0"], 2, "--limit must be at least 1"),
    (['"un(bal', '"', "*", "AND"], 1, "Nothing found."),
])
def test_odd_questions(path: str, capsys, more: list[str], code: int, told: str) -> None:
    assert search(path, *more) == code
    assert told in capsys.readouterr().err


def test_days_end_where_the_office_is() -> None:
    assert parse_when("2026-11-23", KARACHI) == at("2026-11-23T00:00")
    assert parse_when("2026-11-23", KARACHI, end=True) == at("2026-11-24T00:00")
    assert parse_when("2026-11-23T00:00Z", KARACHI) == at("2026-11-23T05:00")


def test_status_counts_and_names_what_is_stuck(path: str, capsys) -> None:
    assert main(["status", "--config", path]) == 1, "a monitor sees that a person is needed"
    told = capsys.readouterr().out
    assert "Waiting to be carried: 1" in told
    assert "groups with something to go to Matrix: 1" in told
    assert "unsure after" in told and "may have been sent; a person decides" in told
    assert "last received: 2026-11-22 10:00:00 PKT" in told
    main(["status", "--config", path, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["waiting"] == 1 and len(found["stuck"]) == 1
    assert found["record"]["messages"] == 3
