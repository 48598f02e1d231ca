"""The page of a challenge: one file, with before and after under a slider for every style.

Styles and script lie beside this module and are put into the page, so that it works from a
folder, from a mail, without a network. Pictures are in the page too, enlarged with Lanczos, unless
there are so many that it would grow beyond what a mail takes: then they are the cells beside it.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle import __version__
from artstyle.files import write_text
from artstyle.pipeline.challenge.planning import Look

Pixels = NDArray[np.uint8]

SHOWN_PX = 512  # what a picture in the page is enlarged to; larger ones stay as they are
MOST_INSIDE = 160  # pictures: about 5 MB; a guess
_QUALITY = 90
_FOLDER = "challenge_assets"


def write_page(
    path: Path, record: Mapping[str, Any], pixels: Mapping[Path, Pixels], look: Look
) -> None:
    """Write the page.

    Args:
        path: `index.html` in the challenge's folder.
        record: what `grid.json` will say.
        pixels: the cells by their files.
        look: the theme is the page's until its reader chooses.

    Raises:
        OSError: it cannot be written.
    """
    write_text(path, page_of(path.parent, record, pixels, look))


def page_of(out: Path, record: Mapping[str, Any], pixels: Mapping[Path, Pixels], look: Look) -> str:
    """The page as text; the arguments are those of `write_page`, `out` the folder."""
    inside = len(pixels) <= MOST_INSIDE
    addresses = {
        file.relative_to(out).as_posix(): (
            _inline(one) if inside else file.relative_to(out).as_posix()
        )
        for file, one in pixels.items()
    }
    title = look.title or "Art style challenge"
    parts = {
        "title": html.escape(title),
        "theme": look.theme,
        "images": "data:" if inside else "'self' file: data:",
        "css": _asset("page.css"),
        "js": _asset("page.js"),
        "people": "\n".join(_person(row, record, addresses) for row in record["rows"]),
        "notes": "\n".join(_notes(record)),
        "version": __version__,
    }
    text = _asset("page.html")
    for name, value in parts.items():
        text = text.replace(f"%%{name}%%", value)
    return text


def _asset(name: str) -> str:
    return resources.files("artstyle.report").joinpath(_FOLDER, name).read_text(encoding="utf-8")


def _inline(pixels: Pixels) -> str:
    """A picture as an address that holds it."""
    from artstyle.images import encode_jpeg, resize_lanczos

    side = max(SHOWN_PX, pixels.shape[0])
    data = encode_jpeg(resize_lanczos(pixels, side, side), quality=_QUALITY, srgb=False)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def _person(row: Mapping[str, Any], record: Mapping[str, Any], addresses: Mapping[str, str]) -> str:
    """A person's part of the page."""
    cells = row["cells"]
    photo = addresses[cells[0]["file"]]
    projection = addresses[cells[1]["file"]]
    name = html.escape(row["name"].replace("_", " "))
    figures = _still(cells[0], photo, name) + "\n".join(
        _figure(cell, record, photo, projection, addresses[cell["file"]], name)
        for cell in cells[1:]
    )
    remarks = "".join(f"<li>{html.escape(remark)}</li>" for remark in row["remarks"])
    return (
        f'<section class="person" aria-label="{name}">\n<header><h2>{name}</h2>'
        f"{f'<ul class=remarks>{remarks}</ul>' if remarks else ''}</header>\n"
        f'<div class="cells">\n{figures}\n</div>\n</section>'
    )


def _still(cell: Mapping[str, Any], photo: str, person: str) -> str:
    """The photo by itself."""
    return (
        f'<figure class="cell still">\n<div class="compare"><img class="after" src="{photo}" '
        f'alt="{person}: the photo, aligned"></div>\n<figcaption><b>photo</b>'
        f'<a href="{html.escape(cell["file"])}" download>PNG</a></figcaption>\n</figure>\n'
    )


def _figure(  # noqa: PLR0917 - as its one caller has them
    cell: Mapping[str, Any],
    record: Mapping[str, Any],
    photo: str,
    projection: str,
    after: str,
    person: str,
) -> str:
    """One cell: the picture, the photo under a slider, words."""
    title = html.escape(cell["title"])
    label = html.escape(f"{cell['title']}: how much of the photo is shown")
    like = cell["likeness"]
    badge = ""
    if like is not None:
        lost = like["lost"]
        words = f"{like['to_photo']:.2f}" + (" likeness lost" if lost else "")
        said = "distance to the photo"
        badge = f'<span class="figure{" lost" if lost else ""}" title="{said}">{words}</span>'
    detail = html.escape(_detail(cell, record))
    before = f'<img class="before photo" src="{photo}" alt="the photo">' + (
        f'<img class="before projection" src="{projection}" alt="the projection">'
        if cell["what"] != "projection"
        else ""
    )
    return (
        f'<figure class="cell {cell["what"]}">\n<div class="compare">'
        f'<img class="after" src="{after}" alt="{person}: {title}">{before}'
        f'<span class="bar" aria-hidden="true"></span>'
        f'<input type="range" min="0" max="100" value="0" step="1" aria-label="{label}"></div>\n'
        f"<figcaption><b>{title}</b>{badge}<small>{detail}</small>"
        f'<a href="{html.escape(cell["file"])}" download>PNG</a></figcaption>\n</figure>'
    )


def _detail(cell: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """One line about how a cell was made."""
    base = record["base"]
    if cell["what"] == "projection":
        return f"the photo as {base['title']} ({base['resolution']} px) draws it"
    if cell["what"] == "style":
        card = next(one for one in record["styles"] if one["name"] == cell["name"])
        return f"{card['resolution']} px, {card['swap']['words']}; {card['licence']}"
    card = next(one for one in record["baselines"] if one["name"] == cell["name"])
    return "; ".join(str(card[key]) for key in ("perception", "licence") if card.get(key))


def _notes(record: Mapping[str, Any]) -> Iterator[str]:
    """What stands at the foot of the page."""
    like = record["likeness"]
    if like["measured_in"]:
        yield (
            f"<p>Figures are distances to the photo in {html.escape(like['measured_in'])}, at the "
            f"size of the cell: two photos of one person lie below {like['threshold']:g}, those of "
            "two people around 0.8. The network was trained on photos and sees less in drawn "
            "faces.</p>"
        )
    for remark in record["fall_backs"]:
        yield f"<p>{html.escape(remark[0].upper() + remark[1:])}.</p>"
    for one in record["skipped"]:
        yield f"<p>Left out: {html.escape(one['reason'])}</p>"
    yield f"<p>Licences: {html.escape(record['licence']['combined'])}</p>"
    command = " ".join(json.dumps(word) if " " in word else word for word in record["command"])
    if command:
        yield f"<p><code>{html.escape(command)}</code></p>"
