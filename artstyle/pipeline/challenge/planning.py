"""What a challenge would do, decided before a network is loaded: models, swaps, baselines, place.

    plan = make_plan([Path("anna.jpg")], Options(), workspace)
    finished(plan)          # the record of an earlier run of just this, or None

The plan's identity is all that decides the files: the same identity and whole files mean that there
is nothing to do, which is known without importing torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from artstyle import __version__
from artstyle.errors import RunError, UsageError
from artstyle.events import Emit, ignore
from artstyle.files import sha256_of
from artstyle.names import shown
from artstyle.pipeline.challenge.baselines import Baseline, Kind, find_baselines
from artstyle.pipeline.challenge.drawing import Part
from artstyle.pipeline.challenge.finding import Finder
from artstyle.pipeline.challenge.models import Taken, find_base, find_styles
from artstyle.pipeline.challenge.photos import PhotoFile, list_photos
from artstyle.pipeline.challenge.preflight import Wish
from artstyle.pipeline.challenge.swaps import DEFAULT_RESOLUTION, swap_of
from artstyle.pipeline.generate.record import is_unchanged
from artstyle.weights import entry
from artstyle.weights.model_names import SUFFIX, kind_in, starter_folder
from artstyle.weights.places import weights_file

RECORD_NAME = "grid.json"
FORMAT = "artstyle challenge 1"
FOLDER = "challenge"  # of the workspace, where nothing else is said
_MAKING = 4  # raised when the same options would make other pictures


@dataclass(frozen=True)
class Look:
    """How the grid looks."""

    columns: int | None = None  # None: as suits the number of cells
    theme: Literal["light", "dark"] = "light"
    cell_px: int = 256
    title: str | None = None  # None: after the photos


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    base: str | None = None  # None: `people`, else the only model that others descend from
    styles: tuple[str, ...] | None = None  # None: all that descend from the base
    variant: str | None = None
    baselines: tuple[Kind, ...] | None = None  # None: the quick ones that ship
    baseline_styles: tuple[str, ...] | None = None  # None: for each its first
    strength: float | None = None  # None: each style's own
    resolution: int | None = None  # None: each style's own
    face: Wish = None
    steps: int | None = None  # of the projection; None: as many as suit
    tuning: int | None = None  # of the base, to each face; None: as many as suit
    seed: int | None = None  # of the styles' noise maps; None: the models' own
    device: str = "auto"
    look: Look = Look()


@dataclass(frozen=True)
class Plan:
    """What will be done."""

    photos: tuple[PhotoFile, ...]
    base: Taken
    styles: tuple[Taken, ...]
    detector: str
    out: Path
    options: Options
    identity: Mapping[str, Any]  # all that decides the files, in JSON types
    remarks: tuple[str, ...]  # fall-backs and other things that one should know
    parts: tuple[Part, ...] = ()  # the styles with their swaps; see `completed`
    baselines: tuple[Baseline, ...] = ()
    lacking: tuple[str, ...] = ()  # baselines that are not here


def make_plan(
    paths: Sequence[Path],
    options: Options,
    workspace: Path,
    out: Path | None = None,
    *,
    emit: Emit = ignore,
) -> Plan:
    """Decide what is to be done.

    Args:
        paths: photos.
        options: what was asked for.
        workspace: where models are looked for; need not be one.
        out: the folder; None: `challenge/NAME` of the workspace.
        emit: gets notes and warnings.

    Raises:
        UsageError: options that cannot be.
        WeightsError: a model is missing.
        RunError: the folder holds something else.
        EngineError: a model cannot be read.
    """
    if not paths:
        raise UsageError("no photo was given", hint="artstyle challenge photo.jpg")
    photos = tuple(list_photos(paths))
    base = find_base(options.base, workspace, emit=emit)
    styles = find_styles(base, workspace, wanted=options.styles, variant=options.variant, emit=emit)
    if options.resolution is not None and options.strength is not None:
        raise UsageError("--resolution and --strength say the same thing: give one of them")
    finder = Finder(base.preprocessing)
    remarks = [*_remarks(base), *([finder.remark] if finder.remark else [])]
    identity = {
        "artstyle": __version__,
        "making": _MAKING,
        "photos": [[photo.name, photo.sha256] for photo in photos],
        "base": base.model.lineage(),
        "encoder": _encoders(base, workspace),
        "baselines": None if options.baselines is None else list(options.baselines),
        "baseline_styles": _paintings(options.baseline_styles),
        "aids": [] if options.baselines == () else _aids(workspace),
        "styles": [[style.model.lineage(), _swap_sha256(style)] for style in styles],
        "strength": options.strength,
        "resolution": options.resolution,
        "detector": finder.name,
        "face": options.face,
        "steps": options.steps,
        "tuning": options.tuning,
        "seed": options.seed,
        "look": asdict(options.look),
    }
    return Plan(
        photos=photos,
        base=base,
        styles=styles,
        detector=finder.name,
        out=(out or _place(photos, workspace)).absolute(),
        options=options,
        identity=json.loads(json.dumps(identity)),
        remarks=tuple(remarks),
    )


def completed(plan: Plan, *, emit: Emit = ignore) -> Plan:
    """The plan with swaps and baselines, which may need torch to be told.

    Raises:
        UsageError: a model has no such resolution, or no baseline such a style.
    """
    options = plan.options
    parts = tuple(
        Part(
            style,
            swap_of(
                plan.base,
                style,
                resolution=options.resolution,
                strength=options.strength,
                emit=emit,
            ),
        )
        for style in plan.styles
    )
    baselines, lacking = find_baselines(options.baselines, options.baseline_styles, emit=emit)
    remarks = (*plan.remarks, *_default_swaps(plan.base, parts))
    return replace(plan, parts=parts, baselines=baselines, lacking=lacking, remarks=remarks)


def read_record(out: Path) -> dict[str, Any] | None:
    """The record of a challenge in a folder; None if there is none.

    Raises:
        RunError: the folder is a file, or its `grid.json` is something else's.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{shown(out)} is a file, not a folder", hint="name another --out")
    path = out / RECORD_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as fault:
        raise RunError(
            f"{shown(path)} cannot be read: {fault}", hint="move it away, or name another --out"
        ) from fault
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(
            f"{shown(path)} is no record of a challenge", hint="move it away, or name another --out"
        )
    return record


