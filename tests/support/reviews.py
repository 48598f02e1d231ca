"""A set of drawn crops of any size, and a review of it with a visitor that speaks HTTP."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from artstyle.catalog import Catalog, open_catalog
from artstyle.images import encode_png, write_png
from artstyle.web.review import Review
from support.films import scenes, write_film

STYLE = "faces"
LOOKS = 48  # different pictures; larger sets use each of them several times
PER_SHOT = 20
ANNA = "anna"


def drawn(number: int, side_px: int = 64) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A head of two colours, another for each number: RGB uint8."""
    rng = np.random.default_rng(number)
    back, face = rng.integers(30, 225, (2, 3))
    y, x = np.mgrid[0:side_px, 0:side_px] / side_px - 0.5
    inside = (x * x / 0.08 + y * y / 0.13) < 1
    eyes = (abs(abs(x) - 0.11) < 0.03) & (abs(y + 0.06) < 0.02)
    rgb = np.where(inside[..., None], face, back * (1.0 - 0.4 * y[..., None]))
    return np.where(eyes[..., None], 20, rgb).clip(0, 255).astype(np.uint8)


def crop_set(workspace: Path, count: int, *, style: str = STYLE, first: int = 0) -> None:
    """Add crops to a workspace's catalog, with files; a film for each 2,000 of them.

    Figures: `sharpness` is the number of the crop, `brightness` goes up and down, every tenth has
    no `yaw_deg`. Files of one look are one file under many names.
    """
    folder = workspace / "datasets" / style / "crops" / "film"
    folder.mkdir(parents=True, exist_ok=True)
    looks = []
    for look in range(min(LOOKS, count)):
        data = encode_png(drawn(look))
        path = folder.parent / f"look-{look}.png"
        path.write_bytes(data)
        looks.append((path, hashlib.sha256(data).hexdigest()))
    numbers = range(first, first + count)
    for number in numbers:
        path = folder / f"{number:06d}.png"
        if not path.exists():
            os.link(looks[number % len(looks)][0], path)
    with open_catalog(workspace) as catalog, catalog.transaction():
        _rows(catalog, style, numbers, looks)


def _rows(catalog: Catalog, style: str, numbers: range, looks: list[tuple[Path, str]]) -> None:
    films = {
        number // 2000: catalog.add_source(
            catalog.workspace / f"films/{number // 2000}.mkv",
            sha256=f"{number // 2000:064x}",
            size_bytes=1,
            kind="film",
            licence="CC0",
        )
        for number in numbers
    }
    quad = "[[10.0,10.0],[10.0,74.0],[74.0,74.0],[74.0,10.0]]"
    catalog.change_many(
        "INSERT INTO frame (id, source, pts_s, shot) VALUES (?, ?, ?, ?)",
        [(n + 1, films[n // 2000], n % 2000 / 5, n % 2000 // PER_SHOT) for n in numbers],
    )
    catalog.change_many(
        "INSERT INTO face (id, frame, detector, bbox_px, points_px, score, quality)"
        " VALUES (?, ?, 'yunet', '[20.0,20.0,60.0,60.0]', '[[30,35],[50,35]]', ?, ?)",
        [(n + 1, n + 1, 0.5 + n % 50 / 100, json.dumps(_quality(n))) for n in numbers],
    )
    catalog.change_many(
        "INSERT INTO crop (id, face, style, size_px, quad_px, file, sha256)"
        " VALUES (?, ?, ?, 64, ?, ?, ?)",
        [
            (
                n + 1,
                n + 1,
                style,
                quad,
                f"datasets/{style}/crops/film/{n:06d}.png",
                looks[n % len(looks)][1],
            )
            for n in numbers
        ],
    )


def _quality(number: int) -> dict[str, Any]:
    figures = {
        "sharpness": number,
        "brightness": round(0.5 + 0.4 * math.sin(number), 5),
        "contrast": 0.2 + number % 7 / 50,
        "greyness": number % 101 / 101,
        "clipped_share": 0.0,
        "confidence": 0.9,
        "roll_deg": number % 31 - 15,
        "pitch_deg": number % 17 - 8,
        "face_px": 40 + number % 300,
        "upscale_factor": 1.25,
        "outside_share": 0.0,
        "appearance_faces": 3,
        "appearance": f"a{number // 3}",
        "phash": f"{(number % LOOKS) * 0x0101010101010101 % 2**64:016x}",
    }
    return figures | ({} if number % 10 == 9 else {"yaw_deg": number % 61 - 30})


def real_source(workspace: Path, crop: int, *, kind: str = "film") -> Path:
    """Give a crop of a set a source that is there: a film of two scenes, or a picture."""
    folder = workspace / "films"
    folder.mkdir(exist_ok=True)
    if kind == "film":
        path = write_film(folder / "real.mp4", scenes([1, 2], 25), gop=12)
    else:
        path = folder / "real.png"
        write_png(path, drawn(3, 96))
    with open_catalog(workspace) as catalog, catalog.transaction():
        source = catalog.add_source(
            path, sha256=f"{crop:063d}f", size_bytes=path.stat().st_size, kind=kind
        )
        frame = catalog.add_frame(source, pts_s=1.2 if kind == "film" else 0.0, shot=0)
        catalog.change("UPDATE face SET frame = ? WHERE id = ?", frame, crop)
    return path


def gesture() -> str:
    """The name of a gesture, as the page makes them."""
    return f"review:{secrets.token_hex(8)}"


@dataclass
class Visitor:
    """Speaks to a review as a browser does."""

    address: str

    @property
    def port(self) -> int:
        return int(self.address.split(":")[2].split("/")[0])

    @property
    def token(self) -> str:
        return self.address.split("/")[3]

    def raw(
        self, path: str, data: Any = None, *, method: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of any path of the server."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if data is None else data if isinstance(data, bytes) else json.dumps(data)
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def ask(self, path: str, data: Any = None, *, status: int = 200) -> Any:
        """The JSON at an address of the page; the status is checked."""
        code, headers, body = self.raw(f"/{self.token}/{path}", data)
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert code == status, body[:300]
        return json.loads(body)

    def decide(
        self,
        action: str,
        crops: list[int],
        upon: list[int] | None = None,
        *,
        value: str | None = None,
        status: int = 200,
        batch: str | None = None,
        reason: str = "",
    ) -> Any:
        """Send a gesture of one change; verdicts are made upon 0 unless another is given."""
        change: dict[str, Any] = {"action": action, "crops": crops}
        if value is None:
            change["upon"] = [0] * len(crops) if upon is None else upon
        else:
            change["value"] = value
        data = {"changes": [change], "batch": batch or gesture(), "reason": reason}
        return self.ask("decide", data, status=status)


@contextmanager
def visited(workspace: Path, *, style: str = STYLE, by: str = ANNA) -> Iterator[Visitor]:
    """A review that is served while the block runs, and a visitor to it."""
    with Review(workspace, style, by=by) as review, review.server(port=None) as server:
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield Visitor(server.address)
        finally:
            server.stop()
            thread.join(timeout=10)
