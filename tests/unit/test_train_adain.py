"""A decoder's training: crops by number, resumption to the bit, panels, warnings, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.adain import write_encoder, write_pictures

from artstyle.baselines.adain.file import read_decoder, read_header
from artstyle.errors import (
    ArtstyleError,
    ImageError,
    RecipeError,
    RunError,
    UsageError,
    WeightsError,
)
from artstyle.events import Event, Note, Progress
from artstyle.pipeline.train_adain.pictures import Crops, Feed, Pictures, digest_of, read_sized
from artstyle.pipeline.train_adain.start import Estimate, estimate_text, train_adain
from stylegan_ext.training.state import StateFiles

SMALL = {"crop_px": 32, "batch": 2, "iterations": 5, "checkpoint_iterations": 3, "fit_crops": 8}
SMALL["device"] = "cpu"


class KilledError(BaseException):
    """What nothing catches: the process is gone."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(folder: Path) -> dict:
    """What a training needs, in a folder."""
    write_pictures(folder / "photos", 9)
    write_pictures(folder / "paintings", 9, seed=1, side=(70, 50))
    encoder = write_encoder(folder / "models" / "perception.safetensors")
    where = {"content": [folder / "photos"], "styles": [folder / "paintings"]}
    return {**where, "encoder": str(encoder), "out": folder / "run", **SMALL}


def train(folder: Path, **more):
    return train_adain(folder, **{**make(folder), **more})


def killed_after(iterations: int):
    left = iterations

    def listen(event: Event) -> None:
        nonlocal left
        if isinstance(event, Progress) and event.task == "train":
            left -= 1
            if left <= 0:
                raise KilledError

    return listen


def state_of(folder: Path):
    state, _ = StateFiles(folder / "run").newest()
    assert state is not None
    return state


def stats(folder: Path) -> list[str]:
    return (folder / "run" / "stats.jsonl").read_text().splitlines()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("undisturbed")
    train(folder)
    torch.set_num_threads(before)
    return folder


# -- crops -----------------------------------------------------------------------------------


def test_a_crop_depends_on_seed_and_number_alone(tmp_path):
    pictures = Pictures(write_pictures(tmp_path, 5), 32, 64)
    crops = Crops(pictures, 32, 7, 1, mirror=True, jitter=0.5)
    later = crops(11)
    fresh = Crops(pictures, 32, 7, 1, mirror=True, jitter=0.5)
    for number in (3, 0, 12):
        fresh(number)
    assert np.array_equal(later, fresh(11))
    assert later.shape == (32, 32, 3)
    for other in (Crops(pictures, 32, 8, 1, mirror=True), Crops(pictures, 32, 7, 2, mirror=True)):
        assert not np.array_equal(later, other(11))


