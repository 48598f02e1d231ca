"""An extraction of sprites that is killed and given again ends like one that nobody disturbed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from support.extraction import dump, extract_command, file_hashes, kill_at_random
from support.sheets import write_sprites


def test_killed_five_times_sprites_end_with_the_same_rows_and_files(tmp_path: Path) -> None:
    words = write_sprites(tmp_path / "material")
    whole, killed, empty = (tmp_path / name for name in ("whole", "killed", "empty"))
    for one in (whole, killed, empty):
        one.mkdir()
    began = time.monotonic()
    subprocess.run(extract_command(whole, words), check=True, stdout=subprocess.DEVNULL)
    took_s = time.monotonic() - began
    command = extract_command(killed, words)
    kill_at_random(command, killed, empty, kills=5, longest_s=0.4 * took_s, seed=7)
    left = file_hashes(killed)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = dump(whole)
    assert len(rows["crop"]) == 4 * 24 + 81 + 40
    assert dump(killed) == rows
    assert file_hashes(killed) == file_hashes(whole), "no file is missing, none is left over"
    assert left != file_hashes(whole), "the kills came in between"
