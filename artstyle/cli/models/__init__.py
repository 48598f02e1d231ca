"""The group `artstyle models`: a table of its commands, imported when they are used."""

from __future__ import annotations

from artstyle.cli._base import LazyGroup

# In the order of the help; name -> "module:attribute".
COMMANDS: dict[str, str] = {
    "list": "artstyle.cli.models.list:list_models",
    "pull": "artstyle.cli.models.pull:pull",
    "import": "artstyle.cli.models.import_:import_model",
    "export": "artstyle.cli.models.export:export",
    "card": "artstyle.cli.models.card:card",
    "verify": "artstyle.cli.models.verify:verify",
    "random": "artstyle.cli.models.random:random",
}

models = LazyGroup(
    "models",
    table=COMMANDS,
    help="List, fetch, describe, convert and check models.",
    example="artstyle models list\nartstyle models pull ffhq-256",
)
