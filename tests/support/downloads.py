"""What the tests of downloads share: a file, a clock that does not wait, and what was left."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path

from artstyle.events import Event, Note
from artstyle.weights.download import Expected, Patience

CONTENT = random.Random(0).randbytes(1_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KNOWN = Expected(size_bytes=len(CONTENT), sha256=DIGEST)


class Waits:
    """Stands for the clock: notes how long it was asked to wait, and does not wait."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self.now_s += seconds

    def patience(self, **changes: object) -> Patience:
        patience = Patience(timeout_s=5, tries=3, sleep=self.sleep, clock=lambda: self.now_s)
        return replace(patience, **changes)


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))
