"""kill -9 at random instants, the same command line again, and the same end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support.training import TINY, write_dataset

from stylegan_ext.training.state import StateFiles

RUN = "from artstyle.cli import run; run()"


def command(folder: Path, run: str) -> list[str]:
    shape = {name: TINY[name] for name in TINY if name not in ("config", "batch")}
    words = ["train", "--dataset", "d.zip", "--out", run, "--config", "small", "--batch", "4"]
    words += ["--kimg", "0.4", "--snapshot-kimg", "0.02", "--device", "cpu", "-q"]
    for name, value in shape.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return [sys.executable, "-c", RUN, *words, "--workspace", str(folder)]


@pytest.mark.slow
def test_killed_at_random_instants_it_ends_as_one_that_was_not(tmp_path):
    write_dataset(tmp_path / "d.zip")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    common = {"cwd": tmp_path, "env": environment}
    begin = time.monotonic()
    subprocess.run(command(tmp_path, "whole"), check=True, **common)
    whole_s = time.monotonic() - begin
    dice = random.Random(4)
    killed = 0
    for _ in range(4):
        process = subprocess.Popen(command(tmp_path, "killed"), **common)
        try:
            process.wait(timeout=whole_s * dice.uniform(0.5, 0.95))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() != 0
    subprocess.run(command(tmp_path, "killed"), check=True, **common)
    assert killed >= 1
    one, two = (StateFiles(tmp_path / name).newest()[0] for name in ("whole", "killed"))
    assert one.facts["counters"] == two.facts["counters"]
    assert one.facts["order"] == two.facts["order"]
    assert one.tensors.keys() == two.tensors.keys()
    assert all(torch.equal(one.tensors[name], two.tensors[name]) for name in one.tensors)
    left = [path.name for path in (tmp_path / "killed").iterdir() if path.name.endswith(".part")]
    assert left == []
