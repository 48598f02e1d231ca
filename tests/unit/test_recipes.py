from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from artstyle.errors import RecipeError, UsageError
from artstyle.recipes import (
    BuildRecipe,
    DatasetRecipe,
    SourceRecipe,
    TrainingRecipe,
    example_toml,
    make_recipe,
    read_recipe,
    resolved_toml,
    setting,
    training_numbers,
)


@dataclass(frozen=True)
class Part:
    name: str = setting(help="Its name.")
    weight: float = setting(1.0, help="Its weight.", above=0)


@dataclass(frozen=True)
class Whole:
    title: str = setting(help="Its title.")
    count: int = setting(3, help="How many.", low=1, high=9)
    share: float | None = setting(None, help="A share.", low=0, high=1)
    kind: Literal["round", "square"] = setting("round", help="Its kind.")
    flag: bool = setting(False, help="A flag.")
    words: tuple[str, ...] = setting((), help="Words.", check=lambda w: "" if w else "is empty")
    parts: tuple[Part, ...] = setting((), help="Parts.")
    main: Part | None = setting(None, help="The main part.")

    def faults(self):
        if self.flag and self.count == 1:
            yield "flag and count 1 exclude each other"


def faults_of(text: str, schema=Whole, overrides=None) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        make_recipe(tomllib.loads(text), schema, overrides)
    assert all(fault in str(caught.value) for fault in caught.value.faults)
    return caught.value.faults


def test_every_kind_of_value_arrives_as_its_type():
    text = """
        title = "t"
        count = 9
        share = 1
        kind = "square"
        flag = true
        words = ["a", "b"]
        main = {name = "m", weight = 2}
        [[parts]]
        name = "p"
    """
    recipe = make_recipe(tomllib.loads(text), Whole)
    parts = (Part("p", 1.0),)
    assert recipe == Whole("t", 9, 1.0, "square", True, ("a", "b"), parts, Part("m", 2.0))
    assert isinstance(recipe.share, float)
    assert isinstance(recipe.main.weight, float)


def test_what_is_not_said_is_the_default():
    assert make_recipe({"title": "t"}, Whole) == Whole("t")


def test_all_faults_are_reported_together():
    text = """
        tilte = "t"
        count = 10
        share = "much"
        kind = "squire"
        flag = 1
        words = ["a", ""]
        main = 3
        [[parts]]
        weight = 0
        [[parts]]
        name = "p"
        wieght = 2
    """
    assert faults_of(text) == (
        "tilte is no setting; did you mean 'title'?",
        "title is missing: Its title.",
        "count: 10 is more than 9",
        "share: 'much' is not a number",
        "kind: 'squire' is none of 'round', 'square' (did you mean 'square'?)",
        "flag: 1 is not true or false",
        "words[1]: '' is empty",
        "parts[0].name is missing: Its name.",
        "parts[0].weight: 0.0 is not more than 0",
        "parts[1].wieght is no setting; did you mean 'weight'?",
        "main: 3 is not a table",
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("count = true", "count: true is not a whole number"),
        ("count = 2.0", "count: 2.0 is not a whole number"),
        ("count = 0", "count: 0 is less than 1"),
        ("share = nan", "share: nan is not finite"),
        ("share = inf", "share: inf is not finite"),
        ("words = 'a'", "words: 'a' is not a list [...]"),
        ("parts = [1]", "parts[0]: 1 is not a table"),
        ("xyz = 1", "xyz is no setting; known are title, count, share"),
        ("COUNT = 1", "COUNT is no setting; did you mean 'count'?"),
        ("count = 1\nflag = true", "flag and count 1 exclude each other"),
        ("main.name = 1", "main.name: 1 is not a text"),
        (f"kind = '{'x' * 100}'", f"kind: '{'x' * 56}... is none of"),
    ],
)
def test_each_fault_says_what_and_why(line, fault):
    (only,) = faults_of(f"title = 't'\n{line}")
    assert only.startswith(fault)


def test_the_command_line_goes_before_the_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("title = 't'\ncount = 2\n[main]\nname = 'm'\n", encoding="utf-8")
    overrides = {"count": 5, "share": None, "main.weight": 3, "words": ("a",)}
    recipe = read_recipe(path, Whole, overrides)
    assert recipe == Whole("t", 5, words=("a",), main=Part("m", 3.0))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, Whole, {"count": 50, "title.x": 1})
    assert str(caught.value) == (
        f"{path} has 2 faults\n  - title: 't' is not a table\n"
        "  - count (from the command line): 50 is more than 9"
    )


