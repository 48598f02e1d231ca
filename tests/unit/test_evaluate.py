"""Evaluating models: features kept, figures named right, work taken up again, pictures drawn."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.generators import write_generator

import stylegan_ext
from artstyle.corpus.read import read_corpus
from artstyle.errors import (
    CorpusError,
    ImageError,
    MeasureError,
    RunError,
    UsageError,
    WeightsError,
)
from artstyle.events import Note
from artstyle.images import read_rgb, write_png
from artstyle.locks import LockTimeoutError, locked
from artstyle.metrics.frechet import frechet_of_features
from artstyle.metrics.scatter import ScatterSpace
from artstyle.metrics.space import measure_name
from artstyle.pipeline.evaluate import (
    Judge,
    Settings,
    choose_space,
    evaluate,
    metric_of,
    model_target,
    nearest_training,
    newest_run,
    open_pictures,
    read_run,
    snapshot_targets,
)
from artstyle.pipeline.evaluate import features as features_module
from artstyle.pipeline.evaluate.dlib_space import CHIP_PX, face_chip
from artstyle.pipeline.evaluate.features import cache_folder, features_of, key_of, tidy
from artstyle.pipeline.evaluate.measure import Measure, check_metrics, lines_of, measure
from artstyle.pipeline.evaluate.pictures import DrawnPictures, classes_of
from artstyle.pipeline.evaluate.record import MEASURED, Row, csv_of
from artstyle.pipeline.evaluate.targets import spread_evenly
from artstyle.recipes.training import TrainingRecipe
from artstyle.report.evaluate_plot import curves, plot_fid
from artstyle.runs import run_for
from artstyle.workspace import Workspace

QUICK = Settings(metrics=("kid", "fid", "nn"), samples=24)
PART = 16


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_module, "PART", PART)


class Counting(ScatterSpace):
    """Counts the pictures it is asked about, and can break off."""

    def __init__(self, break_after: int | None = None) -> None:
        super().__init__()
        self.seen, self.break_after = 0, break_after

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        if self.break_after is not None and self.seen >= self.break_after:
            raise KeyboardInterrupt
        self.seen += len(pictures)
        return super().__call__(pictures)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder with a dataset of 30 pictures in three classes."""
    return write_dataset(tmp_path / "dataset", 30)


def write_dataset(folder: Path, count: int, *, side: int = 16) -> Path:
    rng = np.random.default_rng(0)
    labels = []
    for index in range(count):
        flat = rng.integers(0, 256, 3) + rng.integers(-20, 20, (side, side, 3))
        write_png(folder / f"img{index:04d}.png", flat.clip(0, 255).astype(np.uint8))
        labels.append([f"img{index:04d}.png", index % 3])
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}), encoding="utf-8")
    return folder


