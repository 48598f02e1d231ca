from __future__ import annotations

import pytest

from artstyle import machine
from artstyle.errors import UsageError
from artstyle.machine import Device, choose_device

GPU = Device("cuda:0", "a GPU", 8_000_000_000, bf16=True)
SECOND = Device("cuda:1", "another", 8_000_000_000, bf16=True)
CPU = Device("cpu", "a processor", None, bf16=False)


@pytest.mark.parametrize(
    ("there", "wish", "chosen"),
    [
        ((CPU,), "auto", "cpu"),
        ((GPU, SECOND, CPU), "auto", "cuda:0"),
        ((GPU, SECOND, CPU), "cpu", "cpu"),
        ((GPU, SECOND, CPU), "cuda", "cuda"),
        ((GPU, SECOND, CPU), "cuda:1", "cuda:1"),
    ],
)
def test_the_device_is_the_one_wished_for_else_the_fastest(monkeypatch, there, wish, chosen):
    monkeypatch.setattr(machine, "devices", lambda: there)
    assert choose_device(wish) == chosen


@pytest.mark.parametrize("wish", ["cuda:2", "mps", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch, wish):
    monkeypatch.setattr(machine, "devices", lambda: (GPU, SECOND, CPU))
    with pytest.raises(UsageError, match=r"it has cuda:0, cuda:1, cpu$"):
        choose_device(wish)


def test_the_memory_is_the_machines_or_the_control_groups(monkeypatch):
    monkeypatch.setattr(machine, "_machine_memory_bytes", lambda: 100)
    for limit, memory in ((None, 100), (40, 40), (1000, 100)):
        monkeypatch.setattr(machine, "_group_limit_bytes", lambda limit=limit: limit)
        assert machine.memory_bytes() == memory
    monkeypatch.setattr(machine, "_machine_memory_bytes", lambda: None)
    monkeypatch.setattr(machine, "_group_limit_bytes", lambda: None)
    assert machine.memory_bytes() is None
