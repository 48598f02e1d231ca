"""Pictures in folders: found once, in the order people count, whatever links there are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artstyle import images
from artstyle.errors import ImageError
from artstyle.events import Event, Note
from artstyle.names import natural_key, shown


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(folder: Path, **options: bool) -> list[str]:
    return [str(path.relative_to(folder)) for path in images.list_images(folder, **options)]


def test_natural_order_and_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, "img10.png", "img9.PNG", "img1.jpeg", "b/2.webp", "b/10.webp", "notes.txt", "c")
    assert found(tmp_path) == ["b/2.webp", "b/10.webp", "img1.jpeg", "img9.PNG", "img10.png"]
    assert found(tmp_path, recursive=False) == ["img1.jpeg", "img9.PNG", "img10.png"]
    assert images.list_images(tmp_path)[0] == tmp_path / "b" / "2.webp"


def test_hidden_files_and_folders_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, ".a.png", ".thumbnails/b.png", "c.png")
    assert found(tmp_path) == ["c.png"]
    assert sorted(found(tmp_path, hidden=True)) == [".a.png", ".thumbnails/b.png", "c.png"]


def test_hidden_root_is_looked_into(tmp_path: Path) -> None:
    touch(tmp_path / ".cache", "a.png")
    assert found(tmp_path / ".cache") == ["a.png"]


def test_links_in_circles_and_two_ways_to_one_folder(tmp_path: Path) -> None:
    touch(tmp_path, "z/deep/1.png", "z/2.png")
    (tmp_path / "z" / "deep" / "up").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to(tmp_path / "z" / "deep")
    assert found(tmp_path) == ["z/2.png", "z/deep/1.png"]


def test_linked_folders_and_files_elsewhere_are_followed(tmp_path: Path) -> None:
    touch(tmp_path / "else", "1.png", "2.png")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "else")
    (root / "one.png").symlink_to(tmp_path / "else" / "1.png")
    assert found(root) == ["linked/1.png", "linked/2.png", "one.png"]


def test_broken_links_pipes_and_folders_named_like_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "good.png", "folder.png/inside.jpg")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    os.mkfifo(tmp_path / "pipe.png")
    heard: list[Event] = []
    paths = images.list_images(tmp_path, emit=heard.append)
    assert [path.name for path in paths] == ["inside.jpg", "good.png"]
    texts = sorted(event.text for event in heard if isinstance(event, Note))
    assert [text.partition(str(tmp_path))[2] for text in texts] == [
        "/gone.png: a link that leads to no file",
        "/self.png: a link that leads to no file",
    ]
    assert all(isinstance(event, Note) and event.level == "warning" for event in heard)


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    touch(tmp_path, name, "cafe.png")
    paths = images.list_images(tmp_path)
    assert {path.name for path in paths} == {"cafe.png", name}
    assert shown(paths[1]).endswith("caf\\xe9.png")


def test_folder_that_may_not_be_entered_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.png", "closed/b.png")
    real = os.scandir

    def scandir(path: os.PathLike[str]) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # who runs as root may enter everything
    heard: list[Event] = []
    assert [path.name for path in images.list_images(tmp_path, emit=heard.append)] == ["a.png"]
    assert heard == [Note(f"skipped the folder {tmp_path}/closed: Permission denied", "warning")]
    with pytest.raises(ImageError, match="you may not look into the folder"):
        images.list_images(tmp_path / "closed")


def test_no_folder_at_all(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    with pytest.raises(ImageError, match="there is no folder"):
        images.list_images(tmp_path / "b")
    with pytest.raises(ImageError, match=r"a\.png is no folder"):
        images.list_images(tmp_path / "a.png")


def test_natural_key_orders_numbers_case_and_folders() -> None:
    names = ["b/1", "B2", "b10", "a", "b/", "007", "7", "b2"]
    ordered = sorted(names, key=natural_key)
    assert ordered == ["007", "7", "a", "b/", "b/1", "B2", "b2", "b10"]
    assert natural_key("a1") != natural_key("A1")


def test_shown_leaves_letters_of_all_languages_and_escapes_the_rest() -> None:
    assert shown("Größe 写真.png") == "Größe 写真.png"
    assert shown("a\tb\x07\u202e.png") == "a\\tb\\x07\\u202e.png"
    assert shown(os.fsdecode(b"\xff")) == "\\xff"
