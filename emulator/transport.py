"""The way in: a CONNECT proxy that ends every tunnel here, TLS, and the web server behind it."""
from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from aiohttp import web

from emulator.content import MEDIA_HOST, direct_path
from emulator.iq import PICTURE_HOST
from emulator.session import ClientSession

if TYPE_CHECKING:
    from emulator.server import Emulator

log = logging.getLogger("daftar.emulator")

HOSTS = ("web.whatsapp.com", MEDIA_HOST, PICTURE_HOST, "*.whatsapp.net", "*.whatsapp.com")
_MAX_HEAD = 8192
MAX_UPLOAD = 512 << 20


def tls_context(folder: Path) -> ssl.SSLContext:
    """A server context for WhatsApp's host names; its authority is kept in `folder`."""
    cert, key = folder / "ca.pem", folder / "ca.key"
    if cert.exists() and key.exists():
        authority = trustme.CA.from_pem(cert.read_bytes(), key.read_bytes())
    else:
        authority = trustme.CA(organization_name="Daftar emulator, this machine only")
        key.touch(mode=0o600)
        authority.private_key_pem.write_to_path(str(key))
        authority.cert_pem.write_to_path(str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    return context


class Tunnel(asyncio.Protocol):
    """One TCP connection: reads `CONNECT host:port`, then hands over to TLS and the web server."""

    def __init__(self, door: Door) -> None:
        self._door, self._head = door, bytearray()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if not self._door.admits():
            transport.abort()
            return
        self._door.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.tunnels.discard(self)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head:
            if len(self._head) > _MAX_HEAD:
                self.transport.abort()
            return
        if not self._head.startswith(b"CONNECT "):
            self.transport.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()
            return
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._door.spawn(self._secure())

    async def _secure(self) -> None:
        loop = asyncio.get_running_loop()
        handler = self._door.handler()
        try:
            secured = await loop.start_tls(
                self.transport, handler, self._door.context, server_side=True
            )
        except (OSError, ssl.SSLError) as error:
            log.warning("a client did not accept the emulator's certificate: %s", error)
            self._door.tunnels.discard(self)
            return
        if secured is None:
            self._door.tunnels.discard(self)
            return
        handler.connection_made(secured)


class Door:
    """The listening port and all that came in through it."""

    def __init__(self, emulator: Emulator, context: ssl.SSLContext) -> None:
        self.context = context
        self.tunnels: set[Tunnel] = set()
        self._emulator = emulator
        self._closed_until = 0.0
        self._unavailable_until = 0.0
        self._tasks: set[asyncio.Task] = set()
        self._server: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> int:
        """Listens; returns the port."""
        app = web.Application(client_max_size=MAX_UPLOAD)
        app.add_routes([
            web.get("/ws/chat", self._chat),
            web.post("/mms/{kind}/{token}", self._upload),
            web.get("/m/{name}", self._download),
            web.get("/v/{name}.jpg", self._picture),
        ])
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Tunnel(self), host, port)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        self.cut(0)
        for task in self._tasks:
            task.cancel()
        await self._runner.cleanup()

    def add(self, tunnel: Tunnel) -> None:
        # once TLS has taken over, nobody tells a Tunnel that its connection ended
        self.tunnels = {each for each in self.tunnels if not each.transport.is_closing()}
        self.tunnels.add(tunnel)

    def handler(self) -> asyncio.Protocol:
        return self._runner.server()

    def spawn(self, work) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def admits(self) -> bool:
        return asyncio.get_running_loop().time() >= self._closed_until

    def refuse(self, seconds: float) -> None:
        """New clients are answered with status 503 for so long."""
        self._unavailable_until = asyncio.get_running_loop().time() + seconds

    def cut(self, refuse_for: float) -> int:
        """Resets every connection; refuses new ones for so many seconds."""
        self._closed_until = asyncio.get_running_loop().time() + refuse_for
        cut = [tunnel for tunnel in self.tunnels if not tunnel.transport.is_closing()]
        for tunnel in cut:
            tunnel.transport.abort()
        self.tunnels.clear()
        return len(cut)

    # -- the web server ---------------------------------------------------------------------------

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if asyncio.get_running_loop().time() < self._unavailable_until:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0, compress=False, autoping=True)
        await socket.prepare(request)
        await ClientSession(self._emulator, socket, request.transport).run()
        return socket

    async def _upload(self, request: web.Request) -> web.Response:
        data = await request.read()
        digest = self._emulator.media.put(data)
        token = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if request.match_info["token"].rstrip("=") != token:
            log.warning("an uploaded file does not have the hash in its address")
            return web.Response(status=400)
        path = direct_path(digest)
        body = {"url": f"https://{MEDIA_HOST}{path}", "direct_path": path}
        return web.Response(text=json.dumps(body), content_type="application/json")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        path = self._emulator.media.path(request.match_info["name"])
        return web.FileResponse(path) if path else web.Response(status=404)

    async def _picture(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        owner = self._emulator.phones.get(name) or self._emulator.groups.get(f"{name}@g.us")
        if owner is None or not owner.picture:
            return web.Response(status=404)
        return web.Response(body=owner.picture, content_type="image/jpeg")
