"""The operations of the networks, each in a fast form and in a reference form.

Networks call the functions of this module. They run the fast form; inside `with reference_ops():`
they run the plain one, which tests and benchmarks use as the truth and the peer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from stylegan_ext.ops import activation, conv, reference, resample, sg3

_use_reference: ContextVar[bool] = ContextVar("use_reference", default=False)

_Function = TypeVar("_Function", bound=Callable[..., Any])


@contextmanager
def reference_ops() -> Iterator[None]:
    """Run the plain forms inside this block (this thread or task only)."""
    token = _use_reference.set(True)
    try:
        yield
    finally:
        _use_reference.reset(token)


def _either(fast: _Function, plain: Callable[..., Any]) -> _Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        return (plain if _use_reference.get() else fast)(*args, **kwargs)

    call.__doc__ = fast.__doc__
    call.__name__ = fast.__name__
    return cast("_Function", call)


def _plain_bias_act(*args: Any, inplace: bool = False, **kwargs: Any) -> Any:
    del inplace  # the plain form never overwrites
    return reference.bias_act(*args, **kwargs)


def _plain_conv2d_resample(*args: Any, bias: Any = None, **kwargs: Any) -> Any:
    y = reference.conv2d_resample(*args, **kwargs)
    return y if bias is None else y + bias[None, :, None, None]


def _plain_upsample2d(x: Any, f: Any, *, up: int = 2) -> Any:
    padding = reference.resample_padding(f, up, 1, (0,) * 4)
    return reference.upfirdn2d(x, f, up=up, padding=padding, gain=up**2)


def _plain_downsample2d(x: Any, f: Any, *, down: int = 2) -> Any:
    padding = reference.resample_padding(f, 1, down, (0,) * 4)
    return reference.upfirdn2d(x, f, down=down, padding=padding)


bias_act = _either(activation.bias_act, _plain_bias_act)
upfirdn2d = _either(resample.upfirdn2d, reference.upfirdn2d)
upsample2d = _either(resample.upsample2d, _plain_upsample2d)
downsample2d = _either(resample.downsample2d, _plain_downsample2d)
conv2d_resample = _either(conv.conv2d_resample, _plain_conv2d_resample)
styled_conv = _either(conv.styled_conv, reference.styled_conv)
modulated_conv2d_sg3 = _either(sg3.modulated_conv2d_sg3, reference.modulated_conv2d_sg3)
filtered_lrelu = _either(sg3.filtered_lrelu, reference.filtered_lrelu)
