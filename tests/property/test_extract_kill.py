"""An extraction that is killed and given again ends like one that nobody disturbed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from support.extraction import draw_material, dump, extract_command, file_hashes, kill_at_random


def test_killed_five_times_it_ends_with_the_same_rows_and_files(tmp_path: Path) -> None:
    words = draw_material(tmp_path / "material", pictures=40, shots=5)
    whole, killed, empty = (tmp_path / name for name in ("whole", "killed", "empty"))
    for one in (whole, killed, empty):
        one.mkdir()
    began = time.monotonic()
    subprocess.run(extract_command(whole, words), check=True, stdout=subprocess.DEVNULL)
    took_s = time.monotonic() - began
    command = extract_command(killed, words)
    kill_at_random(command, killed, empty, kills=5, longest_s=0.4 * took_s, seed=3)
    left = file_hashes(killed)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = dump(whole)
    assert len(rows["crop"]) == 40 + 10
    assert dump(killed) == rows
    assert file_hashes(killed) == file_hashes(whole), "no file is missing, none is left over"
    assert left != file_hashes(whole), "the kills came in between"


def test_what_a_killed_write_leaves_is_taken_away(tmp_path: Path) -> None:
    words = draw_material(tmp_path / "material", pictures=2, shots=1)
    (tmp_path / "w").mkdir()
    command = extract_command(tmp_path / "w", words)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    before = file_hashes(tmp_path / "w")
    style = tmp_path / "w/datasets/drawn"
    for begun in ("crops/drawn/.a.png", ".recipe.toml", "cache/.digests.json"):
        (style / f"{begun}.0123456789abcdef.part").write_bytes(b"half")
    (style / "cache/extract.lock").write_bytes(b"")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert file_hashes(tmp_path / "w") == before
    builds = style / ".DATASHEET.md.0123456789abcdef.part"
    builds.write_bytes(b"half, of a build that may be running")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert builds.is_file()
