"""Directives on the screen: proposals, lists, and one with its life; as text and as Matrix's HTML.
Pure."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from archive import orderwords
from archive.answers import Answer
from archive.directives import Deed, Directive
from bot import digests, render
from bot.commands.base import Request
from nlp import words as texts

EXCERPT = 400  # characters of a message that are shown
ACTION = 160
POSTS = 12  # of an order, by name
DEEDS = 40  # of a life


def _when(request: Request) -> Callable[[int], str]:
    return lambda at: render.when(at, request.zone)


def _person(length: int = 120) -> Callable[[str], str]:
    return lambda text: render.isolate(render.one(text, length))


def link(order: Directive, request: Request) -> str:
    """The name, linked to the order's message."""
    address = render.permalink(order.room_id, order.event_id, request.server)
    return f"<strong>{render.link(address, order.name)}</strong>"


def quoted(source: str, said: str, room_id: str, event_id: str, request: Request
           ) -> tuple[list[str], str]:
    """A message as it is quoted: (lines of text, HTML)."""
    words = texts.shorten(texts.one_line(said), EXCERPT)
    address = render.permalink(room_id, event_id, request.server)
    return ([f"{source}:", f"> {render.isolate(words)}"],
            f"<blockquote>{render.link(address, source)}<br>{render.html(words)}</blockquote>")


def source(name: str, at: int, request: Request) -> str:
    """`Nadia Kasi, 24 Nov 2026, 12:04`"""
    return f"{render.isolate(render.one(name, 80))}, {render.when(at, request.zone)}"


def named(posts: Sequence[str]) -> str:
    """`DEO Sibi, DEO Kech and 3 more`"""
    more = f" and {len(posts) - POSTS} more" if len(posts) > POSTS else ""
    return ", ".join(map(_person(), posts[:POSTS])) + more


def asks(order: Directive, request: Request) -> str:
    """`to DEO Sibi · look into the issue · due 25 Nov 2026, 16:00 · copy to DC Sibi · by fax`"""
    person = _person(ACTION)
    parts = [f"to {named(order.addressees) or 'nobody named'}",
             person(order.action), orderwords.due_words(order, _when(request))]
    parts += [f"copy to {named(order.cc)}"] if order.cc else []
    parts += [f"by {person(order.channel)}"] if order.channel else []
    return " · ".join(filter(None, parts))


# Proposals


def proposal(orders: Sequence[Directive], notes: Sequence[str], request: Request
             ) -> tuple[str, str]:
    """What was read in one message, with the doubts about it."""
    first = orders[0]
    head = "Is this an order?" if len(orders) == 1 else f"Are these {len(orders)} orders?"
    lines, markup = quoted(source(first.giver_name, first.given_at, request), first.said,
                           first.room_id, first.event_id, request)
    text, items = [head, *lines], list[str]()
    for order in orders:
        why = "; ".join(order.reasons)
        sure = f"{order.confidence:.0%} sure{f': {why}' if why else ''}"
        text += [f"{order.name} · {asks(order, request)}", f"    {sure}"]
        items.append(f"<li><strong>{order.name}</strong> · {render.html(asks(order, request))}"
                     f"<br><em>{render.html(sure)}</em></li>")
    text += [f"⚠ {note}" for note in notes]
    warned = "".join(f"<br>⚠ {render.html(note)}" for note in notes)
    return ("\n".join(text),
            f"<p>{head}</p>{markup}<ul>{''.join(items)}</ul>{f'<p>{warned[4:]}</p>' * bool(notes)}")


def answer_proposal(found: Sequence[tuple[Answer, Directive]], request: Request
                    ) -> tuple[str, str]:
    """What one message seems to answer, with its words as the evidence."""
    first = found[0][0]
    lines, markup = quoted(source(first.sender_name, first.said_at, request), first.said,
                           first.room_id, first.event_id, request)
    head = "Is this an answer to an order?"
    text, items = [head, *lines], list[str]()
    for answer, order in found:
        state = orderwords.STATE_WORDS[answer.state]
        what = _person(ACTION)(order.action)
        post = _person()(answer.post)
        why = "; ".join(answer.reasons)
        sure = f"{answer.confidence:.0%} sure{f': {why}' if why else ''}"
        text += [f"{order.name} · {post} · {state} · {what}", f"    {sure}"]
        items.append(f"<li>{link(order, request)} · {render.html(post)} · <strong>{state}</strong>"
                     f" · {render.html(what)}<br><em>{render.html(sure)}</em></li>")
    return "\n".join(text), f"<p>{head}</p>{markup}<ul>{''.join(items)}</ul>"


