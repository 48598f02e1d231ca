"""The page's own files: HTML, style sheets, scripts, as they lie in the package."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from artstyle.web.message import Fault, Reply, Request

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_file(request: Request, name: str) -> Reply:
    """A file of the page; the browser asks each time whether it is still the same.

    Raises:
        Fault: 404.
    """
    folder = files("artstyle.web.review").joinpath("page")
    kind = _KINDS.get(name[name.rfind(".") :])
    place = folder.joinpath(name)
    if kind is None or not name.replace(".", "").replace("-", "").isalnum() or not place.is_file():
        raise Fault(404, "there is no such address")
    data = place.read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == etag:
        return Reply(b"", kind, 304, headers)
    return Reply(data, kind, 200, headers)
