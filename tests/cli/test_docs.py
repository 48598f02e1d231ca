"""The help texts, and the pages made from them: `make docs` writes the pages anew."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from artstyle.cli import main
from artstyle.cli._base import COMMON, House

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "commands.md"
README = REPOSITORY / "README.md"
README_TABLE = re.compile(r"(<!-- commands: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 88


def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, with the words that call it."""
    yield " ".join(words), command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            if not inner.hidden:
                yield from walk(inner, (*words, name))


COMMANDS = dict(walk(main, ("artstyle",)))
EVERY = pytest.mark.parametrize(("words", "command"), COMMANDS.items(), ids=COMMANDS)


def help_text(words: str, command: click.Command) -> str:
    ctx = click.Context(command, info_name=words, terminal_width=WIDTH)
    return command.get_help(ctx)


def commands_page() -> str:
    """docs/commands.md."""
    parts = ["# Commands\n\nWritten by `make docs` from the help texts; a test compares them.\n"]
    for words, command in COMMANDS.items():
        level = "#" * min(len(words.split()) + 1, 4)
        parts.append(f"{level} {words}\n\n```text\n{help_text(words, command)}\n```\n")
    return "\n".join(parts)


def readme() -> str:
    """README.md with its table of commands."""
    ctx = click.Context(main)
    rows = ["| command | does |", "|---|---|"]
    for name in main.list_commands(ctx):
        command = main.get_command(ctx, name)
        assert command is not None
        link = f"docs/commands.md#artstyle-{name}"
        rows.append(f"| [`{name}`]({link}) | {command.get_short_help_str(200)} |")
    table = "\n".join(rows)
    return README_TABLE.sub(lambda m: f"{m[1]}\n{table}\n\n{m[2]}", README.read_text("utf-8"))


@pytest.mark.parametrize(("path", "make"), [(PAGE, commands_page), (README, readme)])
def test_the_pages_say_what_the_help_says(path, make):
    if os.environ.get("ARTSTYLE_WRITE_DOCS"):
        path.write_text(make(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == make(), "type 'make docs'"


def test_the_readme_has_a_table_of_commands():
    assert len(README_TABLE.findall(README.read_text("utf-8"))) == 1


@EVERY
def test_every_command_has_a_help_with_examples_that_it_understands(words, command):
    assert isinstance(command, House), "make it with artstyle.cli._base"
    assert command.help, "it needs a docstring"
    assert command.help.strip().splitlines()[0].rstrip().endswith(".")
    assert command.example
    for line in command.example.splitlines():
        assert_understood(line, under=words)


@EVERY
def test_every_option_says_what_it_does_and_the_common_ones_are_there(words, command):
    options = [one for one in command.params if isinstance(one, click.Option)]
    silent = [one.opts for one in options if not one.help]
    assert silent == []
    there = {name for one in options for name in one.opts}
    assert COMMON - {"--help"} <= there
    named = [name for one in options for name in one.opts]
    assert len(named) == len(set(named)), "an option stands for two things"


def understood(line: str) -> str | None:
    """What is wrong with a command line, without running it; None if nothing is."""
    first, *words = shlex.split(line, comments=True)
    if first != "artstyle":
        return f"{first} is not artstyle"
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        if name == "COMMAND":  # stands for any of them
            return None
        found = command.get_command(click.Context(command), name)
        if found is None:
            return f"there is no command {name}"
        command = found
    if "--help" in words or "--version" in words or isinstance(command, click.Group):
        return None
    try:
        command.make_context(str(command.name), words)
    except click.exceptions.MissingParameter as error:
        return error.format_message()
    except click.BadParameter as error:
        # The files of an example need not be there.
        return None if "does not exist" in error.message else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    return None


def assert_understood(line: str, *, under: str = "artstyle") -> None:
    assert line.startswith(under), f"an example of {under}: {line}"
    assert understood(line) is None, line


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("artstyle doctor --json", None),
        ("artstyle doctor --josn", "No such option"),
        ("artstyle doctor more", "unexpected extra argument"),
        ("artstyle frob", "there is no command frob"),
        ("python x.py", "python is not artstyle"),
        ("artstyle COMMAND --help", None),
    ],
)
def test_a_wrong_command_line_would_be_noticed(line, fault):
    found = understood(line)
    assert (found is None) == (fault is None)
    assert fault is None or fault.lower() in str(found).lower()


def pages() -> list[Path]:
    """The pages that people read."""
    rooms = ("docs", "datasets", "training", "reports")
    inner = (path for room in rooms for path in (REPOSITORY / room).rglob("*.md"))
    return sorted([*REPOSITORY.glob("*.md"), *inner])


def faults_of(page: Path) -> list[str]:
    """Links to nowhere, and command lines that artstyle does not understand."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
    here = [link for link in links if "://" not in link]
    faults = [f"no file {link}" for link in here if not (page.parent / link).exists()]
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            words = re.sub(r"^\$ |^\.venv/bin/", "", line.strip())
            if words.startswith("artstyle ") and understood(words) is not None:
                faults.append(f"{words}: {understood(words)}")
    return faults


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_pages_point_to_what_is_there(page):
    assert faults_of(page) == []


def test_a_page_that_points_to_nowhere_would_be_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "[a](gone.md) [b](page.md#x) [c](https://example.org)\n"
        "```sh\nartstyle doctor\n$ artstyle doctr\nls\n```\n",
        encoding="utf-8",
    )
    assert faults_of(page) == ["no file gone.md", "artstyle doctr: there is no command doctr"]
