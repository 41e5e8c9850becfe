"""What a section officer reads: groups, the record, one message, search, people, cases, status."""
from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from archive import messages, pages
from archive.db import Database, Unit
from archive.model import NewRecord, Sender
from tests.web import seed
from tests.web.server import Pages, serve


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Pages]:
    """The seeded archive's pages, on both databases."""
    async with serve(tmp_path, database=database_url) as running:
        yield running


async def read(site: Pages, path: str, status: int = 200) -> str:
    async with site.visitor.get(path) as response:
        text = await response.text()
        assert response.status == status, text
        return text


def entry(page: str, record_id: int) -> str:
    """The piece of a page that shows one record."""
    start = page.index(f'id="r-{record_id}"')
    return page[start:page.index("</article>", start)]


async def test_the_overview_names_every_group_with_its_last_message_and_its_troubles(
        site: Pages) -> None:
    page = await read(site, "/")
    assert page.index("RTSM Makran Division") < page.index("School Education, all districts")
    assert "اساتذہ تحصیل دکی" in page and "130 entries" in page
    assert "DEO Loralai: COB means 5 pm. Thank you" in page
    assert "1 possible gap" in page and "1 perhaps not delivered" in page


async def test_a_record_shows_replies_edits_deletions_reactions_files_and_gaps(
        site: Pages) -> None:
    page, made = await read(site, f"/g/{site.made['schools']}"), site.made
    reply = entry(page, made["directive"])
    assert f'href="#r-{made["report"]}"' in reply and "GGPS Thangi Sibi BEMIS 05117." in reply
    edited = entry(page, made["edited"])
    assert "since 2023" in edited and "all 3 versions" in edited
    assert "middle schools 4 have" in edited, "the first version stays readable"
    deleted = entry(page, made["deleted"])
    assert "<del>" in deleted and "has left the work" in deleted
    assert "Deleted on WhatsApp by" in deleted and "10:09" in deleted
    assert re.search(r"👍</bdi> <bdi>Nadia Kasi, Secretary</bdi>\s*and 1 more", page)
    assert re.search(r'<img class="image" src="/thumb/[0-9a-f]{64}"', entry(page, made["photo"]))
    document = entry(page, made["document"])
    assert "Measurement book Sibi.pdf" in document and "application/pdf" in document
    assert "Messages may be missing here." in page
    assert "11:52 to 12:21 on Monday 6 April 2026 (29 minutes)" in page
    assert "A kind of message that Daftar cannot show yet." in page
    assert "internal, never sent to WhatsApp" in entry(page, made["internal"])
    assert "Nobody can be sure" in entry(page, made["unsure"])
    assert "SED-2026-00001" in entry(page, made["report"])
    assert "Where is the list of Loralai?" in page, "the words that a reply to the unknown carries"
    assert "edited a message that the archive does not hold" in page
    assert "Monday 6 April 2026" in page and "Tuesday 7 April 2026" in page


async def test_urdu_stands_right_to_left_in_its_own_type(site: Pages) -> None:
    page = await read(site, f"/g/{site.made['schools']}")
    assert re.search(r'<div class="text ur" lang="ur" dir="auto">محترمہ', page)


async def test_paging_goes_back_and_forth_without_loss(site: Pages) -> None:
    seen, path = [], f"/g/{site.made['makran']}"
    while path:
        page = await read(site, path)
        seen = [int(n) for n in re.findall(r"Plan of visit (\d+):", page)] + seen
        older = re.search(r'rel="prev" href="([^"#]+)', page)
        path = older[1] if older else ""
    assert seen == list(range(1, 131))
    first = re.search(r'rel="next" href="([^"]+)', page)
    assert first
    newer = await read(site, first[1].replace("&amp;", "&"))
    assert [int(n) for n in re.findall(r"Plan of visit (\d+):", newer)] == list(range(31, 81))


async def test_a_date_jumps_to_its_first_message(site: Pages) -> None:
    group = site.made["schools"]
    page = await read(site, f"/g/{group}?day=2026-04-07")
    assert "Monday 6 April" not in page.split('<div class="record">')[1].split("<article")[0]
    assert page.index("added Hani Baloch") < page.index("Explanation of both teachers")
    late = await read(site, f"/g/{group}?day=2027-01-01")
    assert "There is nothing on or after 1 January 2027" in late and "COB means 5 pm" in late


async def test_a_link_to_a_message_opens_its_page_around_it(site: Pages) -> None:
    made = site.made
    page = await read(site, f"/g/{made['schools']}?at={made['staff']}")
    assert f'class="entry target" id="r-{made["staff"]}"' in page
    assert "edited 09:50" in page, "what came before it is there too"


