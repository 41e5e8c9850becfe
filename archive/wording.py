"""What was done to a case, in words: the same on cards, docket sheets, pages and in exports."""
from __future__ import annotations

from collections.abc import Callable

from archive.cases import Action, Case

STATE_WORDS = {"new": "New", "open": "Open", "waiting": "Waiting", "resolved": "Resolved",
               "closed": "Closed", "merged": "Merged"}

Plain = Callable[[str], str]


def _same(text: str) -> str:
    return text


def action_words(action: Action, when: Callable[[int], str], person: Plain = _same) -> str:
    """What was done, without who and when. `when` writes a moment (Unix ms), `person` prepares
    words that people wrote (isolates them, cuts them)."""
    before, after = action.before or "", action.after or ""
    said = f": {person(action.text)}" if action.text else ""
    match action.kind:
        case "open":
            return "opened the case"
        case "assign" if before:
            return f"handed it from {person(before)} to {person(after)}"
        case "assign":
            return f"assigned it to {person(after)}"
        case "status" if after == "waiting" and action.text:  # for whom and until when
            return f"lets it wait {person(action.text)}"
        case "status":
            return f"{_MOVED.get(after, f'moved it to {after}')}{said}"
        case "due" if not after:
            return "took its date away"
        case "due":
            was = f" (before: {when(int(before))})" if before else ""
            return f"set its date to {when(int(after))}{was}"
        case "note":
            return f"noted{said}"
        case "close":
            return f"closed it{said}"
        case "reopen":
            return f"took it up again{said}"
        case "link":
            return f"put a paper on the file{said}"
        case "unlink":
            return f"took a paper off the file{said}"
        case "merge":
            return f"merged it into {after}" if after else f"merged {before} into it"
        case "unmerge":
            return f"took it out of {before} again" if after else f"took {before} out of it again"
        case "split":
            return f"made {after} of a part of it" if after else f"made it of a part of {before}"
        case "title":
            return f"changed the title to {person(after)}"
        case "priority":
            return f"made its priority {after}"
        case "classify":
            return f"classified it as {after}"
        case "district":
            return f"put it under {person(after)}" if after else "took its district away"
        case "letter":
            return f"drafted a letter{said}"
        case "tell":
            return f"answered in the group{said}"
        case "watch":
            return "watches it from now on"
        case "unwatch":
            return "does not watch it any more"
        case "export":
            return "exported the file"
    words = _MARKED.get(action.kind)
    return f"{words} {person(after or before)}" if words else action.kind


_MOVED = {"open": "took it in hand", "waiting": "lets it wait", "resolved": "resolved it"}
_MARKED = {"tag": "tagged it", "untag": "took away the tag", "school": "named the school",
           "unschool": "took away the school"}


def standing(case: Case, when: Callable[[int], str], person: Plain = _same) -> str:
    """`Open, with DEO Sibi, due 25 Nov 2026, 16:00`"""
    parts = [STATE_WORDS[case.status]]
    if case.status == "waiting":
        parts[0] += f" for {person(case.waiting_for)}" if case.waiting_for else ""
        parts[0] += f" until {when(case.waiting_until)}" if case.waiting_until else ""
    if case.status in ("resolved", "closed"):
        parts[0] += f": {person(case.resolution)}" if case.resolution else ""
        return parts[0]
    if case.active:
        parts.append(f"with {person(case.holder)}" if case.holder else "not assigned")
        if case.due_at is not None:
            parts.append(f"due {when(case.due_at)}")
    return ", ".join(parts)
