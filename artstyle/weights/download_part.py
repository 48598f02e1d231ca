"""The part of a file that has come so far, in a form that outlives a kill and a power cut.

Beside `FILE.part` lies `FILE.part.json`: from which address it is, which version, and a digest of
the first bytes as of the last checkpoint. Who resumes compares that digest, drops what came after
it, and goes on; if it does not fit, the file is fetched from the start.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from artstyle.disk import disk_errors
from artstyle.files import sync_folder, write_json

CHECKPOINT_BYTES = 32 << 20  # how much a kill may cost at most; a guess
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Origin:
    """What the bytes of a part are from."""

    address: str
    validator: str  # marks the version at the server; "": nothing does
    total_bytes: int | None  # of the whole file; None: the server did not say


class Part:
    """A file in the making; `with Part(...)` leaves it on the disk ready to be resumed.

    Args:
        destination: what the file will be called when it is whole; its folder exists.
        checkpoint_bytes: how many bytes come between two checkpoints.

    Raises:
        WeightsError: from every method: the disk is full or may not be written.
    """

    def __init__(self, destination: Path, *, checkpoint_bytes: int = CHECKPOINT_BYTES) -> None:
        self.destination = destination
        self.file = destination.with_name(destination.name + ".part")
        self.record = destination.with_name(destination.name + ".part.json")
        self.origin: Origin | None = None  # None: there is nothing yet
        self.size_bytes = 0
        self._checkpoint_bytes = checkpoint_bytes
        self._checked_bytes = 0  # size at the last checkpoint
        self._digest = hashlib.sha256()
        with disk_errors(self.file):
            self._stream = io.FileIO(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o666), "r+")
            self._take_up()

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream.closed:
            return
        with suppress(OSError):  # on a full disk the checkpoint before this one stays true
            self._checkpoint()
        self._stream.close()
        if self.size_bytes == 0:
            self.file.unlink(missing_ok=True)
            self._remove_record()

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far, 64 hexadecimal digits."""
        return self._digest.hexdigest()

    def start_over(self, origin: Origin | None = None) -> None:
        """Drop what came so far; what comes next is from `origin`."""
        with disk_errors(self.file):
            self._remove_record()
            self._stream.truncate(0)
            self._stream.seek(0)
        self.origin = origin
        self.size_bytes = self._checked_bytes = 0
        self._digest = hashlib.sha256()

    def append(self, data: bytes) -> None:
        """Add bytes at the end; now and then a checkpoint is made."""
        with disk_errors(self.file):
            rest = memoryview(data)
            while rest:
                written = self._stream.write(rest)
                self._digest.update(rest[:written])
                self.size_bytes += written
                rest = rest[written:]
            if self.size_bytes - self._checked_bytes >= self._checkpoint_bytes:
                self._checkpoint()

    def finish(self) -> None:
        """Give the file its name; it is whole."""
        self._move(self.destination)

    def reject(self) -> Path:
        """Put the file aside as `FILE.rejected`, where an older one is replaced."""
        aside = self.destination.with_name(self.destination.name + ".rejected")
        self._move(aside)
        return aside

    def _move(self, target: Path) -> None:
        with disk_errors(target):
            os.fsync(self._stream.fileno())
            self._stream.close()
            self.file.replace(target)
            self._remove_record()
            sync_folder(target.parent)

    def _checkpoint(self) -> None:
        """Record how far the file is sound, the bytes on the disk first."""
        if self.origin is None or self.size_bytes == 0:
            return
        os.fsync(self._stream.fileno())
        record = {
            **asdict(self.origin),
            "sound_bytes": self.size_bytes,
            "sound_sha256": self.sha256,
        }
        write_json(self.record, record)
        self._checked_bytes = self.size_bytes

    def _take_up(self) -> None:
        """Go on from the last checkpoint if the bytes up to it are what they were."""
        origin, sound_bytes, sound_sha256 = _read(self.record)
        rest = sound_bytes
        while rest and (block := self._stream.read(min(rest, _BLOCK_BYTES))):
            self._digest.update(block)
            rest -= len(block)
        if rest or origin is None or self.sha256 != sound_sha256:
            self.start_over()
            return
        self.origin = origin
        self.size_bytes = self._checked_bytes = sound_bytes
        self._stream.truncate(sound_bytes)

    def _remove_record(self) -> None:
        """Remove the record, and what a kill in the middle of writing it may have left."""
        self.record.unlink(missing_ok=True)
        for torn in self.record.parent.glob(f".{self.record.name[:40]}.*.part"):
            torn.unlink(missing_ok=True)


def _read(record: Path) -> tuple[Origin | None, int, str]:
    """Origin, sound bytes and their digest; no origin if no record makes sense."""
    try:
        data = json.loads(record.read_bytes())
        sound_bytes, sound_sha256 = int(data.pop("sound_bytes")), str(data.pop("sound_sha256"))
        origin = Origin(**data)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None, 0, ""
    return (origin, sound_bytes, sound_sha256) if sound_bytes > 0 else (None, 0, "")
