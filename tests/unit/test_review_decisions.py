"""Decisions from the page: whole gestures, written once, never over somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.reviews import ANNA, STYLE, crop_set, gesture, visited

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import decisions, standing


@pytest.fixture
def anna(workspace: Path):
    crop_set(workspace, 8)
    with visited(workspace) as visitor:
        yield visitor


@pytest.fixture
def catalog(workspace: Path, anna):
    with open_catalog(workspace) as opened:
        yield opened


def test_keep_and_drop_are_written_at_once(anna, catalog):
    answer = anna.decide("drop", [3], reason="  closed   eyes ")
    assert answer["made"] == 1
    made = decisions(catalog, 3)
    assert [(one.action, one.reason, one.by) for one in made] == [("drop", "closed eyes", ANNA)]
    assert made[0].batch.startswith("review:")
    states = answer["states"]
    assert (states["id"], states["verdict"], states["upon"]) == ([3], [2], [made[0].id])


def test_a_selection_is_one_gesture(anna, catalog):
    answer = anna.decide("keep", [1, 2, 5])
    assert answer["made"] == 3
    assert {decisions(catalog, crop)[0].batch for crop in (1, 2, 5)} == {
        decisions(catalog, 1)[0].batch
    }


def test_who_decided_meanwhile_is_not_written_over(anna, catalog):
    theirs = catalog.decide(2, "keep", reason="smiles", by="ben")
    answer = anna.decide("drop", [1, 2, 3], status=409)
    assert answer["error"] == "somebody else has decided meanwhile"
    states = answer["states"]
    assert (states["id"], states["verdict"], states["upon"]) == ([2], [1], [theirs])
    assert states["words"][states["by"][0]] == "ben"
    assert decisions(catalog, 1) == []  # all of the gesture or nothing
    anna.decide("drop", [1, 2, 3], [0, theirs, 0])
    assert standing(catalog, STYLE)[2].verdict == "drop"


def test_a_verdict_that_was_taken_back_is_a_conflict_too(anna, catalog):
    first = anna.decide("drop", [4])["states"]["upon"][0]
    catalog.undo(first, by="ben")
    assert anna.decide("keep", [4], [first], status=409)["states"]["upon"] == [0]


def test_what_is_sent_twice_is_written_once(anna, catalog):
    batch = gesture()
    first = anna.decide("keep", [6], batch=batch)
    assert anna.decide("keep", [6], batch=batch) == first
    assert len(decisions(catalog, 6)) == 1


def test_tags_stand_beside_each_other(anna, catalog):
    anna.decide("tag", [1, 2], value="  smiling  now ")
    catalog.decide(1, "tag", "left", reason="", by="ben")
    anna.decide("tag", [1], value="right")
    anna.decide("untag", [1], value="smiling now")
    assert standing(catalog, STYLE)[1].tags == {"left", "right"}
    assert standing(catalog, STYLE)[2].tags == {"smiling now"}


def test_a_tag_that_is_there_already_is_not_written_again(anna):
    anna.decide("tag", [1], value="a")
    assert anna.decide("tag", [1], value="a")["made"] == 0


def test_undo_takes_back_one_gesture(anna, catalog):
    before = catalog.decide(1, "drop", reason="blurred", by="artstyle curate")
    batch = gesture()
    anna.decide("keep", [1, 2], [before, 0], batch=batch)
    answer = anna.ask("undo", {"batch": batch})
    assert answer["made"] == 2
    assert answer["states"]["upon"] == [before, 0]
    assert anna.ask("undo", {"batch": batch})["made"] == 0
    assert standing(catalog, STYLE)[1].by == "artstyle curate"


def test_undo_leaves_what_others_decided_since(anna, catalog):
    batch = gesture()
    mine = anna.decide("drop", [1], batch=batch)["states"]["upon"][0]
    theirs = catalog.decide(1, "keep", reason="", by="ben")
    assert anna.ask("undo", {"batch": batch})["states"]["upon"] == [theirs]
    assert standing(catalog, STYLE)[1].by == "ben"
    assert next(one for one in decisions(catalog, 1) if one.id == mine).is_undone


def test_what_others_did_cannot_be_undone(anna, catalog):
    batch = gesture()
    catalog.decide(1, "drop", reason="", by="ben", batch=batch)
    assert "only one's own" in anna.ask("undo", {"batch": batch}, status=403)["error"]
    assert anna.ask("undo", {"batch": gesture()}, status=404)["error"] == "there is nothing to undo"
    assert standing(catalog, STYLE)[1].verdict == "drop"


def test_a_cluster_gets_a_name(anna, catalog):
    for crop in (1, 3, 5):
        catalog.decide(crop, "tag", "cluster:2", reason="", by="artstyle curate")
    batch = gesture()
    answer = anna.ask("rename", {"old": "cluster:2", "new": "Anna K.", "batch": batch})
    assert answer["made"] == 6
    assert answer["states"]["id"] == [1, 3, 5]
    assert all(standing(catalog, STYLE)[crop].tags == {"Anna K."} for crop in (1, 3, 5))
    anna.ask("rename", {"old": "cluster:2", "new": "b", "batch": gesture()}, status=404)
    anna.ask("undo", {"batch": batch})
    assert all(standing(catalog, STYLE)[crop].tags == {"cluster:2"} for crop in (1, 3, 5))


def test_history_names_gestures_the_newest_first(anna, catalog):
    anna.decide("keep", [1])
    batch = gesture()
    anna.decide("drop", [2, 3], batch=batch)
    anna.ask("undo", {"batch": batch})
    newest, first = anna.ask("history")
    assert (newest["batch"], newest["what"], newest["crops"]) == (batch, "drop", 2)
    assert (newest["decisions"], newest["standing"], newest["by"]) == (2, 0, ANNA)
    assert (first["what"], first["standing"]) == ("keep", 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"changes": [{"action": "burn", "crops": [1], "upon": [0]}]}, "no change"),
        ({"changes": ["keep"]}, "no change"),
        ({"changes": {}}, "nothing was decided"),
        ({"changes": [{"action": "keep", "crops": [1]}]}, "says for each crop"),
        ({"changes": [{"action": "keep", "value": "x", "crops": [], "upon": []}]}, "no value"),
        ({"changes": [{"action": "keep", "crops": ["1"], "upon": [0]}]}, "by their numbers"),
        ({"changes": [{"action": "keep", "crops": [True], "upon": [0]}]}, "by their numbers"),
        ({"changes": [{"action": "tag", "value": " ", "crops": [1]}]}, "a tag has"),
        ({"changes": [{"action": "tag", "value": "x" * 81, "crops": [1]}]}, "a tag has"),
        ({"changes": [{"action": "tag", "value": "a\x07b", "crops": [1]}]}, "a tag has"),
        ({"changes": [], "reason": "x" * 501}, "a reason has"),
        ({"changes": [], "batch": "curate-1"}, "a name of its own"),
        ([], "no JSON object"),
    ],
)
def test_nonsense_is_refused(anna, data, words):
    sent = {"batch": gesture(), **data} if isinstance(data, dict) else data
    assert words in anna.ask("decide", sent, status=400)["error"]


def test_crops_of_another_style_are_refused(anna, workspace, catalog):
    crop_set(workspace, 1, style="other", first=50)
    assert "belong to faces" in anna.decide("keep", [1, 51], status=404)["error"]
    assert decisions(catalog, 1) == []
