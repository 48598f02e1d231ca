"""The rooms of the house: who may import whom, what lies where, and what a start may load.

Every check is a function from a tree to its faults. It is run on this checkout, where it must find
none, and on a small tree built wrong on purpose, where it must find the fault.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# From the top down. A room imports from lower rows only, never from its neighbours in the row.
# "ground" is every module that lies directly in artstyle/, and the packages below.
ROOMS = (
    ("cli", "web"),
    ("report",),
    ("pipeline",),
    ("video", "faces", "sprites", "curate", "corpus", "metrics", "baselines"),
    ("perception",),
    ("ground",),
)
BESIDES = {("cli", "web")}  # the command that starts the pages
GROUND_PACKAGES = {"catalog", "images", "recipes", "weights"}
# The engine stands apart; these use it. Its errors may be caught, and what a model file says of
# itself may be read, everywhere: neither loads torch.
ENGINE_USERS = {"cli", "pipeline", "metrics", "baselines", "perception"}
ENGINE_FOR_ALL = (" imports stylegan_ext.errors", " imports stylegan_ext.header")
# What the engine stands on. lightning_fabric only inside the functions that train.
ENGINE_MAY = {"torch", "numpy", "scipy", "safetensors", "stylegan_ext", "lightning_fabric"}
# Optional or dangerous packages, which no module imports when it is imported itself.
NEVER_AT_IMPORT = {
    "face_recognition",
    "fastapi",
    "lightning_fabric",
    "mlflow",
    "pyarrow",
    "tensorboard",
    "tensorboardX",
    "uvicorn",
}
# What a start must not load: slow things, and whatever could reach for the network.
HEAVY = ["torch", "numpy", "scipy", "pandas", "cv2", "PIL", "av", "dlib", "rich", "safetensors"]
HEAVY += ["requests", "urllib3", "httpx", "urllib.request", "http.client"]
# From these one imports rooms and modules, from all others what they hold.
PACKAGES = {"artstyle", "stylegan_ext"}
NO_PYTHON = ("datasets", "training", "reports")
MOST_LINES, MOST_LINES_OF_TESTS = 500, 700  # tests are read one by one
LONG_FOR_A_REASON = {
    "stylegan_ext/convert/portable_source.py": "travels as one text inside exported snapshots",
}


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """The modules of both packages by their dotted name."""
    for package in ("artstyle", "stylegan_ext"):
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path, *, at_import_only: bool = False) -> Iterator[str]:
    """The absolute names of what a module imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in run_at_import(tree) if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*start, *([node.module] if node.module else [])])
            inside = {f"{source}.{alias.name}" for alias in node.names}
            yield from inside if source in PACKAGES else {source}


