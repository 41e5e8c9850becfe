"""GET /metrics: the state of the house for Prometheus, to whoever shows the token."""
from __future__ import annotations

import asyncio
import hmac
import importlib.metadata
import sqlite3
import time
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import choose_encoder

from archive.figures import Figures, figures
from web.site import SITE, PageError
from web.status import LINK_WORDS


async def metrics(request: web.Request) -> web.StreamResponse:
    """GET /metrics with `Authorization: Bearer TOKEN` (web.metrics_token); 404 while none is
    set."""
    site = request.app[SITE]
    token = site.config.web.metrics_token
    if not token:
        raise PageError(404, "There is no such page in the archive.")
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode()):
        raise PageError(401, "This page is for the monitoring system, which shows a token.")
    found = await figures(site.db)
    waiting = await asyncio.to_thread(_journals, site.config.data / "links", list(found.links))
    registry = gauges(found, waiting, time.time())
    encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encoder(registry), headers={"Content-Type": content_type})


def gauges(found: Figures, journals: dict[str, int], now: float) -> CollectorRegistry:
    """The numbers under their names; ages in seconds."""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(f"daftar_{name}", text, labels, registry=registry)

    def age(at: int) -> float:
        return max(0.0, now - at / 1000)

    gauge("build_info", "1, with the version.", ("version",)).labels(_version()).set(1)
    _lines(found, gauge, age)
    journal = gauge("link_journal_entries", "What the link holds that the bridge has not stored.",
                    ("link",))
    for link, count in journals.items():
        journal.labels(link).set(count)
    depth = gauge("queue_rows", "Rows that wait, by direction and state.", ("lane", "state"))
    oldest = gauge("queue_oldest_age_seconds", "Age of the oldest row that waits; 0 when none.",
                   ("lane",))
    for lane in found.lanes:
        for state, count in (("waiting", lane.waiting), ("unsure", lane.unsure),
                             ("failed", lane.failed)):
            depth.labels(lane.kind, state).set(count)
        oldest.labels(lane.kind).set(age(lane.oldest_at) if lane.oldest_at else 0)
    records = gauge("records", "Entries of the record, by where they came from.", ("origin",))
    for origin in ("whatsapp", "matrix", "import"):
        records.labels(origin).set(found.records.get(origin, 0))
    if found.last_received_at:
        gauge("last_record_timestamp_seconds", "When the newest entry was received.").set(
            found.last_received_at / 1000)
    gauge("gaps_open", "Stretches in which something may be missing.").set(found.open_gaps)
    gauge("groups", "Groups in the archive.").set(found.chats)
    gauge("media_files", "Files in the store.").set(found.files)
    gauge("media_bytes", "Bytes of the files in the store.").set(found.file_bytes)
    gauge("database_bytes", "Bytes of the database.").set(found.database_bytes)
    if found.bot_synced_at:
        gauge("bot_sync_age_seconds", "Since the bot heard from the homeserver.").set(
            age(found.bot_synced_at))
    return registry


def _lines(found: Figures, gauge, age) -> None:
    """One line of numbers a link: connected, state, since when, the phone's last sign."""
    connected = gauge("link_connected", "1 while WhatsApp is connected.", ("link",))
    state = gauge("link_state", "1 for the state that the link is in.", ("link", "state"))
    since = gauge("link_state_age_seconds", "Since when it is in that state.", ("link",))
    down = gauge("link_down_seconds", "How long it has not been connected; 0 while it is.",
                 ("link",))
    phone = gauge("phone_seen_age_seconds", "Since the phone gave a sign of life.", ("link",))
    for name, line in found.links.items():
        connected.labels(name).set(line["state"] == "connected")
        for word in LINK_WORDS:
            state.labels(name, word).set(line["state"] == word)
        for into, key in ((since, "since"), (phone, "phone_seen")):
            if isinstance(line.get(key), int) and line[key] > 0:
                into.labels(name).set(age(line[key]))
        began = line.get("down_since") or line.get("since") or 0
        down.labels(name).set(0 if line["state"] == "connected" or not began else age(began))


def _journals(folder: Path, links: list[str]) -> dict[str, int]:
    """Events that the bridge has not stored yet, of the links whose journals lie on this machine;
    acknowledged ones are deleted in batches, so their mark counts."""
    found = {}
    for link in links:
        path = folder / link / "journal.sqlite"
        if not path.is_file():
            continue
        try:
            journal = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1)
            try:
                found[link] = journal.execute(
                    "SELECT count(*) FROM entry WHERE seq > coalesce((SELECT value FROM meta "
                    "WHERE key = 'acknowledged'), 0)").fetchone()[0]
            finally:
                journal.close()
        except sqlite3.Error:
            continue  # it is being made, or is not for our eyes: no number is better than a false
    return found


def _version() -> str:
    try:
        return importlib.metadata.version("daftar")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
