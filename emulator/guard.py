"""Keeps web pages from elsewhere off a page that asks nobody who they are."""
from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import web


def check(request: web.Request, hosts: Collection[str], url: str) -> None:
    """Raises HTTPForbidden for a request under a host name that is not ours (DNS rebinding), and
    for one that changes something and comes from another page (forgery): by the Origin that
    browsers send with every POST, and by Sec-Fetch-Site (W3C Fetch Metadata)."""
    if not _known(request.headers.get("Host", ""), hosts):
        raise web.HTTPForbidden(text="This page is not known under that host name; open "
                                     f"{url} instead.")
    if request.method in ("GET", "HEAD"):
        return
    origin = request.headers.get("Origin")
    elsewhere = origin is not None and _netloc(origin) != request.headers.get("Host")
    if elsewhere or request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise web.HTTPForbidden(text="The request came from another page: refused.")


def _known(header: str, hosts: Collection[str]) -> bool:
    try:
        return urlsplit(f"//{header}").hostname in hosts
    except ValueError:
        return False


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
