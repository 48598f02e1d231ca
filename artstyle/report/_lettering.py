"""Words in pictures: a font that is always there, measured, shortened, broken into lines.

Pillow carries a scalable font (Aileron) that knows little beyond ASCII. A word that needs more is
set in a font of the system if one has all its letters, else with the nearest plain letters.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from PIL import ImageDraw, ImageFont, features

from artstyle.errors import ImageError

# Looked for by name where the system keeps its fonts, in this order.
_SYSTEM_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf"),
    *("arial.ttf", "Helvetica.ttc", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc"),
    *("NotoSansCJKjp-Regular.otf", "Hiragino Sans GB.ttc", "msgothic.ttc", "msyh.ttc"),
)
# Letters that Unicode does not take apart, by their names: what stands for them in plain ones.
_PLAIN = {
    **{"\N{MULTIPLICATION SIGN}": "x", "\N{EN DASH}": "-", "\N{EM DASH}": "-"},
    **{
        "\N{MIDDLE DOT}": "-",
        "\N{BULLET}": "-",
        "\N{RIGHTWARDS ARROW}": ">",
        "\N{MICRO SIGN}": "u",
    },
    **{"\N{NO-BREAK SPACE}": " ", "\N{SOFT HYPHEN}": "", "\N{LATIN SMALL LETTER DOTLESS I}": "i"},
    **{"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l"},
    **{
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "≥": ">=",
        "≤": "<=",
    },
}
_UNKNOWN = "\uffff"  # no font has it: shows what a font draws for letters that it lacks

Align: TypeAlias = Literal["left", "middle", "right"]


@dataclass(frozen=True)
class Line:
    """One line of text, ready to be drawn: letters that its font has."""

    text: str
    font: ImageFont.FreeTypeFont

    @property
    def width_px(self) -> float:
        """From the first letter's left edge to where the pen stands after the last."""
        words = [self.font.getlength(word) for word in self.text.split(" ")]
        return sum(words) + self._space_px * (len(words) - 1)

    @property
    def _space_px(self) -> float:
        """A space that can be seen: the bundled font's own, kerned, all but vanishes."""
        return max(self.font.getlength("n n") - 2 * self.font.getlength("n"), 0.32 * self.font.size)

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        at_px: tuple[float, float],
        align: Align,
        colour: str,
    ) -> None:
        """Draw it; `at_px` is on its upper edge (the ascender line), where `align` says."""
        share = {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
        pen = at_px[0] - share * self.width_px
        for word in self.text.split(" "):
            # Whole pixels: letters at fractions of one are soft.
            canvas.text((round(pen), round(at_px[1])), word, colour, self.font, "la")
            pen += self.font.getlength(word) + self._space_px


def set_line(text: str, size_px: int, width_px: float | None = None) -> Line:
    """Text as one line, shortened with an ellipsis if it is too long.

    Args:
        text: what to write; line ends become spaces.
        size_px: of the letters.
        width_px: the room there is; None if there is no bound.

    Raises:
        ImageError: this Pillow was built without FreeType.
    """
    words = " ".join(text.split())
    line = _line(words, size_px)
    if width_px is None or line.width_px <= width_px:
        return line
    low, high = 0, len(words)  # the most letters that fit, with the ellipsis
    while low < high:
        middle = (low + high + 1) // 2
        if _line(words[:middle].rstrip() + "…", size_px).width_px <= width_px:
            low = middle
        else:
            high = middle - 1
    return _line(words[:low].rstrip() + "…", size_px)


def set_lines(text: str, size_px: int, width_px: float, most: int) -> list[Line]:
    """Text as lines broken between words, the last one shortened if there are more than `most`.

    Args:
        text: what to write; its own line ends are kept.
        size_px: of the letters.
        width_px: the room each line has.
        most: how many lines there may be.

    Raises:
        ImageError: this Pillow was built without FreeType.
    """
    broken: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and _line(longer, size_px).width_px > width_px:
                broken.append(line)
                line = word
            else:
                line = longer
        broken.append(line)
    if len(broken) > most:
        broken[most - 1 :] = [" ".join(broken[most - 1 :])]
    return [set_line(line, size_px, width_px) for line in broken]


def line_height_px(size_px: int) -> int:
    """The distance from one line to the next."""
    return round(size_px * 1.3)


def _line(text: str, size_px: int) -> Line:
    bundled = _bundled(size_px)
    if _has_all(bundled, text):
        return Line(text, bundled)
    for name in _SYSTEM_FONTS:
        font = _system(name, size_px)
        if font is not None and _has_all(font, text):
            return Line(text, font)
    return Line("".join(_plain(letter, bundled) for letter in text), bundled)


def _plain(letter: str, font: ImageFont.FreeTypeFont) -> str:
    """The nearest letters that a font has; a question mark if there are none."""
    if _has_all(font, letter):
        return letter
    if letter in _PLAIN:
        return _PLAIN[letter]
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    return bare if bare and _has_all(font, bare) else "?"


@cache
def _bundled(size_px: int) -> ImageFont.FreeTypeFont:
    if not features.check("freetype2"):
        raise ImageError(
            "this Pillow was built without FreeType, so that nothing can be written into pictures",
            hint="type 'pip install --force-reinstall pillow' to get the usual wheel",
        )
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise ImageError(f"this Pillow's own font is a {type(font).__name__}, which has one size")
    return font


@cache
def _system(name: str, size_px: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size_px)
    except OSError:
        return None


def _has_all(font: ImageFont.FreeTypeFont, text: str) -> bool:
    return all(letter == " " or _has(font, letter) for letter in set(text))


@cache
def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    missing, drawn = font.getmask(_UNKNOWN), font.getmask(letter)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)
