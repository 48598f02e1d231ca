"""Downloads, against a server on this machine that behaves badly in every way we could think of."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.file_server import (
    FileServer,
    Request,
    answer,
    drop_after,
    file_server,
    hang_after,
    hang_up,
    ignore_range,
    redirect,
    without_length,
)

from artstyle._download_http import Refused, check_address
from artstyle._download_part import Origin, Part
from artstyle.download import Expected, Patience, fetch
from artstyle.errors import WeightsError
from artstyle.events import Event, Note, Progress

CONTENT = random.Random(0).randbytes(1_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KNOWN = Expected(size_bytes=len(CONTENT), sha256=DIGEST)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(CONTENT) as served:
        yield served


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "home" / "file.bin"


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


@pytest.fixture
def waits() -> Waits:
    return Waits()


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def test_a_file_arrives_whole_and_alone(server: FileServer, target: Path) -> None:
    events: list[Event] = []
    fetched = fetch([server.address], target, expected=KNOWN, emit=events.append)
    assert target.read_bytes() == CONTENT
    assert (fetched.size_bytes, fetched.sha256) == (len(CONTENT), DIGEST)
    assert fetched.address == server.address
    assert left_in(target.parent) == {"file.bin"}
    progress = [event for event in events if isinstance(event, Progress)]
    assert len(progress) > 2
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert progress[-1] == Progress("download file.bin", len(CONTENT), len(CONTENT), "bytes")
    assert notes(events) == ""


def test_a_file_that_is_there_is_not_fetched_again(server: FileServer, target: Path) -> None:
    fetch([server.address], target, expected=KNOWN)
    again = fetch([server.address], target, expected=KNOWN)
    assert len(server.asked) == 1
    assert (again.address, again.sha256) == ("", DIGEST)


def test_another_file_at_the_destination_is_left_alone(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with pytest.raises(WeightsError, match="4 bytes instead of 1500000") as caught:
        fetch([server.address], target, expected=KNOWN)
    assert "move it away" in str(caught.value.hint)
    assert target.read_bytes() == b"mine"
    assert server.asked == []


def test_a_dropped_connection_is_continued_where_it_broke(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [drop_after(400_000), drop_after(300_000)]
    fetch([server.address], target, expected=KNOWN, patience=waits.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400000-", "bytes=700000-"]
    assert [headers.get("If-Range") for headers in server.asked] == [None, '"one"', '"one"']
    assert waits.waited_s == [1, 1]  # each try brought something: no longer waits


def test_a_later_call_continues_and_says_how_much_was_there(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [drop_after(400_000), *[hang_up] * 3]
    with pytest.raises(WeightsError, match=r"400\.0 kB of it are kept") as caught:
        fetch([server.address], target, expected=KNOWN, patience=waits.patience(), hint="do this")
    assert caught.value.hint == "do this"
    assert waits.waited_s == [1, 1, 2]
    assert left_in(target.parent) == {"file.bin.part", "file.bin.part.json"}
    fetched = fetch([server.address], target, expected=KNOWN)
    assert fetched.resumed_bytes == 400_000
    assert server.ranges[-1] == "bytes=400000-"
    assert target.read_bytes() == CONTENT
    assert left_in(target.parent) == {"file.bin"}


def test_progress_goes_on_from_what_was_there(
    server: FileServer, target: Path, waits: Waits
) -> None:
    events: list[Event] = []
    server.script = [drop_after(1_000_000)]
    fetch([server.address], target, emit=events.append, patience=waits.patience())
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)
    assert "ended after 1000000 of 1500000 bytes; trying again in 1 s" in notes(events)


def test_a_server_that_ignores_ranges_is_read_from_the_start(
    server: FileServer, target: Path, waits: Waits
) -> None:
    events: list[Event] = []
    server.script = [drop_after(400_000), ignore_range]
    fetch([server.address], target, expected=KNOWN, emit=events.append, patience=waits.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400000-"]
    assert "from its first byte" in notes(events)


def test_a_file_that_changed_at_the_server_is_never_mixed(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [drop_after(400_000), *[hang_up] * 3]
    with pytest.raises(WeightsError):
        fetch([server.address], target, patience=waits.patience())
    server.content, server.etag = CONTENT[::-1], '"two"'
    fetch([server.address], target, patience=waits.patience())
    assert target.read_bytes() == CONTENT[::-1]


def test_a_changed_tag_in_a_partial_answer_is_noticed(
    server: FileServer, target: Path, waits: Waits
) -> None:
    def other_version(request: Request) -> None:
        server.content, server.etag = CONTENT[::-1], '"two"'
        span = f"bytes 400000-{len(CONTENT) - 1}/{len(CONTENT)}"
        length = len(CONTENT) - 400_000
        request.head(206, Content_Length=length, Content_Range=span, ETag='"two"')
        request.wfile.write(server.content[400_000:])

    server.script = [drop_after(400_000), other_version]
    fetch([server.address], target, patience=waits.patience())
    assert target.read_bytes() == CONTENT[::-1]
    assert server.ranges == [None, "bytes=400000-", None]


def test_without_a_tag_a_part_is_only_continued_if_a_mix_would_be_noticed(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.etag = ""
    server.script = [drop_after(400_000)]
    fetch([server.address], target, patience=waits.patience())
    assert server.ranges == [None, None]
    target.unlink()
    server.script = [drop_after(400_000)]
    fetch([server.address], target, expected=KNOWN, patience=waits.patience())
    assert server.ranges[2:] == [None, "bytes=400000-"]
    assert target.read_bytes() == CONTENT


def test_pieces_that_do_not_fit_are_fetched_once_more_from_the_start(
    server: FileServer, target: Path, waits: Waits
) -> None:
    def drop_other_bytes(request: Request) -> None:
        request.head(200, Content_Length=len(CONTENT), ETag='"one"')
        request.wfile.write(bytes(400_000))

    events: list[Event] = []
    server.script = [drop_other_bytes]
    fetch([server.address], target, expected=KNOWN, emit=events.append, patience=waits.patience())
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400000-", None]
    assert "put together of pieces, its sha256 is" in notes(events)


def test_the_end_between_last_byte_and_name_costs_no_request(
    server: FileServer, target: Path
) -> None:
    target.parent.mkdir()
    with Part(target) as part:
        part.start_over(origin_of(server))
        part.append(CONTENT)
    fetched = fetch([server.address], target, expected=KNOWN)
    assert server.asked == []
    assert fetched.resumed_bytes == len(CONTENT)
    assert target.read_bytes() == CONTENT


def origin_of(server: FileServer, total_bytes: int | None = len(CONTENT)) -> Origin:
    return Origin(server.address, server.etag, total_bytes)


def test_no_rest_after_a_part_of_unknown_length_means_it_is_whole(
    server: FileServer, target: Path
) -> None:
    target.parent.mkdir()
    with Part(target) as part:
        part.start_over(origin_of(server, None))
        part.append(CONTENT)
    fetch([server.address], target)
    assert server.ranges == [f"bytes={len(CONTENT)}-"]
    assert target.read_bytes() == CONTENT


def test_a_part_that_was_changed_on_the_disk_is_not_continued(
    server: FileServer, target: Path
) -> None:
    target.parent.mkdir()
    with Part(target) as part:
        part.start_over(origin_of(server))
        part.append(CONTENT[:500_000])
    with part.file.open("r+b") as stream:
        stream.write(b"\0\0\0\0")
    fetch([server.address], target)
    assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", '{"sound_bytes": -4}', "null"])
def test_a_part_with_a_senseless_record_is_not_continued(
    server: FileServer, target: Path, record: str
) -> None:
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(b"something")
    target.with_name("file.bin.part.json").write_text(record)
    fetch([server.address], target)
    assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_checkpoints_are_made_while_the_file_grows(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    with Part(target, checkpoint_bytes=100) as part:
        part.start_over(origin_of(server))
        part.append(CONTENT[:99])
        assert not part.record.exists()
        part.append(CONTENT[99:120])
        record = json.loads(part.record.read_text())
    assert record["sound_bytes"] == 120
    assert record["sound_sha256"] == hashlib.sha256(CONTENT[:120]).hexdigest()


def test_what_came_after_the_last_checkpoint_is_dropped(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    with Part(target) as part:
        part.start_over(origin_of(server))
        part.append(CONTENT[:1000])
    with part.file.open("ab") as stream:
        stream.write(b"a tail that no checkpoint knows")
    with Part(target) as again:
        assert again.size_bytes == 1000
        assert again.file.stat().st_size == 1000


@pytest.mark.parametrize("digest", ["sha256", "sha256_prefix"])
def test_a_wrong_digest_puts_the_file_aside(server: FileServer, target: Path, digest: str) -> None:
    expected = replace(Expected(), **{digest: "ab" * (32 if digest == "sha256" else 4)})
    with pytest.raises(WeightsError, match="its sha256 is") as caught:
        fetch([server.address], target, expected=expected)
    assert DIGEST in str(caught.value)
    assert left_in(target.parent) == {"file.bin.rejected"}
    assert str(target.with_name("file.bin.rejected")) in str(caught.value)
    assert len(server.asked) == 1


def test_a_right_prefix_is_enough(server: FileServer, target: Path) -> None:
    fetch([server.address], target, expected=Expected(sha256_prefix=DIGEST[:8]))
    assert target.read_bytes() == CONTENT


def test_a_wrong_length_is_refused_before_anything_is_written(
    server: FileServer, target: Path
) -> None:
    expected = Expected(size_bytes=999)
    with pytest.raises(WeightsError, match="has 1500000 bytes instead of 999"):
        fetch([server.address], target, expected=expected)
    assert left_in(target.parent) == set()


def test_a_file_of_unknown_length_is_taken_with_a_warning(server: FileServer, target: Path) -> None:
    events: list[Event] = []
    server.script = [without_length]
    fetch([server.address], target, emit=events.append)
    assert target.read_bytes() == CONTENT
    assert "does not say how long" in notes(events)


def test_a_file_of_unknown_length_that_ends_early_fails_its_check(
    server: FileServer, target: Path
) -> None:
    server.script = [without_length]
    server.content = CONTENT[:1000]
    with pytest.raises(WeightsError, match="1000 bytes instead of 1500000"):
        fetch([server.address], target, expected=KNOWN)
    assert not target.exists()


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "does not let us"), (404, "no such file"), (410, "taken away"), (401, "login")],
)
def test_a_refusal_is_not_asked_twice(
    server: FileServer, target: Path, waits: Waits, status: int, words: str
) -> None:
    server.script = [answer(status, b"<html>sorry</html>")]
    with pytest.raises(WeightsError, match=f"{status}: .*{words}") as caught:
        fetch([server.address], target, patience=waits.patience())
    assert server.address in str(caught.value)
    assert len(server.asked) == 1
    assert waits.waited_s == []
    assert left_in(target.parent) == set()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_with_growing_patience(
    server: FileServer, target: Path, waits: Waits, status: int
) -> None:
    server.script = [answer(status), answer(status)]
    fetch([server.address], target, expected=KNOWN, patience=waits.patience())
    assert target.read_bytes() == CONTENT
    assert waits.waited_s == [1, 2]


def test_a_server_that_stays_busy_is_given_up(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [answer(500)] * 9
    with pytest.raises(WeightsError, match="status 500"):
        fetch([server.address], target, patience=waits.patience())
    assert len(server.asked) == 3
    assert waits.waited_s == [1, 2]


def test_the_servers_wish_for_patience_counts_up_to_a_minute(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [answer(503, Retry_After=7), answer(503, Retry_After=100_000)]
    fetch([server.address], target, patience=waits.patience())
    assert waits.waited_s == [7, 60]


def test_requests_are_bounded_even_if_each_brings_a_byte(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [drop_after(1)] * 99
    patience = waits.patience(requests_at_most=12)
    with pytest.raises(WeightsError, match="12 requests did not bring the whole file"):
        fetch([server.address], target, patience=patience)
    assert len(server.asked) == 12


def test_silence_ends_after_the_timeout(server: FileServer, target: Path, waits: Waits) -> None:
    server.script = [hang_after(1000)]
    started = time.monotonic()
    fetch([server.address], target, expected=KNOWN, patience=waits.patience(timeout_s=0.3))
    assert time.monotonic() - started < 5
    assert server.ranges == [None, "bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_the_next_address_is_tried(server: FileServer, target: Path) -> None:
    missing = server.address + ".missing"
    server.script = [answer(404)]
    fetched = fetch([missing, server.address], target, expected=KNOWN)
    assert fetched.address == server.address


def test_the_next_address_is_tried_after_a_wrong_file(target: Path, server: FileServer) -> None:
    with file_server(b"another file") as other:
        expected = Expected(sha256=DIGEST)
        fetched = fetch([other.address, server.address], target, expected=expected)
    assert fetched.address == server.address
    assert left_in(target.parent) == {"file.bin", "file.bin.rejected"}


def test_every_address_is_named_with_its_reason(
    server: FileServer, target: Path, waits: Waits
) -> None:
    server.script = [answer(404), answer(403)]
    with pytest.raises(WeightsError) as caught:
        fetch([server.address, server.address + "2"], target, patience=waits.patience())
    first, second = str(caught.value).splitlines()[1:]
    assert "404" in first
    assert "403" in second
    assert server.address + "2" in second


def test_a_redirect_on_this_machine_is_followed(server: FileServer, target: Path) -> None:
    server.script = [redirect(server.address + "/elsewhere")]
    fetch([server.address], target, expected=KNOWN)
    assert target.read_bytes() == CONTENT


def test_a_redirect_to_plain_http_elsewhere_is_refused(server: FileServer, target: Path) -> None:
    server.script = [redirect("http://example.org/file.bin")]
    with pytest.raises(WeightsError, match=r"sends us on .* http://example\.org/file\.bin is not"):
        fetch([server.address], target)
    assert len(server.asked) == 1


def test_a_circle_of_redirects_ends(server: FileServer, target: Path) -> None:
    server.script = [redirect(server.address)] * 99
    with pytest.raises(WeightsError, match="redirects lead nowhere"):
        fetch([server.address], target)
    assert len(server.asked) < 20


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/f",
        "http://127.example.org/f",
        "ftp://127.0.0.1/f",
        "file:///etc/passwd",
        "f",
        "//127.0.0.1/f",
    ],
)
def test_only_https_is_asked(address: str, target: Path) -> None:
    with pytest.raises(Refused):
        check_address(address)
    with pytest.raises(WeightsError, match="is not https"):
        fetch([address], target)


def test_https_is_asked() -> None:
    check_address("https://example.org/file.bin")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html; charset=utf-8", b"anything"),
        ("application/octet-stream", b"\n<!DOCTYPE html><title>Log in</title>"),
        ("text/plain", b"<HTML><body>"),
    ],
)
def test_a_web_page_in_the_files_place_is_refused(
    server: FileServer, target: Path, kind: str, body: bytes
) -> None:
    server.content, server.content_type = body, kind
    with pytest.raises(WeightsError, match="a web page instead of the file"):
        fetch([server.address], target)
    assert left_in(target.parent) == set()


def test_a_git_lfs_pointer_in_the_files_place_is_refused(server: FileServer, target: Path) -> None:
    server.content = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    with pytest.raises(WeightsError, match="Git LFS pointer"):
        fetch([server.address], target)


def test_a_packed_answer_is_refused(server: FileServer, target: Path) -> None:
    server.script = [answer(200, b"\x1f\x8b", Content_Encoding="gzip")]
    with pytest.raises(WeightsError, match="packed"):
        fetch([server.address], target)
    assert server.asked[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content_Range": "lines 1-2/3"}, {"Content_Range": "bytes 7-9/10"}],
)
def test_a_senseless_partial_answer_is_refused(
    server: FileServer, target: Path, waits: Waits, headers: dict[str, str]
) -> None:
    server.script = [drop_after(400_000), answer(206, b"abc", **headers)]
    with pytest.raises(WeightsError, match=r"which part|from 7 on instead of from 400000"):
        fetch([server.address], target, patience=waits.patience())


def test_too_little_room_is_said_before_the_first_byte(
    server: FileServer, target: Path, waits: Waits
) -> None:
    patience = waits.patience(free_bytes=lambda folder: 1_000_000)
    with pytest.raises(WeightsError, match=r"1\.5 MB are to be written .* only 1\.0 MB are free"):
        fetch([server.address], target, patience=patience)
    assert left_in(target.parent) == set()


def test_only_the_rest_needs_room(server: FileServer, target: Path, waits: Waits) -> None:
    asked_for: list[Path] = []

    def free_bytes(folder: Path) -> int:
        asked_for.append(folder)
        return 5_000_000 if len(asked_for) == 1 + 1 else 9_000_000

    server.script = [drop_after(1_400_000)]
    fetch([server.address], target, patience=waits.patience(free_bytes=free_bytes))
    assert asked_for == [target.parent, target.parent]
    assert target.read_bytes() == CONTENT


FETCH_WITH_LITTLE_ROOM = """
import resource, sys
from pathlib import Path
from artstyle.download import fetch
from artstyle.errors import WeightsError
resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))
try:
    fetch([sys.argv[1]], Path(sys.argv[2]))
