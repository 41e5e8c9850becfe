"""What every page needs: the archive, the configuration, and the way to answer."""
from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import ClientSession, web

from archive.db import Database
from archive.media import MediaStore
from config import Config
from web.sessions import FormTokens, Session, Sessions, Throttle


@dataclass(frozen=True)
class Site:
    """The parts that the handlers share."""

    config: Config
    db: Database
    zone: ZoneInfo
    http: ClientSession  # to the homeserver
    templates: jinja2.Environment
    sessions: Sessions
    form_tokens: FormTokens
    throttle: Throttle
    media: MediaStore
    thumbnails: Path  # folder of the small pictures made from it
    readers: frozenset[str]  # Matrix ids that may sign in


SITE = web.AppKey("site", Site)
SESSION = web.RequestKey("session", Session)
OFFICER = web.RequestKey("officer", bool)  # whether who is signed in may change something


class PageError(Exception):
    """A page cannot be shown; carries the HTTP status and one sentence for the reader."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def render(
    request: web.Request, template: str, *, status: int = 200, **values: Any,
) -> web.Response:
    """A page from a template. Every page knows who is signed in and has a token for its forms."""
    site, session = request.app[SITE], request.get(SESSION)
    body = site.templates.get_template(template).render(
        session=session,
        officer=bool(request.get(OFFICER)),
        token=site.form_tokens.make(session.id) if session else "",
        path=request.path,
        now=int(time.time() * 1000),
        **values,
    )
    response = web.Response(text=body, status=status, content_type="text/html")
    response.headers["Cache-Control"] = "no-store"  # a shared office computer keeps no copy
    response.enable_compression()
    return response
