"""The whole of a challenge: photos in; a grid, its cells, a page and a record out.

    made = make_challenge([Path("anna.jpg")], Options(), workspace)
    made.out / "grid.png"

Everything is written atomically and the record last: a run that was killed is taken up where it
stopped, and one that is finished is found finished without a network being loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from artstyle import __version__
from artstyle.errors import ArtstyleError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.files import write_bytes
from artstyle.locks import locked
from artstyle.names import shown
from artstyle.pipeline.challenge import likeness
from artstyle.pipeline.challenge.baselines import draw_baselines
from artstyle.pipeline.challenge.catalogued import tell_catalog
from artstyle.pipeline.challenge.drawing import Cell, Drawer, draw_styles, keep_or_write
from artstyle.pipeline.challenge.finding import Finder
from artstyle.pipeline.challenge.licences import combined
from artstyle.pipeline.challenge.planning import (
    Options,
    Plan,
    completed,
    finished,
    make_plan,
    read_record,
)
from artstyle.pipeline.challenge.preflight import Checked, Ready, check_photo
from artstyle.pipeline.challenge.projecting import How, Projected, project_faces
from artstyle.pipeline.challenge.record import (
    CellFact,
    Clock,
    Row,
    begin,
    build_record,
    file_entry,
    licence_parts,
    sweep,
    write_record,
)
from artstyle.report.challenge_faces import draw_faces
from artstyle.report.challenge_page import write_page
from artstyle.report.challenge_sheet import Tile, TileRow, check_look, draw_grid

GRID, PAGE, CELLS = "grid.png", "index.html", "cells"
_LOCK = ".challenge.lock"
_NUMBERS = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)


@dataclass(frozen=True, eq=False)
class Made:
    """What a challenge came to."""

    out: Path
    record: Mapping[str, Any]  # what grid.json says
    was_done: bool  # an earlier run had made just this
    faces_pictures: tuple[Path, ...] = ()  # photos with several faces, numbered


def make_challenge(
    paths: Sequence[Path],
    options: Options,
    workspace: Path,
    out: Path | None = None,
    *,
    command: Sequence[str] = (),
    emit: Emit = ignore,
) -> Made:
    """Redraw people in every style, and put it all into one grid.

    Args:
        paths: photos; bad ones are told and left out.
        options: what was asked for.
        workspace: where models are looked for; if it is one, its catalog learns of everything.
        out: the folder; None: `challenge/NAME` of the workspace.
        command: the words of the command line, for the record.
        emit: gets progress, notes and warnings.

    Raises:
        UsageError: options that cannot be.
        ArtstyleError: no photo can be used.
        EngineError: a model cannot be used.
        OSError: something cannot be written.
    """
    clock = Clock()
    with clock.stage("plan"):
        plan = make_plan(paths, options, workspace, out, emit=emit)
        record = finished(plan)
        if record is not None:
            return Made(plan.out, record, was_done=True)
        plan = completed(plan, emit=emit)
    check_look(options.look, len(plan.photos), 2 + len(plan.parts) + len(plan.baselines))
    plan.out.mkdir(parents=True, exist_ok=True)
    with locked(plan.out / _LOCK, wait_s=0):
        return _Challenge(plan, workspace, tuple(command), clock, emit).make()


def look_at_photos(plan: Plan, emit: Emit = ignore) -> list[Checked]:
    """The pre-flight of all photos; nothing is written."""
    finder = Finder(plan.base.preprocessing)
    checked = []
    for number, photo in enumerate(plan.photos):
        emit(Progress("look", number, len(plan.photos), "photos", photo.name))
        checked.append(
            check_photo(
                photo,
                finder,
                resolution=plan.base.model.resolution,
                wish=plan.options.face,
                alone=len(plan.photos) == 1,
            )
        )
    emit(Progress("look", len(plan.photos), len(plan.photos), "photos"))
    return checked


class _Challenge:
    """One challenge on its way."""

    def __init__(
        self, plan: Plan, workspace: Path, command: tuple[str, ...], clock: Clock, emit: Emit
    ) -> None:
        self.plan, self.workspace, self.command = plan, workspace, command
        self.clock, self.emit = clock, emit
        self.out = plan.out
        self._device = ""

    def make(self) -> Made:
        plan, clock = self.plan, self.clock
        old = read_record(self.out)
        with clock.stage("look at the photos"):
            checked = look_at_photos(plan, self.emit)
            pictures = self._tell(checked)
        faces = [ready for one in checked for ready in one.ready]
        if not faces:
            raise _nothing(checked, pictures)
        begin(self.out, old)
        for remark in plan.remarks:
            self.emit(Note(remark))
        with clock.stage("project"):
            how = How(tuple(plan.identity["encoder"]), plan.options.steps, plan.options.tuning)
            projected = project_faces(
                faces,
                plan.base,
                how,
                self.out,
                self.workspace,
                device=self.device,
                emit=self.emit,
            )
        with clock.stage("draw styles"):
            styles, left_out = draw_styles(
                Drawer(plan.base, self.device, plan.options.seed),
                plan.parts,
                projected,
                [
                    [self._cell(face, part.style.name, faces) for face in faces]
                    for part in plan.parts
                ],
                emit=self.emit,
            )
        kept = tuple(part for part in plan.parts if part.style.name in styles)
        plan = self.plan = replace(plan, parts=kept)
        with clock.stage("draw baselines"):
            baselines, cards = draw_baselines(
                plan.baselines,
                faces,
                [[self._cell(face, one.name, faces) for face in faces] for one in plan.baselines],
                emit=self.emit,
            )
        rows = self._rows(faces, projected, list(styles.values()), baselines)
        record = build_record(
            plan,
            [row for row, _ in rows],
            checked,
            cards,
            left_out=left_out,
            command=self.command,
        )
        with clock.stage("draw the grid"):
            write_bytes(self.out / GRID, self._grid(rows, cards, record))
        with clock.stage("write the page"):
            write_page(self.out / PAGE, record, {**_pixels(rows)}, plan.options.look)
        return self._finish(record, old, rows, pictures)

    def device(self) -> str:
        """Where to compute; loads torch."""
        if not self._device:
            with self.clock.stage("load torch"):
                from artstyle.machine import choose_device

                self._device = choose_device(self.plan.options.device)
        return self._device

    def _tell(self, checked: Sequence[Checked]) -> tuple[Path, ...]:
        """Say what is wrong with photos, and show the faces where there is a choice."""
        from artstyle.images import write_png

        pictures = []
        for one in checked:
            if one.found is not None and len(one.found.seen) > 1:
                path = self.out / f"faces-{one.photo.name}.png"
                write_png(path, draw_faces(one.found))
                pictures.append(path)
            remarks = [*one.remarks, *(remark for ready in one.ready for remark in ready.remarks)]
            for remark in remarks:
                self.emit(Note(remark, "warning"))
            if one.refusal is not None and len(checked) > 1:
                hint = f" ({one.refusal.hint})" if one.refusal.hint else ""
                self.emit(Note(f"left out: {one.refusal.message}{hint}", "warning"))
        return tuple(pictures)

    def _cell(self, face: Ready, what: str, faces: Sequence[Ready]) -> Path:
        """The file of a cell; with several people the person's name stands in front."""
        return self.out / CELLS / (f"{face.name}-{what}.png" if len(faces) > 1 else f"{what}.png")

    def _rows(
        self,
        faces: Sequence[Ready],
        projected: Sequence[Projected],
        styles: Sequence[Sequence[Cell]],
        baselines: Sequence[Sequence[Cell]],
    ) -> list[tuple[Row, list[Cell]]]:
        """Every person's cells in the grid's order, with their likeness."""
        plan = self.plan
        names = [("style", part.style.name, part.style.title) for part in plan.parts]
        names += [("baseline", one.name, one.title) for one in plan.baselines]
        shown: list[list[Cell]] = []
        for number, (face, latent) in enumerate(zip(faces, projected, strict=True)):
            photo = keep_or_write(
                self._cell(face, "photo", faces),
                {"what": "aligned photo", "photo_sha256": face.photo.sha256, **face.facts()},
                lambda face=face: face.shown,
            )
            projection = keep_or_write(
                self._cell(face, "projection", faces),
                {"what": "projection", "key": latent.key},
                lambda latent=latent: latent.image,
            )
            shown.append([photo, projection, *(column[number] for column in (*styles, *baselines))])
        rows = []
        for face, latent, cells, (own, others) in zip(
            faces, projected, shown, self._likenesses(shown), strict=True
        ):
            facts = [
                CellFact("photo", "photo", "photo", cells[0].file),
                CellFact("projection", "projection", "projection", cells[1].file, own),
            ]
            facts += [
                CellFact(what, name, title, cell.file, like)
                for (what, name, title), cell, like in zip(names, cells[2:], others, strict=True)
            ]
            rows.append((Row(face, latent, tuple(facts)), cells))
        return rows

    def _likenesses(
        self, rows: Sequence[Sequence[Cell]]
    ) -> Sequence[tuple[likeness.Likeness | None, Sequence[likeness.Likeness | None]]]:
        """Of everybody's projection, and of their cells; None where it cannot be measured."""
        with self.clock.stage("measure likeness"):
            if likeness.lack():
                return [(None, [None] * (len(cells) - 2)) for cells in rows]
            pixels = [[cell.pixels for cell in cells] for cells in rows]
            return likeness.likenesses([(one[0], one[1], one[2:]) for one in pixels])

    def _grid(
        self,
        rows: Sequence[tuple[Row, list[Cell]]],
        cards: Sequence[Mapping[str, Any]],
        record: Mapping[str, Any],
    ) -> bytes:
        from artstyle.images import encode_png
        from artstyle.pipeline.generate.record import KEYWORD, lineage_text

        tiles = [
            TileRow(
                row.face.name.replace("_", " "),
                tuple(_tile(fact, cell) for fact, cell in zip(row.cells, cells, strict=True)),
            )
            for row, cells in rows
        ]
        foot = _foot(record, combined(licence_parts(self.plan, cards)))
        look = self.plan.options.look
        grid = draw_grid(
            tiles,
            look,
            title=look.title or _title(self.plan, [row.face for row, _ in rows]),
            foot=foot,
        )
        words = {
            "Software": f"artstyle {__version__}",
            KEYWORD: lineage_text({"what": "grid of a challenge", **self.plan.identity}),
        }
        return encode_png(grid, text=words, only_runs=True)  # 3 times as quick, 5 % larger

    def _finish(
        self,
        record: dict[str, Any],
        old: Mapping[str, Any] | None,
        rows: Sequence[tuple[Row, list[Cell]]],
        pictures: Sequence[Path],
    ) -> Made:
        """Name all files, tell the catalog, and write the record last."""
        files = [file_entry(self.out, row.projected.file, "latent") for row, _ in rows]
        files += [
            file_entry(self.out, fact.file, fact.what) for row, _ in rows for fact in row.cells
        ]
        files += [file_entry(self.out, path, "faces") for path in pictures]
        files += [file_entry(self.out, self.out / GRID, "grid")]
        files += [file_entry(self.out, self.out / PAGE, "page")]
        record = {**record, "files": files}
        with self.clock.stage("tell the catalog"):
            tell_catalog(self.workspace, self.out, record)
        sweep(self.out, old, record)
        record = {**record, "device": self._device or None, "seconds": self.clock.card()}
        write_record(self.out, record)
        return Made(self.out, record, was_done=False, faces_pictures=tuple(pictures))


