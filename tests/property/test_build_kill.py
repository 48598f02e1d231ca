"""A build that is killed leaves the old zip or the new one, and nothing else."""

from __future__ import annotations

import os

import pytest
from support.kill_build import faults


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_five_kills_leave_nothing_behind(tmp_path):
    assert faults(tmp_path, kills=5, seed=3, crops=40) == []
