"""`artstyle stylize gatys` and `texture` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle.files import sha256_of
from artstyle.images import read_rgb
from artstyle.pipeline.stylize import faces as faces_module
from artstyle.pipeline.stylize import gatys as gatys_module
from artstyle.pipeline.stylize.state import State

REPOSITORY = Path(__file__).resolve().parents[2]
ASTRONAUT = REPOSITORY / "artstyle" / "starter" / "photos" / "astronaut.jpg"
QUICK = ["--perception", "random", "--device", "cpu", "--size", "48", "--coarsest", "32"]
QUICK += ["--steps", "1", "--first-steps", "2", "--iterations", "2"]


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[str, str]:
    """A photo of 60 x 40 px and a painting."""
    dice = np.random.default_rng(0)
    smooth = Image.fromarray(dice.integers(0, 255, (5, 7, 3), dtype=np.uint8))
    photo, painting = tmp_path / "photo.png", tmp_path / "night.png"
    smooth.resize((60, 40), Image.Resampling.BICUBIC).save(photo)
    Image.fromarray(dice.integers(0, 255, (50, 64, 3), dtype=np.uint8)).save(painting)
    return str(photo), str(painting)


@pytest.fixture
def gatys(cli, pictures):
    def call(*words: str, out: str):
        return cli("stylize", "gatys", *pictures, "--out", out, *QUICK, *words)

    return call


def test_a_picture_and_its_record(gatys, tmp_path, pictures):
    out = tmp_path / "out" / "styled.png"
    outcome = gatys("--json", out=str(out))
    assert outcome.exit_code == 0, outcome.stderr
    record = json.loads(out.with_suffix(".json").read_text())
    assert read_rgb(out).rgb.shape == (32, 48, 3)
    assert record["perception"] == "random filters, seed 0"
    assert record["file"]["sha256"] == sha256_of(out)
    assert [one["role"] for one in record["inputs"]] == ["content", "style"]
    assert [one["sha256"] for one in record["inputs"]] == [sha256_of(Path(one)) for one in pictures]
    assert record["seconds"] > 0
    wanted = {f"style conv{n}_1" for n in range(1, 6)}
    wanted |= {"range", "tv", "content conv3_2", "content conv4_2"}
    assert set(record["losses"]) == wanted
    assert any("random filters" in line for line in record["deviations"])
    assert record["settings"]["style_weight"] > 0
    data = outcome.json()
    assert data["out"] == str(out)
    assert data["losses"] == record["losses"]
    assert not list(tmp_path.glob("out/.*"))  # no state is left


def test_a_finished_command_does_nothing(gatys, tmp_path):
    out = tmp_path / "styled.png"
    assert gatys(out=str(out)).exit_code == 0
    before = out.stat().st_mtime_ns
    again = gatys(out=str(out))
    assert "was done" in again.stdout
    assert out.stat().st_mtime_ns == before
    other = gatys("--style-weight", "7", out=str(out))
    assert other.exit_code == 0
    assert "was done" not in other.stdout
    assert out.stat().st_mtime_ns != before


def test_a_command_that_was_broken_off_goes_on(gatys, tmp_path, monkeypatch):
    undisturbed, out = tmp_path / "a.png", tmp_path / "b.png"
    assert gatys("--size", "72", out=str(undisturbed)).exit_code == 0

    def killed(self, begun):
        keep(self, begun)
        raise KeyboardInterrupt

    keep = State.keep
    monkeypatch.setattr(State, "keep", killed)
    assert gatys("--size", "72", out=str(out)).exit_code == 130
    monkeypatch.undo()
    assert not out.exists()
    assert (tmp_path / ".b.state.safetensors").is_file()
    outcome = gatys("--size", "72", out=str(out))
    assert outcome.exit_code == 0
    assert "goes on after 48x32 px" in outcome.stderr
    assert out.read_bytes() == undisturbed.read_bytes()
    assert not (tmp_path / ".b.state.safetensors").exists()


def test_a_damaged_state_is_told_and_left_aside(gatys, tmp_path):
    (tmp_path / ".b.state.safetensors").write_bytes(b"nothing of ours")
    outcome = gatys(out=str(tmp_path / "b.png"))
    assert outcome.exit_code == 0
    assert "damaged" in outcome.stderr


def test_a_dry_run_says_how_long_and_writes_nothing(gatys, tmp_path):
    out = tmp_path / "styled.png"
    outcome = gatys("--dry-run", "--json", out=str(out))
    data = outcome.json()
    assert data["estimate"]["evaluations"] == 4
    assert data["estimate"]["seconds"] >= 0
    assert (data["width_px"], data["height_px"]) == (48, 32)
    assert not out.exists()
    assert "would draw" in gatys("--dry-run", out=str(out)).stdout


def test_a_folder_gets_a_name_from_both_pictures(gatys, tmp_path):
    assert gatys(out=str(tmp_path / "results")).exit_code == 0
    assert (tmp_path / "results" / "photo-night.png").is_file()
    assert (tmp_path / "results" / "photo-night.json").is_file()


def test_colours_are_kept(gatys, tmp_path, pictures):
    from artstyle.baselines.colour import RGB_TO_YIQ

    for how in ("luminance", "histogram"):
        out = tmp_path / f"{how}.png"
        assert gatys("--preserve-color", how, out=str(out)).exit_code == 0
    drawn = read_rgb(tmp_path / "luminance.png").rgb
    photo = np.asarray(
        Image.open(pictures[0]).convert("RGB").resize((48, 32), Image.Resampling.LANCZOS)
    )
    kept, own = (picture / 255 @ RGB_TO_YIQ[1:].T for picture in (drawn, photo))
    inside = (drawn.min(axis=2) > 0) & (drawn.max(axis=2) < 255)  # elsewhere colours are clipped
    assert inside.mean() > 0.3
    assert np.abs(kept - own)[inside].max() < 0.02


def test_the_way_there_as_films(gatys, tmp_path):
    out, gif, mp4 = tmp_path / "a.png", tmp_path / "a.gif", tmp_path / "a.mp4"
    outcome = gatys("--save-gif", str(gif), "--save-video", str(mp4), out=str(out))
    assert outcome.exit_code == 0, outcome.stderr
    with Image.open(gif) as film:
        assert film.size == (48, 32)
        assert film.n_frames > 15
    record = json.loads((tmp_path / "a.json").read_text())
    assert [film["sha256"] for film in record["films"]] == [sha256_of(gif), sha256_of(mp4)]
    gif.unlink()
    again = gatys("--save-gif", str(gif), "--save-video", str(mp4), out=str(out))
    assert "was done" not in again.stdout  # a film that is gone is made anew
    assert gif.is_file()
    assert gatys("--save-gif", "a.mp4", out=str(out)).exit_code == 2


def test_regions_need_a_mask_for_each_painting(gatys, cli, tmp_path, pictures):
    mask = tmp_path / "left.png"
    Image.fromarray(np.tile(np.where(np.arange(60) < 30, 255, 0).astype(np.uint8), (40, 1))).save(
        mask
    )
    assert gatys("--mask", str(mask), out=str(tmp_path / "m.png")).exit_code == 0
    losses = json.loads((tmp_path / "m.json").read_text())["losses"]
    assert "style 1 conv1_1" in losses
    twice = gatys("--mask", str(mask), "--mask", str(mask), out=str(tmp_path / "n.png"))
    assert twice.exit_code == 2
    assert "2 times --mask for 1 paintings" in twice.stderr
    Image.new("L", (10, 10), 255).save(tmp_path / "square.png")
    wrong = gatys("--mask", str(tmp_path / "square.png"), out=str(tmp_path / "n.png"))
    assert "does not have the form" in wrong.stderr
    Image.new("L", (60, 40), 0).save(tmp_path / "black.png")
    assert "is black" in gatys("--mask", str(tmp_path / "black.png"), out="n.png").stderr


def test_a_face_is_held_and_how_well_is_told(cli, tmp_path, pictures):
    words = ["--perception", "random", "--size", "64", "--coarsest", "64"]
    words += ["--first-steps", "1", "--iterations", "2", "--preserve-face"]
    out = tmp_path / "face.png"
    outcome = cli("stylize", "gatys", str(ASTRONAUT), pictures[1], "--out", str(out), *words)
    assert outcome.exit_code == 0, outcome.stderr
    record = json.loads(out.with_suffix(".json").read_text())
    assert {"face conv2_2", "face conv3_2"} <= set(record["losses"])
    (face,) = record["faces"]
    assert 0 < face["descriptor_distance"] < 1.5
    assert "face: distance" in outcome.stdout


def test_without_a_face_or_a_detector_nothing_is_drawn(gatys, tmp_path, monkeypatch):
    outcome = gatys("--preserve-face", out=str(tmp_path / "a.png"))
    assert outcome.exit_code == 2
    assert "no face was found" in outcome.stderr
    monkeypatch.setattr(faces_module, "CANDIDATES", ("yunet",))

    def only_yunet(photo, *, emit):
        return find(photo, candidates=("yunet",), emit=emit)

    find = gatys_module.find_faces
    monkeypatch.setattr(gatys_module, "find_faces", only_yunet)
    outcome = gatys("--preserve-face", out=str(tmp_path / "a.png"))
    assert outcome.exit_code == 1
    assert "needs a detector" in outcome.stderr
    assert "artstyle models pull yunet" in outcome.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--perception", "vgg19"), 1, "artstyle models pull vgg19"),
        (("--perception", "nonsense"), 1, "no perception"),
        (("--content-layers", "conv9_9"), 2, "names no layer"),
        (("--style-layers", "conv3_4"), 2, "no layer 'conv3_4'"),
        (("--weights", "0"), 2, "not all 0"),
        (("--weights", "1,2"), 2, "2 weights for 1 paintings"),
        (("--weights", "much"), 2, "no list of numbers"),
        (("--start", "picture"), 2, "--start-picture"),
        (("--size", "9000"), 2, "--size"),
        (("--device", "quantum"), 2, "quantum"),
    ],
)
def test_wrong_words(gatys, tmp_path, words, code, says):
    outcome = gatys(*words, out=str(tmp_path / "a.png"))
    assert outcome.exit_code == code, outcome.stderr
    assert says in outcome.stderr
    assert not (tmp_path / "a.png").exists()


def test_what_is_no_picture_is_refused(cli, tmp_path, pictures):
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    for given in ((str(text), pictures[1]), (pictures[0], str(text))):
        outcome = cli("stylize", "gatys", *given, "--out", str(tmp_path / "a.png"), *QUICK)
        assert outcome.exit_code == 1
        assert "text.jpg" in outcome.stderr
    Image.new("RGB", (3000, 20)).save(tmp_path / "band.png")
    outcome = cli(
        "stylize", "gatys", str(tmp_path / "band.png"), pictures[1], "--out", "x.png", *QUICK
    )
    assert outcome.exit_code == 2
    assert "each side must have 32 px" in outcome.stderr


def test_inputs_and_foreign_files_are_not_written_over(cli, gatys, tmp_path, pictures):
    outcome = cli("stylize", "gatys", *pictures, "--out", pictures[0], *QUICK)
    assert outcome.exit_code == 2
    assert "made from" in outcome.stderr
    (tmp_path / "mine.json").write_text('{"precious": 1}')
    outcome = gatys(out=str(tmp_path / "mine.png"))
    assert outcome.exit_code == 1
    assert (tmp_path / "mine.json").read_text() == '{"precious": 1}'
    assert gatys(out=str(tmp_path / "a.webp")).exit_code == 2


def test_trace_leads_to_photo_and_painting(cli, tmp_path, pictures):
    workspace = tmp_path / "ws"
    assert cli("init", str(workspace)).exit_code == 0
    out = workspace / "styled.png"
    words = ["--workspace", str(workspace)]
    assert cli("stylize", "gatys", *pictures, "--out", str(out), *QUICK, *words).exit_code == 0
    again = workspace / "twice.png"
    outcome = cli("stylize", "gatys", str(out), pictures[1], "--out", str(again), *QUICK, *words)
    assert outcome.exit_code == 0, outcome.stderr
    traced = cli("trace", str(again), *words)
    assert traced.exit_code == 0, traced.stderr
    for name in ("twice.png", "styled.png", "photo.png", "night.png"):
        assert name in traced.stdout


def test_a_texture_of_another_form(cli, tmp_path, pictures):
    out = tmp_path / "band.png"
    words = ["--width", "64", "--height", "32", *QUICK]
    outcome = cli("stylize", "texture", pictures[1], "--out", str(out), *words)
    assert outcome.exit_code == 0, outcome.stderr
    assert read_rgb(out).rgb.shape == (32, 64, 3)
    record = json.loads(out.with_suffix(".json").read_text())
    assert record["method"] == "texture"
    assert "content conv4_2" not in record["losses"]
    plan = cli("stylize", "texture", pictures[1], "--out", str(out), *words, "--dry-run")
    assert "64x32 px" in plan.stdout


def test_what_a_layer_keeps(cli, tmp_path, pictures):
    out = tmp_path / "seen.png"
    words = ["--invert", "relu2_1", *QUICK]
    outcome = cli("stylize", "texture", pictures[0], "--out", str(out), *words)
    assert outcome.exit_code == 0, outcome.stderr
    record = json.loads(out.with_suffix(".json").read_text())
    assert set(record["losses"]) == {"range", "tv", "content relu2_1"}
    assert record["layer"] == "relu2_1"
    wrong = cli("stylize", "texture", pictures[0], "--out", str(out), "--invert", "fc6", *QUICK)
    assert wrong.exit_code == 2
    assert "conv1_1" in wrong.stderr
