"""How long the review page waits for each answer, with 10,000 and 20,000 crops.

    python tests/bench/bench_review.py [--json FILE]

One visitor over one connection, as a browser has it; a decision is on the disk before it is
answered. Fails when the median of any answer takes 100 ms or more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.reviews import LOOKS, Visitor, crop_set, gesture, real_source, visited

from artstyle.catalog import open_catalog
from artstyle.files import write_json
from artstyle.machine import cores, processor

TRIES = 21
MOST_S = 0.1  # a median answer
COUNTS = (10_000, 20_000)
BY = {"by": "artstyle curate", "batch": "curate-1"}

Act: TypeAlias = Callable[[int], None]


class Connection:
    """Keeps one connection open."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.http = HTTPConnection("127.0.0.1", visitor.port)
        self.size_bytes = 0

    def ask(self, path: str, data: object = None) -> None:
        body = None if data is None else json.dumps(data)
        headers = {"Content-Type": "application/json"} if body else {}
        method = "POST" if body else "GET"
        self.http.request(method, f"/{self.visitor.token}/{path}", body, headers)
        answer = self.http.getresponse()
        self.size_bytes = len(answer.read())
        assert answer.status == 200, (path, answer.status)


def decision(*crops: int) -> dict[str, object]:
    upon = [0] * len(crops)
    change = {"action": "keep", "crops": list(crops), "upon": upon}
    return {"changes": [change], "reason": "", "batch": gesture()}


def measure(count: int) -> dict[str, dict[str, float]]:
    """The median and the worst of each answer, in seconds, and its size."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        for name in ("datasets", "training"):
            (workspace / name).mkdir()
        crop_set(workspace, count)
        real_source(workspace, 1)
        with open_catalog(workspace) as catalog, catalog.transaction():
            for crop in range(1, count, 7):
                catalog.decide(crop, "drop", reason=f"blurred: {crop} px", **BY)
                catalog.decide(crop, "tag", f"cluster:{crop % 5}", reason="", **BY)
        start_s = time.perf_counter()
        with visited(workspace) as visitor:
            found["start"] = {"median_s": time.perf_counter() - start_s, "tries": 1}
            connection = Connection(visitor)
            ask = connection.ask
            rows = visitor.ask("changes?since=0")["rows"]
            pictures = [f"{rows['id'][n]}/{rows['sha'][n]}" for n in range(LOOKS)]
            undecided = iter(range(2, count, 7))
            news = visitor.ask("data")["number"]

            def one(name: str, act: Callable[[int], None], prepare: Act | None = None) -> None:
                taken_s = []
                for turn in range(-1, TRIES):  # what is found out once and kept is not counted
                    if prepare:
                        prepare(turn)
                    before_s = time.perf_counter()
                    act(turn)
                    taken_s.append(time.perf_counter() - before_s)
                found[name] = {
                    "median_s": statistics.median(taken_s[1:]),
                    "worst_s": max(taken_s[1:]),
                    "size_bytes": connection.size_bytes,
                }

            one("page", lambda _: ask(""))
            one("data: all crops", lambda _: ask("data"))
            one("changes: none", lambda _: ask("changes?since=9999999"))
            one("crop", lambda turn: ask(f"crop/{turn + 3}"))
            one("similar", lambda turn: ask(f"similar/{turn + 3}"))
            one("thumbnail, made", lambda turn: ask(f"thumbnail/{pictures[turn + 1]}"))
            one("thumbnail, kept", lambda _: ask(f"thumbnail/{pictures[0]}"))
            one("picture", lambda _: ask(f"picture/{pictures[0]}"))
            one("frame, kept", lambda _: ask("frame/1"))
            one("history", lambda _: ask("history"))
            one("decide: 1 crop", lambda _: ask("decide", decision(next(undecided))))
            one(
                "changes: after a decision",
                lambda _: ask(f"changes?since={news}"),
                lambda _: ask("decide", decision(next(undecided))),
            )
            one(
                "decide: 50 crops",
                lambda _: ask("decide", decision(*(next(undecided) for _ in range(50)))),
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {}
    slow = []
    for count in COUNTS:
        print(f"{count:,} crops")
        found[str(count)] = measure(count)
        for name, one in found[str(count)].items():
            size = f"{one.get('size_bytes', 0):>11,} bytes" if "size_bytes" in one else ""
            print(f"  {name:<28}{one['median_s'] * 1000:8.1f} ms{size}")
            if name != "start" and one["median_s"] >= MOST_S:
                slow.append(f"{name} with {count:,} crops")
    if options.json:
        where = {"processor": processor(), "cores": cores(), "tries": TRIES}
        write_json(options.json, {"where": where, "found": found})
    if slow:
        sys.exit(f"{MOST_S * 1000:.0f} ms or more: {', '.join(slow)}")


if __name__ == "__main__":
    main()
