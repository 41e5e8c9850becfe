"""Imports that were asked for elsewhere: on the archive's page, or by `daftar import --to-matrix`
in a process of its own. The page stores the file and a row (archive.imports); here it is looked at,
and, once a person has said yes, taken in. What was under way when the bridge died begins again."""
from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from archive import directory, imports
from archive.db import Database
from archive.imports import Run
from archive.media import MediaStore
from archive.model import Chat
from bridge.exports.reader import ExportError
from bridge.imports import groups, naming, past, survey, taking
from bridge.imports.survey import Survey
from config import Config

log = logging.getLogger("daftar.bridge.imports")

LOOK_S = 3.0  # seconds between looks


class Jobs:
    """Does them one after another. `wake` wakes a lane with work."""

    def __init__(self, config: Config, database: Database, wake: Callable[[str], None]) -> None:
        self._config = config
        self._db = database
        self._wake = wake
        self._store = MediaStore(config.data / "media")
        self._zone = ZoneInfo(config.timezone)

    async def run(self) -> None:
        """Look for work until cancelled."""
        while True:
            try:
                for lane in await past.to_wake(self._db):
                    self._wake(lane)
                for run in await imports.open_ones(self._db):
                    await self._do(run)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("imports rest; they go on in %d s", LOOK_S)
            await asyncio.sleep(LOOK_S)

    async def _do(self, run: Run) -> None:
        path = imports.upload(self._config.data, run.id)
        if not path.exists() and run.state == "running":
            return  # `daftar import` does it, in a process of its own
        try:
            if run.state == "new":
                await self._look(run, path)
            else:
                await self._take(run, path)
        except ExportError as error:
            await self._db.write(imports.move(
                run.id, "refused", _now(), report={"refused": str(error)}))
            with contextlib.suppress(OSError):
                path.unlink()

    async def _look(self, run: Run, path: Path) -> None:
        """What is in it, for a person to say yes to."""
        chat = await self._chat(run)
        title = survey.title_of(path, run.file_name)
        if chat is None:
            chat = groups.of_title(await directory.chats(self._db), title)
        found = await self._survey(run, path, chat)
        await self._db.write(imports.move(
            run.id, "asked", _now(), chat_id=chat.id if chat else None, only_from=("new",),
            found={**survey.as_json(found, self._zone), "title": title,
                   "unlike": found.unlike()}))

    async def _take(self, run: Run, path: Path) -> None:
        chat = await self._chat(run)
        if chat is None:
            name = str(run.settings.get("new_group") or "")
            if not name:
                raise ExportError("no group was chosen for it")
            chat = await self._db.write(groups.make(name))
        found = await self._survey(run, path, chat)
        if problem := found.unlike():
            raise ExportError(problem)
        taken = await taking.take(
            self._db, self._store, found, chat, self._zone, run.actor, file_name=run.file_name,
            run_id=run.id, since=run.settings.get("since"))
        if run.settings.get("to_matrix"):
            shown = await past.show(self._db, chat, self._zone)
            await self._db.write(imports.move(
                run.id, "done", _now(), report={**taken.as_json(self._zone), "to_matrix": shown}))
        path.unlink(missing_ok=True)
        log.info("import %d: %d new messages in %s", run.id, taken.added, chat.name)

    async def _survey(self, run: Run, path: Path, chat: Chat | None) -> Survey:
        people = {naming.clean(name): value for name, value in
                  dict(run.settings.get("people") or {}).items()}
        return await survey.survey(
            self._db, path, self._zone, chat_id=chat.id if chat else None,
            order=str(run.settings.get("order") or ""), since=run.settings.get("since"),
            told=people)

    async def _chat(self, run: Run) -> Chat | None:
        return await directory.chat(self._db, run.chat_id) if run.chat_id is not None else None


def _now() -> int:
    return int(time.time() * 1000)
