"""Models of other tools: read into records without running anything, and written for them."""

from __future__ import annotations

from stylegan_ext.convert.machine import Limits
from stylegan_ext.convert.read import read_foreign
from stylegan_ext.convert.write import write_foreign

__all__ = ["Limits", "read_foreign", "write_foreign"]
