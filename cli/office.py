"""The whole house in one folder, on loopback: Synapse, a WhatsApp of its own, bridge, bot and web.

For the demo, the tests and the benchmarks. Synapse and the parts of Daftar are child processes; the
emulator runs in this one, so that its phones can be told what to say. A folder that was used before
goes on where it stopped.
"""
from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import config
from cli import init
from cli.errors import UserError
from cli.homeserver import Synapse
from cli.reader import Reader
from emulator.phone import Phone
from emulator.server import Emulator

log = logging.getLogger("daftar.office")

SERVER_NAME = "daftar.localhost"
DEPARTMENT = ("923009990001", "Education Department")  # number and push name of its own phone
STOP_S = 15.0
LINK_S = 60.0
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class User:
    """Somebody of the secretariat."""

    localpart: str
    name: str
    password: str
    admin: bool = False


USERS = (
    User("admin", "System Administrator", "admin-daftar", admin=True),
    User("secretary", "Secretary Education", "secretary-daftar"),
    User("officer", "Section Officer (General)", "officer-daftar"),
)


class Part:
    """One `daftar run PART` as a child process, its output in a log file."""

    def __init__(self, name: str, config_path: Path, log_path: Path) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "cli.main", "run", name, "--config",
                         str(config_path)]
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process; `environment` is added to this one's."""
        python_path = os.pathsep.join(filter(None, [
            str(ROOT), environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))]))
        with self._log_path.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **environment, "PYTHONPATH": python_path})

    async def stop(self) -> None:
        """End the process in good order; after STOP_S by force."""
        if self.pid is None:
            return
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("%s does not stop; it is killed", self.name)
            self.kill()

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def last_lines(self, count: int = 8) -> str:
        """The end of the log, for an error message."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-count:])
        return ""


class Office:
    """Everything, in `folder`. `parts`: how the house is cut into processes: ("all",) or
    ("bridge", "bot", "web"). `settings` are laid over the configuration, `homeserver` over
    Synapse's. `progress` is told, in a few words, what is going on."""

    def __init__(self, folder: Path, *, parts: Sequence[str] = ("all",), database: str = "",
                 settings: Mapping[str, Any] | None = None,
                 homeserver: Mapping[str, Any] | None = None,
                 progress: Callable[[str], None] = log.info) -> None:
        self.folder = folder.resolve()
        self._progress = progress
        self._database = database
        self._settings = dict(settings or {})
        self._homeserver = homeserver
        self.config_path = self.folder / init.CONFIG_NAME
        self.emulator = Emulator(self.folder / "whatsapp")
        self.parts = {name: Part(name, self.config_path, self.folder / f"{name}.log")
                      for name in parts}
        self.department: Phone | None = None
        self._tokens: dict[str, str] = {}

    async def start(self) -> None:
        """Start everything and wait until it answers; link nothing yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        registrations = [self.folder / init.REGISTRATIONS / f"{name}.yaml"
                         for name in ("bridge", "bot", "puppets")]
        if self.config_path.exists():  # an earlier version wrote fewer
            registrations = [path for path in registrations if path.is_file()]
        self.synapse = Synapse(self.folder / "synapse", SERVER_NAME, registrations,
                               progress=self._progress, settings=self._homeserver)
        self._write_config()
        self.config = config.load(self.config_path, env={})
        await self.synapse.start()
        self._progress("WhatsApp emulator: starting")
        await self.emulator.start()
        self.department = await self.emulator.phone(*DEPARTMENT)
        for user in USERS:
            self._tokens[user.localpart] = await self.synapse.create_user(
                user.localpart, user.password, admin=user.admin, displayname=user.name)
        for part in self.parts.values():
            self._progress(f"Daftar ({part.name}): starting")
            self.start_part(part.name)

    def start_part(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Start one part (again)."""
        self.parts[name].start({**self.emulator.client_environment(), **(environment or {})})

    async def stop(self) -> None:
        """Stop everything in good order."""
        for part in self.parts.values():
            await part.stop()
        await self.emulator.stop()
        await self.synapse.stop()

    def reader(self, localpart: str) -> Reader:
        """One of USERS at a Matrix client."""
        return Reader(self.synapse.url, self.synapse.user_id(localpart), self._tokens[localpart])

    def _write_config(self) -> None:
        """config.yaml and registrations: made once; only the homeserver's address may change."""
        if self.config_path.exists():
            before = config.load(self.config_path, env={})
            if before.homeserver.url != self.synapse.url:
                text = self.config_path.read_text(encoding="utf-8")
                self.config_path.write_text(
                    text.replace(before.homeserver.url, self.synapse.url), encoding="utf-8")
            return
        people = [self.synapse.user_id(user.localpart) for user in USERS]
        values: dict[str, Any] = {
            "homeserver": {"url": self.synapse.url, "name": SERVER_NAME},
            "bridge": {"as_token": init.new_token(), "hs_token": init.new_token(),
                       "puppet_token": init.new_token(),
                       "port": free_port(), "admins": people[:1], "staff": people[1:]},
            "bot": {"as_token": init.new_token(), "hs_token": init.new_token()},
            "web": {"port": free_port()},
            "whatsapp": {"pace_minute": 0, "pace_hour": 0},  # the emulator bans nobody for haste
        }
        for section, keys in self._settings.items():
            values.setdefault(section, {}).update(keys)
        if self._database:
            values["database"] = self._database
        init.write(self.folder, values)

    async def link(self) -> None:
        """Link the department's phone, as its holder would: the admin's chat with the bridge shows
        a code, the phone scans it. Nothing to do when it is linked already."""
        assert self.department is not None
        if self.department.devices:
            self._progress("the department's phone is linked already")
            return
        self._progress("linking the department's phone: waiting for the QR code")
        async with self.reader("admin") as admin:
            tried: set[str] = set()
            end = time.monotonic() + LINK_S
            while time.monotonic() < end and not self.department.devices:
                code = await self._shown_code(admin)
                if code and code not in tried:
                    tried.add(code)
                    await self.emulator.scan(self.department, code)
                await asyncio.sleep(0.2)
                self.check_alive()
        if not self.department.devices:
            raise UserError("the bridge showed no QR code: " + self._log_ends())
        self._progress("linked")

    async def _shown_code(self, admin: Reader) -> str | None:
        """The newest QR code in the admin's chat with the bridge, as text."""
        for room, name in (await admin.join_invited()).items():
            if name != "WhatsApp bridge":
                continue
            codes = [(event["content"].get("m.new_content") or event["content"])
                     .get("org.daftar.qr") for event in await admin.events(room)]
            found = [code for code in codes if code]
            if found:
                return found[-1]
        return None

    def check_alive(self) -> None:
        """Raises UserError with the end of its log when a part has died."""
        for part in self.parts.values():
            if part.pid is None:
                raise UserError(f"daftar run {part.name} ended by itself:\n{part.last_lines()}")

    def _log_ends(self) -> str:
        return "\n".join(part.last_lines() for part in self.parts.values())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
