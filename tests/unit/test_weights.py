"""Weights on this machine: where they lie, whether they are the right ones, what is said if not."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from artstyle import weights
from artstyle.errors import WeightsError
from artstyle.events import Event, Note
from artstyle.files import sha256_of
from artstyle.weights import entries as registry_module
from artstyle.weights import places as home_module
from artstyle.weights.entries import Entry
from artstyle.weights.pins import Pins

CONTENT = b"weights, or so we say"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Entry]:
    """A registry of three: one with a digest, one with a prefix, one with nothing."""
    vgg = registry_module.registry()["vgg19"]
    plain = replace(vgg, file_name="plain.pth", sha256_prefix="", name="plain")
    entries = {
        "digest": replace(plain, name="digest", file_name="digest.pth", sha256=DIGEST),
        "prefix": replace(plain, name="prefix", file_name="prefix.pth", sha256_prefix=DIGEST[:8]),
        "plain": plain,
    }
    monkeypatch.setattr(registry_module, "_shipped", lambda: entries)
    return entries


def lay(name: str, content: bytes = CONTENT) -> Path:
    path = weights.weights_file(weights.entry(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def texts(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def test_home_is_what_the_variable_says(artstyle_home: Path) -> None:
    assert weights.home() == artstyle_home


def test_a_relative_home_is_seen_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTSTYLE_HOME", "here")
    assert weights.home() == tmp_path / "here"


@pytest.mark.parametrize(
    ("platform", "variables", "place"),
    [
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/artstyle"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/me/.cache/artstyle"),
        ("linux", {}, "/me/.cache/artstyle"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "/me/Library/Caches/artstyle"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/artstyle"),
        ("win32", {}, "/me/AppData/Local/artstyle"),
    ],
)
def test_home_without_the_variable_is_the_platforms(
    monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], place: str
) -> None:
    for name in ("ARTSTYLE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(home_module.sys, "platform", platform)
    assert weights.home() == Path(place)


def test_missing_weights_are_said_with_all_one_needs(artstyle_home: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        weights.path_of("vgg19")
    message, hint = str(caught.value), str(caught.value.hint)
    assert "about 574.7 MB" in message
    assert "COMMERCIAL USE UNCLEAR: BSD-3-Clause (torchvision)" in message
    assert "artstyle models pull vgg19" in hint
    assert "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth" in hint
    assert str(artstyle_home / "weights" / "vgg19-dcbb9e9d.pth") in hint
    assert not artstyle_home.exists()


def test_who_can_do_without_is_told_of_a_wrong_file_all_the_same(known: dict[str, Entry]) -> None:
    assert weights.find("digest") is None
    path = lay("digest", b"something else")
    with pytest.raises(WeightsError, match="is not the file it should be"):
        weights.find("digest")
    path.write_bytes(CONTENT)
    assert weights.find("digest") == path
    with pytest.raises(WeightsError, match="no weights are known"):
        weights.find("nothing")


def test_an_unknown_name_is_no_missing_file() -> None:
    with pytest.raises(WeightsError, match="did you mean 'vgg19'"):
        weights.path_of("vg19")


@pytest.mark.parametrize("name", ["digest", "prefix"])
def test_a_file_laid_by_hand_is_taken_if_it_is_the_published_one(
    known: dict[str, Entry], name: str
) -> None:
    path = lay(name)
    assert weights.path_of(name) == path
    pin = Pins(weights.home()).get(path)
    assert pin is not None
    assert (pin.sha256, pin.basis) == (DIGEST, "registry" if name == "digest" else "prefix")


@pytest.mark.parametrize("name", ["digest", "prefix"])
def test_another_file_in_its_place_is_refused(known: dict[str, Entry], name: str) -> None:
    path = lay(name, b"something else")
    with pytest.raises(WeightsError, match="is not the file it should be") as caught:
        weights.path_of(name)
    assert sha256_of(path) in str(caught.value)
    assert f"artstyle models pull {name}" in str(caught.value.hint)
    assert path.read_bytes() == b"something else"
    assert Pins(weights.home()).all() == {}


def test_a_wrong_size_is_refused(known: dict[str, Entry]) -> None:
    known["plain"] = replace(known["plain"], size_bytes=5)
    lay("plain")
    with pytest.raises(WeightsError, match="21 bytes, and 5 were published"):
        weights.path_of("plain")


def test_a_file_nobody_vouches_for_is_pinned_and_held_to_it(known: dict[str, Entry]) -> None:
    events: list[Event] = []
    path = lay("plain")
    assert weights.path_of("plain", emit=events.append) == path
    assert DIGEST in texts(events)
    path.write_bytes(b"changed later, and of another length")
    with pytest.raises(WeightsError, match=f"it was {DIGEST} when pinned at 20"):
        weights.path_of("plain")


def test_a_change_of_equal_length_is_noticed(known: dict[str, Entry]) -> None:
    path = lay("plain")
    weights.path_of("plain")
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(WeightsError, match="when pinned"):
        weights.path_of("plain")


def test_a_file_that_looks_the_same_is_not_read_again(
    known: dict[str, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay("plain")
    weights.path_of("plain")
    monkeypatch.setattr("artstyle.weights.pins.sha256_of", lambda path: pytest.fail("it was read"))
    weights.path_of("plain")
    with pytest.raises(pytest.fail.Exception):
        weights.check(known["plain"], weights.weights_file(known["plain"]), thorough=True)


def test_a_file_that_was_only_touched_is_read_once_more(
    known: dict[str, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lay("plain")
    weights.path_of("plain")
    before = Pins(weights.home()).get(path)
    os.utime(path, ns=(5, 5))
    weights.path_of("plain")
    after = Pins(weights.home()).get(path)
    assert before is not None
    assert after == replace(before, mtime_ns=5)


def test_a_home_that_cannot_be_written_still_serves_good_files(
    known: dict[str, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pins: Pins, path: Path, pin: object) -> None:
        raise WeightsError("read-only")

    events: list[Event] = []
    path = lay("plain")
    monkeypatch.setattr(Pins, "set", refuse)
    assert weights.path_of("plain", emit=events.append) == path
    assert "could not be recorded: read-only" in texts(events)


def test_a_given_file_is_taken_instead(known: dict[str, Entry], tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(CONTENT)
    events: list[Event] = []
    for name in known:
        assert weights.path_of(name, given=mine, emit=events.append) == mine
    assert events == []
    assert not weights.home().exists()


def test_a_given_file_that_is_another_is_taken_with_a_warning(
    known: dict[str, Entry], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(b"my own training")
    events: list[Event] = []
    assert weights.path_of("digest", given=mine, emit=events.append) == mine
    assert [event.level for event in events if isinstance(event, Note)] == ["warning"]
    assert "as you wish, but its sha256 is" in texts(events)


def test_a_given_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no file"):
        weights.path_of("vgg19", given=tmp_path / "none.pth")


def test_status_tells_present_missing_and_changed(known: dict[str, Entry]) -> None:
    lay("digest")
    lay("prefix", b"something else")
    states = {found.entry.name: found for found in weights.status()}
    assert {name: found.state for name, found in states.items()} == {
        "digest": "present",
        "prefix": "changed",
        "plain": "missing",
    }
    assert "its sha256 is" in states["prefix"].detail
    assert states["plain"].detail == "artstyle models pull plain"


def test_status_pins_nothing_that_nobody_vouches_for(known: dict[str, Entry]) -> None:
    lay("plain")
    lay("digest")
    assert {found.entry.name: found.state for found in weights.status()}["plain"] == "present"
    assert list(Pins(weights.home()).all()) == ["weights/digest.pth"]


def test_a_generator_whose_published_file_was_thrown_away_is_present() -> None:
    imported = weights.imported_file(weights.entry("ffhq-256"))
    imported.parent.mkdir(parents=True)
    imported.write_bytes(b"a model")
    found = {found.entry.name: found for found in weights.status()}["ffhq-256"]
    assert (found.state, found.imported) == ("present", imported)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 2, "files": {}}', '{"format": 1, "files": {"a": {}}}']
)
def test_a_damaged_record_of_digests_is_said(known: dict[str, Entry], text: str) -> None:
    path = lay("plain")
    Pins(weights.home()).file.write_text(text)
    with pytest.raises(WeightsError, match=r"the record of digests .* is damaged") as caught:
        weights.path_of("plain")
    assert "move it away" in str(caught.value.hint)
    assert path.read_bytes() == CONTENT


def test_the_record_keeps_what_others_wrote(known: dict[str, Entry]) -> None:
    for name in known:
        lay(name)
        weights.path_of(name)
    data = json.loads(Pins(weights.home()).file.read_text())
    assert sorted(data["files"]) == [f"weights/{name}.pth" for name in sorted(known)]
    pins = Pins(weights.home())
    pins.forget(weights.weights_file(known["plain"]))
    assert sorted(pins.all()) == ["weights/digest.pth", "weights/prefix.pth"]
    assert not (weights.home() / ".pins.lock").exists()
