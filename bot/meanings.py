"""Words that people use for commands which are called otherwise. Pure tables, and how they are
looked up; what is the name or an alias of a command stands with the command."""
from __future__ import annotations

# `!case resolve 42 …` is `!case status 42 resolved …`: (command, words for its text).
MEANT: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("wait", "waiting", "waits", "pending", "hold", "on hold", "منتظر"),
                    ("status", "waiting")),
    **dict.fromkeys(("resolve", "resolved", "solve", "solved", "fixed", "حل"),
                    ("status", "resolved")),
    **dict.fromkeys(("done", "complete", "completed", "مکمل"), ("close", "done")),
    **dict.fromkeys(("cancel", "cancelled", "منسوخ"), ("close", "invalid")),
    **dict.fromkeys(("closed", "is closed"), ("close", "")),
    **dict.fromkeys(("urgent", "immediate", "فوری"), ("priority", "urgent")),
    **dict.fromkeys(("hand", "hand over", "handover", "transfer", "allocate", "reassign"),
                    ("assign", "")),
    **dict.fromkeys(("unassign", "release"), ("assign", "none")),
    **dict.fromkeys(("extend", "postpone"), ("due", "")),
    **dict.fromkeys(("info", "detail", "details", "what is", "تفصیل"), ("show", "")),
    **dict.fromkeys(("who has", "how is", "mark"), ("status", "")),
    "undo merge": ("unmerge", ""),
}
# `!case set due 42 …`, `!case add a note 42 …`: what stands before the verb, and between.
LEADING = frozenset(("set", "change", "update", "add", "put", "write", "make"))
ARTICLES = frozenset(("a", "an", "the", "its", "new"))
NEVER = ("delete", "erase", "destroy", "حذف", "مٹاؤ")  # what is never done to a case
HELP = ("help", "?", "مدد")  # `!case help`

# `!case my cases`, `!case overdue` are lists.
CASES = ("cases", "کیسز", "مقدمات")
_ALONE = ("my", "overdue", "late", "all", "everything", "میرے", "سب", "تمام")
_WITH_CASES = ("mine", "waiting", "pending", "resolved", "closed", "watched")
_OPENING = ("open", "new", "کھلے", "نئے")  # `open cases of cheating` is a title


def is_list(words: list[str]) -> bool:
    """Whether folded words ask for a list without saying so."""
    first, second, *rest = (*words, "", "")
    if first in _OPENING:
        return second in CASES and not any(rest)
    return (first in _ALONE and (not second or second in CASES)) or (
        first in _WITH_CASES and second in CASES)
