"""What `make setup` does where Python is old, bare or missing; fake Pythons stand for those."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "setup.sh"
SH = shutil.which("sh") or ""

pytestmark = pytest.mark.skipif(not SH, reason="needs a POSIX shell")

# A Python that answers what the script asks it: $1 is -c, -m or --version.
FAKE = """#!{sh}
echo "$(basename "$0") $*" >>"{log}"
case "$*" in
    *version_info*) exit {old} ;;
    *ensurepip*) exit {bare} ;;
    --version) echo "Python {version}" ;;
    "-m venv"*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    "-m pip install"*) exit {offline} ;;
esac
"""


@pytest.fixture
def room(tmp_path):
    """A folder where the script runs, with a path that holds a few tools and fake Pythons only."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("head", "basename", "mkdir", "cp"):
        (tools / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def put_python(room: Path, name: str, version: str, *, old=0, bare=0, offline=0) -> None:
    path = room / "tools" / name
    facts = {"old": old, "bare": bare, "version": version, "offline": offline}
    path.write_text(FAKE.format(sh=SH, log=room / "log", **facts), encoding="utf-8")
    path.chmod(0o755)


def run(room: Path, **more: str) -> subprocess.CompletedProcess[str]:
    call = [SH, str(SCRIPT), "env"]
    where = {"PATH": str(room / "tools"), **more}
    return subprocess.run(call, cwd=room, env=where, capture_output=True, text=True, check=False)


def calls(room: Path) -> list[str]:
    return (room / "log").read_text(encoding="utf-8").splitlines()


def test_the_first_suitable_python_makes_the_environment(room):
    put_python(room, "python3.12", "3.12.1", bare=1)
    put_python(room, "python3.11", "3.11.9")
    put_python(room, "python3", "3.9.2", old=1)
    done = run(room)
    assert done.returncode == 0, done.stderr
    assert "making env with python3.11 (Python 3.11.9)" in done.stderr
    assert "python3.11 -m venv --clear env" in calls(room)
    assert calls(room)[-1].startswith("python -m pip install")
    assert calls(room)[-1].endswith("-e .[dev]")
    again = run(room)
    assert again.returncode == 0
    assert "making" not in again.stderr


@pytest.mark.parametrize(
    ("pythons", "more", "message", "hint"),
    [
        ([], {}, "there is no Python 3.11 or newer here; found: none at all", "install one"),
        (
            [("python3", {"version": "3.9.2", "old": 1}), ("python", {"version": "2.7", "old": 1})],
            {},
            "found: python3 (Python 3.9.2), python (Python 2.7)",
            "PYTHON=/path/to/python3",
        ),
        (
            [("python3", {"version": "3.12.0", "bare": 1})],
            {},
            "python3 cannot make virtual environments: venv or ensurepip is missing",
            "apt-get install python3-venv",
        ),
        (
            [("python3", {"version": "3.12.0"}), ("mine", {"version": "3.8.1", "old": 1})],
            {"PYTHON": "mine"},
            "PYTHON=mine is not Python 3.11 or newer: mine (Python 3.8.1)",
            "leave PYTHON unset",
        ),
        (
            [("python3", {"version": "3.12.0"})],
            {"PYTHON": "gone"},
            "PYTHON=gone is not Python 3.11 or newer: there is no such command",
            "leave PYTHON unset",
        ),
        (
            [("python3", {"version": "3.12.0", "offline": 1})],
            {},
            "installing failed; what pip said stands above",
            "give the same command again",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(room, pythons, more, message, hint):
    for name, facts in pythons:
        put_python(room, name, **facts)
    done = run(room, **more)
    assert done.returncode == 1
    error, found_hint = done.stderr.split("error: ")[1].split("\nhint: ")
    assert message in error
    assert not error.startswith(" ")
    assert hint in found_hint


def test_this_python_is_one_that_fits():
    """The fake ones stand for real ones: ask a real one what the script asks."""
    for code in ("import sys; sys.exit(sys.version_info < (3, 11))", "import ensurepip, venv"):
        assert code.split("; ")[-1] in SCRIPT.read_text("utf-8")
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_alone_lists_what_can_be_made():
    make = str(shutil.which("make"))
    done = subprocess.run([make], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in ("demo", "test", "test-quick", "setup", "bench", "docs", "clean"):
        assert f"make {name} " in done.stdout
        dry = subprocess.run([make, "-n", name], cwd=REPOSITORY, capture_output=True, check=False)
        assert dry.returncode == 0, dry.stderr
