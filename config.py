"""The configuration: one YAML file, read into frozen dataclasses.

Every key is declared here and nowhere else; docs/config.md and config.example.yaml are held to this
file by a test. Any key whose field is marked secret may instead be given as KEY_file (the path of a
file that holds it), and any key at all by the environment: DAFTAR_SECTION_KEY.
"""
from __future__ import annotations

import dataclasses
import difflib
import os
import re
import reprlib
import typing
import zoneinfo
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


class ConfigError(Exception):
    """The configuration cannot be used; the text names the file, the key and what to do."""


EXAMPLE_MARK = "CHANGE-ME"  # no value that contains it is accepted


def _doc(text: str, default: Any = dataclasses.MISSING, *, secret: bool = False) -> Any:
    metadata = {"doc": text, "secret": secret}
    if default is dataclasses.MISSING:
        return field(metadata=metadata)
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Homeserver:
    """The Matrix homeserver."""

    url: str = _doc("Where the bridge, the bot and the archive page reach the homeserver.")
    name: str = _doc("The server name: the part after the colon in user ids.")
    public_url: str = _doc("The address that people type into Element; url when empty.", "")


@dataclass(frozen=True)
class SpaceRule:
    """Which groups' rooms stand in a sub-space of the department's space."""

    space: str = _doc("Name of the sub-space.")
    groups: tuple[str, ...] = _doc("Groups by JID or by a pattern of the name, such as *Kech*.")


@dataclass(frozen=True)
class Bridge:
    """The bridge's appservice."""

    as_token: str = _doc("Secret the bridge shows the homeserver.", secret=True)
    hs_token: str = _doc("Secret the homeserver shows the bridge.", secret=True)
    puppet_token: str = _doc(
        "Secret of the registration puppets.yaml, with which what members of staff write on an own "
        "number that they linked appears under their own Matrix user; a ghost's when empty.", "",
        secret=True)
    host: str = _doc("Address the bridge listens on for the homeserver.", "127.0.0.1")
    port: int = _doc("Port the bridge listens on for the homeserver.", 29400)
    url: str = _doc("How the homeserver reaches the bridge; http://HOST:PORT when empty.", "")
    id: str = _doc("The appservice's id in the registration.", "daftar-bridge")
    bot: str = _doc("Localpart of the bridge's own user, to whom admins write !wa commands.",
                    "whatsapp")
    ghost_prefix: str = _doc("Localparts of WhatsApp senders begin with this.", "wa_")
    ghost_name: str = _doc(
        "Display name of a ghost; fields: name, phone, post. Where no post is known, {post} is "
        "left out with the brackets or the sign beside it.", "{name} (WhatsApp)")
    relay: str = _doc(
        "How a staff member's message appears on WhatsApp; fields: name, post, text. Where no post "
        "is known, {post} is left out as in ghost_name: *{name} ({post})*: {text}.",
        "*{name}*: {text}")
    space: str = _doc("Name of the department's space.", "Department groups")
    admins: tuple[str, ...] = _doc("Matrix ids that may link a phone and get alerts.", tuple)
    staff: tuple[str, ...] = _doc("Matrix ids that are invited to every mirrored room.", tuple)
    groups: tuple[str, ...] = _doc("WhatsApp groups to mirror, by JID or exact name; * for all.",
                                   lambda: ("*",))
    direct: tuple[str, ...] = _doc(
        "Direct chats with the department's number to carry: numbers (+923001234567, +92300*) or "
        "patterns of names, * for all; none by default. People choose their names themselves: "
        "only a number is surely somebody's. See docs/direct-chats.md.", tuple)
    join_members: str = _doc(
        "Which members' ghosts are in a room: lazily (those who spoke) or all.", "lazily")
    spaces: tuple[SpaceRule, ...] = _doc(
        "Sub-spaces, the first rule that fits counts: {space: NAME, groups: [PATTERN or JID, …]}.",
        tuple)
    encrypted: tuple[str, ...] = _doc(
        "Groups whose rooms are encrypted, by JID or by a pattern of the name; * for all. A room "
        "that was encrypted stays so. See docs/encryption.md first.", tuple)
    deletions: str = _doc(
        "What the room shows of a message deleted on WhatsApp: redact (nothing) or strike (struck "
        "through). The record keeps it in any case.", "redact")
    view_once: str = _doc(
        "Pictures to be seen once, where WhatsApp hands them over: keep, or notice (not fetched).",
        "keep")
    receipts: bool = _doc(
        "What members have read is shown on what staff wrote, and kept for !wa seen.", True)
    read_receipts: bool = _doc(
        "When staff read, their messages are marked read on the department's phone. Off, because "
        "the members then see blue ticks: the department's word that it has read, given by any "
        "open tab of one officer.", False)
    typing: bool = _doc(
        "Who types is shown, both ways. Off, because WhatsApp tells it only to an account that is "
        "online, and then rings its phone no more (the bridge is online while staff write or read, "
        "and two minutes longer); and because Matrix does not say whether somebody writes to the "
        "group or under a case.", False)
    threads: str = _doc(
        "Which messages go into a thread: quotes (those that quote one of it), or sure (also "
        "others whose conversation is plain; see docs/threads.md).", "sure")
    retries: int = _doc("Tries before a failed message becomes a notice.", 8)

    @property
    def sender(self) -> str:
        """Localpart of the bridge's appservice itself, as whom nobody speaks: Synapse refuses /sync
        to an appservice's sender, and /sync is how the keys of encrypted rooms come."""
        return f"{self.bot}-appservice"


