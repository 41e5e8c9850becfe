"""`daftar init`: write config.yaml and the appservice registrations, with secrets of their own.

The registrations are what Synapse reads (client-server "application services" spec, section
Registration): which users belong to the bridge and to the bot, and the tokens they show.
"""
from __future__ import annotations

import argparse
import os
import re
import secrets
from pathlib import Path
from typing import Any

import yaml

import config
from cli import deploy
from cli.errors import UserError
from cli.reference import config_text

CONFIG_NAME = "config.yaml"
REGISTRATIONS = "registrations"

_HEAD = """\
# Written by `daftar init`. A line that begins with # shows the default of a key; docs/config.md
# explains them all. This file holds secrets: keep it to yourself. `daftar check` looks at it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `daftar init` takes."""
    add = parser.add_argument
    add("--homeserver-url", default="", metavar="URL",
        help="where this machine reaches the homeserver, e.g. http://127.0.0.1:8008")
    add("--server-name", required=True, metavar="NAME",
        help="the part after the colon in user ids, e.g. edu.example.org")
    add("--folder", type=Path, default=Path(), help="where the files are written")
    add("--admin", action="append", default=[], metavar="MXID",
        help="who may link a phone and gets alerts; may be given again")
    add("--staff", action="append", default=[], metavar="MXID",
        help="who is invited to every mirrored room; may be given again")
    add("--public-url", default="", metavar="URL", help="what people type into Element")
    add("--bridge-url", default="", metavar="URL",
        help="how the homeserver reaches the bridge; needed when it runs on another machine")
    add("--listen", default="", metavar="HOST",
        help="address that the bridge and the archive pages listen on; default 127.0.0.1")
    add("--database", default="", metavar="URL",
        help="postgresql://USER@HOST/NAME; an embedded database when not given")
    add("--department", default="", metavar="SED", help="abbreviation in case numbers")
    add("--docker", action="store_true",
        help="write all that docker-compose.yml needs: Synapse, PostgreSQL and Element too")
    add("--force", action="store_true",
        help="write over an earlier configuration (its tokens are lost)")


def run(args: argparse.Namespace) -> int:
    """Write the files; prints what to do next."""
    if args.docker:
        if not args.public_url:
            raise UserError("--docker needs --public-url, e.g. https://matrix.edu.example.org")
        written = deploy.write(args.folder, values_from(args), force=args.force)
        print(f"Written into {args.folder}:", *(f"  {path}" for path in written), sep="\n")
        print("\nNext: docker compose up -d (docs/install.md, step 4)")
        return 0
    if not args.homeserver_url:
        raise UserError("--homeserver-url is needed, e.g. http://127.0.0.1:8008")
    written = write(args.folder, values_from(args), force=args.force)
    print(f"Written: {', '.join(str(path) for path in written)}\n")
    print(next_steps(written))
    return 0


def values_from(args: argparse.Namespace) -> dict[str, Any]:
    """The configuration's values that the arguments and fresh secrets give."""
    given = {
        "homeserver": {"url": args.homeserver_url, "name": args.server_name,
                       "public_url": args.public_url},
        "bridge": {"as_token": new_token(), "hs_token": new_token(),
                   "puppet_token": new_token(), "host": args.listen,
                   "url": args.bridge_url, "admins": args.admin, "staff": args.staff},
        "bot": {"as_token": new_token(), "hs_token": new_token(), "department": args.department},
        "web": {"host": args.listen},
    }
    values: dict[str, Any] = {
        section: {key: value for key, value in keys.items() if value}
        for section, keys in given.items()}
    if args.database:
        values["database"] = args.database
    return values


def write(folder: Path, values: dict[str, Any], *, force: bool = False) -> list[Path]:
    """Write config.yaml and registrations/*.yaml into `folder`, mode 600; their paths.

    Raises ConfigError when the values do not make a configuration, and UserError when there is one
    already (unless `force`) or the folder cannot be written.
    """
    checked = config.from_values(values, where="daftar init", env={}, base=folder)
    files = {
        folder / CONFIG_NAME: config_text(values, _HEAD),
        folder / REGISTRATIONS / "bridge.yaml": _as_yaml(bridge_registration(checked)),
        folder / REGISTRATIONS / "bot.yaml": _as_yaml(bot_registration(checked)),
    }
    if checked.bridge.puppet_token:
        files[folder / REGISTRATIONS / "puppets.yaml"] = _as_yaml(puppet_registration(checked))
    write_files(files, force=force)
    return list(files)


