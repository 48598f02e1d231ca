"""What one may do with a grid: the licences of all that went into it, in one line."""

from __future__ import annotations

from collections.abc import Iterable

from stylegan_ext.blend_provenance import NON_COMMERCIAL, UNCLEAR, UNKNOWN, joined_licence

_HARMLESS = "CC0-1.0"


def by_licence(parts: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Licence -> what has it, from (name, licence); in the order in which they come.

    A style's licence is its dataset's and its base's, joined by " + ": each counts by itself.
    """
    found: dict[str, list[str]] = {}
    for name, licence in parts:
        for one in licence.split(" + "):
            names = found.setdefault(one.strip() or UNKNOWN, [])
            if name not in names:
                names.append(name)
    return found


def combined(parts: Iterable[tuple[str, str]]) -> str:
    """All licences in one line; a restriction of any of them stands in front."""
    found = by_licence(parts)
    lines = [joined_licence(licence, _HARMLESS) for licence in found]
    flags = [
        flag for flag in (NON_COMMERCIAL, UNCLEAR) if any(one.startswith(flag) for one in lines)
    ]
    words = "; ".join(f"{_bare(licence)} ({', '.join(names)})" for licence, names in found.items())
    return "".join(flags[:1]) + words


def _bare(licence: str) -> str:
    """A licence without the flag that is set in front of all of them."""
    return licence.removeprefix(NON_COMMERCIAL).removeprefix(UNCLEAR)
