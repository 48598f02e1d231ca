"""Films through the seeds: which frames they hold, and when they are made anew."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from support.generators import write_generator

import stylegan_ext
from artstyle import files, images
from artstyle.errors import UsageError, VideoError
from artstyle.events import Progress
from artstyle.pipeline.generate import Settings, find_models, interpolate
from artstyle.pipeline.generate import film as film_module
from artstyle.pipeline.generate.frames import FilmPlan, frames_of
from artstyle.pipeline.generate.models import variants
from artstyle.pipeline.generate.record import read_works
from stylegan_ext.latents import seed_latents
from stylegan_ext.networks.mapping import truncate


@pytest.fixture
def models(workspace: Path):
    for seed, name in enumerate(("base", "style")):
        write_generator(workspace / "models" / f"{name}.safetensors", seed=seed)
    return find_models(["base", "style"], workspace)


def frames(models, **more) -> list[np.ndarray]:
    settings = more.pop("settings", Settings())
    psis = more.pop("psis", (1.0,))
    columns = variants(models, None, psis)
    plan = FilmPlan(
        **{
            "variants": columns,
            "seeds": (3, 7),
            "way": "spline",
            "frames_per_key": 4,
            "fps": 10,
            "columns": len(columns),
            "side_px": 16,
            "enlarge": "lanczos",
            **more,
        }
    )
    return list(frames_of(plan, settings, lambda _: None))


def picture(path: Path, z: torch.Tensor, psi: float = 1) -> np.ndarray:
    return images.from_tensor(stylegan_ext.load(path)(z, None, psi))


@pytest.mark.parametrize("way", ["spline", "linear", "slerp"])
@pytest.mark.parametrize("psi", [1, 0.5])
def test_the_seeds_pictures_are_frames_of_the_film(models, way, psi):
    shown = frames(models[:1], way=way, psis=(psi,))
    assert len(shown) == 8
    for seed, at in ((3, 0), (7, 4)):
        expected = picture(models[0].path, seed_latents([seed], 8), psi)
        assert np.abs(shown[at].astype(int) - expected).max() <= 1
    assert not np.array_equal(shown[2], shown[0])


def test_linear_goes_through_the_middle_of_w_and_slerp_of_z(models):
    generator = stylegan_ext.load(models[0].path)
    z = seed_latents([3, 7], 8)
    middle = truncate(generator.mapping(z).mean(dim=0, keepdim=True), generator.mapping.w_avg, 1)
    expected = images.from_tensor(generator.synthesis(middle))
    shown = frames(models[:1], way="linear")[2]
    assert np.abs(shown.astype(int) - expected).max() <= 1
    bisector = (z / z.norm(dim=1, keepdim=True)).mean(dim=0, keepdim=True)
    shown = frames(models[:1], way="slerp")[2]
    assert np.abs(shown.astype(int) - picture(models[0].path, bisector)).max() <= 1


def test_the_film_closes_and_moves_evenly_over_the_seam(models):
    shown = frames(models[:1], seeds=(1, 2, 3), frames_per_key=10)
    steps = [
        np.abs(shown[at].astype(int) - shown[at - 1]).mean() for at in range(len(shown))
    ]  # the first is the step over the seam
    assert 0 < steps[0] < 2 * np.mean(steps)


def test_models_play_side_by_side_and_wrap(models):
    one = frames(models[:1])
    both = frames(models)
    assert both[0].shape == (16, 32, 3)
    assert np.array_equal(both[3][:, :16], one[3])
    assert not np.array_equal(both[3][:, 16:], one[3])
    three = frames(models, psis=(1.0, 0.5), columns=3)
    assert three[0].shape == (32, 48, 3)
    assert np.array_equal(three[3][:16, :16], one[3])
    assert (three[0][16:, 16:] == 255).all()


def test_frames_are_the_same_at_any_batch_size_and_enlarged_as_wished(models):
    for noise in ("const", "random"):
        single = frames(models[:1], settings=Settings(batch=1, noise_mode=noise))
        several = frames(models[:1], settings=Settings(batch=3, noise_mode=noise))
        assert all(map(np.array_equal, single, several))
    plain, crisp = frames(models[:1])[1], frames(models[:1], side_px=32, enlarge="nearest")[1]
    assert np.array_equal(crisp[::2, ::2], plain)
    smooth = frames(models[:1], side_px=32)[1]
    assert np.array_equal(smooth, images.resize_lanczos(plain, 32, 32))


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_pictures_become_rgb(tmp_path, channels):
    path = write_generator(tmp_path / "m.safetensors", channels=channels)
    shown = frames(find_models([path], tmp_path))
    assert shown[0].shape == (16, 16, 3)
    pixels = picture(path, seed_latents([3], 8))
    if channels == 1:
        assert np.array_equal(shown[0], pixels.repeat(3, axis=2))
    else:
        assert (shown[0][pixels[..., 3] == 0] == 255).all()


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_film_is_written_and_recorded(models, tmp_path, suffix):
    file = tmp_path / "out" / f"loop{suffix}"
    seen = []
    film = interpolate(
        models,
        [3, 7],
        out=tmp_path / "out",
        file=file,
        frames_per_key=4,
        fps=10,
        side_px=32,
        emit=seen.append,
    )
    assert (film.frames, film.duration_s, film.size_px, film.is_new) == (8, 0.8, (64, 32), True)
    with av.open(str(file)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(decoded) == 8
    assert decoded[0].shape == (32, 64, 3)
    steps = [one.done for one in seen if isinstance(one, Progress)]
    assert steps == list(range(1, 9))
    work = read_works(tmp_path / "out")[f"film loop{suffix}"]
    (entry,) = work["files"]
    assert entry["file"] == f"loop{suffix}"
    assert entry["sha256"] == files.sha256_of(file)
    assert [card["name"] for card in work["models"]] == ["base", "style"]
    assert work["asked"]["seeds"] == [3, 7]


def test_a_film_that_is_there_stays_and_another_one_is_made(models, tmp_path, monkeypatch):
    file = tmp_path / "loop.gif"

    def make(**more):
        how = {"frames_per_key": 2, "side_px": 16, "fps": 10, **more}
        return interpolate(models[:1], [3, 7], out=tmp_path / "out", file=file, **how)

    assert make(dry_run=True).is_new
    assert not file.exists()
    assert make().is_new
    before = file.read_bytes(), file.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(film_module, "frames_of", lambda *_: pytest.fail("frames were drawn"))
        assert not make().is_new
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert str(file.absolute()) in read_works(tmp_path / "out")[f"film {file}"]["files"][0]["file"]
    for change in ({"way": "linear"}, {"fps": 5}, {"truncation_psis": (0.5,)}, {"side_px": 32}):
        assert make(**change).is_new
    make()
    assert file.read_bytes() == before[0]
    file.write_bytes(b"?")
    assert make().is_new
    assert file.read_bytes() == before[0]


def test_small_pictures_are_enlarged_and_many_variants_wrapped(models, tmp_path):
    def size(psis, **more):
        how = {"out": tmp_path, "file": tmp_path / "a.mp4", "dry_run": True, **more}
        return interpolate(models, [0], truncation_psis=psis, **how).size_px

    assert size((1,)) == (512, 256)
    assert size((1, 0.5)) == (1024, 256)
    assert size((1, 0.5, 0.3)) == (3 * 256, 2 * 256)
    assert size((1, 0.5), columns=2) == (512, 512)
    assert size((1,), columns=9, side_px=100) == (200, 100)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file": Path("a.avi")}, ".mp4, .webm, .gif, and a.avi ends in .avi"),
        ({"file": Path("film")}, "film ends in nothing"),
        ({"frames_per_key": 0}, "0 frames from seed to seed"),
        ({"fps": 0}, "0 frames a second"),
        ({"fps": float("nan")}, "nan frames a second"),
        ({"side_px": 4000}, "8000 x 4000 pixels is too large"),
        ({"columns": 0}, "0 columns"),
    ],
)
def test_what_is_no_film_is_refused_before_anything_is_written(models, tmp_path, change, words):
    how = {"file": tmp_path / "out" / "a.mp4", **change}
    with pytest.raises(UsageError) as caught:
        interpolate(models, [0, 1], out=tmp_path / "out", **how)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_film_that_cannot_be_written_leaves_nothing(models, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(VideoError, match="cannot write"):
        interpolate(
            models[:1], [0], out=tmp_path / "out", file=tmp_path / "file" / "a.gif", side_px=16
        )
    assert not (tmp_path / "out" / "generate.json").exists()
