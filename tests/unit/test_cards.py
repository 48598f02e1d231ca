"""Model cards: from headers, from what is written beside a model, from the registry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.small_models import write_small_model

from artstyle.errors import RecipeError, WeightsError
from artstyle.events import Event, Note
from artstyle.weights import model_names
from artstyle.weights.cards import (
    Card,
    Figure,
    Sidecar,
    Source,
    card_of,
    card_of_entry,
    card_of_model,
    read_sidecar,
    render_markdown,
    sidecar_file,
    write_sidecar,
)
from artstyle.weights.entries import Licence, entry, licence_of_words, registry
from artstyle.weights.places import imported_file
from stylegan_ext.errors import CheckpointError

SAID = Sidecar(
    title="Toon heads",
    summary="Flat cartoon heads.",
    licence=Licence("CC BY 4.0", "yes", "design by Johan Melin"),
    sources=(Source("drawn heads", "CC BY 4.0", "DiceBear", 1500),),
    kimg=9.6,
    figures=(Figure("Frechet distance", 12.5, "own features, 1000 pictures"),),
    how_made="artstyle finetune --style toon\nartstyle evaluate --style toon",
    limits="Closed eyes are rare.",
)


@pytest.fixture(autouse=True)
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "starter"
    folder.mkdir()
    monkeypatch.setattr(model_names, "_shipped_models", lambda: folder)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_small_model(
        tmp_path / "toon.safetensors",
        licence="CC BY 4.0",
        source="trained here",
        parents=({"name": "people", "sha256": "ab" * 32, "role": "base"},),
        preprocessing={"alignment": "ffhq", "size": 8},
        notes={"kimg": 12.0, "seed": 3, "command": "artstyle finetune"},
    )


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_a_card_comes_from_the_header(model: Path) -> None:
    card = card_of_model(model)
    assert (card.name, card.title, card.kind, card.resolution) == ("toon", "toon", "stylegan2", 8)
    assert card.licence == Licence("CC BY 4.0", "yes", "")
    assert card.kimg == 12.0
    assert card.how_made == "artstyle finetune"
    assert card.notes == {"seed": 3}
    assert card.parents[0]["name"] == "people"
    assert card.preprocessing == {"alignment": "ffhq", "size": 8}
    assert set(card.networks) == {"G_ema", "D"}
    assert card.networks["G_ema"].startswith("stylegan2-generator, 0.0 million")
    assert card.size_bytes == model.stat().st_size
    assert len(card.content_sha256) == 64


def test_reading_a_card_does_not_load_torch(model: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from artstyle.weights.cards import *; "
        "print(render_markdown(card_of_model(Path(sys.argv[1])))); "
        "assert 'torch' not in sys.modules"
    )
    words = [sys.executable, "-c", code, str(model)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# toon\n")


def test_what_is_said_beside_the_file_is_added(model: Path) -> None:
    assert write_sidecar(model, SAID) == model.parent / "toon.card.toml"
    assert read_sidecar(model) == SAID
    events: list[Event] = []
    card = card_of_model(model, emit=events.append)
    assert (card.title, card.summary, card.limits) == (SAID.title, SAID.summary, SAID.limits)
    assert card.licence == SAID.licence
    assert (card.sources, card.figures) == (SAID.sources, SAID.figures)
    assert card.how_made == SAID.how_made
    assert card.kimg == 12.0, "the header counts"
    assert events == []


def test_a_contradiction_about_the_licence_is_said_and_the_header_counts(model: Path) -> None:
    write_sidecar(model, replace(SAID, licence=Licence("CC0-1.0", "yes")))
    events: list[Event] = []
    card = card_of_model(model, emit=events.append)
    assert card.licence.id == "CC BY 4.0"
    (note,) = [event for event in events if isinstance(event, Note)]
    assert note.level == "warning"
    assert "'CC BY 4.0'" in note.text
    assert "'CC0-1.0'" in note.text


def test_the_card_beside_it_fills_an_unknown_licence(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "x.safetensors")
    assert card_of_model(path).licence == Licence("unknown", "unclear", "")
    write_sidecar(path, SAID)
    assert card_of_model(path).licence == SAID.licence


def test_all_faults_of_a_card_are_reported(model: Path) -> None:
    sidecar_file(model).write_text(
        'titel = "x"\nkimg = -1\n[[figures]]\nname = "FID"\nvalue = "good"\n'
        '[licence]\nid = "MIT"\ncommercial = "perhaps"\n'
    )
    with pytest.raises(RecipeError) as caught:
        card_of_model(model)
    faults = "\n".join(caught.value.faults)
    assert len(caught.value.faults) == 4
    assert "titel is no setting; did you mean 'title'?" in faults
    assert "kimg: -1.0 is less than 0" in faults
    assert "figures[0].value: 'good' is not a number" in faults
    assert "licence.commercial: 'perhaps' is none of" in faults


def test_another_network_has_a_card_if_one_is_written(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "adain.safetensors"
    import numpy as np

    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(CheckpointError, match="no model file of ours"):
        card_of_model(path)
    write_sidecar(path, replace(SAID, kind="adain decoder"))
    card = card_of_model(path)
    assert (card.kind, card.kimg, card.networks) == ("adain decoder", 9.6, {})
    assert card.licence == SAID.licence


def test_names_lead_to_cards(model: Path, workspace: Path, starter: Path, tmp_path: Path) -> None:
    write_small_model(workspace / "models" / "mine.safetensors")
    write_small_model(starter / "people.safetensors", resolution=16)
    assert card_of("mine", workspace).file == workspace / "models" / "mine.safetensors"
    assert card_of("people", workspace).resolution == 16
    assert card_of(model, workspace).name == "toon"
    with pytest.raises(WeightsError, match="did you mean 'people'"):
        card_of("peopl", workspace)


def test_published_models_that_are_not_here_have_a_card(workspace: Path) -> None:
    card = card_of("ffhq256", workspace)
    assert (card.name, card.file, card.resolution) == ("ffhq-256", None, 256)
    text = render_markdown(card)
    assert "- licence: NON-COMMERCIAL: NVIDIA Source Code License" in text
    assert "- file: not on this machine" in text
    assert f"- <{entry('ffhq-256').addresses[0]}>" in text
    assert "- size: 295.6 MB" in text


def test_published_models_that_were_pulled_are_described_by_their_file(workspace: Path) -> None:
    path = imported_file(entry("ffhq-256"))
    path.parent.mkdir(parents=True)
    licence = entry("ffhq-256").licence
    write_small_model(path, resolution=32, licence=licence.in_words())
    card = card_of("ffhq256", workspace)
    assert (card.file, card.resolution, card.name) == (path, 32, "ffhq-256")
    assert card.title == entry("ffhq-256").title
    assert card.licence == licence


def test_a_workspace_model_with_a_published_name_is_described_as_it_is(workspace: Path) -> None:
    path = write_small_model(workspace / "models" / "ffhq-256.safetensors", licence="CC0-1.0")
    card = card_of("ffhq-256", workspace)
    assert (card.file, card.licence.id, card.title) == (path, "CC0-1.0", "ffhq-256")


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_entry_has_a_card_with_its_licence(name: str) -> None:
    text = render_markdown(card_of_entry(registry()[name]))
    assert registry()[name].licence.in_words() in text
    assert text.startswith(f"# {registry()[name].title}\n")


def test_the_markdown_says_everything(model: Path) -> None:
    write_sidecar(model, SAID)
    text = render_markdown(card_of_model(model))
    assert text.startswith("# Toon heads\n\nFlat cartoon heads.\n\n- name: toon\n")
    assert "- pictures: 8 x 8 px" in text
    assert "- training: 12 thousand pictures seen" in text
    assert "- licence: CC BY 4.0; design by Johan Melin" in text
    assert "| drawn heads | CC BY 4.0 | DiceBear | 1500 |" in section(text, "Sources")
    assert f"| people | base | {'ab' * 32} |" in section(text, "Parents")
    expected = "| Frechet distance | 12.5 | own features, 1000 pictures |"
    assert expected in section(text, "Figures")
    assert "- alignment: ffhq" in section(text, "Preprocessing")
    made = section(text, "How it was made")
    assert made.strip().splitlines() == SAID.how_made.splitlines()
    assert "Closed eyes are rare." in section(text, "Limits")
    assert "- seed: 3" in section(text, "Notes")
    assert "- D: stylegan2-discriminator" in section(text, "Networks")


def test_sections_with_nothing_to_say_are_left_out() -> None:
    text = render_markdown(Card("x", "X", "stylegan2", Licence("unknown")))
    assert text == (
        "# X\n\n- name: x\n- kind: stylegan2\n- licence: COMMERCIAL USE UNCLEAR: unknown\n"
        "- file: not on this machine\n"
    )


def test_a_hostile_header_cannot_reach_the_terminal_or_the_layout() -> None:
    evil = "a\n# Title\x1b[2J | b\u202e"
    parents = ({"name": evil, "sha256": 5, "role": None},)
    card = Card("x", evil, "stylegan2", Licence(evil), parents=parents, notes={evil: [evil]})
    text = render_markdown(card)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\n# Title") == 0
    row = section(text, "Parents").strip().splitlines()[-1]
    assert row.count(" | ") == 2
    assert "\\| b" in row


def test_a_kimg_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "x.safetensors", notes={"kimg": "many"})
    assert "training" not in render_markdown(card_of_model(path))


@pytest.mark.parametrize(
    ("words", "commercial"),
    [
        ("MIT", "yes"),
        ("CC0-1.0", "yes"),
        ("CC BY 4.0", "yes"),
        ("CC-BY-SA-3.0", "yes"),
        ("Apache-2.0", "yes"),
        ("public domain", "yes"),
        ("CC BY-NC 4.0", "no"),
        ("CC-BY-NC-SA-4.0", "no"),
        ("NVIDIA Source Code License, non-commercial", "no"),
        ("for noncommercial use", "no"),
        ("public domain, and CC BY-NC 2.0", "no"),
        ("CC BY 4.0 and something else", "unclear"),
        ("mitigated", "unclear"),
        ("GPL-2.0", "unclear"),
        ("unknown", "unclear"),
        ("", "unclear"),
    ],
)
def test_what_a_licences_name_says_of_commercial_use(words: str, commercial: str) -> None:
    assert licence_of_words(words).commercial == commercial


@pytest.mark.parametrize("name", sorted(registry()))
def test_a_licence_outlives_being_written_as_a_line(name: str) -> None:
    licence = registry()[name].licence
    assert licence_of_words(licence.in_words()) == licence


def test_a_card_is_plain_data(model: Path) -> None:
    from artstyle.cli._terminal import to_json

    data = json.loads(to_json(card_of_model(model)))
    assert data["licence"] == {"id": "CC BY 4.0", "commercial": "yes", "line": ""}
    assert data["parents"][0]["role"] == "base"
