"""Downloads, against a server on this machine that answers in every bad way we could think of."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPMessage
from pathlib import Path
from urllib.request import Request as UrlRequest

import pytest
from support.downloads import CONTENT, DIGEST, KNOWN, Waits, left_in, notes
from support.file_server import (
    FileServer,
    answer,
    drop_after,
    file_server,
    hang_after,
    redirect,
    without_length,
)

from artstyle.errors import WeightsError
from artstyle.events import Event, Progress
from artstyle.weights.download import Expected, fetch
from artstyle.weights.download_http import Refused, _CarefulRedirects, check_address


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


def test_a_redirect_from_elsewhere_to_this_machine_is_refused() -> None:
    asked = UrlRequest("https://example.org/file.bin")
    with pytest.raises(Refused, match="sends us on to this very machine"):
        _CarefulRedirects().redirect_request(
            asked, io.BytesIO(), 302, "Found", HTTPMessage(), "http://127.0.0.1:8080/file.bin"
        )


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