def test_overrides_do_not_change_what_they_are_given():
    table = {"title": "t", "main": {"name": "m"}}
    make_recipe(table, Whole, {"main.weight": 2})
    assert table == {"title": "t", "main": {"name": "m"}}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (None, "No such file or directory"),
        (b"title = \xff", "it is not UTF-8"),
        (b"title = ", "it is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_file_that_is_no_recipe_says_why(tmp_path, data, fault):
    path = tmp_path / "recipe.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(RecipeError, match=r"recipe\.toml") as caught:
        read_recipe(path, Whole)
    assert caught.value.faults[0].startswith(fault)


def test_a_recipe_is_written_with_all_it_stands_for():
    recipe = Whole("t", main=Part("m"), parts=(Part("a"), Part("b", 2.0)))
    assert resolved_toml(recipe) == (
        'title = "t"\ncount = 3\nkind = "round"\nflag = false\nwords = []\n\n'
        '[[parts]]\nname = "a"\nweight = 1.0\n\n[[parts]]\nname = "b"\nweight = 2.0\n\n'
        '[main]\nname = "m"\nweight = 1.0\n'
    )


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}[a-z0-9]", fullmatch=True)
sources = st.builds(
    SourceRecipe,
    kind=st.sampled_from(["video", "images", "sprites"]),
    path=st.text(),
    licence=st.text(),
    origin=st.text(),
)
datasets = st.builds(
    DatasetRecipe,
    style=names,
    title=st.text(),
    licence=st.text(),
    sources=st.lists(sources, max_size=3).map(tuple),
    build=st.builds(
        BuildRecipe,
        size_px=st.sampled_from([64, 128, 256]),
        held_out_share=st.floats(0, 0.9),
        labels=st.lists(st.text(), unique=True, max_size=3).map(tuple),
        seed=st.integers(0, 2**31),
    ),
)
positive = st.floats(1e-6, 1e6)
trainings = st.builds(
    TrainingRecipe,
    style=names,
    base=st.none() | st.text(),
    config=st.sampled_from(["auto", "stylegan2", "paper1024"]),
    kimg=positive,
    batch=st.none() | st.integers(1, 512),
    gamma=st.none() | positive,
    mirror=st.booleans(),
)


@given(datasets | trainings)
def test_recipes_read_back_as_they_were_written(recipe):
    schema = type(recipe)
    assert make_recipe(tomllib.loads(resolved_toml(recipe)), schema) == recipe
    assert make_recipe(tomllib.loads(example_toml(recipe, "artstyle build")), schema) == recipe


@pytest.mark.parametrize("schema", [DatasetRecipe, TrainingRecipe])
def test_an_example_says_what_each_setting_is(schema):
    recipe = schema(**{name: "x" for name in ("style", "title") if name in schema.__annotations__})
    text = example_toml(recipe, "artstyle run me\n\nand edit me")
    assert text.startswith("# artstyle run me\n#\n# and edit me\n\n")
    flat = text.replace("\n# ", " ")
    for field in dataclasses.fields(schema):
        value = getattr(recipe, field.name)
        if value != ():
            assert field.metadata["help"] in flat, field.name
        assert f"\n{field.name} = " in text or f"[{field.name}]" in text or value is None


def test_a_dataset_recipe_knows_what_cannot_be():
    text = """
        style = "Studio Ghibli"
        title = "Ghibli"
        [[sources]]
        kind = "film"
        path = "x.mkv"
        [extract]
        detector = "yunett"
        size_px = 100
        every_s = 0
        [build]
        held_out_share = 1
    """
    assert faults_of(text, DatasetRecipe) == (
        "style: 'Studio Ghibli' cannot be a style's name; call it 'studio-ghibli'",
        "sources[0].kind: 'film' is none of 'video', 'images', 'sprites'",
        "extract.detector: 'yunett' is none of 'auto', 'dlib', 'dlib-cnn', 'yunet', 'anime', "
        "'anime-frcnn', 'anime-mmcv', 'lbp-anime', 'layout' (did you mean 'yunet'?)",
        "extract.size_px: 100 is no power of two from 4 to 1024",
        "extract.every_s: 0.0 is not more than 0",
        "build.held_out_share: 1.0 is no share from 0 to below 1",
    )
    text = "style = 's'\ntitle = 't'\nextract.size_px = 64\nbuild.labels = ['m', 'm']"
    assert faults_of(text, DatasetRecipe) == (
        "build.size_px: 256 is more than extract.size_px, 64: crops would have to be enlarged",
        "build.labels: 'm' is there more than once",
    )


