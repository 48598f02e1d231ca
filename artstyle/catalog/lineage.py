"""The way of anything artstyle made back to its sources: from a grid to the second of the film.

`trace` finds a file in the catalog by its content and by its place, and gives a tree whose root is
the file and whose leaves are films, pictures and models that came from elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from artstyle.catalog import Catalog
from artstyle.errors import CatalogError
from artstyle.files import sha256_of
from artstyle.names import shown

State: TypeAlias = Literal["there", "missing", "changed"]
Row: TypeAlias = dict[str, Any]

# Table -> its column with a file. In this order a file is looked for: what was made last, first.
_PLACES = {
    "artefact": "file",
    "projection": "file",
    "model": "path",
    "build": "path",
    "crop": "file",
    "source": "path",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Node:
    """One thing on the way, and what it was made from."""

    kind: str  # "grid", "cell", "projection", "model", "run", "build", "crop", "face", "frame", ...
    role: str = ""  # what it was to the thing it hangs on: "photo", "base", ...; "" for the root
    file: Path | None = None  # where it lay when it was recorded
    sha256: str | None = None
    state: State = "there"  # of the file; contents are compared for the root, sizes for sources
    licence: str | None = None  # of sources and models
    facts: dict[str, Any] = field(default_factory=dict)
    is_repeated: bool = False  # its own way stands elsewhere in the tree, and is left out here
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it, from the top down."""
        yield self
        for child in self.children:
            yield from child.walk()

    def licences(self) -> dict[str, list[str]]:
        """Licence -> the names of sources and models on the way that have it, both sorted."""
        names: dict[str, set[str]] = {}
        for node in self.walk():
            if node.licence is not None and node.file is not None:
                names.setdefault(node.licence, set()).add(shown(node.file.name))
        return {licence: sorted(names[licence]) for licence in sorted(names)}


def trace(catalog: Catalog, file: Path | str) -> Node:
    """The way of a file back to its sources.

    Args:
        catalog: an open catalog.
        file: a path (relative ones are looked for in the current folder, then in the workspace),
            or the SHA-256 of a content.

    Raises:
        CatalogError: the catalog knows neither its content nor its place.
        OSError: the file cannot be read.
    """
    with catalog.snapshot():
        table, row, state, facts = _find(catalog, file)
        root = _Tree(catalog).node(table, row, "")
    return replace(root, state=state, facts=root.facts | facts)


def find_build(catalog: Catalog, file: Path | str) -> tuple[int, State]:
    """The build that a dataset zip is, by its content or its place, and the zip's state.

    Raises:
        CatalogError: the catalog does not know it, or it is no dataset zip.
        OSError: the file cannot be read.
    """
    table, row, state, _ = _find(catalog, file)
    if table != "build":
        raise CatalogError(
            f"{shown(str(file))} is no dataset zip: the catalog knows it as a {table}",
            hint="trace it without a member",
        )
    return int(row["id"]), state


def trace_member(catalog: Catalog, build: int, name: str, state: State = "there") -> Node:
    """The way of one picture in a dataset zip back to its source.

    Args:
        catalog: an open catalog.
        build: the zip's id.
        name: of the picture in it.
        state: of the zip.

    Raises:
        CatalogError: the zip has no such picture.
    """
    with catalog.snapshot():
        (row,) = _rows(catalog, "SELECT * FROM build WHERE id = ?", build)
        path = catalog.absolute(row["path"])
        query = """SELECT crop.* FROM member JOIN crop ON crop.id = member.crop
            WHERE member.build = ? AND member.name = ?"""
        for crop in _rows(catalog, query, build, name):
            facts = {"member": name} | {key: row[key] for key in ("style", "size_px", "split")}
            below = (_Tree(catalog).node("crop", crop, "crop"),)
            return Node("picture", file=path, state=state, facts=facts, children=below)
        ((count,),) = catalog.rows("SELECT count(*) FROM member WHERE build = ?", build)
    raise CatalogError(
        f"{shown(path)} has no picture {shown(name)}: it has {count:,}",
        hint="name one as 'unzip -l' does, or by its number, from 0",
    )


