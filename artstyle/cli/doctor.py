"""`artstyle doctor`: what this machine can do."""

from __future__ import annotations

from artstyle.cli._base import Context, command


@command("doctor", example="artstyle doctor\nartstyle doctor --json --workspace my-styles")
def doctor(ctx: Context) -> None:
    """Say what this machine can do.

    Looks at Python, the devices torch can use, every package, the face detectors, the films that
    can be read, the weights that are here, and the workspace. For whatever is missing it says what
    that is for and what to type. The exit code is 1 if the main job cannot work.
    """
    from artstyle.pipeline.doctor import examine, in_words, is_well

    findings = examine(ctx.workspace)
    well = is_well(findings)

    def text() -> str:
        verdict = "the main job works" if well else "the main job does not work: see what has a !"
        return f"{in_words(findings)}\n\n{verdict}"

    ctx.result({"ok": well, "findings": findings}, text)
    if not well:
        ctx.exit(1)
