"""Datasheets say what they were given, and refuse what does not add up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from artstyle.corpus.datasheet import Datasheet, SourceLine, datasheet_text
from artstyle.errors import CorpusError

SHEET = Datasheet(
    title="sintel",
    size_px=64,
    channels=3,
    splits={"train": 7, "held-out": 3},
    sources=[SourceLine("a|b.mkv", "CC BY 3.0", 9, "ab" * 32), SourceLine("c.png", "", 1)],
    filters={"blurred": 4},
    zip_name="sintel.zip",
    zip_sha256="12" * 32,
)


def test_a_sheet_says_counts_sources_licences_filters_and_splits():
    text = datasheet_text(SHEET)
    assert text.startswith("# sintel\n\n10 pictures of 64 x 64 px, RGB.\n")
    assert "| a\\|b.mkv | CC BY 3.0 | 9 | abababababab |" in text
    assert "| c.png | **not stated** | 1 | - |" in text
    assert "| held-out | 3 |" in text
    assert "| blurred | 4 |" in text
    assert "## Labels" not in text


@pytest.mark.parametrize("wrong", [{"splits": {"train": 8}}, {"labels": {"0": 9}}])
def test_what_does_not_add_up_is_refused(wrong):
    with pytest.raises(CorpusError, match="does not add up"):
        datasheet_text(replace(SHEET, **wrong))
