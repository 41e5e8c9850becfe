"""Chat exports sent to the page Imports: by whom, and what arrives whole, twice, too large, not."""
from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from aiohttp import ClientSession

from archive import audit, directory, imports, postings, posts
from archive.cases import Actor
from archive.gazetteer import PostName
from archive.model import Sender
from archive.postings import By
from tests.web import seed
from tests.web.sending import ADMIN, NAME, TEXT, folder, plain, send, token_of
from tests.web.sending import officer as officer  # fixtures
from tests.web.sending import site as site
from tests.web.server import Pages, serve
from tests.web.test_reading import read
from web import incoming
from web.incoming import UNFINISHED
from web.rights import is_officer
from web.signin import SESSION_COOKIE

# Who may


async def test_readers_see_nothing_of_imports(site: Pages, officer: ClientSession) -> None:
    assert "/imports" not in await read(site, "/")
    assert "must be an officer" in await read(site, "/imports", 403)
    await send(officer)
    assert "must be an officer" in await read(site, "/imports/1", 403)
    assert (await send(site.visitor, token="x")).status == 403
    async with site.visitor.post("/imports/1", data={"do": "discard"}) as response:
        assert response.status == 403
    async with site.stranger.get("/imports", allow_redirects=False) as response:
        assert response.status == 303
    assert (await imports.latest(site.db))[0].state == "new"
    async with officer.get("/") as response:
        assert 'href="/imports"' in await response.text()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_roles_make_officers(site: Pages) -> None:
    deo = Sender(mxid="@deo:office.test")
    person_id = await site.db.write(directory.ensure(deo, 1))
    post = await site.db.write(posts.ensure(PostName("DEO", "Loralai")))
    await site.db.write(postings.assign(
        post, person_id, "2025-03-10", None, By(Actor("", "directory.csv"), 1)))
    cases = [({}, ADMIN, True), ({ADMIN: "viewer"}, ADMIN, False), ({}, "@x:office.test", False),
             ({"@x:office.test": "officer"}, "@x:office.test", True),
             ({"@x:office.test": "staff"}, "@x:office.test", False),
             ({"deo": "officer"}, deo.mxid, True), ({"DEO Loralai": "admin"}, deo.mxid, True),
             ({"DEO Sibi": "officer", "DC": "admin"}, deo.mxid, False)]
    for roles, user, may in cases:
        site.site.config.bot.roles.clear()
        site.site.config.bot.roles.update(roles)
        at = seed.ms("2026-04-06 08:00")
        assert await is_officer(site.site.config, site.db, user, at) == may, (roles, user)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_forged_and_old_forms_are_refused(site: Pages, officer: ClientSession) -> None:
    for token in ("", "0" * 96):
        response = await send(officer, token=token)
        assert response.status == 403 and "grown old" in await response.text()
    async with officer.post("/imports", data={"token": "x"}) as response:
        assert response.status == 400
    response = await officer.post("/imports", headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status == 403
    assert await imports.latest(site.db) == [] and folder(site) == []


# What is sent


async def test_an_upload_waits_for_the_bridge(site: Pages, officer: ClientSession) -> None:
    response = await send(officer, since="2025-12-28")
    assert (response.status, response.headers["Location"]) == (303, "/imports/1")
    run = await imports.get(site.db, 1)
    assert run and run.state == "new" and run.file_name == NAME and run.actor.mxid == ADMIN
    assert run.settings["since"] == seed.ms("2025-12-28 00:00") and run.size == len(TEXT.encode())
    assert imports.upload(site.site.config.data, 1).read_bytes() == TEXT.encode()
    assert folder(site) == ["1.upload"]
    async with officer.get("/imports/1") as page:
        assert page.headers["Refresh"] == "3"
        assert "is being looked at" in await page.text()
    noted = (await audit.latest(site.db))[0]
    assert noted.command == f"import 1: upload {NAME}" and noted.actor.mxid == ADMIN
    async with officer.get("/audit") as page:
        assert "the archive&#39;s pages" in await page.text()


async def test_the_same_file_sent_twice_is_one_import(
        site: Pages, officer: ClientSession) -> None:
    first, second = await send(officer), await send(officer)
    assert first.headers["Location"] == second.headers["Location"] == "/imports/1"
    other = await send(officer, since="2025-12-28")
    assert other.headers["Location"] == "/imports/2"
    assert folder(site) == ["1.upload", "2.upload"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("content", "name", "fields", "status", "words"), [
    (b"x" * ((1 << 20) + 1), NAME, {}, 413, "larger than 1 MB"),
    (b"x" * (2 << 20), NAME, {}, 413, "web.upload_limit"),
    (TEXT, "chat.docx", {}, 400, "is no chat export"),
    (TEXT, "", {}, 400, "choose the file"),
    (TEXT, NAME, {"since": "yesterday"}, 400, "is not a date"),
    (TEXT, NAME, {"group": "999"}, 400, "no such group"),
    (TEXT, NAME, {"group": "x'; --"}, 400, "no such group")])
async def test_what_cannot_be_taken_leaves_nothing(
        site: Pages, officer: ClientSession, content: str | bytes, name: str,
        fields: dict[str, str], status: int, words: str) -> None:
    response = await send(officer, content, name, **fields)
    page = await response.text()
    assert response.status == status and words in page and 'type="file"' in page
    assert await imports.latest(site.db) == [] and folder(site) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", [
    "../../etc/passwd.txt", "..\\..\\boot.txt", "/etc/x.txt", seed.HOSTILE + ".txt",
    "a" * 900 + ".txt", "<b>\u202e.txt", "چیٹ.zip"])
