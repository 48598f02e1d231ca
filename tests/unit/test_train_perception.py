"""Training the perceptual network: what is shown, what is learned, and going on after a kill."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from artstyle.errors import RecipeError, RunError, UsageError
from artstyle.images import write_png
from artstyle.jsonlines import read as read_lines
from artstyle.perception.own import read_facts, read_own
from artstyle.pipeline.train_perception import work as work_module
from artstyle.pipeline.train_perception.album import NO_KIND, Album, open_album
from artstyle.pipeline.train_perception.crops import Batches, middles
from artstyle.pipeline.train_perception.figures import held_out_accuracy, probe_accuracy
from artstyle.pipeline.train_perception.settings import PerceptionRecipe
from artstyle.pipeline.train_perception.start import (
    PerceptionEstimate,
    full_epochs_s,
    train_perception,
)
from artstyle.pipeline.train_perception.student import Student, apart_loss, kinds_loss
from artstyle.pipeline.train_perception.work import rate_at

QUICK = {"batch": 8, "crop_px": 32, "epochs": 2.0, "device": "cpu", "seed": 3}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(kind: int, number: int) -> np.ndarray:
    """40 x 48: stripes whose direction is the kind, and noise."""
    dice = np.random.default_rng([kind, number])
    y, x = np.mgrid[:40, :48]
    wave = np.sin((x if kind else y) * 0.7 + dice.uniform(0, 6))[:, :, None]
    return (128 + 90 * wave + dice.uniform(-30, 30, (40, 48, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two kinds of six pictures, and four without a kind."""
    root = tmp_path_factory.mktemp("material")
    for kind, name in enumerate(("lying", "standing")):
        for number in range(6):
            write_png(root / "content" / name / f"{number}.png", drawn(kind, number))
    for number in range(4):
        write_png(root / "paintings" / f"{number}.png", drawn(number % 2, 50 + number)[::-1])
    return root / "content", root / "paintings"


@pytest.fixture(scope="module")
def album(folders: tuple[Path, Path]) -> Album:
    return open_album([folders[0]], [folders[1]], crop_px=32, held_out=0.2, seed=0)


class TestAlbum:
    def test_kinds_are_subfolders_and_some_of_each_are_held_out(self, album):
        assert album.names == ("lying", "standing")
        assert album.counts == (12, 4)
        assert [int((album.kinds == kind).sum()) for kind in (0, 1, NO_KIND)] == [6, 6, 4]
        for kind in (0, 1):
            assert int(album.held_out[album.kinds == kind].sum()) == 1
        assert not album.held_out[album.kinds == NO_KIND].any()
        assert len(album.shown_labelled) == 10
        assert album.pictures[0].shape == (40, 48, 3)

    def test_which_are_held_out_follows_the_seed_and_the_digest_the_bytes(self, folders, tmp_path):
        first, second = (open_album([folders[0]], crop_px=32, held_out=0.5, seed=s) for s in (0, 1))
        assert first.sha256 == second.sha256
        assert (first.held_out != second.held_out).any()
        for path in sorted(folders[0].rglob("*.png")):
            write_png(tmp_path / path.relative_to(folders[0]), drawn(0, 0))
        assert open_album([tmp_path], crop_px=32, held_out=0.5).sha256 != first.sha256

    def test_large_pictures_are_kept_small(self, tmp_path):
        for number in range(4):
            write_png(tmp_path / f"{number}.png", np.full((200, 300, 3), 9, np.uint8))
        found = open_album([], [tmp_path], crop_px=32, held_out=0.1)
        assert found.pictures[0].shape == (96, 144, 3)

    def test_damaged_files_are_told_and_left_out(self, folders, tmp_path):
        events = []
        for path in folders[1].iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / "odd.png").write_bytes(b"no picture")
        found = open_album([], [tmp_path], crop_px=32, held_out=0.1, emit=events.append)
        assert (len(found.pictures), found.unread) == (4, 1)
        assert any("odd.png" in getattr(event, "text", "") for event in events)

    def test_too_little_is_refused(self, folders, tmp_path):
        write_png(tmp_path / "one.png", drawn(0, 0))
        with pytest.raises(UsageError, match="1 pictures are too few"):
            open_album([], [tmp_path], crop_px=32, held_out=0.1)
        for number in range(4):
            write_png(tmp_path / "only" / f"{number}.png", drawn(0, number))
        with pytest.raises(UsageError, match="one kind of things only, 'only'"):
            open_album([tmp_path], crop_px=32, held_out=0.1)


