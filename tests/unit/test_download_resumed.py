"""Downloads that break off: dropped, killed, interrupted, wanted twice; and how they go on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.downloads import CONTENT, KNOWN, Waits, left_in, notes
from support.file_server import (
    FileServer,
    Request,
    drop_after,
    file_server,
    hang_after,
    hang_up,
    ignore_range,
)

from artstyle.errors import WeightsError
from artstyle.events import Event, Progress
from artstyle.weights.download import fetch
from artstyle.weights.download_part import Origin, Part


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(CONTENT) as served:
        yield served


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "home" / "file.bin"


@pytest.fixture
def waits() -> Waits:
    return Waits()


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


FETCH_WITH_LITTLE_ROOM = """
import resource, sys
from pathlib import Path
from artstyle.weights.download import fetch
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
from artstyle.weights.download import Patience, fetch
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
    torn = target.with_name(".file.bin.part.json.0123456789abcdef.part")
    torn.write_bytes(b"{")  # as a kill in the middle of recording leaves it
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
