"""Files for docker-compose.yml: what `daftar init --docker` writes beside config.yaml.

Everything lies in one folder of mode 700: the containers' users, who are others than the owner, are
given single files and folders of it, so these must be readable to all behind that door.
"""
from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import yaml

import config
from cli import init
from cli.errors import UserError
from cli.homeserver import signing_key
from cli.reference import config_text

DATABASE = "postgres"  # names of the services in docker-compose.yml
HOMESERVER = "http://synapse:8008"
BRIDGE = "http://bridge:29400"

_HEAD = """\
# Written by `daftar init --docker`, for the containers of docker-compose.yml. A line that begins
# with # shows the default of a key; docs/config.md explains them all.
"""

_LOG_CONFIG = """\
version: 1
formatters: {line: {format: "%(asctime)s %(levelname)s %(name)s: %(message)s"}}
handlers: {console: {class: logging.StreamHandler, formatter: line}}
loggers: {synapse: {level: WARNING}}
root: {level: WARNING, handlers: [console]}
disable_existing_loggers: false
"""


def write(folder: Path, values: dict[str, Any], *, force: bool = False) -> list[Path]:
    """Write configuration, registrations, secrets, Synapse's and Element's files; their paths.

    `values` are those of init.values_from; homeserver.public_url is required. Raises ConfigError
    and UserError as init.write does, and UserError rather than replace an earlier signing key.
    """
    secret = {name: secrets.token_hex(24) for name in ("postgres", "synapse", "daftar")}
    values = _in_containers(values)
    checked = config.from_values(values, where="daftar init", env={})
    values |= {"database_file": "/run/secrets/daftar_database"}
    if (folder / "synapse" / "signing.key").exists() and force:
        raise UserError(f"{folder}: holds a Synapse already; --force would take its key and its "
                        "database password away: move the folder aside first")
    init.write_files({
        folder / "config.yaml": config_text(values, _HEAD),
        folder / "registrations" / "bridge.yaml": _yaml(init.bridge_registration(checked)),
        folder / "registrations" / "bot.yaml": _yaml(init.bot_registration(checked)),
        folder / "registrations" / "puppets.yaml": _yaml(init.puppet_registration(checked)),
        folder / "secrets" / "postgres_password": secret["postgres"],
        folder / "secrets" / "synapse_password": secret["synapse"],
        folder / "secrets" / "daftar_password": secret["daftar"],
        folder / "secrets" / "daftar_database":
            f"postgresql://daftar:{secret['daftar']}@{DATABASE}/daftar",
        folder / "synapse" / "homeserver.yaml": _yaml(_homeserver(checked, secret["synapse"])),
        folder / "synapse" / "log.yaml": _LOG_CONFIG,
        folder / "synapse" / "signing.key": signing_key(),
        folder / "element" / "config.json": json.dumps(_element(checked), indent=2) + "\n",
    }, force=force, mode=0o644)
    folder.chmod(0o700)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _in_containers(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, with the addresses that hold between containers."""
    return {
        **values,
        "homeserver": {**values["homeserver"], "url": HOMESERVER},
        "bridge": {**values["bridge"], "host": "0.0.0.0", "url": BRIDGE},
        "web": {**values.get("web", {}), "host": "0.0.0.0"},
        "data": "/data",
    }


def _homeserver(settings: config.Config, password: str) -> dict[str, Any]:
    """homeserver.yaml: names, secrets and addresses; cli/synapse.yaml holds the rest."""
    return {
        "server_name": settings.homeserver.name,
        "public_baseurl": settings.homeserver.public_url.rstrip("/") + "/",
        "listeners": [{
            "type": "http", "port": 8008, "bind_addresses": ["0.0.0.0"],
            "x_forwarded": True,  # the reverse proxy says whom a request is from
            "resources": [{"names": ["client"], "compress": False}],
        }],
        "database": {"name": "psycopg2", "args": {
            "user": "synapse", "password": password, "dbname": "synapse", "host": DATABASE,
            "cp_min": 2, "cp_max": 10}},
        "media_store_path": "/data/media",
        "signing_key_path": "/config/signing.key",
        "log_config": "/config/log.yaml",
        "pid_file": "/data/homeserver.pid",
        "registration_shared_secret": secrets.token_urlsafe(32),
        "macaroon_secret_key": secrets.token_urlsafe(32),
        "form_secret": secrets.token_urlsafe(32),
        "app_service_config_files": [
            f"/registrations/{name}.yaml" for name in ("bridge", "bot", "puppets")],
    }


def _element(settings: config.Config) -> dict[str, Any]:
    """Element Web's config.json: this homeserver and no other, no calls home."""
    return {
        "default_server_config": {"m.homeserver": {
            "base_url": settings.homeserver.public_url.rstrip("/"),
            "server_name": settings.homeserver.name}},
        "disable_custom_urls": True,
        "disable_guests": True,
        "disable_3pid_login": True,
        "brand": "Element",
        "default_theme": "light",
        "room_directory": {"servers": [settings.homeserver.name]},
        "setting_defaults": {"UIFeature.registration": False, "UIFeature.identityServer": False},
    }


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
