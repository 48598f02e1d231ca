"""A small film and a folder of drawn faces to be curated, and what of it must be found."""

from __future__ import annotations

from pathlib import Path

from artstyle.catalog import Catalog, open_catalog
from support.crops import Shown, drawn_face, put_crops

STYLE = "drawn"
PEOPLE = 20


def fill(workspace: Path, *, size_px: int = 64) -> dict[str, list[int]]:
    """Crops that are good, and some with a fault each; gives their ids by what they are."""
    with open_catalog(workspace) as catalog:
        return add_all(catalog, size_px=size_px)


def add_all(catalog: Catalog, *, size_px: int = 64) -> dict[str, list[int]]:
    """The crops of `fill`."""

    def face(seed: int, **how: float) -> object:
        return drawn_face(seed, size_px, **how)  # type: ignore[arg-type]

    def picture(name: str, rgb: object, **quality: object) -> Shown:
        return Shown(rgb, source=f"pictures/{name}.png", quality=quality)  # type: ignore[arg-type]

    good = [picture(f"good{seed}", face(seed)) for seed in range(PEOPLE)]
    film = [
        Shown(
            face(100 + shot, shift_px=(0.3 * at, 0)),  # type: ignore[arg-type]
            source="films/a.mkv",
            pts_s=10.0 * shot + at,
            shot=shot,
            quality={"appearance": f"{shot}-1"},
        )
        for shot in range(5)
        for at in range(3)
    ]
    return {
        "good": put_crops(catalog, STYLE, good),
        "copy": put_crops(catalog, STYLE, [picture("copy", face(3, gain=1.03), face_px=60.0)]),
        "turned": put_crops(catalog, STYLE, [picture("turned", face(50), yaw_deg=70.0)]),
        "soft": put_crops(catalog, STYLE, [picture("soft", face(51, blur_px=4.0))]),
        "dark": put_crops(catalog, STYLE, [picture("dark", face(52, gain=0.06))]),
        "film": put_crops(catalog, STYLE, film, kind="film"),
    }


def state(workspace: Path) -> list[tuple[object, ...]]:
    """All that was decided and measured, without times: what two runs must agree on."""
    with open_catalog(workspace) as catalog:
        catalog.check()
        decided = catalog.rows(
            'SELECT crop, action, value, reason, figure, "by", batch, undoes FROM decision'
            " ORDER BY id"
        )
        return decided + catalog.rows("SELECT id, quality FROM face ORDER BY id")
