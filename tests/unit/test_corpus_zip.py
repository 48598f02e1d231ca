"""Dataset zips: as official tools make them, the same bytes each time, refused where hostile."""

from __future__ import annotations

import io
import json
import pickle
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle.corpus.order import InfiniteOrder, subset
from artstyle.corpus.png import stored_png
from artstyle.corpus.read import read_corpus
from artstyle.corpus.write import Item, items_of, member_name, write_zip
from artstyle.errors import CorpusError

VECTORS = Path(__file__).resolve().parents[1] / "data/vectors"
MISC = json.loads((VECTORS / "misc.json").read_text("utf-8"))


def noise(seed, size=16, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (size, size, channels), dtype=np.uint8)


def pack(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in files:
            target.writestr(name, data)
    return path


def test_the_official_tool_makes_the_same_pictures_names_and_labels(tmp_path):
    write_zip(tmp_path / "a.zip", items_of(VECTORS / "dataset_tiny_src.zip"), size_px=16)
    ours, theirs = read_corpus(tmp_path / "a.zip"), read_corpus(VECTORS / "dataset_tiny_16.zip")
    assert ours.names == theirs.names
    assert ours.labels.tolist() == theirs.labels.tolist() == [2, 0, 1, 2]
    for index in range(4):
        np.testing.assert_array_equal(ours.image(index), theirs.image(index))


@pytest.mark.parametrize("shape", [(1, 1, 1), (16, 16, 3), (300, 301, 3), (512, 512, 1)])
def test_stored_pngs_are_read_by_pillow(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    picture = Image.open(io.BytesIO(stored_png(pixels)))
    assert picture.mode == ("L" if shape[2] == 1 else "RGB")
    np.testing.assert_array_equal(np.asarray(picture).reshape(shape), pixels)


@pytest.mark.parametrize(("channels", "labels"), [(3, [0, 2, 1]), (1, [(0.5, 1), (0, 0), (1, 2)])])
def test_a_written_zip_is_stored_and_read_again(tmp_path, channels, labels):
    items = [Item(noise(n, 16, channels), labels[n], f"crop {n}") for n in range(3)]
    built = write_zip(tmp_path / "a.zip", items, size_px=16)
    corpus = read_corpus(built.path)
    assert (len(corpus), corpus.resolution, corpus.channels) == (3, 16, channels)
    assert corpus.labels.tolist() == [
        list(one) if isinstance(one, tuple) else one for one in labels
    ]
    assert built.members[1] == ("00000/img00000001.png", "crop 1")
    assert corpus.sha256() == built.sha256
    np.testing.assert_array_equal(corpus.image(2), items[2].pixels)
    with zipfile.ZipFile(built.path) as target:
        assert {info.compress_type for info in target.infolist()} == {zipfile.ZIP_STORED}
    expected = [[1, 0, 0], [0, 0, 1], [0, 1, 0]] if channels == 3 else [[0.5, 1], [0, 0], [1, 2]]
    assert corpus.one_hot().tolist() == expected
    assert corpus.one_hot().dtype == np.float32


def test_the_bytes_do_not_depend_on_threads_or_time(tmp_path):
    items = [Item(noise(n, 20), None) for n in range(30)]
    one = write_zip(tmp_path / "a.zip", items, size_px=16, threads=1)
    two = write_zip(tmp_path / "b.zip", iter(items), size_px=16, threads=3)
    assert one.sha256 == two.sha256
    # Held, so that another machine or version that gives other bytes is noticed.
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    held = write_zip(tmp_path / "c.zip", [Item(grey, 1)], size_px=16)
    assert held.sha256 == ("302bec352ae3533ad3c96989f10b4385fa53f5fa5685be7582903678f916d41a")


def test_member_names_have_their_folders():
    assert member_name(0) == "00000/img00000000.png"
    assert member_name(12345) == "00012/img00012345.png"


def failing():
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("items", "size", "words"),
    [
        ([Item(noise(1))], 24, "power of two"),
        ([], 16, "no pictures"),
        ([Item(noise(1)), Item(noise(1, 16, 1))], 16, "mixed"),
        ([Item(noise(1), 0, "x"), Item(noise(1), None, "y")], 16, "no label, the first of them y"),
        ([Item(noise(1), 0), Item(noise(1), (1.0, 2.0))], 16, "all classes, or all vectors"),
        ([Item(noise(1), -1)], 16, "neither a class"),
        ([Item(noise(1)), Item(failing)], 16, "the disk is gone"),
    ],
)
def test_a_build_that_fails_leaves_the_old_zip(tmp_path, items, size, words):
    (tmp_path / "a.zip").write_bytes(b"old")
    with pytest.raises((CorpusError, OSError), match=words):
        write_zip(tmp_path / "a.zip", items, size_px=size)
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]
    assert (tmp_path / "a.zip").read_bytes() == b"old"


def link():
    info = zipfile.ZipInfo("a.png")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


PNG = stored_png(noise(1))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("../a.png", PNG)], "leads out"),
        ([("/a.png", PNG)], "leads out"),
        ([("b/../../a.png", PNG)], "leads out"),
        ([(link(), b"/etc/passwd")], "it is a link"),
        ([("a.png", bytes(600 << 20))], "declares"),
        ([("a.png", PNG), ("b.png", stored_png(noise(1, 8)))], "differ"),
        ([("a.png", PNG), ("b.png", stored_png(noise(1, 16, 1)))], "16 x 16 grey"),
        ([("a.png", stored_png(noise(1)[:8]))], "not square"),
        ([("a.png", b"no picture")], "no picture"),
        ([("..\\a.png", PNG)], "leads out"),
        ([("C:a.png", PNG)], "leads out"),
        ([("a.txt", b"")], "holds no pictures"),
        ([("a.png", PNG), ("dataset.json", b"[1")], "does not hold labels"),
        ([("a.png", PNG), ("dataset.json", b'{"labels": [["a.png", 1e400]]}')], "neither"),
    ],
)
def test_what_is_no_dataset_is_refused(tmp_path, files, words):
    with pytest.raises(CorpusError, match=words):
        read_corpus(pack(tmp_path / "a.zip", files))


