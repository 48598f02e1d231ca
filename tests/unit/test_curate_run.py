"""A curation from the catalog and back: what is decided, what stands, what is taken back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.crops import Shown, drawn_face, put_crops
from support.curating import PEOPLE, STYLE, fill, state

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import crops, standing
from artstyle.curate.split import HELD_OUT, TRAIN
from artstyle.errors import ArtstyleError, UsageError
from artstyle.events import Note
from artstyle.locks import locked
from artstyle.pipeline.curate import run
from artstyle.pipeline.curate.run import call_clusters, curate_style, undo
from artstyle.pipeline.curate.store import Store


def verdicts(workspace: Path) -> dict[int, tuple[str | None, str]]:
    with open_catalog(workspace) as catalog:
        return {
            one.id: (one.standing.verdict, one.standing.reason) for one in crops(catalog, STYLE)
        }


def decide(workspace: Path, crop: int, action: str, value: str | None = None) -> None:
    with open_catalog(workspace) as catalog:
        catalog.decide(crop, action, value, reason="seen", by="anna")  # type: ignore[arg-type]


def test_faults_are_found_and_the_good_ones_stay(workspace: Path) -> None:
    ids = fill(workspace)
    outcome = curate_style(workspace, STYLE)
    stands = verdicts(workspace)
    assert stands[ids["turned"][0]][1].startswith("profile: turned by 70 degrees")
    assert stands[ids["soft"][0]][1].startswith("blurred: ")
    assert stands[ids["dark"][0]][1].startswith("dark: ")
    verdict, why = stands[ids["copy"][0]]
    assert verdict == "drop"
    assert why.startswith(f"duplicate: repeats crop {ids['good'][3]} (good3-")
    assert all(stands[crop][0] is None for crop in ids["good"])
    for shot in range(5):  # of three neighbours one stays
        kept = [crop for crop in ids["film"][3 * shot : 3 * shot + 3] if stands[crop][0] is None]
        assert len(kept) == 1
    assert outcome.counts() == {"profile": 1, "dark": 1, "blurred": 1, "duplicate": 11}
    assert len(outcome.kept) == PEOPLE + 5


def test_figures_go_into_the_catalog_as_documented(workspace: Path) -> None:
    fill(workspace)
    curate_style(workspace, STYLE)
    with open_catalog(workspace) as catalog:
        for one in crops(catalog, STYLE):
            numbers = ("sharpness", "brightness", "contrast", "clipped_share", "greyness")
            assert all(isinstance(one.quality[name], float) for name in numbers)
            assert len(bytes.fromhex(one.quality["phash"])) == 8
            assert one.quality["confidence"] == 0.9, "what extraction wrote stays"


def test_a_second_run_changes_nothing_and_measures_nothing(workspace: Path) -> None:
    fill(workspace)
    curate_style(workspace, STYLE)
    before = state(workspace)
    outcome = curate_style(workspace, STYLE)
    assert state(workspace) == before
    assert (outcome.measured.newly, outcome.written and outcome.written.batch) == (0, None)


def test_a_lost_cache_changes_nothing(workspace: Path) -> None:
    fill(workspace)
    curate_style(workspace, STYLE)
    before = state(workspace)
    shutil.rmtree(workspace / f"datasets/{STYLE}/cache")
    assert curate_style(workspace, STYLE).measured.newly > 0
    assert state(workspace) == before
    (workspace / f"datasets/{STYLE}/cache/figures-1.npz").write_bytes(b"PK\x03\x04 damaged")
    curate_style(workspace, STYLE)
    assert state(workspace) == before


def test_undo_takes_one_run_after_the_other_back(workspace: Path) -> None:
    ids = fill(workspace)
    nothing = verdicts(workspace)
    curate_style(workspace, STYLE)
    first = verdicts(workspace)
    curate_style(workspace, STYLE, {"max_yaw_deg": 80.0, "without": ("dark",)})
    second = verdicts(workspace)
    assert second[ids["turned"][0]] == ("keep", "keep: nothing speaks against it any more")
    assert undo(workspace, STYLE) == ("curate drawn 2", 2)
    assert verdicts(workspace) == first
    batch, count = undo(workspace, STYLE) or ("", 0)
    assert (batch, count > 40) == ("curate drawn 1", True)
    assert verdicts(workspace) == nothing
    assert undo(workspace, STYLE) is None
    curate_style(workspace, STYLE)
    assert verdicts(workspace) == first, "after an undo it can be run again"


def test_what_a_person_decided_stands(workspace: Path) -> None:
    ids = fill(workspace)
    wanted, unwanted = ids["turned"][0], ids["good"][3]
    decide(workspace, wanted, "keep")
    decide(workspace, unwanted, "drop")
    decide(workspace, ids["good"][5], "split", HELD_OUT)
    outcome = curate_style(workspace, STYLE, {"build.held_out_share": 0.0})
    stands = verdicts(workspace)
    assert stands[wanted] == ("keep", "seen")
    assert stands[unwanted] == ("drop", "seen")
    assert stands[ids["copy"][0]][0] is None, "it no longer repeats anything that stays"
    assert "profile" not in outcome.counts()
    with open_catalog(workspace) as catalog:
        assert standing(catalog, STYLE)[ids["good"][5]].split == HELD_OUT
    undo(workspace, STYLE)
    assert verdicts(workspace)[wanted] == ("keep", "seen")


def test_a_decision_made_meanwhile_stands_too(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(workspace)
    write = run.write_plan

    def later(*words: Any) -> Any:  # the plan is made, and a person is quicker than its writing
        decide(workspace, ids["turned"][0], "keep")
        decide(workspace, ids["good"][0], "split", "elsewhere")
        return write(*words)

    monkeypatch.setattr(run, "write_plan", later)
    curate_style(workspace, STYLE)
    assert verdicts(workspace)[ids["turned"][0]] == ("keep", "seen")
    with open_catalog(workspace) as catalog:
        assert standing(catalog, STYLE)[ids["good"][0]].split == "elsewhere"


def test_what_a_person_keeps_is_the_one_that_stays(workspace: Path) -> None:
    ids = fill(workspace)
    decide(workspace, ids["copy"][0], "keep")
    curate_style(workspace, STYLE)
    verdict, why = verdicts(workspace)[ids["good"][3]]
    assert verdict == "drop"
    assert f"repeats crop {ids['copy'][0]} (" in why


def test_sides_hold_when_crops_are_added(workspace: Path) -> None:
    fill(workspace)
    curate_style(workspace, STYLE, {"build.held_out_share": 0.3})
    with open_catalog(workspace) as catalog:
        before = {crop: one.split for crop, one in standing(catalog, STYLE).items()}
        good = [one for one in crops(catalog, STYLE) if one.source_path.stem.startswith("good")]
        held = next(one for one in good if one.standing.split == HELD_OUT)
        seed = int(held.source_path.stem.removeprefix("good"))
        again = Shown(drawn_face(seed, 64, gain=0.98), source="pictures/again.png")
        new = [Shown(drawn_face(200 + at, 64), source=f"pictures/new{at}.png") for at in range(10)]
        (copy, *_) = put_crops(catalog, STYLE, [again, *new])
    curate_style(workspace, STYLE, {"build.held_out_share": 0.3})
    with open_catalog(workspace) as catalog:
        after = {crop: one.split for crop, one in standing(catalog, STYLE).items()}
    assert {crop: after[crop] for crop in before} == before
    assert after[copy] == HELD_OUT, "a newcomer goes where what it repeats is"
    assert set(before.values()) == {TRAIN, HELD_OUT}


def test_shots_and_pictures_are_held_out_as_a_whole(workspace: Path) -> None:
    """Different faces, so that nothing but the shot, the frame or the source joins them."""
    seen = [
        Shown(drawn_face(3 * shot + at, 64), source="a.mkv", pts_s=9.0 * shot + at, shot=shot)
        for shot in range(8)
        for at in range(3)
    ]
    group = [Shown(drawn_face(100 + at, 64), source=f"{at // 3}.png") for at in range(24)]
    with open_catalog(workspace) as catalog:
        film = put_crops(catalog, STYLE, seen, kind="film")
        pictures = put_crops(catalog, STYLE, group)
    curate_style(workspace, STYLE, {"build.held_out_share": 0.5})
    with open_catalog(workspace) as catalog:
        split = {crop: one.split for crop, one in standing(catalog, STYLE).items()}
    for ids in (film, pictures):
        sides = [{split[crop] for crop in ids[at : at + 3]} for at in range(0, 24, 3)]
        assert [len(one) for one in sides] == [1] * 8
        assert set.union(*sides) == {TRAIN, HELD_OUT}
    undo(workspace, STYLE)
    curate_style(workspace, STYLE, {"build.held_out_share": 0.5, "held_out_by": "source"})
    with open_catalog(workspace) as catalog:
        found = standing(catalog, STYLE)
    assert len({found[crop].split for crop in film}) == 1


def test_clusters_become_tags_that_a_person_names(workspace: Path) -> None:
    ids = fill(workspace)
    outcome = curate_style(workspace, STYLE, {"clusters": "2", "embedding": "look"})
    with open_catalog(workspace) as catalog:
        tags = {one.id: one.standing.tags for one in crops(catalog, STYLE)}
    assert {frozenset([tag]) for tag in outcome.plan.tags.values()} == set(tags.values())
    assert all(len(one) == 1 for one in tags.values())
    named = call_clusters(workspace, STYLE, {"1": "round"}, by="anna")
    ones = {crop for crop, tag in outcome.plan.tags.items() if tag == "cluster:1"}
    assert named == {"round": len(ones)}
    with open_catalog(workspace) as catalog:
        got = {one.id for one in crops(catalog, STYLE) if "round" in one.standing.tags}
    assert got == ones
    with pytest.raises(UsageError, match="no cluster '7'"):
        call_clusters(workspace, STYLE, {"7": "x"}, by="anna")
    # A crop that a person put elsewhere stays there, and names stay when clusters are made anew.
    moved = ids["good"][0]
    own = next(iter(tags[moved]))
    decide(workspace, moved, "untag", own)
    curate_style(workspace, STYLE, {"clusters": "3", "embedding": "look"})
    with open_catalog(workspace) as catalog:
        after = {one.id: one.standing.tags for one in crops(catalog, STYLE)}
    assert not any(tag.startswith("cluster:") for tag in after[moved])
    assert {crop for crop, found in after.items() if "round" in found} == ones


def test_a_dry_run_decides_nothing(workspace: Path) -> None:
    fill(workspace)
    before = state(workspace)
    outcome = curate_style(workspace, STYLE, dry_run=True)
    assert outcome.plan.drops
    assert outcome.written is None
    assert state(workspace) == before


def test_unreadable_files_are_told_and_do_not_stop_the_rest(workspace: Path) -> None:
    ids = fill(workspace)
    with open_catalog(workspace) as catalog:
        files = {one.id: one.file for one in crops(catalog, STYLE)}
    data = files[ids["good"][0]].read_bytes()
    files[ids["good"][0]].write_bytes(data[: len(data) // 2])
    files[ids["good"][1]].unlink()
    notes: list[object] = []
    outcome = curate_style(workspace, STYLE, emit=notes.append)
    assert outcome.counts()["unreadable"] == 2
    warned = [one.text for one in notes if isinstance(one, Note) and one.level == "warning"]
    assert any(text.startswith("2 crops cannot be read: ") for text in warned)
    files[ids["good"][0]].write_bytes(data)
    assert curate_style(workspace, STYLE).counts()["unreadable"] == 1
    assert verdicts(workspace)[ids["good"][0]][0] == "keep"


def test_two_at_once_are_refused(workspace: Path) -> None:
    fill(workspace)
    cache = workspace / f"datasets/{STYLE}/cache"
    cache.mkdir(parents=True)
    with locked(cache / "curate.lock", wait_s=0):
        for call in (curate_style, undo):
            with pytest.raises(ArtstyleError, match="being curated by another process"):
                call(workspace, STYLE)


def test_wrong_wishes_are_refused_before_any_work(workspace: Path) -> None:
    fill(workspace)
    with pytest.raises(UsageError, match="no rule 'blured'") as caught:
        curate_style(workspace, STYLE, {"without": ("blured",)})
    assert caught.value.hint == "did you mean blurred?"
    with pytest.raises(UsageError, match="there are to be no clusters"):
        curate_style(workspace, STYLE, {"held_out_by": "cluster"})
    with pytest.raises(ArtstyleError, match="style other has no crops") as other:
        curate_style(workspace, "other")
    assert "there are crops of drawn" in str(other.value.hint)
    assert not (workspace / "datasets/other").exists()


def test_a_store_keeps_what_was_added_and_forgives_damage(tmp_path: Path) -> None:
    path = tmp_path / "cache/a.npz"
    path.parent.mkdir()
    (path.parent / f".{path.name}.0123.part").write_bytes(b"half")
    now = [0.0]
    store = Store(path, np.dtype("<f4"), (2,), save_every_s=10, clock=lambda: now[0])
    assert list(path.parent.iterdir()) == []
    store.add(["a" * 64, "b" * 64], np.array([[1, 2], [3, 4]], "<f4"))
    assert not path.exists()
    now[0] = 10
    store.add(["a" * 64, "c" * 64], np.array([[9, 9], [5, 6]], "<f4"))
    again = Store(path, np.dtype("<f4"), (2,))
    assert len(again) == 3
    assert again.values(["c" * 64, "a" * 64]).tolist() == [[5, 6], [1, 2]]
    assert len(Store(path, np.dtype("<f4"), (3,))) == 0, "of another form"
    path.write_bytes(path.read_bytes()[:-30])
    assert len(Store(path, np.dtype("<f4"), (2,))) == 0