@dataclass(frozen=True)
class WhatsApp:
    """The WhatsApp link."""

    name: str = _doc("Name of the link; its session and journal are files of that name.", "main")
    device_name: str = _doc("How the link is shown in the phone's list of linked devices.",
                            "Daftar")
    environment: dict[str, str] = _doc(
        "Environment of the link's process, e.g. HTTPS_PROXY.", dict)
    media_limit: int = _doc(
        "Largest file that is fetched from WhatsApp, in MB; while one comes, the link's process "
        "holds six times as much.", 100)
    pace_minute: int = _doc("Messages that may leave in a minute; 0 for no limit.", 20)
    pace_hour: int = _doc("Messages that may leave in an hour; 0 for no limit.", 300)


@dataclass(frozen=True)
class Bot:
    """The governance bot, an appservice user of its own."""

    as_token: str = _doc("Secret the bot shows the homeserver.", secret=True)
    hs_token: str = _doc("Unused by the bot, but the homeserver wants one.", secret=True)
    id: str = _doc("The appservice's id in the registration.", "daftar-bot")
    user: str = _doc("Localpart of the bot's user.", "daftar")
    prefix: str = _doc("What commands begin with.", "!")
    department: str = _doc("Abbreviation in case numbers.", "SED")
    roles: dict[str, str] = _doc(
        "Who may what: {MATRIX ID: viewer, staff, officer or admin}, or a post that somebody holds "
        "in the directory (DC Sibi), or all posts of a kind (DC). Who is not named is admin when "
        "in bridge.admins, officer from power level 50 of a room on, and staff otherwise. "
        "Officials on WhatsApp are viewers, unless their post or their phone number "
        "(+923001234567) is named.",
        dict)
    buttons: dict[str, str] = _doc(
        "Reactions that stand for commands: open a case with the message, link it to the case last "
        "worked on, take the case, and correct what I propose.",
        lambda: {"open": "📁", "link": "🔗", "take": "👀", "edit": "✏️"})
    duplicate_days: int = _doc(
        "Whoever opens a case about a school that another was opened about so many days ago is "
        "asked first.", 14)
    digest: str = _doc(
        "When on an office day people are told what is theirs, and rooms on the week's first "
        "office day how they stand: \"09:00\", in quotes; empty for never. Never before the office "
        "opens.",
        "09:00")
    staff_room: str = _doc(
        "Name of the private room for bridge.staff and bridge.admins in which the bot suggests "
        "which messages belong to which case; empty for none.", "Daftar staff")
    official_commands: tuple[str, ...] = _doc(
        "What officials may ask from WhatsApp, and are answered before the whole group; empty for "
        "nothing. `case list (officer)`: only those whom bot.roles names as officer or more. Of "
        "case status only how a case stands; what waits for a ✅ cannot be given from there.",
        lambda: ("case status",))
    other_bridges: tuple[str, ...] = _doc(
        "Localparts of the bots of other WhatsApp bridges (mautrix-whatsapp). A group's room that "
        "one of them fills is recorded from the day the bot is invited into it, with what was said "
        "there before.", lambda: ("whatsappbot",))
    other_ghosts: tuple[str, ...] = _doc(
        "Localparts of those bridges' WhatsApp senders; each holds {phone} or {lid}.",
        lambda: ("whatsapp_lid-{lid}", "whatsapp_{phone}"))
    other_names: str = _doc("Display name of such a sender; field: name.", "{name} (WA)")

    @property
    def sender(self) -> str:
        """Localpart of the bot's appservice itself, as whom nobody ever speaks: Synapse refuses
        /sync to an appservice's sender, so the bot's user is another one of its namespace."""
        return f"{self.user}-appservice"


