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
from bridge.exports.reader import ExportError, OrderError
from bridge.imports import groups, naming, past, survey, taking
from bridge.imports.survey import Survey
from config import Config

log = logging.getLogger("daftar.bridge.imports")

LOOK_S = 3.0  # seconds between looks
COMES_S = 60.0  # so long a file may come after its row: it is renamed into place then


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
        swept = False
        while True:
            try:
                if not swept:
                    await self._sweep()
                    swept = True
                for lane in await past.to_wake(self._db):
                    self._wake(lane)
                for run in await imports.open_ones(self._db):
                    await self._try(run)
            except Exception:
                log.exception("imports rest; they go on in %d s", LOOK_S)
            await asyncio.sleep(LOOK_S)

    async def _sweep(self) -> None:
        """Remove the files of imports that are over: a crash came before their removal."""
        for path in imports.upload(self._config.data, 0).parent.glob("*.upload"):
            run = await imports.get(self._db, int(path.stem)) if path.stem.isdecimal() else None
            if run is not None and run.state in ("done", "refused"):
                path.unlink(missing_ok=True)

    async def _try(self, run: Run) -> None:
        """Do what can be done; what fails (a full disk) is tried again, and none waits for it."""
        try:
            await self._do(run)
        except Exception:
            log.exception("import %d does not go on; it is tried again in %d s", run.id, LOOK_S)

    async def _do(self, run: Run) -> None:
        path = imports.upload(self._config.data, run.id)
        if not path.exists():
            await self._without_file(run)
            return
        try:
            if run.state == "new":
                await self._look(run, path)
            else:
                await self._take(run, path)
        except ExportError as error:
            await self._refuse(run, str(error))
            with contextlib.suppress(OSError):
                path.unlink()

    async def _without_file(self, run: Run) -> None:
        """What is running without one, `daftar import` does in a process of its own."""
        if run.state != "running" and _now() - run.changed_at > COMES_S * 1000:
            await self._refuse(run, "the file that was uploaded is gone: upload it once more")

    async def _refuse(self, run: Run, why: str) -> None:
        await self._db.write(imports.move(run.id, "refused", _now(), report={"refused": why}))

    async def _look(self, run: Run, path: Path) -> None:
        """What is in it, for a person to say yes to."""
        title = survey.title_of(path, run.file_name)
        chat = await self._chat(run)
        if chat is None and not run.settings.get("new_group"):
            chat = groups.of_title(await directory.chats(self._db), title)
        try:
            found = await self._survey(run, path, chat)
        except OrderError as error:
            await self._db.write(imports.move(
                run.id, "asked", _now(), chat_id=chat.id if chat else None, only_from=("new",),
                found={"title": title, "orderless": error.date}, report={}))
            return
        except ExportError as error:
            if not run.found:
                raise
            await self._ask(run, error)
            return
        would = await taking.would(self._db, found, chat, self._zone,
                                   since=run.settings.get("since"))
        await self._db.write(imports.move(
            run.id, "asked", _now(), chat_id=chat.id if chat else None, only_from=("new",),
            found={**survey.as_json(found, self._zone), "title": title,
                   "unlike": found.unlike(), "would": would.as_json(self._zone)}, report={}))

    async def _ask(self, run: Run, error: ExportError) -> None:
        """The file could be read before, so what a person said does not hold: they are asked once
        more, and nothing of what they said is lost."""
        name = error.name if isinstance(error, naming.ToldError) else ""
        await self._db.write(imports.move(
            run.id, "asked", _now(), only_from=(run.state,),
            report={"problem": str(error), "name": name}))

    async def _take(self, run: Run, path: Path) -> None:
        try:
            chat = await self._group(run)
            found = await self._survey(run, path, chat)
            if problem := found.unlike():
                raise ExportError(problem)
        except ExportError as error:
            if not run.found:
                raise
            await self._ask(run, error)
            return
        if chat is None:
            chat = await self._db.write(groups.make(str(run.settings["new_group"])))
        taken = await taking.take(
            self._db, self._store, found, chat, self._zone, run.actor, file_name=run.file_name,
            run_id=run.id, since=run.settings.get("since"),
            to_matrix=bool(run.settings.get("to_matrix")))
        path.unlink(missing_ok=True)
        log.info("import %d: %d new messages in %s", run.id, taken.added, chat.name)

    async def _survey(self, run: Run, path: Path, chat: Chat | None) -> Survey:
        people = {naming.clean(name): value for name, value in
                  dict(run.settings.get("people") or {}).items()}
        return await survey.survey(
            self._db, path, self._zone, chat_id=chat.id if chat else None,
            order=str(run.settings.get("order") or ""), since=run.settings.get("since"),
            told=people)

    async def _group(self, run: Run) -> Chat | None:
        """The group it is taken into; None when that is to be made. Raises ExportError."""
        if (chat := await self._chat(run)) is not None:
            return chat
        name = str(run.settings.get("new_group") or "")
        if not name:
            raise ExportError("no group was chosen for it: choose one")
        return groups.of_title(await directory.chats(self._db), name)

    async def _chat(self, run: Run) -> Chat | None:
        """The group that was chosen, or that its name told; a new one counts more than that."""
        if run.chat_id is None or run.settings.get("new_group"):
            return None
        return await directory.chat(self._db, run.chat_id)


def _now() -> int:
    return int(time.time() * 1000)