def write_files(files: dict[Path, str], *, force: bool, mode: int = 0o600) -> None:
    """Write texts to paths, folders included. Raises UserError when one is there already (unless
    `force`), before any is written, or when one cannot be."""
    present = [str(path) for path in files if path.exists()]
    if present and not force:
        raise UserError(f"{', '.join(present)}: there already; --force writes over it, but its "
                        "tokens are then lost and the homeserver needs the new registrations")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, text, mode)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}") from None


def new_token() -> str:
    """A secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def bridge_registration(settings: config.Config) -> dict[str, Any]:
    """The bridge's registration: every ghost is its own, and Synapse tells it what is said."""
    bridge = settings.bridge
    name = re.escape(settings.homeserver.name)
    prefix = re.escape(bridge.ghost_prefix)
    return {
        "id": bridge.id,
        "url": bridge.url or f"http://{_reachable(bridge.host)}:{bridge.port}",
        "as_token": bridge.as_token,
        "hs_token": bridge.hs_token,
        "sender_localpart": bridge.sender,
        "rate_limited": False,  # else a ghost's 12th message in a row is refused
        "io.element.msc4190": True,  # its own user may have a device, for encrypted rooms
        "receive_ephemeral": True,  # who types and who reads
        "de.sorunome.msc2409.push_ephemeral": True,  # its name on older homeservers
        "namespaces": {
            "users": [
                {"regex": f"@{prefix}.*:{name}", "exclusive": True},
                {"regex": f"@{re.escape(bridge.bot)}:{name}", "exclusive": True},
            ],
            "aliases": [{"regex": f"#{prefix}.*:{name}", "exclusive": True}],
            "rooms": [],
        },
    }


def bot_registration(settings: config.Config) -> dict[str, Any]:
    """The bot's: one user, and no transactions (url null): the bot syncs like any client."""
    bot = settings.bot
    user = f"@{re.escape(bot.user)}:{re.escape(settings.homeserver.name)}"
    return {
        "id": bot.id,
        "url": None,
        "as_token": bot.as_token,
        "hs_token": bot.hs_token,
        "sender_localpart": bot.sender,
        "rate_limited": False,
        "io.element.msc4190": True,  # as of the bridge
        "namespaces": {"users": [{"regex": user, "exclusive": True}], "aliases": [], "rooms": []},
    }


def puppet_registration(settings: config.Config) -> dict[str, Any]:
    """A third one, under which the bridge speaks as a member of staff who has linked an own number.
    Synapse sends it nothing (url null), and the users stay their own (not exclusive)."""
    bridge = settings.bridge
    return {
        "id": f"{bridge.id}-puppets",
        "url": None,
        "as_token": bridge.puppet_token,
        "hs_token": new_token(),  # Synapse wants one; nobody ever shows it
        "sender_localpart": f"{bridge.bot}-puppets",
        "rate_limited": False,
        "namespaces": {
            "users": [{"regex": f"@.*:{re.escape(settings.homeserver.name)}", "exclusive": False}],
            "aliases": [], "rooms": []},
    }


def next_steps(written: list[Path]) -> str:
    """What remains to be done by hand, in order."""
    config_path, *registrations = (path.resolve() for path in written)
    lines = "\n".join(f"         - {path}" for path in registrations)
    return f"""\
Next:
  1. Give the registrations to the homeserver, in its homeserver.yaml:
       app_service_config_files:
{lines}
     It must be able to read them (they are mode 600), and be restarted.
  2. daftar check --config {config_path}
  3. daftar run --config {config_path}
  4. In Element, write `!wa login` to the bridge's user, and scan the picture with the
     department's phone: WhatsApp, Linked devices, Link a device."""


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


def _as_yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _write_whole(path: Path, text: str, mode: int) -> None:
    """Written whole or not at all, and never readable by more than `mode` says."""
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
