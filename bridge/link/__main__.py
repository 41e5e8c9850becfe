"""Entry of the link's child process: `python -m bridge.link --folder … --fd N --device-name …`.

Started by parent.Link and by nobody else; `--fd` is its end of a Unix socket pair.
"""
from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import socket
import sqlite3
import sys

from bridge.link import EXIT_JOURNAL
from bridge.link.child import Child


async def _run(device_name: str, fd: int, lock_wait: float, only_chosen: bool) -> None:
    code = 1
    try:
        pipe = socket.socket(fileno=fd)
        code = await Child(device_name, pipe, lock_wait, only_chosen=only_chosen).run()
    except sqlite3.Error as error:  # the journal: it alone is SQLite here
        code = EXIT_JOURNAL
        logging.getLogger("daftar.bridge").error("the journal cannot be written: %s", error)
    except Exception:
        logging.getLogger("daftar.bridge").exception("the link's child process failed")
    # Not a return: threads that still wait inside the library would hold up a normal exit for ever.
    with contextlib.suppress(OSError):  # the disk may be full: the code must get through
        sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Run the child until it is told to stop; never returns."""
    parser = argparse.ArgumentParser(prog="bridge.link")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--device-name", required=True)
    parser.add_argument("--fd", type=int, required=True)
    # Seconds an earlier child of the same session gets to end.
    parser.add_argument("--lock-wait", type=float, default=20.0)
    # Nothing is taken from chats that the bridge has not named (frames "chats").
    parser.add_argument("--only-chosen", action="store_true")
    args = parser.parse_args()
    os.umask(0o077)
    os.chdir(args.folder)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s",
                        level=logging.WARNING, stream=sys.stderr)
    asyncio.run(_run(args.device_name, args.fd, args.lock_wait, args.only_chosen))


if __name__ == "__main__":
    main()