async def test_hostile_names_are_words_only(
        site: Pages, officer: ClientSession, name: str) -> None:
    response = await send(officer, TEXT, name)
    if response.status != 303:
        assert len(name) > 200 and response.status == 400
        return
    assert folder(site) == ["1.upload"]
    for path in ("/imports", "/imports/1"):
        async with officer.get(path) as page:
            text = await page.text()
            assert "<script>" not in text and "<b>" not in text and "\u202e" not in text
            assert ".." not in plain(text)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("end", ["close", "early"])
async def test_an_upload_that_breaks_off_leaves_nothing(
        site: Pages, officer: ClientSession, end: str) -> None:
    token = await token_of(officer)
    cookie = site.site.sessions.open(ADMIN).id
    token = site.site.form_tokens.make(cookie)
    body = (f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--b\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{NAME}"\r\n\r\n').encode()
    body += TEXT.encode() * 20
    length = len(body) if end == "early" else len(body) * 2  # early: whole, but without its end
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rsplit(":", 1)[1]))
    writer.write(
        f"POST /imports HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={cookie}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
        .encode() + body)
    await writer.drain()
    if end == "close":
        for _ in range(100):
            if folder(site):
                break
            await asyncio.sleep(0.05)
        assert folder(site) and folder(site)[0].endswith(UNFINISHED)
        writer.close()
    else:
        assert b" 400 " in await reader.readline()
        writer.close()
    for _ in range(100):
        if not folder(site):
            break
        await asyncio.sleep(0.05)
    assert folder(site) == [] and await imports.latest(site.db) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_full_disk_is_said(
        site: Pages, officer: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    token = await token_of(officer)
    monkeypatch.setattr(incoming.os, "write", full)
    response = await send(officer, token=token)
    assert response.status == 507 and "disk is full" in await response.text()
    assert await imports.latest(site.db) == [] and folder(site) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_a_crash_left_is_swept(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "data" / "imports").mkdir(parents=True)
    for name in ("x.part", "7.upload"):
        (tmp_path / "data" / "imports" / name).write_text("x")
    async with serve(tmp_path, database=database_url, seeded=False) as site:
        assert folder(site) == ["7.upload"]
