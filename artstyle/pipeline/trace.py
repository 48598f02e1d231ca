"""The way of anything back to its sources, of a picture inside a dataset zip too."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from artstyle.catalog import Catalog
from artstyle.catalog.lineage import Node, find_build, trace, trace_member
from artstyle.corpus.read import picture_header
from artstyle.corpus.write import member_name
from artstyle.errors import CatalogError, ImageError
from artstyle.pipeline.build.finished import is_still

_MARK = ".zip:"  # between a zip and what is in it
_MOST_BYTES = 64 << 20  # a stored picture of 4096 px has 50 MB; larger files are not looked for


def trace_any(catalog: Catalog, text: str, member: str | None = None) -> Node:
    """The way of a file, or of a picture inside a dataset zip, back to its sources.

    Args:
        catalog: an open catalog.
        text: a file, a SHA-256, or "ZIP:NAME" for a picture in a zip. A picture that was taken out
            of a zip is known by its content, as long as the zip is there.
        member: the picture in the zip, by its name, the end of it, or its number from 0.

    Raises:
        CatalogError: the catalog does not know it.
        OSError: a file cannot be read.
    """
    if member is None and _MARK in text.lower() and not Path(text).exists():
        at = text.lower().index(_MARK) + len(_MARK) - 1
        text, member = text[:at], text[at + 1 :]
    if member is not None:
        build, state = find_build(catalog, text)
        return trace_member(catalog, build, _full_name(catalog, build, member), state)
    try:
        return trace(catalog, text)
    except CatalogError:
        path = Path(text) if Path(text).exists() else catalog.workspace / text
        found = list(_taken_out(catalog, path)) if path.is_file() else []
        if not found:
            raise
        build, name = found[0]
        node = trace_member(catalog, build, name)
        more = {"others_of_this_content": len(found) - 1} if len(found) > 1 else {}
        return replace(node, facts=node.facts | {"given_as": path.absolute()} | more)


def _full_name(catalog: Catalog, build: int, member: str) -> str:
    """The name of a member that was named by its number, or by the end of its name."""
    if member.isascii() and member.isdigit():
        return member_name(int(member))
    names = catalog.rows(
        "SELECT name FROM member WHERE build = ? AND (name = ? OR name LIKE '%/' || ?)",
        *(build, member, member.replace("%", "").replace("_", "")),
    )
    return str(names[0][0]) if len(names) == 1 else member


def _taken_out(catalog: Catalog, path: Path) -> Iterator[tuple[int, str]]:
    """The builds, newest first, that hold this very file, and its names there."""
    if path.stat().st_size > _MOST_BYTES:
        return
    data = path.read_bytes()
    try:
        width, _, _ = picture_header(data)
    except ImageError:
        return
    checksum = zlib.crc32(data)
    query = "SELECT id, path FROM build WHERE size_px = ? ORDER BY id DESC"
    for build, stored in catalog.rows(query, width):
        place = catalog.absolute(stored)
        if not is_still(catalog, build, place):
            continue
        with zipfile.ZipFile(place) as opened:
            for info in opened.infolist():
                is_alike = checksum == info.CRC and info.file_size == len(data)
                if is_alike and opened.read(info) == data:
                    yield build, info.filename
