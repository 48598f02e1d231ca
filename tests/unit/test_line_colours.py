from __future__ import annotations

from artstyle.report.line_colours import line_colour


def test_fourteen_lines_have_fourteen_colours():
    colours = [line_colour(number) for number in range(14)]
    assert len(set(colours)) == 14
    assert colours[0] == "#0072B2"
    assert colours[13] == "#8C8C8C"  # black, 0.55 of the way to white
    assert line_colour(14) == colours[0]
