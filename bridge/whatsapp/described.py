"""What the link says about groups, as dataclasses: a description, a change, a picture.

Pure, as bridge/whatsapp/events.py, whose part for groups this is.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from archive.ids import GROUP_SERVER, LID_SERVER, USER_SERVER
from archive.model import Sender
from bridge.link import GROUP_INFO, JOINED_GROUP, PICTURE
from bridge.whatsapp.events import Malformed, jid, sender_of_jid, to_jid
from waproto import neonize_pb2

CODES = (GROUP_INFO, JOINED_GROUP, PICTURE)  # the events that parse() reads


@dataclass(frozen=True)
class GroupMember:
    """A participant of a group. role: member, admin, superadmin."""

    sender: Sender
    role: str


@dataclass(frozen=True)
class Group:
    """A group as WhatsApp describes it. `timer`: seconds until messages disappear, 0 for never;
    `parent`: the community that it belongs to; `is_parent`: it is itself a community."""

    jid: str
    name: str
    topic: str
    members: tuple[GroupMember, ...]
    announce: bool = False  # only admins can send
    locked: bool = False  # only admins can change name, description and picture
    timer: int = 0
    parent: str = ""
    is_parent: bool = False


@dataclass(frozen=True)
class GroupChange:
    """Something about a group changed. None: that did not. JIDs of members as the group knows them.
    `unknown`: changes that the library hands over as they came."""

    chat: str
    sender: Sender | None  # who changed it
    at: int  # Unix milliseconds
    fingerprint: str  # the same for the same change handed over again
    name: str | None = None
    topic: str | None = None
    joined: tuple[str, ...] = ()
    by_link: bool = False  # they joined by the group's invite link
    left: tuple[str, ...] = ()
    promoted: tuple[str, ...] = ()
    demoted: tuple[str, ...] = ()
    announce: bool | None = None
    locked: bool | None = None
    timer: int | None = None
    deleted: bool = False
    new_link: bool = False
    linked: str = ""  # the name of the community that the group was put into
    unlinked: bool = False
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """A change that the library does not read."""

    tag: str
    people: tuple[Sender, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Picture:
    """The picture of a group or a person changed, or is no more."""

    jid: str
    author: Sender | None
    at: int
    removed: bool
    fingerprint: str = field(default="", compare=False)


def parse(code: int, body: bytes) -> GroupChange | Group | Picture | None:
    """One event of the link with a code of CODES. Raises Malformed when the bytes do not parse."""
    try:
        match code:
            case 22:
                return _change(neonize_pb2.GroupInfoEvent.FromString(body),
                               hashlib.sha256(body).hexdigest()[:16])
            case 21:
                return read_group(neonize_pb2.JoinedGroup.FromString(body).GroupInfo)
            case 23:
                event = neonize_pb2.Picture.FromString(body)
                return Picture(jid(event.JID), sender_of_jid(jid(event.Author)),
                               event.Timestamp * 1000, event.Remove,
                               hashlib.sha256(body).hexdigest()[:16])
            case _:
                return None
    except DecodeError as error:
        raise Malformed(f"event {code} of {len(body)} bytes does not parse: {error}") from error


def read_group(info: neonize_pb2.GroupInfo) -> Group:
    """A group's description as the library gives it."""
    members = []
    for part in info.Participants:
        found = _person(part.JID, part.PhoneNumber, part.LID)
        if found:
            role = "superadmin" if part.IsSuperAdmin else "admin" if part.IsAdmin else "member"
            members.append(GroupMember(found, role))
    return Group(
        jid=jid(info.JID), name=_text(info.GroupName.Name), topic=_text(info.GroupTopic.Topic),
        members=tuple(members), announce=info.GroupAnnounce.IsAnnounce,
        locked=info.GroupLocked.isLocked,
        timer=info.GroupEphemeral.DisappearingTimer if info.GroupEphemeral.IsEphemeral else 0,
        parent=jid(info.GroupLinkedParent.LinkedParentJID), is_parent=info.GroupParent.IsParent)


def _person(*candidates: neonize_pb2.JID) -> Sender | None:
    """Number and LID of one participant; None when no address of it can be read."""
    found = [sender for sender in map(sender_of_jid, map(jid, candidates)) if sender]
    if not found:
        return None
    return Sender(pn=next((s.pn for s in found if s.pn), None),
                  lid=next((s.lid for s in found if s.lid), None))


def _change(event: neonize_pb2.GroupInfoEvent, fingerprint: str) -> GroupChange:
    has = event.HasField
    timer = None
    if has("Ephemeral"):
        timer = event.Ephemeral.DisappearingTimer if event.Ephemeral.IsEphemeral else 0
    return GroupChange(
        chat=jid(event.JID), sender=sender_of_jid(jid(event.Sender)),
        at=int(event.Timestamp) * 1000, fingerprint=fingerprint,
        name=_text(event.Name.Name) if has("Name") else None,
        topic=_text(event.Topic.Topic) if has("Topic") else None,
        joined=tuple(jid(j) for j in event.Join), by_link=event.JoinReason == "invite",
        left=tuple(jid(j) for j in event.Leave),
        promoted=tuple(jid(j) for j in event.Promote),
        demoted=tuple(jid(j) for j in event.Demote),
        announce=event.Announce.IsAnnounce if has("Announce") else None,
        locked=event.Locked.isLocked if has("Locked") else None, timer=timer,
        deleted=has("Delete") and event.Delete.Deleted, new_link=has("NewInviteLink"),
        linked=_text(event.Link.Group.GroupName.Name) or jid(event.Link.Group.JID)
        if has("Link") and event.Link.Type == neonize_pb2.GroupLinkChange.PARENT else "",
        unlinked=has("Unlink") and event.Unlink.Type == neonize_pb2.GroupLinkChange.PARENT,
        unknown=tuple(_unknown(node) for node in event.UnknownChanges))


def _unknown(node: neonize_pb2.Node) -> Unknown:
    """A node that the library hands over unread: the people in it, and its text."""
    people = [_person(*(
        attribute.jid if attribute.HasField("jid") else to_jid(_text(attribute.text))
        for attribute in part.Attrs if attribute.name in ("jid", "phone_number", "lid")))
        for part in (node, *node.Nodes)]
    return Unknown(_text(node.Tag)[:80], tuple(person for person in people if person),
                   node.Bytes.decode("utf-8", "replace")[:200])


def is_group(address: str) -> bool:
    """Whether a JID is a group's."""
    return address.endswith("@" + GROUP_SERVER)


def is_direct(address: str) -> bool:
    """Whether an address is a person's, and a chat of that name a direct one."""
    return address.endswith(("@" + USER_SERVER, "@" + LID_SERVER))


def _text(value: str | bytes) -> str:
    """A protobuf string; one that is not UTF-8 comes as bytes (proto2 lets it pass)."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
