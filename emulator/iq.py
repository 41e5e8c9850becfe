"""Questions that clients ask the server, and its answers."""
from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator import asked
from emulator.asked import Refusal
from emulator.content import MEDIA_HOST
from emulator.model import EmulatorError, Group
from emulator.nodes import SERVER, Jid, Node, NodeError
from emulator.phone import Phone
from emulator.signal import Bundle

if TYPE_CHECKING:
    from emulator.server import Emulator
    from emulator.session import ClientSession

log = logging.getLogger("daftar.emulator")

PICTURE_HOST = "pps.whatsapp.net"


def answer(emulator: Emulator, session: ClientSession, node: Node) -> None:
    """Answers one <iq>. Raises NodeError for a malformed one."""
    if node.attrs.get("type") in ("result", "error"):
        _client_answer(emulator, session, node)
        return
    attrs = {"from": node.attrs.get("to", SERVER), "id": node.attr("id")}
    try:
        content = _handler(session, node)(emulator, session, node)
    except Refusal as refusal:
        session.send(Node("iq", {**attrs, "type": "error"}, [
            Node("error", {"code": refusal.code, "text": refusal.text})
        ]))
        return
    session.send(Node("iq", {**attrs, "type": "result"}, content))
    if node.attrs.get("xmlns") == "passive" and node.child("active") and session.device:
        session.active = True
        session.device.deliver_queue()


def _client_answer(emulator: Emulator, session: ClientSession, node: Node) -> None:
    signed, error = node.child("pair-device-sign"), node.child("error")
    if signed is not None:
        emulator.pairing.signed(session, signed)
    elif error is not None:
        emulator.pairing.sign_error(session, error.attrs.get("text", "no reason given"))


Handler = Callable[["Emulator", "ClientSession", Node], "list[Node] | None"]


def _handler(session: ClientSession, node: Node) -> Handler:
    space, kind = node.attrs.get("xmlns", ""), node.attr("type")
    if space == "md":
        return _md
    if space in ("w:p", "urn:xmpp:ping"):
        return _nothing
    if session.device is None:
        raise NodeError(f"a question about {space} from a client that is not linked")
    return _HANDLERS.get((space, kind), _unknown)


def _nothing(emulator: Emulator, session: ClientSession, node: Node) -> None:
    return None


def _unknown(emulator: Emulator, session: ClientSession, node: Node) -> None:
    """An empty answer: the client takes it as "none", or fails at once rather than waiting."""
    log.info("%s asked what the emulator does not know: %r", session, node)
    return None


def _md(emulator: Emulator, session: ClientSession, node: Node) -> list[Node] | None:
    link = node.child("link_code_companion_reg")
    if link is not None and link.attrs.get("stage") == "companion_hello":
        ref = emulator.pairing.hello(session, link)
        return [Node("link_code_companion_reg", {"stage": "companion_hello"}, [
            Node("link_code_pairing_ref", {}, ref)
        ])]
    if link is not None:
        emulator.pairing.finish(session, link)
    elif node.child("remove-companion-device") is not None and session.device is not None:
        emulator.unlink_soon(session.device)
    return None


# -- keys -----------------------------------------------------------------------------------------


