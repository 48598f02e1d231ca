"""A real browser without a window, driven over its own protocol through two pipes.

Chromium speaks the DevTools protocol (JSON, a zero byte after each message) on file descriptors 3
and 4 when told so: no package and no port is needed.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ANSWERS_WITHIN_S = 30.0
_LAUNCH = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
_KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), " ": ("Space", 32, " ")}
_CODES = {"ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, "ArrowUp": 38, "Home": 36, "End": 35}
SHIFT, CONTROL = 8, 2


def find() -> str | None:
    """The program, if there is one."""
    given = os.environ.get("ARTSTYLE_BROWSER")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(AssertionError):
    """The browser or the page says that something went wrong."""


class Browser:
    """A running browser."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._buffer = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Give a command and wait for its answer; what happens meanwhile is kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        until_s = time.monotonic() + _ANSWERS_WITHIN_S
        while True:
            answer = self._next(until_s, method)
            if answer.get("id") == self._number:
                break
            self._events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def _next(self, until_s: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reads], [], [], max(0.0, until_s - time.monotonic()))
            data = os.read(self._reads, 1 << 20) if ready else b""
            if not data:
                raise BrowserError(f"the browser does not answer to {what}")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))

    def faults(self) -> list[str]:
        """What pages complained about since the last time this was asked."""
        self.call("Browser.getVersion")  # whatever is under way has arrived before its answer
        events, self._events = self._events, []
        found = []
        for event in events:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                found.append(details.get("exception", {}).get("description") or details["text"])
            elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        return found

    def open(self, address: str, width: int = 1440, height: int = 900) -> Page:
        """A page of its own, at this address."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"], context)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.go(address)
        return page


class Page:
    """A page in the browser."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser, self._session, self._context = browser, session, context

    def close(self) -> None:
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def theme(self, name: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def go(self, address: str) -> None:
        result = self.call("Page.navigate", url=address)
        if "errorText" in result:
            raise BrowserError(result["errorText"])

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 15.0) -> None:
        """Wait until an expression is true; one that fails is not true yet."""
        until_s = time.monotonic() + seconds
        while not self.js(
            f"(() => {{ try {{ return !!({expression}) }} catch {{ return 0 }} }})()"
        ):
            if time.monotonic() > until_s:
                said = self._browser.faults()
                raise BrowserError(f"not true within {seconds:g} s: {expression}; {said}")
            time.sleep(0.03)

    def key(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key."""
        code, number, text = _KEYS.get(key, (key, _CODES.get(key, ord(key[0].upper())), ""))
        if len(key) == 1 and not modifiers & CONTROL:
            text = key
        given = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **given)
        self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def click(self, selector: str, modifiers: int = 0) -> None:
        """Click in the middle of an element."""
        x, y = self.js(
            f"(() => {{ const r = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        given = {"x": x, "y": y, "button": "left", "clickCount": 1, "modifiers": modifiers}
        self.call("Input.dispatchMouseEvent", type="mousePressed", **given)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **given)

    def screenshot(self, path: Path) -> Path:
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))
        return path


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser with a fresh profile while the block runs.

    Args:
        profile: a folder for its files.
    """
    program = find()
    if program is None:
        raise BrowserError("there is no Chromium here")
    in_reads, in_writes = os.pipe()
    out_reads, out_writes = os.pipe()
    words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
    words += ["--no-first-run", "--disable-extensions", "--disable-background-networking"]
    words += ["--disable-dev-shm-usage", "--hide-scrollbars", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(in_reads), str(out_writes), *words, "about:blank"],
        pass_fds=(in_reads, out_writes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(in_reads)
    os.close(out_writes)
    try:
        yield Browser(out_reads, in_writes)
    finally:
        os.close(in_writes)
        os.close(out_reads)
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
