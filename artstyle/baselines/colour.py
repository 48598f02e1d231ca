"""Keeping the photo's colours while the painting's strokes are taken (Gatys et al. 2016, 2017).

Two ways. `luminance`: only brightness is transferred, and the photo's colour is laid over the
result. `histogram`: before the transfer the painting gets the photo's colours, as far as mean and
covariance go.

    style = prepared_style(style, content, "luminance")
    drawn = ...                                   # any method, from content and the prepared style
    drawn = with_kept_colours(drawn, content, "luminance")

Pictures are HWC uint8, [0, 255], RGB in sRGB; as in the papers, arithmetic is done on the coded
values and not on light.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError

Pixels: TypeAlias = NDArray[np.uint8]
KeptColour: TypeAlias = Literal["luminance", "histogram"]
KEPT_COLOURS: tuple[KeptColour, ...] = get_args(KeptColour)

# RGB -> YIQ of NTSC (1953), the space that Gatys et al. 2017, section 5, names.
RGB_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
)
YIQ_TO_RGB = np.linalg.inv(RGB_TO_YIQ)
# Added to variances, in units of full range squared: a third of a level of 255. Colours that a
# painting does not have are not made out of its rounding.
_LEAST_VARIANCE = (0.33 / 255) ** 2


def prepared_style(style: Pixels, content: Pixels, kept: KeptColour | None) -> Pixels:
    """The painting as the transfer shall see it.

    Args:
        style: the painting.
        content: the photo.
        kept: what of the photo's colours is kept; None leaves the painting as it is.

    Returns:
        With "luminance" a grey picture (three equal channels) that has the brightness's mean and
        spread of the photo; with "histogram" the painting in the photo's colours.
    """
    if kept == "luminance":
        return grey(match_luminance(luminance(style), luminance(content)))
    return match_colours(style, content) if kept == "histogram" else style


def prepared_content(content: Pixels, kept: KeptColour | None) -> Pixels:
    """The photo as the transfer shall see it: grey with "luminance", else as it is."""
    return grey(luminance(content)) if kept == "luminance" else content


def with_kept_colours(drawn: Pixels, content: Pixels, kept: KeptColour | None) -> Pixels:
    """What was drawn, with the photo's colour over it where only luminance was transferred.

    Args:
        drawn: the transfer's result.
        content: the photo, of the same size.
        kept: as given to `prepared_style`.

    Raises:
        ImageError: the sizes differ.
    """
    if kept != "luminance":
        return drawn
    if drawn.shape != content.shape:
        raise ImageError(
            f"a picture of {drawn.shape[1]}x{drawn.shape[0]} px cannot get the colours of one of"
            f" {content.shape[1]}x{content.shape[0]} px"
        )
    yiq = _unit(content) @ RGB_TO_YIQ.T
    yiq[..., 0] = luminance(drawn)
    return _pixels(yiq @ YIQ_TO_RGB.T)


def luminance(pixels: Pixels) -> NDArray[np.float64]:
    """Y of YIQ, HW, [0, 1]."""
    bright: NDArray[np.float64] = _unit(pixels) @ RGB_TO_YIQ[0]
    return bright


def grey(bright: NDArray[np.float64]) -> Pixels:
    """HW, [0, 1], as a picture with three equal channels; what lies beyond is clipped."""
    return np.repeat(_pixels(bright)[..., None], 3, axis=2)


def match_luminance(
    style: NDArray[np.float64], content: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The style's brightness with the content's mean and spread (Gatys et al. 2017, eq. 10).

    Args:
        style: HW, [0, 1].
        content: HW, [0, 1], of any size.

    Returns:
        HW; may leave [0, 1].
    """
    spread = np.sqrt((content.var() + _LEAST_VARIANCE) / (style.var() + _LEAST_VARIANCE))
    matched: NDArray[np.float64] = spread * (style - style.mean()) + content.mean()
    return matched


def match_colours(style: Pixels, content: Pixels) -> Pixels:
    """The style's picture with the mean and the covariance of the content's colours.

    Of all linear maps that do this, it is the one that moves colours least (Monge-Kantorovich;
    Pitie and Kokaram 2007): the only one that is symmetric and positive.

    Args:
        style: any size.
        content: any size.

    Returns:
        Of the style's size; colours beyond the range are clipped.
    """
    source, wanted = _unit(style).reshape(-1, 3), _unit(content).reshape(-1, 3)
    move = _transport(_covariance(source), _covariance(wanted))
    moved = (source - source.mean(axis=0)) @ move.T + wanted.mean(axis=0)
    return _pixels(moved.reshape(style.shape))


def _transport(source: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric A with A source A = wanted."""
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    return inverse @ _power(root @ wanted @ root, 0.5) @ inverse


def _covariance(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.cov(colours.T, bias=True)
    return found + _LEAST_VARIANCE * np.eye(3)


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """A power of a symmetric matrix that is not negative."""
    values, vectors = np.linalg.eigh(matrix)
    powered: NDArray[np.float64] = (vectors * values.clip(1e-15) ** exponent) @ vectors.T
    return powered


def _unit(pixels: Pixels) -> NDArray[np.float64]:
    return pixels / 255.0


def _pixels(values: NDArray[np.float64]) -> Pixels:
    levels: Pixels = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return levels
