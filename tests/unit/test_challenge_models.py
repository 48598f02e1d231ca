"""Which models take part in a challenge, and how much of each style is swapped in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.challenges import fill_models, write_style
from support.small_models import write_small_model

from artstyle.errors import UsageError, WeightsError
from artstyle.events import Event, Note, Progress
from artstyle.images import from_batch
from artstyle.pipeline.challenge.drawing import Drawer, Part, draw_styles
from artstyle.pipeline.challenge.licences import combined
from artstyle.pipeline.challenge.models import find_base, find_styles
from artstyle.pipeline.challenge.projecting import Projected
from artstyle.pipeline.challenge.swaps import shares_of_strength, swap_of
from artstyle.pipeline.tuning_steps import KEPT
from stylegan_ext.blend import levels_of
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.drawing import draw
from stylegan_ext.records import ModelFile, Provenance
from stylegan_ext.tuning import changed


@pytest.fixture(autouse=True)
def no_starter_pack(tmp_path, monkeypatch):
    """The pack that ships has styles of its own."""
    folder = tmp_path / "starter"
    folder.mkdir()
    for place in (
        "weights.model_names._shipped_models",
        "pipeline.challenge.planning.starter_folder",
    ):
        monkeypatch.setattr(f"artstyle.{place}", lambda: folder)
    return folder


@pytest.fixture
def base(workspace):
    fill_models(workspace)
    return find_base(None, workspace)


def names(styles) -> list[str]:
    return [style.name for style in styles]


def test_all_descendants_take_part_and_nothing_else(workspace, base):
    models = workspace / "models"
    write_small_model(models / "stranger.safetensors", resolution=16, seed=9)
    write_style(models / "zebra.safetensors", models / "toon.safetensors", seed=5)  # a grandchild
    (models / "notes.txt").write_text("no model")
    assert base.name == "people"
    assert names(find_styles(base, workspace)) == ["ink", "toon", "zebra"]


def test_the_base_is_known_by_its_tensors_and_by_its_name(workspace, base):
    path = base.model.path
    held = read_model(path)
    write_model(path, ModelFile(held.networks, Provenance(licence="other words")))
    rewritten = find_base("people", workspace)
    assert rewritten.model.sha256 != base.model.sha256
    assert names(find_styles(rewritten, workspace)) == ["ink", "toon"]  # by its name
    renamed = path.with_name("folk.safetensors")
    path.rename(renamed)
    assert names(find_styles(find_base("folk", workspace), workspace, wanted=["ink"])) == ["ink"]
    with pytest.raises(UsageError, match="no style descends from folk"):
        find_styles(find_base("folk", workspace), workspace)


def test_a_damaged_model_is_told_and_left_out(workspace, base):
    (workspace / "models" / "broken.safetensors").write_bytes(b"not a model")
    events: list[Event] = []
    assert names(find_styles(base, workspace, emit=events.append)) == ["ink", "toon"]
    said = [event.text for event in events if isinstance(event, Note)]
    assert any("broken.safetensors is left out" in text for text in said)


def test_the_workspace_goes_before_the_starter_pack(workspace, base, no_starter_pack):
    for name in ("ink", "watercolour"):
        write_style(no_starter_pack / f"{name}.safetensors", base.model.path, seed=7)
    found = find_styles(base, workspace)
    assert names(found) == ["ink", "toon", "watercolour"]
    assert found[0].model.path.parent == workspace / "models"


def test_without_people_the_model_that_others_descend_from_is_the_base(workspace):
    folder = workspace / "models"
    father = write_small_model(folder / "folk.safetensors", resolution=16)
    write_style(folder / "ink.safetensors", father)
    assert find_base(None, workspace).name == "folk"
    other = write_small_model(folder / "cats.safetensors", resolution=16, seed=4)
    write_style(folder / "lions.safetensors", other)
    with pytest.raises(UsageError, match="others descend from cats, folk alike"):
        find_base(None, workspace)


def test_named_styles_come_in_their_order(workspace, base):
    assert names(find_styles(base, workspace, wanted=["toon", "ink"])) == ["toon", "ink"]
    with pytest.raises(WeightsError) as fault:
        find_styles(base, workspace, wanted=["tooon"])
    assert "styles of people here are toon" in str(fault.value.hint)
    with pytest.raises(UsageError, match="is the base itself"):
        find_styles(base, workspace, wanted=["people"])


def test_a_stranger_that_is_named_is_taken_with_a_warning(workspace, base):
    write_small_model(workspace / "models" / "stranger.safetensors", resolution=16, seed=9)
    events: list[Event] = []
    (style,) = find_styles(base, workspace, wanted=["stranger"], emit=events.append)
    assert not style.is_kin
    assert any("does not name people among its ancestors" in one.text for one in events)


def test_blends_are_no_styles_of_their_own(workspace, base):
    write_style(workspace / "models" / "mixed.safetensors", base.model.path, blend={"rule": "x"})
    assert names(find_styles(base, workspace)) == ["ink", "toon"]
    assert names(find_styles(base, workspace, wanted=["mixed"])) == ["mixed"]


def test_variants(workspace, base):
    folder, path = workspace / "models", base.model.path
    write_style(folder / "toon-feminine.safetensors", path, seed=5)
    write_style(folder / "elf_m.safetensors", path, seed=6, variant="masculine")
    assert names(find_styles(base, workspace)) == ["elf_m", "ink", "toon-feminine", "toon"]
    assert names(find_styles(base, workspace, variant="feminine")) == [
        "elf_m",
        "ink",
        "toon-feminine",
    ]
    with pytest.raises(UsageError, match="there are feminine, masculine"):
        find_styles(base, workspace, variant="old")


def test_the_default_swap_is_hard_at_16_px_and_named_so(workspace, base):
    (ink, _) = find_styles(base, workspace)
    swap = swap_of(base, ink)
    assert swap.came == "default"
    assert swap.words == "hard at 16 px"
    assert {label: share for label, share in swap.shares if share} == {"16.0": 1.0, "16.1": 1.0}
    asked = swap_of(base, ink, resolution=8)
    assert asked.came == "asked for"
    assert sum(share for _, share in asked.shares) == 4
    with pytest.raises(UsageError, match="--resolution: there is no resolution 48"):
        swap_of(base, ink, resolution=48)
    with pytest.raises(UsageError, match="give one of them"):
        swap_of(base, ink, resolution=8, strength=0.5)


def test_what_a_search_found_goes_before_the_default(workspace, base):
    from artstyle.pipeline.search.settings import FrontPoint, Swap, swap_file, write_swap

    (ink, _) = find_styles(base, workspace)
    labels = ("4.1", "8.0", "8.1", "16.0", "16.1")
    points = (
        FrontPoint(0.0, "4.1-:0", likeness=1.0, style=0.0),
        FrontPoint(1.0, "4.1:0,8.0-:1", likeness=0.2, style=1.0),
    )
    swap = Swap(
        base="people",
        base_sha256=base.model.sha256,
        style_sha256=ink.model.sha256,
        base_half_sha256="0" * 64,
        style_half_sha256="0" * 64,
        levels=labels,
        default_weights="4.1:0,8.0:0.25,8.1:0.5,16.0-:0.75",
        default_strength=0.5,
        front=points,
        measured_in={"likeness": "a test", "style": "a test"},
        photos=3,
        command="",
    )
    write_swap(swap_file(ink.model.path), swap)
    found = swap_of(base, ink)
    assert found.came == "found by search"
    assert dict(found.shares) == {"4.1": 0, "8.0": 0.25, "8.1": 0.5, "16.0": 0.75, "16.1": 0.75}
    assert dict(swap_of(base, ink, strength=1.0).shares)["8.0"] == 1.0
    assert swap_of(base, ink, resolution=16).words == "hard at 16 px"


def test_strength_without_a_search_takes_level_after_level_from_the_finest():
    levels = levels_of("stylegan2-generator", {"img_resolution": 16, "z_dim": 8, "c_dim": 0,
                                               "w_dim": 8, "img_channels": 3})  # fmt: skip
    for strength, expected in (
        (0.0, [0, 0, 0, 0, 0]),
        (0.3, [0, 0, 0, 0.5, 1]),
        (1.0, [1, 1, 1, 1, 1]),
    ):
        shares = shares_of_strength(levels, strength)
        assert [shares[level] for level in levels] == pytest.approx(expected)


def test_a_cell_is_the_base_at_no_strength_and_the_style_at_full(workspace, base):
    (ink, _) = find_styles(base, workspace)
    ws = torch.randn(6, 8, generator=torch.manual_seed(0)).numpy()
    latent = Projected(Path("x"), ws, ws, 0.0, 0.0, {}, "key", was_done=False)
    drawer = Drawer(base)

    def draw(strength: float):
        return drawer.draw(Part(ink, swap_of(base, ink, strength=strength)), [latent])[0]

    def alone(path: Path):
        import stylegan_ext
        from artstyle.images import from_tensor

        with torch.no_grad():
            return from_tensor(stylegan_ext.load(path).synthesis(torch.from_numpy(ws[None])))

    assert (draw(0.0) == alone(base.model.path)).all()
    middle = draw(0.5)
    assert (middle != draw(0.0)).any()
    assert (middle != draw(1.0)).any()
    # the constant stays the base's, so that at full strength it is not the style itself
    record = read_model(ink.model.path).generator()
    record.tensors["synthesis.b4.const"] = (
        read_model(base.model.path).generator().tensors["synthesis.b4.const"]
    )
    twin = workspace / "twin.safetensors"
    write_model(twin, ModelFile({"G_ema": record}, Provenance()))
    assert (draw(1.0) == alone(twin)).all()


def test_the_more_there_is_of_a_style_the_less_of_the_change(workspace, base):
    (ink, _) = find_styles(base, workspace)
    record = read_model(base.model.path).generator()
    ws = torch.randn(6, 8, generator=torch.manual_seed(0)).numpy()
    names = [name for name in record.tensors if name.endswith("conv1.weight")]
    change = {
        name.removeprefix("synthesis."): np.full(record.tensors[name].shape, 0.5, np.float16)
        for name in names
    }
    plain = Projected(Path("x"), ws, ws, 0.0, 0.0, {}, "key", was_done=False)
    bent = replace(plain, change=change)
    drawer = Drawer(base)
    for strength, share in ((0.0, 1.0), (1.0, KEPT)):
        part = Part(ink, swap_of(base, ink, strength=strength))
        one, other = drawer.draw(part, [plain, bent])
        network, _ = drawer._blended(part)
        taken = {name: torch.from_numpy(part).float() * share for name, part in change.items()}
        with changed(network.synthesis, taken):
            expected = from_batch(draw(network, torch.from_numpy(ws[None])))[0]
        assert (other == expected).all(), strength
        assert (other != one).any(), strength


def test_cells_are_counted_while_they_are_drawn(workspace, base):
    styles = find_styles(base, workspace)
    ws = torch.zeros(6, 8).numpy()
    latents = [Projected(Path("x"), ws, ws, 0.0, 0.0, {}, "key", was_done=False)] * 2
    parts = [Part(style, swap_of(base, style)) for style in styles]
    files = [[workspace / f"{part.style.name}{row}.png" for row in (0, 1)] for part in parts]
    for kept, expected in ((0, [0, 2, 4, 4]), (2, [2, 4, 4]), (4, [4, 4])):
        told: list[Event] = []
        columns, _ = draw_styles(Drawer(base), parts, latents, files, emit=told.append)
        bars = [event for event in told if isinstance(event, Progress)]
        assert [bar.done for bar in bars] == expected
        assert {(bar.total, bar.unit) for bar in bars} == {(4, "cells")}
        assert sum(cell.was_done for cells in columns.values() for cell in cells) == kept
        if kept == 0:  # the next time one style is missing
            for path in files[1]:
                path.unlink()


def test_noise_of_a_seed_changes_the_fine_detail_alike_for_all(workspace, base):
    from support.generators import write_generator

    for seed, name in enumerate(("people", "ink")):  # their noise can be seen
        write_generator(workspace / "models" / f"{name}.safetensors", seed=seed)
    noisy = find_base("people", workspace)
    (ink,) = find_styles(noisy, workspace, wanted=["ink"])
    ws = torch.randn(6, 8, generator=torch.manual_seed(0)).numpy()
    latent = Projected(Path("x"), ws, ws, 0.0, 0.0, {}, "key", was_done=False)
    part = Part(ink, swap_of(noisy, ink, strength=0.0))
    drawn = {seed: Drawer(noisy, seed=seed).draw(part, [latent, latent]) for seed in (None, 1, 2)}
    assert (drawn[1][0] == drawn[1][1]).all()
    assert (drawn[1][0] != drawn[2][0]).any()
    assert (drawn[None][0] != drawn[1][0]).any()


def test_a_style_that_does_not_fit_is_left_out(workspace, base):
    from support.generators import write_generator

    from stylegan_ext.errors import MismatchError

    wide = write_generator(workspace / "models" / "wide.safetensors")
    ink, _ = find_styles(base, workspace)
    (other,) = find_styles(base, workspace, wanted=[str(wide)])
    ws = torch.zeros(6, 8).numpy()
    latent = Projected(Path("x"), ws, ws, 0.0, 0.0, {}, "key", was_done=False)
    parts = [Part(style, swap_of(base, style)) for style in (other, ink)]
    files = [[workspace / f"{part.style.name}.png"] for part in parts]
    columns, left_out = draw_styles(Drawer(base), parts, [latent], files)
    assert list(columns) == ["ink"]
    assert "channel widths differ" in left_out["wide"]
    with pytest.raises(MismatchError, match="channel widths differ"):
        draw_styles(Drawer(base), parts[:1], [latent], files[:1])


def test_licences_in_one_line():
    parts = [("people", "CC0-1.0"), ("ink", "CC BY 4.0"), ("toon", "CC0-1.0")]
    assert combined(parts) == "CC0-1.0 (people, toon); CC BY 4.0 (ink)"
    strict = combined([*parts, ("ffhq", "CC BY-NC-SA 4.0")])
    assert strict.startswith("NON-COMMERCIAL: CC0-1.0 (people, toon)")
    joined = combined([("people", "CC0-1.0"), ("ink", "CC BY 4.0 + CC0-1.0")])
    assert joined == "CC0-1.0 (people, ink); CC BY 4.0 (ink)"
    assert combined([("x", "")]) == "COMMERCIAL USE UNCLEAR: unknown (x)"


def test_the_estimate_knows_how_many_steps_are_taken():
    from artstyle.pipeline.challenge import estimate
    from artstyle.pipeline.encode import invert

    said = (estimate._STEPS, estimate._STEPS_TO_PIVOT, estimate._WITHOUT_ENCODER)
    assert said == (invert.STEPS, invert.STEPS_TO_PIVOT, invert.MORE_STEPS)
