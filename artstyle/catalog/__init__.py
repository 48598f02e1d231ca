"""The catalog: one SQLite file that knows what came from what.

    with open_catalog(workspace) as catalog, catalog.transaction():     # all of it or nothing
        source = catalog.add_source(film, sha256=..., size_bytes=..., kind="film")
        frame = catalog.add_frame(source, pts_s=12.48, shot=3)
        face = catalog.add_face(frame, detector="yunet", bbox_px=..., points_px=..., score=0.98)
        catalog.add_crop(face, style="ghibli", file=png, quad_px=..., size_px=256, sha256=...)

Each method is one transaction, unless it is called inside `transaction()`. Adding what is there
already gives its id and makes nothing new: a command that was killed can be given again. Several
processes may write at once; each waits its turn. A `Catalog` belongs to the thread that opened it.
Reading is in `artstyle.catalog.rows`, `artstyle.catalog.export` and `artstyle.catalog.lineage`.

Paths inside the workspace are stored relative to it, so that a workspace can be moved.
"""

from __future__ import annotations

import os
from pathlib import Path

from artstyle.catalog.database import Clock, connect, utc_now
from artstyle.catalog.decisions import Action, Decisions
from artstyle.catalog.extraction import Extraction, Scan, SourceKind
from artstyle.catalog.models import Input, Models

__all__ = ["Action", "Catalog", "Input", "Scan", "SourceKind", "open_catalog"]


def open_catalog(
    workspace: Path, *, create: bool = True, busy_timeout_s: float = 30.0, clock: Clock = utc_now
) -> Catalog:
    """Open the catalog of a workspace.

    Args:
        workspace: the folder that holds, or shall hold, `artstyle.sqlite`.
        create: make it if it is not there.
        busy_timeout_s: how long to wait for another process that is writing.
        clock: tells the time that is written down.

    Raises:
        CatalogError: there is none (and none was to be made), it is locked, damaged, of a newer
            artstyle or another program's, or it cannot be written.
    """
    folder = Path(os.path.abspath(workspace))  # noqa: PTH100 - keeps links as typed
    connection = connect(folder, create=create, busy_timeout_s=busy_timeout_s)
    return Catalog(connection, folder, clock)


class Catalog(Extraction, Decisions, Models):
    """An open catalog; get one from `open_catalog`, and close it, or use it in a `with`."""