@pytest.fixture
def run(workspace: Path, dataset: Path) -> Path:
    """A run of style toon with snapshots of three generators."""
    recipe = TrainingRecipe(style="toon")
    names = dataset / "dataset.json"
    made = run_for(workspace / "runs", "toon", recipe, command=["x"], inputs={"names": names})
    info = json.loads((made.folder / "run.json").read_text(encoding="utf-8"))
    info["inputs"] = {"dataset": {"path": str(dataset)}}
    (made.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
    for kimg in (0, 5, 12):
        write_generator(made.folder / f"network-snapshot-{kimg:06d}.safetensors", seed=kimg)
    return made.folder


def drawn(path: Path, count: int = 20, **how) -> DrawnPictures:
    generator = stylegan_ext.load(path, "G_ema")
    return DrawnPictures("model", generator, sha256="abc", count=count, **how)


class TestPictures:
    def test_a_dataset_a_folder_and_grey(self, dataset, tmp_path):
        corpus = open_pictures(dataset)
        assert len(corpus) == 30
        assert corpus.identity.startswith("dataset ")
        mixed = tmp_path / "mixed"
        write_png(mixed / "a.png", np.full((5, 9), 77, np.uint8))
        write_png(mixed / "b.png", np.zeros((3, 3, 4), np.uint8))
        (mixed / "c.png").write_bytes(b"no picture")
        heard: list[Note] = []
        folder = open_pictures(mixed, emit=heard.append)
        assert [picture.shape for picture in folder.read(0, 9)] == [(5, 9, 3), (3, 3, 3)]
        assert folder.read(1, 2)[0].min() == 255  # transparent, over white
        assert "1 files" in heard[0].text
        assert "c.png" in heard[0].text
        before = folder.identity
        write_png(mixed / "a.png", np.full((5, 9), 78, np.uint8))
        assert open_pictures(mixed).identity != before

    def test_nothing_to_look_at(self, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(CorpusError, match="no pictures"):
            open_pictures(tmp_path / "empty")

    def test_samples_are_the_same_in_whatever_part(self, tmp_path):
        pictures = drawn(write_generator(tmp_path / "g.safetensors"), count=8)
        whole = pictures.read(0, 8)
        assert whole[0].shape == (16, 16, 3)
        parts = [*pictures.read(0, 3), *pictures.read(3, 99)]
        assert all((one == two).all() for one, two in zip(whole, parts, strict=True))
        assert not (whole[0] == whole[1]).all()

    def test_truncation_and_model_make_another_set_and_the_number_does_not(self, tmp_path):
        path = write_generator(tmp_path / "g.safetensors")
        plain, fewer = drawn(path), drawn(path, count=5)
        half = drawn(path, psi=0.5)
        assert plain.identity == fewer.identity != half.identity
        assert not (plain.read(0, 1)[0] == half.read(0, 1)[0]).all()
        spread = [np.std([p.astype(float) for p in s.read(0, 20)], axis=0).mean() for s in
                  (plain, drawn(path, psi=0.0))]  # fmt: skip
        assert spread[1] < 0.8 * spread[0]  # noise is left, the latents are one

    def test_classes_come_as_often_as_in_the_dataset(self, tmp_path, dataset):
        path = write_generator(tmp_path / "g.safetensors", c_dim=3)
        labels = np.array([0] * 9 + [2])
        pictures = drawn(path, count=1, labels=labels)
        found = [pictures.class_of(seed) for seed in range(400)]
        assert 330 < found.count(0) < 385
        assert found.count(1) == 0
        assert drawn(path).class_of(5) in (0, 1, 2)
        reference = open_pictures(dataset)
        assert classes_of(reference, 0) is None
        assert np.bincount(classes_of(reference, 3)).tolist() == [10, 10, 10]
        with pytest.raises(CorpusError, match="class 2, the model only 2 classes"):
            classes_of(reference, 2)


class TestFeatures:
    def test_are_kept_by_part_and_more_samples_cost_only_the_rest(self, tmp_path):
        path, cache = write_generator(tmp_path / "g.safetensors"), tmp_path / "cache"
        space = Counting()
        few = features_of(drawn(path, count=PART + 5), space, cache=cache)
        assert space.seen == PART + 5
        again = features_of(drawn(path, count=PART + 5), space, cache=cache)
        assert space.seen == PART + 5
        assert (again == few).all()
        more = features_of(drawn(path, count=PART + 9), space, cache=cache)
        assert space.seen == PART + 5 + 9
        assert (more[: PART + 5] == few).all()
        fewer = features_of(drawn(path, count=7), space, cache=cache)
        assert space.seen == PART + 5 + 9
        assert (fewer == few[:7]).all()

    def test_a_broken_off_command_goes_on(self, tmp_path, dataset):
        big = write_dataset(tmp_path / "big", PART + 8)
        pictures, cache = open_pictures(big), tmp_path / "cache"
        with pytest.raises(KeyboardInterrupt):
            features_of(pictures, Counting(break_after=1), cache=cache)
        space = Counting()
        found = features_of(pictures, space, cache=cache)
        assert space.seen == 8
        assert (found == features_of(pictures, ScatterSpace())).all()

    @pytest.mark.parametrize("damage", [b"", b"junk", None])
    def test_damaged_parts_are_computed_anew_and_told_of(self, tmp_path, dataset, damage):
        pictures, cache, space = open_pictures(dataset), tmp_path / "cache", Counting()
        expected = features_of(pictures, space, cache=cache)
        part = max(cache.glob("*/*.npy"))
        if damage is None:
            np.save(part, np.full((14, space.dim), np.nan, np.float32))
        else:
            part.write_bytes(damage)
        heard: list[object] = []
        found = features_of(pictures, space, cache=cache, emit=heard.append)
        assert (found == expected).all()
        assert space.seen == 30 + 14
        assert any(isinstance(event, Note) and event.level == "warning" for event in heard)

    def test_other_spaces_and_pictures_have_other_places(self, dataset, tmp_path):
        pictures, space = open_pictures(dataset), ScatterSpace()
        other = ScatterSpace()
        other.identity = "scatter 2"
        assert key_of(pictures, space) != key_of(pictures, other)
        write_png(dataset / "img0000.png", np.zeros((16, 16, 3), np.uint8))
        assert key_of(pictures, space) != key_of(open_pictures(dataset), space)

    def test_what_was_not_used_for_longest_goes(self, tmp_path):
        import os

        for number in range(3):
            folder = tmp_path / f"space-{number}"
            folder.mkdir()
            (folder / "00000000.npy").write_bytes(b"x" * 100)
            os.utime(folder, (1000 + number, 1000 + number))
        assert tidy(tmp_path, most_bytes=250) == 100
        assert sorted(one.name for one in tmp_path.iterdir()) == ["space-1", "space-2"]
        assert tidy(tmp_path / "nowhere") == 0

    def test_a_generator_that_diverged_is_named(self, tmp_path):
        path = write_generator(tmp_path / "g.safetensors")
        pictures = drawn(path)
        with torch.no_grad():
            pictures.generator.synthesis.b16.torgb.bias.fill_(torch.nan)
        with pytest.raises(ImageError, match=r"model: .* not finite"):
            features_of(pictures, ScatterSpace())


class TestMeasures:
    def test_only_inceptions_figures_are_called_fid(self):
        space = ScatterSpace()
        assert measure_name("fid", space) == "fd_scatter"
        assert measure_name("kid", space) == "kd_scatter"
        assert measure_name("fid_inf", space) == "fd_scatter_inf"
        assert measure_name("precision", space) == "precision_scatter"
        space.name = "inception"
        assert measure_name("fid_inf", space) == "fid_inf"

    def test_few_pictures_give_no_bare_frechet_distance(self):
        rng = np.random.default_rng(0)
        reals, fakes = rng.standard_normal((60, 240)), rng.standard_normal((2048, 240))
        found = measure(reals, fakes, ScatterSpace(), ("fid", "kid"))
        assert [one.name for one in found] == ["kd_scatter", "fd_scatter"]  # the kernel leads
        assert found[1].note == "too large, by an unknown amount: only 60 reals"
        assert found[1].value == pytest.approx(frechet_of_features(reals, fakes))
        assert found[0].low < found[0].value < found[0].high
        assert "too large" in lines_of(found)[1]
        enough = measure(fakes, fakes[::-1], ScatterSpace(), ("fid",))
        assert enough[0].note == ""

    def test_copies_are_found(self):
        rng = np.random.default_rng(0)
        reals = rng.standard_normal((200, 6)).astype(np.float32)
        fakes = np.concatenate([reals[:30] + 1e-4, rng.standard_normal((70, 6))])
        (found,) = measure(reals, fakes.astype(np.float32), ScatterSpace(), ("nn",))
        assert found.name == "copies_scatter"
        assert 0.3 <= found.value <= 0.36

    def test_wrong_metrics(self):
        with pytest.raises(UsageError, match="no metric 'fdi'"):
            check_metrics(["kid", "fdi"])
        with pytest.raises(UsageError, match="needs Inception's weights"):
            check_metrics(["is"], ScatterSpace())
        with pytest.raises(MeasureError, match="too few to measure"):
            measure(np.zeros((3, 4)), np.zeros((9, 4)), ScatterSpace())

    def test_the_line_to_infinity_is_offered_and_taken(self, tmp_path, dataset):
        target = model_target(str(write_generator(tmp_path / "g.safetensors")), tmp_path)
        done = evaluate([target], open_pictures(dataset), ScatterSpace(), QUICK)
        assert any("--metric fid_inf --samples 960" in line for line in done.advice)
        rng = np.random.default_rng(0)
        reals, fakes = rng.standard_normal((30, 240)), rng.standard_normal((960, 240))
        (found,) = measure(reals, fakes, ScatterSpace(), ("fid_inf",))
        assert found.name == "fd_scatter_inf"
        assert found.note == "from 480 to 960 fakes; still too large for 30 reals"


class TestRuns:
    def test_all_snapshots_are_measured_once(self, run, workspace, tmp_path):
        targets = snapshot_targets(read_run(run), workspace)
        assert [target.kimg for target in targets] == [0, 5, 12]
        reference, space, out = open_pictures(read_run(run).dataset), Counting(), tmp_path / "out"
        done = evaluate(targets, reference, space, QUICK, out=out)
        assert (done.measured, done.kept) == (9, 0)
        assert space.seen == 30 + 3 * 24
        values = [row.value("kd_scatter") for row in done.rows]
        assert done.best is targets[int(np.argmin(values))]
        tables = {file: (out / file).read_bytes() for file in ("table.csv", "table.json")}
        again = evaluate(targets, reference, space, QUICK, out=out)
        assert (again.measured, again.kept, again.rows) == (0, 9, done.rows)
        assert space.seen == 30 + 3 * 24
        assert all((out / file).read_bytes() == data for file, data in tables.items())
        table = list(csv.DictReader(tables["table.csv"].decode().splitlines()))
        assert [line["kimg"] for line in table] == ["0", "5", "12"]
        assert float(table[1]["kd_scatter"]) == values[1]
        assert json.loads(tables["table.json"])["by"] == "kd_scatter"

    def test_another_metric_needs_no_new_pictures(self, run, workspace, tmp_path):
        targets = snapshot_targets(read_run(run), workspace)
        reference, space, out = open_pictures(read_run(run).dataset), Counting(), tmp_path / "out"
        evaluate(targets, reference, space, QUICK, out=out)
        more = Settings(metrics=("kid", "fid", "nn", "dc"), samples=24)
        done = evaluate(targets, reference, space, more, out=out)
        assert (done.measured, done.kept) == (3, 9)
        assert space.seen == 30 + 3 * 24

    @pytest.mark.parametrize("after", [1, 30, 60])
    def test_a_killed_command_ends_as_an_undisturbed_one(
        self, run, workspace, tmp_path, after, monkeypatch
    ):
        targets = snapshot_targets(read_run(run), workspace)
        reference = open_pictures(read_run(run).dataset)
        expected = evaluate(targets, reference, Counting(), QUICK, out=tmp_path / "whole")
        monkeypatch.setenv("ARTSTYLE_HOME", str(tmp_path / "fresh"))
        out = tmp_path / "out"
        with pytest.raises(KeyboardInterrupt):
            evaluate(targets, reference, Counting(break_after=after), QUICK, out=out)
        if (out / MEASURED).exists():  # a kill in the middle of a line
            with (out / MEASURED).open("ab") as stream:
                stream.write(b'{"key": "0123')
        done = evaluate(targets, reference, Counting(), QUICK, out=out)
        assert done.rows == expected.rows
        for name in ("table.csv", "table.json"):
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert not [path for path in out.rglob("*") if path.name.endswith(".part")]
        assert evaluate(targets, reference, Counting(), QUICK, out=out).kept == 9

    def test_changed_pictures_are_measured_again(self, run, workspace, tmp_path):
        targets = snapshot_targets(read_run(run), workspace, most=1)
        assert [target.kimg for target in targets] == [12]
        folder, out = read_run(run).dataset, tmp_path / "out"
        before = evaluate(targets, open_pictures(folder), ScatterSpace(), QUICK, out=out)
        write_png(folder / "img0003.png", np.zeros((16, 16, 3), np.uint8))
        after = evaluate(targets, open_pictures(folder), ScatterSpace(), QUICK, out=out)
        assert after.measured == 3
        assert after.rows != before.rows

    def test_truncation_is_compared_for_the_best(self, run, workspace):
        targets = snapshot_targets(read_run(run), workspace)
        settings = Settings(metrics=("kid",), samples=24, psis=(1.0, 0.5))
        done = evaluate(targets, open_pictures(read_run(run).dataset), ScatterSpace(), settings)
        assert [row.psi for row in done.rows] == [1, 1, 1, 0.5]
        assert done.rows[3].target == done.best.name

    def test_a_dry_run_writes_and_computes_nothing(self, run, workspace, tmp_path):
        targets, space = snapshot_targets(read_run(run), workspace), Counting()
        reference = open_pictures(read_run(run).dataset)
        done = evaluate(targets, reference, space, QUICK, out=tmp_path / "out", dry_run=True)
        assert (done.measured, done.kept, space.seen) == (9, 0, 0)
        assert not (tmp_path / "out").exists()
        assert not cache_folder().exists()

    def test_two_at_once_do_not_write_into_each_other(self, run, workspace, tmp_path):
        targets = snapshot_targets(read_run(run), workspace)
        reference, out = open_pictures(read_run(run).dataset), tmp_path / "out"
        out.mkdir()
        with locked(out / ".lock", wait_s=0), pytest.raises(LockTimeoutError):
            evaluate(targets, reference, ScatterSpace(), QUICK, out=out)

    def test_pictures_of_another_size_are_warned_of(self, run, workspace, tmp_path):
        small = open_pictures(write_dataset(tmp_path / "small", 20, side=8))
        heard: list[object] = []
        targets = snapshot_targets(read_run(run), workspace, most=1)
        evaluate(targets, small, ScatterSpace(), QUICK, emit=heard.append)
        warned = [event.text for event in heard if isinstance(event, Note)]
        assert any("8 px, the model draws 16 px" in text for text in warned)

    def test_finding_runs(self, run, workspace, tmp_path):
        found = newest_run(Workspace(workspace), "toon")
        assert found.folder == run
        assert found.style == "toon"
        with pytest.raises(RunError, match="no run of ghibli"):
            newest_run(Workspace(workspace), "ghibli")
        for path in run.glob("*.safetensors"):
            path.unlink()
        with pytest.raises(RunError, match="no snapshots yet"):
            read_run(run)
        with pytest.raises(RunError, match="no run"):
            read_run(tmp_path)

    def test_spreading(self):
        items = [(number, Path()) for number in range(10)]
        assert [one for one, _ in spread_evenly(items, 3)] == [2, 6, 9]
        assert [one for one, _ in spread_evenly(items, 1)] == [9]
        assert len(spread_evenly(items, 99)) == 10


class TestQuick:
    def test_the_same_generator_gives_the_same_figure(self, tmp_path, dataset):
        generator = stylegan_ext.load(write_generator(tmp_path / "g.safetensors"), "G_ema")
        judge = Judge(open_pictures(dataset), ScatterSpace(), samples=20)
        generator.train()
        torch.manual_seed(1)
        state = torch.random.get_rng_state()
        first = judge(generator)
        assert generator.training
        assert torch.equal(torch.random.get_rng_state(), state)
        assert judge(generator) == first
        corpus = read_corpus(dataset)
        assert metric_of(generator, corpus, space=ScatterSpace(), samples=20) == first
        assert judge.name == "kd_scatter"

    def test_nearer_pictures_give_a_lower_figure(self, tmp_path):
        path = write_generator(tmp_path / "g.safetensors")
        own = tmp_path / "own"
        for number, picture in enumerate(drawn(path, count=40).read(20, 40)):
            write_png(own / f"{number:03d}.png", picture)
        far = write_dataset(tmp_path / "far", 20)
        generator = stylegan_ext.load(path, "G_ema")
        near_figure, far_figure = (
            Judge(open_pictures(folder), ScatterSpace(), samples=20)(generator)
            for folder in (own, far)
        )
        assert near_figure < 0.3 * far_figure


class TestSpaces:
    def test_without_inception_the_next_best_is_named(self, monkeypatch):
        from artstyle.pipeline.evaluate import spaces

        monkeypatch.setattr(spaces, "dlib_lack", lambda: WeightsError("missing"))
        assert choose_space("auto").name == "own"
        monkeypatch.setattr(spaces, "own_file", lambda: None)
        heard: list[Note] = []
        space = choose_space("auto", emit=heard.append)
        assert space.name == "scatter"
        assert "nothing is called FID" in heard[0].text
        with pytest.raises(WeightsError, match="inception-fid is not on this machine"):
            choose_space("inception")
        with pytest.raises(UsageError, match="no space 'vgg'"):
            choose_space("vgg")

    def test_the_chip_is_the_middle_of_the_face(self):
        picture = np.zeros((200, 200, 3), np.uint8)
        picture[51:191, 30:170] = 255  # what lies around the chip's square stays black
        chip = face_chip(picture)
        assert chip.shape == (CHIP_PX, CHIP_PX, 3)
        assert chip.min() > 200
        assert face_chip(picture[20:, 20:]).min() == 0  # the square moves with the picture

    @pytest.mark.shared
    def test_dlib_sees_the_same_person_in_the_fixed_square(self, shared_dir):
        from artstyle.faces import dlib as faces
        from artstyle.faces.align import align

        if faces.lack() is not None:
            pytest.skip("dlib or its models are not installed")
        space, apart, alike = choose_space("dlib"), [], []
        people = sorted((shared_dir / "data/people/civilservice").glob("*.jpg"))[:4]
        found = []
        for path in people:
            rgb = read_rgb(path).rgb
            (face,) = faces.hog().detect(rgb)[:1]
            crop = align(rgb, face.points_px, face.kind, 128).crop.rgb
            found.append((faces.descriptor(rgb, face), space([crop])[0] / 128**0.5))
        for number, (careful, fixed) in enumerate(found):
            alike.append(np.linalg.norm(careful - fixed))
            apart += [np.linalg.norm(careful - other) for other, _ in found[number + 1 :]]
        assert max(alike) < 0.4  # dlib's bound for one person is 0.6
        assert max(alike) < min(apart)


class TestReports:
    def rows(self) -> list[Row]:
        made = []
        for style, kimg, value in (("a", 5, 2.0), ("a", 0, 3.0), ("b", 0, 4.0), ("", None, 9.0)):
            one = Measure("kid", value, value - 1, value + 1)
            made.append(Row("x", style, kimg, 1.0, 9, 9, (one, Measure("fid", 7.0, note="n"))))
        return [*made, Row("x", "a", 5, 0.5, 9, 9, (Measure("kid", 0.1),))]

    def test_a_line_for_each_style(self):
        assert curves(self.rows(), "kid") == {
            "a": [(0, 3.0, 2.0, 4.0), (5, 2.0, 1.0, 3.0)],
            "b": [(0, 4.0, 3.0, 5.0)],
        }

    def test_the_plot_is_a_picture_and_the_same_each_time(self, tmp_path):
        first = plot_fid(self.rows(), "kid", tmp_path / "a.png", subtitle="of a test")
        second = plot_fid(self.rows(), "kid", tmp_path / "b.png", subtitle="of a test")
        assert first.read_bytes() == second.read_bytes()
        picture = read_rgb(first).rgb
        assert picture.shape == (675, 1200, 3)
        blue = np.abs(picture.astype(int) - (0x00, 0x72, 0xB2)).sum(axis=2) < 30
        assert blue.sum() > 300  # the first line is drawn
        assert plot_fid(self.rows(), "is", tmp_path / "c.png") is None
        assert not (tmp_path / "c.png").exists()

    def test_csv_has_a_column_for_each_end_of_an_interval(self):
        lines = csv_of(self.rows()).splitlines()
        assert lines[0].endswith("kid,kid_low,kid_high,fid")
        assert lines[1] == "x,a,5,1.0,9,9,2.0,1.0,3.0,7.0"
        assert lines[5] == "x,a,5,0.5,9,9,0.1,,,"

    def test_neighbours_show_what_was_learned_by_heart(self, tmp_path):
        path = write_generator(tmp_path / "g.safetensors")
        learned = tmp_path / "learned"
        write_dataset(learned, 12)
        (learned / "dataset.json").unlink()
        write_png(learned / "zz.png", drawn(path, count=20).read(13, 14)[0])
        target = model_target(str(path), tmp_path)
        found = nearest_training(
            target, open_pictures(learned), ScatterSpace(), QUICK, first=2, closest=1, k=3
        )
        assert len(found.samples) == 3
        assert found.distances.shape == (3, 3)
        assert (found.samples[2] == found.nearest[2][0]).all()  # seed 13, and its copy
        assert found.distances[2, 0] == pytest.approx(0, abs=1e-5)
        assert found.distances[0, 0] > 0.1