def test_every_round_shows_every_picture_once(tmp_path):
    crops = Crops(Pictures(write_pictures(tmp_path, 5), 32, 64), 32, 0, 1, mirror=False)
    rounds = [[crops._index(5 * turn + place) for place in range(5)] for turn in range(4)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_colours_are_changed_where_that_is_wished(tmp_path):
    pictures = Pictures(write_pictures(tmp_path, 1), 32, 32)
    plain = Crops(pictures, 32, 0, 1, mirror=False, jitter=0.0)
    changed = Crops(pictures, 32, 0, 1, mirror=False, jitter=1.0)
    assert np.array_equal(plain(0), Crops(pictures, 32, 0, 1, mirror=False)(0))
    assert not np.array_equal(plain(0), changed(0))
    assert not np.array_equal(changed(0).mean(axis=(0, 1)), changed(1).mean(axis=(0, 1)))


def test_batches_are_those_of_their_iteration_wherever_one_begins(tmp_path):
    photos = Crops(Pictures(write_pictures(tmp_path / "a", 4), 32, 64), 32, 0, 1, mirror=True)
    paintings = Crops(Pictures(write_pictures(tmp_path / "b", 3), 32, 64), 32, 0, 2, mirror=True)
    feed = Feed(photos, paintings, 2)
    in_order = [feed.take(number) for number in range(4)]
    feed.close()
    jumping = Feed(photos, paintings, 2)
    for number in (3, 1, 2):
        for one, other in zip(in_order[number], jumping.take(number), strict=True):
            assert np.array_equal(one, other)
    jumping.close()
    assert np.array_equal(in_order[1][0], np.stack([photos(2), photos(3)]))
    assert np.array_equal(in_order[1][1], np.stack([paintings(2), paintings(3)]))


def test_a_bad_picture_is_told_once_and_the_next_stands_in(tmp_path):
    paths = write_pictures(tmp_path, 3)
    paths[1].write_text("no picture")
    told: list[str] = []
    pictures = Pictures(paths, 32, 64, emit=lambda event: told.append(event.text))
    assert np.array_equal(pictures[1], pictures[2])
    assert np.array_equal(pictures[1], pictures[2])
    assert len(told) == 1
    assert "picture-1.png" in told[0]
    for path in paths:
        path.write_text("no picture")
    with pytest.raises(ArtstyleError, match="none of 3 pictures"):
        Pictures(paths, 32, 64)[0]


def test_pictures_are_kept_within_bounds(tmp_path):
    (path,) = write_pictures(tmp_path, 1, side=(60, 90))
    assert read_sized(path, 32, 100).shape == (60, 90, 3)
    assert read_sized(path, 32, 40).shape == (40, 60, 3)
    assert read_sized(path, 120, 200).shape == (120, 180, 3)
    for side in ((20, 20), (32, 300)):
        (sliver,) = write_pictures(tmp_path / str(side), 1, side=side)
        with pytest.raises(ImageError, match="too small or too narrow"):
            read_sized(sliver, 32, 100)


def test_little_memory_keeps_little(tmp_path):
    pictures = Pictures(write_pictures(tmp_path, 4), 32, 64, memory_bytes=2 * 40 * 56 * 3)
    for index in (0, 1, 2, 3):
        pictures[index]
    assert list(pictures._held) == [2, 3]


def test_a_set_of_pictures_has_a_digest_of_its_own(tmp_path):
    one, two = write_pictures(tmp_path / "a", 2), write_pictures(tmp_path / "b", 2)
    assert digest_of(one) == digest_of(two)
    assert digest_of(one) != digest_of(one[:1])
    two[0].write_bytes(two[0].read_bytes() + b"x")
    assert digest_of(one) != digest_of(two)


# -- training --------------------------------------------------------------------------------


def test_it_learns_and_writes_what_it_should(undisturbed):
    run = undisturbed / "run"
    names = {path.name for path in run.iterdir()}
    assert {"adain.safetensors", "panel.png", "panel-000003.png", "panel-000005.png"} <= names
    assert {"recipe.toml", "command.txt", "pictures.json", "log.txt", "stats.jsonl"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    held = json.loads((run / "pictures.json").read_text())
    assert (held["photos"], held["paintings"]) == (8, 8)
    assert len(held["held_photos"]) == len(held["held_paintings"]) == 1
    header = read_header(run / "adain.safetensors")
    assert header.origin.notes["iterations"] == 5
    assert set(header.origin.notes["held_out_losses"]) == {"content", "style"}
    assert json.loads((run / "state.json").read_text())["state"] == "finished"
    rows = [json.loads(line) for line in stats(undisturbed)]
    assert [row["Progress/nimg"] for row in rows] == [6, 10]
    assert all(row["Loss/held-out/style"]["mean"] > 0 for row in rows)


def test_losses_fall(tmp_path, monkeypatch):
    always = Feed.take  # the same pictures each time: how hard they are is then no noise
    monkeypatch.setattr(Feed, "take", lambda self, number: always(self, 0))
    told: list[str] = []
    train(
        tmp_path,
        iterations=150,
        learning_rate=0.001,
        fit_crops=0,  # from random weights, where there is most to learn
        checkpoint_iterations=1000,
        emit=lambda event: told.append(getattr(event, "text", "")),
    )
    rows = [json.loads(line) for line in stats(tmp_path)]
    losses = [row["Loss/total"]["mean"] for row in rows if "Loss/total" in row]
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0], losses
    assert any("images/s" in text for text in told)


def test_pixels_alone_are_learned_first(tmp_path):
    train(tmp_path, iterations=50, pixel_weight=10.0, warm_up=25, learning_rate=0.01)
    rows = [json.loads(line) for line in stats(tmp_path)]
    first, second = (row for row in rows if "Loss/total" in row)
    assert "Loss/content" not in first
    assert first["Loss/total"]["mean"] == pytest.approx(10 * first["Loss/pixels"]["mean"])
    terms = {name: second[f"Loss/{name}"]["mean"] for name in ("content", "style", "pixels")}
    total = terms["content"] + 10 * terms["style"] + 10 * terms["pixels"]
    assert second["Loss/total"]["mean"] == pytest.approx(total, rel=1e-4)
    with pytest.raises(RecipeError, match="pixel_weight is 0"):
        train(tmp_path, warm_up=5)


@pytest.mark.parametrize("instants", [(1,), (4, 2), (2, 2, 2)])
def test_it_ends_bit_equal_wherever_it_was_broken_off(tmp_path, undisturbed, instants):
    for instant in instants:
        with pytest.raises(KilledError):
            train(tmp_path, emit=killed_after(instant))
    train(tmp_path)
    one, other = state_of(undisturbed), state_of(tmp_path)
    assert one.tensors.keys() == other.tensors.keys()
    different = [k for k in one.tensors if not torch.equal(one.tensors[k], other.tensors[k])]
    assert different == []
    assert one.facts["counters"] == other.facts["counters"] == {"iteration": 5, "counted": 5}
    for name in ("panel.png", "panel-000003.png"):
        mine, theirs = (folder / "run" / name for folder in (undisturbed, tmp_path))
        assert mine.read_bytes() == theirs.read_bytes()
    pair = [folder / "run" / "adain.safetensors" for folder in (undisturbed, tmp_path)]
    assert len({read_decoder(path).header.content_sha256 for path in pair}) == 1


def test_it_depends_on_the_seed(tmp_path, undisturbed):
    train(tmp_path, seed=1)
    name = "decoder.conv1_1.weight"
    assert not torch.equal(state_of(undisturbed).tensors[name], state_of(tmp_path).tensors[name])


def test_a_finished_one_does_nothing_and_more_iterations_go_on(tmp_path):
    train(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*.saf*")}
    assert train(tmp_path).iterations == 5
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*.saf*")}
    assert before == after
    told: list[str] = []
    done = train(tmp_path, iterations=6, emit=lambda event: told.append(getattr(event, "text", "")))
    assert (done.iterations, done.reason) == (6, "iterations")
    assert any("goes on at iteration 5" in text for text in told)


def test_it_stops_after_its_minutes_to_be_resumed(tmp_path):
    done = train(tmp_path, minutes=1e-9)
    assert (done.iterations, done.reason) == (0, "minutes")
    assert json.loads((tmp_path / "run" / "state.json").read_text())["state"] == "open"
    assert train(tmp_path).iterations == 5


def test_a_folder_of_another_training_is_left_alone(tmp_path):
    train(tmp_path, minutes=1e-9)
    with pytest.raises(RunError, match="another recipe"):
        train(tmp_path, style_weight=3.0)
    write_pictures(tmp_path / "photos", 10)
    with pytest.raises(RunError, match="inputs that have changed"):
        train_adain(
            tmp_path,
            **{
                **SMALL,
                "content": [tmp_path / "photos"],
                "styles": [tmp_path / "paintings"],
                "encoder": str(tmp_path / "models" / "perception.safetensors"),
                "out": tmp_path / "run",
            },
        )


def test_what_runs_apart_is_told_and_the_last_state_stays(tmp_path, monkeypatch):
    train(tmp_path, iterations=3)
    before = state_of(tmp_path).path.read_bytes()
    from artstyle.baselines.adain.training import DecoderTraining

    whole = DecoderTraining.iterate

    def broken(self, photos, paintings):
        whole(self, photos, paintings)
        with torch.no_grad():
            next(self.decoder.parameters()).fill_(float("nan"))

    monkeypatch.setattr(DecoderTraining, "iterate", broken)
    with pytest.raises(RunError, match=r"run apart.*last good state is that of iteration 3"):
        train(tmp_path)
    assert state_of(tmp_path).path.read_bytes() == before


def test_few_paintings_are_warned_of(tmp_path):
    notes: list[Note] = []
    train(
        tmp_path,
        dry_run=True,
        emit=lambda event: notes.append(event) if isinstance(event, Note) else None,
    )
    warning = next(note for note in notes if note.level == "warning")
    assert "8 paintings are few" in warning.text
    assert "50%" in warning.text


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(tmp_path):
    found = train(tmp_path, dry_run=True, iterations=1000)
    assert isinstance(found, Estimate)
    assert (found.photos, found.paintings, found.held_out) == (8, 8, (1, 1))
    assert found.seconds == pytest.approx(1000 * 2 / found.images_per_s)
    assert "1,000 iterations" in estimate_text(found)
    short = train(tmp_path, dry_run=True, iterations=10**6, minutes=0.1)
    assert short.seconds == pytest.approx(6.0)
    assert not (tmp_path / "run").exists()


def test_it_can_start_from_another_decoder_and_name_styles(tmp_path, undisturbed):
    first = undisturbed / "run" / "adain.safetensors"
    write_pictures(tmp_path / "named", 2)
    (tmp_path / "named" / "picture-0.png").rename(tmp_path / "named" / "Night Sky!.png")
    done = train(
        tmp_path,
        base=first,
        named=tmp_path / "named",
        crop_px=40,
        iterations=1,
        learning_rate=1e-9,
        out=tmp_path / "second",
    )
    held, base = read_decoder(done.decoder), read_decoder(first)
    for name, tensor in base.decoder.state_dict().items():
        torch.testing.assert_close(held.decoder.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    assert sorted(held.styles) == ["night-sky", "picture-1"]
    assert held.header.origin.notes["base_sha256"] == base.header.content_sha256


def test_a_base_of_another_encoder_is_refused(tmp_path, undisturbed):
    other = write_encoder(tmp_path / "other.safetensors", seed=5)
    with pytest.raises(WeightsError, match="was trained behind"):
        train(
            tmp_path,
            encoder=str(other),
            base=undisturbed / "run" / "adain.safetensors",
        )


def test_a_workspace_gets_the_decoder_and_keeps_a_foreign_one(workspace, tmp_path):
    settings = make(tmp_path)
    done = train_adain(workspace, **settings)
    assert done.published == workspace / "models" / "adain.safetensors"
    assert done.published.read_bytes() == done.decoder.read_bytes()
    done.published.write_bytes(b"somebody else's")
    notes: list[str] = []
    again = train_adain(
        workspace,
        **{**settings, "iterations": 6},
        emit=lambda event: notes.append(getattr(event, "text", "")),
    )
    assert again.published is None
    assert done.published.read_bytes() == b"somebody else's"
    assert any("--name" in text for text in notes)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"crop_px": 36}, "no multiple of 8"),
        ({"content_weight": 0.0, "style_weight": 0.0}, "nothing is learned"),
        ({"batch": 0, "jitter": 2.0}, "2 faults"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, settings, words):
    with pytest.raises(RecipeError, match=words):
        train(tmp_path, **settings)


def test_folders_without_pictures_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no paintings in it"):
        train(tmp_path, styles=[tmp_path / "empty"])
    with pytest.raises(ImageError, match="there is no folder"):
        train(tmp_path, content=[tmp_path / "nowhere"])