def finished(plan: Plan) -> dict[str, Any] | None:
    """The record of an earlier run of this plan, if all its files are there and unchanged.

    Raises:
        RunError: see `read_record`.
    """
    record = read_record(plan.out)
    if record is None or record.get("identity") != plan.identity:
        return None
    files = record.get("files", [])
    whole = all(is_unchanged(plan.out / entry["file"], entry) for entry in files)
    return record if files and whole else None


def _place(photos: Sequence[PhotoFile], workspace: Path) -> Path:
    """A folder after the photos that holds no challenge of other ones."""
    name = photos[0].name
    if len(photos) > 1:
        name = f"{name}-and-{len(photos) - 1}-more"
    digests = sorted(photo.sha256 for photo in photos)
    number = 1
    while True:
        place = workspace / FOLDER / (name if number == 1 else f"{name}-{number}")
        try:
            record = read_record(place)
        except RunError:
            number += 1
            continue
        if record is None or sorted(one[1] for one in record["identity"]["photos"]) == digests:
            return place
        number += 1


def _encoders(base: Taken, workspace: Path) -> list[str]:
    """Digests of what may be the base's encoder; which one fits is looked at when it is used."""
    name = f"{base.model.path.stem}-encoder{SUFFIX}"
    folders = (base.model.path.parent, workspace / "models", starter_folder())
    places = dict.fromkeys((folder / name).absolute() for folder in folders)
    return [sha256_of(place) for place in places if place.is_file()]


def _aids(workspace: Path) -> list[list[str]]:
    """Names and digests of what is no generator and may help to draw: networks, paintings."""
    folders = (workspace / "models", starter_folder())
    models = [path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))]
    files = [path for path in models if kind_in(path) is not None]
    files += sorted(path for path in (starter_folder() / "paintings").glob("*") if path.is_file())
    pulled = [weights_file(entry(name)) for name in ("vgg19", "vgg16")]
    found = [[path.name, sha256_of(path)] for path in files]
    return found + [  # half a gigabyte, which is verified where it is used
        [path.name, str(path.stat().st_size)] for path in pulled if path.is_file()
    ]


def _paintings(styles: Sequence[str] | None) -> list[list[str]] | None:
    """The baselines' styles, files with their digests."""
    if styles is None:
        return None
    return [[word, sha256_of(Path(word)) if Path(word).is_file() else ""] for word in styles]


def _swap_sha256(style: Taken) -> str:
    """The digest of what a search found for a style; "" if there was none."""
    from artstyle.pipeline.search.settings import swap_file

    path = swap_file(style.model.path)
    return sha256_of(path) if path.is_file() else ""


def _remarks(base: Taken) -> list[str]:
    """What the base's header leaves to be said."""
    alignment = base.preprocessing.get("alignment", "ffhq")
    if alignment == "ffhq":
        return []
    return [
        f"{base.name} was trained on pictures aligned as {alignment!r}; the photo is aligned as "
        "FFHQ's, so that it may come out askew"
    ]


def _default_swaps(base: Taken, parts: Sequence[Part]) -> list[str]:
    """Which styles are swapped in by default."""
    defaults = [part.style.title for part in parts if part.swap.came == "default"]
    if not defaults:
        return []
    return [
        f"no swap was searched for {', '.join(defaults)}: the style begins hard at "
        f"{DEFAULT_RESOLUTION} px ('artstyle blend {base.name} STYLE --search' finds a better one)"
    ]
