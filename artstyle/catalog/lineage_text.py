"""A lineage as a tree of lines that people read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from artstyle.catalog.lineage import Node
from artstyle.names import shown


def as_text(root: Node, workspace: Path) -> str:
    """The tree, a line per node, and below it the licences that bind what is at its root."""
    lines = [_line(root, workspace), *_below(root, workspace, "")]
    licences = root.licences()
    if licences:
        lines += ["", "licences on this way:"]
        lines += [f"  {licence}: {_listed(names)}" for licence, names in licences.items()]
    return "\n".join(lines)


def clock_time(pts_s: float) -> str:
    """Seconds as hours:minutes:seconds.milliseconds, e.g. 0:12:03.480."""
    total_ms = round(abs(pts_s) * 1000)
    minutes, ms = divmod(total_ms, 60_000)
    sign = "-" if pts_s < 0 and total_ms else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"


def _below(node: Node, workspace: Path, indent: str) -> Iterator[str]:
    for child in node.children:
        is_last = child is node.children[-1]
        yield f"{indent}{'└── ' if is_last else '├── '}{_line(child, workspace)}"
        yield from _below(child, workspace, indent + ("    " if is_last else "│   "))


def _line(node: Node, workspace: Path) -> str:
    parts = [" ".join(_title(node, workspace)), *_facts(node)]
    if node.licence is not None:
        parts.append(f"licence {node.licence}")
    if node.state != "there":
        parts.append({"missing": "NO LONGER THERE", "changed": "CHANGED SINCE"}[node.state])
    if node.is_repeated and node.children == ():
        parts.append("as above")
    return " · ".join(parts)


def _title(node: Node, workspace: Path) -> Iterator[str]:
    if node.role and node.role != node.kind:
        yield f"{node.role}:"
    yield node.kind
    if node.file is not None:
        inside = node.file.is_relative_to(workspace)
        yield shown(node.file.relative_to(workspace) if inside else node.file)


def _facts(node: Node) -> Iterator[str]:
    """What is worth a place in the line; --json has everything."""
    facts = node.facts
    if "given_as" in facts:
        yield f"same content as {shown(facts['given_as'])}"
    if facts.get("others_of_this_content"):
        yield f"{facts['others_of_this_content']} more of the same content"
    if "made_by" in facts:  # an artefact, whose kind may be the name of something else
        yield f"made by {facts['made_by']}"
    elif node.kind in _KINDS and not _is_still(node):
        yield from _KINDS[node.kind](facts)


def _is_still(node: Node) -> bool:
    """A picture is a frame too, without a time."""
    return node.kind == "frame" and any(child.kind == "image" for child in node.children)


def _frame(facts: dict[str, Any]) -> Iterator[str]:
    if "cell" in facts:
        cell = facts["cell"]
        yield f"cell {cell['index']} (row {cell['row']}, column {cell['column']})"
        return
    yield f"at {clock_time(facts['pts_s'])}"
    if facts["shot"] is not None:
        yield f"shot {facts['shot']}"


def _face(facts: dict[str, Any]) -> Iterator[str]:
    yield f"found by {facts['detector']}"
    yield f"score {facts['score']:.2f}"
    yield "box " + " ".join(f"{edge:.0f}" for edge in facts["bbox_px"]) + " px"


def _crop(facts: dict[str, Any]) -> Iterator[str]:
    yield f"style {facts['style']}"
    yield f"{facts['size_px']} px"
    for decision in facts.get("decisions", ()):
        value = f" {decision['value']}" if decision["value"] else ""
        yield f"{decision['action']}{value} by {decision['by']} ({decision['reason']})"


def _build(facts: dict[str, Any]) -> Iterator[str]:
    yield f"style {facts['style']}"
    yield f"{facts['crops']:,} crops of {facts['size_px']} px"
    yield f"split {facts['split']}"


def _picture(facts: dict[str, Any]) -> Iterator[str]:
    yield shown(facts["member"])
    yield f"{facts['size_px']} px"
    yield f"split {facts['split']}"


def _source(facts: dict[str, Any]) -> Iterator[str]:
    if "crops" in facts:
        yield f"{facts['crops']:,} crops" if facts["crops"] != 1 else "1 crop"
    if "from_pts_s" in facts:
        yield f"from {clock_time(facts['from_pts_s'])} to {clock_time(facts['to_pts_s'])}"


def _model(facts: dict[str, Any]) -> Iterator[str]:
    yield str(facts["name"])
    if facts.get("dataset"):  # of a model that was trained elsewhere: its header says so
        pictures = facts.get("pictures")
        count = f"{pictures:,} pictures of " if isinstance(pictures, int) else ""
        yield f"trained on {count}{shown(str(facts['dataset']))}"
    for source in facts.get("sources", ()):
        if isinstance(source, dict) and source.get("what"):
            yield f"from {source['what']} ({source.get('licence') or 'unknown'})"


def _run(facts: dict[str, Any]) -> Iterator[str]:
    yield str(facts["kind"])
    if facts["style"]:
        yield f"style {facts['style']}"


def _projection(facts: dict[str, Any]) -> Iterator[str]:
    yield f"in {facts['space'].upper()}"


_KINDS = {
    "frame": _frame,
    "face": _face,
    "crop": _crop,
    "build": _build,
    "picture": _picture,
    "film": _source,
    "image": _source,
    "sprite": _source,
    "model": _model,
    "run": _run,
    "projection": _projection,
}


def _listed(names: list[str], most: int = 5) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
