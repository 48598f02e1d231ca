"""stylegan_ext: StyleGAN2 and StyleGAN3 in pure torch, with nothing to compile.

`load(file)` gives a generator ready to draw, `load_all(file)` every network of the file. Both read
safetensors of ours; foreign snapshots are converted first (`stylegan_ext.convert`). The engine
stands on torch, numpy, scipy and safetensors alone and knows nothing of artstyle. Importing this
package loads none of them: names are resolved when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylegan_ext.checkpoint import load as load
    from stylegan_ext.checkpoint import load_all as load_all
    from stylegan_ext.networks import Discriminator as Discriminator
    from stylegan_ext.networks import StyleGAN2Generator as StyleGAN2Generator
    from stylegan_ext.networks import StyleGAN3Generator as StyleGAN3Generator

_LAZY = {
    "load": "stylegan_ext.checkpoint",
    "load_all": "stylegan_ext.checkpoint",
    "Discriminator": "stylegan_ext.networks",
    "StyleGAN2Generator": "stylegan_ext.networks",
    "StyleGAN3Generator": "stylegan_ext.networks",
}

__all__ = [
    "Discriminator",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "load",
    "load_all",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
