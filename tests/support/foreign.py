"""Models as other tools write them, made from networks of ours; and their loader, in few words."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_ext.convert.emitter import Call, Emitter
from stylegan_ext.convert.official_export import _persistent
from stylegan_ext.convert.portable_source import StyleGAN2Generator
from stylegan_ext.networks import construct
from stylegan_ext.records import Kind, ModelFile, NetworkRecord, Provenance

LATENT = {"z_dim": 8, "w_dim": 8, "c_dim": 0, "img_channels": 3}
WIDTH = {"channel_base": 64, "channel_max": 6}


def random_record(kind: Kind, seed: int = 0, **kwargs: Any) -> NetworkRecord:
    """A network whose parameters that begin as zeros or ones are random too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        state = construct(kind, kwargs).state_dict()
    tensors = {}
    for name, tensor in state.items():
        learned = not name.endswith(("filter", "freqs", "phases", "transform", "const"))
        noise = torch.randn(tensor.shape, generator=generator) * 0.3
        tensors[name] = (tensor + noise).abs() if "magnitude" in name else tensor
        if learned and "magnitude" not in name:
            tensors[name] = tensor + noise
    return NetworkRecord(kind, kwargs, tensors)


def generator2(seed: int = 0, *, resolution: int = 16, **synthesis: Any) -> NetworkRecord:
    kwargs = {
        **LATENT,
        "img_resolution": resolution,
        "mapping_kwargs": {"num_layers": 2},
        "synthesis_kwargs": {**WIDTH, **synthesis},
    }
    return random_record("stylegan2-generator", seed, **kwargs)


def discriminator(seed: int = 0, *, resolution: int = 16, **more: Any) -> NetworkRecord:
    kwargs = {"c_dim": 0, "img_resolution": resolution, "img_channels": 3, **WIDTH, **more}
    return random_record("stylegan2-discriminator", seed, **kwargs)


def generator3(seed: int = 0, **more: Any) -> NetworkRecord:
    kwargs = {
        **LATENT,
        "img_resolution": 16,
        "mapping_kwargs": {"num_layers": 2},
        **WIDTH,
        "num_layers": 4,
        **more,
    }
    return random_record("stylegan3-generator", seed, **kwargs)


def whole_model(**origin: Any) -> ModelFile:
    """G_ema, G and D at 16 px."""
    networks = {"G_ema": generator2(1), "G": generator2(2), "D": discriminator(3)}
    return ModelFile(networks, Provenance(**origin))


def tiny_model() -> ModelFile:
    """One generator of 4 px and a few hundred numbers."""
    kwargs = {
        "z_dim": 2,
        "w_dim": 2,
        "c_dim": 0,
        "img_channels": 1,
        "img_resolution": 4,
        "mapping_kwargs": {"num_layers": 1},
        "synthesis_kwargs": {"channel_base": 8, "channel_max": 2},
    }
    return ModelFile({"G_ema": random_record("stylegan2-generator", **kwargs)})


def snapshot(**entries: Any) -> bytes:
    """An official-like snapshot with these entries."""
    stream = io.BytesIO()
    Emitter(stream).dump(entries)
    return stream.getvalue()


def network(**changes: Any) -> Call:
    """The tiny generator as a persistent object, with changes to its description."""
    record = tiny_model().networks["G_ema"]
    made = StyleGAN2Generator(**record.kwargs)
    made.load_state_dict(record.tensors)
    call = _persistent(made.requires_grad_(False), "", record.kwargs)
    return Call(call.name, ({**call.arguments[0], **changes},))


def state_of(call: Call) -> dict[str, Any]:
    """The attributes of a persistent object, to be changed."""
    state: dict[str, Any] = call.arguments[0]["state"]
    return state


def layer_of(call: Call, *names: str) -> dict[str, Any]:
    """The attributes of a layer inside it."""
    state = state_of(call)
    for name in names:
        state = state_of(state["_modules"][name])
    return state


def equal_tensors(a: NetworkRecord, b: NetworkRecord) -> bool:
    """Same names, and the same bits in every tensor."""
    return a.tensors.keys() == b.tensors.keys() and all(
        a.tensors[name].dtype == b.tensors[name].dtype
        and torch.equal(a.tensors[name], b.tensors[name])
        for name in a.tensors
    )