# Lists


def line(order: Directive, request: Request, post: str = "") -> tuple[str, str]:
    """One directive in a list, of one post or of all: (text, HTML without the number)."""
    person = _person(80)
    charges = [c for c in order.charges if not post or c.post == post]
    mark = "🔴 " if order.overdue(request.at) else ""
    if len(charges) > 3:
        done = sum(1 for charge in charges if charge.state == "complied")
        to = f"{', '.join(map(person, order.addressees))}: {done} of {len(charges)} done"
    else:
        to = "; ".join(orderwords.charge_words(order, charge, request.at, _when(request), person)
                       for charge in charges) or f"to {', '.join(map(person, order.addressees))}"
    late = f", {digests.lateness(order.due_at, request)}" if order.overdue(request.at) else ""
    rest = (f" · {to} · {_person(ACTION)(order.action)} · "
            f"{orderwords.due_words(order, _when(request))}{late}")
    return mark, rest


def listed(title: str, orders: Sequence[Directive], total: int, request: Request
           ) -> tuple[str, str]:
    """A list."""
    if not orders:
        return f"{title}: none.", f"<p>{render.html(title)}: none.</p>"
    more = f", {len(orders)} shown" if total > len(orders) else ""
    head = f"{title} ({total}{more})"
    lines = [line(order, request) for order in orders]
    text = [f"• {mark}{order.name}{rest}"
            for order, (mark, rest) in zip(orders, lines, strict=True)]
    items = "".join(f"<li>{mark}{link(order, request)}{render.html(rest)}</li>"
                    for order, (mark, rest) in zip(orders, lines, strict=True))
    return ("\n".join([head, *text]),
            f"<p><strong>{render.html(head)}</strong></p><ul>{items}</ul>")


# One


def sheet(order: Directive, deeds: Sequence[Deed], answers: Sequence[Answer], case: str,
          request: Request) -> tuple[str, str]:
    """A directive with everything that is known of it."""
    when, person = _when(request), _person()
    due = orderwords.due_words(order, when).removeprefix("due ")
    facts = [("Asked for", person(order.action)), ("Due", due),
             ("Copy to", ", ".join(map(person, order.cc))), ("By", person(order.channel)),
             ("Case", case), ("School", order.school)]
    charges = [orderwords.charge_words(order, charge, request.at, when, person)
               for charge in order.charges]
    if order.stage != "confirmed":
        charges = [f"to {', '.join(map(person, order.addressees))}"]
    waiting = [f"{answer.name}: {person(answer.post)}, "
               f"{orderwords.STATE_WORDS[answer.state]}? “{_person(80)(answer.said)}”"
               for answer in answers if answer.verdict is None]
    life = [f"{when(deed.at)} {person(deed.actor.name)} "
            f"{orderwords.deed_words(deed, when, _person(200))}" for deed in deeds[-DEEDS:]]
    lines, markup = quoted(source(order.giver_name, order.given_at, request), order.said,
                           order.room_id, order.event_id, request)
    head = order.name + ("" if order.stage == "confirmed" else f" ({order.stage})")
    known = [(name, value) for name, value in facts if value]
    parts = [("Posts", charges), ("Not judged yet", waiting), ("Life", life)]
    text = [head, *lines, *(f"{name}: {value}" for name, value in known)]
    html = [f"<p>{link(order, request)}{render.html(head[len(order.name):])}</p>{markup}<p>",
            "<br>".join(f"{name}: {render.html(value)}" for name, value in known), "</p>"]
    for name, rows in parts:
        if rows:
            text += [f"{name}:", *(f"• {row}" for row in rows)]
            html.append(f"<p><strong>{name}</strong></p><ul>"
                        + "".join(f"<li>{render.html(row)}</li>" for row in rows) + "</ul>")
    return "\n".join(text), "".join(html)
