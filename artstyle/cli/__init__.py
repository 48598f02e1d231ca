"""The command line: a table of commands, and the way in and out.

`run` is what the installed `artstyle` script calls. Each command lives in a module of its own and
is imported only when it is used or listed; those modules import nothing heavier than click.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from artstyle.cli import _errors
from artstyle.cli._base import LazyGroup, Settings

# Listed in the order of the way from a film to a grid; name -> "module:attribute".
COMMANDS = {
    "init": "artstyle.cli.init:init",
    "doctor": "artstyle.cli.doctor:doctor",
    "extract": "artstyle.cli.extract:extract",
    "curate": "artstyle.cli.curate:curate",
    "review": "artstyle.cli.review:review",
    "build": "artstyle.cli.build:build",
    "train": "artstyle.cli.train:train",
    "finetune": "artstyle.cli.finetune:finetune",
    "runs": "artstyle.cli.runs:runs",
    "evaluate": "artstyle.cli.evaluate:evaluate",
    "models": "artstyle.cli.models:models",
    "generate": "artstyle.cli.generate:generate",
    "train-encoder": "artstyle.cli.train_encoder:train_encoder",
    "project": "artstyle.cli.project:project",
    "blend": "artstyle.cli.blend:blend",
    "stylize": "artstyle.cli.stylize:stylize",
    "train-perception": "artstyle.cli.train_perception:train_perception",
    "train-adain": "artstyle.cli.train_adain:train_adain",
    "train-fast": "artstyle.cli.train_fast:train_fast",
    "challenge": "artstyle.cli.challenge:challenge",
    "report": "artstyle.cli.report:report",
    "trace": "artstyle.cli.trace:trace",
}

main = LazyGroup(
    "artstyle",
    table=COMMANDS,
    help="One person's photo redrawn in many art styles with StyleGAN.",
    example="artstyle doctor\nartstyle COMMAND --help",
)


def status(argv: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code, whatever happens.

    Args:
        argv: the words after `artstyle`; None takes them from the process.

    Returns:
        0 done, 1 failed, 2 wrong use, 130 interrupted.
    """
    settings = Settings()
    try:
        code = main.main(argv, prog_name="artstyle", standalone_mode=False, obj=settings)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return _errors.report(_errors.explain(error, verbose=settings.verbosity > 0))
    except SystemExit as leaving:  # click leaves this way when the reader of stdout has gone
        return leaving.code if isinstance(leaving.code, int) else 1
    return code if isinstance(code, int) else 0


def run() -> NoReturn:
    """The installed script: do what the command line says, and end the process."""
    # Read when torch is loaded: threads that wait for each other sleep instead of spinning. With
    # another busy process on the machine that is more than twice as fast, alone it costs little.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name the terminal cannot show is no failure
            stream.reconfigure(errors="backslashreplace")
    sys.exit(status())
