"""Chat exports on their way into the record: the file comes in here, the bridge looks at it, a
person says yes or no, the bridge takes it in (archive.imports tells the states)."""
from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from archive import audit, directory, gaps, imports
from archive.cases import Actor
from archive.db import Unit
from archive.imports import Run
from web import ask, preview, rights
from web.incoming import Form, Incoming
from web.preview import Answers
from web.site import SESSION, SITE, PageError, Site, render

LISTED = 50
STATE_WORDS = {
    "new": "is being looked at", "asked": "waits for your yes", "ready": "is next",
    "running": "is being taken in", "done": "taken in", "refused": "not taken in"}
UNDER_WAY = ("new", "ready", "running")
DISCARDED = "discarded by "
_SLOW_MS = 60_000  # what takes longer is asked after more seldom
_CHANGED = "This import was looked at again meanwhile: here is how it stands now."
_OLD_FORM = "The form had grown old: please send it once more."


def folder(site: Site) -> Path:
    """Where uploads lie."""
    return imports.upload(site.config.data, 0).parent


async def listing(request: web.Request) -> web.StreamResponse:
    """GET /imports, with `group` (an id that the form begins with). Raises PageError 403 for who is
    no officer."""
    rights.need_officer(request, "import chat exports")
    return await _listing(request, {"group": ask.words(request, "group")})


async def upload(request: web.Request) -> web.StreamResponse:
    """POST /imports: `token`, `group` (an id, or empty), `since` (a date), and last the `file`."""
    rights.need_officer(request, "import chat exports")
    site = request.app[SITE]
    form = Form(request, site.config.web.upload_limit << 20)
    try:
        await form.open()
        if not _fits(request, form.fields.get("token", "")):
            raise PageError(403, _OLD_FORM)
        chat_id = await _group(site, form.fields.get("group", ""))
        since = ask.read_day(form.fields.get("since", "").strip(), "only since")
        settings = {"since": ask.midnight(since, site.zone) if since else None}
        async with form.received(folder(site)) as incoming:
            run_id = await _keep(site, incoming, await rights.actor(request), chat_id, settings)
    except PageError as error:
        return await _listing(request, form.fields, error)
    raise web.HTTPSeeOther(f"/imports/{run_id}")


async def one(request: web.Request) -> web.StreamResponse:
    """GET /imports/RUN. Raises PageError 403 for who is no officer."""
    rights.need_officer(request, "see imports")
    run = await _run(request)
    return await _sheet(request, run, preview.kept(run, request.app[SITE].zone))


async def answer(request: web.Request) -> web.StreamResponse:
    """POST /imports/RUN: `do` (import, look or discard), `seen` (when the import changed last), and
    what preview.Answers holds. What came too late changes nothing."""
    rights.need_officer(request, "import chat exports")
    site, run, posted = request.app[SITE], await _run(request), await request.post()
    token, do = (value if isinstance(value := posted.get(name), str) else ""
                 for name in ("token", "do"))
    here = web.HTTPSeeOther(f"/imports/{run.id}")
    if run.state != "asked":  # a second click, or somebody was quicker
        raise here
    if not _fits(request, token):
        answers = replace(preview.typed(run, posted), problems={"": _OLD_FORM})
        return await _sheet(request, run, answers, status=403)
    if posted.get("seen") != str(run.changed_at):
        answers = preview.kept(run, site.zone)
        answers = replace(answers, problems={**answers.problems, "": _CHANGED})
        return await _sheet(request, run, answers, status=409)
    actor = await rights.actor(request)
    if do == "discard":
        await _discard(site, run, actor)
        raise here
    final = do == "import"
    answers = preview.typed(run, posted)
    problems = await preview.problems(
        site.db, run, answers, await directory.chats(site.db), final=final)
    if problems:
        return await _sheet(request, run, replace(answers, problems=problems), status=400)
    await site.db.write(_moved(
        run, "ready" if final else "new", actor, "import" if final else "look again",
        chat_id=int(answers.group) if answers.group.isdigit() else None,
        settings=preview.settings(run, answers, site.zone), report={}))
    raise here


# What is shown


