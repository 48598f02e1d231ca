from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pytest

from artstyle import __version__
from artstyle.cli import main
from artstyle.cli._base import LazyGroup, command
from artstyle.cli._terminal import Terminal, to_json
from artstyle.events import Note, Progress


@pytest.fixture
def seen(monkeypatch):
    """What the command `look` was given: its contexts, one per call."""
    contexts = []

    @command("look", example="artstyle look\nartstyle look --size 3")
    @click.option("--size", default=2, help="How large.")
    def look(ctx, size):
        """Look around. More words follow."""
        contexts.append(ctx)
        ctx.emit(Note("a detail", "debug"))
        ctx.emit(Note("a note"))
        ctx.emit(Note("a warning", "warning"))
        ctx.emit(Progress("walk", 1, 2, "steps"))
        ctx.result({"size": size, "workspace": ctx.workspace}, lambda: f"size {size}")
        ctx.exit(size)

    monkeypatch.setitem(main.commands, "look", look)
    return contexts


def test_the_word_furthest_to_the_right_wins(cli, seen, tmp_path):
    for words, verbosity in (
        (["look"], 0),
        (["-v", "look"], 1),
        (["look", "-vv"], 2),
        (["-q", "look", "-v"], 1),
        (["-v", "look", "-q"], -1),
        (["look", "-q", "-v"], 1),
        (["look", "-v", "-q"], -1),
    ):
        cli(*words)
        assert seen[-1].verbosity == verbosity, words
    cli("--workspace", tmp_path / "a", "look", "--workspace", tmp_path / "b")
    assert seen[-1].workspace == tmp_path / "b"
    cli("--workspace", tmp_path / "a", "look")
    assert seen[-1].workspace == tmp_path / "a"


def test_the_workspace_comes_from_the_variable_else_from_the_folder(
    cli, seen, tmp_path, monkeypatch
):
    cli("look", cwd=tmp_path)
    assert seen[-1].workspace == tmp_path
    monkeypatch.setenv("ARTSTYLE_WORKSPACE", str(tmp_path / "named"))
    cli("look")
    assert seen[-1].workspace == tmp_path / "named"
    monkeypatch.setenv("HOME", str(tmp_path))
    cli("look", "--workspace", "~/there")
    assert seen[-1].workspace == tmp_path / "there"


def test_notes_go_to_stderr_by_loudness_and_results_to_stdout(cli, seen):
    assert cli("look", "-q").stderr == "warning: a warning\n"
    assert cli("look").stderr == "a note\nwarning: a warning\n"
    assert cli("look", "-v").stderr == "a detail\na note\nwarning: a warning\n"
    assert cli("look", "--size", 7).stdout == "size 7\n"
    assert cli("look", "--json", "--size", 7, cwd=Path("/")).json() == {"size": 7, "workspace": "/"}
    assert cli("--json", "look", "--size", 7).json()["size"] == 7


def test_a_command_chooses_its_exit_code(cli, seen):
    assert cli("look", "--size", 5).exit_code == 5
    assert cli("look", "--size", 0).exit_code == 0


def test_version_before_and_after_the_command(cli, seen):
    for words in (["--version"], ["look", "--version"], ["-q", "look", "--version", "--size", "x"]):
        outcome = cli(*words)
        assert (outcome.exit_code, outcome.stdout) == (0, f"artstyle {__version__}\n")
    assert seen == []


def test_help_shows_examples_and_sets_the_common_options_apart(cli, seen):
    text = cli("look", "--help").stdout
    assert "Examples:\n  artstyle look\n  artstyle look --size 3\n" in text
    own, common = text.split("Common options:")
    assert "--size" in own
    assert "--workspace" not in own
    assert all(name in common for name in ("--workspace", "--json", "--help", "-q", "-v"))


def test_no_words_at_all_show_the_help_as_wrong_use(cli):
    outcome = cli()
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("Usage: artstyle")
    assert outcome.stdout == ""


def test_a_group_imports_a_command_when_it_is_asked_for(cli, seen, monkeypatch):
    group = LazyGroup(
        "things",
        table={"cli": "artstyle.cli:main", "gone": "artstyle.no_such_module:x", "no": "os:path"},
        help="Things.",
        example="artstyle things cli",
    )
    monkeypatch.setitem(main.commands, "things", group)
    ctx = click.Context(group)
    assert group.get_command(ctx, "cli") is main
    assert group.get_command(ctx, "other") is None
    with pytest.raises(ModuleNotFoundError):
        group.get_command(ctx, "gone")
    with pytest.raises(TypeError, match="os:path is no command"):
        group.get_command(ctx, "no")
    outcome = cli("things", "clii")
    assert outcome.exit_code == 2
    assert "did you mean 'cli'?" in outcome.stderr
    assert "hint: type 'artstyle things --help'" in outcome.stderr


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_are_drawn_on_a_terminal_only(monkeypatch):
    for stream, verbosity, drawn in (
        (FakeTerminal(), 0, True),
        (FakeTerminal(), -1, False),
        (io.StringIO(), 2, False),
    ):
        monkeypatch.setattr("sys.stderr", stream)
        terminal = Terminal(verbosity)
        terminal.emit(Progress("download [x]", 1_000_000, 4_000_000, "bytes", "from [y]"))
        terminal.emit(Note("while it runs [z]"))
        terminal.emit(Progress("download [x]", 4_000_000, 4_000_000, "bytes"))
        terminal.close()
        text = stream.getvalue()
        assert ("download [x]" in text) is drawn
        assert ("4.0/4.0 MB" in text) is drawn
        assert ("while it runs [z]" in text) is (verbosity >= 0)


def test_a_bar_without_a_known_end_shows_how_far_it_is(monkeypatch):
    stream = FakeTerminal()
    monkeypatch.setattr("sys.stderr", stream)
    terminal = Terminal()
    terminal.emit(Progress("scan", 12, None, "images"))
    terminal.close()
    assert "12 images" in stream.getvalue()


@dataclass(frozen=True)
class Figure:
    name: str
    value: float


def test_results_become_plain_json():
    data = {
        "path": Path("a") / "b",
        "figures": (Figure("fid", math.nan), Figure("kid", 0.5)),
        "array": np.arange(3, dtype=np.int64),
        "scalar": np.float32(0.25),
        "set": {"b", "a"},
        "word": "Müller",
        3: True,
    }
    text = to_json(data)
    assert json.loads(text) == {
        "path": str(Path("a", "b")),
        "figures": [{"name": "fid", "value": None}, {"name": "kid", "value": 0.5}],
        "array": [0, 1, 2],
        "scalar": 0.25,
        "set": ["a", "b"],
        "word": "Müller",
        "3": True,
    }
    assert "Müller" in text
    with pytest.raises(TypeError, match="cannot hold a object"):
        to_json({"x": object()})