@dataclass(frozen=True)
class Web:
    """The archive's pages."""

    host: str = _doc("Address the archive pages listen on.", "127.0.0.1")
    port: int = _doc("Port the archive pages listen on.", 29480)
    public_url: str = _doc("The address people type; http://HOST:PORT when empty.", "")
    readers: tuple[str, ...] = _doc(
        "Matrix ids that may read the archive, beside bridge.admins and bridge.staff.", tuple)
    upload_limit: int = _doc(
        "Largest chat export that the page Imports takes, in MB; `daftar import` has no limit.",
        4096)
    metrics_token: str = _doc(
        "What Prometheus shows at /metrics as its bearer token; no such page when empty.", "",
        secret=True)


@dataclass(frozen=True)
class Office:
    """The office's hours and holidays, on which every due date lives."""

    file: str = _doc("File with the office's hours, seasons and holidays, from the folder of this "
                     "file; Balochistan's as shipped when empty. See docs/calendar.md.", "")
    week: dict[str, str] = _doc(
        "Hours by weekday in place of the file's and its seasons': {monday: 09:00-17:00, friday: "
        "09:00-13:00 and 14:30-17:00}; a day that is not named is closed.", dict)
    holidays: tuple[str, ...] = _doc(
        "Further days off: 2026-12-24 NAME, 2027-03-10..2027-03-12 NAME or, every year, 26 Dec "
        "NAME.", tuple)
    open_days: tuple[str, ...] = _doc(
        "Days that are worked although they are off by week or holiday: 2026-11-28 NAME.", tuple)
    cob: str = _doc("The hour that is meant by COB and close of office.", "17:00")


@dataclass(frozen=True)
class Directory:
    """Posts, who holds them, and the places that they are for."""

    file: str = _doc("CSV file with posts, people and dates, from the folder of this file; it is "
                     "read at a start whenever it has changed. As shipped, with posts and nobody "
                     "in them, when empty. See docs/directory.md.", "")
    gazetteer: str = _doc("YAML file with places and kinds of posts; Balochistan's as shipped when "
                          "empty.", "")
    propose: bool = _doc("Names that tell a post (“DEO Sibi Ghulam”) are asked about in the staff "
                         "room, each once.", True)


@dataclass(frozen=True)
class Letterhead:
    """Letters that `!case letter` drafts."""

    government: str = _doc("First line of the letterhead.", "Government of Balochistan")
    department: str = _doc("Second line of the letterhead.", "School Education Department")
    place: str = _doc("Where letters are dated.", "Quetta")
    signatory: str = _doc("Name of who signs; a blank line when empty.", "")
    designation: str = _doc("Office of who signs.", "Section Officer")
    telephone: str = _doc("Telephone under the signature; none when empty.", "")
    copies: tuple[str, ...] = _doc("Who gets a copy for information.", lambda: (
        "PS to Secretary, School Education Department", "Master file"))


@dataclass(frozen=True)
class Directives:
    """How orders are followed."""

    remind: str = _doc(
        "Where reminders and escalations go: staff (the staff room shows whom to remind), group "
        "(to WhatsApp, quoting the order), direct (a private talk or direct chat with the holder; "
        "the staff room where there is none), or off.", "staff")
    language: str = _doc("Language of what goes to officials: en, ur or both.", "both")
    templates: str = _doc("File with the words of reminders, from the folder of this file; as "
                          "shipped when empty. See docs/directives.md.", "")
    before_days: int = _doc("Office days before its date that an order is first spoken of; 0 for "
                            "not before.", 1)
    every_days: int = _doc("Office days between two reminders of one order.", 1)
    unanswered_days: int = _doc("Office days after which an order without a date that nobody has "
                                "answered is reminded of; 0 for never.", 3)
    escalate_days: int = _doc("Office days after its date, and between two steps, after which the "
                              "next post in the line of authority is told; 0 for never.", 3)


