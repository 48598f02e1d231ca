"""A file server on this machine that misbehaves as told, for tests of downloads."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

Behaviour: TypeAlias = Callable[["Request"], None]


@dataclass
class FileServer:
    """What is served, and what was asked.

    `script` holds one behaviour for each of the next requests; when it is empty, the file is
    served as a good server does it: with a length, a strong ETag, and ranges.
    """

    address: str
    content: bytes
    etag: str = '"one"'
    content_type: str = "application/octet-stream"
    script: list[Behaviour] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)  # headers of each request
    released: threading.Event = field(default_factory=threading.Event)  # lets `hang` go on

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of each request."""
        return [headers.get("Range") for headers in self.asked]


class Request(BaseHTTPRequestHandler):
    """One request; behaviours send what they like through it."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    file_server: FileServer

    def do_GET(self) -> None:
        served = self.file_server
        served.asked.append(dict(self.headers.items()))
        self.close_connection = True
        (served.script.pop(0) if served.script else serve)(self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()


def serve(request: Request) -> None:
    """The file, or the rest of it, as HTTP has it."""
    served = request.file_server
    start = _start_asked_for(request)
    total = len(served.content)
    tag = {"ETag": served.etag} if served.etag else {}
    if start is not None and start >= total:
        request.head(416, Content_Range=f"bytes */{total}", Content_Length=0)
        return
    kind = {"Content_Type": served.content_type}
    if start is None:
        request.head(200, Content_Length=total, **tag, **kind)
    else:
        span = f"bytes {start}-{total - 1}/{total}"
        request.head(206, Content_Length=total - start, Content_Range=span, **tag, **kind)
    request.wfile.write(served.content[start or 0 :])


def _start_asked_for(request: Request) -> int | None:
    match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    condition = request.headers.get("If-Range")
    if match is None or (condition is not None and condition != request.file_server.etag):
        return None
    return int(match[1])


def drop_after(count: int) -> Behaviour:
    """Promise everything that was asked for, send `count` bytes of it, hang up."""

    def behave(request: Request) -> None:
        content = request.file_server.content
        start = _start_asked_for(request) or 0
        total = len(content)
        tag = {"ETag": request.file_server.etag}
        if start:
            span = f"bytes {start}-{total - 1}/{total}"
            request.head(206, Content_Length=total - start, Content_Range=span, **tag)
        else:
            request.head(200, Content_Length=total, **tag)
        request.wfile.write(content[start : start + count])

    return behave


def ignore_range(request: Request) -> None:
    """The whole file, whatever part was asked for."""
    content = request.file_server.content
    request.head(200, Content_Length=len(content), ETag=request.file_server.etag)
    request.wfile.write(content)


def answer(status: int, body: bytes = b"", **headers: object) -> Behaviour:
    """A fixed answer."""

    def behave(request: Request) -> None:
        request.head(status, Content_Length=len(body), **headers)
        request.wfile.write(body)

    return behave


def redirect(address: str) -> Behaviour:
    """Send the client on to another address."""
    return answer(302, Location=address)


def without_length(request: Request) -> None:
    """The whole file, its end marked by hanging up."""
    request.protocol_version = "HTTP/1.0"
    request.head(200, Content_Type="application/octet-stream")
    request.wfile.write(request.file_server.content)


def hang_up(request: Request) -> None:
    """No answer at all."""


def hang_after(count: int) -> Behaviour:
    """Send `count` bytes, then nothing until `released` is set."""

    def behave(request: Request) -> None:
        served = request.file_server
        request.head(200, Content_Length=len(served.content), ETag=served.etag)
        request.wfile.write(served.content[:count])
        request.wfile.flush()
        served.released.wait(timeout=20)

    return behave


@contextmanager
def file_server(content: bytes, name: str = "file.bin") -> Iterator[FileServer]:
    """Serve `content` on a free port of this machine while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    server.daemon_threads = True
    served = FileServer(f"http://127.0.0.1:{server.server_port}/{name}", content)
    server.RequestHandlerClass = type("Bound", (Request,), {"file_server": served})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.released.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
