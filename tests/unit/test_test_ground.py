"""The ground that tests stand on holds: no network, a home of their own, skips that say why."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
OUTSIDE = ("192.0.2.1", 80)  # an address that is kept for examples
BLOCKED = pytest.raises(RuntimeError, match="tests do not use the network")


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(OUTSIDE, timeout=1),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        lambda: urllib.request.urlopen("http://example.org/", timeout=1),
    ],
)
def test_the_network_is_out_of_reach(reach):
    with BLOCKED:
        reach()


def test_a_socket_of_ones_own_is_out_of_reach_too():
    with socket.socket() as one, BLOCKED:
        one.connect(OUTSIDE)
    with socket.socket() as one, BLOCKED:
        one.connect_ex(OUTSIDE)


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port), timeout=5) as one:
            other, _ = server.accept()
            with other:
                one.sendall(b"x")
                assert other.recv(1) == b"x"


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_has_a_home_of_its_own(artstyle_home, time):
    assert os.environ["ARTSTYLE_HOME"] == str(artstyle_home)
    assert not artstyle_home.exists()
    artstyle_home.mkdir(parents=True)


SUITE = """
import pytest
@pytest.mark.shared
def test_shared(shared_dir): pass
@pytest.mark.gpu
def test_gpu():
    import torch
    assert torch.cuda.is_available()
"""


def test_what_cannot_run_here_is_skipped_with_its_reason(tmp_path):
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")
    (tmp_path / "conftest.py").write_bytes((REPOSITORY / "tests" / "conftest.py").read_bytes())
    call = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    call += ["-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)]
    where = {**os.environ, "ARTSTYLE_SHARED": str(tmp_path / "gone"), "CUDA_VISIBLE_DEVICES": ""}
    where.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        call, env=where, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "2 skipped" in done.stdout, done.stdout
    assert f"needs real data in {tmp_path / 'gone'}" in done.stdout
    assert "needs a CUDA device" in done.stdout
