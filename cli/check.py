"""`daftar check`: the configuration, and everything it names, one line each.

Each check is a function that returns what it found, or raises Failed with one sentence that says
what to do. None of them changes anything but the database's schema, which `daftar run` would too.
"""
from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from archive import gazetteer_file, roster, roster_import
from archive.db import open_database
from bridge.sealing import key_file
from config import Config, load

TIMEOUT = aiohttp.ClientTimeout(total=10)  # seconds for each answer
LIBRARY_TIMEOUT = 60  # seconds to load the WhatsApp library; 1 to 3 are usual


class Failed(Exception):
    """A check that failed; the text says what to do."""


class Unreachable(Failed):
    """The homeserver does not answer: one sentence is enough."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar check` takes."""
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


def run(args: argparse.Namespace) -> int:
    """Print a line for each check; 0 when all are well, else 1."""
    config = load(args.config)
    print(f"ok    configuration: {args.config}", flush=True)
    return asyncio.run(_all(config))


async def _all(config: Config) -> int:
    failures = 0
    async for name, text, good in checks(config):
        print(f"{'ok   ' if good else 'FAIL '} {name}: {text}", flush=True)
        failures += not good
    if failures:
        print(f"\n{failures} of these need a hand.", flush=True)
    return 1 if failures else 0


async def checks(config: Config) -> AsyncIterator[tuple[str, str, bool]]:
    """(name, what was found, whether it is well) of every check, as they are done."""
    unreachable = False
    for name, check in CHECKS.items():
        try:
            yield name, await check(config), True
        except Unreachable as failure:
            yield name, ("not asked: the homeserver does not answer" if unreachable
                         else str(failure)), False
            unreachable = True
        except Failed as failure:
            yield name, str(failure), False
        except Exception as error:  # ArchiveError and the like speak for themselves
            yield name, str(error) or type(error).__name__, False


async def data_folder(config: Config) -> str:
    """The data folder can be made and written to."""
    probe = config.data / ".daftar-check"
    try:
        config.data.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Failed(f"{config.data} cannot be written ({error.strerror}); make it, and give it to "
                     "the user that runs Daftar") from None
    return str(config.data)


async def database(config: Config) -> str:
    """The archive opens, and its schema is ours."""
    with contextlib.suppress(OSError):
        config.data.mkdir(parents=True, exist_ok=True)
    opened = await open_database(config.database_url)
    await opened.close()
    return {"sqlite": "SQLite", "postgres": "PostgreSQL"}.get(opened.dialect, opened.dialect)


async def homeserver(config: Config) -> str:
    """The homeserver answers, and it is one."""
    url = config.homeserver.url.rstrip("/") + "/_matrix/client/versions"
    status, answer = await _ask("GET", url)
    if status != 200 or not isinstance(answer.get("versions"), list):
        raise Failed(f"what answers at {config.homeserver.url} is no Matrix homeserver (HTTP "
                     f"{status} for /_matrix/client/versions); see homeserver.url")
    return f"{config.homeserver.url} speaks Matrix up to {answer['versions'][-1]}"


async def bridge_token(config: Config) -> str:
    """The homeserver knows the bridge by its token."""
    return await _whoami(config, "bridge", config.bridge.as_token, config.bridge.sender)


async def bot_token(config: Config) -> str:
    """The homeserver knows the bot by its token."""
    return await _whoami(config, "bot", config.bot.as_token, config.bot.sender)


async def puppet_token(config: Config) -> str:
    """The homeserver lets the bridge speak as staff who have linked a number of their own."""
    if not config.bridge.puppet_token:
        return "off: what staff write on their own phones is shown by ghosts"
    return await _whoami(config, "puppets", config.bridge.puppet_token,
                         f"{config.bridge.bot}-puppets", "bridge.puppet_token")


async def bridge_address(config: Config) -> str:
    """The homeserver reaches the bridge and shows the right token (appservice ping, Matrix 1.7).
    When the bridge does not run, we answer in its place for a moment."""
    bridge = config.bridge
    async with _stand_in(config) as standing:
        status, answer = await _ask(
            "POST", f"{config.homeserver.url.rstrip('/')}/_matrix/client/v1/appservice/"
            f"{quote(bridge.id, safe='')}/ping", token=bridge.as_token, body={})
    where = bridge.url or f"http://{bridge.host}:{bridge.port}"
    if status == 200:
        who = "the bridge runs" if not standing else "nothing runs there yet"
        return f"the homeserver reaches {where} ({who})"
    if answer.get("errcode") in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_FORBIDDEN"):
        raise Failed("not asked: the homeserver does not know the bridge yet")
    if answer.get("errcode") == "M_BAD_STATUS":
        raise Failed(f"something at {where} refuses the homeserver (HTTP {answer.get('status')}): "
                     "the registration it has read holds another hs_token, or another program "
                     f"uses port {bridge.port}; compare, and restart the homeserver")
    raise Failed(f"the homeserver cannot reach the bridge at the url of its registration "
                 f"({answer.get('error', f'HTTP {status}')}); see bridge.url, bridge.host and any "
                 "firewall between them")


@contextlib.asynccontextmanager
async def _stand_in(config: Config) -> AsyncIterator[bool]:
    """Answer appservice pings on the bridge's port; yields False when somebody has it already."""
    async def ping(request: web.Request) -> web.Response:
        good = request.headers.get("Authorization") == f"Bearer {config.bridge.hs_token}"
        return web.json_response({} if good else {"errcode": "M_FORBIDDEN"},
                                 status=200 if good else 403)

    app = web.Application()
    app.router.add_post("/_matrix/app/v1/ping", ping)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, config.bridge.host, config.bridge.port).start()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Failed(f"cannot listen on {config.bridge.host}:{config.bridge.port} "
                             f"({error.strerror}); see bridge.host and bridge.port") from None
            yield False
            return
        yield True
    finally:
        await runner.cleanup()


