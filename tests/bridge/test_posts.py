"""What the directory says of people shows in the rooms and in the group: ghosts' names, the name
before what staff write, and who is asked when a post is."""
from __future__ import annotations

from datetime import date, timedelta

import pytest

from archive import directory, gazetteer_file, postings, posts, roster, roster_import
from archive.cases import Actor
from archive.postings import By
from bridge.outward import compose
from bridge.rooms.posts import without_post
from tests.bridge.conftest import BOTH
from tests.bridge.town import relation, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOOK = gazetteer_file.load()
BY = By(Actor("", "a test"), 1)
TODAY = date.today()


@pytest.mark.parametrize(("template", "left"), [
    ("{name} · {post}", "{name}"), ("{post} · {name}", "{name}"), ("{name} ({post})", "{name}"),
    ("*{name} ({post})*: {text}", "*{name}*: {text}"), ("{name} [{post}] {phone}",
                                                       "{name} {phone}"),
    ("{name} · {post} (WhatsApp)", "{name} (WhatsApp)"), ("{name} ({post}, {phone})",
                                                          "{name} ({phone})"),
    ("{name} {post}: {text}", "{name}: {text}"), ("{post}", ""), ("{name}", "{name}")])
async def test_a_template_without_a_post(template, left):
    assert without_post(template) == left


async def test_the_name_before_a_message_with_a_post():
    template = "*{name} ({post})*: {text}"
    line = compose.relay_text(template, "A", "x", "SO *(Dev)* SED")
    assert line == "*A (SO (Dev) SED)*: x"
    assert compose.relay_text(template, "A", "- x", "DEO Sibi") == "*A (DEO Sibi)*:\n- x"
    assert compose.relay_text(template, "A", "- x {post}") == "*A*:\n- x {post}"


async def posted(town, person_id: int, post: str, since: str) -> None:
    """Put somebody into a post."""
    def unit():
        post_id = yield from posts.ensure(BOOK.post(post))
        yield from postings.transfer(person_id, post_id, since, BY)
    await town.db.write(unit())


async def display_name(town, mxid: str) -> str:
    return (await town.secretary.call("GET", f"/v3/profile/{mxid}"))["displayname"]


@BOTH
async def test_a_ghosts_name_follows_a_transfer(town):
    place = await town.group(people=("Zafar",))
    zafar = place.phones[0]
    await zafar.send_text(place.group, "one")
    ghost = (await place.shown(text="one"))["sender"]
    assert await display_name(town, ghost) == "Zafar (WhatsApp)"
    person = await directory.find(town.db, "ghost", ghost)
    before = (TODAY - timedelta(days=400)).isoformat()
    await posted(town, person.id, "DEO Ziarat", before)
    await zafar.send_text(place.group, "two")
    await place.shown(text="two")
    assert await display_name(town, ghost) == "Zafar · DEO Ziarat (WhatsApp)"
    await posted(town, person.id, "DEO Harnai", (TODAY - timedelta(days=1)).isoformat())
    await posted(town, person.id, "DEO Kohlu", (TODAY + timedelta(days=30)).isoformat())
    await zafar.send_text(place.group, "three")
    await place.shown(text="three")
    assert await display_name(town, ghost) == "Zafar · DEO Harnai (WhatsApp)"


@BOTH
async def test_what_staff_write_goes_out_with_their_post(town):
    place = await town.group()
    await town.officer.say(place.room, "before")
    await place.seen(lambda seen: seen.text == "*Section Officer (General)*: before")
    line = f"post,matrix,name\nSO (Schools),{town.officer.id},Bilal Ahmed\n"
    await town.db.write(roster_import.take(
        roster.read(line.encode(), BOOK), BOOK, BY, TODAY.isoformat()))
    await town.officer.say(place.room, "Please report")
    await place.seen(lambda seen: seen.text
                     == "*Section Officer (General) (SO (Schools) SED)*: Please report")
    post = await posts.by_name(town.db, "SO (Schools) SED")
    await town.db.write(postings.vacate(post.id, TODAY.isoformat(), BY))
    await town.officer.say(place.room, "after")
    await place.seen(lambda seen: seen.text == "*Section Officer (General)*: after")


@BOTH
async def test_who_holds_the_post_that_was_asked_answers_in_the_thread(town):
    """Nothing but the directory says that Naseer is the DEO."""
    place = await town.group(people=("Jabbar", "Naseer", "Rasheed", "Secretary"))
    jabbar, naseer, rasheed, secretary = place.phones
    person = await until(lambda: directory.find(town.db, "pn", naseer.number))
    await posted(town, person.id, "DEO Duki", "2020-01-01")
    report = await jabbar.send_text(place.group, "GBPS Talao BEMIS 07311 found closed today")
    root = await place.shown(text="GBPS Talao BEMIS 07311 found closed today")
    await secretary.send_text(place.group, "DEO Duki. Pl look into the issue", quote=report)
    await place.shown(text="DEO Duki. Pl look into the issue")
    await rasheed.send_text(place.group, "Textbooks for Kohlu have reached the district store")
    await place.shown(text="Textbooks for Kohlu have reached the district store")
    await naseer.send_text(place.group, "Noted sir, visiting the school today")
    answer = await place.shown(text="Noted sir, visiting the school today")
    assert relation(answer).get("event_id") == root["event_id"]
