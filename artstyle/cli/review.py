"""`artstyle review`: look through a style's crops in the browser, and decide."""

from __future__ import annotations

import click

from artstyle.cli._base import Context, command


@command(
    "review", example="artstyle review --style ghibli\nartstyle review --style ghibli --no-browser"
)
@click.option("--style", required=True, metavar="S", help="Whose crops.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="Where the page is served; else the first free port from 8717 on.",
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option(
    "--by", metavar="NAME", help="The name beside your decisions; else that of your account."
)
def review(ctx: Context, style: str, port: int | None, no_browser: bool, by: str | None) -> None:
    """Look through a style's crops in the browser, and decide.

    The page is served on this machine, to this machine, at an address with a random key, until
    Ctrl-C is pressed. Keys keep, drop, tag and undo; '?' on the page lists them all. Every decision
    is in the catalog before the page shows it as done, and each can be undone.

    It works beside a running 'artstyle extract': new crops appear by themselves. Several windows,
    and several people, do not overwrite each other.
    """
    from artstyle.events import Note
    from artstyle.web.review.command import checked_style, open_in_browser, user_name
    from artstyle.web.review.session import Review

    checked_style(ctx.workspace, style)
    name = user_name(by)
    with (
        Review(ctx.workspace, style, by=name, emit=ctx.emit) as opened,
        opened.server(port=port) as server,
    ):
        data = {"address": server.address, "port": server.port, "style": style, "by": name}
        ctx.result(data | {"crops": len(opened)}, server.address)
        if not no_browser:
            open_in_browser(server.opening_address, ctx.emit)
        ctx.emit(Note("Ctrl-C ends the review; decisions are kept as they are made"))
        try:
            server.serve()
        except KeyboardInterrupt:
            ctx.emit(Note("the review is closed"))
