"""`daftar run`: the bridge, the bot and the archive pages, in one process or each in its own."""
from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import signal
from collections.abc import Awaitable, Callable

import uvloop

from cli import directory
from cli.errors import UserError
from config import Config, load

log = logging.getLogger("daftar.run")

LOG_LEVEL = "info"

# Each module's `run(config)` runs until it is cancelled.
PARTS = {"bridge": "bridge.app", "bot": "bot.app", "web": "web.app"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar run` takes."""
    parser.add_argument("part", nargs="?", choices=["all", *PARTS], default="all",
                        help="what to run in this process")
    parser.add_argument("--config", default="config.yaml", help="the configuration file")


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT (exit 0), or until a part fails (its error is raised)."""
    config = load(args.config)
    names = list(PARTS) if args.part == "all" else [args.part]
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts = {name: importlib.import_module(PARTS[name]).run for name in names}
    uvloop.run(_run(config, parts))
    return 0


async def _run(config: Config, parts: dict[str, Callable[[Config], Awaitable[None]]]) -> None:
    await directory.load_at_start(config)
    await run_parts(config, parts)


async def run_parts(
    config: Config, parts: dict[str, Callable[[Config], Awaitable[None]]],
    stop: asyncio.Event | None = None,
) -> None:
    """Run parts side by side until `stop` is set or a signal arrives, or one of them ends.

    A part that ends by itself takes the others down in good order, and its error is raised: a
    supervisor (systemd, Docker) then starts the whole again.
    """
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop, number)
    tasks = [asyncio.create_task(_part(name, part, config), name=name)
             for name, part in parts.items()]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        # read before the others are cancelled, so that the first to fail is the one that is told
        failed = [task for task in tasks if task.done() and task.exception()]
    finally:
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.gather(*tasks, stopped, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    for task in tasks:
        if task not in failed and not task.cancelled() and task.exception():
            log.error("%s failed while stopping", task.get_name(), exc_info=task.exception())
    if failed:
        error = failed[0].exception()
        assert error is not None
        if isinstance(error, OSError):  # a port in use, a host that is not ours, a full disk
            raise UserError(f"{failed[0].get_name()}: {error.strerror or error}; `daftar check` "
                            "looks at ports, addresses and folders") from error
        raise error
    if not stop.is_set():
        log.error("a part ended by itself; stopping the others")


async def _part(name: str, part: Callable[[Config], Awaitable[None]], config: Config) -> None:
    log.info("%s: starting", name)
    try:
        await part(config)
    finally:
        log.info("%s: stopped", name)


def _stop(stop: asyncio.Event, number: int) -> None:
    log.info("%s: stopping", signal.Signals(number).name)
    stop.set()
