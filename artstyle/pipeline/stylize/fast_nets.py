"""Fast nets by name: the workspace's, then those that ship."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle.baselines.fast.file import KIND, FastRecord, Header, read_header
from artstyle.errors import UsageError, WeightsError
from artstyle.names import shown
from artstyle.weights.entries import did_you_mean
from artstyle.weights.model_names import SUFFIX, kind_in, starter_folder

PREFIX = "fast-"


@dataclass(frozen=True)
class Mixture:
    """How much each style of a net counts; the shares sum to one."""

    shares: tuple[float, ...]
    label: str  # for file names

    def facts(self, record: FastRecord) -> dict[str, float]:
        """The styles that count, by name."""
        pairs = zip(record.styles, self.shares, strict=True)
        return {style.name: round(share, 6) for style, share in pairs if share}


def fast_nets(workspace: Path | None) -> Iterator[tuple[str, Path]]:
    """All nets by name without "fast-", the workspace's first; a name may come twice."""
    folders = [] if workspace is None else [workspace / "models"]
    for folder in (*folders, starter_folder()):
        for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
            if kind_in(path) == KIND:
                yield path.stem.removeprefix(PREFIX), path


def find_net(wish: str, workspace: Path | None) -> Header:
    """A net by file or name.

    Raises:
        WeightsError: there is none, or the file is none.
    """
    file = Path(wish).expanduser()
    if file.is_file():
        return read_header(file)
    bare = wish.removesuffix(SUFFIX).removeprefix(PREFIX)
    known: list[str] = []
    for name, path in fast_nets(workspace):
        if name == bare:
            return read_header(path)
        known.append(name)
    there = f"there are {', '.join(dict.fromkeys(known))}; " if known else ""
    raise WeightsError(
        f"there is no fast net {shown(wish)!r:.80}{did_you_mean(bare, known)}",
        hint=f"{there}artstyle train-fast makes one",
    )


def parse_mixture(words: Sequence[str], record: FastRecord) -> Mixture:
    """What `--style` says: names or numbers, each with "=SHARE" where several are mixed.

    Raises:
        UsageError: the net has no such style, a share is no number, or nothing was chosen where
            there are several.
    """
    if not words and len(record.styles) > 1:
        names = ", ".join(style.name for style in record.styles)
        raise UsageError(f"this net knows several styles: {names}", hint="choose with --style")
    shares = [0.0] * len(record.styles)
    labels = []
    for word in words or ("0",):
        name, equals, text = word.rpartition("=")
        number = record.style_number(name if equals else word)
        shares[number] += _share(text, word) if equals else 1.0
        labels.append(record.styles[number].name)
    total = sum(shares)
    if not total > 0:
        raise UsageError("the styles' shares sum to nothing", hint="give one more than 0")
    return Mixture(tuple(share / total for share in shares), "-".join(dict.fromkeys(labels)))


def _share(text: str, word: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise UsageError(f"--style {shown(word)}: {shown(text)!r} is no share of 0 or more")
    return share