class TestCrops:
    def test_a_step_shows_the_same_whenever_it_is_asked_for(self, album):
        batches = Batches(album, 8, 0.25, seed=5)
        first, kinds = batches.at(7, 32)
        batches.at(0, 32)
        again, _ = batches.at(7, 32)
        assert torch.equal(first, again)
        assert not torch.equal(first, batches.at(8, 32)[0])
        assert not torch.equal(first, Batches(album, 8, 0.25, seed=6).at(7, 32)[0])
        assert first.shape == (8, 3, 32, 32)
        assert float(first.abs().max()) <= 1
        assert kinds.tolist().count(NO_KIND) == 1

    def test_every_picture_comes_once_in_an_epoch_and_held_out_ones_never(self, album):
        batches = Batches(album, 10, 0.0, seed=0)
        seen = np.concatenate([batches.members(step) for step in range(2)])
        assert sorted(seen) == sorted(album.shown_labelled)
        later = np.concatenate([batches.members(step) for step in range(20)])
        assert not album.held_out[later].any()
        assert np.bincount(later)[album.shown_labelled].tolist() == [10] * 10

    def test_a_pair_is_one_picture(self, tmp_path):
        for number in range(4):
            write_png(tmp_path / f"{number}.png", np.full((40, 40, 3), 60 * number, np.uint8))
        flat = open_album([], [tmp_path], crop_px=32, held_out=0)
        images, _ = Batches(flat, 8, 0.25, seed=0).at(0, 32)
        means = images.mean(dim=(1, 2, 3))
        gaps = (means[:4, None] - means[None, 4:]).abs()
        assert gaps.argmin(dim=1).tolist() == [0, 1, 2, 3]

    def test_middles_are_squares_from_the_middle(self, album):
        found = middles(album, np.array([0, 1]), 40)
        expected = torch.from_numpy(album.pictures[0][:, 4:44].astype(np.float32)) / 127.5 - 1
        torch.testing.assert_close(found[0].permute(1, 2, 0), expected)


class TestStudent:
    def test_folding_is_exact(self):
        torch.manual_seed(0)
        student = Student(3)
        images = torch.rand(4, 3, 48, 32) * 2 - 1
        for _ in range(3):
            student(images)
        student.eval()
        folded = student.folded()
        with torch.no_grad():
            truth = student.maps(images)
            found = folded(images, tuple(truth))
        for name, x in truth.items():
            torch.testing.assert_close(found[name], x, rtol=1e-4, atol=1e-5)
        assert float(truth["relu5_1"].max()) > 0.01

    def test_without_kinds_there_is_one_head(self):
        scores, embedded = Student(0)(torch.rand(4, 3, 32, 32))
        assert scores is None
        torch.testing.assert_close(embedded.norm(dim=1), torch.ones(4))

    def test_apart_loss_is_that_of_the_paper(self):
        torch.manual_seed(0)
        rows = F.normalize(torch.randn(6, 5))
        likeness = (rows @ rows.T / 0.5).exp()
        total = 0.0
        for one in range(6):
            others = sum(float(likeness[one, other]) for other in range(6) if other != one)
            total -= float(torch.log(likeness[one, (one + 3) % 6] / others))
        assert float(apart_loss(rows, 0.5)) == pytest.approx(total / 6, rel=1e-5)

    def test_pictures_without_a_kind_teach_no_kind(self):
        scores = torch.randn(3, 4, requires_grad=True)
        kinds_loss(scores, torch.tensor([2, NO_KIND, 1]), 0.1).backward()
        assert scores.grad is not None
        assert scores.grad.abs().sum(dim=1).gt(0).tolist() == [True, False, True]
        assert float(kinds_loss(scores.detach(), torch.full((3,), NO_KIND), 0.1)) == 0


class TestSettings:
    def test_length_is_epochs_or_minutes_whichever_comes_first(self):
        recipe = PerceptionRecipe(("a",), epochs=2.0, minutes=10.0)
        assert recipe.share_done(100, 100, 0) == pytest.approx(0.25)
        assert recipe.share_done(100, 100, 300) == pytest.approx(0.5)
        assert PerceptionRecipe(("a",)).share_done(6000, 100, 1e9) == pytest.approx(1.0)
        assert full_epochs_s(recipe, 100, 0.5) == pytest.approx(200, rel=0.01)
        assert full_epochs_s(recipe, 1000, 0.5) == pytest.approx(600, rel=0.01)

    def test_crops_grow(self):
        recipe = PerceptionRecipe(("a",), first_crop_px=32, crop_px=64, grow_at=0.5)
        assert [recipe.crop_at(share) for share in (0, 0.49, 0.5, 1)] == [32, 32, 64, 64]

    def test_the_rate_rises_and_falls(self):
        rates = [rate_at(share / 20) for share in range(21)]
        assert max(rates) == rates[1] == 1.0
        assert rates[1:] == sorted(rates[1:], reverse=True)
        assert 0 < rates[0] < 0.1
        assert rates[-1] == pytest.approx(0.01)

    def test_faults_are_told_together(self, folders, workspace):
        with pytest.raises(RecipeError) as caught:
            train_perception(workspace, batch=7, learning_rate=-1.0)
        assert len(caught.value.faults) >= 1
        with pytest.raises(RecipeError, match="batch: not even"):
            train_perception(workspace, pictures=[folders[0]], batch=7)