@dataclass(frozen=True)
class Config:
    """Everything the house needs to know."""

    homeserver: Homeserver = _doc("The Matrix homeserver.")
    bridge: Bridge = _doc("The bridge's appservice.")
    bot: Bot = _doc("The governance bot.")
    data: Path = _doc("Folder for the session, the journal, media and the embedded database.",
                      lambda: Path("data"))
    database: str = _doc(
        "sqlite:PATH or postgresql://USER:PASSWORD@HOST/NAME; DATA/daftar.sqlite when empty.",
        "", secret=True)
    whatsapp: WhatsApp = _doc("The WhatsApp link.", WhatsApp)
    web: Web = _doc("The archive's pages.", Web)
    office: Office = _doc("The office's hours and holidays, on which every due date lives.", Office)
    directory: Directory = _doc("Posts, who holds them, and the places that they are for.",
                                Directory)
    letter: Letterhead = _doc("Letters that `!case letter` drafts.", Letterhead)
    directives: Directives = _doc("How orders are followed.", Directives)
    timezone: str = _doc("Time zone in which dates are shown and read.", "Asia/Karachi")

    @property
    def database_url(self) -> str:
        """The database, with the embedded default filled in."""
        return self.database or f"sqlite:{self.data / 'daftar.sqlite'}"

    def user_id(self, localpart: str) -> str:
        """The Matrix id of a localpart on this homeserver."""
        return f"@{localpart}:{self.homeserver.name}"


def load(path: Path | str, env: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file. Raises ConfigError with one sentence that names file and key."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; `daftar init` writes one, or name it with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        values = yaml.load(text, _Loader)  # a safe loader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {_one_line(error)}") from None
    return from_values({} if values is None else values, where=str(path), env=env,
                       base=path.parent)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which also refuses a key that stands twice: the second would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = getattr(key_node, "value", None)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice in one section", key_node.start_mark)
            seen.add(key if isinstance(key, str) else id(key_node))
        return super().construct_mapping(node, deep)


def from_values(
    values: Any, *, where: str = "configuration", env: Mapping[str, str] = os.environ,
    base: Path = Path(),
) -> Config:
    """Build a Config from parsed YAML; `where` is named in errors, `base` is the folder that
    relative paths start from. Raises ConfigError."""
    config = _build(Config, values, "", where, env, base)
    database = config.database
    if database.startswith("sqlite:"):
        database = f"sqlite:{base / database.removeprefix('sqlite:')}"
    config = dataclasses.replace(config, data=base / config.data, database=database)
    if config.office.file:
        office = dataclasses.replace(config.office, file=str(base / config.office.file))
        config = dataclasses.replace(config, office=office)
    if config.directives.templates:
        following = dataclasses.replace(
            config.directives, templates=str(base / config.directives.templates))
        config = dataclasses.replace(config, directives=following)
    named = {name: str(base / path) for name in ("file", "gazetteer")
             if (path := getattr(config.directory, name))}
    config = dataclasses.replace(
        config, directory=dataclasses.replace(config.directory, **named))
    for key, problem in _problems(config):
        raise ConfigError(f"{where}: {key} {problem}")
    return config


_USER_ID = re.compile(r"@[^:\s]+:\S+")
_LOCALPART = re.compile(r"[a-z0-9._=/+-]+")


