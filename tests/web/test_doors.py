"""Who gets in, what leaves, and what odd input meets."""
from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from cli.homeserver import Synapse
from config import ConfigError
from tests.web import seed
from tests.web.server import READER, Pages, serve, settings
from web import app, files, filters, sessions
from web.signin import SESSION_COOKIE

PRIVATE = ["/", "/g/1", "/r/1", "/search?q=a", "/people", "/people/1", "/cases",
           "/cases/SED-2026-00001", "/status", "/nowhere"]


async def try_password(
    visitor: ClientSession, user: str, password: str, *, goal: str = "", token: str | None = None,
) -> ClientResponse:
    """Ask for the form, fill it in, send it."""
    async with visitor.get("/sign-in", params={"next": goal}) as response:
        form = await response.text()
    found = re.search(r'name="token" value="([^"]+)"', form)
    assert found
    return await visitor.post("/sign-in", allow_redirects=False, data={
        "user": user, "password": password, "token": found[1] if token is None else token,
        "next": goal})


async def devices(synapse: Synapse, token: str) -> int:
    found = await synapse.request("GET", "/v3/devices", token)
    return len(found["devices"])


async def test_staff_sign_in_with_their_matrix_password_and_out_again(
        tmp_path: Path, synapse: Synapse) -> None:
    await synapse.create_user("web-shazia", "right horse")
    await synapse.create_user("web-guest", "right horse")
    token = await synapse.login("web-shazia", "right horse")
    before = await devices(synapse, token)
    user = synapse.user_id("web-shazia")
    async with serve(tmp_path, homeserver=synapse.url, readers=[user]) as site:
        visitor = site.stranger
        refused = await try_password(visitor, user, "wrong horse")
        assert refused.status == 403
        assert "do not open the archive" in await refused.text()
        guest = await try_password(visitor, synapse.user_id("web-guest"), "right horse")
        assert guest.status == 403, "right password, but not on the list"
        entered = await try_password(visitor, user, "right horse", goal="/search?q=%D8%BA")
        assert entered.status == 303, await entered.text()
        assert entered.headers["Location"] == "/search?q=%D8%BA"
        cookie = entered.headers.getall("Set-Cookie")[0]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        assert await devices(synapse, token) == before, "the check's own session is logged out"
        async with visitor.get("/") as response:
            page = await response.text()
            assert response.status == 200 and user in page
        forged = await visitor.post("/sign-out", data={"token": "0" * 96}, allow_redirects=False)
        assert forged.status == 403
        found = re.search(r'name="token" value="([^"]+)"', page)
        assert found
        out = await visitor.post("/sign-out", data={"token": found[1]}, allow_redirects=False)
        assert out.headers["Location"] == "/sign-in"
        async with visitor.get("/", allow_redirects=False) as response:
            assert response.headers["Location"] == "/sign-in"


async def test_a_homeserver_that_is_away_is_said(site: Pages) -> None:
    response = await try_password(site.stranger, READER, "x")
    assert response.status == 503
    assert "The homeserver does not answer" in await response.text()


