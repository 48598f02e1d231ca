"""A thread that has the catalog open, and does for others what needs it.

A `Catalog` belongs to the thread that opened it, and opening one for each request would cost more
than most requests. One desk reads and another writes: readers never wait for a command that is
writing to the catalog.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from artstyle.catalog import Catalog, open_catalog
from artstyle.web.message import Fault

Result = TypeVar("Result")


class Desk:
    """Does one thing after the other with its own open catalog; `with` closes it.

    Args:
        workspace: whose catalog.

    Raises:
        CatalogError: see `open_catalog`.
    """

    def __init__(self, workspace: Path) -> None:
        self._closed = False
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="catalog")
        try:
            self._catalog = self._thread.submit(open_catalog, workspace).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def do(self, work: Callable[[Catalog], Result]) -> Result:
        """What `work` gives for the open catalog; what it raises is raised here.

        Raises:
            Fault: 503; the review is being closed.
        """
        with self._lock:
            if self._closed:
                raise Fault(503, "the review is closed")
            future = self._thread.submit(work, self._catalog)
        return future.result()

    def close(self) -> None:
        """Finish what has been begun, and close the catalog."""
        with self._lock:
            self._closed = True
        self._thread.submit(self._catalog.close).result()
        self._thread.shutdown()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
