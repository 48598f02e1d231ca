"""Several datasets as one with labels: class k is the k-th of them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from artstyle.corpus.read import Corpus
from artstyle.errors import UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.files import atomic_file
from artstyle.images import encode_png
from artstyle.names import shown

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can say: the same bytes every day


def join_datasets(
    corpora: Sequence[Corpus], names: Sequence[str], out: Path, *, emit: Emit = ignore
) -> Path:
    """Write the pictures of several datasets into one zip, with a class for each.

    A zip that is there and was made of the same datasets stays; the same datasets make the same
    bytes.

    Args:
        corpora: the datasets, in the order of their classes.
        names: what the classes are called.
        out: the zip.
        emit: gets progress.

    Raises:
        UsageError: they differ in size or channels.
        CorpusError: a picture is damaged.
    """
    shapes = {(one.resolution, one.channels) for one in corpora}
    if len(shapes) > 1:
        each = ", ".join(
            f"{name}: {one.resolution} px, {one.channels} channels"
            for name, one in zip(names, corpora, strict=True)
        )
        raise UsageError(
            f"these datasets cannot be joined, for they differ ({each})",
            hint=f"build all with the same --size, e.g. {min(one.resolution for one in corpora)}",
        )
    comment = json.dumps(
        {"classes": list(names), "sha256": [one.sha256() for one in corpora]}
    ).encode()
    if _is_made_of(out, comment):
        return out
    total, done, labels = sum(len(one) for one in corpora), 0, []
    with atomic_file(out) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = comment
        for label, corpus in enumerate(corpora):
            for index in range(len(corpus)):
                name = f"{done // 1000:05d}/img{done:08d}.png"
                png = encode_png(corpus.image(index), compress_level=0, srgb=False)
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), png)
                labels.append([name, label])
                done += 1
                if done % 100 == 0 or done == total:
                    emit(Progress(f"join {shown(out.name)}", done, total, "images"))
        archive.writestr(zipfile.ZipInfo("dataset.json", _EPOCH), json.dumps({"labels": labels}))
    return out


def joined_name(names: Sequence[str], resolution: int) -> str:
    """The file name of such a zip; long lists are cut and told apart by a digest."""
    word = "+".join(names)
    if len(word) > 100:
        word = f"{word[:80]}-{hashlib.sha256(word.encode()).hexdigest()[:8]}"
    return f"{word}-{resolution}.zip"


def _is_made_of(path: Path, comment: bytes) -> bool:
    if not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == comment
    except (zipfile.BadZipFile, OSError):
        return False
