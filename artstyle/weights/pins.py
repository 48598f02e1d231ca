"""What was found out about files at their first download, and is enforced from then on.

`ARTSTYLE_HOME/pins.json` holds, for each file kept there, its digest and size, and how the file
looked to the file system when they were last computed. While it looks the same, nothing is read
again; when it does not, the digest is computed anew and compared.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from artstyle.disk import disk_errors
from artstyle.errors import WeightsError
from artstyle.files import sha256_of, write_json
from artstyle.locks import locked

FORMAT = 1
_LOCK_WAIT_S = 30.0  # writing a record takes milliseconds

# Where the digest is from: the registry, the digits in the publisher's file name, or this machine.
Basis: TypeAlias = Literal["registry", "prefix", "first download", "first use", "made here"]


@dataclass(frozen=True)
class Pin:
    """What is recorded of one file."""

    sha256: str
    size_bytes: int
    basis: Basis
    source: str  # the address or the path it came from
    licence: str  # as it was stated when the file came
    pinned_at: str  # ISO 8601, UTC
    mtime_ns: int  # of the file when the digest was computed

    def looks_the_same(self, path: Path) -> bool:
        """Whether the file system still says what it said; the bytes are not read."""
        facts = path.stat()
        return (facts.st_size, facts.st_mtime_ns) == (self.size_bytes, self.mtime_ns)


class Pins:
    """The record of one home folder.

    Args:
        home: the folder; need not exist.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "pins.json"

    def key(self, path: Path) -> str:
        """How a file below the home folder is called in the record."""
        return path.relative_to(self.home).as_posix()

    def all(self) -> dict[str, Pin]:
        """Every pin by key.

        Raises:
            WeightsError: the record is damaged.
        """
        try:
            data = json.loads(self.file.read_bytes())
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r} instead of {FORMAT}")
            return {key: Pin(**value) for key, value in data["files"].items()}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(
                f"the record of digests {self.file} is damaged: {error}",
                hint=f"move it away; 'artstyle models verify' then pins what lies in {self.home}",
            ) from None

    def get(self, path: Path) -> Pin | None:
        """The pin of a file, or None."""
        return self.all().get(self.key(path))

    def set(self, path: Path, pin: Pin) -> None:
        """Record a pin; other processes' pins stay.

        Raises:
            WeightsError: the folder may not be written, or the record is damaged.
        """
        self._change({self.key(path): pin})

    def forget(self, path: Path) -> None:
        """Remove a file's pin, if it has one."""
        if self.get(path) is not None:
            self._change({self.key(path): None})

    def _change(self, changes: dict[str, Pin | None]) -> None:
        with disk_errors(self.file):
            self.home.mkdir(parents=True, exist_ok=True)
            with locked(self.home / ".pins.lock", wait_s=_LOCK_WAIT_S):
                pins: dict[str, Pin | None] = {**self.all(), **changes}
                files: dict[str, Any] = {
                    key: asdict(pin) for key, pin in sorted(pins.items()) if pin is not None
                }
                write_json(self.file, {"format": FORMAT, "files": files})


def make_pin(path: Path, *, basis: Basis, source: str, licence: str, at: str) -> Pin:
    """Compute a file's pin: its bytes are read."""
    facts = path.stat()
    return Pin(sha256_of(path), facts.st_size, basis, source, licence, at, facts.st_mtime_ns)
