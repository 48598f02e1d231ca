from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from artstyle import runs
from artstyle.errors import RunError
from artstyle.events import Note, Progress
from artstyle.recipes import TrainingRecipe, read_recipe

COMMAND = ("artstyle", "finetune", "--style", "my style")


@dataclass
class Clock:
    """A clock that goes on by a second each time it is looked at."""

    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def dataset(tmp_path) -> Path:
    path = tmp_path / "data.zip"
    path.write_bytes(b"pictures")
    return path


@pytest.fixture
def start(tmp_path, dataset):
    def call(name="ghibli", **settings) -> runs.Run:
        recipe = TrainingRecipe("ghibli", **settings)
        folder = tmp_path / "runs"
        inputs = {"dataset": dataset}
        return runs.run_for(folder, name, recipe, command=COMMAND, inputs=inputs, clock=Clock())

    return call


def test_a_run_explains_itself(start, dataset):
    run = start(kimg=3.0)
    assert run.folder.name == "00000-ghibli"
    assert read_recipe(run.folder / "recipe.toml", TrainingRecipe).kimg == 3
    assert (run.folder / "command.txt").read_text() == "artstyle finetune --style 'my style'\n"
    info = run.info
    assert info["created"] == "2030-01-01T00:00:01+00:00"
    assert info["inputs"]["dataset"] == {
        "path": str(dataset),
        "sha256": hashlib.sha256(b"pictures").hexdigest(),
        "size_bytes": 8,
    }
    assert {"artstyle", "python", "torch"} <= set(info["versions"])
    assert run.state == "open"
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "command.txt",
        "recipe.toml",
        "run.json",
        "state.json",
    ]


def test_the_same_work_is_the_same_run_and_other_work_another(start, dataset):
    first = start()
    assert start().folder == first.folder
    other = start(kimg=5.0)
    assert other.folder.name == "00001-ghibli"
    dataset.write_bytes(b"other pictures")
    assert start().folder.name == "00002-ghibli"
    dataset.write_bytes(b"pictures")
    assert start().folder == first.folder
    assert [run.folder.name[:5] for run in runs.list_runs(first.folder.parent)] == [
        "00000",
        "00001",
        "00002",
    ]


def test_runs_with_names_of_their_own_are_listed_by_age(start):
    first, second = start(), start(kimg=5.0)
    folder = first.folder.parent
    second.folder.rename(folder / "mine")
    card = folder / "mine" / "run.json"
    said = json.loads(card.read_text())
    for created, order in (("2020-01-01", ["mine", "00000-ghibli"]), ("2999-01-01", None)):
        card.write_text(json.dumps(said | {"created": created}))
        names = [run.folder.name for run in runs.list_runs(folder)]
        assert names == (order or ["00000-ghibli", "mine"])
    (folder / "notes").mkdir()
    assert len(runs.list_runs(folder)) == 2


def test_a_finished_run_is_recognised(start):
    with start().writing():
        start().finish({"fid": 18.2})
    again = start()
    assert again.state == "finished"
    assert again.status["summary"] == {"fid": 18.2}


def test_what_fails_is_failed_and_what_is_interrupted_stays_open(start):
    run = start()

    def work(error):
        with run.writing():
            raise error

    with pytest.raises(ValueError, match="no luck"):
        work(ValueError("no luck"))
    assert (run.state, run.status["reason"]) == ("failed", "ValueError: no luck")
    with pytest.raises(KeyboardInterrupt):
        work(KeyboardInterrupt())
    assert (run.state, run.status["pid"]) == ("open", os.getpid())
    with run.writing():
        assert "reason" not in run.status


def test_numbers_are_given_once_even_when_many_ask_at_once(start):
    names = [f"n{i}" for i in range(20)]
    kimgs = [float(i + 1) for i in range(20)]
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda pair: start(pair[0], kimg=pair[1]), zip(names, kimgs, strict=True))
        )
    assert sorted(run.folder.name[:5] for run in made) == [f"{i:05d}" for i in range(20)]


def test_a_number_is_never_used_again_while_a_later_one_exists(start):
    start(kimg=1.0)
    second = start(kimg=2.0)
    (second.folder.parent / "notes").mkdir()
    (second.folder.parent / "200000-a-file").touch()
    second.folder.rename(second.folder.with_name("123456-moved"))
    assert start(kimg=3.0).folder.name == "123457-ghibli"


