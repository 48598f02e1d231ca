"""artstyle: one person's photo redrawn in many art styles with StyleGAN.

Importing this package loads neither torch nor OpenCV. `docs/how-it-works.md` draws the rooms.
"""

from __future__ import annotations

__version__ = "0.1.0"
