"""Run folders: each explains itself without our code, and takes up where it was broken off.

    runs/00012-ghibli/
        recipe.toml    what was asked for, every value written out
        command.txt    the command line
        run.json       versions, inputs with their SHA-256, and the fingerprint of recipe and inputs
        state.json     open, finished or failed; since when, by which process, and why
        log.txt        what was told while it ran
        stats.jsonl    figures, a JSON object per line

The same work asked for again is the same run: `run_for` finds it by its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import shlex
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from artstyle import __version__, files, jsonlines
from artstyle.errors import RunError
from artstyle.events import Emit, Event, Note
from artstyle.locks import LockTimeoutError, locked
from artstyle.recipes import resolved_toml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

State: TypeAlias = Literal["open", "finished", "failed"]
Clock: TypeAlias = Callable[[], datetime]

_FOLDER_NAME = re.compile(r"(\d{5,})-.+")
_NUMBERING_WAIT_S = 30.0  # another process needs milliseconds for it; a guess
_VERSIONS_OF = ("torch", "numpy", "scipy", "pillow", "opencv-python-headless", "av", "safetensors")


def utc_now() -> datetime:
    """The time, as runs write it down."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Run:
    """A run's folder; whoever writes to it holds `writing()`."""

    folder: Path
    clock: Clock = utc_now

    @property
    def info(self) -> dict[str, Any]:
        """What `run.json` says: name, fingerprint, created, versions, inputs."""
        return _read_json(self.folder / "run.json")

    @property
    def status(self) -> dict[str, Any]:
        """What `state.json` says: state, since, pid, host, reason, summary."""
        return _read_json(self.folder / "state.json")

    @property
    def state(self) -> State:
        """Whether the run is open (running or broken off), finished or failed."""
        state: State = self.status["state"]
        return state

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the run for writing; an exception inside marks it failed, an interruption does not.

        A line of figures that a kill left half-written is taken away first.

        Raises:
            RunError: another process is writing to it.
        """
        try:
            with locked(self.folder / ".lock", wait_s=0):
                jsonlines.mend(self._stats_path)
                self._set_state("open", pid=os.getpid(), host=socket.gethostname())
                try:
                    yield
                except Exception as error:
                    self._set_state("failed", reason=f"{type(error).__name__}: {error}")
                    raise
        except LockTimeoutError:
            pid = self.status.get("pid")
            who = f"process {pid}" if pid else "another process"
            hint = "wait for it, or end it; what it did is kept"
            raise RunError(f"{self.folder} is being written by {who}", hint=hint) from None

    def finish(self, summary: Mapping[str, Any] | None = None) -> None:
        """Mark the run finished.

        Args:
            summary: what it reached; JSON types.
        """
        self._set_state("finished", summary=dict(summary or {}))

    def log(self, text: str) -> None:
        """Add a line to `log.txt`, with the time."""
        stamp = self.clock().isoformat(timespec="seconds")
        jsonlines.append_line(self.folder / "log.txt", f"{stamp} {text}")

    def logging(self, emit: Emit) -> Emit:
        """A listener that writes notes to `log.txt` and passes everything on."""

        def listen(event: Event) -> None:
            if isinstance(event, Note):
                self.log(event.text if event.level == "info" else f"{event.level}: {event.text}")
            emit(event)

        return listen

    def append_stats(self, row: Mapping[str, Any]) -> None:
        """Add a line of figures by name; see `jsonlines.append`."""
        jsonlines.append(self._stats_path, row)

    def stats(self) -> list[dict[str, Any]]:
        """All figures so far; see `jsonlines.read`."""
        return jsonlines.read(self._stats_path)

    def keep_stats(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drop figures, as when a run goes on from a snapshot that is older than they are."""
        jsonlines.keep(self._stats_path, wanted)

    @property
    def _stats_path(self) -> Path:
        return self.folder / "stats.jsonl"

    def _set_state(self, state: State, **more: Any) -> None:
        _write_state(self.folder, state, self.clock, **more)


def run_for(
    runs: Path,
    name: str,
    recipe: DataclassInstance,
    *,
    command: Sequence[str],
    inputs: Mapping[str, Path],
    clock: Clock = utc_now,
) -> Run:
    """The newest run of this very work, or a new one.

    Args:
        runs: the folder of runs; made if missing.
        name: what the run is called, after its number.
        recipe: what is asked for; part of the fingerprint.
        command: the words of the command line.
        inputs: the files it reads, by a name for each; their contents are part of the fingerprint.
        clock: the time; a test gives its own.
    """
    card = _card(name, recipe, inputs, clock)
    runs.mkdir(parents=True, exist_ok=True)
    with locked(runs / ".lock", wait_s=_NUMBERING_WAIT_S):
        folder = _find(runs, card["fingerprint"])
        if folder is None:
            folder = runs / f"{_next_number(runs):05d}-{name}"
            _make(folder, card, recipe, command, clock)
    return Run(folder, clock)


