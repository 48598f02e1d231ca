from __future__ import annotations

import math

import pytest

from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.levels import Level, level_weights, levels_of, parse_weights, resolutions_of

SG2 = {"z_dim": 4, "c_dim": 0, "w_dim": 4, "img_resolution": 32, "img_channels": 3}
SG3 = {**SG2, "channel_base": 256, "channel_max": 8, "num_layers": 6}


def levels2(architecture: str = "skip", resolution: int = 32) -> tuple[Level, ...]:
    kwargs = {**SG2, "img_resolution": resolution}
    kwargs["synthesis_kwargs"] = {"architecture": architecture}
    return levels_of("stylegan2-generator", kwargs)


def labelled(shares: dict[Level, float]) -> dict[str, float]:
    return {level.label: share for level, share in shares.items()}


def test_stylegan2_has_conv0_at_even_positions_and_conv1_with_torgb_at_odd_ones():
    assert [(level.position, level.label, level.layers) for level in levels2(resolution=16)] == [
        (1, "4.1", ("synthesis.b4.conv1", "synthesis.b4.torgb")),
        (2, "8.0", ("synthesis.b8.conv0",)),
        (3, "8.1", ("synthesis.b8.conv1", "synthesis.b8.torgb")),
        (4, "16.0", ("synthesis.b16.conv0",)),
        (5, "16.1", ("synthesis.b16.conv1", "synthesis.b16.torgb")),
    ]
    assert [level.layers for level in levels2("resnet", 8)] == [
        ("synthesis.b4.conv1",),
        ("synthesis.b8.conv0", "synthesis.b8.skip"),
        ("synthesis.b8.conv1", "synthesis.b8.torgb"),
    ]
    assert [level.layers for level in levels2("orig", 8)] == [
        ("synthesis.b4.conv1",),
        ("synthesis.b8.conv0",),
        ("synthesis.b8.conv1", "synthesis.b8.torgb"),
    ]


def test_stylegan3_has_a_level_per_layer_at_its_output_rate():
    levels = levels_of("stylegan3-generator", SG3)
    # 32 px, 6 layers, 2 critical: the stopband grows from 2^2.1 to 16 * 2^0.3 = 2^4.3 in 4 steps.
    # Doubled: 2^3.1, 2^3.65, 2^4.2, then over 2^4.75; rounded up to powers of two, 32 at most.
    assert [level.resolution for level in levels] == [16, 16, 32, 32, 32, 32, 32]
    assert [level.label for level in levels][:3] == ["16.0", "16.1", "32.0"]
    assert [level.position for level in levels] == list(range(7))
    assert levels[0].layers == ("synthesis.L0_36_8",)
    assert levels[6].layers == ("synthesis.L6_32_3",)


def test_only_generators_have_levels():
    with pytest.raises(ParameterError, match="stylegan2-discriminator has no levels"):
        levels_of("stylegan2-discriminator", SG2)
    with pytest.raises(MismatchError, match="img_resolution 33 is no power of two"):
        levels_of("stylegan2-generator", {**SG2, "img_resolution": 33})


def test_hard_at_and_above():
    assert labelled(level_weights(levels2(), 16)) == {
        **{"4.1": 0.0, "8.0": 0.0, "8.1": 0.0},
        **{"16.0": 1.0, "16.1": 1.0, "32.0": 1.0, "32.1": 1.0},
    }
    assert set(level_weights(levels2(), 4).values()) == {1.0}
    assert set(level_weights(levels2(), 64).values()) == {0.0}
    sg3 = level_weights(levels_of("stylegan3-generator", SG3), 32)
    assert list(sg3.values()) == [0.0] * 2 + [1.0] * 5


def test_smooth_is_pinkneys_sigmoid_by_hand():
    # mid is the position of 16.0, which is 4; 1 / (1 + e) = 0.2689414, 1 / (1 + e^2) = 0.1192029
    shares = labelled(level_weights(levels2(), 16, 1))
    assert shares == pytest.approx(
        {
            **{"4.1": 0.04742587, "8.0": 0.11920292, "8.1": 0.26894142, "16.0": 0.5},
            **{"16.1": 0.73105858, "32.0": 0.88079708, "32.1": 0.95257413},
        },
        abs=1e-8,
    )
    wide = labelled(level_weights(levels2(), 16, 2))
    assert wide["8.1"] == pytest.approx(0.37754067, abs=1e-8)  # 1 / (1 + e^0.5)
    # At 4x4 the middle is the constant's position, 0: conv1 stands one to the right of it.
    assert labelled(level_weights(levels2(), 4, 1))["4.1"] == pytest.approx(0.73105858, abs=1e-8)
    # Above the finest the middle is one position past the last level.
    assert labelled(level_weights(levels2(), 64, 1))["32.1"] == pytest.approx(0.26894142, abs=1e-8)


