"""Labels of `dataset.json`: a class number or a vector for each picture, or none at all."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import CorpusError

Label: TypeAlias = int | tuple[float, ...]
Labels: TypeAlias = NDArray[np.int64] | NDArray[np.float32]
LABELS_NAME = "dataset.json"
_MOST_CLASSES = 100_000  # a guess: ten times ImageNet-21k would be a typing error


def parse_labels(data: bytes) -> dict[str, Label] | None:
    """The labels by the names of their pictures; None if the file says there are none.

    Raises:
        CorpusError: no JSON of that form, a name twice, or a label that is none.
    """
    try:
        whole = json.loads(data)
        pairs = whole.get("labels")
        if pairs is None:
            return None
        labels = {str(name): checked(label) for name, label in pairs}
    except (ValueError, TypeError, AttributeError, RecursionError) as fault:
        raise CorpusError(
            f"{LABELS_NAME} does not hold labels: {fault}",
            hint='its form is {"labels": [["00000/img00000000.png", 0], ...]}, or null for none',
        ) from fault
    if len(labels) != len(pairs):
        raise CorpusError(f"{LABELS_NAME} labels {len(pairs) - len(labels)} pictures twice")
    return labels


def checked(label: Any) -> Label:
    """The label, if it is one: a class from 0, or a vector of finite numbers.

    Raises:
        ValueError: it is not.
    """
    if isinstance(label, int | np.integer) and not isinstance(label, bool):
        if 0 <= label < _MOST_CLASSES:
            return int(label)
    elif isinstance(label, list | tuple) and label:
        vector = tuple(float(one) for one in label)
        if all(math.isfinite(one) for one in vector):
            return vector
    raise ValueError(f"{label!r} is neither a class from 0 nor a vector of numbers")


def as_array(labels: Sequence[Label]) -> Labels:
    """Labels of pictures in their order: int64 [N] or float32 [N, C].

    Raises:
        CorpusError: classes among vectors, or vectors of several lengths.
    """
    kinds = {len(one) if isinstance(one, tuple) else None for one in labels}
    if len(kinds) != 1:
        raise CorpusError("labels must be all classes, or all vectors of one length")
    if kinds == {None}:
        return np.array(labels, dtype=np.int64)
    return np.array(labels, dtype=np.float32)


def one_hot(labels: Labels) -> NDArray[np.float32]:
    """Float32 [N, C]: classes as ones among zeros, C = largest class + 1; vectors as they are."""
    if labels.ndim == 2:
        return labels.astype(np.float32)
    vectors = np.zeros((len(labels), int(labels.max()) + 1), dtype=np.float32)
    vectors[np.arange(len(labels)), labels] = 1
    return vectors