def patched(path, at, data, *, local=False):
    """A zip of one stored picture with bytes of its directory (or local header) changed."""
    pack(path, [("a.png", PNG)], zipfile.ZIP_STORED)
    whole = bytearray(path.read_bytes())
    start = 0 if local else whole.rindex(b"PK\x01\x02")
    whole[start + at : start + at + len(data)] = data
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize(
    ("at", "data", "words"),
    [
        (8, b"\x01\0", "it is encrypted"),
        (10, b"\x0c\0", "compressed by method 12"),
        (24, struct.pack("<I", 400 << 20), "declares 419,430,400 bytes in"),
        (42, struct.pack("<I", 1 << 30), "damaged"),  # where its data begin
    ],
)
def test_directories_that_lie_are_refused(tmp_path, at, data, words):
    with pytest.raises(CorpusError, match=words):
        read_corpus(patched(tmp_path / "a.zip", at, data))


@pytest.mark.parametrize(
    ("at", "data", "words"),
    [
        (0, b"XX", "damaged: Bad magic number"),
        (30, b"b.png", "differ"),  # another name than in the directory
    ],
)
def test_headers_that_contradict_the_directory_are_refused(tmp_path, at, data, words):
    with pytest.raises(CorpusError, match=words):
        read_corpus(patched(tmp_path / "a.zip", at, data, local=True)).image(0)


def test_long_extra_fields_and_other_encodings_are_read(tmp_path):
    info = zipfile.ZipInfo("é.png")
    info.extra = struct.pack("<HH", 0x4141, 300) + bytes(300)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr(info, PNG)
        target.writestr("b.PNG", PNG)
    assert read_corpus(tmp_path / "a.zip").names == ("b.PNG", "é.png")


def test_a_name_twice_and_a_zip_cut_off_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = pack(tmp_path / "a.zip", [("a.png", PNG), ("a.png", PNG)])
    with pytest.raises(CorpusError, match="twice"):
        read_corpus(twice)
    twice.write_bytes(twice.read_bytes()[:-40])
    with pytest.raises(CorpusError, match="no whole zip"):
        read_corpus(twice)


def test_compressed_zips_folders_and_missing_labels_are_read(tmp_path):
    labels = b'{"labels": [["s/a.png", 3]]}'
    files = [("s/b.png", PNG), ("s/a.png", stored_png(noise(2))), ("dataset.json", labels)]
    packed = read_corpus(pack(tmp_path / "a.zip", files))
    with zipfile.ZipFile(tmp_path / "a.zip") as source:
        source.extractall(tmp_path / "folder")
    folder = read_corpus(tmp_path / "folder")
    for corpus in (packed, folder):
        assert corpus.names == ("s/a.png", "s/b.png")
        assert corpus.labels is None
        assert corpus.label_dim == 0
        assert "1 of 2 pictures have none, the first of them s/b.png" in corpus.notes[0]
        np.testing.assert_array_equal(corpus.image(1), noise(1))
    assert folder.sha256() == read_corpus(tmp_path / "folder").sha256() != packed.sha256()


def test_a_flipped_byte_is_noticed_when_the_picture_is_read(tmp_path):
    path = write_zip(tmp_path / "a.zip", [Item(noise(1, 64))], size_px=64).path
    data = bytearray(path.read_bytes())
    data[9000] ^= 1
    path.write_bytes(data)
    corpus = read_corpus(path)
    with pytest.raises(CorpusError, match="damaged"):
        corpus.image(0)


def test_threads_and_other_processes_read_the_same(tmp_path):
    items = [Item(noise(n)) for n in range(40)]
    corpus = read_corpus(write_zip(tmp_path / "a.zip", items, size_px=16).path)
    again = pickle.loads(pickle.dumps(corpus))
    wrong = []

    def look():
        for n in range(40):
            if not np.array_equal(again.image(n), items[n].pixels):
                wrong.append(n)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("infinite_sampler_n10_seed0_first60", InfiniteOrder(10)),
        ("infinite_sampler_n7_seed3_first40", InfiniteOrder(7, 3)),
        ("infinite_sampler_n10_seed0_rank1of2_first20", InfiniteOrder(10, rank=1, replicas=2)),
    ],
)
def test_the_order_is_the_official_one_and_can_be_continued(key, order):
    truth = MISC[key]
    assert [next(order) for _ in truth] == truth
    order.move_to(5)
    state = json.loads(json.dumps(order.state()))
    assert [next(order) for _ in truth[5:]] == truth[5:]
    order.restore(state)
    assert order.position == 5
    assert [next(order) for _ in truth[5:]] == truth[5:]
    with pytest.raises(CorpusError, match="the order saved"):
        InfiniteOrder(99).restore(state)


def test_subsets_are_the_official_ones():
    assert subset(20, 7, 0) == MISC["subset_7_of_20_seed0"]
    assert subset(100, 10, 3) == MISC["subset_10_of_100_seed3"]
