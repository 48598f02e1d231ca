"""The group `artstyle stylize`: a table of its methods, imported when they are used."""

from __future__ import annotations

from artstyle.cli._base import LazyGroup

# In the order of the help; name -> "module:attribute". A method lies in a file of its own.
COMMANDS: dict[str, str] = {
    "gatys": "artstyle.cli.stylize.gatys:gatys",
    "adain": "artstyle.cli.stylize.adain:adain",
    "fast": "artstyle.cli.stylize.fast:fast",
    "texture": "artstyle.cli.stylize.texture:texture",
    "sheet": "artstyle.cli.stylize.sheet:sheet",
}

stylize = LazyGroup(
    "stylize",
    table=COMMANDS,
    help="Redraw a photo in the style of a painting: the classic methods.",
    example="artstyle stylize gatys photo.jpg painting.jpg --out styled.png\n"
    "artstyle stylize texture painting.jpg --out texture.png",
)
