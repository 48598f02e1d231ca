"""From an exception to the words on stderr and the exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from dataclasses import dataclass

import click

from artstyle.errors import ArtstyleError
from stylegan_ext.errors import EngineError

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


@dataclass(frozen=True)
class Failure:
    """What a person is told, and the exit code."""

    code: int
    message: str  # "" when there is nobody to tell
    hint: str | None = None
    before: str = ""  # usage line or traceback, printed as it is


def explain(error: BaseException, *, verbose: bool) -> Failure:
    """Put an exception into words.

    Args:
        error: what ended the command.
        verbose: whether an unexpected exception is shown with its traceback.
    """
    if isinstance(error, click.exceptions.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes the end of any file for an interruption
    match error:
        case click.exceptions.Abort() | KeyboardInterrupt():
            return Failure(INTERRUPTED, "interrupted")
        case click.UsageError():
            return _usage(error)
        case click.ClickException():
            return Failure(error.exit_code, error.format_message())
        case ArtstyleError():
            return Failure(error.exit_code, str(error), error.hint, _trace(error, verbose))
        case EngineError():
            return Failure(FAILED, str(error), error.hint, _trace(error, verbose))
        case BrokenPipeError():
            return Failure(FAILED, "")
        case OSError() if error.errno is not None:
            return Failure(FAILED, _system(error), _system_hint(error), _trace(error, verbose))
        case _:
            return _unexpected(error, verbose=verbose)


def report(failure: Failure) -> int:
    """Print a failure on stderr and give its exit code."""
    if not failure.message:  # the reader has gone: keep the interpreter from complaining at its end
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end
        return failure.code
    if failure.before:
        click.echo(failure.before.rstrip(), err=True)
    click.echo(f"error: {failure.message}", err=True)
    if failure.hint:
        click.echo(f"hint: {failure.hint}", err=True)
    return failure.code


def _usage(error: click.UsageError) -> Failure:
    if error.ctx is None:
        return Failure(error.exit_code, error.format_message())
    hint = f"type '{error.ctx.command_path} --help'"
    return Failure(error.exit_code, error.format_message(), hint, error.ctx.get_usage())


def _trace(error: BaseException, verbose: bool) -> str:
    return "".join(traceback.format_exception(error)) if verbose else ""


def _system(error: OSError) -> str:
    """An error of the operating system, with the file it is about."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    about = f": {' -> '.join(names)}" if names else ""
    return f"{error.strerror or error}{about}"


def _system_hint(error: OSError) -> str | None:
    hints = {
        errno.ENOSPC: "the disk is full: free some space, then give the same command again",
        errno.EACCES: "look at who owns the file and whether you may write there",
        errno.EROFS: "the file system is read-only: choose another folder",
        errno.EMFILE: "too many open files: raise the limit with 'ulimit -n 4096'",
    }
    return hints.get(error.errno or 0)


def _unexpected(error: BaseException, *, verbose: bool) -> Failure:
    """An exception nobody planned: our fault until shown otherwise."""
    kind = type(error).__name__
    if kind == "OutOfMemoryError" or isinstance(error, MemoryError):
        return Failure(
            FAILED,
            f"out of memory: {error}" if str(error) else "out of memory",
            "use a smaller batch or size, or another device",
            _trace(error, verbose),
        )
    message = f"unexpected {kind}: {error}" if str(error) else f"unexpected {kind}"
    hint = "this is a fault of artstyle; please report it with the command line and "
    hint += "the lines above" if verbose else "what the same command prints with -v"
    return Failure(FAILED, message, hint, _trace(error, verbose))
