"""A web server for one person on this machine: 127.0.0.1, a thread for each connection.

Python's own http.server does the protocol. Pages of artstyle have a dozen addresses and one
visitor, and what answers them (SQLite, Pillow, PyAV) blocks: threads serve that better than an
event loop, and nothing has to be installed. See docs/decisions/0014-review-page.md.
"""

from __future__ import annotations

import errno
import socketserver
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from artstyle import __version__
from artstyle.errors import ArtstyleError, UsageError
from artstyle.events import Emit, Note
from artstyle.web.guard import HEADERS, Guard
from artstyle.web.message import Fault, Reply, Request, fault_reply

Answer: TypeAlias = Callable[[Request], Reply]

HOST = "127.0.0.1"
FIRST_PORT, PORTS_TRIED = 8717, 20
_LARGEST_BODY_BYTES = 8_000_000  # 400,000 decisions
_IDLE_S = 120.0  # a silent connection is closed


class PageServer:
    """Serves a page; `with` closes it.

    Args:
        answer: gives the reply to a request that has passed the guard.
        port: None takes the first free one from 8717 on, or any.
        emit: hears of faults that nobody planned.

    Raises:
        UsageError: the port is taken, or may not be used.
    """

    def __init__(self, answer: Answer, *, port: int | None, emit: Emit) -> None:
        self.guard = Guard()
        self._server = _listening(port)
        self._server.serve_with(answer, self.guard, emit)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """The page's address, with its token."""
        return f"http://{HOST}:{self.port}/{self.guard.token}/"

    @property
    def opening_address(self) -> str:
        """An address that leads to the page once; for a browser's command line."""
        return f"http://{HOST}:{self.port}{self.guard.opening_path}"

    def serve(self) -> None:
        """Serve until `stop` is called from another thread, or an exception comes in."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End `serve`."""
        self._server.shutdown()

    def close(self) -> None:
        """Free the port."""
        self._server.server_close()

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listening(port: int | None) -> _Server:
    if port is not None:
        return _bound(port)
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        try:
            return _bound(candidate)
        except UsageError:
            continue
    return _bound(0)


def _bound(port: int) -> _Server:
    try:
        return _Server((HOST, port), _Handler)
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            why, hint = "another program listens there", "leave --port out, or name another"
        elif fault.errno == errno.EACCES:
            why, hint = "this user may not", "name one from 1024 on, or leave --port out"
        else:
            raise
        raise UsageError(f"port {port} cannot be used: {why}", hint=hint) from fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser keeps its connections open
    request_queue_size = 64

    answer: Answer
    guard: Guard
    emit: Emit

    def serve_with(self, answer: Answer, guard: Guard, emit: Emit) -> None:
        self.answer, self.guard, self.emit = answer, guard, emit
        self.emit_lock = threading.Lock()

    def server_bind(self) -> None:
        # HTTPServer's own would look up this machine's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection broke: the browser has gone on to something else."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = f"artstyle/{__version__}"
    sys_version = ""
    timeout = _IDLE_S
    wbufsize = 1 << 16  # head and body leave together: two small packets would wait for each other
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_HEAD(self) -> None:
        self._serve("GET", with_body=False)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody wants a line for every picture."""

    def _serve(self, method: str, *, with_body: bool = True) -> None:
        try:
            reply = self._reply(method)
        except Fault as fault:
            reply = fault_reply(fault)
        except ArtstyleError as error:
            reply = fault_reply(Fault(500, str(error), hint=error.hint))
        except Exception as error:
            # The visitor gets an answer whatever happens; the traceback goes to the terminal.
            with self.server.emit_lock:
                self.server.emit(Note(traceback.format_exc().rstrip(), "warning"))
            reply = fault_reply(Fault(500, f"unexpected {type(error).__name__}: {error}"))
        self._send(reply, with_body=with_body)

    def _reply(self, method: str) -> Reply:
        guard = self.server.guard
        body = self._body() if method == "POST" else b""
        headers = dict(self.headers.items())
        guard.check_host(headers)
        parts = urlsplit(self.path)
        if method == "GET" and guard.opens(parts.path):
            return Reply(status=303, headers={"Location": f"/{guard.token}/"})
        path = guard.inner_path(parts.path)
        if method == "POST":
            guard.check_change(headers)
        query = dict(parse_qsl(parts.query))
        return self.server.answer(Request(method, unquote(path), query, headers, body))

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _LARGEST_BODY_BYTES:
            self.close_connection = True  # what follows cannot be told from a next request
            raise Fault(413 if length.isdigit() else 411, "the body is too long, or of no length")
        return self.rfile.read(int(length))

    def _send(self, reply: Reply, *, with_body: bool) -> None:
        try:
            self.send_response(reply.status)
            for name, value in {**HEADERS, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if with_body and reply.status != 304:
                self.wfile.write(reply.body)
            self.wfile.flush()
        except (TimeoutError, ConnectionError):
            self.close_connection = True  # the picture was scrolled past before it came
