"""What speaks against a crop: each rule speaks where it should, and is silent where it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from artstyle.curate.figures import Figures
from artstyle.curate.rules import RULES, Limits, Subject, deviations, objections, reason
from artstyle.recipes import CurateRecipe

GOOD = Figures(
    sharpness=1.2,
    brightness=0.55,
    contrast=0.6,
    clipped_share=0.0,
    greyness=0.0,
    flatness=0.1,
    phash="0" * 16,
)
QUALITY = {
    "confidence": 0.9,
    "yaw_deg": 4.0,
    "face_px": 256.0,
    "upscale_factor": 1.0,
    "outside_share": 0.0,
}


def limits(**changed: Any) -> Limits:
    recipe = CurateRecipe()
    names = [name for name in Limits.__dataclass_fields__ if name != "without"]
    given = {name: getattr(recipe, name) for name in names} | {"without": frozenset()}
    return Limits(**(given | changed))


def crowd(count: int = 20, detector: str = "yunet") -> list[Subject]:
    """Good crops that differ a little."""
    chance = np.random.default_rng(0)
    return [
        Subject(
            number,
            "image",
            detector,
            0.92 + 0.01 * float(chance.random()),
            QUALITY,
            replace(
                GOOD,
                sharpness=1.1 + 0.2 * float(chance.random()),
                brightness=0.5 + 0.1 * float(chance.random()),
            ),
            strangeness=1 + 0.1 * float(chance.random()),
        )
        for number in range(100, 100 + count)
    ]


def judged(odd: Subject, others: list[Subject] | None = None, **rest: Any) -> list[str]:
    """The rules that speak against `odd` in a crowd of which none is objected to."""
    sizes = {"crop_px": 256, "dataset_px": 256} | {
        key: rest.pop(key) for key in ("crop_px", "dataset_px") if key in rest
    }
    found = objections([*(others or crowd()), odd], limits(**rest), **sizes)
    assert set(found) <= {odd.id}
    return [one.rule for one in found.get(odd.id, [])]


def odd(quality: dict[str, Any] | None = None, **changed: Any) -> Subject:
    names = {"score", "detector", "source_kind", "strangeness"}
    plain = {key: value for key, value in changed.items() if key in names}
    figures = {key: value for key, value in changed.items() if key not in names}
    one = Subject(1, "image", "yunet", 0.92, {**QUALITY, **(quality or {})}, GOOD, strangeness=1.05)
    return replace(one, **plain, figures=replace(GOOD, **figures))


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        (odd({"upscale_factor": 2.6, "face_px": 98.0}), "small"),
        (odd({"yaw_deg": -58.0}), "profile"),
        (odd({"confidence": 0.05}), "misaligned"),
        (odd({"outside_share": 0.45}), "outside"),
        (odd({"confidence": 0.3}, score=0.62), "doubtful"),
        (odd(sharpness=0.3), "blurred"),
        (odd(sharpness=0.5), "blurred"),  # less than what is allowed, and far from the others
        (odd(brightness=0.08), "dark"),
        (odd(brightness=0.13), "dark"),  # likewise
        (odd(brightness=0.93), "bright"),
        (odd(contrast=0.03), "pale"),
        (odd(clipped_share=0.4), "clipped"),
        (odd(greyness=0.9), "grey"),
    ],
)
def test_each_rule_speaks(subject: Subject, rule: str) -> None:
    assert judged(subject) == [rule]
    assert judged(subject, without=frozenset({rule})) == []


def test_a_good_crop_is_let_be() -> None:
    assert judged(odd()) == []
    assert judged(odd({"yaw_deg": 40.0, "outside_share": 0.2, "upscale_factor": 1.8})) == []


def test_what_extraction_did_not_say_is_not_judged() -> None:
    assert judged(replace(odd(), quality={})) == []


def test_a_small_dataset_asks_for_less() -> None:
    small = odd({"upscale_factor": 6.0}, sharpness=0.2)
    assert judged(small) == ["small", "blurred"]
    assert judged(small, dataset_px=64) == []


def test_sprites_are_enlarged_on_purpose() -> None:
    assert judged(odd({"upscale_factor": 8.0}, source_kind="sprite")) == []


def test_a_low_score_says_nothing_where_the_face_fits_or_all_have_it() -> None:
    assert judged(odd({"confidence": 0.8}, score=0.62)) == []
    others = [replace(one, score=0.6 + (one.id % 10) / 100) for one in crowd()]
    assert judged(odd({"confidence": 0.3}, score=0.62), others) == []
    assert judged(odd({"confidence": 0.3}, score=0.1, detector="layout:toon_head")) == []


def test_what_flits_through_one_frame_of_a_film_needs_a_better_score() -> None:
    others = [replace(one, score=0.6 + (one.id % 10) / 30) for one in crowd()]
    seen = {"confidence": 0.3, "appearance_faces": 1}
    assert judged(odd(seen, score=0.77, source_kind="film"), others) == ["doubtful"]
    assert judged(odd(seen, score=0.82, source_kind="film"), others) == []
    assert judged(odd(seen, score=0.77), others) == [], "a picture shows a face once, and often"
    longer = seen | {"appearance_faces": 4}
    assert judged(odd(longer, score=0.77, source_kind="film"), others) == []
    assert judged(odd(seen | {"confidence": 0.6}, score=0.7, source_kind="film"), others) == []


def test_a_layout_says_where_heads_are_not_how_well() -> None:
    assert judged(odd({"confidence": 0.05}, detector="layout:toon_head")) == []


def test_ink_on_paper_is_neither_bright_nor_clipped() -> None:
    ink = [
        replace(
            one,
            figures=replace(
                one.figures or GOOD,
                brightness=0.9 + 0.002 * at,
                clipped_share=0.7 + 0.01 * at,
            ),
        )
        for at, one in enumerate(crowd())
    ]
    assert judged(odd(brightness=0.94, clipped_share=0.85), ink) == []


def test_dark_skin_in_a_set_of_many_tones_is_not_dark() -> None:
    """Brightness of drawn heads spreads from 0.16 on: 0.14 is no odd one among them."""
    tones = [
        replace(one, figures=replace(one.figures or GOOD, brightness=0.16 + 0.025 * at))
        for at, one in enumerate(crowd())
    ]
    assert judged(odd(brightness=0.14), tones) == []


def test_colour_among_grey_is_odd_and_half_and_half_is_not() -> None:
    grey = [replace(one, figures=replace(one.figures or GOOD, greyness=0.95)) for one in crowd()]
    assert judged(odd(), grey) == ["colour"]
    assert judged(odd(greyness=0.9), grey) == []
    assert judged(odd(), grey[:10] + crowd()[10:]) == []
    assert judged(odd(greyness=0.9), grey[:10] + crowd()[10:]) == []


def test_outliers_are_asked_for() -> None:
    strange = odd(strangeness=3.0)
    assert judged(strange) == []
    assert judged(strange, outlier_deviations=5.0) == ["outlier"]


def test_a_file_that_cannot_be_read_is_told_as_that_alone() -> None:
    broken = replace(odd({"yaw_deg": 80.0}), figures=None, fault="it is damaged")
    (only,) = objections([*crowd(), broken], limits(), crop_px=256, dataset_px=256)[1]
    assert (only.rule, only.figure, only.text) == ("unreadable", None, "it is damaged")


def test_reasons_carry_rule_figure_and_limit() -> None:
    worst = odd({"yaw_deg": -58.2}, sharpness=0.25)
    found = objections([*crowd(), worst], limits(), crop_px=256, dataset_px=256)[1]
    assert reason(found) == (
        "profile: turned by 58 degrees, 50 allowed; blurred: edges smeared over 4.0 px, 3 allowed"
    )
    assert [one.figure for one in found] == [-58.2, 0.25]
    assert [one.rule for one in found] == sorted((one.rule for one in found), key=list(RULES).index)


def test_robust_deviations_by_hand() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 100.0, np.nan])
    assert deviations(values) == pytest.approx(
        [-2 / 1.4826, -1 / 1.4826, 0, 1 / 1.4826, 97 / 1.4826, 0]
    )
    assert deviations(np.array([5.0])).tolist() == [0]
    same = deviations(np.array([1.0, 1.0, 1.0, 1.001]))
    assert same[3] < 1, "where all are the same, a thousandth is no deviation"


def test_an_empty_set_has_no_objections() -> None:
    assert objections([], limits(), crop_px=256, dataset_px=256) == {}
