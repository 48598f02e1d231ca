from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.generators import write_generator

from artstyle.errors import MeasureError, UsageError, WeightsError
from artstyle.events import Note
from artstyle.images import from_batch, write_png
from artstyle.metrics.scatter import ScatterSpace
from artstyle.pipeline.evaluate.pictures import DrawnPictures
from artstyle.pipeline.search.front import Point
from artstyle.pipeline.search.likeness import (
    Colouring,
    DlibDescriptor,
    LikenessJudge,
    LookDescriptor,
    choose_descriptor,
)
from artstyle.pipeline.search.mixer import Mixer
from artstyle.pipeline.search.photos import People, find_people, spread
from artstyle.pipeline.search.store import NAME, Store
from artstyle.pipeline.search.style import StyleJudge
from artstyle.pipeline.search.style_space import choose_style_space
from stylegan_ext.checkpoint import load, read_model
from stylegan_ext.drawing import draw, seed_ws
from stylegan_ext.tuning import changed


class Plain:
    """A descriptor that takes the first pixels as they are."""

    name = title = identity = "plain"

    def __call__(self, pictures):
        return np.stack([picture.reshape(-1)[:6].astype(np.float32) for picture in pictures])


class PlainSpace(ScatterSpace):
    dim = 6

    def __call__(self, pictures):
        return Plain()(pictures)


def pictures_of(rows: np.ndarray) -> list[np.ndarray]:
    return [row.astype(np.uint8).reshape(1, 2, 3) for row in rows]


PEOPLE = np.array(
    [[0, 0, 0, 90, 0, 0], [90, 0, 0, 0, 0, 0], [0, 90, 0, 0, 0, 0], [0, 0, 90, 0, 0, 0]]
)


