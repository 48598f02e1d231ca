"""Work side by side: order, threads, progress, and how it ends when one piece fails."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from artstyle.events import Progress, ignore
from artstyle.pipeline.encode.lanes import SMALL_PX, Steps, Stopped, in_lanes, lanes_for


def test_small_networks_on_the_processor_get_lanes():
    cores = torch.get_num_threads()
    assert lanes_for(SMALL_PX, 100, "cpu") == cores
    assert lanes_for(SMALL_PX, 1, "cpu") == 1
    assert lanes_for(2 * SMALL_PX, 100, "cpu") is None
    assert lanes_for(SMALL_PX, 100, "cuda") is None


@pytest.mark.parametrize("lanes", [None, 1, 3])
def test_results_keep_their_order_and_steps_are_counted_together(lanes):
    told: list[Progress] = []
    steps = Steps("invert", 20, told.append)
    seen: set[int] = set()
    before = torch.get_num_threads()

    def work(piece: int) -> int:
        seen.add(torch.get_num_threads())
        steps(f"piece {piece}")
        steps(f"piece {piece}")
        return piece * piece

    assert in_lanes(work, range(10), lanes, steps) == [n * n for n in range(10)]
    assert [event.done for event in told] == list(range(1, 21))
    assert seen == ({before} if lanes is None else {1})
    assert torch.get_num_threads() == before


def test_when_one_fails_the_others_stop_at_their_next_step():
    steps = Steps("invert", 2, ignore)
    failed, ended = threading.Event(), []

    def work(piece: int) -> None:
        if piece == 0:
            failed.set()
            raise ValueError("no picture")
        failed.wait()
        try:
            for _ in range(500):  # five seconds, if nobody stops it
                steps("on and on")
                time.sleep(0.01)
        except Stopped as stopped:
            ended.append(type(stopped))
            raise

    with pytest.raises(ValueError, match="no picture"):
        in_lanes(work, [0, 1], 2, steps)
    assert ended == [Stopped]
