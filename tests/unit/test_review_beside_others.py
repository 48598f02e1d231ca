"""A review and another process on one catalog: each sees what the other writes, nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.reviews import STYLE, crop_set, visited

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import standing

OTHER = """
import sys
from pathlib import Path
from artstyle.catalog import open_catalog
with open_catalog(Path(sys.argv[1])) as catalog:
    catalog.decide(int(sys.argv[2]), "drop", reason="blurred", by="artstyle curate")
"""


def other(workspace: Path, crop: int) -> None:
    """Another process, which ends as the last user that it knows of: it must not clear up."""
    subprocess.run([sys.executable, "-c", OTHER, str(workspace), str(crop)], check=True)
    # The last user of the file takes this away; we are still there.
    assert (workspace / "artstyle.sqlite-wal").exists()


def test_each_sees_what_the_other_writes(workspace: Path):
    crop_set(workspace, 4)
    with visited(workspace) as visitor:
        visitor.decide("keep", [1])
        other(workspace, 2)
        other(workspace, 3)
        rows = visitor.ask("changes?since=0")["rows"]
        assert dict(zip(rows["id"], rows["verdict"], strict=True)) == {1: 1, 2: 2, 3: 2, 4: 0}
        visitor.decide("drop", [4])
    with open_catalog(workspace) as catalog:
        found = standing(catalog, STYLE)
        assert {crop: state.verdict for crop, state in found.items()} == {
            1: "keep",
            2: "drop",
            3: "drop",
            4: "drop",
        }


def test_looking_at_a_catalog_again_keeps_the_locks_of_the_first_look(workspace: Path):
    crop_set(workspace, 4)
    with open_catalog(workspace) as first:
        assert first.rows("SELECT crop FROM decision") == []
        open_catalog(workspace).close()
        other(workspace, 2)
        other(workspace, 3)
        assert first.rows("SELECT crop FROM decision") == [(2,), (3,)]
        first.decide(1, "keep", reason="", by="anna")
    with open_catalog(workspace) as again:
        assert again.rows("SELECT crop FROM decision ORDER BY id") == [(2,), (3,), (1,)]
