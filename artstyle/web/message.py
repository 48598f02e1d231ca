"""What comes in and goes out over HTTP: requests, replies, faults."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_WORTH_PACKING_BYTES = 2_000


class Fault(Exception):  # noqa: N818 - some are the visitor's faults, not errors of ours
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        message: what is wrong.
        hint: what one can do.
        more: further fields of the answer.
    """

    def __init__(
        self, status: int, message: str, *, hint: str | None = None, **more: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint
        self.more = more


@dataclass(frozen=True)
class Request:
    """What the page asks for."""

    method: str  # "GET" or "POST"
    path: str  # behind the token, without a slash before it
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object.

        Raises:
            Fault: 400.
        """
        try:
            data = json.loads(self.body)
        except ValueError as fault:
            raise Fault(400, f"the body is no JSON: {fault}") from fault
        if not isinstance(data, dict):
            raise Fault(400, "the body is no JSON object")
        return data


@dataclass(frozen=True)
class Reply:
    """What the page gets."""

    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(data: Any, *, status: int = 200) -> Reply:
    """JSON, packed where that is worth it."""
    body = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    packed = body.encode("utf-8", "backslashreplace")
    if len(packed) < _WORTH_PACKING_BYTES:
        return Reply(packed, "application/json", status, {"Cache-Control": "no-store"})
    return packed_json(gzip.compress(packed, 1), status=status)


def packed_json(body: bytes, *, status: int = 200) -> Reply:
    """JSON that is packed with gzip already."""
    headers = {"Cache-Control": "no-store", "Content-Encoding": "gzip"}
    return Reply(body, "application/json", status, headers)


def fault_reply(fault: Fault) -> Reply:
    """A fault as JSON: `error`, `hint` and what else it carries."""
    return json_reply({"error": str(fault), "hint": fault.hint, **fault.more}, status=fault.status)


def same_for_ever(request: Request, etag: str, reply: Reply) -> Reply:
    """A reply whose address names its content: the browser never has to ask again."""
    headers = {
        **reply.headers,
        "ETag": f'"{etag}"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    if request.headers.get("If-None-Match") == f'"{etag}"':
        return Reply(b"", reply.kind, 304, headers)
    return Reply(reply.body, reply.kind, reply.status, headers)
