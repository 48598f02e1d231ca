"""`artstyle review` on the command line, in a process of its own: it is ended and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.reviews import STYLE, Visitor, crop_set, gesture

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import standing
from artstyle.web.review import command

RUN = "from artstyle.cli import run; run()"


# Whoever starts the tests in the background of a script may have Ctrl-C ignored, and so has the
# command then, rightly.
HEARS_CTRL_C = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {RUN}"


@contextmanager
def running(workspace: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """The command with --json, and what it printed."""
    call = [sys.executable, "-c", HEARS_CTRL_C, "review", "--style", STYLE, "--no-browser"]
    call += ["--json", *words]
    call += ["--workspace", str(workspace)]
    process = subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        assert lines, process.stderr.read() if process.stderr else ""
        yield process, json.loads("".join(lines))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def filled(workspace: Path) -> Path:
    crop_set(workspace, 5)
    return workspace


def test_it_prints_its_address_and_ends_with_ctrl_c(filled):
    with running(filled, "--by", "anna") as (process, said):
        visitor = Visitor(said["address"])
        assert (said["style"], said["by"], said["crops"]) == (STYLE, "anna", 5)
        assert said["port"] == visitor.port
        assert visitor.ask("about")["by"] == "anna"
        visitor.decide("drop", [2])
        process.send_signal(signal.SIGINT)
        rest, talk = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, "")
        assert talk.splitlines() == [
            "Ctrl-C ends the review; decisions are kept as they are made",
            "the review is closed",
        ]
    with open_catalog(filled) as catalog:
        assert standing(catalog, STYLE)[2].by == "anna"


def test_a_kill_loses_nothing_that_was_confirmed(filled):
    confirmed = []
    with running(filled, "--by", "anna") as (process, said):
        visitor = Visitor(said["address"])
        for crop in (1, 2, 3, 4):
            visitor.decide("keep", [crop])
            confirmed.append(crop)
        process.kill()
        process.wait()
    with open_catalog(filled) as catalog:
        catalog.check()
        assert sorted(standing(catalog, STYLE)) == confirmed
    with running(filled) as (_, said):  # and it starts again
        assert Visitor(said["address"]).decide("drop", [5], batch=gesture())["made"] == 1


def test_a_named_port_that_is_taken_is_refused_and_another_found(filled, cli):
    with running(filled) as (_, said):
        taken = said["port"]
        outcome = cli(
            "review", "--style", STYLE, "--port", taken, "--no-browser", "--workspace", filled
        )
        assert outcome.exit_code == 2
        assert f"error: port {taken} cannot be used: another program listens" in outcome.stderr
        assert outcome.stdout == ""
        with running(filled) as (_, other):
            assert other["port"] != taken


def test_a_named_port_is_taken(filled):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(filled, "--port", str(port)) as (_, said):
        assert said["port"] == port


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs the kernel's table")
def test_only_this_machine_is_served(filled):
    with running(filled) as (_, said):
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        listening = [row.split()[1] for row in rows if row.split()[3] == "0A"]
        port = f"{said['port']:04X}"
        assert [one for one in listening if one.endswith(port)] == [f"0100007F:{port}"]


def test_unknown_styles_and_places(cli, workspace, filled):
    outcome = cli("review", "--style", "ghibli", "--no-browser", cwd=workspace)
    assert outcome.exit_code == 2
    assert "error: there is no style 'ghibli' here" in outcome.stderr
    assert f"hint: there are crops of: {STYLE}" in outcome.stderr
    outcome = cli("review", "--style", "No Name", "--no-browser", cwd=workspace)
    assert (outcome.exit_code, "cannot be the name of a style" in outcome.stderr) == (2, True)


def test_no_catalog_yet(cli, workspace):
    outcome = cli("review", "--style", "ghibli", "--no-browser", cwd=workspace)
    assert outcome.exit_code == 1
    assert "nothing has been recorded here yet" in outcome.stderr


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\nb\x07", "artstyle curate"])
def test_names_that_cannot_stand_beside_decisions(cli, filled, name):
    outcome = cli("review", "--style", STYLE, "--by", name, "--no-browser", cwd=filled)
    assert outcome.exit_code == 2
    assert "--by" in outcome.stderr


def test_an_account_without_a_name(monkeypatch):
    def none() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", none)
    with pytest.raises(command.UsageError, match="no name to write beside decisions"):
        command.user_name(None)
    assert command.user_name("  Anna   K. ") == "Anna K."


def test_the_browser_is_given_an_address_that_works_once(monkeypatch):
    opened, told = [], []
    monkeypatch.setenv("BROWSER", "something")
    monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address)))
    command.open_in_browser("http://127.0.0.1:1/open/x", told.append)
    until_s = time.monotonic() + 5
    while not told and time.monotonic() < until_s:
        time.sleep(0.01)
    assert opened == ["http://127.0.0.1:1/open/x"]
    assert "no browser could be opened" in told[0].text


def test_without_a_display_nothing_is_opened(monkeypatch):
    told: list[Any] = []
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.open", lambda _: pytest.fail("it was opened"))
    command.open_in_browser("http://127.0.0.1:1/open/x", told.append)
    assert "there is no display here" in told[0].text


def test_the_page_lies_in_the_package_whole():
    """Every file that the page names is there, and a wheel would hold it."""
    import fnmatch
    import re
    import tomllib

    root = Path(command.__file__).parents[3]
    page = Path(command.__file__).parent / "page"
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["artstyle"]
    files = {path.name for path in page.iterdir()}
    assert len(files) > 15
    for name in files:
        inside = f"web/review/page/{name}"
        assert any(fnmatch.fnmatch(inside, pattern) for pattern in patterns), name
    named = set(re.findall(r'(?:href|src)="page/([^"]+)"', (page / "index.html").read_text()))
    for script in page.glob("*.js"):
        named |= set(re.findall(r'from "\./([^"]+)"', script.read_text()))
    assert named <= files
    assert files - named == {"index.html"}
    assert "http://" not in (page / "index.html").read_text()
