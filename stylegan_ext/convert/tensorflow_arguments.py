"""What a TensorFlow snapshot was made with, as arguments of our constructors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stylegan_ext.records import Kind

# TensorFlow's names -> ours.
_MAPPING_ARGUMENTS = {
    "mapping_layers": "num_layers",
    "label_fmaps": "embed_features",
    "mapping_fmaps": "layer_features",
    "mapping_lrmul": "lr_multiplier",
    "mapping_nonlinearity": "activation",
}
_TOP_ARGUMENTS = {
    "latent_size": "z_dim",
    "label_size": "c_dim",
    "dlatent_size": "w_dim",
    "resolution": "img_resolution",
    "num_channels": "img_channels",
}
_WIDTH_ARGUMENTS = {
    "fmap_max": "channel_max",
    "num_fp16_res": "num_fp16_res",
    "conv_clamp": "conv_clamp",
    "architecture": "architecture",
}
_WITHOUT_EFFECT = frozenset(
    {
        *("truncation_psi", "truncation_cutoff", "style_mixing_prob"),  # given anew at each call
        *("structure", "conditioning", "fused_modconv"),  # ways to compute the same
        *("resolution_w", "resolution_h", "min_h", "min_w", "res_log2", "randomize_noise"),
        *("fmap_decay", "fmap_min"),  # widths, which the tensors show
    }
)


def constructor_arguments(
    kind: Kind, given: Mapping[str, Any], inferred: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Our constructor's arguments: inferred ones, overruled by what the file says.

    The file says only what was not default, and defaults changed between versions; so the tensors
    speak first, and a given argument that contradicts them is found out by `infer.settle`.

    Args:
        kind: generator or discriminator of StyleGAN2.
        given: the file's static_kwargs, as plain data.
        inferred: what the tensors' shapes tell.

    Returns:
        The arguments, and the names of given ones that have no counterpart.
    """
    generator = kind == "stylegan2-generator"
    kwargs = {"c_dim": 0, **inferred}
    widths = kwargs.setdefault("synthesis_kwargs", {}) if generator else kwargs
    mapping = kwargs.setdefault("mapping_kwargs", {})
    used = set(_WITHOUT_EFFECT) | {"resample_kernel"}

    def take(names: Mapping[str, str], target: dict[str, Any]) -> None:
        for theirs, ours in names.items():
            used.add(theirs)
            if given.get(theirs) is not None:
                target[ours] = given[theirs]

    take(_TOP_ARGUMENTS if generator else dict(list(_TOP_ARGUMENTS.items())[1::2]), kwargs)
    take({"num_channels": "img_channels"}, kwargs)
    take(_MAPPING_ARGUMENTS, mapping)
    take(_WIDTH_ARGUMENTS, widths)
    used.update({"fmap_base", "nonlinearity", "use_noise", "w_avg_beta"})
    if isinstance(given.get("fmap_base"), (int, float)):
        widths["channel_base"] = int(given["fmap_base"] * 2)
    if given.get("resample_kernel") not in (None, [1, 3, 3, 1]):
        target = widths if generator else kwargs.setdefault("block_kwargs", {})
        target["resample_filter"] = given["resample_kernel"]
    if generator:
        take({"use_noise": "use_noise", "nonlinearity": "activation"}, widths)
        mapping.setdefault("lr_multiplier", 0.01)
        mapping["w_avg_beta"] = given.get("w_avg_beta", 0.995)
    else:
        mapping.setdefault("lr_multiplier", 0.1)
        epilogue = kwargs.setdefault("epilogue_kwargs", {})
        epilogue["mbstd_group_size"] = given.get("mbstd_group_size")
        used.add("mbstd_group_size")
        take({"mbstd_num_features": "mbstd_num_channels"}, epilogue)
        if given.get("nonlinearity") is not None:
            epilogue["activation"] = given["nonlinearity"]
            kwargs.setdefault("block_kwargs", {})["activation"] = given["nonlinearity"]
    return kwargs, sorted(set(given) - used)