def run_at(
    folder: Path,
    recipe: DataclassInstance,
    *,
    command: Sequence[str],
    inputs: Mapping[str, Path],
    clock: Clock = utc_now,
) -> Run:
    """The run in a folder that the user named: made, or found again if it is of this very work.

    Raises:
        RunError: the folder holds another run or other things.
    """
    card = _card(folder.name, recipe, inputs, clock)
    if not folder.exists() or not any(folder.iterdir()):
        _make(folder, card, recipe, command, clock)
        return Run(folder, clock)
    run = open_run(folder)
    if run.info["fingerprint"] != card["fingerprint"]:
        message = f"{folder} holds a run of another recipe, or of inputs that have changed since"
        raise RunError(message, hint="name a new folder, or give the recipe and inputs it had")
    return Run(folder, clock)


def open_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        RunError: there is none, or its files are damaged.
    """
    if not (folder / "run.json").is_file():
        raise RunError(f"{folder} is no run: it has no run.json")
    run = Run(folder)
    for content, keys in ((run.info, ("name", "fingerprint")), (run.status, ("state",))):
        missing = [key for key in keys if key not in content]
        if missing:
            raise RunError(f"{folder} is a damaged run: {', '.join(missing)} missing")
    return run


def list_runs(runs: Path) -> tuple[Run, ...]:
    """The runs in a folder of runs, numbered ones and those with names of their own, oldest first.

    Raises:
        RunError: the files of one are damaged.
    """
    numbers = {folder: number for number, folder in _numbered(runs)}
    named = {entry for entry in runs.glob("*") if (entry / "run.json").is_file()}
    opened = [open_run(folder) for folder in numbers.keys() | named]
    last = len(numbers) + max(numbers.values(), default=0)
    return tuple(
        sorted(
            opened,
            key=lambda run: (
                str(run.info.get("created")),
                numbers.get(run.folder, last),
                run.folder.name,
            ),
        )
    )


def _numbered(runs: Path) -> list[tuple[int, Path]]:
    """The run folders with their numbers, sorted."""
    if not runs.is_dir():
        return []
    matches = ((_FOLDER_NAME.fullmatch(entry.name), entry) for entry in runs.iterdir())
    return sorted((int(match[1]), entry) for match, entry in matches if match and entry.is_dir())


def _find(runs: Path, fingerprint: str) -> Path | None:
    """The newest run of this work; a damaged one is none, and stands in nobody's way."""
    for _, folder in reversed(_numbered(runs)):
        with suppress(RunError):
            if open_run(folder).info["fingerprint"] == fingerprint:
                return folder
    return None


def _next_number(runs: Path) -> int:
    return max((number for number, _ in _numbered(runs)), default=-1) + 1


def _card(
    name: str, recipe: DataclassInstance, inputs: Mapping[str, Path], clock: Clock
) -> dict[str, Any]:
    """The content of `run.json`."""
    hashes = {key: files.sha256_of(path) for key, path in sorted(inputs.items())}
    basis = json.dumps([resolved_toml(recipe), hashes])
    return {
        "name": name,
        "fingerprint": hashlib.sha256(basis.encode("utf-8")).hexdigest(),
        "created": clock().isoformat(timespec="seconds"),
        "versions": versions(),
        "inputs": {
            key: {"path": str(path), "sha256": hashes[key], "size_bytes": path.stat().st_size}
            for key, path in sorted(inputs.items())
        },
    }


def versions() -> dict[str, str]:
    """The versions of what computes, as runs and reports write them down."""
    found = {"artstyle": __version__, "python": platform.python_version()}
    for distribution in _VERSIONS_OF:
        try:
            found[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            found[distribution] = "not installed"
    return found


def _make(
    folder: Path,
    card: Mapping[str, Any],
    recipe: DataclassInstance,
    command: Sequence[str],
    clock: Clock,
) -> None:
    """Make a run's folder, which is there with all it holds or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{secrets.token_hex(8)}.part"
    try:
        draft.mkdir()
        files.write_text(draft / "recipe.toml", resolved_toml(recipe))
        files.write_text(draft / "command.txt", shlex.join(command) + "\n")
        files.write_json(draft / "run.json", card)
        _write_state(draft, "open", clock)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    files.sync_folder(folder.parent)


def _write_state(folder: Path, state: State, clock: Clock, **more: Any) -> None:
    since = clock().isoformat(timespec="seconds")
    files.write_json(folder / "state.json", {"state": state, "since": since, **more})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise RunError(f"{path} cannot be read: it is no JSON object")
    return content