@pytest.mark.parametrize("path", PRIVATE)
async def test_nothing_is_shown_without_signing_in(site: Pages, path: str) -> None:
    async with site.stranger.get(path, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"].startswith("/sign-in")


async def test_files_are_not_served_without_signing_in(site: Pages) -> None:
    for path in (await a_file(site, "photo"), "/thumb/" + "0" * 64):
        async with site.stranger.get(path) as response:
            assert response.status == 401
    async with site.stranger.post("/sign-out") as response:
        assert response.status == 401


async def test_an_old_or_foreign_form_is_refused(site: Pages) -> None:
    for token in ("", "0" * 96, "ä" * 96):
        response = await try_password(site.stranger, READER, "x", token=token)
        assert response.status == 403 and "send it once more" in await response.text()
    response = await site.stranger.post(
        "/sign-in", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status == 403 and "from another site" in await response.text()


async def test_failed_tries_are_throttled_for_everybody_alike(site: Pages) -> None:
    for user in ("@nobody:office.test", "Nobody"):  # one and the same id
        for _ in range(sessions.TRIES // 2):
            assert (await try_password(site.stranger, user, "guess")).status == 403
    response = await try_password(site.stranger, "nobody", "guess")
    assert response.status == 429 and int(response.headers["Retry-After"]) > 0
    assert "Too many tries: please wait 15 minutes" in await response.text()


@pytest.mark.parametrize("goal", ["//evil.example/", "https://evil.example/", "/\\evil.example",
                                  "javascript:alert(1)", "/a\r\nX: y", "x" * 5000])
async def test_the_way_on_after_signing_in_stays_here(site: Pages, goal: str) -> None:
    async with site.stranger.get("/sign-in", params={"next": goal}) as response:
        assert 'name="next" value="/"' in await response.text()


@pytest.mark.parametrize("user", ["", "@", "@a b:office.test", "x" * 400, "@\u202e:x", "@a:b:c\n"])
async def test_odd_ids_meet_a_sentence(site: Pages, user: str) -> None:
    response = await try_password(site.stranger, user, "x")
    assert response.status in (400, 403)
    assert "Please give your Matrix id" in await response.text() or response.status == 403


async def test_a_session_ends_after_a_working_day() -> None:
    now = [1000.0]
    opened = sessions.Sessions(lambda: now[0])
    session = opened.open("@a:b")
    assert opened.get(session.id) == session
    now[0] += sessions.LIFETIME_S + 1
    assert opened.get(session.id) is None


BAD = [
    ("/g/999", 404), ("/g/0", 404), ("/g/abc", 404), ("/g/%D9%A1", 404), ("/g/" + "9" * 400, 404),
    ("/g/1?before=abc", 400), ("/g/1?after=-5", 400), ("/g/1?at=" + "9" * 30, 400),
    ("/g/1?before=1", 200), ("/g/1?after=9007199254740991", 200), ("/g/1?at=9007199254740991", 200),
    ("/g/1?day=yesterday", 400), ("/g/1?day=2026-02-30", 400), ("/g/1?day=0001-01-01", 400),
    ("/g/1?day=9999-12-31", 400), ("/g/1?day=1999-01-01", 200),
    ("/r/1", 404), ("/r/x%00y", 404), ("/r/-1", 404), ("/r/1.5", 404),
    ("/search?q=" + "a" * 10_000, 400), ("/search?q=" + "%D8%BA" * 5_000, 400),
    ("/search?q=%22%22%22***((", 200), ("/search?q=%00", 200), ("/search?q=%ff%fe", 200),
    ("/search?q=%ED%A0%80", 200), ("/search?group=77&q=a", 404), ("/search?group=x", 400),
    ("/search?from=2026-05-01&to=2026-04-01", 400), ("/search?from=31/12/2026", 400),
    ("/search?person=999", 404), ("/search?q=a&before=zz", 400), ("/search?q=NEAR(a+b)", 200),
    ("/people?page=999999999", 404), ("/people?page=7", 404), ("/people?page=0", 200),
    ("/people/999", 404), ("/people/me", 404),
    ("/cases?state=lost", 400), ("/cases/1", 404), ("/cases/SED-2026-00099", 404),
    ("/cases/SED-2026-" + "9" * 40, 404),
    ("/media/abc", 404), ("/media/" + "0" * 64, 404), ("/thumb/" + "F" * 64, 404),
    ("/thumb/" + "0" * 64, 404), ("/static/..%2fapp.py", 404), ("/static/x", 404),
    ("/nowhere", 404),
]


@pytest.mark.parametrize(("path", "status"), BAD, ids=[path[:40] for path, _ in BAD])
async def test_bad_input_meets_one_clear_sentence(site: Pages, path: str, status: int) -> None:
    async with site.visitor.get(URL(site.url + path, encoded=True)) as response:
        page = await response.text()
        assert response.status == status, page
    assert "Traceback" not in page and "<main" in page
    if status >= 400:
        sentence = re.search(r'<h1>[^<]+</h1>\s*<p dir="auto">([^<]+)</p>', page)
        assert sentence and sentence[1].strip().endswith((".", "00042."))


async def test_wrong_methods_and_large_forms(site: Pages) -> None:
    async with site.visitor.delete("/") as response:
        assert response.status == 405 and "cannot be asked for" in await response.text()
    async with site.stranger.post("/sign-in", data={"user": "x" * 100_000}) as response:
        assert response.status == 413


async def test_the_archive_going_away_is_said(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*args: object) -> None:
        raise OSError("connection refused")

    monkeypatch.setattr(site.db, "read", gone)
    async with site.visitor.get("/") as response:
        assert response.status == 503
        assert "cannot be read at the moment" in await response.text()


async def a_file(site: Pages, name: str) -> str:
    async with site.visitor.get(f"/r/{site.made[name]}") as response:
        found = re.search(r'"(/media/[0-9a-f]{64}\?r=\d+)"', await response.text())
    assert found
    return found[1]


async def test_files_come_with_their_type_and_name(site: Pages) -> None:
    async with site.visitor.get(await a_file(site, "document")) as response:
        assert response.content_type == "application/pdf"
        assert response.headers["Content-Disposition"].startswith("inline")
        assert "Measurement%20book%20Sibi.pdf" in response.headers["Content-Disposition"]
        assert (await response.read()).startswith(b"%PDF")
    async with site.visitor.get(await a_file(site, "voice"),
                                headers={"Range": "bytes=0-3"}) as response:
        assert response.status == 206 and await response.read() == b"RIFF"


async def test_what_is_not_safe_to_show_is_downloaded(site: Pages) -> None:
    async with site.visitor.get(await a_file(site, "program")) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "\u202e" not in response.headers["Content-Disposition"]
        assert "%E2%80%AE" not in response.headers["Content-Disposition"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("mime", ["text/html", "image/svg+xml", "application/xhtml+xml", "a\r\nb",
                                  "", "TEXT/HTML; charset=x"])
async def test_active_content_is_never_served_as_such(site: Pages, mime: str) -> None:
    group = seed.Teller(site.db, site.site.media, site.made["schools"], "Z")
    name = f"evil{len(mime)}"
    site.made[name] = await group.file(
        name, seed.STRANGER, "16:00", b"<script>alert(1)</script>" + mime.encode(), mime,
        "document", "", "x.html")
    async with site.visitor.get(await a_file(site, name)) as response:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")


async def test_thumbnails_are_small_and_a_broken_picture_is_said(site: Pages) -> None:
    photo = (await a_file(site, "photo")).partition("?")[0].replace("/media/", "/thumb/")
    async with site.visitor.get(photo) as response:
        assert response.content_type == "image/webp"
        assert len(await response.read()) < 30_000
    program = (await a_file(site, "program")).partition("?")[0].replace("/media/", "/thumb/")
    async with site.visitor.get(program) as response:
        assert response.status == 415


async def test_every_answer_carries_the_security_headers(site: Pages) -> None:
    for path in ("/", "/sign-in", "/g/999", "/static/style.css", "/health",
                 await a_file(site, "photo")):
        async with site.visitor.get(path, allow_redirects=False) as response:
            for name in app.HEADERS:
                assert name in response.headers, (path, name)
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["Server"] == "Daftar"


async def test_pages_are_kept_by_no_cache_and_hold_no_script(site: Pages) -> None:
    for path in ("/", f"/g/{site.made['schools']}", f"/r/{site.made['report']}", "/search?q=a"):
        async with site.visitor.get(path) as response:
            page = await response.text()
            assert response.headers["Cache-Control"] == "no-store"
        assert "<script" not in page and "style=" not in page
        outside = re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]+)"', page)
        assert set(outside) <= {"https://example.org/format"}, "a link that somebody wrote"


async def test_hostile_names_are_escaped_and_cannot_turn_the_line(site: Pages) -> None:
    async with site.visitor.get(f"/g/{site.made['schools']}") as response:
        page = await response.text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    names = re.findall(r'<a class="name"[^>]*><bdi>([^<]*)</bdi>', page)
    assert len(names) > 10
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", "".join(names))


def test_names_texts_and_snippets() -> None:
    assert filters.clean("a\u202eb\n\x00c\u2066") == "ab c"
    assert len(filters.clean("x" * 500)) == 80
    assert filters.body("see https://a.example/x?y=1&z=2, <b>") == (
        'see <a href="https://a.example/x?y=1&amp;z=2" rel="noopener noreferrer nofollow">'
        "https://a.example/x?y=1&amp;z=2</a>, &lt;b&gt;")
    assert "<a" not in filters.body("javascript:alert(1) http://")
    assert filters.body("*فوری*: 1 < 2 _now_\n- *a") == (
        "<strong>فوری</strong>: 1 &lt; 2 <em>now</em><ul><li>*a</li></ul>")
    assert filters.body('http://a.pk"onclick=x') == (
        '<a href="http://a.pk" rel="noopener noreferrer nofollow">http://a.pk</a>"onclick=x')
    assert filters.plain("<*a* http://a.example.") == (
        '&lt;*a* <a href="http://a.example" rel="noopener noreferrer nofollow">'
        "http://a.example</a>.")
    assert filters.marked("<i>\x02a\x03") == "&lt;i&gt;<mark>a</mark>"
    assert filters.urdu("غیر حاضر DEO") and not filters.urdu("teacher غیر")
    assert filters.facts("{broken") == [("detail", "{broken")]


def test_the_style_is_small() -> None:
    assert len((files._STATIC / "style.css").read_bytes()) < 13_000


async def test_run_serves_until_cancelled_and_says_what_is_wrong(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        values = settings(tmp_path, port=port)
        values.data.mkdir()
        with pytest.raises(ConfigError, match=r"choose another web\.port"):
            await app.run(values)
    running = asyncio.create_task(app.run(values))
    async with ClientSession() as http:
        for _ in range(3000):
            try:
                async with http.get(f"http://127.0.0.1:{port}/health") as response:
                    assert await response.text() == "ok\n"
                    break
            except OSError:
                await asyncio.sleep(0.02)
        else:
            pytest.fail("the pages did not come up")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_cookies_are_secure_behind_https(tmp_path: Path) -> None:
    async with (serve(tmp_path, public_url="https://archive.example") as site,
                site.stranger.get("/sign-in") as response):
        assert "Secure" in response.headers["Set-Cookie"]
        assert "Strict-Transport-Security" in response.headers


async def test_an_unknown_cookie_opens_nothing(site: Pages) -> None:
    async with site.stranger.get("/", headers={"Cookie": f"{SESSION_COOKIE}=guess"},
                                 allow_redirects=False) as response:
        assert response.status == 303
