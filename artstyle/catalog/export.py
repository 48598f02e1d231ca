"""The catalog as tables that other programs read: CSV or Parquet, a file per table."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from artstyle.catalog import Catalog
from artstyle.errors import CatalogError
from artstyle.files import write_bytes

if TYPE_CHECKING:
    import pandas as pd

Format: TypeAlias = Literal["csv", "parquet"]

TABLES = (
    *(
        "source",
        "source_path",
        "setting",
        "scan",
        "frame",
        "face",
        "crop",
        "decision",
        "build",
        "member",
    ),
    *("run", "model", "model_parent", "projection", "artefact", "artefact_input"),
)

# One row per crop with what one asks for most, so that nobody has to join tables for it.
OVERVIEW = """
SELECT crop.id AS crop, crop.style, crop.file, crop.size_px, source.path AS source, source.licence,
       frame.pts_s, frame.shot, face.detector, face.score, face.bbox_px, face.quality,
       (SELECT action FROM standing_decision AS made WHERE made.crop = crop.id
        AND action IN ('keep', 'drop') ORDER BY made.id DESC LIMIT 1) AS verdict,
       (SELECT value FROM standing_decision AS made WHERE made.crop = crop.id
        AND action = 'split' ORDER BY made.id DESC LIMIT 1) AS split
FROM crop JOIN face ON face.id = crop.face JOIN frame ON frame.id = face.frame
          JOIN source ON source.id = frame.source ORDER BY crop.id
"""


def export(catalog: Catalog, folder: Path, *, format: Format = "csv") -> list[Path]:
    """Write every table, and an overview of the crops, each into a file of its own.

    Args:
        catalog: an open catalog.
        folder: where to; made if it is missing. Files of an earlier export are replaced.
        format: "csv" (UTF-8, with a header) or "parquet".

    Returns:
        The files, in the order of the tables.

    Raises:
        CatalogError: Parquet was asked for and pyarrow is missing; the catalog cannot be read.
        OSError: a file cannot be written.
    """
    if format == "parquet" and find_spec("pyarrow") is None:
        raise CatalogError(
            "Parquet files need pyarrow, which is not installed",
            hint="type \"pip install 'artstyle[parquet]'\", or export CSV",
        )
    queries = {table: f'SELECT * FROM "{table}" ORDER BY 1, 2' for table in TABLES}
    files = []
    with catalog.snapshot():  # all tables as they were at one instant
        for name, query in {**queries, "crops_overview": OVERVIEW}.items():
            path = folder / f"{name}.{format}"
            write_bytes(path, _encoded(table(catalog, query), format))
            files.append(path)
    return files


def table(catalog: Catalog, query: str) -> pd.DataFrame:
    """What a SELECT gives, as a table with the names of its columns.

    Raises:
        CatalogError: the catalog cannot be read.
    """
    import pandas as pd

    names, rows = catalog.table(query)
    return pd.DataFrame.from_records(rows, columns=names)


def _encoded(frame: pd.DataFrame, format: Format) -> bytes:
    if format == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()
