"""Names of crops and their folders: readable, and such that no file system chokes on them."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_LONGEST = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")  # devices of Windows, as names of files


def slug(text: str, *, otherwise: str = "unnamed") -> str:
    """The text as a-z, 0-9 and -, at most 60 of them; accents are taken off.

    Args:
        text: anything.
        otherwise: what stands for a text of which nothing is left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST].strip("-") or otherwise
    return f"{name}-" + "file" if _RESERVED.fullmatch(name) else name


def style_name(path: Path) -> str:
    """The name of a style that is made of this film, folder or sheet."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a link is called what it is called
    return slug(absolute.name if absolute.is_dir() else absolute.stem, otherwise="style")


def source_folder(path: Path, sha256: str) -> str:
    """Where the crops of a film or a sprite sheet lie, below `crops/`."""
    return f"{slug(path.stem, otherwise='source')}-{sha256[:8]}"


def pictures_folder(folder: Path) -> str:
    """Where the crops of a folder of pictures lie, below `crops/`."""
    return slug(Path(os.path.abspath(folder)).name, otherwise="pictures")  # noqa: PTH100 - as typed


def picture_names(relative: Sequence[Path]) -> list[str]:
    """Names for the crops of pictures, by their places below a folder, without a suffix.

    Names that would be alike, for instance of `1.png` and `1.jpg`, get digits of their own.
    """
    plain = [slug(os.fspath(path.with_suffix("")), otherwise="picture") for path in relative]
    times: dict[str, int] = {}
    for name in plain:
        times[name] = times.get(name, 0) + 1
    return [
        name if times[name] == 1 else f"{name}-{digits(os.fspath(path))}"
        for name, path in zip(plain, relative, strict=True)
    ]


def digits(*texts: str) -> str:
    """Six digits that stand for these texts."""
    joined = "\n".join(texts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(joined).hexdigest()[:6]


def moment(pts_s: float) -> str:
    """A time in a film as part of a name: `0-12-03.480`."""
    total_ms = round(abs(pts_s) * 1000)
    hours, rest = divmod(total_ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, thousandths = divmod(rest, 1000)
    sign = "minus-" if pts_s < 0 and total_ms else ""
    return f"{sign}{hours}-{minutes:02}-{seconds:02}.{thousandths:03}"
