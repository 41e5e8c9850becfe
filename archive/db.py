"""One archive, two databases: SQLite (embedded) or PostgreSQL, from the same SQL.

A write is a *unit*: a generator that yields statements and is sent their rows,

    def rename(chat_id, name):
        rows = yield "SELECT name FROM chat WHERE id = ?", (chat_id,)
        yield "UPDATE chat SET name = ? WHERE id = ?", (name, chat_id)
        return rows[0]["name"]

    old = await db.write(rename(7, "Makran"))

so that the same function runs in SQLite's writer thread and over asyncpg. One writer task collects
the units that wait and commits them together (group commit): an SQLite transaction a message is
bound by thread hops and fsync, not by the work. A unit is all or nothing: it has a savepoint of its
own, and one that raises takes none of its neighbours with it. A caller that is cancelled does not
disturb the batch. A unit that is in no hurry (`within`) rides with the next commit that somebody
else needs.
"""
from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiosqlite
import asyncpg

from archive import schema

log = logging.getLogger("daftar.archive")

T = TypeVar("T")
Row = Any  # sqlite3.Row or asyncpg.Record: row["column"]
Unit = Generator[tuple[str, Sequence[Any]], list[Row], T]


class Many(list[Sequence[Any]]):
    """The arguments of one statement that is run once for each of them, and gives no rows: a unit
    yields (sql, Many(…)) where thousands of rows are written."""


_Waiting = tuple[Unit[Any], asyncio.Future[Any]]

BATCH = 256  # units a commit, at most
BUSY_TIMEOUT_MS = 30_000  # another process may hold SQLite's write lock
READERS = 3


class ArchiveError(Exception):
    """The archive cannot be opened or used; the text is a sentence for the administrator."""


class Database(Protocol):
    """What the rest of the house sees of a database."""

    dialect: str  # "sqlite" or "postgres"

    async def read(self, sql: str, *args: Any) -> list[Row]:
        """The rows of one SELECT with `?` placeholders."""

    async def write(self, unit: Unit[T], within: float = 0.0) -> T:
        """Run a unit in a transaction; its return value once committed. Raises what it raises.
        `within`: it may wait so many seconds for others to be committed with."""

    def hasten(self) -> None:
        """Commit now what was handed in to be written within some time."""

    async def close(self) -> None:
        """Finish what was handed in, then close. The database must not be used afterwards."""


async def open_database(url: str) -> Database:
    """Open `sqlite:PATH` or `postgresql://…` and bring its schema up to date.

    Raises ArchiveError with one sentence when it cannot be opened or is of a newer version.
    """
    if url.startswith("sqlite:"):
        database: _Base = _SQLite(Path(url.removeprefix("sqlite:")))
    elif url.startswith(("postgresql://", "postgres://")):
        database = _Postgres(url)
    else:
        raise ArchiveError(
            f"database: {url!r} is neither sqlite:PATH nor postgresql://USER@HOST/NAME"
        )
    try:
        await database.open()
        await database.migrate()
    except BaseException:
        await database.close()
        raise
    return database