def test_a_training_recipe_knows_what_cannot_be():
    assert faults_of("style = 's'\nfreeze_d = 4\n", TrainingRecipe) == (
        "freeze_d: 4 layers would stay random: there is no base",
    )
    assert faults_of("style = 's'\naugment = 'bgq'\n", TrainingRecipe) == (
        "augment: 'bgq' has more than bgcfnx",
    )


# The published table, worked out by hand: batch, minibatch std, channel base, learning rate, gamma,
# EMA kimg, EMA ramp, mapping layers.
@pytest.mark.parametrize(
    ("config", "resolution_px", "devices", "expected"),
    [
        ("auto", 64, 1, (32, 4, 16384, 0.0025, 0.0256, 10, 0.05, 2)),
        ("auto", 256, 1, (16, 4, 16384, 0.0025, 0.8192, 5, 0.05, 2)),
        ("auto", 256, 8, (64, 4, 16384, 0.0025, 0.2048, 20, 0.05, 2)),
        ("auto", 1024, 1, (4, 4, 32768, 0.002, 52.4288, 1.25, 0.05, 2)),
        ("auto", 1024, 32, (64, 2, 32768, 0.002, 3.2768, 20, 0.05, 2)),
        ("auto", 64, 128, (128, 1, 16384, 0.0025, 0.0064, 40, 0.05, 2)),
        ("stylegan2", 256, 1, (32, 4, 32768, 0.002, 10, 10, None, 8)),
        ("paper256", 256, 1, (64, 8, 16384, 0.0025, 1, 20, None, 8)),
        ("paper512", 512, 1, (64, 8, 32768, 0.0025, 0.5, 20, None, 8)),
        ("paper1024", 1024, 1, (32, 4, 32768, 0.002, 2, 10, None, 8)),
    ],
)
def test_the_numbers_of_the_official_configurations(config, resolution_px, devices, expected):
    recipe = TrainingRecipe("s", config=config)
    numbers = training_numbers(recipe, resolution_px, devices=devices)
    found = (
        numbers.batch,
        numbers.minibatch_std,
        numbers.channel_base,
        numbers.learning_rate,
        numbers.gamma,
        numbers.ema_kimg,
        numbers.ema_ramp,
        numbers.mapping_layers,
    )
    assert found == pytest.approx(expected)
    assert numbers.channel_max == 512
    assert numbers.ada_kimg == 500


def test_a_transfer_adapts_faster_and_the_recipe_goes_before_the_table():
    recipe = TrainingRecipe("s", base="ffhq-256", config="paper256", gamma=0.0, ema_kimg=3.0)
    numbers = training_numbers(recipe, 256)
    assert (numbers.ada_kimg, numbers.ema_ramp) == (100, None)
    assert (numbers.gamma, numbers.ema_kimg, numbers.batch) == (0.0, 3.0, 64)
    by_hand = training_numbers(TrainingRecipe("s", base="b", batch=8, learning_rate=0.001), 256)
    assert (by_hand.batch, by_hand.ema_ramp, by_hand.learning_rate) == (8, None, 0.001)
    assert by_hand.gamma == pytest.approx(0.0002 * 65536 / 8)
    with pytest.raises(UsageError, match="a batch of 10 cannot be spread over 4 devices"):
        training_numbers(TrainingRecipe("s", batch=10), 256, devices=4)


def read_tree(root: Path) -> int:
    """Read every recipe of a workspace; how many there were."""
    datasets = sorted(root.glob("datasets/*/recipe.toml"))
    for path in datasets:
        assert read_recipe(path, DatasetRecipe).style == path.parent.name
    trainings = sorted(root.glob("training/*.toml"))
    for path in trainings:
        read_recipe(path, TrainingRecipe)
    return len(datasets) + len(trainings)


def test_every_recipe_in_the_tree_can_be_read(tmp_path):
    read_tree(Path(__file__).resolve().parents[2])
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "a.toml").write_text("style = 'a'\n", encoding="utf-8")
    assert read_tree(tmp_path) == 1
    (tmp_path / "training" / "b.toml").write_text("stile = 'b'\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"b\.toml has 2 faults"):
        read_tree(tmp_path)
