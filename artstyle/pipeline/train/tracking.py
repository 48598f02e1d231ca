"""Figures for tools that people know: TensorBoard's event files, and MLflow where it is wished."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from artstyle import files
from artstyle.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_LETTERS = 500  # of a value that MLflow keeps
PLAIN = ("Progress/nimg", "timestamp")  # of a row of figures: no mean and deviation


class Tracker(Protocol):
    """Somebody who wants to know how a training goes."""

    def begin(self, nimg: int) -> None:
        """A training begins, or goes on, here."""
        ...

    def figures(self, nimg: int, row: Mapping[str, Any]) -> None:
        """A row of `stats.jsonl`."""
        ...

    def picture(self, nimg: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """A picture, HWC uint8."""
        ...

    def close(self) -> None:
        """Nothing follows."""
        ...


class Trackers:
    """All of them as one."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def begin(self, nimg: int) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.begin(nimg)

    def figures(self, nimg: int, row: Mapping[str, Any]) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.figures(nimg, row)

    def picture(self, nimg: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.picture(nimg, name, pixels)

    def close(self) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.close()


def means(row: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a row by name, their means."""
    return {name: float(value["mean"]) for name, value in row.items() if name not in PLAIN}


class TensorBoard:
    """Event files in the run's folder, for `tensorboard --logdir`.

    Args:
        folder: where they go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def begin(self, nimg: int) -> None:
        """Open a new file; figures after `nimg` in older files count no more."""
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(self.folder), purge_step=nimg + 1 if nimg else None)

    def figures(self, nimg: int, row: Mapping[str, Any]) -> None:
        """Write the means, at the number of pictures shown."""
        for name, value in means(row).items():
            self._writer.add_scalar(name, value, nimg, walltime=row["timestamp"])
        self._writer.flush()  # what a kill loses is at most what came since

    def picture(self, nimg: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """Write a picture."""
        self._writer.add_image(name, pixels, nimg, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


class MLflow:
    """A run in MLflow: where MLFLOW_TRACKING_URI says, else in a local folder.

    Args:
        folder: the run's folder; which run of MLflow's it is stands there.
        local: the folder `mlruns` if nothing else is said.
        settings: what the training computes with.

    Raises:
        UsageError: mlflow is not installed.
    """

    def __init__(self, folder: Path, local: Path, settings: Mapping[str, Any]) -> None:
        if find_spec("mlflow") is None:
            raise UsageError(
                "--track mlflow needs MLflow, which is not installed",
                hint="pip install 'artstyle[track]'",
            )
        self.folder, self.local, self.settings = folder, local, settings
        self._client: Any = None
        self._id = ""

    def begin(self, nimg: int) -> None:
        """Find this run in MLflow, or make it."""
        from mlflow.tracking import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI") or self._local_address()
        self._client = MlflowClient(tracking_uri=address)
        note = self.folder / "mlflow.json"
        if note.is_file():
            held = json.loads(note.read_text(encoding="utf-8"))
            if held["address"] == address:
                self._id = held["run"]
                return
        found = self._client.get_experiment_by_name("artstyle")
        group = found.experiment_id if found else self._client.create_experiment("artstyle")
        self._id = self._client.create_run(group, run_name=self.folder.name).info.run_id
        for name, value in self.settings.items():
            self._client.log_param(self._id, name, str(value)[:_MOST_LETTERS])
        files.write_json(note, {"address": address, "run": self._id})

    def _local_address(self) -> str:
        """Plain files; MLflow 3 wants to be asked for them, and its light package has no other."""
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        self.local.mkdir(parents=True, exist_ok=True)
        return self.local.absolute().as_uri()

    def figures(self, nimg: int, row: Mapping[str, Any]) -> None:
        """Log the means, at the number of pictures shown."""
        from mlflow.entities import Metric

        at_ms = int(row["timestamp"] * 1000)
        metrics = [Metric(name, value, at_ms, nimg) for name, value in means(row).items()]
        self._client.log_batch(self._id, metrics=metrics)

    def picture(self, nimg: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """Pictures stay in the run's folder."""

    def close(self) -> None:
        """Say that the run has ended; a later call goes on with it."""
        if self._client is not None:
            self._client.set_terminated(self._id)
