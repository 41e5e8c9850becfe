"""Who is signed in, and how often a sign-in may be tried.

All of it is in memory on purpose: a restart of the pages signs everybody out and forgets nothing
that matters. Times are Unix seconds.
"""
from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

LIFETIME_S = 12 * 3600  # a working day
MAX_SESSIONS = 10_000
TRIES = 8  # for one Matrix id within the window
TRIES_FROM_ADDRESS = 40  # a reverse proxy or an office's router makes many people one address
WINDOW_S = 15 * 60
MAX_KEYS = 20_000

Clock = Callable[[], float]


@dataclass(frozen=True)
class Session:
    """Somebody who signed in. `id` is the opaque value of the cookie."""

    id: str
    user: str
    expires_at: float


class Sessions:
    """The open sessions by their cookie value."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._open: dict[str, Session] = {}

    def open(self, user: str) -> Session:
        """Begin a session under a fresh, unguessable id."""
        now = self._clock()
        if len(self._open) >= MAX_SESSIONS:
            self._open = {k: s for k, s in self._open.items() if s.expires_at > now}
        while len(self._open) >= MAX_SESSIONS:
            del self._open[next(iter(self._open))]  # the oldest
        session = Session(secrets.token_urlsafe(32), user, now + LIFETIME_S)
        self._open[session.id] = session
        return session

    def get(self, session_id: str) -> Session | None:
        """The session of a cookie value, unless it is over."""
        session = self._open.get(session_id)
        if session is not None and session.expires_at <= self._clock():
            self.close(session_id)
            return None
        return session

    def close(self, session_id: str) -> None:
        """End a session; unknown ids are fine."""
        self._open.pop(session_id, None)


class FormTokens:
    """Tokens that tie a form to the cookie of the one who asked for it (against forged requests).

    Each is made afresh, nonce and MAC, so that compressed pages never repeat one.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, cookie: str) -> str:
        """A token for a form shown to the holder of that cookie."""
        nonce = secrets.token_hex(16)
        return nonce + self._mac(nonce, cookie)

    def fits(self, token: str, cookie: str) -> bool:
        """Whether a posted token was made for that cookie."""
        nonce, mac = token[:32], token[32:]
        return bool(cookie) and hmac.compare_digest(
            mac.encode(), self._mac(nonce, cookie).encode())

    def _mac(self, nonce: str, cookie: str) -> str:
        return hmac.new(self._key, f"{nonce}:{cookie}".encode(), hashlib.sha256).hexdigest()


class Throttle:
    """Counts tries by key (a Matrix id, an address) within a sliding window."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._tries: dict[str, list[float]] = {}

    def wait(self, key: str, limit: int) -> int:
        """Seconds until `key` may try again; 0 when it may now."""
        now = self._clock()
        tries = [at for at in self._tries.get(key, ()) if at > now - WINDOW_S]
        if len(tries) < limit:
            return 0
        return int(tries[-limit] + WINDOW_S - now) + 1

    def count(self, key: str) -> None:
        """Note a try. Called before the password is checked: tries in flight count too."""
        now = self._clock()
        if len(self._tries) >= MAX_KEYS:
            self._tries = {k: t for k, t in self._tries.items() if t[-1] > now - WINDOW_S}
        while len(self._tries) >= MAX_KEYS:
            del self._tries[next(iter(self._tries))]
        tries = [at for at in self._tries.pop(key, []) if at > now - WINDOW_S]
        self._tries[key] = [*tries[-TRIES_FROM_ADDRESS:], now]

    def clear(self, key: str) -> None:
        """Forget the tries of one that got in."""
        self._tries.pop(key, None)
