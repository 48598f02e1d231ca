"""What was measured, line by line: so that nothing is measured twice, and a kill loses one figure.

`measured.jsonl` holds one line per target, truncation and metric, under a key of everything the
figures depend on. `table.csv` and `table.json` are made from the lines that were asked for.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle import __version__, files, jsonlines
from artstyle.metrics.space import FeatureSpace
from artstyle.pipeline.evaluate.measure import Measure, Metric
from artstyle.runs import versions

MEASURED, TABLE_CSV, TABLE_JSON = "measured.jsonl", "table.csv", "table.json"
_ARITHMETIC = "measures 1"  # raised when figures of the same features change


@dataclass(frozen=True)
class Row:
    """All that was measured of one target at one truncation."""

    target: str
    style: str
    kimg: int | None
    psi: float | None  # None: pictures that were there already
    reals: int
    fakes: int
    measures: tuple[Measure, ...]

    def value(self, name: str) -> float | None:
        """A measure's value; None if it was not taken."""
        return next((one.value for one in self.measures if one.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "target": self.target,
            "style": self.style,
            "kimg": self.kimg,
            "truncation_psi": self.psi,
            "reals": self.reals,
            "fakes": self.fakes,
            "measures": [measure.as_dict() for measure in self.measures],
        }


def key_of(
    target: Mapping[str, Any], reference: str, space: FeatureSpace, metric: Metric, seed: int
) -> str:
    """The name of one measuring: the same if and only if the figures are the same.

    Args:
        target: identity, truncation and number of pictures of what is judged.
        reference: the dataset's identity.
        space: where it is measured.
        metric: which.
        seed: of subsets and bootstrap.
    """
    parts = [dict(target), reference, space.identity, metric, seed, _ARITHMETIC]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def read_measured(folder: Path | None) -> dict[str, tuple[Measure, ...]]:
    """What was measured before, by key."""
    if folder is None:
        return {}
    return {
        str(line["key"]): tuple(_measure(one) for one in line["measures"])
        for line in jsonlines.read(folder / MEASURED)
    }


def add_measured(folder: Path, key: str, row: Row, metric: Metric, space: FeatureSpace) -> None:
    """Write down what was measured just now."""
    facts = row.as_dict() | {"metric": metric, "space": space.name, "protocol": space.protocol}
    jsonlines.append(folder / MEASURED, {"key": key, **facts})


def write_tables(folder: Path, rows: Sequence[Row], facts: Mapping[str, Any]) -> None:
    """Write table.csv and table.json; files that say so already are not touched."""
    content = {"artstyle": __version__, **facts, "rows": [row.as_dict() for row in rows]}
    _write(folder / TABLE_CSV, csv_of(rows))
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    _write(folder / TABLE_JSON, text)


def space_facts(space: FeatureSpace) -> dict[str, Any]:
    """What a table says about how it was measured."""
    return {
        "space": space.name,
        "title": space.title,
        "protocol": space.protocol,
        "licence": space.licence,
        "covariance": f"over N - {space.ddof}" if space.ddof else "over N",
        "identity": space.identity,
        "versions": versions(),
    }


def columns_of(rows: Sequence[Row]) -> list[str]:
    """The names of the measures of these rows, in their order."""
    return list(dict.fromkeys(measure.name for row in rows for measure in row.measures))


def csv_of(rows: Sequence[Row]) -> str:
    """The rows as CSV: a column for each measure, and for the ends of its interval."""
    names = columns_of(rows)
    with_interval = {m.name for row in rows for m in row.measures if m.low is not None}
    head = ["target", "style", "kimg", "truncation_psi", "reals", "fakes"]
    for name in names:
        head += [name, f"{name}_low", f"{name}_high"] if name in with_interval else [name]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        held = {measure.name: measure for measure in row.measures}
        cells: list[Any] = [row.target, row.style, row.kimg, row.psi, row.reals, row.fakes]
        for name in names:
            one = held.get(name)
            cells.append(None if one is None else one.value)
            if name in with_interval:
                cells += [None, None] if one is None else [one.low, one.high]
        writer.writerow(cells)
    return stream.getvalue()


def _measure(held: Mapping[str, Any]) -> Measure:
    return Measure(
        str(held["name"]),
        float(held["value"]),
        held.get("low"),
        held.get("high"),
        str(held.get("note", "")),
    )


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        files.write_text(path, text)
