"""A real Synapse on this machine: a child process on loopback, for the demo and the tests."""
from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import signal
import socket
import string
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import yaml

log = logging.getLogger("daftar.homeserver")

HERE = Path(__file__).parent
START_TIMEOUT = 120.0  # seconds; a new database takes about 5 on two cores, busy machines longer
STOP_TIMEOUT = 20.0  # seconds between SIGTERM and SIGKILL
LOG_LINES = 15  # shown when Synapse ends by itself

_LOG_CONFIG = """\
version: 1
formatters: {line: {format: "%(asctime)s %(levelname)s %(name)s: %(message)s"}}
handlers: {file: {class: logging.FileHandler, formatter: line, filename: synapse.log}}
root: {level: WARNING, handlers: [file]}
disable_existing_loggers: false
"""


# Synapse, and a thread that ends it once we are gone: the pipe that is its standard input closes
# with us, however we die.
_PROGRAM = """\
import os, signal, threading
def end_with_parent():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_parent, daemon=True).start()
from synapse.app.homeserver import main
main()
"""


class HomeserverError(Exception):
    """Synapse cannot do what was asked; the text is a sentence for the administrator."""


class Synapse:
    """One Synapse with an SQLite database, all its files in `folder`.

    A folder that was used before goes on: same secrets, users and rooms, and the same port when it
    is still free. `settings` are put over cli/synapse.yaml and cli/synapse-local.yaml.
    `progress` is told, in a few words, what is being waited for. An object belongs to no event
    loop: tests may use one server from many.
    """

    def __init__(
        self, folder: Path, name: str = "daftar.localhost",
        registrations: Sequence[Path] = (), *, port: int = 0,
        settings: Mapping[str, Any] | None = None,
        progress: Callable[[str], None] = log.info,
    ) -> None:
        self.folder = folder.resolve()
        self.name = name
        self.registrations = [Path(path).resolve() for path in registrations]
        self.settings = dict(settings or {})
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None
        before = self._read_before()
        self.port = port or _free_port(before.get("port", 0))
        self.shared_secret: str = before.get("secret") or secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Where clients reach it; stays the same over restart()."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    # Files

    @property
    def _state(self) -> Path:
        return self.folder / "homeserver.yaml"

    def _read_before(self) -> dict[str, Any]:
        try:
            values = yaml.safe_load(self._state.read_text(encoding="utf-8"))
            return {"port": int(values["listeners"][0]["port"]),
                    "secret": values["registration_shared_secret"]}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, IndexError, yaml.YAMLError) as error:
            raise HomeserverError(
                f"{self._state}: cannot be read ({type(error).__name__}: {error}); remove the "
                "folder to begin anew") from None

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_private(self.folder / "log.yaml", _LOG_CONFIG)
        key = self.folder / "signing.key"
        if not key.exists():
            _write_private(key, signing_key())
        _write_private(self._state, yaml.safe_dump({
            "server_name": self.name,
            "public_baseurl": self.url + "/",
            "listeners": [{
                "type": "http", "port": self.port, "bind_addresses": ["127.0.0.1"],
                "x_forwarded": False,  # no reverse proxy in front
                "resources": [{"names": ["client"], "compress": False}],  # no federation listener
            }],
            "database": {"name": "sqlite3", "args": {"database": "homeserver.db"}},
            "media_store_path": "media",
            "signing_key_path": "signing.key",
            "log_config": "log.yaml",
            "registration_shared_secret": self.shared_secret,
            # derived, so that tokens of an earlier run stay good
            "macaroon_secret_key": self._derived("macaroon"),
            "form_secret": self._derived("form"),
            "app_service_config_files": [str(path) for path in self.registrations],
        }, sort_keys=False))
        _write_private(self.folder / "extra.yaml", yaml.safe_dump(self.settings))

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.shared_secret.encode(), purpose.encode(), "sha256").hexdigest()

    # Process

    async def start(self) -> None:
        """Start it and wait until it answers. Raises HomeserverError with its last log lines."""
        if self.pid:
            return
        missing = [str(path) for path in self.registrations if not path.is_file()]
        if missing:
            raise HomeserverError(f"registration file not found: {', '.join(missing)}")
        self._write_files()
        if self._end_orphan():  # its last threads may hold the port a moment longer
            for _ in range(100):
                if _free_port(self.port) == self.port:
                    break
                await asyncio.sleep(0.05)
        if _free_port(self.port) != self.port:
            raise HomeserverError(f"port {self.port} on 127.0.0.1 is in use by another program")
        self._spawn()
        await self._wait_until_healthy()

    def _spawn(self) -> None:
        configs = [HERE / "synapse.yaml", HERE / "synapse-local.yaml", self._state,
                   self.folder / "extra.yaml"]
        arguments = [part for path in configs for part in ("-c", str(path))]
        with open(self.folder / "output.log", "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *arguments],
                cwd=self.folder, env=_environment(), stdin=subprocess.PIPE,
                stdout=output, stderr=output,
                start_new_session=True,  # Ctrl-C is for us: we stop it after what depends on it
            )
        (self.folder / "pid").write_text(str(self._process.pid))

    async def _wait_until_healthy(self) -> None:
        assert self._process is not None
        begun = told = time.monotonic()
        self._progress("Synapse: starting")
        while not await self._healthy():
            now = time.monotonic()
            if self.pid is None:
                raise HomeserverError(f"Synapse ended at once (exit {self._process.returncode}):\n"
                                      + self._last_lines())
            if now - begun > START_TIMEOUT:
                self.kill()
                raise HomeserverError(f"Synapse gave no answer within {START_TIMEOUT:.0f} s:\n"
                                      + self._last_lines())
            if now - told >= 5:
                told = now
                self._progress(f"Synapse: still starting ({now - begun:.0f} s)")
            await asyncio.sleep(0.05)
        self._progress(f"Synapse: ready on {self.url} ({time.monotonic() - begun:.1f} s)")

    async def _healthy(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
                http.get(self.url + "/health") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _last_lines(self) -> str:
        lines: deque[str] = deque(maxlen=LOG_LINES)
        for name in ("synapse.log", "output.log"):
            with contextlib.suppress(OSError), open(
                    self.folder / name, encoding="utf-8", errors="replace") as file:
                lines.extend(line.rstrip() for line in file if line.strip())
        return "\n".join("  " + line for line in lines) or "  (it wrote nothing)"

    def _end_orphan(self) -> bool:
        """End a Synapse of this folder whose parent was killed: two may not share a database.
        Whether there was one."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            if str(self._state) in command.split("\0"):
                log.warning("ending the Synapse that an earlier run left behind (pid %d)", pid)
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    async def stop(self) -> None:
        """End it in good order."""
        if self.pid:
            assert self._process is not None
            self._process.terminate()
            for _ in range(int(STOP_TIMEOUT / 0.02)):
                if not self.pid:
                    break
                await asyncio.sleep(0.02)
            else:
                log.warning("Synapse does not stop; killing it")
                self._process.kill()
                self._process.wait()
        self._close_pipe()
        with contextlib.suppress(OSError):
            (self.folder / "pid").unlink()

    def kill(self) -> None:
        """kill -9, as a failing machine would; start() begins again on the same port."""
        if self.pid:
            assert self._process is not None
            self._process.kill()
            self._process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def restart(self) -> None:
        """Stop it, if it runs, and start it again: same port, users and rooms."""
        await self.stop()
        await self.start()

    # Users

    async def create_user(self, localpart: str, password: str, admin: bool = False,
                          displayname: str | None = None) -> str:
        """Make a user, unless there is one of this name already; an access token for it.

        Shared-secret registration: GET then POST /_synapse/admin/v1/register (Synapse's admin API).
        Raises HomeserverError, also when the user exists with another password.
        """
        register = self.url + "/_synapse/admin/v1/register"
        nonce = (await self._json("GET", register))["nonce"]
        parts = (nonce, localpart, password, "admin" if admin else "notadmin")
        mac = hmac.new(self.shared_secret.encode(), "\0".join(parts).encode(), hashlib.sha1)
        await self._json("POST", register, {
            "nonce": nonce, "username": localpart, "password": password, "admin": admin,
            "displayname": displayname or localpart, "mac": mac.hexdigest(),
        }, accept=("M_USER_IN_USE",))
        return await self.login(localpart, password)

    async def login(self, localpart: str, password: str, device: str = "DAFTAR") -> str:
        """An access token by password (client-server API, POST /login); a login with the same
        `device` ends the token of the one before."""
        answer = await self._json("POST", self.url + "/_matrix/client/v3/login", {
            "type": "m.login.password", "password": password, "device_id": device,
            "identifier": {"type": "m.id.user", "user": localpart},
        })
        return answer["access_token"]

    def user_id(self, localpart: str) -> str:
        """The full Matrix id."""
        return f"@{localpart}:{self.name}"

    async def request(self, method: str, path: str, token: str, body: Any = None) -> Any:
        """One request to the client-server API: `path` as in "/v3/joined_rooms". Its JSON.

        Raises HomeserverError with the server's own words."""
        return await self._json(method, f"{self.url}/_matrix/client{path}", body, token=token)

    async def set_room_alias(self, token: str, alias: str, room_id: str) -> None:
        """Give a room a local alias."""
        await self.request("PUT", f"/v3/directory/room/{quote(f'#{alias}:{self.name}')}", token,
                           {"room_id": room_id})

    async def _json(self, method: str, url: str, body: Any = None, *, token: str | None = None,
                    accept: tuple[str, ...] = ()) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.request(method, url, json=body, headers=headers) as response,
            ):
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise HomeserverError(f"Synapse at {self.url} does not answer: {error}") from error
        if response.status >= 400 and answer.get("errcode") not in accept:
            raise HomeserverError(
                f"Synapse refuses {method} {url.removeprefix(self.url)}: "
                f"{answer.get('errcode')}: {answer.get('error')}")
        return answer


def signing_key() -> str:
    """A new signing key as Synapse keeps it: one line with the algorithm, a key id, and the
    unpadded base64 of an ed25519 seed of 32 bytes."""
    seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    key_id = "".join(secrets.choice(string.ascii_letters) for _ in range(4))
    return f"ed25519 a_{key_id} {seed}\n"


def _free_port(wanted: int) -> int:
    """`wanted` when it is free on loopback, else one the system gives."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
    raise HomeserverError("no free port on 127.0.0.1")


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _environment() -> dict[str, str]:
    """Ours without proxies: everything Synapse speaks to is on this machine."""
    return {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
