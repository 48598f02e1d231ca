"""Models that a training writes: snapshots of the average, the latest whole, and the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from artstyle import files, jsonlines
from artstyle.events import Emit, Note
from artstyle.pipeline.train.plan import Plan
from artstyle.runs import Run
from stylegan_ext.records import KINDS, ModelFile, NetworkRecord, Provenance

if TYPE_CHECKING:
    from stylegan_ext.networks import Generator
    from stylegan_ext.training.loop import Training

LATEST, BEST = "latest.safetensors", "best.safetensors"
Told: TypeAlias = Callable[[Path, float], None]  # a model's file, and its kimg


class Measure(Protocol):
    """How good a generator is."""

    @property
    def name(self) -> str:
        """What the figure is called: `kid` only where it is one."""

    def __call__(self, generator: Generator, /) -> float:
        """Less is better; takes nothing from torch's dice."""


def ignore_model(path: Path, kimg: float) -> None:
    """The listener of those who do not listen."""


@dataclass
class Snapshots:
    """The models of a run.

    Args:
        run: its folder.
        plan: what is trained.
        networks: the constructors' arguments of G and D.
        command: the words of the command line.
        measure: how good a snapshot is; None: the last is the best.
        told: told of every file that was written.
    """

    run: Run
    plan: Plan
    networks: dict[str, dict[str, Any]]
    command: str
    emit: Emit
    measure: Measure | None = None
    told: Told = ignore_model
    best: dict[str, Any] = field(default_factory=dict)  # file, kimg, value
    measured_at_kimg: float = 0.0

    def take(self, training: Training, kimg: str) -> Path:
        """Write the averaged generator as `network-snapshot-KIMG`, and measure it."""
        path = self.run.folder / f"network-snapshot-{kimg}.safetensors"
        self._write(path, training, ("G_ema",))
        self.told(path, training.nimg / 1000)
        self.write_latest(training)
        if self.measure is not None:
            value = self.measure(training.average)
            self._compare(self.measure.name, path, training.nimg / 1000, value)
        return path

    def write_latest(self, training: Training) -> Path:
        """Write all networks, as a base for other trainings."""
        path = self.run.folder / LATEST
        self._write(path, training, ("G_ema", "G", "D"))
        return path

    def _compare(self, name: str, path: Path, kimg: float, value: float) -> None:
        row = {"snapshot": path.name, "kimg": kimg, "value": value}
        jsonlines.append(self.run.folder / f"metric-{name}.jsonl", row)
        self.measured_at_kimg = kimg
        is_best = not self.best or value < self.best["value"]
        self.emit(Note(f"{name} {value:.4g}" + (", the best so far" if is_best else "")))
        if is_best:
            self.best = row
            files.write_bytes(self.run.folder / BEST, path.read_bytes())

    @property
    def has_lost_patience(self) -> bool:
        """Whether the metric has not become better for as long as the recipe waits."""
        patience = self.plan.recipe.patience_kimg
        if patience is None or not self.best:
            return False
        return self.measured_at_kimg - float(self.best["kimg"]) >= patience

    def state(self) -> dict[str, Any]:
        """What a resumed training has to know; JSON types."""
        return {"best": self.best, "measured_at_kimg": self.measured_at_kimg}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best = dict(state["best"])
        self.measured_at_kimg = float(state["measured_at_kimg"])

    def _write(self, path: Path, training: Training, names: tuple[str, ...]) -> None:
        from stylegan_ext.checkpoint import write_model

        kinds = {"G": KINDS[0], "G_ema": KINDS[0], "D": KINDS[1]}
        records = {
            name: NetworkRecord(
                kinds[name],
                self.networks["D" if name == "D" else "G"],
                dict(training.networks[name].state_dict()),
            )
            for name in names
        }
        write_model(path, ModelFile(records, self._provenance(training)))

    def _provenance(self, training: Training) -> Provenance:
        plan, base = self.plan, self.plan.base
        parents = (
            () if base is None else ({"name": base.name, "sha256": base.sha256, "role": "base"},)
        )
        notes: dict[str, Any] = {
            "name": f"{plan.recipe.style} {plan.corpus.resolution} px",
            "kimg": round(training.nimg / 1000, 3),
            "command": self.command,
            "dataset": plan.dataset.name,
            "dataset_sha256": plan.dataset_sha256,
            "pictures": len(plan.corpus),
            "run": self.run.folder.name,
            "style": plan.recipe.style,
        }
        if plan.classes:
            notes["classes"] = list(plan.classes)
        inherited = {} if base is None else dict(base.model.provenance.preprocessing)
        return Provenance(
            preprocessing=inherited or dict(plan.cut),  # a photo is cut for the base, once
            licence=plan.licence,
            source=f"trained by artstyle on {plan.dataset.name}",
            parents=parents,
            notes=notes,
        )
