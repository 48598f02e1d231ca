"""Adam for one tensor steps as torch's does, and is there without torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import torch

from stylegan_ext.adam import Adam

LOOK = """
import sys, torch
from stylegan_ext.adam import Adam
tensor = torch.zeros(2, requires_grad=True)
Adam(tensor).step(torch.ones(2), 0.1)
print("torch._dynamo" in sys.modules, "scipy.signal" in sys.modules)
"""


def test_it_steps_as_torch_does():
    start = torch.randn(3, 4, generator=torch.manual_seed(0))
    mine, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    adam = Adam(mine, betas=(0.9, 0.99))
    optimizer = torch.optim.Adam([theirs], betas=(0.9, 0.99))
    for index in range(20):
        rate = 0.1 / (1 + index)
        (gradient,) = torch.autograd.grad(mine.pow(4).sum() - mine.sum(), mine)
        adam.step(gradient, rate)
        optimizer.param_groups[0]["lr"] = rate
        (theirs.grad,) = torch.autograd.grad(theirs.pow(4).sum() - theirs.sum(), theirs)
        optimizer.step()
    assert (mine - start).abs().max() > 0.1
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_it_loads_no_compiler():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
