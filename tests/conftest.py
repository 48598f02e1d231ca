"""What all tests stand on: no network, a home of their own, real pictures where there are some."""

from __future__ import annotations

import io
import itertools
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores: torch, imported later, shall take one thread in each of them.
    os.environ["OMP_NUM_THREADS"] = "1"


class NetworkBlockedError(RuntimeError):
    """A test reached for the network. No OSError, so that no code takes it for being offline."""


@dataclass(frozen=True)
class Outcome:
    """How a command line ended."""

    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device; torch sees none here")


def shared_folder() -> Path:
    return Path(os.environ.get("ARTSTYLE_SHARED") or REPOSITORY.parent / "shared")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with parity vectors and real pictures; the test is skipped where there is none."""
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f"needs real data in {folder}; ARTSTYLE_SHARED can name another folder")
    return folder


def _is_loopback(host: object) -> bool:
    return host in ("localhost", "::1", "") or str(host).startswith("127.")


def _refuse(host: object) -> None:
    if not _is_loopback(host):
        raise NetworkBlockedError(f"tests do not use the network, and this one reached for {host}")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    getaddrinfo, gethostbyname = socket.getaddrinfo, socket.gethostbyname

    def check(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            _refuse(address[0])

    def checked_connect(sock: socket.socket, address: Any) -> None:
        check(sock, address)
        connect(sock, address)

    def checked_connect_ex(sock: socket.socket, address: Any) -> int:
        check(sock, address)
        return connect_ex(sock, address)

    def checked_getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host is not None:
            _refuse(host.decode() if isinstance(host, bytes) else host)
        return getaddrinfo(host, *rest, **more)

    def checked_gethostbyname(host: str) -> str:
        _refuse(host)
        return gethostbyname(host)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_getaddrinfo)
        patch.setattr(socket, "gethostbyname", checked_gethostbyname)
        yield


_homes = itertools.count()


@pytest.fixture(scope="session")
def _homes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="session", autouse=True)
def _nobodys_home(_homes_folder: Path) -> Iterator[None]:
    """Fixtures of whole modules do not see what the developer has pulled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARTSTYLE_HOME", str(_homes_folder / "nobody"))
        patch.delenv("ARTSTYLE_WORKSPACE", raising=False)
        yield


@pytest.fixture(autouse=True)
def artstyle_home(_homes_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights would be kept in this test; the folder does not exist yet."""
    home = _homes_folder / str(next(_homes))
    monkeypatch.setenv("ARTSTYLE_HOME", str(home))
    monkeypatch.delenv("ARTSTYLE_WORKSPACE", raising=False)
    return home


@pytest.fixture(autouse=True)
def no_starter_models(
    request: pytest.FixtureRequest, _homes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names lead to a test's own models, whatever ships; `starter` marks who wants what ships."""
    from artstyle.weights import model_names

    if request.node.get_closest_marker("starter") is None:
        monkeypatch.setattr(model_names, "_shipped_models", lambda: _homes_folder / "no models")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A new, empty workspace."""
    from artstyle.workspace import FOLDERS

    root = tmp_path / "workspace"
    for name in FOLDERS:
        (root / name).mkdir(parents=True)
    return root


@pytest.fixture
def cli() -> Callable[..., Outcome]:
    """Run a command line in this process: `cli("doctor", "--json", cwd=folder)`."""
    from artstyle.cli import status

    def call(*words: object, cwd: Path | None = None) -> Outcome:
        stdout, stderr = io.StringIO(), io.StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr), chdir(cwd or Path.cwd()):
            code = status([str(word) for word in words])
        return Outcome(code, stdout.getvalue(), stderr.getvalue())

    return call
