"""The phone page: be any participant of any group, in the browser.

For demonstrations, tests and training on one machine. It listens on loopback and has no sign-in:
whoever can reach it can speak for every phone. So that no web page elsewhere can reach it through
the user's browser, requests must name a host it is meant to be reached by (no DNS rebinding), and
requests that change something must come from the page itself (no forgery across sites).
"""
from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from aiohttp import web

from emulator import conversation, forms, guard
from emulator.conversation import Bubble, Names, excerpt
from emulator.corpus import digits
from emulator.model import EmulatorError, Group, Seen, Sent
from emulator.phone import Phone

if TYPE_CHECKING:
    from emulator.server import Emulator

log = logging.getLogger("daftar.emulator")

HERE = Path(__file__).parent
LARGEST_FILE = 64 * 1024 * 1024
SHOWN = 200  # bubbles on a page until somebody asks for earlier ones
LOOK = 0.25  # seconds between looks for something new, for each open page
EMOJIS = ("👍", "❤️", "😂", "😮", "🙏", "✅")
INLINE = ("image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "audio/ogg",
          "audio/mpeg", "audio/mp4", "audio/wav", "audio/x-wav", "audio/aac")
POLICY = ("default-src 'none'; img-src 'self'; media-src 'self'; style-src 'self'; "
          "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
          "frame-ancestors 'none'")

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


