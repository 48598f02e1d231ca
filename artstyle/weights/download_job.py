"""One file on its way from one address: what is asked, what is accepted, when it is given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from artstyle.disk import check_room, free_bytes_of
from artstyle.events import Emit, Note, Progress
from artstyle.weights.download_http import Answer, Interrupted, Refused, ask
from artstyle.weights.download_part import CHECKPOINT_BYTES, Origin, Part

_CHUNK_BYTES = 256 << 10
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_LFS_POINTER = b"version https://git-lfs.github.com/"


@dataclass(frozen=True)
class Expected:
    """What is known of a file before it comes; what is None or empty is not checked."""

    size_bytes: int | None = None
    sha256: str = ""  # 64 hexadecimal digits
    sha256_prefix: str = ""  # the first digits only

    def fault(self, size_bytes: int, sha256: str) -> str | None:
        """What is wrong with a file of this size and digest, in words; None: nothing."""
        if self.size_bytes is not None and size_bytes != self.size_bytes:
            return f"it has {size_bytes} bytes instead of {self.size_bytes}"
        if self.sha256 and sha256 != self.sha256:
            return f"its sha256 is {sha256} instead of {self.sha256}"
        if not sha256.startswith(self.sha256_prefix):
            return f"its sha256 is {sha256} instead of {self.sha256_prefix}..."
        return None

    @property
    def can_tell(self) -> bool:
        """Whether a file put together from two versions would be noticed."""
        return bool(self.sha256 or self.sha256_prefix)


@dataclass(frozen=True)
class Patience:
    """How long we try. The numbers are guesses; a test gives its own clock and smaller ones."""

    timeout_s: float = 30.0  # longest silence of the server
    tries: int = 5  # requests in a row that bring nothing new
    requests_at_most: int = 200  # in all, for one address
    first_wait_s: float = 1.0  # doubled with each try that brought nothing
    longest_wait_s: float = 60.0
    lock_wait_s: float = 3600.0  # for another process that fetches the same file
    checkpoint_bytes: int = CHECKPOINT_BYTES
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    free_bytes: Callable[[Path], int] = free_bytes_of

    def wait_s(self, tries: int, asked_s: float | None) -> float:
        """How long to wait after so many tries in vain; the server's wish counts if it has one."""
        if asked_s is not None:
            return min(asked_s, self.longest_wait_s)
        return min(self.first_wait_s * 2.0 ** max(tries - 1, 0), self.longest_wait_s)


@dataclass(frozen=True)
class Fetched:
    """A file that is there now."""

    path: Path
    size_bytes: int
    sha256: str
    address: str  # where it came from; "": it was there already
    resumed_bytes: int = 0  # how many of them were there from an earlier call