def run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported."""
    for node in ast.iter_child_nodes(tree):
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if is_function or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            continue
        yield node
        yield from run_at_import(node)


def room(name: str) -> str:
    """The room of a module of artstyle."""
    parts = name.split(".")
    second = parts[1] if len(parts) > 1 else ""
    known = {one for row in ROOMS for one in row}
    return second if second in known else "ground"


def wrong_directions(root: Path) -> set[str]:
    """Imports that go up or sideways."""
    row = {name: number for number, names in enumerate(ROOMS) for name in names}
    faults = set()
    for name, path in modules(root):
        here = room(name)
        for target in imports(name, path):
            if name.startswith("stylegan_ext"):
                if target.split(".")[0] == "artstyle":
                    faults.add(f"{name} imports {target}")
            elif target.split(".")[0] == "artstyle":
                there = room(target)
                if here != there and row[here] >= row[there] and (here, there) not in BESIDES:
                    faults.add(f"{name} imports {target}")
            elif target.split(".")[0] == "stylegan_ext" and here not in ENGINE_USERS:
                faults.add(f"{name} imports {target}")
    return {fault for fault in faults if not fault.endswith(ENGINE_FOR_ALL)}


def strange_rooms(root: Path) -> set[str]:
    """Packages inside artstyle that the plan does not know."""
    known = {one for row in ROOMS for one in row} | GROUND_PACKAGES
    packages = {path.parent.name for path in (root / "artstyle").glob("*/__init__.py")}
    return packages - known


def engine_strangers(root: Path) -> set[str]:
    """What the engine imports and may not."""
    return {
        f"{name} imports {target}"
        for name, path in modules(root)
        if name.startswith("stylegan_ext")
        for target in imports(name, path)
        if target.split(".")[0] not in ENGINE_MAY | sys.stdlib_module_names
    }


def optional_at_import(root: Path) -> set[str]:
    """Optional packages that would be needed to import a module."""
    return {
        f"{name} imports {target}"
        for name, path in modules(root)
        for target in imports(name, path, at_import_only=True)
        if target.split(".")[0] in NEVER_AT_IMPORT
    }


def tree(root: Path) -> list[Path]:
    """The files that belong to the project: all that git does not ignore."""
    if not (root / ".git").exists():
        return sorted(path for path in root.rglob("*") if path.is_file())
    call = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(call, check=True, capture_output=True).stdout.decode().split("\0")
    return [root / name for name in names if name and (root / name).is_file()]


def python_among_data(root: Path) -> set[str]:
    """Python where only recipes, cards and reports belong."""
    return {
        str(path.relative_to(root))
        for path in tree(root)
        if path.relative_to(root).parts[0] in NO_PYTHON
        and path.suffix in {".py", ".pyi", ".pyc", ".ipynb"}
    }


def long_files(root: Path) -> set[str]:
    """Python files over the limit."""
    faults = set()
    for path in tree(root):
        name = path.relative_to(root).as_posix()
        lines = path.read_bytes().count(b"\n") if path.suffix == ".py" else 0
        if name not in LONG_FOR_A_REASON and lines > (
            MOST_LINES_OF_TESTS if name.startswith("tests/") else MOST_LINES
        ):
            faults.add(f"{name}: {lines}")
    return faults


def top_level_names(root: Path) -> set[str]:
    """What a wheel would bring into site-packages, as setuptools finds it."""
    from setuptools import find_namespace_packages

    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = find_namespace_packages(str(root), include=settings["packages"]["find"]["include"])
    assert "py-modules" not in settings
    return {name.split(".")[0] for name in found}


def data_left_behind(root: Path) -> set[str]:
    """Files inside the packages that a wheel would not hold."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    faults = set()
    for package, patterns in settings["package-data"].items():
        for path in tree(root):
            inside = path.is_relative_to(root / package) and path.suffix != ".py"
            name = path.relative_to(root / package).as_posix() if inside else ""
            if inside and not any(fnmatch.fnmatch(name, p.replace("**/", "*")) for p in patterns):
                faults.add(f"{package}/{name}")
    return faults


# Put together here, so that this file does not hold what it looks for.
_REGISTRIES = ["py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.org", "conda" + r"\.org"]
_REGISTRIES += ["deb" + r"ian\.org", "pytorch" + r"\.org/whl", "proxy" + r"\.golang"]
_FOLDERS = "|".join(["wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers", "tmp" + "/v"])
UNWANTED = re.compile("|".join(_REGISTRIES) + rf"|(?<![\w.~*$}}>/-])/(?:{_FOLDERS})/[\w.-]")


