"""What is known about published weights: one entry each, read from `registry.toml`.

An entry is knowledge only. Where files lie on this machine, and whether they are the right ones,
is the business of `weights`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from artstyle.errors import RecipeError, WeightsError
from artstyle.recipes import make_recipe, setting

Kind: TypeAlias = Literal["stylegan2", "stylegan3", "vgg", "inception", "detector"]
Commercial: TypeAlias = Literal["yes", "no", "unclear"]
Conversion: TypeAlias = Literal["import", "none"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_NON_COMMERCIAL = re.compile(r"non-?\s?commercial")
_FREE = re.compile(r"cc0|cc[ -]by([ -]sa)?([ -][\d.]+)?$|mit$|apache|bsd|public domain")
_BLEND = re.compile(r"base: (?P<base>\(.*\)|.*?); style: (?P<style>.*)")  # stylegan_ext's words
_WARNING: dict[Commercial, str] = {
    "yes": "",
    "no": "NON-COMMERCIAL: ",
    "unclear": "COMMERCIAL USE UNCLEAR: ",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEX = re.compile(r"[0-9a-f]*")


def _name_fault(name: str) -> str | None:
    return None if _NAME.fullmatch(name) else "may hold a-z, 0-9, . and - only"


def _file_name_fault(name: str) -> str | None:
    return None if _FILE_NAME.fullmatch(name) else "is no plain file name"


def _address_fault(address: str) -> str | None:
    return None if address.startswith("https://") else "is not https"


def _digest_fault(digest: str) -> str | None:
    good = _HEX.fullmatch(digest) and len(digest) in (0, 64)
    return None if good else "is not 64 hexadecimal digits"


def _prefix_fault(digits: str) -> str | None:
    good = _HEX.fullmatch(digits) and len(digits) in (0, *range(8, 64))
    return None if good else "is not 8 to 63 hexadecimal digits"


@dataclass(frozen=True)
class Licence:
    """What one may do with a file; travels into cards and grids."""

    id: str = setting(help="SPDX where there is one, else a name in words.")
    commercial: Commercial = setting("unclear", help="Whether commercial use is allowed.")
    line: str = setting("", help="One line: whose it is, and what else applies.")

    def in_words(self) -> str:
        """The licence in one line that says plainly when commercial use is not allowed."""
        return _WARNING[self.commercial] + "; ".join(part for part in (self.id, self.line) if part)


def licence_of_words(words: str) -> Licence:
    """A licence of which only the name, or a line as `in_words` gives it, is known.

    Whether commercial use is allowed is read from it where it says so; else that is unclear.
    """
    for commercial, warning in _WARNING.items():
        if warning and words.startswith(warning):
            name, _, line = words.removeprefix(warning).partition("; ")
            return Licence(name, commercial, line)
    name, _, line = words.partition("; ")
    if parents := _BLEND.fullmatch(words):  # a blend is as free as the less free of its parents
        of_each = {licence_of_words(part.strip("()")).commercial for part in parents.groups()}
        strictest: Commercial = "no" if "no" in of_each else "unclear"
        return Licence(name, "yes" if of_each == {"yes"} else strictest, line)
    tokens = set(re.split(r"[^a-z0-9]+", name.lower()))
    if _NON_COMMERCIAL.search(name.lower()) or "nc" in tokens:
        return Licence(name, "no", line)
    return Licence(name, "yes" if _FREE.match(name.lower()) else "unclear", line)


@dataclass(frozen=True)
class Preprocessing:
    """What a picture goes through before it goes into the network."""

    alignment: str = setting(help="How faces are cut: ffhq, none, ...")
    input_size: str = setting(help="Width x height in pixels, or what is allowed.")
    normalisation: str = setting(help="Colour order, range, mean and deviation.")


@dataclass(frozen=True)
class Entry:
    """One published file of weights."""

    name: str = setting(help="What the user types.", check=_name_fault)
    title: str = setting(help="What it is, for people.")
    kind: Kind = setting(help="What sort of network it is.")
    file_name: str = setting(help="As published, and as kept here.", check=_file_name_fault)
    addresses: tuple[str, ...] = setting(help="Tried in this order.", check=_address_fault)
    address_checked: bool = setting(help="Whether somebody fetched the file from there.")
    licence: Licence = setting(help="What one may do with it.")
    purpose: str = setting(help="What it is for.")
    conversion: Conversion = setting(help="import: made into safetensors after the download.")
    preprocessing: Preprocessing = setting(help="What goes into the network.")
    aliases: tuple[str, ...] = setting((), help="Other names of it.", check=_name_fault)
    size_bytes: int | None = setting(None, help="The exact size.", low=1)
    about_bytes: int | None = setting(None, help="The size worked out from parameters.", low=1)
    sha256: str = setting("", help="The digest.", check=_digest_fault)
    sha256_prefix: str = setting("", help="Its first digits.", check=_prefix_fault)
    resolution: int | None = setting(None, help="Side of the pictures in pixels.", low=1)

    def faults(self) -> Iterator[str]:
        """What is wrong between the settings."""
        if not self.addresses:
            yield "addresses: there is none"
        if self.sha256 and not self.sha256.startswith(self.sha256_prefix):
            yield "sha256_prefix: is not how sha256 begins"

    @property
    def is_generator(self) -> bool:
        """Whether pictures can be drawn with it."""
        return self.kind in ("stylegan2", "stylegan3")


def registry() -> Mapping[str, Entry]:
    """Every known file of weights by its name, in the order of the list; aliases left out.

    Raises:
        WeightsError: the list that came with the package has faults.
    """
    return _shipped()


@cache
def _shipped() -> Mapping[str, Entry]:
    """The list that came with the package."""
    text = resources.files("artstyle.weights").joinpath("registry.toml").read_text("utf-8")
    return MappingProxyType(parse(text))


def find_entry(name: str) -> Entry | None:
    """The entry of a name or an alias, or None."""
    known = registry()
    if name in known:
        return known[name]
    return next((item for item in known.values() if name in item.aliases), None)


def entry(name: str) -> Entry:
    """The entry of a name or an alias.

    Raises:
        WeightsError: no such name; the message gives the nearest ones.
    """
    found = find_entry(name)
    if found is None:
        raise WeightsError(
            f"no weights are known by the name {name!r}{did_you_mean(name, all_names())}",
            hint="'artstyle models list' shows every name",
        )
    return found


def all_names() -> list[str]:
    """Every name and alias."""
    return [name for item in registry().values() for name in (item.name, *item.aliases)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence: "; did you mean 'a' or 'b'?", or nothing if no name is near."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return "; did you mean " + " or ".join(repr(name) for name in near) + "?" if near else ""


def parse(text: str) -> dict[str, Entry]:
    """Read a list of weights.

    Args:
        text: TOML with the tables `licences.KEY` and `weights.NAME`; the latter name a key.

    Raises:
        WeightsError: the text has faults; the message lists all of them.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"the list of weights is no TOML: {error}") from None
    licences = data.get("licences", {})
    entries: dict[str, Entry] = {}
    faults: list[str] = []
    for name, table in data.get("weights", {}).items():
        key = table.get("licence")
        if key not in licences:
            faults.append(f"weights.{name}.licence: {key!r} is none of {', '.join(licences)}")
            continue
        try:
            entries[name] = make_recipe({**table, "name": name, "licence": licences[key]}, Entry)
        except RecipeError as error:
            faults += [f"weights.{name}.{fault}" for fault in error.faults]
    faults += _doubles(entries.values())
    if faults:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        raise WeightsError(f"the list of weights has faults:{lines}")
    return entries


def _doubles(entries: Iterable[Entry]) -> list[str]:
    """Names, aliases and file names that stand for two things; two downloads would meet there."""
    seen: dict[str, str] = {}
    faults = []
    for item in entries:
        for word in (item.name, *item.aliases, item.file_name):
            if word in seen:
                faults.append(f"weights.{item.name}: {word!r} stands for {seen[word]} already")
            seen.setdefault(word, item.name)
    return faults