async def _listing(request: web.Request, asked: Mapping[str, str],
                   error: PageError | None = None) -> web.Response:
    site = request.app[SITE]
    chats = await directory.chats(site.db)
    return render(
        request, "imports.html", status=error.status if error else 200,
        problem=error.sentence if error else "", runs=await imports.latest(site.db, LISTED),
        chats=chats, names={chat.id: chat.name or chat.jid for chat in chats},
        words=STATE_WORDS, most=LISTED, limit=site.config.web.upload_limit,
        asked={"group": asked.get("group", ""), "since": asked.get("since", "")})


async def _sheet(request: web.Request, run: Run, answers: Answers, status: int = 200
                 ) -> web.Response:
    site, now = request.app[SITE], int(time.time() * 1000)
    chats = await directory.chats(site.db)
    chat, standing = None, []
    if run.chat_id is not None:
        chat = await directory.chat(site.db, run.chat_id)
        standing = await gaps.standing(site.db, run.chat_id)
    response = render(
        request, "import.html", status=status, run=run, chat=chat, chats=chats, answers=answers,
        people=preview.people(run, answers), gaps=standing, words=STATE_WORDS,
        orders=preview.ORDERS,
        discarded=str(run.report.get("refused", "")).startswith(DISCARDED),
        slow=now - run.changed_at > _SLOW_MS)
    if run.state in UNDER_WAY:  # without JavaScript, and not while somebody types
        response.headers["Refresh"] = "15" if now - run.changed_at > _SLOW_MS else "3"
    return response


# What is done


async def _keep(site: Site, incoming: Incoming, actor: Actor, chat_id: int | None,
                settings: Mapping[str, Any]) -> int:
    """Note an upload and put it where the bridge looks for it; the import's number. The same file
    sent twice, as by a second click, is one import."""
    for run in await imports.under_way(site.db, incoming.sha256):
        if (run.settings.get("since") == settings["since"] and run.size == incoming.size
                and chat_id in (None, run.chat_id)):
            return run.id
    run_id = await site.db.write(_begun(incoming, actor, chat_id, settings))
    # the bridge waits for it that long (bridge.imports.jobs)
    os.replace(incoming.path, imports.upload(site.config.data, run_id))
    return run_id


def _begun(incoming: Incoming, actor: Actor, chat_id: int | None, settings: Mapping[str, Any]
           ) -> Unit[int]:
    at = _now()
    run_id = yield from imports.begin(
        incoming.name, incoming.sha256, incoming.size, "new", actor, at, chat_id=chat_id,
        settings=settings)
    yield from _noted(run_id, actor, at, f"upload {incoming.name}")
    return run_id


def _moved(run: Run, state: str, actor: Actor, command: str, **values: Any) -> Unit[bool]:
    at = _now()
    moved = yield from imports.move(run.id, state, at, only_from=("asked",), **values)
    if moved:
        yield from _noted(run.id, actor, at, command)
    return moved


def _noted(run_id: int, actor: Actor, at: int, command: str) -> Unit[None]:
    """For the trail of commands; the page is no room."""
    yield from audit.note(audit.Entry(
        f"import {run_id} {command.split()[0]} {at}", audit.PAGES, actor, at,
        f"import {run_id}: {command}", "done"))


async def _discard(site: Site, run: Run, actor: Actor) -> None:
    if await site.db.write(_moved(run, "refused", actor, "discard",
                                  report={"refused": f"{DISCARDED}{actor.name}"})):
        imports.upload(site.config.data, run.id).unlink(missing_ok=True)


# What is asked


async def _run(request: web.Request) -> Run:
    run_id = ask.path_id(request, "run", "import")
    run = await imports.get(request.app[SITE].db, run_id)
    if run is None:
        raise PageError(404, f"There is no import {run_id}.")
    return run


async def _group(site: Site, text: str) -> int | None:
    """The group chosen in the form; None when the file's name tells it."""
    if not text:
        return None
    ids = {str(chat.id): chat.id for chat in await directory.chats(site.db)}
    if text not in ids:
        raise PageError(400, "The archive has no such group: choose one of the list.")
    return ids[text]


def _fits(request: web.Request, token: str) -> bool:
    return request.app[SITE].form_tokens.fits(token, request[SESSION].id)


def _now() -> int:
    return int(time.time() * 1000)
