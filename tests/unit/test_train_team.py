"""Two processes train as one does."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from support.two_processes import train

from stylegan_ext import losses, team
from stylegan_ext.errors import ParameterError
from stylegan_ext.team import Team
from stylegan_ext.training.loop import LoopSettings, _check_sharing
from stylegan_ext.training.parallel import MissingPartError, make_team

SCRIPT = Path(__file__).parents[1] / "support" / "two_processes.py"


@pytest.mark.skipif(find_spec("lightning_fabric") is None, reason="needs the extra 'distributed'")
def test_two_processes_train_as_one_does(tmp_path):
    out = tmp_path / "two.pt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(out), "2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two = torch.load(out, weights_only=True)
    assert two["world"] == 2
    _, one, stats = train(1)
    assert two["tensors"].keys() >= {name for name in one if not name.startswith("sums.")}
    for name, held in one.items():
        if not name.startswith(("sums.", "signs.", "adam.")):
            torch.testing.assert_close(two["tensors"][name], held, rtol=0, atol=2e-4, msg=name)
    for name, figures in stats.items():
        assert two["stats"][name]["num"] == figures["num"]
        assert two["stats"][name]["mean"] == pytest.approx(figures["mean"], rel=1e-3, abs=1e-4)


def test_a_share_is_every_second_item():
    whole = torch.arange(8.0)
    mine = [Team(rank, 2).share(whole).tolist() for rank in (0, 1)]
    assert mine == [[0, 2, 4, 6], [1, 3, 5, 7]]
    torch.manual_seed(0)
    alone = team.normal([8, 3])
    for rank in (0, 1):
        torch.manual_seed(0)
        with team.working_in(Team(rank, 2)):
            assert torch.equal(team.normal([4, 3]), alone[rank::2])


def test_the_path_penalty_pulls_at_the_common_mean():
    """The gradients of two halves, averaged, are those of the whole."""
    lengths = torch.tensor([1.0, 4.0, 2.0, 9.0], requires_grad=True)
    start = torch.tensor(3.0)
    penalty, mean = losses.path_length_penalty(lengths, start)
    (whole,) = torch.autograd.grad(penalty.mean(), lengths)
    parts = []
    for rank in (0, 1):
        answers = iter([lengths.detach().mean(), (-2 * (lengths.detach() - mean)).mean()])
        with team.working_in(Team(rank, 2, lambda _, a=answers: next(a))):
            own = lengths[rank::2]
            mine, common = losses.path_length_penalty(own, start)
            assert torch.allclose(common, mean)
            (part,) = torch.autograd.grad(mine.mean(), lengths)
            parts.append(part)
    torch.testing.assert_close(sum(parts) / 2, whole, rtol=1e-6, atol=1e-7)


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    from stylegan_ext.networks import Discriminator

    d = Discriminator(0, 16, 3, channel_base=64, channel_max=8)
    with pytest.raises(ParameterError, match="cannot be shared evenly by 3"):
        _check_sharing(LoopSettings(batch=16), d, Team(0, 3))
    with pytest.raises(ParameterError, match="groups of 4"):
        _check_sharing(LoopSettings(batch=12), d, Team(0, 2))
    monkeypatch.setattr("stylegan_ext.training.parallel.find_spec", lambda _: None)
    with pytest.raises(MissingPartError, match="Lightning Fabric"):
        make_team("cpu", 2)
    assert make_team("cpu", 1)[0].world == 1
