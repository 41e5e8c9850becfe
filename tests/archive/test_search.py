"""Search: the same answers on both databases, in Urdu and in English."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import directory, fold, messages, search
from archive.model import NewRecord, Sender

AT = 1_790_000_000_000
DAY = 86_400_000
SANA, NAZIA = Sender(lid="111", push_name="Sana"), Sender(lid="222", push_name="Nazia")


class Archive:
    """A group to write in; texts come a minute apart unless told when."""

    def __init__(self, db):
        self.db, self.count = db, 0

    async def say(self, text, *, chat="1@g.us", sender=SANA, at=None, **more):
        self.count += 1
        made = await self.db.write(directory.ensure_chat(chat, f"Group {chat[0]}", "", AT))
        at = AT + self.count * 60_000 if at is None else at
        more.setdefault("kind", "text")
        record_id, _ = await self.db.write(messages.add(NewRecord(
            chat_id=made.id, origin="whatsapp", source_id=f"M{self.count}", sender=sender,
            sent_at=at, received_at=at, text=text, **more)))
        return record_id

    async def texts(self, query, **filters):
        return [h.record.text for h in await search.find(self.db, query, **filters)]


@pytest.fixture
def archive(database):
    return Archive(database)


@pytest.mark.parametrize(("text", "query"), [
    ("سرکاری كتاب", "کتاب"), ("استاد غیر حاضر ہے", "غیرحاضر"), ("استاد غیرحاضر ہے", "غیر حاضر"),
    ("EMIS ۰۷۰۸۶", "07086"), ("EMIS 07086", "۰۷۰۸۶"), ("ٹيچر نہیں", "ٹیچر"),
    ("رپورٹ جمع کر دیا", "کردیا"), ("رپورٹ جمع کردیا", "کر دیا"), ("درسگاہ بند", "درس گاہ بند"),
    ("DEO. Sibi, pl look", "deo SIBI"), ("مدرسة", "مدرسہ"), ("سکول بند ھے", "ہے"),
    ("GHS Killi-Kambarani", "killi kambarani"), ("0300-1234567", "1234567"),
    ("O'Brien's \"report\"", "o'brien's"), ("Café", "cafe"), ("رَپورٹ", "رپورٹ"),
])
async def test_a_text_is_found(archive, text, query):
    await archive.say("something else, کچھ اور")
    await archive.say(text)
    assert await archive.texts(query) == [text]


@pytest.mark.parametrize("query", [
    "", " ", '"', '""', "*", "***", "' OR 1=1 --", "AND", "a AND", "NOT", "(((", "a:b", "^a",
    "a*b*", "\x00", "\ud83d", "-", "{a b}", 'NEAR("a b", 5)', "\\", "'a", "a'", ":*", "!", "<->",
    "&|", "“", "a" * 100_000, "غ " * 5000, '"a' * 500, "😀", "\u0301\u0301", "text:a", "rowid:1",
    "%", "_",
])
async def test_no_query_raises(archive, query):
    await archive.say("a plain message")
    assert isinstance(await search.find(archive.db, query), list)


async def test_every_word_must_be_there(archive):
    await archive.say("report from Sibi")
    await archive.say("report from Zhob")
    assert await archive.texts("Sibi report") == ["report from Sibi"]
    assert await archive.texts("Sibi Zhob") == []


async def test_a_phrase_is_found_in_its_order(archive):
    await archive.say("look into the matter")
    await archive.say("the matter, look")
    assert await archive.texts('"the matter"') == ["the matter, look", "look into the matter"]
    assert await archive.texts('"matter look"') == ["the matter, look"]
    assert await archive.texts('into "the matter"') == ["look into the matter"]
    assert await archive.texts('“into the”') == ["look into the matter"]
    assert await archive.texts('"into the') == ["look into the matter"]


async def test_a_phrase_among_many_that_only_hold_its_words(archive):
    await archive.say("needle in hay")
    for n in range(450):
        await archive.say(f"hay in needle {n}")
    assert await archive.texts('"needle in hay"') == ["needle in hay"]


async def test_beginnings(archive):
    await archive.say("attendance of teachers")
    await archive.say("اساتذہ کی حاضری")
    assert await archive.texts("attend*") == ["attendance of teachers"]
    assert await archive.texts("attend") == []
    assert await archive.texts("حاضر*") == ["اساتذہ کی حاضری"]


async def test_newest_first_and_page_by_page(archive):
    for n in range(25):
        await archive.say(f"report {n}")
    first = await search.find(archive.db, "report", limit=10)
    second = await search.find(archive.db, "report", limit=10, before=first[-1].record.id)
    third = await search.find(archive.db, "report", limit=10, before=second[-1].record.id)
    assert [h.record.text for h in first + second + third] == [
        f"report {n}" for n in reversed(range(25))]


async def test_filters(archive):
    first = await archive.say("report", at=AT)
    await archive.say("report", sender=NAZIA, at=AT + DAY)
    await archive.say("report", chat="2@g.us", at=AT + 2 * DAY)
    record = await messages.get(archive.db, first)

    async def days(**filters):
        hits = await search.find(archive.db, "report", **filters)
        return [(h.record.sent_at - AT) // DAY for h in hits]

    assert await days() == [2, 1, 0]
    assert await days(chat_id=record.chat_id) == [1, 0]
    assert await days(sender_id=record.sender_id) == [2, 0]
    assert await days(chat_id=record.chat_id, sender_id=record.sender_id) == [0]
    assert await days(since=AT + DAY) == [2, 1]
    assert await days(until=AT + DAY) == [0]
    assert await days(since=AT + DAY, until=AT + 2 * DAY) == [1]
    assert await days(since=-(10**30), until=10**30) == [2, 1, 0]
    assert await days(limit=0) == []


async def test_an_edited_message_is_found_by_both_texts_once(archive):
    record_id = await archive.say("63 schools closed")
    await archive.say("newer schools")
    await archive.say("36 schools closed", kind="edit", target_source_id="M1")
    for query in ("63", "36", "closed"):
        hits = await search.find(archive.db, query)
        assert [h.record.id for h in hits] == [record_id], query
    assert (await search.find(archive.db, "36"))[0].snippet == "\x0236\x03 schools closed"
    assert await archive.texts("schools") == ["newer schools", "63 schools closed"]
    assert await archive.texts("36", chat_id=999) == []


async def test_a_forged_edit_finds_nothing(archive):
    await archive.say("63 schools")
    await archive.say("forged words", kind="edit", target_source_id="M1", sender=NAZIA)
    assert await archive.texts("forged") == []


async def test_a_deleted_message_is_still_found(archive):
    await archive.say("regrettable words")
    await archive.say("", kind="deletion", target_source_id="M1")
    assert await archive.texts("regrettable") == ["regrettable words"]


async def test_a_document_is_found_by_its_name(archive):
    await archive.say("", kind="document", media_name="Closed_schools-list.pdf")
    (hit,) = await search.find(archive.db, "schools pdf")
    assert hit.snippet == "Closed_\x02schools\x03-list.\x02pdf\x03"
    assert hit.chat_name == "Group 1"


async def test_words_beyond_the_bound_are_not_found_but_kept(archive):
    text = "first " + "x" * search.INDEXED_CHARACTERS + " last"
    await archive.say(text)
    assert await archive.texts("first") == [text]
    assert await archive.texts("last") == []


async def test_the_fullest_text_that_the_bound_allows(archive):
    """Nothing but different words of two-byte letters, each joined to its neighbour."""
    letters = "ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہی"
    words = (a + b + c for a in letters for b in letters for c in letters)
    text = " ".join(words)[:search.INDEXED_CHARACTERS * 2]
    await archive.say(text)
    assert await archive.texts("ابپ") == [text]


@given(st.text())
def test_queries_of_any_text_are_well_formed(text):
    for group in fold.parse_query(text).groups():
        assert all(term and '"' not in term and "'" not in term for term, _ in group)