def test_likeness_by_hand():
    judge = LikenessJudge([Plain()], pictures_of(PEOPLE))
    assert judge.strangers == pytest.approx(90 * 2**0.5)
    same = judge(pictures_of(PEOPLE))
    assert (same.value, same.low, same.high, same.distance) == (1, 1, 1, 0)
    assert same.found_again == 4
    # Half as different from each other: own |x - x/2|^2, others' |x_i/2 - x_j|^2, without means.
    centred = PEOPLE - PEOPLE.mean(axis=0)
    own = np.square(centred / 2).sum(axis=1).mean()
    others = np.mean(
        [np.square(centred[i] / 2 - centred[j]).sum() for i in range(4) for j in range(4) if i != j]
    )
    half = judge(pictures_of(PEOPLE // 2))
    assert half.value == pytest.approx(1 - own / others)
    assert half.distance == pytest.approx(45)
    assert half.found_again == 4


def test_a_step_that_all_take_together_is_no_loss_of_likeness():
    judge = LikenessJudge([Plain()], pictures_of(PEOPLE))
    styled = judge(pictures_of(PEOPLE + np.array([100, 0, 50, 0, 0, 20])))
    assert styled.value == pytest.approx(1)
    assert styled.distance == pytest.approx((100**2 + 50**2 + 20**2) ** 0.5)


def test_people_who_changed_places_are_not_alike():
    judge = LikenessJudge([Plain()], pictures_of(PEOPLE))
    found = judge(pictures_of(np.roll(PEOPLE, 1, axis=0)))
    assert found.value < 0
    assert found.found_again == 0
    collapsed = judge(pictures_of(np.repeat(PEOPLE[:1], 4, axis=0)))
    assert collapsed.value == pytest.approx(0, abs=1e-6)


def test_likeness_is_the_mean_of_what_all_descriptors_say():
    class Last(Plain):
        name = "last"

        def __call__(self, pictures):
            return super().__call__(pictures)[:, 3:]

    people = pictures_of(np.abs(PEOPLE - 20))
    mixed = pictures_of(np.abs(PEOPLE - 20) * np.array([1, 1, 1, 0, 0, 0]))
    judges = [LikenessJudge(ones, people) for ones in ([Plain()], [Last()], [Plain(), Last()])]
    plain, last, both = (judge(mixed) for judge in judges)
    assert plain.value > 0.2 > last.value
    assert both.value == pytest.approx((plain.value + last.value) / 2)
    assert both.low <= both.value <= both.high
    assert (both.low, both.high) != (plain.low, plain.high), "the interval is that of the mean"
    assert both.parts == {"plain": plain.value, "last": last.value}
    assert (both.distance, both.found_again) == (plain.distance, plain.found_again)

    class Blind(Last):
        def __call__(self, pictures):
            return np.zeros((len(pictures), 3), np.float32)

    assert LikenessJudge([Plain(), Blind()], people)(mixed) == plain


def test_colouring_sees_where_which_colour_is():
    black = np.zeros((64, 64, 3), np.uint8)
    hair = black.copy()
    hair[:16] = (200, 60, 20)
    moved, dyed = np.roll(hair, 16, axis=0), black.copy()
    dyed[:16] = (20, 60, 200)
    rows = Colouring()([black, hair, moved, dyed])
    assert rows.shape == (4, 192)
    far = np.linalg.norm(rows[1] - rows[2:], axis=1)
    assert far.min() > 1
    red = np.full((64, 64, 3), (255, 0, 0), np.uint8)
    assert Colouring()([red])[0, 0] == pytest.approx(0.532, abs=2e-3)  # L* of sRGB's red is 53.2
    # A lone white place of 64 is one lightness, 100 of 100.
    white = black.copy()
    white[8:16, :8] = 255
    assert np.linalg.norm(Colouring()([white])[0] - rows[0]) == pytest.approx(1, abs=1e-3)


def test_one_face_says_nothing_about_likeness():
    for rows in (PEOPLE[:1], np.repeat(PEOPLE[:1], 3, axis=0)):
        with pytest.raises(MeasureError, match="pictures of one face say nothing"):
            LikenessJudge([Plain()], pictures_of(rows))


def test_descriptors_are_chosen_by_name(monkeypatch):
    assert isinstance(choose_descriptor("look"), LookDescriptor)
    monkeypatch.setattr("artstyle.faces.dlib.lack", lambda: UsageError("no dlib"))
    told: list[Note] = []
    assert isinstance(choose_descriptor(emit=told.append), LookDescriptor)
    assert "dlib is not here" in told[0].text
    with pytest.raises(UsageError, match="known: auto, dlib, look"):
        choose_descriptor("looks")  # type: ignore[arg-type]


def test_dlibs_figures_do_not_depend_on_how_many_faces_are_looked_at_together():
    from artstyle.faces.dlib import lack

    if lack() is not None:
        pytest.skip("dlib is not installed")
    dice = np.random.default_rng(0)
    faces = [dice.integers(0, 255, (64, 64, 3)).astype(np.uint8) for _ in range(18)]
    descriptor = DlibDescriptor()
    rows = descriptor(faces)
    assert rows.shape == (18, 128)
    np.testing.assert_allclose(descriptor(faces[17:]), rows[17:], atol=1e-5)
    assert np.linalg.norm(rows[0] - rows[17]) > 1e-3, "two faces, two descriptors"
    assert 0.5 < float(np.linalg.norm(rows[0])) < 3  # about 1.4 for faces


def style_judge(style: np.ndarray | None = None) -> tuple[StyleJudge, np.ndarray, np.ndarray]:
    dice = np.random.default_rng(1)
    base = dice.normal(60, 8, (24, 6)).round()
    reference = dice.normal(160, 8, (200, 6)).round()
    drawn = dice.normal(150, 8, (80, 6)).round() if style is None else style
    rows = [array.astype(np.float32) for array in (reference, base, drawn)]
    return StyleJudge(PlainSpace(), *rows), base, reference


def test_style_is_nothing_for_the_base_and_one_for_the_styles_own():
    judge, base, reference = style_judge()
    assert judge(pictures_of(base)).value == 0
    drawn = np.random.default_rng(1)
    drawn.normal(60, 8, (24, 6))
    drawn.normal(160, 8, (200, 6))
    assert judge(pictures_of(drawn.normal(150, 8, (80, 6)).round()[:24])).value == pytest.approx(
        1, abs=0.05
    )
    assert judge(pictures_of(reference[:24])).value > 1  # nearer than what the model draws
    shares = []
    for part in (0.25, 0.5, 0.75):
        one = judge(pictures_of(base + part * 100))
        assert one.low <= one.value <= one.high
        shares.append(one.value)
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[2] < 1


def test_a_style_that_is_no_nearer_than_the_base_is_refused():
    far = np.random.default_rng(2).normal(20, 8, (50, 6))
    with pytest.raises(MeasureError, match="no nearer to the style's pictures"):
        style_judge(far)
    rows = [np.zeros((count, 6), np.float32) for count in (3, 24, 24)]
    with pytest.raises(MeasureError, match="3 style's pictures are too few"):
        StyleJudge(PlainSpace(), *rows)


def test_without_our_own_network_style_is_seen_by_wavelets(monkeypatch):
    for module in ("artstyle.perception.choose", "artstyle.pipeline.evaluate.spaces"):
        monkeypatch.setattr(f"{module}.own_file", lambda _=None: None)
    told: list[Note] = []
    assert choose_style_space(emit=told.append).name == "scatter"
    assert "perception network is not here" in told[0].text
    with pytest.raises(WeightsError):
        choose_style_space("own")
    with pytest.raises(UsageError, match="no style space"):
        choose_style_space("x")  # type: ignore[arg-type]


def test_our_own_network_is_taken_where_it_is(monkeypatch):
    own, asked = Path("models/perception.safetensors"), []
    monkeypatch.setattr("artstyle.perception.choose.own_file", lambda _=None: own)
    monkeypatch.setattr(
        "artstyle.metrics.own_space.OwnSpace.from_file",
        lambda path, device: asked.append((path, device)) or "own space",
    )
    assert choose_style_space(device="cpu") == "own space"
    assert choose_style_space("own") == "own space"
    assert asked == [(own, "cpu")] * 2
    assert choose_style_space("scatter").name == "scatter"


def test_the_mixer_draws_what_a_blend_would(tmp_path: Path):
    paths = [write_generator(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (0, 1)]
    mixer = Mixer(*(read_model(path) for path in paths))
    assert [level.label for level in mixer.levels] == ["4.1", "8.0", "8.1", "16.0", "16.1"]
    base, style = (load(path) for path in paths)
    ws = torch.cat([seed_ws(base, seed) for seed in range(3)])
    plain = mixer.draw((0.0,) * 5, ws)
    assert np.array_equal(np.stack(plain), from_batch(draw(base, ws)))
    style.synthesis.b4.const.data.copy_(base.synthesis.b4.const)  # the constant stays the base's
    full = mixer.draw((1.0,) * 5, ws)
    assert np.array_equal(np.stack(full), from_batch(draw(style, ws)))
    half = mixer.draw((0.5,) * 5, ws)
    assert not np.array_equal(half[0], plain[0])
    assert not np.array_equal(half[0], full[0])
    assert np.array_equal(np.stack(mixer.draw((0.0,) * 5, ws)), np.stack(plain))


def test_the_mixer_blends_the_bent_base(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("artstyle.pipeline.search.mixer.KEPT", 0.0)  # then it is just that
    paths = [write_generator(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (0, 1)]
    mixer = Mixer(*(read_model(path) for path in paths))
    bent = read_model(paths[0])
    tensors = bent.generator().tensors
    change = {
        name: torch.full_like(tensors[f"synthesis.{name}"], 0.3)
        for name in ("b8.conv1.weight", "b16.conv0.weight", "b16.torgb.bias")
    }
    ws = torch.cat([seed_ws(load(paths[0]), seed) for seed in range(2)])
    shares = (0.0, 0.0, 0.25, 0.5, 1.0)
    found = mixer.draw(shares, ws, [change, change])
    for name, part in change.items():
        tensors[f"synthesis.{name}"] = tensors[f"synthesis.{name}"] + part
    expected = Mixer(bent, read_model(paths[1])).draw(shares, ws)
    assert np.abs(np.stack(found).astype(int) - np.stack(expected)).max() <= 1
    assert not np.array_equal(found[0], mixer.draw(shares, ws)[0])


def test_the_mixer_draws_every_person_with_the_change_towards_them(tmp_path: Path):
    paths = [write_generator(tmp_path / f"{seed}.safetensors", seed=seed) for seed in (0, 1)]
    mixer = Mixer(*(read_model(path) for path in paths))
    base = load(paths[0])
    ws = torch.cat([seed_ws(base, seed) for seed in range(2)])
    name = "b16.torgb.bias"
    step = torch.ones_like(dict(base.synthesis.named_parameters())[name]) / 4
    plain = mixer.draw((0.0,) * 5, ws)
    bent = mixer.draw((0.0,) * 5, ws, [{name: step}, {}])
    with changed(base.synthesis, {name: step}):
        assert np.array_equal(bent[0], from_batch(draw(base, ws[:1]))[0])
    assert not np.array_equal(bent[0], plain[0])
    assert np.array_equal(bent[1], plain[1])
    assert np.array_equal(np.stack(mixer.draw((0.0,) * 5, ws)), np.stack(plain))


def test_faces_are_projected_once_with_the_base_bent_to_each(tmp_path: Path, monkeypatch):
    base = write_generator(tmp_path / "people.safetensors")
    for number, picture in enumerate(DrawnPictures("people", load(base), "", 4).read(0, 4)):
        write_png(tmp_path / f"faces/{number}.png", picture)
    kept = tmp_path / "people.safetensors.kept"

    def people(tuning: int) -> People:
        monkeypatch.setattr("artstyle.pipeline.search.photos.usual_tuning", lambda _px: tuning)
        return find_people(tmp_path / "faces", base, workspace=tmp_path, kept=kept)

    first = people(2)
    assert first.how.endswith("the base bent to each")
    assert [set(change) == set(first.changes[0]) for change in first.changes] == [True] * 4
    assert any(part.any() for part in first.changes[3].values())
    written = kept.stat().st_mtime_ns
    assert people(2).identity == first.identity
    assert kept.stat().st_mtime_ns == written
    plain = people(0)
    assert plain.changes == ()
    assert not plain.how.endswith("the base bent to each")
    assert kept.stat().st_mtime_ns != written


def test_people_are_others_when_the_base_is_bent_to_them_otherwise():
    ws = torch.zeros(2, 3, 4)
    plain = People(ws, ("a", "b"), "by hand")
    bent = [People(ws, ("a", "b"), "", ({"x": torch.full((1,), n)}, {})) for n in (1.0, 2.0)]
    assert len({people.identity for people in (plain, *bent)}) == 3
    assert plain.identity == People(ws.clone(), ("c", "d"), "otherwise").identity


def test_some_from_all_over():
    assert spread(3, 5) == [0, 1, 2]
    assert spread(100, 4) == [0, 25, 50, 75]


def test_a_store_goes_on_after_a_torn_line_and_begins_anew_for_other_things(tmp_path: Path):
    points = [Point((0.0, share), share, 1 - share, {"distance": share}) for share in (0.0, 0.25)]
    store = Store(tmp_path, {"base": "1"})
    for point in points:
        store.add(point)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole + b'{"shares": [0.0, 0.')
    again = Store(tmp_path, {"base": "1"})
    assert list(again.points.values()) == points
    assert store.path.read_bytes() == whole
    told: list[Note] = []
    assert Store(tmp_path, {"base": "2"}, emit=told.append).points == {}
    assert "begins anew" in told[0].text
    for damage in (b"{}x\n", b'{"identity": 3}\n', b"[]\n", b"\n"):
        (tmp_path / NAME).write_bytes(damage)
        assert Store(tmp_path, {"base": "1"}).points == {}
        assert Store(tmp_path, {"base": "1"}).points == {}
