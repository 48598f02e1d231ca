"""A thread that has the catalog open, and does for others what needs it.

A `Catalog` belongs to the thread that opened it, and opening one for each request would cost more
than most requests. One desk reads and another writes: readers never wait for a command that is
writing to the catalog.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from artstyle.catalog import Catalog, open_catalog

Result = TypeVar("Result")


class Desk:
    """Does one thing after the other with its own open catalog; `with` closes it.

    Args:
        workspace: whose catalog.

    Raises:
        CatalogError: see `open_catalog`.
    """

    def __init__(self, workspace: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="catalog")
        try:
            self._catalog = self._thread.submit(open_catalog, workspace).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def do(self, work: Callable[[Catalog], Result]) -> Result:
        """What `work` gives for the open catalog; what it raises is raised here."""
        return self._thread.submit(work, self._catalog).result()

    def close(self) -> None:
        """Finish what has been begun, and close the catalog."""
        self._thread.submit(self._catalog.close).result()
        self._thread.shutdown()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