async def web_port(config: Config) -> str:
    """The archive pages can have their port, or have it already."""
    host, port = config.web.host, config.web.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Failed(f"cannot listen on {host}:{port} ({error.strerror}); see web.host "
                             "and web.port") from None
        else:
            return f"{host}:{port} is free"
    raise Failed(f"{host}:{port} is in use: by `daftar run`, or else choose another web.port")


async def encryption(config: Config) -> str:
    """The bridge has its device, where rooms are to be encrypted."""
    if not config.bridge.encrypted:
        return "no rooms are to be encrypted"
    if not key_file(config.data).exists():
        return "not tried: the bridge has not run with bridge.encrypted yet"
    base, me = config.homeserver.url.rstrip("/"), config.user_id(config.bridge.bot)
    status, answer = await _ask("GET", f"{base}/_matrix/client/v3/devices?user_id={quote(me)}",
                                token=config.bridge.as_token)
    if status != 200 or not answer.get("devices"):
        raise Failed("bridge.encrypted is set, but the homeserver has given the bridge no device: "
                     "it needs Synapse 1.121 or later and the registrations that `daftar init` "
                     "writes now (docs/encryption.md); install them, restart it, then the bridge")
    return f"{len(config.bridge.encrypted)} rules, and {me} has its device"


async def people(config: Config) -> str:
    """Those who are named exist on the homeserver."""
    users = sorted({*config.bridge.admins, *config.bridge.staff, *config.web.readers})
    if not config.bridge.admins:
        raise Failed("bridge.admins names nobody, so nobody may link the department's phone")
    base = config.homeserver.url.rstrip("/") + "/_matrix/client/v3/profile/"
    unknown = [user for user in users if user.endswith(":" + config.homeserver.name) and (
        await _ask("GET", base + quote(user, safe=""), token=config.bridge.as_token))[0] == 404]
    if unknown:
        raise Failed(f"not on the homeserver: {', '.join(unknown)}; make the account, or see "
                     "bridge.admins, bridge.staff and web.readers")
    return f"{len(users)} named in the configuration"


async def directory(config: Config) -> str:
    """The gazetteer and the directory's file are in order."""
    try:
        book = gazetteer_file.load(config.directory.gazetteer)
    except gazetteer_file.GazetteerError as error:
        raise Failed(f"directory.gazetteer: {error}") from None
    path = Path(config.directory.file or roster_import.SHIPPED)
    try:
        found = roster.read(path.read_bytes(), book)
    except OSError as error:
        raise Failed(f"directory.file: {path} cannot be read: {error.strerror}") from None
    if found.problems:
        more = f" and {len(found.problems) - 1} more" if len(found.problems) > 1 else ""
        raise Failed(f"directory.file: {path}: {found.problems[0]}{more}; see `daftar directory "
                     f"check {path}`")
    return f"{len(book.places)} places, {len(book.kinds)} kinds of post, {len(found.lines)} lines"


async def whatsapp_library(config: Config) -> str:
    """The WhatsApp library loads, in a process of its own as in `daftar run`."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import neonize; print(neonize.__version__)",
        env={**os.environ, **config.whatsapp.environment}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(LIBRARY_TIMEOUT):
            out, err = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise Failed(f"does not load within {LIBRARY_TIMEOUT} s") from None
    if child.returncode:
        lines = err.decode(errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"it ended with {child.returncode}"
        raise Failed(f"does not load ({why}); run `make setup` again, on a 64-bit x86 or ARM Linux")
    return f"neonize {out.decode().strip()}"


CHECKS: dict[str, Callable[[Config], Awaitable[str]]] = {
    "data folder": data_folder,
    "database": database,
    "homeserver": homeserver,
    "bridge's registration": bridge_token,
    "bot's registration": bot_token,
    "staff's registration": puppet_token,
    "bridge's address": bridge_address,
    "encryption": encryption,
    "people": people,
    "directory": directory,
    "archive pages": web_port,
    "WhatsApp library": whatsapp_library,
}


async def _whoami(config: Config, part: str, token: str, localpart: str, key: str = "") -> str:
    url = config.homeserver.url.rstrip("/") + "/_matrix/client/v3/account/whoami"
    status, answer = await _ask("GET", url, token=token)
    expected = config.user_id(localpart)
    if status == 401:
        raise Failed(
            f"the homeserver does not know {key or part + '.as_token'}: name "
            f"registrations/{part}.yaml in app_service_config_files of its homeserver.yaml and "
            "restart it; if that is done, the token there is not the one in the configuration")
    found = answer.get("user_id", "")
    if status != 200 or not found:
        raise Failed(f"the homeserver answers HTTP {status}: {answer.get('error', 'no reason')}")
    if found != expected:
        raise Failed(f"the homeserver takes us for {found}, not {expected}; see homeserver.name "
                     "and sender_localpart in the registration")
    return found


async def _ask(method: str, url: str, *, token: str = "", body: Any = None,
               ) -> tuple[int, dict[str, Any]]:
    """(HTTP status, JSON object or {}). Raises Failed when nobody answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True) as http,
            http.request(method, url, headers=headers, json=body) as response,
        ):
            try:
                answer = await response.json(content_type=None)
            except ValueError:
                answer = {}
            return response.status, answer if isinstance(answer, dict) else {}
    except TimeoutError:
        raise Unreachable(f"{url} gives no answer within {TIMEOUT.total:.0f} s") from None
    except aiohttp.ClientError as error:
        raise Unreachable(f"{_host(url)} cannot be reached ({error}); is the homeserver running, "
                          "and is homeserver.url right?") from None


def _host(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])