def _problems(config: Config) -> Iterable[tuple[str, str]]:
    """Values of the right type that cannot work: (key, what is wrong)."""
    home, bridge, bot, web = config.homeserver, config.bridge, config.bot, config.web
    for key, url in (("homeserver.url", home.url), ("homeserver.public_url", home.public_url),
                     ("bridge.url", bridge.url), ("web.public_url", web.public_url)):
        if (url or key == "homeserver.url") and not re.match(r"https?://[^/\s]+", url):
            yield key, f"must begin with http:// or https:// and a host, not be {url!r}"
    if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", home.name):
        yield "homeserver.name", f"must be a server name such as example.org, not {home.name!r}"
    for key, port in (("bridge.port", bridge.port), ("web.port", web.port)):
        if port > 65535:
            yield key, f"must be a port, at most 65535, not {port}"
    for key, localpart in (("bridge.bot", bridge.bot), ("bot.user", bot.user),
                           ("bridge.ghost_prefix", bridge.ghost_prefix)):
        if not _LOCALPART.fullmatch(localpart):
            yield key, ("must be made of lower case letters, digits and . _ = - / +, "
                        f"not be {localpart!r}")
    for key, users in (("bridge.admins", bridge.admins), ("bridge.staff", bridge.staff),
                       ("web.readers", web.readers)):
        for user in users:
            if not _USER_ID.fullmatch(user):
                yield key, f"must hold Matrix ids such as @name:{home.name}, not {user!r}"
    for key, template, fields in (("bridge.ghost_name", bridge.ghost_name,
                                   ("name", "phone", "post")),
                                  ("bridge.relay", bridge.relay, ("name", "post", "text"))):
        try:
            template.format(**dict.fromkeys(fields, "x"))
        except (KeyError, IndexError, ValueError, AttributeError):
            yield key, f"may only use the fields {{{'}, {'.join(fields)}}}, not {template!r}"
    for key, value, choices in (("bridge.deletions", bridge.deletions, ("redact", "strike")),
                                ("bridge.view_once", bridge.view_once, ("keep", "notice")),
                                ("bridge.threads", bridge.threads, ("quotes", "sure")),
                                ("directives.remind", config.directives.remind,
                                 ("staff", "group", "direct", "off")),
                                ("directives.language", config.directives.language,
                                 ("en", "ur", "both")),
                                ("bridge.join_members", bridge.join_members, ("lazily", "all"))):
        if value not in choices:
            yield key, f"must be {' or '.join(choices)}, not {value!r}"
    if not re.fullmatch(r"[A-Z]{2,8}", bot.department):
        yield "bot.department", f"must be two to eight capital letters, not {bot.department!r}"
    for template in bot.other_ghosts:
        if len(re.findall(r"\{phone\}|\{lid\}", template)) != 1:
            yield "bot.other_ghosts", f"must each hold {{phone}} or {{lid}} once, not {template!r}"
    if bot.other_names.count("{name}") != 1:
        yield "bot.other_names", f"must hold {{name}} once, not {bot.other_names!r}"
    for user, role in bot.roles.items():
        if not (_USER_ID.fullmatch(user) or re.fullmatch(r"\+?[1-9]\d{7,14}", user)
                or user[:1].isalpha()):
            yield "bot.roles", (f"must hold Matrix ids such as @name:{home.name}, phone numbers "
                                f"such as +923001234567, or posts such as DC Sibi, not {user!r}")
        if role not in ("viewer", "staff", "officer", "admin"):
            yield "bot.roles", f"must say viewer, staff, officer or admin of {user}, not {role!r}"
    for name in bot.official_commands:
        if not re.fullmatch(r"[^()]+( \((viewer|staff|officer|admin)\))?", name):
            yield "bot.official_commands", (
                f"must hold commands such as case status or case list (officer), not {name!r}")
    for name in bot.buttons:
        if name not in ("open", "link", "take", "edit"):
            yield "bot.buttons", f"may name open, link, take and edit, not {name!r}"
    if bot.digest and not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", bot.digest):
        yield "bot.digest", (f'must be a time in quotes such as "09:00", or empty, not '
                             f"{bot.digest!r}")
    if not bot.prefix.strip():
        yield "bot.prefix", "must not be empty: every message would be a command"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", config.whatsapp.name):
        yield "whatsapp.name", ("becomes a folder: letters, digits, - and _ only, not "
                                f"{config.whatsapp.name!r}")
    tokens = {"bridge.as_token": bridge.as_token, "bridge.hs_token": bridge.hs_token,
              "bot.as_token": bot.as_token, "bot.hs_token": bot.hs_token}
    for key, token in tokens.items():
        if not token:
            yield key, "is empty"
    if bridge.puppet_token and bridge.puppet_token in tokens.values():
        yield "bridge.puppet_token", "must differ from the other tokens"
    if bridge.as_token == bot.as_token:
        yield "bot.as_token", "must differ from bridge.as_token: it tells the homeserver who calls"
    if config.database and not config.database.startswith(
            ("sqlite:", "postgresql://", "postgres://")):
        yield "database", "must begin with sqlite: or postgresql://"
    try:
        zoneinfo.ZoneInfo(config.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield "timezone", f"must be a time zone such as Asia/Karachi, not {config.timezone!r}"


def _build(cls: type, values: Any, prefix: str, where: str, env: Mapping[str, str],
           base: Path) -> Any:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: {prefix.rstrip('.') or 'the file'} must be made of "
                          f"`KEY: value` lines, not {reprlib.repr(values)}")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    allowed = {*fields, *(f"{n}_file" for n, f in fields.items() if f.metadata["secret"])}
    for key in values:
        if key not in allowed:
            raise ConfigError(f"{where}: {prefix}{key} is not a known key{_nearest(key, allowed)}")
    built = {}
    for name, spec in fields.items():
        key, kind = prefix + name, hints[name]
        if dataclasses.is_dataclass(kind):
            given = values.get(name)
            built[name] = _build(kind, {} if given is None else given, key + ".", where, env, base)
            continue
        raw = _value(values, name, key, where, env, base)
        if raw is not None:
            built[name] = _convert(raw, kind, key, where, spec.metadata["secret"])
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}: {key} is missing: {spec.metadata['doc']}")
    return cls(**built)