async def test_one_message_shows_all_that_is_known(site: Pages) -> None:
    page = await read(site, f"/r/{site.made['edited']}")
    for words in ("+923007000012", "A7", "$A7", str(site.made["edited"]), "Received by Daftar",
                  "middle schools 4 have", "middle schools 5 have no science teacher.", "SHA-256",
                  "Thread", "3 messages"):
        assert words in page, words
    staff = await read(site, f"/r/{site.made['staff']}")
    assert "3EB0AA11" in staff and "Matrix (written by staff)" in staff


async def test_search_finds_marks_and_filters(site: Pages) -> None:
    page = await read(site, "/search?q=teachers")
    assert page.count("<mark>") >= 4
    one = await read(site, "/search?q=teachers&sender=Sajjad&from=2026-04-07&to=2026-04-07")
    assert "Confirmed, school open" in one and one.count("<mark>") == 1
    assert "RTSM Makran" not in (await read(
        site, f"/search?q=visit&group={site.made['schools']}")).split("<ol")[1]


async def test_search_folds_urdu_and_keeps_it_right_to_left(site: Pages) -> None:
    page = await read(site, "/search?q=غيرحاضر")  # Arabic yeh, written together
    assert re.search(r'lang="ur" dir="auto">.*<mark>غیر', page, re.S)