class _Base:
    """The writer task and the migrations, common to both."""

    dialect = ""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._patient: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None  # runs while somebody is patient
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def open(self) -> None:
        raise NotImplementedError

    async def _run_batch(self, units: list[Unit[Any]]) -> list[tuple[bool, Any]]:
        """Run units in one transaction; (True, result) or (False, exception) for each."""
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError

    async def read(self, sql: str, *args: Any) -> list[Row]:
        raise NotImplementedError

    async def write(self, unit: Unit[T], within: float = 0.0) -> T:
        if self._closing:  # nothing may wait behind the writer's last batch
            unit.close()
            raise ArchiveError("the archive is closed")
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_forever(), name="archive-writer")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if within:
            self._patient.append((unit, future))
            if self._timer is None:
                self._timer = loop.call_later(within, self.hasten)
        else:
            self._waiting.put_nowait((unit, future))
        return await asyncio.shield(future)

    def hasten(self) -> None:
        for item in self._take_patient():
            self._waiting.put_nowait(item)

    def _take_patient(self) -> list[_Waiting]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken, self._patient = self._patient, []
        return taken

    async def _write_forever(self) -> None:
        batch: list[_Waiting] | None = []
        try:
            while batch is not None:
                batch = await self._next_batch()
                if batch:
                    await self._settle(batch)
        finally:  # only when the task is cancelled does anybody still wait
            self._abandon(batch)

    async def _next_batch(self) -> list[_Waiting] | None:
        """The units that wait, at least one; None when the archive is to be closed."""
        waiting = [await self._waiting.get(), *self._take_patient()]
        while len(waiting) < BATCH and not self._waiting.empty():
            waiting.append(self._waiting.get_nowait())
        if None in waiting and len(waiting) > 1:  # the sentinel is the last: once more around
            self._waiting.put_nowait(None)
        batch = [item for item in waiting if item is not None]
        return batch or None

    async def _settle(self, batch: list[_Waiting]) -> None:
        try:
            results = await self._run_batch([unit for unit, _ in batch])
        except Exception as error:  # the whole batch failed: every caller learns it
            results = [(False, error)] * len(batch)
        for (_, future), (ok, result) in zip(batch, results, strict=True):
            if ok:
                future.set_result(result)
            else:
                _reject(future, result)

    def _abandon(self, batch: list[_Waiting] | None) -> None:
        self._closing = True
        waiting: list[_Waiting | None] = [*(batch or ()), *self._take_patient()]
        while not self._waiting.empty():
            waiting.append(self._waiting.get_nowait())
        for item in waiting:
            if item is not None and not item[1].done():
                _reject(item[1], ArchiveError("the archive was closed in the middle of a write"))

    async def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.hasten()
            self._waiting.put_nowait(None)
        if self._writer is not None:
            await asyncio.wait([self._writer])
        await self._close()

    async def migrate(self) -> None:
        """Bring the schema to this program's version; refuses a newer one."""
        newest = len(schema.MIGRATIONS)
        try:
            found = await self.write(_migrate(self.dialect))
        except (sqlite3.Error, asyncpg.PostgresError, OSError) as error:
            raise ArchiveError(f"database: its schema cannot be brought up to date: {error}; "
                               "nothing was changed") from error
        if found > newest:
            raise ArchiveError(
                f"the archive was written by a newer Daftar (schema {found}, this program knows "
                f"{newest}): install the newer version, or restore a backup from before the upgrade"
            )


def _reject(future: asyncio.Future[Any], error: Exception) -> None:
    future.set_exception(error)
    future.exception()  # a caller that was cancelled must not leave a warning


def _migrate(dialect: str) -> Unit[int]:
    if dialect == "postgres":
        yield "SELECT pg_advisory_xact_lock(20261123)", ()  # two processes may start at once
    yield "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)", ()
    rows = yield "SELECT max(version) AS version FROM schema_version", ()
    version = rows[0]["version"] or 0
    while version < len(schema.MIGRATIONS):
        version += 1
        for sql in schema.statements(version, dialect):
            yield sql, ()
        yield "INSERT INTO schema_version (version) VALUES (?)", (version,)
        log.info("archive schema is now at version %d", version)
    return version


