from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import click
import pytest

from artstyle.cli import main, status
from artstyle.cli._base import command
from artstyle.errors import ArtstyleError, UsageError
from stylegan_ext.errors import CheckpointError


@pytest.fixture
def failing(monkeypatch):
    """A command `fail` that ends with the exception it is given."""

    def arrange(error):
        @command("fail", example="artstyle fail")
        def fail(ctx):
            """Fail."""
            raise error

        monkeypatch.setitem(main.commands, "fail", fail)

    return arrange


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ArtstyleError("it broke", hint="mend it"), 1, "error: it broke\nhint: mend it\n"),
        (ArtstyleError("it broke"), 1, "error: it broke\n"),
        (UsageError("no such size"), 2, "error: no such size\n"),
        (CheckpointError("cut short", hint="fetch it again"), 1, "error: cut short\nhint: fetch"),
        (click.FileError("a.png", "gone"), 1, "error: Could not open file 'a.png': gone\n"),
        (OSError(errno.ENOSPC, "No space left", "z.zip"), 1, "error: No space left: z.zip\nhint: "),
        (MemoryError(), 1, "error: out of memory\nhint: use a smaller"),
        (ValueError("oh"), 1, "error: unexpected ValueError: oh\nhint: this is a fault of"),
        (EOFError(), 1, "\nerror: unexpected EOFError\n"),
        (KeyboardInterrupt(), 130, "\nerror: interrupted\n"),
    ],
)
def test_every_kind_of_failure_has_its_code_and_words(cli, failing, error, code, words):
    failing(error)
    outcome = cli("fail")
    assert outcome.exit_code == code
    assert outcome.stderr.startswith(words)
    assert outcome.stdout == ""
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("error", [ValueError("oh"), ArtstyleError("oh"), CheckpointError("oh")])
def test_verbose_shows_the_traceback_before_the_error(cli, failing, error):
    failing(error)
    stderr = cli("-v", "fail").stderr
    assert "Traceback (most recent call last)" in stderr
    assert stderr.index("Traceback") < stderr.index("error: ")


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently on Windows")
@pytest.mark.parametrize("word", ["--version", "--help"])
def test_a_reader_that_has_gone_is_told_nothing(word):
    reader, writer = os.pipe()
    os.close(reader)
    call = [sys.executable, "-c", "from artstyle.cli import run; run()", word]
    try:
        done = subprocess.run(call, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    finally:
        os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


class GoneReader(io.StringIO):
    """A stdout whose reader has gone: what is written is noticed when it is sent."""

    def flush(self):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def write_straight(text):
    sys.stdout.write(text)


@pytest.mark.parametrize("say", [click.echo, write_straight])
def test_a_result_that_nobody_reads_is_a_failure_without_words(monkeypatch, capsys, say):
    @command("say", example="artstyle say")
    def words(ctx):
        """Say."""
        say("result")

    monkeypatch.setitem(main.commands, "say", words)
    monkeypatch.setattr("sys.stdout", GoneReader())
    assert status(["say"]) == 1
    if getattr(sys.stdout, "name", "") == os.devnull:  # put there so that nothing else complains
        sys.stdout.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dokter",), "error: there is no command 'dokter'; did you mean 'doctor'?"),
        (("--jsn",), "error: No such option"),
        (("xyzzy",), "error: there is no command 'xyzzy'\n"),
    ],
)
def test_wrong_use_says_what_was_meant(cli, monkeypatch, words, message):
    monkeypatch.setitem(main.table, "doctor", "artstyle.cli.doctor:doctor")
    outcome = cli(*words)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert "hint: type 'artstyle --help'" in outcome.stderr
    assert outcome.stdout == ""
