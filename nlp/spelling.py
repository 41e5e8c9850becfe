"""Names in Urdu and in Latin letters compared by their consonants: حامد and Hamid."""
from __future__ import annotations

import re
from functools import lru_cache

_URDU = dict(zip("بپتطٹثسصجچحہخدڈذزضظرڑژشغفقکگلمن", "bptttsssjChhKddzzzzrrzSGfkkglmn",
                 strict=True)) | {"ں": "n", "ھ": "", "ع": "", "ا": "", "و": "", "ی": "", "ے": "",
                                  "آ": ""}
_PAIRS = (("sh", "S"), ("ch", "C"), ("kh", "K"), ("gh", "G"), ("ph", "f"), ("zh", "z"),
          ("th", "t"), ("dh", "d"), ("bh", "b"), ("q", "k"), ("c", "k"), ("x", "ks"))


@lru_cache(8192)
def skeleton(word: str) -> str:
    """The consonants of a folded word, spelled alike in both scripts."""
    if not word.isascii():
        found = "".join(_URDU.get(letter, "") for letter in word)
    else:
        for written, spoken in _PAIRS:
            word = word.replace(written, spoken)
        found = re.sub(r"[aeiouyvw]", "", word)
    return re.sub(r"(.)\1+", r"\1", found.rstrip("h") or found)
