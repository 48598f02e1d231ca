"""One review: the addresses of its page, and what answers at each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from artstyle import __version__
from artstyle.catalog import Catalog
from artstyle.events import Emit, ignore
from artstyle.web.message import (
    Fault,
    Reply,
    Request,
    json_reply,
    packed_json,
    same_for_ever,
)
from artstyle.web.review import deciding
from artstyle.web.review.desk import Desk
from artstyle.web.review.detail import detail, known_row, place
from artstyle.web.review.files import page_file
from artstyle.web.review.likeness import Likeness
from artstyle.web.review.source_frames import GoneError, SourceFrames
from artstyle.web.review.table import SHA_DIGITS, Row, Table, state_columns
from artstyle.web.review.thumbnails import Thumbnails
from artstyle.web.server import PageServer
from artstyle.workspace import Workspace

Answer: TypeAlias = Callable[..., Reply]


class Review:
    """A style's crops, open for review; `with` closes them.

    Args:
        workspace: its folder.
        style: whose crops.
        by: the name that is written beside decisions.
        emit: hears of faults that nobody planned.

    Raises:
        CatalogError: the catalog cannot be opened.
        UsageError: the style's name cannot be one.
    """

    def __init__(self, workspace: Path, style: str, *, by: str, emit: Emit = ignore) -> None:
        cache = Workspace(workspace).style_folder(style) / "cache"
        self.style = style
        self.by = by
        self._emit = emit
        self._reader = Desk(workspace)
        self._writer = Desk(workspace)
        self._table = Table(style)
        self._likeness = Likeness(cache)
        self._thumbnails = Thumbnails(cache / "thumbnails")
        self._frames = SourceFrames()
        self._reader.do(self._table.refresh)
        self._table.pack()

    def __len__(self) -> int:
        """How many crops there are."""
        return len(self._table)

    def server(self, *, port: int | None) -> PageServer:
        """The page's server, listening; see `PageServer`."""
        return PageServer(self.answer, port=port, emit=self._emit)

    def close(self) -> None:
        """Finish what has been begun."""
        self._thumbnails.close()
        self._writer.close()
        self._reader.close()

    def __enter__(self) -> Review:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, request: Request) -> Reply:
        """The reply to a request that has passed the guard.

        Raises:
            Fault: it cannot be had.
            ArtstyleError: something could not be read.
        """
        for method, pattern, function in _ADDRESSES:
            found = pattern.fullmatch(request.path)
            if found and method == request.method:
                return function(self, request, *found.groups())
        raise Fault(404, "there is no such address")

    def _page(self, request: Request) -> Reply:
        return page_file(request, "index.html")

    def _file(self, request: Request, name: str) -> Reply:
        return page_file(request, name)

    def _about(self, request: Request) -> Reply:
        return json_reply({"style": self.style, "by": self.by, "version": __version__})

    def _data(self, request: Request) -> Reply:
        return packed_json(self._table.packed())

    def _changes(self, request: Request) -> Reply:
        since = request.query.get("since", "")
        if not since.isdigit():
            raise Fault(400, "changes since when?")
        self._reader.do(self._table.refresh)
        return json_reply(self._table.changes(int(since)))

    def _crop(self, request: Request, crop: str) -> Reply:
        return json_reply(self._reader.do(lambda it: detail(it, self.style, int(crop))))

    def _similar(self, request: Request, crop: str) -> Reply:
        row = known_row(self._table.row(int(crop)))
        # At the desk, so that one ranking is worked out at a time.
        found = self._reader.do(lambda _: self._likeness.ranking(row, self._table))
        if found is None:
            raise Fault(
                404,
                "this crop has neither an embedding nor a perceptual hash yet",
                hint=f"artstyle curate --style {self.style}",
            )
        return json_reply({"by": found.by, "id": found.crops, "distance": found.distances})

    def _thumbnail(self, request: Request, crop: str, sha: str) -> Reply:
        row = self._picture_row(crop, sha)
        sha256 = row.crop.sha256
        if request.headers.get("If-None-Match") == f'"{sha256}"':
            return same_for_ever(request, sha256, Reply())
        data = self._thumbnails.get(sha256, self._path(row))
        return same_for_ever(request, sha256, Reply(data, "image/jpeg"))

    def _picture(self, request: Request, crop: str, sha: str) -> Reply:
        row = self._picture_row(crop, sha)
        try:
            data = self._path(row).read_bytes()
        except OSError as fault:
            raise Fault(404, f"the crop's file cannot be read: {fault.strerror}") from fault
        return same_for_ever(request, row.crop.sha256, Reply(data, "image/png"))

    def _picture_row(self, crop: str, sha: str) -> Row:
        row = known_row(self._table.row(int(crop)))
        if row.crop.sha256[:SHA_DIGITS] != sha:
            raise Fault(404, "this crop has another content now")
        return row

    def _path(self, row: Row) -> Path:
        return self._reader.do(lambda catalog: catalog.absolute(row.crop.file))

    def _frame(self, request: Request, crop: str) -> Reply:
        where = self._reader.do(lambda it: place(it, self.style, int(crop)))
        try:
            frame = self._frames.get(where)
        except GoneError as fault:
            raise Fault(404, str(fault), hint=fault.hint) from fault
        headers = {
            "X-Frame-Width": str(frame.width),
            "X-Frame-Height": str(frame.height),
            "X-Frame-Note": frame.note,
            "Cache-Control": "no-store",
        }
        return Reply(frame.jpeg, "image/jpeg", 200, headers)

    def _history(self, request: Request) -> Reply:
        return json_reply(self._reader.do(lambda it: deciding.history(it, self.style)))

    def _decide(self, request: Request) -> Reply:
        data = request.json()
        batch = deciding.checked_batch(data.get("batch"))
        reason = deciding.checked_reason(data.get("reason", ""))
        if not isinstance(data.get("changes"), list):
            raise Fault(400, "nothing was decided")
        changes = [deciding.change_from(one) for one in data["changes"]]

        def work(catalog: Catalog) -> deciding.Written:
            return deciding.write(
                catalog, self.style, changes, by=self.by, reason=reason, batch=batch
            )

        return self._written(work)

    def _rename(self, request: Request) -> Reply:
        data = request.json()
        batch = deciding.checked_batch(data.get("batch"))
        old, new = (deciding.checked_tag(data.get(name)) for name in ("old", "new"))
        if old == new:
            raise Fault(400, "that is its name already")
        return self._written(
            lambda it: deciding.rename(it, self.style, old, new, by=self.by, batch=batch)
        )

    def _undo(self, request: Request) -> Reply:
        batch = deciding.checked_batch(request.json().get("batch"))
        return self._written(lambda it: deciding.undo(it, self.style, batch, by=self.by))

    def _written(self, work: Callable[[Catalog], deciding.Written]) -> Reply:
        written = self._writer.do(work)
        answer: dict[str, Any] = {"made": written.made, "states": state_columns(written.states)}
        return json_reply(answer)


def _at(method: str, pattern: str, function: Answer) -> tuple[str, re.Pattern[str], Answer]:
    return method, re.compile(pattern), function


_ID = "([0-9]{1,15})"
_SHA = f"([0-9a-f]{{{SHA_DIGITS}}})"
_ADDRESSES = (
    _at("GET", "", Review._page),
    _at("GET", "page/([a-z0-9-]+[.][a-z]+)", Review._file),
    _at("GET", "about", Review._about),
    _at("GET", "data", Review._data),
    _at("GET", "changes", Review._changes),
    _at("GET", f"crop/{_ID}", Review._crop),
    _at("GET", f"similar/{_ID}", Review._similar),
    _at("GET", f"thumbnail/{_ID}/{_SHA}", Review._thumbnail),
    _at("GET", f"picture/{_ID}/{_SHA}", Review._picture),
    _at("GET", f"frame/{_ID}", Review._frame),
    _at("GET", "history", Review._history),
    _at("POST", "decide", Review._decide),
    _at("POST", "rename", Review._rename),
    _at("POST", "undo", Review._undo),
)
