"""One thing that was looked at, and how a list of them reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "missing", "broken"]

_MARKS: dict[State, str] = {"ok": "+", "missing": "-", "broken": "!"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    section: str
    name: str
    state: State
    value: str  # what was found
    purpose: str = ""  # what it is for
    remedy: str = ""  # what to type or do where it is not ok
    essential: bool = False  # whether the main job fails without it


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether the main job works: a photo redrawn in the styles that are there."""
    return all(finding.state == "ok" for finding in findings if finding.essential)


def in_words(findings: Iterable[Finding]) -> str:
    """The findings as a table; what is not ok says what it is for and what to type."""
    shown = tuple(findings)
    width = max(len(finding.name) for finding in shown)
    lines: list[str] = []
    section = ""
    for finding in shown:
        if finding.section != section:
            section = finding.section
            lines += ["", section]
        lines += _lines(finding, width)
    return "\n".join(lines[1:])


def _lines(finding: Finding, width: int) -> list[str]:
    value = finding.value or finding.state
    first = f"  {_MARKS[finding.state]} {finding.name:<{width}}  {value}"
    if finding.state == "ok":
        return [first]
    indent = " " * (width + 6)
    rest = (("for: ", finding.purpose), ("do:  ", finding.remedy))
    return [first, *(f"{indent}{label}{text}" for label, text in rest if text)]
