"""Who may speak to a page of artstyle: the browser that was given its address, and nobody else.

A server on 127.0.0.1 can be reached by every program and every web page on the machine. Four
things keep strangers out:

- the address holds a random token, and every request, for pictures too, is refused without it;
- the Host header must name this machine, so that a foreign name that was pointed to 127.0.0.1
  (DNS rebinding) gets nothing;
- what changes something must come from the page itself (Origin, Sec-Fetch-Site) and be JSON, which
  no form of another page can send;
- answers tell the browser to load nothing from elsewhere, to show the page in no frame, and never
  to name the address to anybody (no Referer).

The browser is started with an address that works once and leads on to the real one: command lines
can be read by other users of the machine.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping

from artstyle.web.message import Fault

_NAMES = ("127.0.0.1", "localhost", "[::1]")  # any port: the page may come through a tunnel

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Knows the token, and says whether a request may be answered."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._once: str | None = secrets.token_urlsafe(24)
        self._lock = threading.Lock()

    @property
    def opening_path(self) -> str:
        """A path that leads to the page once."""
        return f"/open/{self._once}"

    def opens(self, path: str) -> bool:
        """Whether this is the path that works once; it does not work again."""
        with self._lock:
            is_it = self._once is not None and _same(path, f"/open/{self._once}")
            if is_it:
                self._once = None
        return is_it

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Refuse whatever was not addressed to this machine by its own names.

        Raises:
            Fault: 403.
        """
        name, _, port = headers.get("Host", "").rpartition(":")
        if (name if port.isdigit() else f"{name}:{port}".lstrip(":")).lower() not in _NAMES:
            raise Fault(403, "this page answers to 127.0.0.1 and localhost only")

    def inner_path(self, path: str) -> str:
        """The path behind the token.

        Raises:
            Fault: 403; the token is missing or wrong.
        """
        token, _, rest = path.lstrip("/").partition("/")
        if not _same(token, self.token):
            raise Fault(
                403,
                "this address is not valid, or no longer",
                hint="open the address that 'artstyle review' printed last",
            )
        return rest

    def check_change(self, headers: Mapping[str, str]) -> None:
        """Refuse to change anything unless the page itself asks.

        Raises:
            Fault: 403 or 415.
        """
        origin = headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != headers.get("Host"):
            raise Fault(403, "another page tried to decide something here")
        if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Fault(403, "another page tried to decide something here")
        if headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise Fault(415, "only JSON is taken")


def _same(one: str, two: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), two.encode("utf-8", "replace"))