class _SQLite(_Base):
    """WAL, synchronous=FULL; one writer connection in a thread of its own, a few readers."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive-writer")
        self._connection: sqlite3.Connection | None = None
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._open_readers = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._connection = await loop.run_in_executor(self._thread, self._connect)
            for _ in range(READERS):
                reader = await aiosqlite.connect(self.path, isolation_level=None)
                self._readers.put_nowait(reader)
                self._open_readers += 1
                reader.row_factory = sqlite3.Row
                await reader.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
                await reader.execute("PRAGMA query_only = 1")
        except (sqlite3.Error, OSError) as error:
            raise ArchiveError(f"database: cannot open {self.path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)  # personal data; SQLite gives its side files the same mode
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    async def read(self, sql: str, *args: Any) -> list[Row]:
        if self._closing:
            raise ArchiveError("the archive is closed")
        reader = await self._readers.get()
        try:
            return list(await reader.execute_fetchall(sql, args))
        finally:
            self._readers.put_nowait(reader)

    async def _run_batch(self, units: list[Unit[Any]]) -> list[tuple[bool, Any]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run_units, units)

    def _run_units(self, units: list[Unit[Any]]) -> list[tuple[bool, Any]]:
        connection = self._connection
        assert connection is not None
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [self._run_unit(connection, unit) for unit in units]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    @staticmethod
    def _run_unit(connection: sqlite3.Connection, unit: Unit[Any]) -> tuple[bool, Any]:
        connection.execute("SAVEPOINT unit")
        try:
            sql, args = next(unit)
            while True:
                run = connection.executemany if isinstance(args, Many) else connection.execute
                sql, args = unit.send(run(sql, args).fetchall())
        except StopIteration as stop:
            connection.execute("RELEASE unit")
            return True, stop.value
        except Exception as error:
            connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
            return False, error

    async def _close(self) -> None:
        while self._open_readers:  # a read that is under way ends first
            await (await self._readers.get()).close()
            self._open_readers -= 1
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
            self._connection = None
        self._thread.shutdown(wait=False)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """WAL, also when another process opens the new file at the same moment: SQLite then says
    "locked" at once, without waiting the busy timeout."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


_PLACEHOLDER = re.compile(r"\?")


class _Postgres(_Base):
    """asyncpg: one connection for the writer, which no slow reader can take, a pool for readers."""

    dialect = "postgres"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self._pool: asyncpg.Pool | None = None
        self._write_pool: asyncpg.Pool | None = None  # of one: it reconnects by itself
        self._numbered: dict[str, str] = {}

    async def open(self) -> None:
        try:
            self._write_pool = await self._connect(1, {"jit": "off"})
            # Filters over skewed columns want a plan for their value, not a generic one.
            self._pool = await self._connect(
                READERS, {"jit": "off", "plan_cache_mode": "force_custom_plan"})
        except (OSError, asyncpg.PostgresError, ValueError) as error:
            raise ArchiveError(
                f"database: cannot reach PostgreSQL: {error}; check `database` in the "
                "configuration and that the server is running"
            ) from error

    async def _connect(self, size: int, settings: dict[str, str]) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            self.url, min_size=1, max_size=size, server_settings=settings)

    def _sql(self, sql: str) -> str:
        """`?` becomes `$1`, `$2`, …; statements are few, so the results are kept."""
        numbered = self._numbered.get(sql)
        if numbered is None:
            count = iter(range(1, 1 + sql.count("?")))
            numbered = _PLACEHOLDER.sub(lambda _: f"${next(count)}", sql)
            self._numbered[sql] = numbered
        return numbered

    async def read(self, sql: str, *args: Any) -> list[Row]:
        if self._closing or self._pool is None:
            raise ArchiveError("the archive is closed")
        try:
            return await self._pool.fetch(self._sql(sql), *args)
        except (asyncpg.InterfaceError, asyncpg.InternalClientError,
                asyncpg.PostgresError) as error:
            if not self._closing:
                raise
            raise ArchiveError("the archive was closed in the middle of a read") from error

    async def _run_batch(self, units: list[Unit[Any]]) -> list[tuple[bool, Any]]:
        assert self._write_pool is not None
        async with self._write_pool.acquire() as connection, connection.transaction():
            return [await self._run_unit(connection, unit) for unit in units]

    async def _run_unit(self, connection: asyncpg.Connection, unit: Unit[Any]) -> tuple[bool, Any]:
        try:
            async with connection.transaction():
                try:
                    sql, args = next(unit)
                    while True:
                        rows: list[Row] = []
                        if isinstance(args, Many):
                            await connection.executemany(self._sql(sql), args)
                        else:
                            rows = await connection.fetch(self._sql(sql), *args)
                        sql, args = unit.send(rows)
                except StopIteration as stop:
                    return True, stop.value
        except Exception as error:
            return False, error

    async def _close(self) -> None:
        for pool in (self._write_pool, self._pool):
            if pool is not None:
                await pool.close()
        self._write_pool = self._pool = None
