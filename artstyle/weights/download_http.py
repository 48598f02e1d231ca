"""One request for a file, or for the rest of it, and what can be said about the answer.

Only https is spoken, and http with this very machine; a redirect must not leave that. What went
wrong is sorted into two kinds: `Refused`, where asking again gives the same answer, and
`Interrupted`, where it may not.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from ipaddress import ip_address
from typing import IO, Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from artstyle import __version__

_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_WHY = {
    401: "it wants a login",
    403: "it does not let us have the file",
    404: "there is no such file",
    410: "the file was taken away",
    429: "it gets too many requests",
}
_NO_NETWORK = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})
_LONGEST_WAIT_S = 60.0


class Refused(Exception):  # noqa: N818 - a verdict about an address, turned into an error by callers
    """This address will not give us the file; asking again would not help."""


class Interrupted(Exception):  # noqa: N818 - likewise
    """The connection failed or the server is busy; asking again may help.

    Args:
        message: what happened.
        offline: whether it looks as if there were no network at all.
        wait_s: how long the server asks us to wait; None: it does not say.
    """

    def __init__(self, message: str, *, offline: bool = False, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.offline = offline
        self.wait_s = wait_s


class _Body(Protocol):
    def read1(self, size_bytes: int, /) -> bytes: ...


@dataclass(frozen=True)
class Answer:
    """What the server sends."""

    status: int  # 200 the whole file, 206 the rest of it, 416 there is no rest
    start: int  # position of the first byte of the body in the file
    total_bytes: int | None  # of the whole file; None: the server does not say
    validator: str  # what marks this version of the file (strong ETag, else date); "": nothing
    content_type: str  # without parameters, lower case
    body: _Body

    def read(self, size_bytes: int) -> bytes:
        """Some of the next bytes of the body; none at its end or where the connection was closed.

        What has come is given at once: waiting for more would lose it if the line then breaks.

        Raises:
            Interrupted: the connection broke or was silent for too long.
        """
        with _sorted_errors():
            return self.body.read1(size_bytes)


@contextmanager
def ask(address: str, *, start: int, validator: str, timeout_s: float) -> Iterator[Answer]:
    """Ask for a file from the byte `start` on.

    Args:
        address: https, or http on this machine.
        start: how many bytes of the file we have already.
        validator: what marked the version they are of; the server sends the whole file if it is
            another one now. "": do not make it a condition.
        timeout_s: longest silence, when connecting and between two packets.

    Raises:
        Refused: the address is not allowed, the file is not there, or the answer makes no sense.
        Interrupted: the connection failed, or the server is busy.
    """
    check_address(address)
    headers = {"User-Agent": f"artstyle/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
    request = Request(address, headers=headers)
    opener = _opener(address)
    with _sorted_errors():
        try:
            response = opener.open(request, timeout=timeout_s)
        except HTTPError as error:
            if error.code != 416:
                raise
            response = error
    with response:
        yield _answer(response, start)


def check_address(address: str) -> None:
    """Refuse whatever is not https, or http on this machine.

    Raises:
        Refused: it is something else.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(address)):
        return
    raise Refused(f"{address} is not https")


def _is_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name, such as 127.example.org
        return False


class _CarefulRedirects(HTTPRedirectHandler):
    """Follows only where `check_address` allows it, and from elsewhere never to this machine."""

    def redirect_request(  # noqa: PLR0917 - the signature is the standard library's
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        try:
            check_address(newurl)
        except Refused as error:
            raise Refused(f"it sends us on to another place: {error}") from None
        if _is_this_machine(newurl) and not _is_this_machine(req.full_url):
            raise Refused(f"it sends us on to this very machine: {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(address: str) -> OpenerDirector:
    if _is_this_machine(address):  # a proxy elsewhere could not reach it
        return build_opener(_CarefulRedirects, ProxyHandler({}))
    return build_opener(_CarefulRedirects)


def _answer(response: Any, start: int) -> Answer:
    """Read the head of an answer.

    Raises:
        Refused: the head contradicts itself or what was asked for.
    """
    headers = response.headers
    status = int(response.status)
    encoding = headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", ""):
        raise Refused(f"the server sends the file packed ({encoding}) although we asked it not to")
    if status == 206:
        begin, total = _content_range(headers)
        if begin != start:
            raise Refused(f"the server sends bytes from {begin} on instead of from {start}")
    elif status == 416:
        begin, total = start, _content_range(headers)[1]
    elif status == 200:
        begin, total = 0, _whole_number(headers.get("Content-Length"))
    else:
        raise Refused(f"the server answers with status {status} instead of a file")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(status, begin, total, _validator(headers), kind, response)


def _content_range(headers: Mapping[str, str]) -> tuple[int, int | None]:
    """First byte and total size of `bytes 5-9/10`; -1 where the header says no first byte."""
    unit, _, rest = headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    if unit != "bytes" or not total:
        raise Refused("the server does not say which part of the file it sends")
    first = _whole_number(span.partition("-")[0])
    return (-1 if first is None else first), _whole_number(total)


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdecimal() else None


def _validator(headers: Mapping[str, str]) -> str:
    """What marks a version of the file: If-Range takes strong tags and dates only."""
    tag = headers.get("ETag", "")
    return tag if tag.startswith('"') else headers.get("Last-Modified", "")


@contextmanager
def _sorted_errors() -> Iterator[None]:
    """Turn what the network throws into `Refused` or `Interrupted`."""
    try:
        yield
    except HTTPError as error:
        with error:
            raise _of_status(error) from None
    except URLError as error:
        reason = error.reason
        sorted_error = _of_system(reason) if isinstance(reason, OSError) else Refused(str(reason))
        raise sorted_error from None
    except HTTPException as error:
        raise Interrupted(f"the server's answer breaks off ({type(error).__name__})") from None
    except OSError as error:
        raise _of_system(error) from None


def _of_status(error: HTTPError) -> Exception:
    code = error.code
    if 300 <= code < 400:
        return Refused(f"its redirects lead nowhere (status {code})")
    said = f"status {code}" + (f": {_WHY[code]}" if code in _WHY else "")
    if code not in _PASSING_STATUS:
        return Refused(f"the server answers with {said}")
    wait_s = _whole_number(error.headers.get("Retry-After"))
    return Interrupted(
        f"the server answers with {said}",
        wait_s=None if wait_s is None else min(float(wait_s), _LONGEST_WAIT_S),
    )


def _of_system(error: OSError) -> Exception:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(f"the server's certificate is not valid: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return Interrupted("the server has been silent for too long")
    if isinstance(error, socket.gaierror):
        return Interrupted("its name cannot be looked up; is there a network?", offline=True)
    if error.errno in _NO_NETWORK:
        return Interrupted("there is no way to it; is there a network?", offline=True)
    return Interrupted(f"the connection failed ({error.strerror or error})")
