"""What every command has in common: options, context, help with an example, lazy groups."""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import click

from artstyle import __version__
from artstyle.cli._terminal import Terminal, to_json
from artstyle.events import Emit

WORKSPACE_VARIABLE = "ARTSTYLE_WORKSPACE"
Text: TypeAlias = str | Callable[[], str]


@dataclass
class Settings:
    """What the common options said so far; the word furthest to the right wins."""

    workspace: Path | None = None  # None: from the environment, else the current folder
    json: bool = False
    verbosity: int = 0  # -1 quiet, 0 plain, 1 and more: talkative

    def workspace_folder(self) -> Path:
        """The workspace as an absolute path; whether it exists is not looked at."""
        chosen = self.workspace or Path(os.environ.get(WORKSPACE_VARIABLE) or ".")
        return Path(os.path.abspath(chosen.expanduser()))  # noqa: PTH100 - keeps links as typed


@dataclass(frozen=True)
class Context:
    """What a command gets besides its own options."""

    workspace: Path  # absolute; from --workspace, ARTSTYLE_WORKSPACE or the current folder
    json: bool  # whether the result goes out as JSON
    verbosity: int  # -1 quiet, 0 plain, 1 and more: talkative
    emit: Emit  # draws bars and notes on stderr
    close: Callable[[], None]  # ends the drawing

    def result(self, data: Mapping[str, Any], text: Text) -> None:
        """Print what the command found on stdout: `data` with --json, else `text`.

        Args:
            data: JSON types, and what `to_json` knows besides: paths, dataclasses, numpy scalars.
            text: for people; a function is called only when the text is wanted.
        """
        self.close()
        if self.json:
            click.echo(to_json(data))
        else:
            words = text if isinstance(text, str) else text()
            if words:
                click.echo(words)

    def exit(self, code: int) -> NoReturn:
        """Leave with this exit code after the result was printed."""
        raise click.exceptions.Exit(code)


def settings_of(ctx: click.Context) -> Settings:
    """The settings of this command line; a command called on its own gets fresh ones."""
    return ctx.find_root().ensure_object(Settings)


def _take_workspace(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        settings_of(ctx).workspace = value


def _take_verbose(ctx: click.Context, _: click.Parameter, value: int) -> None:
    if value:
        settings_of(ctx).verbosity = value


def _take_quiet(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        settings_of(ctx).verbosity = -1


def _take_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        settings_of(ctx).json = True


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"artstyle {__version__}")
        ctx.exit()


def common_options() -> list[click.Parameter]:
    """The options that stand before and after the name of every command."""

    def option(*names: str, **rest: Any) -> click.Option:
        return click.Option(names, expose_value=False, **rest)

    return [
        option(
            "--workspace",
            type=click.Path(file_okay=False, path_type=Path),
            callback=_take_workspace,
            metavar="DIR",
            help=f"The workspace; else ${WORKSPACE_VARIABLE}, else the current folder.",
        ),
        option("-v", "--verbose", count=True, callback=_take_verbose, help="Tell more."),
        option("-q", "--quiet", is_flag=True, callback=_take_quiet, help="Warnings only."),
        option("--json", is_flag=True, callback=_take_json, help="Print the result as JSON."),
        option(
            "--version",
            is_flag=True,
            is_eager=True,
            callback=_show_version,
            help="Print the version and exit.",
        ),
    ]


COMMON = frozenset({"--workspace", "--verbose", "--quiet", "--json", "--version", "--help"})


class House(click.Command):
    """A command with the common options, and with an example at the end of its help."""

    example: str = ""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, the common ones in a section of their own."""
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if not isinstance(parameter, click.Option):
                continue  # the usage line and the help speak of arguments
            record = parameter.get_help_record(ctx)
            if record is not None:
                (common if COMMON.intersection(parameter.opts) else own).append(record)
        for title, records in (("Options", own), ("Common options", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        if self.example:
            title = "Examples" if "\n" in self.example else "Example"
            with formatter.section(title):
                formatter.write("".join(f"  {line}\n" for line in self.example.splitlines()))


class LazyGroup(House, click.Group):
    """A group whose commands are imported when they are used.

    Args:
        name: the word on the command line.
        table: name of the command -> "module:attribute", in the order of the help.
        help: what the group is for.
        example: one command line or several, a line each.
    """

    def __init__(self, name: str, *, table: Mapping[str, str], help: str, example: str) -> None:
        super().__init__(name, params=common_options(), help=help, no_args_is_help=False)
        self.table = dict(table)
        self.example = example

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help when nothing was asked for; that is wrong use, so on stderr."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table's order, then those added with a decorator."""
        return [*self.table, *(name for name in self.commands if name not in self.table)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now if it was not before; None if there is none."""
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.table[cmd_name].partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, click.Command):
            raise TypeError(f"{self.table[cmd_name]} is no command: {found!r}")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name those that look like it."""
        word = args[0]
        known = self.list_commands(ctx)
        if word in known or word.startswith("-"):
            return super().resolve_command(ctx, args)
        message = f"there is no command {word!r}"
        near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
        if near:
            message += "; did you mean " + " or ".join(repr(name) for name in near) + "?"
        raise click.UsageError(message, ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands before the options: they are what one looks for."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)


def command(
    name: str, *, example: str, short_help: str | None = None, hidden: bool = False
) -> Callable[[Callable[..., None]], House]:
    """Make a command of a function `f(ctx: Context, **options)`; its docstring is the help.

    Args:
        name: the word on the command line.
        example: one command line or several, a line each.
        short_help: one line for the list of commands; None takes the docstring's first sentence.
        hidden: leave it out of the list.
    """

    def decorate(function: Callable[..., None]) -> House:
        @functools.wraps(function)
        def call(**options: Any) -> None:
            settings = settings_of(click.get_current_context())
            terminal = Terminal(settings.verbosity)
            context = Context(
                workspace=settings.workspace_folder(),
                json=settings.json,
                verbosity=settings.verbosity,
                emit=terminal.emit,
                close=terminal.close,
            )
            try:
                function(context, **options)
            finally:
                terminal.close()

        made = click.command(name, cls=House, short_help=short_help, hidden=hidden)(call)
        made.params.extend(common_options())
        made.example = example
        return made

    return decorate
