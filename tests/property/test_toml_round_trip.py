from __future__ import annotations

import math
import tomllib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from artstyle.recipes.writing import to_toml

scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.times()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
tables = st.dictionaries(st.text(), values, max_size=5)


@given(tables)
def test_what_is_written_reads_back_as_the_same(table):
    text = to_toml(table)
    again = tomllib.loads(text)
    assert again == table
    assert to_toml(again) == text


@given(tables)
def test_types_survive_too(table):
    def kinds(value):
        if isinstance(value, dict):
            return {key: kinds(item) for key, item in value.items()}
        return [kinds(item) for item in value] if isinstance(value, list) else type(value)

    assert kinds(tomllib.loads(to_toml(table))) == kinds(table)


def test_what_hypothesis_does_not_draw():
    assert math.isnan(tomllib.loads(to_toml({"x": math.nan}))["x"])
    assert tomllib.loads(to_toml({"x": (1, 2)})) == {"x": [1, 2]}
    assert to_toml({}) == ""
    with pytest.raises(TypeError, match="a key must be text: 3"):
        to_toml({3: "x"})
    with pytest.raises(TypeError, match="cannot say a object"):
        to_toml({"x": object()})
    with pytest.raises(TypeError, match="cannot say a NoneType"):
        to_toml({"x": None})
    with pytest.raises(UnicodeEncodeError):
        to_toml({"x": "\ud800"})


def test_it_looks_as_one_would_write_it_by_hand():
    table = {"a": 1, "t": {"b": [1, 2]}, "l": [{"x": "q\n"}, {"y": {"z": 0.5}}], "odd key": True}
    assert to_toml(table) == (
        'a = 1\n"odd key" = true\n\n[t]\nb = [1, 2]\n\n[[l]]\nx = "q\\n"\n\n[[l]]\n\n'
        "[l.y]\nz = 0.5\n"
    )
