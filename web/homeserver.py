"""Asking the homeserver whether a password is right."""
from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

log = logging.getLogger("daftar.web")

TIMEOUT = ClientTimeout(total=15)
MAX_ANSWER = 64 * 1024  # bytes


class WrongPassword(Exception):
    """The homeserver refuses the id or the password."""


class Unavailable(Exception):
    """The homeserver cannot tell now; the text is one sentence for the reader."""


async def check_password(http: ClientSession, url: str, user_id: str, password: str) -> str:
    """The Matrix id that this id and password belong to, as the homeserver spells it. The token
    that the check yields is logged out at once. Raises WrongPassword, Unavailable.

    Matrix client-server API v3, "POST /login" (m.login.password) and "POST /logout".
    """
    status, answer = await _post(http, f"{url.rstrip('/')}/_matrix/client/v3/login", {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user_id},
        "password": password,
        "initial_device_display_name": "Daftar archive (sign-in check)",
    })
    if status in (400, 401, 403):
        raise WrongPassword
    if status == 429:
        raise Unavailable("The homeserver asks everyone to wait before signing in again: try in a "
                          "few minutes.")
    token, name = answer.get("access_token"), answer.get("user_id")
    if status != 200 or not isinstance(token, str) or not isinstance(name, str):
        log.warning("homeserver answered a sign-in check with HTTP %d", status)
        raise Unavailable("The homeserver gave an answer that the archive does not understand: "
                          "tell the administrator.")
    await _log_out(http, url, token, name)
    return name


async def _log_out(http: ClientSession, url: str, token: str, name: str) -> None:
    for _ in range(2):
        try:
            status, _ = await _post(http, f"{url.rstrip('/')}/_matrix/client/v3/logout", {}, token)
        except Unavailable:
            continue
        if status in (200, 401):
            return
    log.warning("the sign-in check's device of %s could not be logged out; it holds no rooms' keys "
                "and may be removed in Element under Sessions", name)


async def _post(
    http: ClientSession, url: str, content: dict[str, Any], token: str | None = None,
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with http.post(url, json=content, headers=headers, timeout=TIMEOUT,
                             allow_redirects=False) as response:
            body = await response.content.read(MAX_ANSWER)
            try:
                answer = json.loads(body)
            except ValueError:
                answer = None
            return response.status, answer if isinstance(answer, dict) else {}
    except (ClientError, TimeoutError, OSError) as error:
        log.warning("homeserver not reached for a sign-in check: %s", error)
        raise Unavailable("The homeserver does not answer, so nobody can sign in just now: try "
                          "again in a minute, then tell the administrator.") from None
