from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from artstyle import files


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_bytes_text_and_json_arrive_as_given(tmp_path):
    files.write_bytes(tmp_path / "new" / "folder" / "a.bin", b"\x00\r\n\xff")
    files.write_text(tmp_path / "a.txt", "Müller\r\nzwei\n")
    files.write_json(tmp_path / "a.json", {"word": "Müller", "list": [1, 2.5, None]})
    assert (tmp_path / "new" / "folder" / "a.bin").read_bytes() == b"\x00\r\n\xff"
    assert (tmp_path / "a.txt").read_bytes() == "Müller\r\nzwei\n".encode()
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "Müller" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"word": "Müller", "list": [1, 2.5, None]}
    assert names(tmp_path) == ["a.json", "a.txt", "new"]


def test_json_that_is_none_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"fid": 18.2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"fid": math.nan})
    with pytest.raises(TypeError):
        files.write_json(path, {"fid": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == {"fid": 18.2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write_half():
        with files.atomic_file(path) as stream:
            stream.write(b"new")
            stream.flush()
            assert path.read_bytes() == b"old"
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import os, pathlib, sys\n"
        "from artstyle.files import atomic_file\n"
        "with atomic_file(pathlib.Path(sys.argv[1])) as stream:\n"
        "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert done.returncode != 0
    assert path.read_bytes() == b"old"
    assert [name for name in names(tmp_path) if not name.endswith(".part")] == ["a.bin"]


def test_data_are_on_the_disk_before_the_name_points_to_them(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace

    def watch_fsync(handle):
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        steps.append("sync folder" if is_folder else "sync data")
        fsync(handle)

    def watch_replace(self, target):
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(Path, "replace", watch_replace)
    files.write_bytes(tmp_path / "a", b"x")
    assert steps == ["sync data", "rename", "sync folder"]


def test_permissions_are_those_of_a_new_file_or_of_the_one_replaced(tmp_path):
    new, usual = tmp_path / "new", tmp_path / "usual"
    files.write_bytes(new, b"x")
    usual.write_bytes(b"x")
    assert new.stat().st_mode == usual.stat().st_mode
    new.chmod(0o640)
    files.write_bytes(new, b"y")
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "there" / "a", tmp_path / "link"
    files.write_bytes(target, b"old")
    link.symlink_to(target)
    files.write_bytes(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("ü" * 127)  # 254 bytes
    files.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_reader_never_sees_half_a_file(tmp_path):
    path = tmp_path / "a"
    wholes = {bytes([value]) * 200_000 for value in (1, 2)}
    files.write_bytes(path, b"\x01" * 200_000)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for whole in wholes:
                files.write_bytes(path, whole)

    writer = threading.Thread(target=write)
    writer.start()
    seen = {path.read_bytes() for _ in range(200)}
    stop.set()
    writer.join()
    assert seen <= wholes


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_digest_is_that_of_the_whole_file(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    assert files.sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest()
