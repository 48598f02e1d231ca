"""The page on which a person looks through the crops of a style and decides about them.

    with Review(workspace, "ghibli", by="anna") as review, review.server(port=None) as server:
        webbrowser.open(server.opening_address)
        server.serve()

It may run beside commands that write to the catalog, and beside others of itself.
"""

from __future__ import annotations

from artstyle.web.review.session import Review

__all__ = ["Review"]
