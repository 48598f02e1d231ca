"""`artstyle build`: a curated style, or any pictures, become a dataset zip with its datasheet.

`build_style` makes the zip of a style from the catalog, `build_from` one of a folder or zip.
"""

from __future__ import annotations

from artstyle.pipeline.build.files import FromFiles as FromFiles
from artstyle.pipeline.build.files import build_from as build_from
from artstyle.pipeline.build.selection import SPLITS as SPLITS
from artstyle.pipeline.build.style import Built as Built
from artstyle.pipeline.build.style import build_style as build_style
