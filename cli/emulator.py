"""`daftar emulator`: a WhatsApp on this machine, alone, with the phone page."""
from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
import sys
from pathlib import Path

from cli.errors import UserError
from emulator import Emulator, EmulatorError, LibraryError
from emulator.page import PhonePage
from emulator.scenario import Played, Player, Scenario, ScenarioError, load

DEPARTMENT = "+923007009000"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar emulator` takes."""
    parser.add_argument("--state", default=".emulator", metavar="DIR",
                        help="where everything is kept from one start to the next")
    parser.add_argument("--port", type=_port, default=0, metavar="N",
                        help="port for WhatsApp clients; 0 lets the system choose")
    parser.add_argument("--page-port", type=_port, default=0, metavar="N",
                        help="port of the phone page; 0 lets the system choose")
    parser.add_argument("--corpus", action="append", default=[], metavar="DIR",
                        help="play this folder of group chats; may be given several times")
    parser.add_argument("--speed", type=_speed, default=None, metavar="X",
                        help="1 plays with the real pauses, 60 a minute in a second; as fast as "
                             "it goes when not given")
    parser.add_argument("--department", default=DEPARTMENT, metavar="NUMBER",
                        help="the department's phone, which is in every group played")


def run(args: argparse.Namespace) -> int:
    """Stays until Ctrl-C or SIGTERM, then stops in order (exit 0)."""
    try:
        asyncio.run(_run(args))
    except (EmulatorError, LibraryError, ScenarioError) as error:
        raise UserError(str(error)) from error
    return 0


async def _run(args: argparse.Namespace) -> None:
    scenarios = [await load(folder) for folder in args.corpus]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    emulator = Emulator(Path(args.state).resolve(), port=args.port)
    page = PhonePage(emulator, port=args.page_port)
    try:
        await emulator.start()
    except OSError as error:
        raise UserError(f"the emulator cannot start ({error}); choose another --port or --state"
                        ) from error
    try:
        office = await emulator.phone(args.department, "Department")
        await page.start()
        _tell(emulator, page)
        await _until(stop, _play_all(emulator, scenarios, args, office.number))
        await stop.wait()
    finally:
        await page.stop()
        await emulator.stop()


async def _until(stop: asyncio.Event, work) -> None:
    """Does the work unless told to stop; its error is raised."""
    task, told = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
    for each in (task, told):
        each.cancel()
    results = await asyncio.gather(task, told, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


def _tell(emulator: Emulator, page: PhonePage) -> None:
    print(f"Phone page: {page.url}")
    print("A WhatsApp client joins when this is in its environment before it starts:")
    for name, value in emulator.client_environment().items():
        print(f"  export {name}={shlex.quote(value)}")
    print("Link it on the phone page. Ctrl-C stops; everything is kept.", flush=True)


async def _play_all(
    emulator: Emulator, scenarios: list[Scenario], args: argparse.Namespace, office: str
) -> None:
    for scenario in scenarios:
        player = Player(emulator, scenario, department=[office])
        try:
            report = await player.play(speed=args.speed, on_progress=_progress)
        finally:
            player.close()
        if report.new and sys.stdout.isatty():
            print()
        print(f"{scenario.folder}: {report.new} messages sent, "
              f"{len(report.sent) - report.new} had been sent before, "
              f"{len(report.skipped)} lines left out", flush=True)
        for remark in report.remarks:
            if not remark.skipped:
                print(f"  {remark.source}.jsonl {remark.corpus_id}: {remark.reason}", flush=True)


def _progress(played: Played, done: int, total: int) -> None:
    if sys.stdout.isatty():
        print(f"\r{done} of {total}", end="", flush=True)


def _port(value: str) -> int:
    if not value.isdecimal() or int(value) > 65535:
        raise argparse.ArgumentTypeError(f"{value!r} is no port (0 to 65535)")
    return int(value)


def _speed(value: str) -> float:
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"{value!r} is no speed: a number above 0, such as 60")
    return speed
