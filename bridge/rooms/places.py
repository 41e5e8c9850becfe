"""Where a group's room belongs: the department's space, a sub-space by rule, or its community's."""
from __future__ import annotations

from fnmatch import fnmatchcase

from archive.model import Chat
from bridge.rooms.standing import Standing
from config import Config

DEPARTMENT = ""  # the place of a room that no rule and no community claims


def place(config: Config, chat: Chat, standing: Standing) -> str:
    """The key of a room's space: `rule NAME`, `community JID`, or DEPARTMENT. The first rule of
    bridge.spaces counts that names the group by JID or whose pattern fits its name."""
    for rule in config.bridge.spaces:
        if _named(chat, rule.groups):
            return f"rule {rule.space}"
    return f"community {standing.parent}" if standing.parent else DEPARTMENT


def title(key: str, standing: Standing) -> str:
    """The name of the sub-space with that key."""
    kind, _, rest = key.partition(" ")
    return rest if kind == "rule" else standing.community or rest.partition("@")[0]


def encrypted(config: Config, chat: Chat) -> bool:
    """Whether bridge.encrypted names a group, by JID or by a pattern of its name."""
    return _named(chat, config.bridge.encrypted)


def _named(chat: Chat, groups: tuple[str, ...]) -> bool:
    name = chat.name.casefold()
    return any(pattern == chat.jid or fnmatchcase(name, pattern.casefold()) for pattern in groups)
