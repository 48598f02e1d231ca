"""Fetch a file over the network: resumed where it broke off, checked, there whole or not at all.

The file grows as `FILE.part` and gets its name when its size and digest are right. A download
that was interrupted in any way, `kill -9` included, goes on where it stopped. A file with the
wrong digest never gets the name: it is put aside as `FILE.rejected`. Two processes that want the
same file do not fetch it twice: the second waits for the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from artstyle.disk import disk_errors, in_words
from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.locks import LockTimeoutError, locked
from artstyle.weights.download_http import Interrupted, Refused
from artstyle.weights.download_job import Expected, Fetched, Job, Patience, wrong_kind
from artstyle.weights.download_part import Part

__all__ = ["Expected", "Fetched", "Patience", "fetch", "wrong_kind"]

_NOTHING_KNOWN = Expected()
_PATIENT = Patience()


def fetch(
    addresses: Sequence[str],
    destination: Path,
    *,
    expected: Expected = _NOTHING_KNOWN,
    emit: Emit = ignore,
    patience: Patience = _PATIENT,
    hint: str | None = None,
) -> Fetched:
    """Fetch a file from the first address that gives it.

    Args:
        addresses: https, or http on this machine; tried in this order.
        destination: where the file shall be; the folder is made. A file that is there already is
            checked and left alone.
        expected: what is known of the file.
        emit: gets `Progress` in bytes, and a `Note` for whatever does not go smoothly.
        patience: how long we try.
        hint: what to do if no address gives the file.

    Raises:
        WeightsError: no address gave the right file (the message says why for each), the disk is
            full or may not be written, or another file is at the destination.
    """
    with _alone(destination, emit, patience):
        if destination.exists():
            return _already_there(destination, expected)
        failures: list[str] = []
        kept_bytes = 0
        for address in addresses:
            with Part(destination, checkpoint_bytes=patience.checkpoint_bytes) as part:
                try:
                    return Job(part, address, expected, emit, patience).run()
                except (Refused, Interrupted) as error:
                    failures.append(f"{address}: {error}")
                    kept_bytes = part.size_bytes
    lines = "".join(f"\n  - {failure}" for failure in failures)
    kept = f"\n{in_words(kept_bytes)} of it are kept for the next try" if kept_bytes else ""
    raise WeightsError(f"{destination.name} could not be fetched:{lines}{kept}", hint=hint)


@contextmanager
def _alone(destination: Path, emit: Emit, patience: Patience) -> Iterator[None]:
    """Make the folder, and keep other processes from fetching the same file meanwhile."""
    lock = destination.with_name(f".{destination.name}.lock")

    def tell() -> None:
        emit(Note(f"another process fetches {destination.name}; waiting for it"))

    with disk_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        with (
            _lock_errors(destination),
            locked(
                lock,
                wait_s=patience.lock_wait_s,
                on_wait=tell,
                sleep=patience.sleep,
                clock=patience.clock,
            ),
        ):
            yield


@contextmanager
def _lock_errors(destination: Path) -> Iterator[None]:
    try:
        yield
    except LockTimeoutError as error:
        raise WeightsError(
            f"{destination.name} is still being fetched by another process: {error}",
            hint="wait for it, or end that process; what it fetched so far is kept",
        ) from None


def _already_there(destination: Path, expected: Expected) -> Fetched:
    size_bytes, sha256 = destination.stat().st_size, sha256_of(destination)
    if fault := expected.fault(size_bytes, sha256):
        raise WeightsError(
            f"{destination} is not the file it should be: {fault}",
            hint="move it away and give the same command again",
        )
    return Fetched(destination, size_bytes, sha256, address="")