def _keys_get(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    if node.child("count") is not None:
        return [Node("count", {"value": len(session.device.prekeys)})]
    wanted = node.child("key") or node.child("key_fetch")
    if wanted is None:
        raise Refusal(501, "feature-not-implemented")
    return [Node("list", {}, [_bundle(emulator, user) for user in wanted.children("user")])]


def _bundle(emulator: Emulator, user: Node) -> Node:
    jid = user.jid("jid")
    phone = emulator.by_jid(jid)
    owner = phone.devices.get(jid.device) if phone and jid.device else phone
    if owner is None:
        return Node("user", {"jid": jid}, [Node("error", {"code": "404", "text": "not-found"})])
    try:
        return bundle_node(jid, owner.bundle() if isinstance(owner, Phone) else owner.take_bundle())
    except EmulatorError:
        return Node("user", {"jid": jid}, [Node("error", {"code": "503", "text": "no keys yet"})])


def bundle_node(jid: Jid, bundle: Bundle) -> Node:
    """A key bundle as the server hands it out."""
    parts = [
        Node("registration", {}, bundle.registration.to_bytes(4)),
        Node("type", {}, b"\x05"),
        Node("identity", {}, bundle.identity),
        Node("skey", {}, [
            Node("id", {}, bundle.signed_id.to_bytes(3)), Node("value", {}, bundle.signed),
            Node("signature", {}, bundle.signature),
        ]),
    ]
    if bundle.one_time is not None:
        parts.append(Node("key", {}, [
            Node("id", {}, bundle.one_time_id.to_bytes(3)), Node("value", {}, bundle.one_time),
        ]))
    return Node("user", {"jid": jid}, parts)


def _keys_set(emulator: Emulator, session: ClientSession, node: Node) -> None:
    rotate = node.child("rotate")
    if rotate is not None:
        skey = rotate.child("skey")
        if skey is None:
            raise NodeError("a rotation of keys without <skey>")
        session.device.rotate(skey)
    else:
        session.device.publish(node)
    emulator.store.now()


# -- groups ---------------------------------------------------------------------------------------


def _groups_get(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    number = session.device.phone.number
    if node.child("participating") is not None:
        return [Node("groups", {}, [
            group_node(emulator, group) for group in emulator.groups.values()
            if number in group.members
        ])]
    if node.child("query") is None:
        raise Refusal(501, "feature-not-implemented")
    return [group_node(emulator, _own_group(emulator, session, node))]


def _own_group(emulator: Emulator, session: ClientSession, node: Node) -> Group:
    group = emulator.groups.get(node.jid("to"))
    if group is None:
        raise Refusal(404, "item-not-found")
    if session.device.phone.number not in group.members:
        raise Refusal(403, "forbidden")
    return group


def group_node(emulator: Emulator, group: Group) -> Node:
    """A group as the server describes it: every participant with both addresses."""
    owner = emulator.known(group.owner)
    parts = [participant(emulator.known(number), group, role)
             for number, role in group.members.items()]
    if group.topic:
        parts.append(Node("description", {
            "id": f"topic{group.creation}", "t": group.creation,
            "participant": owner.address(group),
        }, [Node("body", {}, group.topic.encode())]))
    for tag, on in (("announcement", group.announce), ("locked", group.locked),
                    ("parent", group.is_parent)):
        if on:
            parts.append(Node(tag, {}))
    if group.timer:
        parts.append(Node("ephemeral", {"expiration": group.timer}))
    if group.parent:
        parts.append(Node("linked_parent", {"jid": Jid(group.parent)}))
    other = {"creator_pn": owner.jid, "s_o_pn": owner.jid} if group.addressing == "lid" else {}
    return Node("group", {
        "id": group.jid.partition("@")[0], "subject": group.name, "creation": group.creation,
        "creator": owner.address(group), "s_t": group.creation, "s_o": owner.address(group),
        "addressing_mode": group.addressing, "a_v_id": "1", "p_v_id": "1", **other,
    }, parts)


def participant(phone: Phone, group: Group, role: str = "member") -> Node:
    other = {"phone_number": phone.jid} if group.addressing == "lid" else {"lid": phone.lid_jid}
    return Node("participant", {
        "jid": phone.address(group), **other, "type": None if role == "member" else role,
    })


def _groups_set(emulator: Emulator, session: ClientSession, node: Node) -> list[Node] | None:
    """Changes of a group by a device: its own phone's rights decide."""
    return asked.change(emulator, session.device.phone, _own_group(emulator, session, node), node)


# -- people ---------------------------------------------------------------------------------------


def _usync(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    usync = node.child("usync")
    query, listed = (usync.child("query"), usync.child("list")) if usync else (None, None)
    if query is None or listed is None:
        raise NodeError("a usync without <query> or <list>")
    asked = [protocol.tag for protocol in query.children()]
    users = [_user(emulator, user, asked) for user in listed.children("user")]
    attrs = {name: usync.attrs.get(name) for name in ("sid", "index", "last", "mode", "context")}
    return [Node("usync", attrs, [
        Node("result", {}, [Node(tag, {}) for tag in asked]),
        Node("list", {}, [user for user in users if user is not None]),
    ])]


def _user(emulator: Emulator, user: Node, asked: list[str]) -> Node | None:
    contact = user.child("contact")
    text = contact.content.decode("utf-8", "replace") if contact and isinstance(
        contact.content, bytes) else ""
    jid = user.attrs.get("jid")
    phone = emulator.by_jid(jid) if isinstance(jid, Jid) else emulator.phones.get(
        "".join(filter(str.isdigit, text)))
    if phone is None:
        missing = Node("contact", {"type": "out"}, text.encode())
        return Node("user", {"jid": jid}, [missing]) if jid else None
    parts = []
    if "contact" in asked:
        parts.append(Node("contact", {"type": "in"}, text.encode() or None))
    if "devices" in asked:
        parts.append(Node("devices", {}, [device_list(phone)]))
    if "lid" in asked:
        parts.append(Node("lid", {"val": phone.lid_jid}))
    if "picture" in asked and phone.picture:
        parts.append(Node("picture", {"id": picture_id(phone)}))
    if "status" in asked:
        parts.append(Node("status", {}, b""))
    return Node("user", {"jid": jid or phone.jid}, parts)


def device_list(phone: Phone) -> Node:
    return Node("device-list", {}, [
        Node("device", {"id": "0"}),
        *(Node("device", {"id": number, "key-index": number}) for number in phone.devices),
    ])


def picture_id(phone: Phone | Group) -> str:
    return str(len(phone.picture or b"") * 1000 + sum((phone.picture or b"")[:4096]) % 1000)


def _picture(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    target = node.attrs.get("target") or node.attrs.get("to")
    if not isinstance(target, Jid):
        raise Refusal(404, "item-not-found")
    phone = emulator.groups.get(target) if target.server == "g.us" else emulator.by_jid(target)
    if phone is None or not phone.picture:
        raise Refusal(404, "item-not-found")
    query = node.child("picture")
    name = phone.number if isinstance(phone, Phone) else target.user
    return [Node("picture", {
        "id": picture_id(phone), "type": (query.attrs.get("type") if query else None) or "image",
        "url": f"https://{PICTURE_HOST}/v/{name}.jpg?id={picture_id(phone)}",
        "direct_path": f"/v/{name}.jpg?id={picture_id(phone)}",
    })]


def _picture_set(emulator: Emulator, session: ClientSession, node: Node) -> list[Node] | None:
    """A group's new picture. Its own account's a device does not change here."""
    target = node.attrs.get("target")
    group = emulator.groups.get(target) if isinstance(target, Jid) else None
    if group is None:
        raise Refusal(404, "item-not-found")
    asked.picture(emulator, session.device.phone, group, node.child("picture"))
    return [Node("picture", {"id": picture_id(group)})]


# -- the rest -------------------------------------------------------------------------------------


def _media_conn(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    return [Node("media_conn", {
        "auth": "emulator", "ttl": 3600, "auth_ttl": 21600, "max_buckets": 12, "is_new": 1,
    }, [Node("host", {"hostname": MEDIA_HOST, "type": "primary"})])]


def _app_state(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    """No settings are kept: every collection is empty, at version 0."""
    sync = node.child("sync")
    return [Node("sync", {}, [
        Node("collection", {"name": each.attrs.get("name"), "version": "0"})
        for each in (sync.children("collection") if sync else ())
    ])]


def _privacy(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    names = ("groupadd", "last", "status", "profile", "readreceipts", "online", "calladd")
    return [Node("privacy", {}, [Node("category", {"name": n, "value": "all"}) for n in names])]


def _blocklist(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    return [Node("list", {"dhash": "0"}, [])]


def _props(emulator: Emulator, session: ClientSession, node: Node) -> list[Node]:
    attrs = {"protocol": "2", "refresh": 86400, "hash": "0", "t": int(time.time())}
    return [Node("props", attrs, [])]


_HANDLERS: dict[tuple[str, str], Handler] = {
    ("encrypt", "get"): _keys_get,
    ("encrypt", "set"): _keys_set,
    ("passive", "set"): _nothing,
    ("w:g2", "get"): _groups_get,
    ("w:g2", "set"): _groups_set,
    ("usync", "get"): _usync,
    ("w:profile:picture", "get"): _picture,
    ("w:profile:picture", "set"): _picture_set,
    ("w:m", "set"): _media_conn,
    ("w:m", "get"): _media_conn,
    ("w:sync:app:state", "set"): _app_state,
    ("privacy", "get"): _privacy,
    ("privacy", "set"): _nothing,
    ("blocklist", "get"): _blocklist,
    ("w", "get"): _props,
    ("abt", "get"): _props,
}
