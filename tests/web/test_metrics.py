"""What Prometheus reads: the pages' own server, scraped and parsed with Prometheus's parser."""
from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from archive import queue, settings
from archive.db import Database
from archive.figures import SYNCED, figures
from tests.web.server import serve

TOKEN = "a-token-of-the-test"


async def _scrape(http: ClientSession, token: str = TOKEN) -> dict[tuple[str, ...], float]:
    """The numbers by name and label values."""
    async with http.get("/metrics", headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        text = await answer.text()
    return {(sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


async def _put(db: Database, lane: str, state: str, age_s: int) -> None:
    await db.write(queue.put(lane, f"{lane} {state} {age_s}", "record"))
    at = int((time.time() - age_s) * 1000)

    def unit():
        yield ("UPDATE queue SET state = ?, created_at = ? WHERE key = ?",
               (state, at, f"{lane} {state} {age_s}"))
    await db.write(unit())


async def test_what_prometheus_reads(tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    async with serve(tmp_path, metrics_token=TOKEN) as pages:
        await pages.db.write(settings.put("link main", json.dumps({
            "state": "disconnected", "detail": "", "since": now - 700_000,
            "down_since": now - 700_000, "phone_seen": now - 864_000_000})))
        await pages.db.write(settings.put(SYNCED, str(now - 5000)))
        before = await _scrape(pages.stranger)
        await _put(pages.db, "out:1", "ready", 400)
        await _put(pages.db, "out:1", "failed", 10)
        folder = pages.site.config.data / "links" / "main"
        folder.mkdir(parents=True)
        journal = sqlite3.connect(folder / "journal.sqlite")
        journal.executescript("CREATE TABLE entry (seq INTEGER); CREATE TABLE meta (key, value); "
                              "INSERT INTO meta VALUES ('acknowledged', 2); "
                              "INSERT INTO entry VALUES (1), (2), (3), (4);")
        journal.close()
        found = await _scrape(pages.stranger)
        records = (await pages.db.read("SELECT count(*) AS n FROM record"))[0]["n"]
    assert found["daftar_link_connected", "main"] == 0
    assert found["daftar_link_state", "main", "disconnected"] == 1
    assert found["daftar_link_state", "main", "connected"] == 0
    assert 700 <= found["daftar_link_down_seconds", "main"] < 800
    assert 864_000 <= found["daftar_phone_seen_age_seconds", "main"] < 864_100
    assert found["daftar_link_journal_entries", "main"] == 2
    out = "daftar_queue_rows", "out"
    assert found[*out, "waiting"] == before[*out, "waiting"] + 1
    assert found[*out, "failed"] == before[*out, "failed"] + 1
    assert found["daftar_queue_oldest_age_seconds", "out"] >= 400
    assert sum(found["daftar_records", origin] for origin in ("whatsapp", "matrix", "import")) \
        == records
    assert found["daftar_media_bytes",] > 0
    assert found["daftar_database_bytes",] > 0
    assert found["daftar_gaps_open",] >= 1
    assert found["daftar_last_record_timestamp_seconds",] > 0
    assert 5 <= found["daftar_bot_sync_age_seconds",] < 100
    assert any(name[0] == "daftar_build_info" for name in found)


async def test_without_the_token_there_is_nothing_to_read(tmp_path: Path) -> None:
    async with serve(tmp_path / "off") as pages:
        for http in (pages.stranger, pages.visitor):
            async with http.get("/metrics", headers={"Authorization": "Bearer "}) as answer:
                assert answer.status == 404
    async with serve(tmp_path / "on", metrics_token=TOKEN) as pages:
        for http, shown in ((pages.stranger, "Bearer wrong"), (pages.visitor, "Bearer é"),
                            (pages.visitor, "")):
            async with http.get("/metrics", headers={"Authorization": shown}) as answer:
                assert answer.status == 401
                assert "daftar_" not in await answer.text()


async def test_figures_of_an_empty_archive(database: Database) -> None:
    found = await figures(database)
    assert (found.records, found.last_received_at, found.links) == ({}, 0, {})
    assert found.database_bytes > 0