def pictures(record: NetworkRecord, count: int = 2) -> torch.Tensor:
    """What our engine draws with a generator: z of seed 0."""
    from stylegan_ext.networks import build

    network = build(record)
    z = torch.randn(count, record.kwargs["z_dim"], generator=torch.Generator().manual_seed(0))
    c_dim = record.kwargs.get("c_dim") or 0
    c = torch.eye(c_dim)[torch.arange(count) % c_dim] if c_dim else None
    return network(z, c, noise_mode="const")


@contextmanager
def modules(**named: types.ModuleType) -> Iterator[None]:
    """Modules that can be imported by the names of their `__name__` for a while."""
    before = {module.__name__: sys.modules.get(module.__name__) for module in named.values()}
    try:
        for module in named.values():
            sys.modules[module.__name__] = module
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def load_as_official_tools(path: Path) -> dict[str, Any]:
    """What the official loader does with a snapshot, said in our own words.

    It runs the source text in a new module, takes the class of that name, makes an object without
    calling its constructor, and sets its attributes.
    """
    texts: dict[str, types.ModuleType] = {}

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
        assert meta["type"] == "class"
        assert meta["version"] == 6
        source = meta["module_src"]
        if source not in texts:
            texts[source] = types.ModuleType(f"text_{len(texts)}")
            exec(source, texts[source].__dict__)
        kind = texts[source].__dict__[meta["class_name"]]
        made = kind.__new__(kind)
        made.__dict__.update(meta["state"])
        return made

    parent, persistence = (
        types.ModuleType("torch_utils"),
        types.ModuleType("torch_utils.persistence"),
    )
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    with modules(parent=parent, persistence=persistence), path.open("rb") as stream:
        return pickle.load(stream)


# TensorFlow: the inverse of the mapping that the reader knows.


def _styled(prefix: str, ours: str, t: dict[str, np.ndarray], *, flip: bool) -> dict[str, Any]:
    kernel = t[f"{ours}.weight"].transpose(2, 3, 1, 0)
    found = {
        f"{prefix}/weight": kernel[::-1, ::-1] if flip else kernel,
        f"{prefix}/bias": t[f"{ours}.bias"],
        f"{prefix}/mod_weight": t[f"{ours}.affine.weight"].T,
        f"{prefix}/mod_bias": t[f"{ours}.affine.bias"] - np.float32(1),
    }
    if f"{ours}.noise_strength" in t:
        found[f"{prefix}/noise_strength"] = t[f"{ours}.noise_strength"]
    return found


def _dense(prefix: str, ours: str, t: dict[str, np.ndarray]) -> dict[str, Any]:
    return {f"{prefix}/weight": t[f"{ours}.weight"].T, f"{prefix}/bias": t[f"{ours}.bias"]}


def tensorflow_generator(record: NetworkRecord) -> dict[str, dict[str, np.ndarray]]:
    """Variables of the generator itself, of its mapping and of its synthesis."""
    t = {name: tensor.numpy() for name, tensor in record.tensors.items()}
    mapping: dict[str, Any] = {}
    for i in range(20):
        if f"mapping.fc{i}.weight" in t:
            mapping |= _dense(f"Dense{i}", f"mapping.fc{i}", t)
    if "mapping.embed.weight" in t:
        mapping |= _dense("LabelEmbed", "mapping.embed", t)
    synthesis: dict[str, Any] = {"4x4/Const/const": t["synthesis.b4.const"][None]}
    synthesis |= _styled("4x4/Conv", "synthesis.b4.conv1", t, flip=False)
    final = record.kwargs["img_resolution"]
    size = 4
    while size <= final:
        block, prefix = f"synthesis.b{size}", f"{size}x{size}"
        level = int(np.log2(size))
        if size > 4:
            synthesis |= _styled(f"{prefix}/Conv0_up", f"{block}.conv0", t, flip=True)
            synthesis |= _styled(f"{prefix}/Conv1", f"{block}.conv1", t, flip=False)
        if f"{block}.torgb.weight" in t:
            synthesis |= _styled(f"{prefix}/ToRGB", f"{block}.torgb", t, flip=False)
        if f"{block}.skip.weight" in t:
            kernel = t[f"{block}.skip.weight"].transpose(2, 3, 1, 0)
            synthesis[f"{prefix}/Skip/weight"] = kernel[::-1, ::-1]
        for conv, index in (("conv0", 2 * level - 5), ("conv1", 2 * level - 4)):
            if f"{block}.{conv}.noise_const" in t:
                synthesis[f"noise{index}"] = t[f"{block}.{conv}.noise_const"][None, None]
        size *= 2
    return {"": {"dlatent_avg": t["mapping.w_avg"], "lod": np.float32(0)}} | {
        "mapping": mapping,
        "synthesis": synthesis,
    }