def _value(values: dict[str, Any], name: str, key: str, where: str, env: Mapping[str, str],
           base: Path) -> Any:
    from_env = env.get("DAFTAR_" + key.replace(".", "_").upper())
    if from_env is not None:
        return from_env
    secret_file = values.get(name + "_file")
    if secret_file is not None:
        if values.get(name) is not None:
            raise ConfigError(f"{where}: give either {key} or {key}_file, not both")
        try:
            return (base / str(secret_file)).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: {key}_file cannot be read: {error}") from None
    return values.get(name)


def _convert(raw: Any, kind: Any, key: str, where: str, secret: bool = False) -> Any:
    if isinstance(raw, str) and EXAMPLE_MARK in raw:
        raise ConfigError(f"{where}: {key} still holds the example's value; put your own there")
    if kind in (str, Path) and isinstance(raw, (str, int)) and not isinstance(raw, bool):
        return kind(str(raw))
    if kind is int and not isinstance(raw, bool) and str(raw).strip().isdigit():
        return int(raw)
    if kind is bool and str(raw).lower() in ("true", "false", "yes", "no"):
        return str(raw).lower() in ("true", "yes")
    origin = typing.get_origin(kind)
    if origin is tuple and dataclasses.is_dataclass(rule := typing.get_args(kind)[0]):
        if isinstance(raw, list):
            return tuple(_build(rule, item, f"{key}[{number}].", where, {}, Path())
                         for number, item in enumerate(raw))
        raise ConfigError(f"{where}: {key} must be a list of rules, not {reprlib.repr(raw)}")
    if origin is tuple:
        items = [part.strip() for part in raw.split(",")] if isinstance(raw, str) else raw
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            for item in items:
                _convert(item, str, key, where)
            return tuple(item for item in items if item)
    if origin is dict:
        pairs = _pairs(raw) if isinstance(raw, str) else raw
        if isinstance(pairs, dict):
            return {str(k): _convert(v, str, f"{key}.{k}", where) for k, v in pairs.items()}
    shown = "what stands there" if secret else reprlib.repr(raw)
    raise ConfigError(f"{where}: {key} must be {_KINDS.get(origin or kind, kind)}, not {shown}")


def _pairs(text: str) -> dict[str, str] | None:
    """`NAME=value,NAME=value`, as the environment gives them; None when it is not that."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        return None
    return {name.strip(): value.strip() for name, _, value in pairs}


_KINDS: dict[Any, str] = {
    str: "text", Path: "a path", int: "a whole number", bool: "true or false",
    tuple: "a list of texts", dict: "`NAME: value` lines",
}


def _nearest(key: str, allowed: set[str]) -> str:
    near = difflib.get_close_matches(str(key), sorted(allowed), 1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(sorted(allowed))}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