def test_hard_is_the_limit_of_smooth_with_the_middle_counted_to_the_style():
    for resolution in (4, 8, 16, 32, 64):
        hard = level_weights(levels2(), resolution)
        narrow = level_weights(levels2(), resolution, 1e-5)
        for level, share in narrow.items():
            is_middle = level.label == f"{resolution}.0"
            assert share == (0.5 if is_middle else hard[level]), level.label
            assert not is_middle or hard[level] == 1.0


def test_extreme_widths_neither_overflow_nor_pass():
    assert set(level_weights(levels2(), 16, 1e-300).values()) == {0.0, 0.5, 1.0}
    assert all(0.49 < y < 0.51 for y in level_weights(levels2(), 16, 1000).values())
    for width in (0, -1, math.nan, math.inf):
        with pytest.raises(ParameterError, match="must be above 0"):
            level_weights(levels2(), 16, width)


def test_a_resolution_that_is_not_there_is_refused_with_those_that_are():
    for resolution in (0, 2, 12, 128):
        with pytest.raises(
            ParameterError, match=f"no resolution {resolution} .*4, 8, 16, 32 .and 64"
        ):
            level_weights(levels2(), resolution)
    assert resolutions_of(levels2()) == [4, 8, 16, 32]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("4:0,8:0,16:0.5,32:1", [0, 0, 0, 0.5, 0.5, 1, 1]),
        ("4-16:0,32-:1", [0, 0, 0, 0, 0, 1, 1]),
        ("-8:0.25,16-32:0.75", [0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75]),
        ("4-8:0,16.0:0.25,16.1:0.75,32:1", [0, 0, 0, 0.25, 0.75, 1, 1]),
        ("4-16.0:0,16.1-:1", [0, 0, 0, 0, 1, 1, 1]),
        (" 32 - : 1 , 4 - 16 : 1e-1 ", [0.1, 0.1, 0.1, 0.1, 0.1, 1, 1]),
        ("4-32:0.5", [0.5] * 7),
    ],
)
def test_weights_in_words(spec, expected):
    assert list(parse_weights(spec, levels2()).values()) == expected


def test_weights_in_words_over_a_rule():
    rest = level_weights(levels2(), 16)
    shares = parse_weights("8.1:0.5,32:0.25", levels2(), rest)
    assert list(shares.values()) == [0, 0, 0.5, 1, 1, 0.25, 0.25]
    assert list(shares) == list(levels2())


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("4:0,32:1", "no share for 8.0, 8.1, 16.0, 16.1"),
        ("16-:1", "no share for 4.1, 8.0, 8.1"),
        ("", "'': is not WHERE:SHARE"),
        ("4-32", "'4-32': is not WHERE:SHARE"),
        ("-:1", "is not WHERE:SHARE"),
        (":1", "is not WHERE:SHARE"),
        ("4 8:1", "'4 8:1': is not WHERE:SHARE"),
        ("4--8:1", "is not WHERE:SHARE"),
        ("4-32:x", "'x' is no number"),
        ("4-32:", "'' is no number"),
        ("4-32:1.5", "the share 1.5 is not between 0 and 1"),
        ("4-32:-0.1", "the share -0.1 is not between 0 and 1"),
        ("4-32:nan", "the share nan is not between 0 and 1"),
        ("4-32:0,16:1", "'16:1': 16.0, 16.1 has a share already"),
        ("32-4:1", "the range runs backwards"),
        ("4-64:1", "there is no resolution 64; this model has 4, 8, 16, 32"),
        ("4-16.2:1", "there is no level 16.2"),
        ("4.0:1", "4.0 is the constant"),
    ],
)
def test_weights_that_cannot_be_used(spec, said):
    with pytest.raises(ParameterError) as caught:
        parse_weights(spec, levels2())
    assert said in str(caught.value)
    assert caught.value.hint is not None
    assert "4.1, 8.0, 8.1, 16.0, 16.1, 32.0, 32.1" in caught.value.hint


def test_all_faults_of_weights_are_listed():
    with pytest.raises(ParameterError) as caught:
        parse_weights("4:2,8:x,99:1", levels2())
    assert str(caught.value).count("\n  - ") == 3
