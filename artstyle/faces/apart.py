"""A detector in a process of its own.

dlib holds Python's lock while it searches, so that threads wait for each other and for the film's
reader; and what ends a process, ends only this one. Pictures go over a pipe as they are, faces
come back as JSON. The process ends when the pipe does: also if its owner is killed.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
from typing import IO, Any

import numpy as np

from artstyle.errors import ArtstyleError, ImageError
from artstyle.faces.detector import REGISTRY, Face, Pixels, checked_picture, make_detector

_SIZE = struct.Struct("<qq")  # height, width of a picture; or the length of an answer and 0
_COMMAND = "from artstyle.faces.apart import serve; serve()"


class Apart:
    """A detector like any other, that works elsewhere; made anew if its process ends.

    Args:
        name: of the detector.
        options: its options; what JSON can say.

    Raises:
        ArtstyleError: the process cannot be started.
    """

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self.licence = REGISTRY[name.partition(":")[0]].licence
        self._options = options
        self._lock = threading.Lock()
        self._process = self._started()

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`.

        Raises:
            ImageError: it is no picture, or the process ended over it.
        """
        checked_picture(rgb)
        with self._lock:
            if self._process.poll() is not None:
                self._stop()
                self._process = self._started()
            try:
                stdin, stdout = self._pipes()
                stdin.write(_SIZE.pack(*rgb.shape[:2]))
                stdin.write(np.ascontiguousarray(rgb).data)
                stdin.flush()
                length, _ = _SIZE.unpack(_exactly(stdout, _SIZE.size))
                answer = json.loads(_exactly(stdout, length))
            except (OSError, EOFError) as fault:
                self._stop()
                raise ImageError(
                    f"the process of {self.name} ended over it (code {self._process.returncode})"
                ) from fault
        if "fault" in answer:
            raise ImageError(answer["fault"])
        return [
            Face(tuple(box), score, np.array(points, np.float32), kind, name)
            for box, score, points, kind, name in answer["faces"]
        ]

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _started(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [sys.executable, "-c", _COMMAND, self.name, json.dumps(self._options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as fault:
            raise ArtstyleError(f"a process for {self.name} cannot be started: {fault}") from fault

    def _stop(self) -> None:
        for pipe in self._pipes():
            try:
                pipe.close()
            except OSError:  # half a picture could not be sent: it is on its way out anyway
                continue
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the process has no pipes")
        return self._process.stdin, self._process.stdout


def serve() -> None:
    """What the process does: pictures in, faces out, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for its owner, who closes the pipe
    name, options = sys.argv[1], json.loads(sys.argv[2])
    pictures = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but answers may go where they go
    detector = make_detector(name, **_as_made(options))
    while True:
        try:
            height, width = _SIZE.unpack(_exactly(pictures, _SIZE.size))
            data = _exactly(pictures, height * width * 3)
        except EOFError:
            return
        rgb = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        try:
            found = detector.detect(rgb)
            answer: dict[str, Any] = {
                "faces": [
                    (one.bbox_px, one.score, one.points_px.tolist(), one.kind, one.detector)
                    for one in found
                ]
            }
        except (ArtstyleError, RuntimeError, MemoryError) as fault:
            answer = {"fault": f"{name} cannot search it: {fault}"}
        text = json.dumps(answer).encode()
        try:
            answers.write(_SIZE.pack(len(text), 0) + text)
            answers.flush()
        except BrokenPipeError:
            return


def _as_made(options: dict[str, Any]) -> dict[str, Any]:
    """Options as they were before JSON made lists of tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }


def _exactly(stream: IO[bytes], length: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: it ends before.
    """
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