class Job:
    """One file on its way from one address; several requests may be needed."""

    def __init__(
        self, part: Part, address: str, expected: Expected, emit: Emit, patience: Patience
    ) -> None:
        self.part = part
        self.address = address
        self.expected = expected
        self.emit = emit
        self.patience = patience
        self.kept_bytes = part.size_bytes  # from before
        self.in_pieces = part.size_bytes > 0  # whether more than one answer went into the part
        self.started_over = False  # because the pieces did not fit: that is tried once
        self.received = False  # whether this address gave us anything yet

    def run(self) -> Fetched:
        """Ask until the file is whole and right.

        Raises:
            Refused: the address will not give us the file.
            Interrupted: it did not, although we asked often.
        """
        in_vain, most_bytes = 0, self.part.size_bytes
        for _ in range(self.patience.requests_at_most):
            try:
                self._one_request()
                return self._checked()
            except Interrupted as error:
                progressed = self.part.size_bytes > most_bytes
                most_bytes = max(most_bytes, self.part.size_bytes)
                in_vain = 0 if progressed else in_vain + 1
                if in_vain >= self.patience.tries or (error.offline and not self.received):
                    raise
                wait_s = self.patience.wait_s(in_vain, error.wait_s)
                self.emit(Note(f"{self.address}: {error}; trying again in {wait_s:g} s"))
                self.patience.sleep(wait_s)
        raise Interrupted(f"{self.patience.requests_at_most} requests did not bring the whole file")

    def _one_request(self) -> None:
        """Add to the part what the server gives for one request."""
        part = self.part
        if part.origin is not None and not self._may_continue(part.origin):
            self._start_over("what is kept of it may be of another version")
        if part.origin is not None and part.size_bytes == part.origin.total_bytes:
            return  # the last call ended between the last byte and the check
        same_address = part.origin is not None and part.origin.address == self.address
        with ask(
            self.address,
            start=part.size_bytes,
            validator=part.origin.validator if part.origin and same_address else "",
            timeout_s=self.patience.timeout_s,
        ) as answer:
            self.received = True
            if answer.status == 416 and answer.total_bytes == part.size_bytes > 0:
                return  # the server had not said how long it is; the part is all of it
            self._accept(answer)
            self._copy(answer)

    def _may_continue(self, origin: Origin) -> bool:
        """Whether the server can tell versions apart for us, or the digest would."""
        marked = origin.address == self.address and bool(origin.validator)
        return marked or self.expected.can_tell

    def _accept(self, answer: Answer) -> None:
        """Make the part ready for the body.

        Raises:
            Refused: the body is not the file.
            Interrupted: it is the rest of another version; the next request asks for the whole.
        """
        part, total_bytes, wanted_bytes = self.part, answer.total_bytes, self.expected.size_bytes
        if answer.content_type in _PAGES:
            raise Refused("it gives a web page instead of the file")
        if None not in (total_bytes, wanted_bytes) and total_bytes != wanted_bytes:
            raise Refused(f"the file there has {total_bytes} bytes instead of {wanted_bytes}")
        if answer.status == 200:
            if part.size_bytes:
                self._start_over("the server sends it from there, or has a new version")
            part.start_over(Origin(self.address, answer.validator, total_bytes))
        elif part.origin is None:
            raise Refused("it gives a part of the file although it was asked for the whole")
        elif self._is_other_version(part.origin, answer):
            self._start_over("the server has a new version")
            raise Interrupted("the file has changed meanwhile")
        else:
            self.in_pieces = True
        room_bytes = (total_bytes or wanted_bytes or 0) - part.size_bytes
        check_room(part.file.parent, room_bytes, self.patience.free_bytes)

    def _is_other_version(self, origin: Origin, answer: Answer) -> bool:
        """Whether the rest that we are given is not the rest of the part."""
        tags = {origin.validator, answer.validator} - {""}
        totals = {origin.total_bytes, answer.total_bytes} - {None}
        other_tag = origin.address == self.address and len(tags) == 2
        return answer.status == 416 or other_tag or len(totals) == 2

    def _copy(self, answer: Answer) -> None:
        """Append the body to the part, and look whether it came to its end."""
        part, total_bytes = self.part, answer.total_bytes
        if total_bytes is None and not self.expected.can_tell:
            self.emit(Note(f"{self.address} does not say how long the file is", "warning"))
        task = f"download {part.destination.name}"
        while chunk := answer.read(_CHUNK_BYTES):
            if part.size_bytes == 0 and (fault := wrong_kind(chunk)):
                raise Refused(f"it gives {fault} instead of the file")
            part.append(chunk)
            self.emit(Progress(task, part.size_bytes, total_bytes, "bytes"))
        if total_bytes is not None and part.size_bytes < total_bytes:
            raise Interrupted(
                f"the connection ended after {part.size_bytes} of {total_bytes} bytes"
            )

    def _checked(self) -> Fetched:
        """Give the whole file its name, if it is the right one.

        Raises:
            Refused: it is another file; it was put aside.
            Interrupted: it is wrong, but was put together of pieces: once more from the start.
        """
        part = self.part
        size_bytes, sha256 = part.size_bytes, part.sha256
        fault = self.expected.fault(size_bytes, sha256)
        if fault is None:
            part.finish()
            return Fetched(part.destination, size_bytes, sha256, self.address, self.kept_bytes)
        if self.in_pieces and not self.started_over:
            self.started_over = True
            self._start_over(f"put together of pieces, {fault}")
            raise Interrupted("the pieces did not fit together")
        aside = part.reject()
        raise Refused(f"it is not the right file: {fault}; it was put aside as {aside}")

    def _start_over(self, why: str) -> None:
        self.emit(Note(f"{self.part.destination.name} is fetched from its first byte: {why}"))
        self.part.start_over()
        self.kept_bytes = 0
        self.in_pieces = False


def wrong_kind(head: bytes) -> str | None:
    """What a server, or a person, may give in a file's place, told from its first bytes.

    Args:
        head: up to 512 bytes.

    Returns:
        "a web page", "a Git LFS pointer", or None: it looks like neither.
    """
    start = head[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "a Git LFS pointer" if start.startswith(_LFS_POINTER) else None