def unwanted_words(root: Path) -> set[str]:
    """Lines that name a package registry's host or a folder of somebody's machine."""
    faults = set()
    for path in tree(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or a model
        for number, line in enumerate(lines, start=1):
            if UNWANTED.search(line):
                faults.add(f"{path.relative_to(root)}:{number}: {line.strip()}")
    return faults


# Check -> a file that breaks it, and the fault it must then find.
BROKEN = {
    wrong_directions: [
        ("artstyle/images.py", "from artstyle.faces import box", "artstyle.images imports"),
        ("artstyle/faces/box.py", "import artstyle.video.scan", "artstyle.faces.box imports"),
        ("artstyle/faces/box.py", "from ..pipeline import x", "artstyle.faces.box imports"),
        ("artstyle/faces/__init__.py", "from ..web import x", "artstyle.faces imports"),
        ("artstyle/web/app.py", "def f():\n import artstyle.cli", "artstyle.web.app imports"),
        ("artstyle/video/x.py", "import stylegan_ext", "artstyle.video.x imports stylegan_ext"),
        ("artstyle/x.py", "from stylegan_ext import errors_x", "artstyle.x imports stylegan_ext"),
        ("stylegan_ext/x.py", "from artstyle import files", "stylegan_ext.x imports artstyle"),
    ],
    strange_rooms: [("artstyle/utils/__init__.py", "", "utils")],
    engine_strangers: [("stylegan_ext/x.py", "import cv2", "stylegan_ext.x imports cv2")],
    optional_at_import: [
        ("artstyle/x.py", "try:\n import fastapi\nexcept OSError: pass", "artstyle.x imports"),
        ("artstyle/x.py", "class A:\n from mlflow import b", "artstyle.x imports mlflow"),
    ],
    python_among_data: [("datasets/ghibli/make.py", "", "datasets/ghibli/make.py")],
    long_files: [
        ("artstyle/long.py", "x = 1\n" * 501, "artstyle/long.py: 501"),
        ("tests/long.py", "x = 1\n" * 701, "tests/long.py: 701"),
    ],
    data_left_behind: [("artstyle/x.bin", "x", "artstyle/x.bin")],
    unwanted_words: [
        ("a.md", "see https://" + "py" + "pi.org/x", "a.md:1"),
        ("a.md", "\n`/" + "work/x`", "a.md:2"),
        ("a.toml", 'a = "/' + "home/me/x", "a.toml:1"),
    ],
}
RIGHT = [
    ("artstyle/cli/app.py", "from artstyle.web import serve\nimport stylegan_ext"),
    ("artstyle/x.py", "from stylegan_ext.errors import EngineError\nfrom artstyle import files"),
    ("artstyle/y.py", "def f():\n import fastapi\nfrom typing import TYPE_CHECKING"),
    ("artstyle/z.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import mlflow"),
    ("artstyle/starter/people/model.safetensors", "x"),
    ("stylegan_ext/x.py", "import torch.nn\nfrom . import y\nimport json"),
    ("stylegan_ext/sub/__init__.py", "from ..x import y"),
    ("datasets/ghibli/recipe.toml", ""),
    ("a.md", "../" + "work/x, models/" + "home/x, https://example.org/" + "home/x"),
]


@pytest.mark.parametrize("check", BROKEN, ids=lambda check: check.__name__)
def test_this_checkout_holds_to_the_plan(check):
    assert check(REPOSITORY) == set()


@pytest.mark.parametrize(
    ("check", "name", "text", "fault"),
    [(check, *case) for check, cases in BROKEN.items() for case in cases],
)
def test_each_check_finds_what_it_looks_for(tmp_path, check, name, text, fault):
    lay(tmp_path, [*RIGHT, ("pyproject.toml", (REPOSITORY / "pyproject.toml").read_text("utf-8"))])
    assert check(tmp_path) == set()
    lay(tmp_path, [(name, text)])
    faults = check(tmp_path)
    assert faults
    assert all(found.startswith(fault) for found in faults)


def lay(root: Path, files: list[tuple[str, str]]) -> None:
    for name, text in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_wheel_brings_two_names(tmp_path):
    assert top_level_names(REPOSITORY) == {"artstyle", "stylegan_ext"}
    lay(tmp_path, [("pyproject.toml", (REPOSITORY / "pyproject.toml").read_text("utf-8"))])
    lay(tmp_path, [("artstyle_more/__init__.py", ""), ("training/__init__.py", "")])
    assert top_level_names(tmp_path) == {"artstyle_more"}


LOADED = """
import json, sys
{0}
print(json.dumps([name for name in {1} if name in sys.modules]), file=sys.stderr)
"""


def loaded_by(statement: str) -> list[str]:
    """Which heavy modules a fresh Python has loaded after a statement."""
    code = LOADED.format(statement, list(HEAVY))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "statement",
    [
        "import artstyle",
        "import stylegan_ext.errors, stylegan_ext.header",
        "from artstyle.cli import status; status(['--help'])",
        "from artstyle.cli import status; status(['--version'])",
        "from artstyle.cli import status; status(['nonsense'])",
        "import artstyle.cli, importlib, pkgutil\n"
        "for m in pkgutil.walk_packages(artstyle.cli.__path__, 'artstyle.cli.'):\n"
        "    importlib.import_module(m.name)",
    ],
)
def test_a_start_loads_nothing_heavy(statement):
    assert loaded_by(statement) == []


def test_what_is_heavy_would_be_noticed():
    assert loaded_by("import PIL, http.client") == ["PIL", "http.client"]
