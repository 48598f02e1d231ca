"""What a blend draws, between its two parents: the same seeds, row below row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artstyle.events import Emit, ignore
from artstyle.images import write_png
from artstyle.pipeline.blend import Blended, draw_preview
from artstyle.pipeline.generate.record import KEYWORD, lineage_in, lineage_text
from artstyle.report.sheet import contact_sheet
from stylegan_ext.header import read_header

_CELL_AT_LEAST_PX = 128  # smaller pictures are enlarged by a whole number


def preview_file(model: Path) -> Path:
    """Where the preview of a model file belongs: NAME.preview.png beside NAME.safetensors."""
    return model.with_suffix(".preview.png")


def make_preview(blended: Blended, seeds: Sequence[int], *, emit: Emit = ignore) -> Path:
    """Draw a sheet beside a blend: rows base, blend, style; a column for each seed.

    The file says what it is made from, as JSON under the keyword "artstyle". A sheet that is there
    already, of the same models and seeds, is kept.

    Args:
        blended: a blend that was written.
        seeds: one or more.
        emit: gets progress in pictures.

    Returns:
        The sheet's file.

    Raises:
        ImageError: a model draws values that are not finite.
        OSError: the file cannot be written.
    """
    path = preview_file(blended.out)
    lineage = _lineage(blended, seeds)
    if lineage_in(path) == lineage:
        return path
    rows = draw_preview(blended, seeds, emit=emit)
    pictures = [picture for row in rows for picture in row]
    largest = max(max(picture.shape[:2]) for picture in pictures)
    sheet = contact_sheet(
        pictures,
        columns=len(seeds),
        row_labels=(blended.base.name, "blend", blended.style.name),
        column_labels=[f"seed {seed}" for seed in seeds],
        cell_size_px=largest * -(-_CELL_AT_LEAST_PX // largest),
        title=f"{blended.base.name} and {blended.style.name}",
        footer=f"{blended.plan.rule}. licence: {blended.licence}",
    )
    write_png(path, sheet, text={KEYWORD: lineage})
    return path


def _lineage(blended: Blended, seeds: Sequence[int]) -> str:
    return lineage_text(
        {
            "what": "preview of a blend",
            "seeds": list(seeds),
            "base": blended.base.lineage(),
            "style": blended.style.lineage(),
            "blend_content_sha256": read_header(blended.out).content_sha256,
            "rule": blended.plan.rule,
            "licence": blended.licence,
        }
    )
