"""The group `artstyle models`: a table of its commands, imported when they are used."""

from __future__ import annotations

from artstyle.cli._base import LazyGroup

# In the order of the help; name -> "module:attribute".
COMMANDS: dict[str, str] = {
    "list": "artstyle.cli.models.list:list_models",
    "pull": "artstyle.cli.models.pull:pull",
    "card": "artstyle.cli.models.card:card",
    "verify": "artstyle.cli.models.verify:verify",
}

models = LazyGroup(
    "models",
    table=COMMANDS,
    help="List, fetch, describe, convert and check models.",
    example="artstyle models list\nartstyle models pull ffhq-256",
)
