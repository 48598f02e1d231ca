"""From the colours a file holds to sRGB: modes, alpha, colour profiles.

Colours come out as sRGB, [0, 255]. Where a profile is embedded, LittleCMS converts with the
relative colorimetric intent and black point compensation, as image editors do; a profile that does
what sRGB does (within 2 of 255) changes nothing. PNG's gAMA and cHRM chunks are not looked at.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from artstyle.images.samples import transparent_sample
from artstyle.names import shown

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SAME_WITHIN = 2  # of 255: what separates one maker's sRGB profile from another's
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB": "LAB"}  # profile's -> Pillow's name
_ALPHA_MODES = {"LA": "LA", "La": "LA", "PA": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA"}


def split_alpha(
    picture: PillowImage.Image, stored: str
) -> tuple[PillowImage.Image, NDArray[np.uint8] | None]:
    """Separate a decoded picture into colour and transparency.

    Args:
        picture: of at most eight bits per sample.
        stored: Pillow's name of the samples in the file, e.g. "RGB;16B".

    Returns:
        The colours in mode L, RGB, CMYK or LAB; and the alpha plane, HW uint8, 255 opaque, or
        None where every pixel is opaque.
    """
    whole = _with_alpha(picture, stored)
    if whole is None:
        keep = picture.mode in ("L", "RGB", "CMYK", "LAB")
        return (picture if keep else picture.convert(_opaque_mode(picture))), None
    alpha = np.asarray(whole.getchannel("A"))
    colour = whole.convert("L" if whole.mode == "LA" else "RGB")
    return colour, (None if alpha.min() == 255 else alpha)


def _with_alpha(picture: PillowImage.Image, stored: str) -> PillowImage.Image | None:
    """The picture as LA or RGBA; None if it knows no transparency."""
    if picture.mode in _ALPHA_MODES:
        return picture.convert(_ALPHA_MODES[picture.mode])
    palette = picture.palette
    if picture.mode == "P" and palette is not None and palette.mode.endswith("A"):
        return picture.convert("RGBA")
    if "transparency" not in picture.info or picture.mode not in ("1", "L", "P", "RGB"):
        return None
    value = transparent_sample(picture.info["transparency"], stored)
    if value is None:
        return None
    copy = picture.copy()
    copy.info["transparency"] = value
    return copy.convert("RGBA")


def _opaque_mode(picture: PillowImage.Image) -> str:
    return "L" if picture.mode == "1" else "RGB"


def to_srgb(
    colour: PillowImage.Image, profile: bytes | None, notes: list[str]
) -> PillowImage.Image:
    """Bring colours to sRGB.

    Args:
        colour: mode L, RGB, CMYK or LAB.
        profile: the ICC profile of the file, if it has one.
        notes: what was done is appended here.

    Returns:
        A picture of mode RGB.
    """
    if colour.mode == "LAB":
        notes.append("CIELAB converted to sRGB")
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return _converted(colour, _transform(lab, "LAB"))
    if profile:
        try:
            return _by_profile(colour, profile, notes)
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            notes.append("damaged ICC profile ignored")
        except ImportError:
            notes.append("ICC profile ignored: this Pillow was built without LittleCMS")
    return _without_profile(colour, notes)


def _by_profile(colour: PillowImage.Image, icc: bytes, notes: list[str]) -> PillowImage.Image:
    """Convert as the profile says, if it fits the picture and is not sRGB anyway."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    mode = _SPACES.get(profile.profile.xcolor_space.strip().upper())
    if mode == "RGB" and colour.mode == "L":
        colour = colour.convert("RGB")
    name = shown(ImageCms.getProfileDescription(profile).strip()) or "unnamed"
    if mode != colour.mode:
        notes.append(f'ICC profile "{name}" is not for {colour.mode} pictures: ignored')
        return _without_profile(colour, notes)
    transform = _transform(profile, mode)
    if mode in ("RGB", "L") and _changes_nothing(transform, mode):
        return colour.convert("RGB")
    notes.append(f'ICC profile "{name}" converted to sRGB')
    if mode == "CMYK":
        notes.append("CMYK converted")
    return _converted(colour, transform)


def _without_profile(colour: PillowImage.Image, notes: list[str]) -> PillowImage.Image:
    if colour.mode == "CMYK":
        notes.append("CMYK converted without a colour profile")
    return colour.convert("RGB")


def _transform(profile: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.buildTransform(profile, target, mode, "RGB", _INTENT, _FLAGS)


def _converted(
    colour: PillowImage.Image, transform: ImageCms.ImageCmsTransform
) -> PillowImage.Image:
    result = ImageCms.applyTransform(colour, transform)
    if result is None:  # only when it works in place, which was not asked for
        raise ValueError("LittleCMS gave no picture")
    return result


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform leaves a grid of colours where they are."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    if mode == "L":
        probe = steps[None]
        expected = np.repeat(probe[..., None], 3, axis=2)
    else:
        probe = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
        probe = probe.reshape(len(steps), -1, 3)
        expected = probe
    result = np.asarray(_converted(PillowImage.fromarray(probe), transform))
    return int(np.abs(result.astype(int) - expected).max()) <= _SAME_WITHIN


def blend(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], matte: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Lay a picture over one colour: round((c a + m (255 - a)) / 255), in sRGB values.

    Args:
        rgb: HWC uint8, straight (not premultiplied) colours.
        alpha: HW uint8, 255 opaque.
        matte: the colour behind, RGB, [0, 255].

    Returns:
        HWC uint8.
    """
    result = np.empty_like(rgb)
    over = alpha.astype(np.uint16)
    for channel, behind in enumerate(matte):  # a channel at a time: a third of the memory
        mixed = rgb[..., channel] * over + np.uint16(behind) * (255 - over)
        result[..., channel] = (mixed + 127) // 255
    return result