def _pixels(rows: Sequence[tuple[Row, list[Cell]]]) -> dict[Path, Any]:
    return {cell.file: cell.pixels for _, cells in rows for cell in cells}


def _tile(fact: CellFact, cell: Cell) -> Tile:
    group = {"style": "styles", "baseline": "baselines"}.get(fact.what, "person")
    if fact.likeness is None:
        return Tile(cell.pixels, fact.title, group)
    figure = f"{fact.likeness.to_photo:.2f}"
    if fact.likeness.is_lost:
        figure += ", likeness lost"
    return Tile(cell.pixels, fact.title, group, figure, fact.likeness.is_lost)


def _title(plan: Plan, faces: Sequence[Ready]) -> str:
    who = faces[0].name.replace("_", " ") if len(faces) == 1 else f"{_number(len(faces))} people"
    styles = len(plan.parts)
    return f"{who} in {_number(styles)} style{'s' * (styles != 1)}"


def _number(count: int) -> str:
    """A small number in words."""
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count:,}"


def _foot(record: Mapping[str, Any], licence: str) -> list[str]:
    """What stands below the grid."""
    said = []
    if record["likeness"]["measured_in"]:
        said.append(
            f"Figures: distance to the photo in {record['likeness']['measured_in']}, at the size "
            f"of the cell; two photos of one person lie below {likeness.THRESHOLD:g}."
        )
    if record["fall_backs"]:
        said.append(" ".join(f"{_sentence(remark)}." for remark in record["fall_backs"]))
    base = record["base"]
    made = f"artstyle {__version__}, base {base['title']}, {base['resolution']} px."
    return [*said, f"Licences: {licence}. {made}"]


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _nothing(checked: Sequence[Checked], pictures: Sequence[Path]) -> ArtstyleError:
    """The error when no photo can be used."""
    refusals = [one.refusal for one in checked if one.refusal is not None]
    see = f"; the faces are numbered in {shown(pictures[0])}" if pictures else ""
    if len(refusals) == 1:
        only = refusals[0]
        return ArtstyleError(only.message, hint=f"{only.hint or ''}{see}".lstrip("; ") or None)
    return ArtstyleError(
        f"none of {len(refusals)} photos can be used, as said above",
        hint="the first: " + refusals[0].message + see,
    )