def train(workspace: Path, folders: tuple[Path, Path], **more):
    ticks = itertools.count(step=7.0)
    return train_perception(
        workspace,
        pictures=[folders[0]],
        unlabelled=[folders[1]],
        sources=["stripes; CC0-1.0; drawn here"],
        clock=lambda: next(ticks),
        **{**QUICK, **more},
    )


@pytest.fixture(scope="module")
def done(folders, tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    return train(root, folders), root


class TestTraining:
    def test_what_is_written(self, done):
        trained, root = done
        assert trained.model == root / "models" / "perception.safetensors"
        facts = read_facts(trained.model)
        assert facts.licence == "CC0-1.0 + unknown"
        assert [source["pictures"] for source in facts.sources] == [12, 4]
        assert facts.sources[0]["origin"] == "drawn here"
        assert facts.figures["chance"] == 0.5
        assert {"held_out_top1", "probe", "probe_random"} <= set(facts.figures)
        assert facts.notes["crops_shown"] == 56  # two epochs of 14 pictures, in batches of 8
        network = read_own(trained.model)
        assert network.layers[:2] == ("conv1_1", "relu1_1")
        card = trained.model.with_suffix(".md").read_text()
        for words in (
            "CC0-1.0",
            "stripes",
            "probe_random",
            "mean activation is 1",
            "How it was made",
        ):
            assert words in card
        rows = read_lines(trained.run / "stats.jsonl")
        assert {"Loss/kinds", "Loss/apart", "Held-out/held_out_top1"} <= set(rows[-1])
        assert list(trained.run.glob("events.out.tfevents.*"))

    def test_asked_for_again_nothing_is_done(self, done, folders):
        trained, root = done
        again = train(root, folders)
        assert again.reason == "done before"
        assert again.figures == trained.figures
        (root / "models" / "perception.safetensors").unlink()
        assert train(root, folders).model.is_file()
        assert len(list((root / "runs").glob("0*"))) == 1

    def test_broken_off_it_ends_bit_equal(self, done, folders, tmp_path, monkeypatch):
        trained, _ = done
        real = work_module.Work.iterate

        def breaks_at(steps):
            left = itertools.count()

            def iterate(self):
                if next(left) == steps:
                    raise RuntimeError("killed")
                real(self)

            return iterate

        for steps in (5, 2):  # the first loses what came after a state
            monkeypatch.setattr(work_module.Work, "iterate", breaks_at(steps))
            with pytest.raises(RuntimeError, match="killed"):
                train(tmp_path, folders)
        monkeypatch.setattr(work_module.Work, "iterate", real)
        again = train(tmp_path, folders)
        assert again.reason == "trained"
        assert read_lines(again.run / "stats.jsonl")[-1]["Progress/nimg"] == 56
        first, second = read_own(trained.model), read_own(again.model)
        for name, held in first.named_parameters():
            assert torch.equal(held, second.get_parameter(name)), name
        quick = {"crops_per_s"}
        assert {k: v for k, v in again.figures.items() if k not in quick} == {
            k: v for k, v in trained.figures.items() if k not in quick
        }

    def test_another_seed_is_another_run(self, done, folders):
        trained, root = done
        other = train(root, folders, seed=4, epochs=0.5)
        assert other.run != trained.run
        assert not torch.equal(
            read_own(other.model).convolution("conv1_1").weight,
            read_own(trained.run / "perception.safetensors").convolution("conv1_1").weight,
        )

    def test_a_dry_run_writes_nothing(self, folders, workspace):
        plan = train(workspace, folders, dry_run=True, minutes=5.0, epochs=None)
        assert isinstance(plan, PerceptionEstimate)
        assert (plan.pictures, plan.kinds, plan.unlabelled) == (16, 2, 4)
        assert plan.seconds == pytest.approx(300, rel=0.01)
        assert not list((workspace / "runs").iterdir())

    def test_running_apart_stops_it(self, folders, workspace):
        with pytest.raises(RunError, match="run apart"):
            train(workspace, folders, learning_rate=1e30)
        assert not (workspace / "models" / "perception.safetensors").exists()

    def test_more_sources_than_folders(self, folders, workspace):
        with pytest.raises(UsageError, match="2 sources for 1 folders"):
            train_perception(workspace, pictures=[folders[0]], sources=["a", "b"], **QUICK)


def test_a_probe_tells_stripes_apart(album):
    torch.manual_seed(0)
    student = Student(2).eval()
    assert probe_accuracy(student.folded(), album, 32) == 1.0
    found = held_out_accuracy(student, album, 32)
    assert set(found) == {"held_out_top1", "held_out_top5"}
    assert found["held_out_top5"] == 1.0
