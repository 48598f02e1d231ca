"""The text that exported snapshots carry gives the reference implementation's pictures too."""

from __future__ import annotations

import ast
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from support.vectors import HERE, Vectors, relative_error

from stylegan_ext.convert.official_export import source_text
from stylegan_ext.infer import kind_of

SMALL = [
    "sg2_d32_orig_mbstd_all",
    "sg2_d32_skip",
    "sg2_g32_gray",
    "sg2_g64_arch_resnet",
    "sg2_g64_cond3_embed16",
    "sg3r_g64",
    "sg3t_g64_cond3",
]
SHARED = [
    "sg2_d64_resnet",
    "sg2_d64_resnet_cond3",
    "sg2_g64_arch_orig",
    "sg2_g64_arch_skip",
    "sg2_g64_cond3",
    "sg3t_g64",
]
CLASSES = {
    "stylegan2-generator": "StyleGAN2Generator",
    "stylegan2-discriminator": "Discriminator",
    "stylegan3-generator": "StyleGAN3Generator",
}
PICTURES = [
    ("img_psi1_const", "ws_psi1", "const"),
    ("img_psi1_none", "ws_psi1", "none"),
    ("img_psi07cut4_const", "ws_psi07_cut4", "const"),
    ("img_psi1", "ws_psi1", "const"),
    ("img_psi07cut4", "ws_psi07_cut4", "const"),
]


@pytest.fixture(scope="module")
def text() -> types.ModuleType:
    """The source, run alone as the official tools run it."""
    module = types.ModuleType("text_of_a_snapshot")
    exec(source_text(), module.__dict__)
    return module


def network(text: types.ModuleType, v: Vectors) -> Any:
    kind = kind_of(v.state())
    assert kind is not None
    made = getattr(text, CLASSES[kind])(**v.kwargs)
    own = made.state_dict()
    for name, tensor in v.state().items():
        if name.endswith("filter"):  # designed by the text's own arithmetic
            assert torch.allclose(own[name], tensor, atol=1e-6), name
    made.load_state_dict(v.state())
    return made.eval().requires_grad_(False)


def check(text: types.ModuleType, v: Vectors) -> None:
    made = network(text, v)
    if "logits" in v:
        assert relative_error(made(v["img"], v.get("c")), v["logits"]) < 1e-4
        return
    assert relative_error(made.mapping(v["z"], v.get("c")), v["ws_psi1"]) < 1e-5
    cut = made.mapping(v["z"], v.get("c"), truncation_psi=0.7, truncation_cutoff=4)
    assert relative_error(cut, v["ws_psi07_cut4"]) < 1e-5
    seen = 0
    for picture, latents, noise in PICTURES:
        if picture in v:
            found = made.synthesis(v[latents][: len(v[picture])], noise_mode=noise)
            assert relative_error(found, v[picture]) < 1e-4, picture
            seen += 1
    assert seen >= 2
    if "user_transform_in_buffer" in v:
        made.synthesis.input.transform.copy_(v["user_transform_in_buffer"])
        found = made.synthesis(v["ws_psi1"][:1])
        assert relative_error(found, v["img_psi1_with_transform"]) < 1e-4


@pytest.mark.parametrize("name", SMALL)
def test_it_agrees_with_the_reference(name: str, text: types.ModuleType) -> None:
    check(text, Vectors(HERE / f"{name}.npz"))


@pytest.mark.shared
@pytest.mark.parametrize("name", SHARED)
def test_it_agrees_with_larger_reference_networks(
    name: str, text: types.ModuleType, shared_dir: Path
) -> None:
    check(text, Vectors(shared_dir / "vectors" / f"{name}.npz"))


def test_it_stands_on_torch_and_numpy_alone() -> None:
    imports = [line for line in source_text().splitlines() if line.startswith(("import", "from"))]
    modules = {line.split()[1].partition(".")[0] for line in imports}
    assert modules == {"__future__", "math", "typing", "numpy", "torch"}
    ast.parse(source_text(), feature_version=(3, 7))  # what the official tools run on


def test_training_a_step_changes_what_it_should(text: types.ModuleType) -> None:
    """Tools resume training from a snapshot: gradients and running averages must work there."""
    v = Vectors(HERE / "sg3t_g64_cond3.npz")
    made = network(text, v).requires_grad_(True)
    before = made.mapping.w_avg.clone()
    ws = made.mapping(v["z"], v.get("c"), update_emas=True)
    made.synthesis(ws, update_emas=True).square().mean().backward()
    assert not torch.equal(made.mapping.w_avg, before)
    assert all(parameter.grad is not None for parameter in made.parameters())