class PhonePage:
    """The page's server. `port` 0 lets the system choose; `hosts`: further names (without port)
    by which browsers reach it, beside the loopback's."""

    def __init__(
        self, emulator: Emulator, *, host: str = "127.0.0.1", port: int = 0,
        hosts: Sequence[str] = (),
    ) -> None:
        self.emulator, self.host, self.port = emulator, host, port
        self._hosts = {"127.0.0.1", "localhost", "::1", *hosts}
        self._names = Names(lambda: emulator.phones)
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True,
            trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
        self._templates.filters |= {
            "clean": conversation.clean, "spaced": conversation.spaced, "urdu": conversation.urdu,
            "day": conversation.day, "initial": conversation.initial, "suffix": conversation.suffix,
            "sum_colour": conversation.colour,
            "excerpt": lambda bubble, length=110: excerpt(bubble, self._names, length),
            "body": lambda text: conversation.body(text, self._names),
        }

    @property
    def url(self) -> str:
        """Where to look, once started."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    async def start(self) -> None:
        """Begins to listen. Raises EmulatorError when the port is taken."""
        app = web.Application(middlewares=[self._guard], client_max_size=LARGEST_FILE)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self.host, self.port)
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise EmulatorError(f"the phone page cannot listen on {self.host}:{self.port}: "
                                f"{error.strerror}; choose another --page-port") from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Ends every open page's stream and stops listening."""
        self._closing.set()
        if self._runner:
            await self._runner.cleanup()

    def _routes(self) -> list[web.RouteDef | web.StaticDef]:
        chat = "/phone/{number}/{group}"
        return [
            web.get("/", self.people),
            web.get("/phone/{number}", self.groups),
            web.get("/be/{group}", self.be),
            web.get(chat, self.chat),
            web.get(chat + "/events", self.events),
            web.get(chat + "/media/{id}", self.media),
            web.post(chat + "/send", self.send),
            web.post(chat + "/react", self.react),
            web.post(chat + "/edit", self.edit),
            web.post(chat + "/delete", self.delete),
            web.get("/link", self.link_form),
            web.post("/link", self.link),
            web.get("/api/phones", self.api_phones),
            web.get("/api/groups", self.api_groups),
            web.get("/api" + chat, self.api_messages),
            web.static("/static", HERE / "static"),
        ]

    # -- who may ask ------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            guard.check(request, self._hosts, self.url)
            response = await handler(request)
        except (EmulatorError, web.HTTPException) as error:
            if isinstance(error, web.HTTPException) and error.status < 400:
                raise
            status = error.status if isinstance(error, web.HTTPException) else 409
            text = error.text if isinstance(error, web.HTTPException) else str(error)
            response = self._failure(request, status, text or "")
        if not response.prepared:
            response.headers.setdefault("Content-Security-Policy", POLICY)
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "same-origin"
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _failure(self, request: web.Request, status: int, text: str) -> web.Response:
        if forms.wants_json(request):
            return web.json_response({"error": text}, status=status)
        return self._page("error.html", status=status, message=text, phone=None)

    # -- pages ------------------------------------------------------------------------------------

    def _page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        text = self._templates.get_template(template).render(values)
        return web.Response(text=text, content_type="text/html", status=status)

    async def people(self, request: web.Request) -> web.Response:
        """Everybody, for choosing whom to be."""
        asked = request.query.get("q", "").strip().casefold()
        names = self._names
        phones = sorted(self.emulator.phones.values(), key=lambda p: names.sorting(p.number))
        shown = [(phone, names.of(phone.number), len(self._groups(phone))) for phone in phones
                 if asked in names.of(phone.number).casefold() or asked in phone.number]
        return self._page("people.html", people=shown, asked=request.query.get("q", ""),
                          phone=None)

    async def groups(self, request: web.Request) -> web.Response:
        """One person's groups."""
        phone = self._phone(request)
        return self._page("chat.html", phone=phone, group=None, **self._frame(phone, None))

    async def be(self, request: web.Request) -> web.Response:
        """The same group as somebody else: where the chooser of a page without JavaScript goes."""
        number = quote(request.query.get("number", ""), safe="")
        raise web.HTTPSeeOther(f"/phone/{number}/{quote(request.match_info['group'])}")

    async def chat(self, request: web.Request) -> web.Response:
        """A group as one person sees it."""
        phone, group = self._phone(request), self._group(request)
        frame = self._frame(phone, group)
        shown = forms.number(request.query.get("show"), SHOWN)
        every = frame["bubbles"]
        return self._page("chat.html", phone=phone, group=group, **{
            **frame, "bubbles": every[-shown:], "earlier": len(every) > shown, "more": shown * 2,
            "quoted": next((b for b in every if b.id == request.query.get("quote")), None),
            "editing": next((b for b in every if b.id == request.query.get("edit") and b.mine),
                            None),
        })

    def _frame(self, phone: Phone, group: Group | None) -> dict[str, Any]:
        """What the chat page shows round the messages, and the messages."""
        names = self._names
        lists = {g.jid: self._bubbles(g, phone, names) for g in self._groups(phone)}
        overview = [(g, lists[g.jid][-1] if lists[g.jid] else None) for g in self._groups(phone)]
        overview.sort(key=lambda pair: -(pair[1].number if pair[1] else 0))
        people = [(p, names.of(p.number)) for p in self.emulator.phones.values()
                  if group is None or p.number in group.members]
        people.sort(key=lambda pair: names.sorting(pair[0].number))
        return {
            "overview": overview, "people": people,
            "bubbles": lists[group.jid] if group else [], "names": names, "emojis": EMOJIS,
            "quoted": None, "editing": None, "earlier": False, "more": 0,
            "admin": bool(group and group.is_admin(phone.number)),
        }

    def _bubbles(self, group: Group, phone: Phone, names: Names) -> list[Bubble]:
        return conversation.bubbles(self.emulator.log, group, phone, names)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the number of the group's latest message, whenever it changes."""
        group = self._group(request)
        response = web.StreamResponse(headers={
            "Content-Type": "text/event-stream", "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff"})
        await response.prepare(request)
        last = None
        while not self._closing.is_set():
            latest = self._latest(group)
            if latest != last:
                await response.write(f"data: {latest}\n\n".encode())
                last = latest
            try:
                async with asyncio.timeout(LOOK):
                    await self._closing.wait()
            except TimeoutError:
                continue
        return response

    def _latest(self, group: Group) -> int:
        return next((entry.number for entry in reversed(self.emulator.log)
                     if entry.seen.group == group.jid), 0)

    async def media(self, request: web.Request) -> web.StreamResponse:
        """A message's file; shown in the page only for kinds that run nothing."""
        seen = self._bubble(request, request.match_info["id"]).seen
        if seen.media_path is None or not seen.media_path.is_file():
            raise web.HTTPNotFound(text="That message has no file that could be opened.")
        mime = seen.mime.split(";")[0].strip().lower()
        inline = mime in INLINE and seen.kind != "document"
        name = quote(conversation.clean(seen.filename) or seen.id, safe="")
        return web.FileResponse(seen.media_path, headers={
            "Content-Type": mime if inline else "application/octet-stream",
            "Content-Disposition":
                f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{name}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=3600",
        })

    # -- what a person does -----------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Sends a text, or a file with the text as its caption. Fields: text, quote, file."""
        phone, group = self._phone(request), self._group(request)
        form = await forms.fields(request)
        text = forms.text(form)
        quoted = self._bubble(request, form["quote"]).seen if form.get("quote") else None
        file = form.get("file")
        if isinstance(file, web.FileField) and file.filename:
            data = file.file.read()
            kind, mime = forms.kind(file.content_type, file.filename)
            sent = await phone.send_media(group, data, kind, mime=mime, filename=file.filename,
                                          caption=text, quote=quoted)
            if text and kind == "audio":  # WhatsApp's audio has no caption
                await phone.send_text(group, text)
        elif text.strip():
            sent = await phone.send_text(group, text, quote=quoted)
        else:
            raise web.HTTPBadRequest(text="There is nothing to send: write a text or choose a "
                                          "file.")
        return self._done(request, phone, group, sent.id)

    async def react(self, request: web.Request) -> web.StreamResponse:
        """Fields: id, emoji ("" takes the reaction away)."""
        form = await forms.fields(request)
        bubble = self._bubble(request, form.get("id", ""))
        emoji = str(form.get("emoji", ""))[:32]
        phone = self._phone(request)
        if bubble.reactions.get(phone.number) == emoji:
            emoji = ""  # the same again takes it away
        return self._done(request, phone, self._group(request),
                          (await phone.react(bubble.seen, emoji)).id)

    async def edit(self, request: web.Request) -> web.StreamResponse:
        """Fields: id, text. Only one's own."""
        form = await forms.fields(request)
        seen, phone = self._bubble(request, form.get("id", "")).seen, self._phone(request)
        text = forms.text(form)
        if not text.strip():
            raise web.HTTPBadRequest(text="An edited message needs a text.")
        return self._done(request, phone, self._group(request),
                          (await phone.edit(_as_sent(seen), text)).id)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Field: id. One's own, or anybody's for an admin."""
        form = await forms.fields(request)
        seen, phone = self._bubble(request, form.get("id", "")).seen, self._phone(request)
        return self._done(request, phone, self._group(request), (await phone.delete(seen)).id)

    def _done(self, request: web.Request, phone: Phone, group: Group, id: str) -> web.Response:
        if forms.wants_json(request):
            return web.json_response({"id": id})
        raise web.HTTPSeeOther(f"/phone/{phone.number}/{group.jid}#end")

    # -- linking a device -------------------------------------------------------------------------

    async def link_form(self, request: web.Request) -> web.Response:
        """The form for linking a waiting client to a phone's account."""
        names = self._names
        people = [(p, names.of(p.number)) for p in self.emulator.phones.values()]
        return self._page("link.html", people=people, number=request.query.get("number", ""),
                          linked=request.query.get("linked", ""), phone=None)

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Fields: number (a new phone is made for an unknown one), code: QR text or pairing
        code."""
        form = await forms.fields(request)
        code = str(form.get("code", "")).strip()
        try:
            number = digits(str(form.get("number", "")))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"The phone's number: {error}.") from None
        if not code:
            raise web.HTTPBadRequest(text="Paste the QR code's text or the pairing code.")
        phone = await self.emulator.phone(number)
        if "," in code:
            device = await self.emulator.scan(phone, code)
        else:
            device = await self.emulator.enter_code(phone, code)
        if forms.wants_json(request):
            return web.json_response({"device": device})
        raise web.HTTPSeeOther(f"/link?linked={quote(str(device))}")

    # -- the same as JSON -------------------------------------------------------------------------

    async def api_phones(self, request: web.Request) -> web.Response:
        """Every phone: number, name, jid, lid, the groups it is in."""
        return web.json_response([
            {"number": p.number, "name": p.name, "jid": str(p.jid), "lid": str(p.lid_jid),
             "groups": [g.jid for g in self._groups(p)]}
            for p in self.emulator.phones.values()])

    async def api_groups(self, request: web.Request) -> web.Response:
        """Every group: jid, name, topic, members by number."""
        return web.json_response([
            {"jid": g.jid, "name": g.name, "topic": g.topic, "members": dict(g.members)}
            for g in self.emulator.groups.values()])

    async def api_messages(self, request: web.Request) -> web.Response:
        """A group's messages as one phone sees them, oldest first."""
        phone, group = self._phone(request), self._group(request)
        shown = forms.number(request.query.get("show"), SHOWN)
        every = self._bubbles(group, phone, self._names)[-shown:]
        return web.json_response([_as_json(b, phone, group, self._names) for b in every])

    # -- what an address names --------------------------------------------------------------------

    def _phone(self, request: web.Request) -> Phone:
        phone = self.emulator.phones.get(request.match_info["number"].lstrip("+"))
        if phone is None:
            raise web.HTTPNotFound(text="There is no phone with that number here.")
        return phone

    def _groups(self, phone: Phone) -> list[Group]:
        return [g for g in self.emulator.groups.values() if phone.number in g.members]

    def _group(self, request: web.Request) -> Group:
        phone = self._phone(request)
        group = self.emulator.groups.get(request.match_info["group"])
        if group is None or phone.number not in group.members:
            raise web.HTTPNotFound(text="That phone is in no such group.")
        return group

    def _bubble(self, request: web.Request, id: str) -> Bubble:
        every = self._bubbles(self._group(request), self._phone(request), self._names)
        bubble = next((b for b in reversed(every) if b.id == id), None)
        if bubble is None:
            raise web.HTTPNotFound(text="There is no such message in this group (any more).")
        return bubble


def _as_sent(seen: Seen) -> Sent:
    return Sent(seen.id, seen.group, seen.sender, seen.timestamp, seen.kind, seen.text)


def _as_json(bubble: Bubble, phone: Phone, group: Group, names: Names) -> dict[str, Any]:
    seen, quoted = bubble.seen, bubble.quote
    return {
        "id": bubble.id, "sender": seen.sender, "name": bubble.name, "mine": bubble.mine,
        "timestamp": seen.timestamp, "kind": seen.kind,
        "text": "" if bubble.deleted else bubble.text, "waiting": bubble.waiting,
        "edited": bubble.edited, "deleted": bubble.deleted, "quoted_id": seen.quoted_id,
        "quote": excerpt(quoted, names) if quoted else None,
        "reactions": bubble.reactions, "place": bubble.place, "filename": seen.filename,
        "mime": seen.mime, "from_device": seen.from_device,
        "media": f"/phone/{phone.number}/{group.jid}/media/{bubble.id}"
        if seen.media_path and not bubble.deleted else None,
    }