def _find(catalog: Catalog, file: Path | str) -> tuple[str, Row, State, dict[str, Any]]:
    """The row that stands for a file, the file's state, and what is to be said about that."""
    name = str(file)
    path = Path(file).absolute()
    if not path.exists():
        path = catalog.workspace / file
    stored = catalog.stored(path)
    if path.is_dir():
        return "run", _run_in(catalog, stored, name), "there", {}
    here = list(_candidates(catalog, "place", stored))
    if path.is_file():
        digest = _known_digest(here, path) or sha256_of(path)
    else:
        digest = name if _SHA256.fullmatch(name) else ""
    same = list(_candidates(catalog, "sha256", digest)) if digest else []
    for table, row in same:
        if (table, row["id"]) in {(place, held["id"]) for place, held in here}:
            return table, row, "there" if path.exists() else "missing", {}
    if same:
        table, row = same[0]
        facts = {"given_as": path} if path.exists() else {}
        others = sum(place == table for place, _ in same) - 1
        facts_same = {"others_of_this_content": others} if others else {}
        return table, row, _state(catalog, table, row), facts | facts_same
    if here:
        return *here[0], "changed" if path.exists() else "missing", {}
    raise _unknown(name, exists=path.exists())


def _candidates(catalog: Catalog, by: str, value: str) -> Iterator[tuple[str, Row]]:
    """Rows whose content or place is the one given, the newest of each table first."""
    for table, place in _PLACES.items():
        query = f'SELECT * FROM "{table}" WHERE {"sha256" if by == "sha256" else place} = ?'
        if table == "source" and by == "place":
            query = (
                "SELECT * FROM source WHERE id IN (SELECT source FROM source_path WHERE path = ?)"
            )
        for row in _rows(catalog, query + " ORDER BY id DESC", value):
            yield table, row


def _known_digest(here: list[tuple[str, Row]], path: Path) -> str | None:
    """The SHA-256 of a source recorded at this place, if its size is still the same.

    Hashing a film takes minutes, and a film that was cut anew changes its size.
    """
    size = path.stat().st_size
    found = (
        row["sha256"] for table, row in here if table == "source" and row["size_bytes"] == size
    )
    return next(found, None)


def _run_in(catalog: Catalog, stored: str, name: str) -> Row:
    for row in _rows(catalog, "SELECT * FROM run WHERE path = ?", stored):
        return row
    raise _unknown(name, exists=True)


def _unknown(name: str, *, exists: bool) -> CatalogError:
    what = "this file" if exists else "a file of this name; nor is there one"
    return CatalogError(
        f"cannot trace {shown(name)}: the catalog does not know {what}",
        hint="files are recorded by the commands that make them; is --workspace the one where it"
        " was made?",
    )


def _rows(catalog: Catalog, query: str, *values: Any) -> Iterator[Row]:
    names, rows = catalog.table(query, *values)
    return (dict(zip(names, row, strict=True)) for row in rows)


def _state(catalog: Catalog, table: str, row: Row) -> State:
    """Whether the file of a row is where it was, judged without reading it."""
    path = catalog.absolute(row[_PLACES.get(table, "path")])
    if not path.exists():
        return "missing"
    is_other = table == "source" and path.stat().st_size != row["size_bytes"]
    return "changed" if is_other else "there"


