"""What ships: a base, five styles of it, its encoder, and the small networks; light and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from artstyle.files import sha256_of
from artstyle.pipeline.challenge.models import find_base, find_styles
from artstyle.pipeline.encode.find import find_encoder
from artstyle.pipeline.models import export_model
from artstyle.weights.cards import read_sidecar
from artstyle.weights.model_names import starter_folder, starter_models
from stylegan_ext.checkpoint import verify
from stylegan_ext.header import read_header

pytestmark = pytest.mark.starter
STYLES = {"facesjs", "fluent_3d", "pioneer", "titian", "toon_head"}


def test_the_pack_is_light() -> None:
    assert sum(path.stat().st_size for path in starter_folder().rglob("*.safetensors")) < 40e6


def test_base_styles_and_encoder_belong_together(tmp_path: Path) -> None:
    base = find_base(None, tmp_path)
    assert base.name == "people"
    assert {one.name for one in find_styles(base, tmp_path)} == STYLES
    assert (
        find_encoder(base.model.path, tmp_path) == starter_folder() / "people-encoder.safetensors"
    )
    networks = read_header(base.model.path).networks
    assert {"G_ema", "D"} <= networks.keys(), "others fine-tune from it"


def test_what_was_exported_lighter_is_still_the_parent_of_its_styles(tmp_path: Path) -> None:
    light = export_model("toon_head", tmp_path / "light.safetensors", workspace=tmp_path, half=True)
    (held,) = (one for one in starter_models() if one.name == "toon_head")
    origin = read_header(light.path).provenance
    assert origin.source_sha256 == (
        read_header(held.path).provenance.source_sha256 or sha256_of(held.path)
    )
    people = read_header(next(one.path for one in starter_models() if one.name == "people"))
    parents = {parent["sha256"] for parent in origin.parents}
    assert people.provenance.source_sha256 in parents


@pytest.mark.parametrize("name", sorted({"people", *STYLES}))
def test_models_are_whole_and_say_what_they_are_made_of(name: str) -> None:
    (held,) = (one for one in starter_models() if one.name == name)
    verify(held.path)
    provenance = read_header(held.path).provenance
    assert "unknown" not in provenance.licence
    card = read_sidecar(held.path)
    assert card is not None
    assert all(source.licence and source.origin for source in card.sources)
