"""A directive in words: the same in rooms, on the pages and on paper."""
from __future__ import annotations

from collections.abc import Callable

from archive.directives import Charge, Deed, Directive

STATE_WORDS = {"open": "no answer yet", "acknowledged": "acknowledged",
               "in_progress": "in progress", "complied": "done", "refused": "refused",
               "withdrawn": "withdrawn"}
_ANSWERED = {"acknowledged": "has acknowledged it", "in_progress": "is at work on it",
             "complied": "has done it", "refused": "has refused it", "open": "has not answered it"}

Plain = Callable[[str], str]
When = Callable[[int], str]


def _same(text: str) -> str:
    return text


def charge_words(order: Directive, charge: Charge, now: int, when: When, person: Plain = _same
                 ) -> str:
    """`DEO Sibi (Qadir Marri): done 24 Nov 2026, 14:00, late`"""
    who = person(charge.post) + (f" ({person(charge.holder)})" if charge.holder else " (vacant)")
    words = STATE_WORDS[charge.state]
    if charge.ended_at is not None:
        late = charge.state == "complied" and order.due_at is not None and (
            charge.ended_at > order.due_at)
        words += f" {when(charge.ended_at)}{', late' if late else ''}"
    elif order.stage == "confirmed" and order.due_at is not None and order.due_at < now:
        words += ", overdue"
    if charge.live and charge.escalated_to:
        words += f", escalated to {person(charge.escalated_to)}"
    return f"{who}: {words}"


def due_words(order: Directive, when: When) -> str:
    """`due 25 Nov 2026, 16:00`"""
    return f"due {when(order.due_at)}" if order.due_at is not None else "no date"


def deed_words(deed: Deed, when: When, person: Plain = _same) -> str:
    """What was done, without who and when."""
    post, after = person(deed.post), person(deed.after or "")
    said = f": {person(deed.text)}" if deed.text else ""
    match deed.kind:
        case "propose":
            return f"proposed it, to {after or 'nobody named'}{said}"
        case "confirm":
            return f"confirmed it as {after}"
        case "dismiss":
            return f"dismissed it{said}"
        case "assign":
            return (f"gave it to {after} instead of {person(deed.before)}" if deed.before
                    else f"gave it to {after} as well")
        case "due" if not after:
            return "took its date away"
        case "due":
            was = f" (before: {when(int(deed.before))})" if deed.before else ""
            return f"set its date to {when(int(deed.after or 0))}{was}"
        case "state":
            return f"noted that {post} {_ANSWERED.get(deed.after or '', deed.after)}{said}"
        case "remind":
            return f"reminded {post}"
        case "overdue":
            return f"noted that its time is over for {post}"
        case "escalate":
            return f"told {after} that {post} has not done it"
        case "withdraw":
            return f"withdrew it{f' from {post}' if post else ''}{said}"
        case "edited":
            return f"edited the message; the order stands. Now it says{said}"
        case "deleted":
            return "deleted the message; the order stands"
    return deed.kind