def test_a_folder_is_there_whole_or_not_at_all(start, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_write_state", fail)
        with pytest.raises(OSError, match="No space"):
            start()
    folder = start().folder
    assert folder.name == "00000-ghibli"
    assert [path.name for path in folder.parent.iterdir()] == ["00000-ghibli"]


def test_figures_come_back_and_a_torn_last_line_is_left_out(start):
    run = start()
    assert run.stats() == []
    with run.writing():
        run.append_stats({"kimg": 1, "loss": 0.5})
        run.append_stats({"kimg": 2, "word": "é"})
    path = run.folder / "stats.jsonl"
    with path.open("ab") as stream:
        stream.write(b'{"kimg": 3, "lo')
    assert [row["kimg"] for row in run.stats()] == [1, 2]
    with run.writing():
        run.append_stats({"kimg": 3})
    assert run.stats() == [{"kimg": 1, "loss": 0.5}, {"kimg": 2, "word": "é"}, {"kimg": 3}]
    with pytest.raises(ValueError, match="JSON"):
        run.append_stats({"loss": float("nan")})
    assert len(run.stats()) == 3
    run.keep_stats(lambda row: row["kimg"] <= 2)
    assert [row["kimg"] for row in run.stats()] == [1, 2]


def test_damage_in_the_middle_of_the_figures_is_told(start):
    run = start()
    (run.folder / "stats.jsonl").write_bytes(b'{"a": 1}\n{"a"\n{"a": 3}\n')
    with pytest.raises(RunError, match=r"stats\.jsonl, line 2 is damaged"):
        run.stats()


def test_notes_are_logged_with_the_time_and_everything_is_passed_on(start):
    run, seen = start(), []
    listen = run.logging(seen.append)
    events = [Note("a"), Progress("p", 1, 2, "steps"), Note("b", "warning"), Note("ha\ud800")]
    for event in events:
        listen(event)
    assert seen == events
    assert (run.folder / "log.txt").read_text(encoding="utf-8") == (
        "2030-01-01T00:00:03+00:00 a\n"
        "2030-01-01T00:00:04+00:00 warning: b\n"
        "2030-01-01T00:00:05+00:00 ha\\ud800\n"
    )


HOLD = """
import sys, time
from pathlib import Path
from artstyle.runs import open_run
run = open_run(Path(sys.argv[1]))
with run.writing():
    run.append_stats({"kimg": 1})
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(start):
    """Another process that is writing to a run."""
    run = start()
    call = [sys.executable, "-c", HOLD, str(run.folder)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "holding\n"
        yield run, process
        process.kill()


def test_two_processes_cannot_write_the_same_run_and_a_killed_one_leaves_no_lock(holder):
    run, process = holder

    def write():
        with run.writing():
            run.append_stats({"kimg": 2})

    with pytest.raises(RunError, match=f"is being written by process {process.pid}"):
        write()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run.state == "open"
    write()
    assert [row["kimg"] for row in run.stats()] == [1, 2]


def test_a_folder_of_ones_own_is_made_found_again_and_guarded(tmp_path, dataset):
    def at(folder, **settings):
        recipe = TrainingRecipe("s", **settings)
        return runs.run_at(folder, recipe, command=COMMAND, inputs={"dataset": dataset})

    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "run", tmp_path / "empty"):
        assert at(folder).folder == folder
        assert at(folder).info["name"] == folder.name
        with pytest.raises(RunError, match="holds a run of another recipe"):
            at(folder, kimg=9.0)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").touch()
    with pytest.raises(RunError, match=r"is no run: it has no run\.json"):
        at(tmp_path / "other")


def test_the_same_work_asked_for_by_many_at_once_is_made_once(start):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: start().folder, range(20)))
    assert len(set(made)) == 1


def test_a_damaged_run_is_in_nobodys_way(start):
    damaged = start()
    (damaged.folder / "run.json").write_text("{")
    assert start().folder.name == "00001-ghibli"
    with pytest.raises(RunError, match="cannot be read"):
        runs.list_runs(damaged.folder.parent)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run.json", "{", r"run\.json cannot be read"),
        ("run.json", "[]", r"run\.json cannot be read: it is no JSON object"),
        ("run.json", '{"name": "x"}', "is a damaged run: fingerprint missing"),
        ("state.json", "{}", "is a damaged run: state missing"),
        ("state.json", "\xff", r"state\.json cannot be read"),
    ],
)
def test_a_damaged_run_says_so(start, name, text, words):
    run = start()
    (run.folder / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(RunError, match=words):
        runs.open_run(run.folder)


def test_the_state_is_json_that_anybody_can_read(start):
    run = start()
    assert json.loads((run.folder / "state.json").read_text()) == {
        "state": "open",
        "since": "2030-01-01T00:00:02+00:00",
    }
