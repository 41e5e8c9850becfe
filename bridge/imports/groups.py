"""Which group an export is of."""
from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from archive import directory, fold, ids
from archive.db import Unit
from archive.model import Chat


def of_title(chats: Sequence[Chat], title: str) -> Chat | None:
    """The only group that is called so."""
    wanted = fold.tokens(title)
    found = [chat for chat in chats if (fold.tokens(chat.name) == wanted if wanted
                                        else title and chat.name == title)]
    return found[0] if len(found) == 1 else None


def make(name: str) -> Unit[Chat]:
    """A group that is not mirrored, so that it has no address on WhatsApp: it gets one of its own,
    which its name tells."""
    words = " ".join(fold.tokens(name)) or name  # 😀 has no words
    digest = hashlib.blake2b(words.encode(), digest_size=8).hexdigest()
    return (yield from directory.ensure_chat(
        f"{digest}@{ids.IMPORT_SERVER}", name, "", int(time.time() * 1000)))
