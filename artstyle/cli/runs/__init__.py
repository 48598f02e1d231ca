"""The group `artstyle runs`: a table of its commands, imported when they are used."""

from __future__ import annotations

from artstyle.cli._base import LazyGroup

# In the order of the help; name -> "module:attribute".
COMMANDS: dict[str, str] = {
    "pack": "artstyle.cli.runs.pack:pack",
    "unpack": "artstyle.cli.runs.unpack:unpack",
}

runs = LazyGroup(
    "runs",
    table=COMMANDS,
    help="Bring a training from one machine to another.",
    example="artstyle runs pack runs/people --out pieces\n"
    "artstyle runs unpack pieces --out runs/people",
)