def tensorflow_discriminator(record: NetworkRecord) -> dict[str, dict[str, np.ndarray]]:
    t = {name: tensor.numpy() for name, tensor in record.tensors.items()}
    own: dict[str, Any] = _dense("4x4/Dense0", "b4.fc", t) | _dense("Output", "b4.out", t)
    for i in range(20):
        if f"mapping.fc{i}.weight" in t:
            own |= _dense(f"Mapping{i}", f"mapping.fc{i}", t)
    if "mapping.embed.weight" in t:
        own |= _dense("LabelEmbed", "mapping.embed", t)
    names = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    for name, value in t.items():
        parts = name.split(".")
        if name.startswith("b4.conv."):
            prefix = "4x4/Conv"
        elif parts[0][0] == "b" and parts[1] in names:
            prefix = f"{parts[0][1:]}x{parts[0][1:]}/{names[parts[1]]}"
        else:
            continue
        if parts[-1] == "weight":
            own[f"{prefix}/weight"] = value.transpose(2, 3, 1, 0)
        elif parts[-1] == "bias":
            own[f"{prefix}/bias"] = value
    return {"": own}


def write_tensorflow(
    path: Path,
    networks: tuple[tuple[NetworkRecord, dict[str, Any]] | None, ...],
    *,
    protocol: int = 3,
    version: int = 4,
    old_numpy: bool = True,
    strange: dict[str, np.ndarray] | None = None,
    rename: Callable[[str], str] = str,
) -> None:
    """A snapshot (G, D, Gs) as dnnlib.tflib writes it.

    Args:
        path: where to write it.
        networks: the records and their static_kwargs, or None.
        protocol: of the pickle.
        version: of the networks.
        old_numpy: spell numpy's module as numpy 1 does (protocols 2 and 3).
        strange: further variables of a generator, or others in the place of its own.
        rename: changes the names of a generator's variables.
    """
    network_module = types.ModuleType("dnnlib.tflib.network")
    util_module = types.ModuleType("dnnlib.util")

    class Network:
        pass

    class EasyDict(dict):
        pass

    Network.__module__, Network.__qualname__ = "dnnlib.tflib.network", "Network"
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    network_module.Network = Network  # type: ignore[attr-defined]
    util_module.EasyDict = EasyDict  # type: ignore[attr-defined]

    def make(parts: dict[str, dict[str, np.ndarray]], kwargs: dict[str, Any]) -> Any:
        network = Network()
        components = OrderedDict(
            (name, make({"": own}, kwargs)) for name, own in parts.items() if name
        )
        network.__dict__ = {
            "version": version,
            "name": "network",
            "static_kwargs": EasyDict(kwargs),
            "components": components,
            "build_module_src": "raise SystemExit('this text must never run')",
            "build_func_name": "G_main",
            "variables": [(name, np.asarray(value)) for name, value in parts[""].items()],
        }
        return network

    def one(entry: tuple[NetworkRecord, dict[str, Any]] | None) -> Any:
        if entry is None:
            return None
        record, kwargs = entry
        if record.kind == "stylegan2-discriminator":
            return make(tensorflow_discriminator(record), kwargs)
        parts = tensorflow_generator(record)
        for name, value in (strange or {}).items():
            component, _, rest = name.partition("/")
            inside = component in ("mapping", "synthesis")
            parts[component if inside else ""][rest if inside else name] = value
        parts = {
            component: {rename(name): value for name, value in own.items()}
            for component, own in parts.items()
        }
        return make(parts, kwargs)

    parents = {
        name.replace(".", "_"): types.ModuleType(name) for name in ("dnnlib", "dnnlib.tflib")
    }
    with modules(network=network_module, util=util_module, **parents):
        data = pickle.dumps(tuple(one(entry) for entry in networks), protocol=protocol)
    if old_numpy and protocol <= 3:
        data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(data)
