"""What a linked device may change of a group, and how the server refuses it.

Codes as whatsmeow's parser knows them (group.go): a whole question is refused with 401
(not-authorized: no admin), 403 (forbidden: not in the group), 404, 406 (not-acceptable); of the
people it names each may carry an error of its own.
"""
from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from emulator.model import Group
from emulator.nodes import Jid, Node
from emulator.phone import Phone

if TYPE_CHECKING:
    from emulator.server import Emulator

NAME_LIMIT, TOPIC_LIMIT = 100, 2048  # characters
ADMINS_ONLY = 403  # of a person: only a link lets them in; <add_request> is the invitation
UNKNOWN, GONE_LATELY, THERE = 404, 408, 409
OWNER = 405  # the owner can neither be removed nor dismissed
_JPEG = b"\xff\xd8"


class Refusal(Exception):
    """An <iq type="error">: HTTP-like code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def change(emulator: Emulator, by: Phone, group: Group, node: Node) -> list[Node] | None:
    """Do what the device of `by` asks. Raises Refusal."""
    for wanted in node.children():
        match wanted.tag:
            case "add" | "remove" | "promote" | "demote":
                return [_people(emulator, by, group, wanted)]
            case "subject":
                _may_describe(by, group)
                emulator.rename_now(group, _text(wanted, NAME_LIMIT), by)
                return None
            case "description":
                _may_describe(by, group)
                body = wanted.child("body")
                topic = _text(body, TOPIC_LIMIT) if body is not None else ""
                emulator.change.describe(group, topic, by)
                return None
    raise Refusal(501, "feature-not-implemented")


def picture(emulator: Emulator, by: Phone, group: Group, node: Node | None) -> None:
    """A group's new picture: a JPEG, or none. Raises Refusal."""
    if by.number not in group.members:
        raise Refusal(403, "forbidden")
    _may_describe(by, group)
    data = node.content if node is not None else None
    if data is not None and not (isinstance(data, bytes) and data.startswith(_JPEG)):
        raise Refusal(406, "not-acceptable")
    emulator.change.set_picture(group, data, by)


def _may_describe(by: Phone, group: Group) -> None:
    if group.locked and not group.is_admin(by.number):
        raise Refusal(401, "not-authorized")


def _text(node: Node, limit: int) -> str:
    text = node.content.decode("utf-8", "replace") if isinstance(node.content, bytes) else ""
    if not text or len(text) > limit:
        raise Refusal(406, "not-acceptable")
    return text


def _people(emulator: Emulator, by: Phone, group: Group, wanted: Node) -> Node:
    """Adds, removes, promotes or dismisses; the answer names each with what came of it."""
    if not group.is_admin(by.number):
        raise Refusal(401, "not-authorized")
    answers = []
    for part in wanted.children("participant"):
        jid = part.jid("jid")
        error = _one(emulator, by, group, wanted.tag, jid)
        answer = Node("participant", {"jid": jid, "error": error})
        if error == ADMINS_ONLY:
            answer.content = [Node("add_request", {
                "code": secrets.token_urlsafe(12), "expiration": int(time.time()) + 259_200})]
        answers.append(answer)
    return Node(wanted.tag, {}, answers)


def _one(emulator: Emulator, by: Phone, group: Group, what: str, jid: Jid) -> int | None:
    """Does it to one person. The error's code, None when it is done."""
    phone = emulator.by_jid(jid)
    if phone is None:
        return UNKNOWN
    there = phone.number in group.members
    if what == "add":
        if there:
            return THERE
        if phone.by_link_only:
            return ADMINS_ONLY
        if phone.number in group.left:
            return GONE_LATELY
        emulator.change.add(group, [phone], by)
        return None
    if not there:
        return UNKNOWN
    if group.members[phone.number] == "superadmin" and what != "promote":
        return OWNER
    if what == "remove":
        emulator.change.remove(group, [phone], by)
    else:
        emulator.change.set_role(group, phone, "admin" if what == "promote" else "member", by)
    return None
