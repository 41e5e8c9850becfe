"""docker-compose.yml and what `daftar init --docker` writes for it fit together."""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

import config
from archive.db import open_database
from cli.main import main

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
FEW = ("synapse-volume",)  # runs once and ends


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "office"
    code = main(["init", "--docker", "--server-name", "edu.example.org", "--admin",
                 "@it:edu.example.org", "--public-url", "https://matrix.edu.example.org",
                 "--folder", str(folder)])
    assert code == 0
    return folder


def test_the_house_is_complete() -> None:
    assert {"synapse", "postgres", "element", "bridge", "bot", "web"} <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_restarted_and_watched(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].rpartition(":")[2]
    assert any(c.isdigit() for c in tag) and tag.count(".") >= 1, service["image"]
    if name not in FEW:
        assert service["restart"] == "unless-stopped"
        assert "healthcheck" in service and service["logging"]["options"]["max-size"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "only the reverse proxy reaches the outside"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_names_what_there_is(name: str, office: Path) -> None:
    service = SERVICES[name]
    for other in service.get("depends_on", {}):
        assert other in SERVICES
    for secret in service.get("secrets", []):
        assert secret in COMPOSE["secrets"]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./office/"):
            assert (office / source.removeprefix("./office/")).exists(), source
        elif source.startswith("./"):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source


def test_every_secret_is_written(office: Path) -> None:
    for secret in COMPOSE["secrets"].values():
        assert (office / secret["file"].removeprefix("./office/")).stat().st_size > 20


def test_only_the_owner_passes_the_door_and_containers_read_what_is_behind(office: Path) -> None:
    assert office.stat().st_mode & 0o077 == 0
    for path in office.rglob("*"):
        assert path.stat().st_mode & 0o004, path


def test_daftar_reads_its_configuration(office: Path) -> None:
    text = (office / "config.yaml").read_text().replace("/run/secrets/", f"{office}/secrets/")
    (office / "local.yaml").write_text(text)
    read = config.load(office / "local.yaml", env={})
    assert read.database_url.startswith("postgresql://daftar:")
    assert read.homeserver.url == "http://synapse:8008" and read.data == Path("/data")
    assert str(read.bridge.port) in SERVICES["bridge"]["healthcheck"]["test"][-1]
    assert SERVICES["web"]["ports"] == [f"127.0.0.1:{read.web.port}:{read.web.port}"]


def test_synapse_reads_its_configuration(office: Path, tmp_path: Path) -> None:
    """By Synapse's own reader, with the containers' paths turned into ours."""
    text = (office / "synapse" / "homeserver.yaml").read_text()
    for inside, outside in (("/config/", f"{office}/synapse/"), ("/data/", f"{tmp_path}/"),
                            ("/registrations/", f"{office}/registrations/")):
        text = text.replace(inside, outside)
    (tmp_path / "homeserver.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "synapse.config", "read", "server.public_baseurl",
         "-c", str(ROOT / "cli" / "synapse.yaml"), "-c", str(tmp_path / "homeserver.yaml")],
        capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "https://matrix.edu.example.org/" in done.stdout


def test_element_knows_the_homeserver(office: Path) -> None:
    element = json.loads((office / "element" / "config.json").read_text())
    server = element["default_server_config"]["m.homeserver"]
    assert server == {"base_url": "https://matrix.edu.example.org",
                      "server_name": "edu.example.org"}


def test_commands_are_ones_that_daftar_knows() -> None:
    for name in ("bridge", "bot", "web"):
        command = [part.replace("/config/", "/nowhere/") for part in SERVICES[name]["command"]]
        assert command[:2] == ["run", name]
        assert main(command) == 2, "the command line is understood, the file is not there"


def test_a_running_office_is_not_written_over(office: Path, capsys) -> None:
    again = ["init", "--docker", "--server-name", "edu.example.org", "--public-url",
             "https://matrix.edu.example.org", "--folder", str(office)]
    before = (office / "synapse" / "signing.key").read_text()
    assert main(again) == 2 and "there already" in capsys.readouterr().err
    assert main([*again, "--force"]) == 2 and "move the folder aside" in capsys.readouterr().err
    assert (office / "synapse" / "signing.key").read_text() == before


@contextlib.asynccontextmanager
async def keeper(cluster: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as another superuser, while the cluster's own one makes room for its name."""
    owner = await asyncpg.connect(f"{cluster}/postgres")
    name = await owner.fetchval("SELECT current_user")
    await owner.execute("CREATE ROLE keeper SUPERUSER LOGIN")
    await owner.close()
    admin = await asyncpg.connect(f"{cluster}/postgres", user="keeper")
    await admin.execute(f"ALTER ROLE {name} RENAME TO set_aside")
    try:
        yield admin
    finally:
        for statement in ("DROP DATABASE IF EXISTS synapse", "DROP DATABASE IF EXISTS daftar",
                          "DROP ROLE IF EXISTS synapse", "DROP ROLE IF EXISTS daftar",
                          f"ALTER ROLE set_aside RENAME TO {name}"):
            await admin.execute(statement)
        await admin.close()
        owner = await asyncpg.connect(f"{cluster}/postgres")
        await owner.execute("DROP ROLE keeper")
        await owner.close()


async def test_the_databases_are_as_each_wants_them(office: Path, postgres_cluster: str) -> None:
    """docker/databases.sh against a real PostgreSQL; then Daftar opens its database."""
    address = urllib.parse.urlsplit(postgres_cluster)
    async with keeper(postgres_cluster) as admin:
        script = await asyncio.create_subprocess_exec(
            str(ROOT / "docker" / "databases.sh"), stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "SECRETS": str(office / "secrets"), "PGDATABASE": "postgres",
                 "POSTGRES_USER": "keeper", "PGHOST": address.hostname or "",
                 "PGPORT": str(address.port)})
        told, _ = await script.communicate()
        assert script.returncode == 0, told.decode()
        rows = await admin.fetch("SELECT datname, datcollate, datctype FROM pg_database")
        locales = {row[0]: {row[1], row[2]} for row in rows}
        assert locales["synapse"] == {"C"} and locales["daftar"] == {"C.UTF-8"}
        opened = await open_database(f"postgresql://daftar@{address.netloc.split('@')[-1]}/daftar")
        assert opened.dialect == "postgres"
        await opened.close()
