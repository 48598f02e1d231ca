"""The group `artstyle report`: a table of its commands, imported when they are used."""

from __future__ import annotations

from artstyle.cli._base import LazyGroup

# In the order of the help; name -> "module:attribute".
COMMANDS: dict[str, str] = {
    "training": "artstyle.cli.report.training:training",
}

report = LazyGroup(
    "report",
    table=COMMANDS,
    help="Tables and plots of what was measured.",
    example="artstyle report training runs/people runs/toon_head --out reports/training",
)
