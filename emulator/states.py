"""Signal sessions and sender keys as JSON text, for the store."""
from __future__ import annotations

import json
from typing import Any

from emulator.crypto import KeyPair
from emulator.signal import Chain, ReceivedKey, SenderKey, Session


def _chain(chain: Chain) -> list:
    return [chain.key.hex(), chain.index, {str(i): k.hex() for i, k in chain.skipped.items()}]


def _read_chain(value: list) -> Chain:
    key, index, skipped = value
    return Chain(bytes.fromhex(key), index, {int(i): bytes.fromhex(k) for i, k in skipped.items()})


def dump_sessions(sessions: list[Session]) -> str:
    return json.dumps([
        {
            "ours": s.ours.hex(), "theirs": s.theirs.hex(), "root": s.root.hex(),
            "ratchet": s.ratchet.private.hex(), "sending": _chain(s.sending),
            "registration": s.registration, "previous": s.previous, "base": s.base.hex(),
            "pending": s.pending,
            "receivers": [[key.hex(), _chain(chain)] for key, chain in s.receivers],
        }
        for s in sessions
    ])


def load_sessions(text: str) -> list[Session]:
    return [_read_session(value) for value in json.loads(text)]


def _read_session(value: dict[str, Any]) -> Session:
    return Session(
        ours=bytes.fromhex(value["ours"]), theirs=bytes.fromhex(value["theirs"]),
        root=bytes.fromhex(value["root"]),
        ratchet=KeyPair.from_private(bytes.fromhex(value["ratchet"])),
        sending=_read_chain(value["sending"]), registration=value["registration"],
        previous=value["previous"], base=bytes.fromhex(value["base"]),
        pending=tuple(value["pending"]) if value["pending"] else None,
        receivers=[(bytes.fromhex(key), _read_chain(c)) for key, c in value["receivers"]],
    )


def dump_sender_key(key: SenderKey, holders: set[str]) -> str:
    """`holders`: the devices that have got this key's distribution."""
    return json.dumps([key.number, key.signing.private.hex(), _chain(key.chain), sorted(holders)])


def load_sender_key(text: str) -> tuple[SenderKey, set[str]]:
    number, signing, chain, holders = json.loads(text)
    pair = KeyPair.from_private(bytes.fromhex(signing))
    return SenderKey(number, pair, _read_chain(chain)), set(holders)


def dump_received_key(key: ReceivedKey, holders: set[str]) -> str:
    """`holders`: the phones that have got this key."""
    return json.dumps([key.number, key.signing.hex(), _chain(key.chain), sorted(holders)])


def load_received_key(text: str) -> tuple[ReceivedKey, set[str]]:
    number, signing, chain, holders = json.loads(text)
    return ReceivedKey(number, bytes.fromhex(signing), _read_chain(chain)), set(holders)