async def test_search_pages_through_many_hits(site: Pages) -> None:
    seen, path = [], "/search?q=plan"
    while path:
        page = await read(site, path)
        seen += [int(n) for n in re.findall(r"of visit (\d+):", page)]
        more = re.search(r'rel="next" href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == list(range(130, 0, -1))


async def test_search_without_words_lists_a_senders_messages(site: Pages) -> None:
    page = await read(site, "/search?sender=Rubina")
    assert "As discussed, list follows by COB" in page and "Hani Baloch" not in page


async def test_a_name_that_fits_several_asks_whom_one_means(site: Pages) -> None:
    page = await read(site, "/search?q=school&sender=RTSM")
    assert "Whom do you mean?" in page
    link = re.search(r'href="(/search\?q=school&amp;person=\d+)"><bdi>Sajjad RTSM Sibi', page)
    assert link
    assert "<mark>school</mark> open" in await read(site, link[1].replace("&amp;", "&"))


async def test_nothing_found_says_so_and_helps(site: Pages) -> None:
    page = await read(site, "/search?q=zebra&group=1")
    assert "No message fits" in page and "search everywhere and at any time" in page
    assert "Nobody in the archive is called “Zebra”" in await read(site, "/search?sender=Zebra")
    assert "Write the words" in await read(site, "/search")


async def test_people_are_found_by_name_number_and_former_name(site: Pages) -> None:
    for words in ("Qadir Marri DEO", "923007000011", "%2B923007000011", "abdul qadir"):
        page = await read(site, f"/people?q={words}")
        assert "Qadir Marri DEO Sibi" in page and "Hani" not in page, words
    assert "Nobody fits" in await read(site, "/people?q=100%25_")
    link = re.search(r'href="(/people/\d+)"', page)
    assert link
    card = await read(site, link[1])
    assert "DEO Sibi</bdi>" in card and "from 10 Mar 2025" in card
    assert "77100550011" in card and "Abdul Qadir Marri" in card and "School Education" in card


async def test_cases_and_a_docket_sheet(site: Pages) -> None:
    assert "SED-2026-00002" not in await read(site, "/cases")
    assert "SED-2026-00002" in await read(site, "/cases?state=closed")
    page = await read(site, "/cases/sed-2026-00001")
    for words in ("GGPS Thangi Sibi: both teachers absent", "assigned it to \u2068DEO Sibi",
                  "Pay record asked from DAO Sibi", f"/r/{site.made['report']}"):
        assert words in page, words


async def test_status_says_what_waits_and_what_needs_a_person(site: Pages) -> None:
    page = await read(site, "/status")
    assert "<strong>is connected</strong>" in page
    assert "1 delivery waits" in page and "It may have been sent" in page
    assert "the link stopped while sending" in page


async def test_an_empty_archive_is_friendly(tmp_path: Path) -> None:
    async with serve(tmp_path, seeded=False) as site:
        assert "No group has been mirrored yet" in await read(site, "/")
        assert "Nobody has written yet" in await read(site, "/people")
        assert "There are no open cases" in await read(site, "/cases")
        status = await read(site, "/status")
        assert "Nothing waits" in status and "Nothing is stuck" in status


class Counting:
    """A database that counts what is asked of it."""

    def __init__(self, db: Database) -> None:
        self._db, self.reads, self.dialect = db, 0, db.dialect

    async def read(self, sql: str, *args: Any) -> Any:
        self.reads += 1
        return await self._db.read(sql, *args)


async def test_a_page_costs_a_handful_of_queries(site: Pages) -> None:
    async def cost(what: Any, *args: Any, **more: Any) -> int:
        counting = Counting(site.db)
        await what(counting, *args, **more)
        return counting.reads

    made = site.made
    assert await cost(pages.record_page, made["schools"]) <= 9
    assert await cost(pages.record_page, made["makran"]) <= 8
    assert await cost(pages.record_page, made["schools"], around=made["staff"]) <= 10
    assert await cost(pages.overview) == 5
    assert await cost(pages.sheet, made["report"]) <= 18
    assert await cost(pages.browse, sender_id=1) == 1


async def test_an_edit_by_somebody_else_is_kept_but_not_believed(site: Pages) -> None:
    at = seed.ms("2026-04-06 15:00")
    await site.db.write(messages.add(NewRecord(
        chat_id=site.made["schools"], kind="edit", origin="whatsapp", source_id="forged",
        sender=seed.STRANGER, sent_at=at, received_at=at, text="All are present",
        target_source_id="A1")))
    shown = entry(await read(site, f"/g/{site.made['schools']}"), site.made["report"])
    assert "School closed at 8:05 am" in shown.split("Not believed")[0]
    assert "“<bdi>All are present</bdi>”" in shown


async def test_a_poll_shows_its_votes_and_a_pin_what_it_pins(site: Pages) -> None:
    async def add(kind: str, source: str, who: str, text: str, target: str | None = None,
                  options: list[str] | None = None) -> int:
        record, _ = await site.db.write(messages.add(NewRecord(
            chat_id=site.made["schools"], kind=kind, origin="whatsapp", source_id=source,
            sender=Sender(pn=who, push_name=f"Teacher {who[-1]}"), sent_at=1_790_000_000_000,
            received_at=1_790_000_000_000, text=text, target_source_id=target,
            detail=json.dumps({"options": options}) if options is not None else None)))
        return record

    poll = await add("poll", "POLL", "923007008001", "Which day?", options=["Monday", "پیر"])
    await site.db.write(_detailed(poll, {"options": ["Monday", "پیر"], "secret": "5ec2e7"}))
    for number, (who, choice) in enumerate((
            ("923007008001", ["Monday"]), ("923007008002", ["Monday"]),
            ("923007008002", ["پیر"]))):
        await add("vote", f"VOTE{number}", who, ", ".join(choice), "POLL", choice)
    pin = await add("pin", "PIN", "923007008001", "pinned", "POLL")
    page = await read(site, f"/g/{site.made['schools']}")
    shown = entry(page, poll)
    assert "5ec2e7" not in page + await read(site, f"/r/{poll}"), "votes are sealed with it"
    assert "<bdi>Monday</bdi>: 1 (<bdi>Teacher 1</bdi>)" in shown
    assert "<bdi>پیر</bdi>: 1 (<bdi>Teacher 2</bdi>)" in shown
    assert "VOTE" not in page and "Vote" not in page, "votes stand with their poll"
    assert f'<bdi>Teacher 1</bdi> pinned <a href="/r/{poll}">a message</a>.' in page
    assert f'id="r-{pin}"' in page


async def test_mentions_have_names_forwarded_says_so_and_an_event_its_time(site: Pages) -> None:
    async def add(kind: str, source: str, text: str, **detail: Any) -> int:
        record, _ = await site.db.write(messages.add(NewRecord(
            chat_id=site.made["schools"], kind=kind, origin="whatsapp", source_id=source,
            sender=Sender(pn="923007008001", lid="130445783677224", push_name="گل بانو"),
            sent_at=1_790_000_000_000, received_at=1_790_000_000_000, text=text,
            detail=json.dumps(detail))))
        return record

    mention = await add("text", "M1", "@130445783677224 and @130445783677299 pl look",
                        mentions=["130445783677224@lid", "130445783677299@lid", "1\x00@lid"])
    forwarded = await add("text", "M2", "Good morning", forwarded="often")
    event = await add("event", "M3", "Review", starts_at=1_795_600_800_000, ends_at=0,
                      cancelled=True)
    page = await read(site, f"/g/{site.made['schools']}")
    assert "@گل بانو and @130445783677299 pl look" in entry(page, mention)
    assert "forwarded" in entry(page, forwarded)
    assert "Wednesday 25 November 2026, 15:00 (cancelled)" in entry(page, event)
    assert "ms)" not in entry(page, event)


def _detailed(record_id: int, detail: dict[str, Any]) -> Unit[None]:
    yield "UPDATE record SET detail = ? WHERE id = ?", (json.dumps(detail), record_id)