class _Tree:
    """Grows the tree from a row downwards; what was grown once is not grown again."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._grown: set[tuple[str, int]] = set()
        self._growers: dict[str, Callable[[Row], Node]] = {
            "artefact": self._artefact,
            "projection": self._projection,
            "model": self._model,
            "run": self._run,
            "build": self._build,
            "crop": self._crop,
            "source": self._source,
        }

    def node(self, table: str, row: Row, role: str) -> Node:
        """The node of a row, with all below it unless that stands elsewhere already."""
        identity = (table, row["id"])
        is_repeated = identity in self._grown
        self._grown.add(identity)
        node = self._growers[table](row | {"_bare": is_repeated})
        place = _PLACES.get(table, "path")
        return replace(
            node,
            role=role,
            file=self._catalog.absolute(row[place]),
            sha256=row.get("sha256"),
            state=_state(self._catalog, table, row),
            is_repeated=is_repeated and table != "source",
        )

    def _by_id(self, table: str, row_id: int | None, role: str) -> tuple[Node, ...]:
        if row_id is None:
            return ()
        rows = _rows(self._catalog, f'SELECT * FROM "{table}" WHERE id = ?', row_id)
        return tuple(self.node(table, row, role) for row in rows)

    def _artefact(self, row: Row) -> Node:
        facts = {"made_by": row["made_by"], "at": row["at"], **json.loads(row["settings"])}
        children: tuple[Node, ...] = ()
        if not row["_bare"]:
            query = "SELECT * FROM artefact_input WHERE artefact = ? ORDER BY rowid"
            for given in _rows(self._catalog, query, row["id"]):
                columns = {name: given[name] for name in ("source", "crop", "model", "projection")}
                columns["artefact"] = given["input"]
                for table, row_id in columns.items():
                    children += self._by_id(table, row_id, given["role"])
        return Node(row["kind"], facts=facts, children=children)

    def _projection(self, row: Row) -> Node:
        facts = {"space": row["space"], "at": row["at"], **json.loads(row["settings"])}
        children: tuple[Node, ...] = ()
        if not row["_bare"]:
            photo = ("source", row["source"]) if row["crop"] is None else ("crop", row["crop"])
            children = self._by_id(*photo, "photo") + self._by_id("model", row["model"], "into")
        return Node("projection", facts=facts, children=children)

    def _model(self, row: Row) -> Node:
        facts = {"name": row["name"], **json.loads(row["notes"])}
        children: tuple[Node, ...] = ()
        if not row["_bare"]:
            query = "SELECT parent, role FROM model_parent WHERE model = ? ORDER BY role, parent"
            for parent, role in self._catalog.rows(query, row["id"]):
                children += self._by_id("model", parent, role)
            children += self._by_id("run", row["run"], "trained by")
        return Node("model", licence=row["licence"], facts=facts, children=children)

    def _run(self, row: Row) -> Node:
        facts = {"kind": row["kind"], "style": row["style"], "at": row["at"]}
        children: tuple[Node, ...] = ()
        if not row["_bare"]:
            children = self._by_id("build", row["build"], "dataset")
            children += self._by_id("model", row["base"], "base")
        return Node("run", facts=facts, children=children)

    def _build(self, row: Row) -> Node:
        columns = ("style", "size_px", "split", "at")
        children: tuple[Node, ...] = ()
        (crops,) = self._catalog.rows("SELECT count(*) FROM member WHERE build = ?", row["id"])[0]
        if not row["_bare"]:
            children = tuple(self._sources_of(row["id"]))
        return Node(
            "build",
            facts={"crops": crops} | {name: row[name] for name in columns},
            children=children,
        )

    def _sources_of(self, build: int) -> Iterator[Node]:
        """The sources of a dataset's pictures, each with how many and from which seconds."""
        query = """
            SELECT source.*, count(*) AS crops, min(pts_s) AS from_pts_s, max(pts_s) AS to_pts_s
            FROM member JOIN crop ON crop.id = member.crop JOIN face ON face.id = crop.face
            JOIN frame ON frame.id = face.frame JOIN source ON source.id = frame.source
            WHERE member.build = ? GROUP BY source.id ORDER BY source.path"""
        for row in _rows(self._catalog, query, build):
            node = self.node("source", row, "source")
            used = {"crops": row["crops"]}
            if row["kind"] == "film":
                used |= {"from_pts_s": row["from_pts_s"], "to_pts_s": row["to_pts_s"]}
            yield replace(node, facts=node.facts | used)

    def _crop(self, row: Row) -> Node:
        facts = {"style": row["style"], "size_px": row["size_px"]}
        facts |= {"quad_px": json.loads(row["quad_px"])}
        query = """SELECT action, value, reason, "by", at FROM standing_decision
            WHERE crop = ? ORDER BY id"""
        decided = list(_rows(self._catalog, query, row["id"]))
        children = () if row["_bare"] else self._face(row["face"])
        return Node(
            "crop", facts=facts | ({"decisions": decided} if decided else {}), children=children
        )

    def _face(self, face: int) -> tuple[Node, ...]:
        query = "SELECT * FROM face WHERE id = ?"
        (row,) = _rows(self._catalog, query, face)
        (frame,) = _rows(self._catalog, "SELECT * FROM frame WHERE id = ?", row["frame"])
        facts = {"detector": row["detector"], "score": row["score"]}
        facts |= {name: json.loads(row[name]) for name in ("bbox_px", "points_px", "quality")}
        source = self._by_id("source", frame["source"], "source")
        at = {"pts_s": frame["pts_s"], "shot": frame["shot"]}
        if "cell" in facts["quality"]:  # of a sprite sheet
            at["cell"] = facts["quality"]["cell"]
        return (
            Node(
                "face",
                "face",
                facts=facts,
                children=(Node("frame", "frame", facts=at, children=source),),
            ),
        )

    def _source(self, row: Row) -> Node:
        return Node(row["kind"], licence=row["licence"], facts={"size_bytes": row["size_bytes"]})
