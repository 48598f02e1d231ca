"""The review's server: who is let in, pictures, frames, and what is said when something is gone."""

from __future__ import annotations

import io
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.reviews import STYLE, crop_set, real_source, visited

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import crops
from artstyle.errors import UsageError
from artstyle.events import Note
from artstyle.images import write_png
from artstyle.web.guard import Guard
from artstyle.web.message import Fault, Reply
from artstyle.web.review.source_frames import GoneError, Place, SourceFrames
from artstyle.web.review.thumbnails import Thumbnails
from artstyle.web.server import PageServer

PATHS = ["", "data", "changes?since=0", "page/main.js", "thumbnail/1/{sha}", "picture/1/{sha}"]
PATHS += ["frame/1", "crop/1", "similar/1", "history", "about"]


@pytest.fixture
def visitor(workspace: Path):
    crop_set(workspace, 6)
    real_source(workspace, 1)
    with visited(workspace) as one:
        yield one


def sha(visitor) -> str:
    rows = visitor.ask("changes?since=0")["rows"]
    return str(rows["sha"][rows["id"].index(1)])


def test_every_address_needs_the_token_and_our_own_name(visitor):
    digest = sha(visitor)
    for path in (one.format(sha=digest) for one in PATHS):
        status, headers, body = visitor.raw(f"/{visitor.token}/{path}")
        assert (status, bool(body)) == (200, True), path
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        for other in ("", "x", visitor.token[:-1], visitor.token + "x"):
            assert visitor.raw(f"/{other}/{path}")[0] == 403
        assert visitor.raw(f"/{path}")[0] == 403
        named = {"Host": f"evil.example:{visitor.port}"}
        assert visitor.raw(f"/{visitor.token}/{path}", **named)[0] == 403


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:8717", True),
        ("localhost:9", True),
        ("LocalHost", True),
        ("[::1]:80", True),
        ("127.0.0.1", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:80", False),
        ("localhost:80:80", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_names_of_this_machine(host, is_ours):
    if is_ours:
        Guard().check_host({"Host": host})
        return
    with pytest.raises(Fault) as info:
        Guard().check_host({"Host": host})
    assert info.value.status == 403


def test_other_pages_cannot_decide(visitor):
    path, data = f"/{visitor.token}/undo", {"batch": "review:12345678"}
    own = f"http://127.0.0.1:{visitor.port}"
    assert visitor.raw(path, data, Origin=own, Sec_Fetch_Site="same-origin")[0] == 404
    assert visitor.raw(path, data, Origin="http://evil.example")[0] == 403
    assert visitor.raw(path, data, Origin="null")[0] == 403
    assert visitor.raw(path, data, Sec_Fetch_Site="cross-site")[0] == 403
    assert visitor.raw(path, data, Content_Type="text/plain")[0] == 415
    assert visitor.raw(path, data, Content_Type="application/x-www-form-urlencoded")[0] == 415


def test_long_and_endless_bodies_are_not_read(visitor):
    path = f"/{visitor.token}/undo"
    assert visitor.raw(path, b"{}", Content_Length="9000000000")[0] == 413
    assert visitor.raw(path, b"{}", Content_Length="-5")[0] == 411
    assert visitor.raw(path, b"no JSON")[0] == 400


def test_the_first_address_works_once():
    guard = Guard()
    path = guard.opening_path
    assert not guard.opens("/open/x")
    assert guard.opens(path)
    assert not guard.opens(path)
    assert not guard.opens("/open/None")


def test_nothing_else_is_served(visitor):
    for path in ("page/../session.py", "page/..%2fsession.py", "page/x.js", "page/", "x", "../x"):
        assert visitor.raw(f"/{visitor.token}/{path}")[0] == 404, path
    assert visitor.raw(f"/{visitor.token}/data", {})[0] == 404


def test_a_thumbnail_is_made_once_and_never_asked_for_again(visitor, workspace):
    path = f"/{visitor.token}/thumbnail/1/{sha(visitor)}"
    status, headers, body = visitor.raw(path)
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(body)).size == (64, 64)
    assert "immutable" in headers["cache-control"]
    status, _, none = visitor.raw(path, If_None_Match=headers["etag"])
    assert (status, none) == (304, b"")
    assert visitor.raw(f"/{visitor.token}/thumbnail/1/{'0' * 12}")[0] == 404
    assert visitor.raw(f"/{visitor.token}/thumbnail/999/{'0' * 12}")[0] == 404


def test_thumbnails_are_small_kept_and_mended(tmp_path):
    picture = tmp_path / "a.png"
    write_png(picture, np.full((300, 400, 3), 200, np.uint8))
    makers = Thumbnails(tmp_path / "cache")
    first = makers.get("ab" * 32, picture)
    makers.close()
    assert Image.open(io.BytesIO(first)).size == (192, 144)
    kept = tmp_path / "cache" / "ab" / f"{'ab' * 32}.jpg"
    assert kept.read_bytes() == first
    picture.unlink()
    again = Thumbnails(tmp_path / "cache")
    assert again.get("ab" * 32, picture) == first  # from the cache alone
    kept.write_bytes(first[:50])  # as a power cut leaves it
    write_png(picture, np.full((20, 20, 3), 200, np.uint8))
    assert Image.open(io.BytesIO(again.get("ab" * 32, picture))).size == (20, 20)
    again.close()


def test_a_crop_whose_file_is_gone_says_so(visitor, workspace):
    digest = sha(visitor)
    (workspace / f"datasets/{STYLE}/crops/film/000000.png").unlink()
    status, _, body = visitor.raw(f"/{visitor.token}/picture/1/{digest}")
    assert status == 404
    assert b"cannot be read" in body


def test_the_frame_of_a_film_is_found_by_its_time(visitor):
    status, headers, body = visitor.raw(f"/{visitor.token}/frame/1")
    assert (status, headers["x-frame-note"]) == (200, "")
    assert (headers["x-frame-width"], headers["x-frame-height"]) == ("96", "64")
    shown = Image.open(io.BytesIO(body)).convert("RGB")
    from support.films import picture

    wanted = Image.fromarray(picture(2)).resize((6, 4), Image.Resampling.BOX)  # the second scene
    found = shown.resize((6, 4), Image.Resampling.BOX)
    far = [abs(a - b) for a, b in zip(found.tobytes(), wanted.tobytes(), strict=True)]
    assert max(far) < 40


def test_a_source_that_is_gone_says_so(visitor, workspace):
    answer = visitor.ask("frame/2", status=404)
    assert "0.mkv is not at" in answer["error"]
    assert "put it back" in answer["hint"]


def test_sources_that_changed(workspace):
    crop_set(workspace, 1)
    film = real_source(workspace, 1)
    frames = SourceFrames()
    assert "has changed" in frames.get(Place(film, "film", 1, 0.4)).note
    with pytest.raises(GoneError, match=r"has no frame at 99\.000 s"):
        frames.get(Place(film, "film", film.stat().st_size, 99.0))


def test_frames_are_kept_up_to_a_bound(workspace):
    crop_set(workspace, 1)
    picture = real_source(workspace, 1, kind="image")
    place = Place(picture, "image", picture.stat().st_size, 0.0)
    frames = SourceFrames(keep_bytes=1)
    first = frames.get(place)
    assert (first.width, first.height, first.note) == (96, 96, "")
    picture.unlink()
    assert frames.get(place) is first
    film = real_source(workspace, 1)
    frames.get(Place(film, "film", film.stat().st_size, 0.0))
    with pytest.raises(GoneError):
        frames.get(place)


def test_likeness_by_hash(visitor):
    found = visitor.ask("similar/3")
    assert found["by"] == "perceptual hash"
    assert (found["id"][0], found["distance"][0]) == (3, 0)
    assert found["distance"] == sorted(found["distance"])
    assert set(found["id"]) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("kind", ["U64", "S64"])
def test_likeness_by_embedding(workspace, kind):
    crop_set(workspace, 6)
    cache = workspace / "datasets" / STYLE / "cache"
    cache.mkdir()
    with open_catalog(workspace) as catalog:
        shas = [row.sha256 for row in crops(catalog, STYLE)]
    vectors = np.array([[1, 0], [0, 2], [3, 1], [0, 0], [np.nan, 1]], dtype=np.float32)
    np.savez(cache / "embeddings-a.npz", sha256=np.array(shas[:5], dtype=kind), values=vectors)
    (cache / "embeddings-b.npz").write_bytes(b"PK no archive")
    with visited(workspace) as visitor:
        found = visitor.ask("similar/1")
        assert (found["by"], found["id"]) == ("embedding a", [1, 3, 2])
        assert found["distance"] == [0, pytest.approx(1 - 3 / 10**0.5, abs=1e-4), 1]
        assert visitor.ask("similar/4")["by"] == "perceptual hash"  # it has no vector
        np.savez(cache / "embeddings-a.npz", sha256=np.array(shas, kind), values=np.eye(6))
        assert len(visitor.ask("similar/4")["id"]) == 6
        assert visitor.ask("similar/4")["by"] == "embedding a"


def test_crops_without_figures_cannot_be_compared(workspace):
    crop_set(workspace, 2)
    with open_catalog(workspace) as catalog:
        catalog.set_quality(1, {"phash": None})
    with visited(workspace) as visitor:
        answer = visitor.ask("similar/1", status=404)
        assert answer["hint"] == f"artstyle curate --style {STYLE}"
        assert visitor.ask("similar/2")["id"] == [2]


def test_unknown_crops(visitor):
    for path in ("crop/99", "similar/99", "frame/99"):
        assert visitor.ask(path, status=404)["error"] == "there is no such crop in this style"
    assert visitor.ask("changes?since=x", status=400)["error"] == "changes since when?"


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=f"port {port} cannot be used: another program"
        ) as info:
            PageServer(lambda _: Reply(), port=port, emit=print)
    assert info.value.hint == "leave --port out, or name another"


def test_what_nobody_planned_is_answered_and_told():
    told: list[Note] = []

    def broken(_: object) -> Reply:
        raise RuntimeError("a fault of ours")

    with PageServer(broken, port=None, emit=told.append) as server:
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        from support.reviews import Visitor

        answer = Visitor(server.address).ask("x", status=500)
        server.stop()
        thread.join(timeout=10)
    assert answer["error"] == "unexpected RuntimeError: a fault of ours"
    assert "a fault of ours" in told[0].text
    assert told[0].level == "warning"