except WeightsError as error:
    print(error, error.hint, sep="|")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_said_and_what_came_is_kept(server: FileServer, target: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FETCH_WITH_LITTLE_ROOM, server.address, str(target)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    message, hint = done.stdout.split("|")
    assert message.startswith(f"no room left to write {target}.part: ")
    assert "free some space and give the same command again" in hint
    assert len(server.asked) == 1
    fetched = fetch([server.address], target)
    assert fetched.resumed_bytes == 700_000
    assert target.read_bytes() == CONTENT


def test_a_read_only_folder_is_said(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *rest: object, **more: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(WeightsError, match="cannot be written: Read-only") as caught:
        fetch([server.address], target)
    assert "ARTSTYLE_HOME" in str(caught.value.hint)
    assert server.asked == []


def test_a_file_in_the_folders_place_is_said(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(WeightsError, match="something else is in the way"):
        fetch([server.address], tmp_path / "home" / "file.bin")
    assert (tmp_path / "home").read_text() == "a file"


def test_interruption_by_hand_keeps_what_came(server: FileServer, target: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch([server.address], target, emit=interrupt)
    fetched = fetch([server.address], target)
    assert fetched.resumed_bytes > 500_000
    assert target.read_bytes() == CONTENT


FETCH = """
import sys
from pathlib import Path
from artstyle.download import Patience, fetch
fetch([sys.argv[1]], Path(sys.argv[2]), patience=Patience(checkpoint_bytes=100_000))
"""


def start_process(server: FileServer, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", FETCH, server.address, str(target)])


def wait_until(condition: Callable[[], bool], limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "this did not happen in time"
        time.sleep(0.02)


def test_a_killed_download_is_continued(server: FileServer, target: Path) -> None:
    server.script = [hang_after(1_100_000)]
    record = target.with_name("file.bin.part.json")
    with start_process(server, target) as process:
        wait_until(lambda: record.exists() and size_in(record) >= 900_000)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
    assert not target.exists()
    sound_bytes = size_in(record)
    fetched = fetch([server.address], target)
    assert fetched.resumed_bytes == sound_bytes
    assert server.ranges == [None, f"bytes={sound_bytes}-"]
    assert target.read_bytes() == CONTENT
    assert left_in(target.parent) == {"file.bin"}


def size_in(record: Path) -> int:
    return int(json.loads(record.read_text())["sound_bytes"])


def test_two_processes_fetch_a_file_once(server: FileServer, target: Path) -> None:
    server.script = [hang_after(1_000_000)]
    events: list[Event] = []
    with start_process(server, target) as process:
        wait_until(lambda: len(server.asked) == 1)
        thread = threading.Thread(
            target=fetch, args=([server.address], target), kwargs={"emit": events.append}
        )
        thread.start()
        wait_until(lambda: "another process fetches file.bin" in notes(events))
        server.released.set()
        thread.join(timeout=20)
        assert process.wait(timeout=20) == 0
    assert not thread.is_alive()
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-"]  # both by the first; the second only looked
    assert left_in(target.parent) == {"file.bin"}


def test_who_does_not_want_to_wait_is_told(server: FileServer, target: Path, waits: Waits) -> None:
    server.script = [hang_after(1_000)]
    with start_process(server, target) as process:
        wait_until(lambda: len(server.asked) == 1)
        with pytest.raises(WeightsError, match="still being fetched by another process"):
            fetch([server.address], target, patience=waits.patience(lock_wait_s=30))
        process.kill()
    assert sum(waits.waited_s) >= 30


def test_no_network_is_said_at_once(
    server: FileServer, target: Path, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(WeightsError, match="is there a network"):
        fetch(["https://example.org/file.bin"], target, patience=waits.patience())
    assert waits.waited_s == []


def test_nobody_listening_is_tried_again(target: Path, waits: Waits) -> None:
    with file_server(CONTENT) as served:
        address = served.address
    with pytest.raises(WeightsError, match="connection failed"):
        fetch([address], target, patience=waits.patience())
    assert waits.waited_s == [1, 2]
