"""Decisions from the page into the catalog: whole gestures, never over somebody else's.

A gesture (one key, on one crop or a selection) is one transaction and one batch. Each verdict says
upon which decision it was made, the one that its author saw. Where another has decided meanwhile,
nothing of the gesture is written, and the page gets what holds now. Tags need no such check: adding
or removing one leaves all others as they are.

A gesture that is sent twice, because its answer was lost, is written once: its batch has a name
that the page chose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from artstyle.catalog import Catalog
from artstyle.web.message import Fault
from artstyle.web.review.reading import State, states_of
from artstyle.web.review.table import state_columns

Action: TypeAlias = Literal["keep", "drop", "tag", "untag"]

BATCH = re.compile(r"review:[A-Za-z0-9_-]{8,64}")
_LONGEST_TAG, _LONGEST_REASON = 80, 500
_HISTORY_LOOKS_BACK = 5_000  # decisions
_HISTORY_SHOWS = 60  # gestures


@dataclass(frozen=True)
class Change:
    """One thing decided about some crops."""

    action: Action
    value: str | None  # the tag; None for verdicts
    crops: tuple[int, ...]
    upon: tuple[int, ...]  # for each crop, the decision its verdict was seen to stand on


@dataclass(frozen=True)
class Written:
    """What became of a gesture."""

    states: dict[int, State]  # of all crops it was about
    made: int  # decisions that were written; those that said what held already are not


def change_from(data: Any) -> Change:
    """A change, as the page sends it.

    Raises:
        Fault: 400; it is not what the page sends.
    """
    if not isinstance(data, dict) or data.get("action") not in get_args(Action):
        raise Fault(400, f"this is no change: {str(data)[:200]}")
    crops, upon = _numbers(data.get("crops")), _numbers(data.get("upon", []))
    action, value = data["action"], data.get("value")
    if action in ("tag", "untag"):
        value = checked_tag(value)
    elif value is not None or len(upon) != len(crops):
        raise Fault(400, "a verdict has no value, and says for each crop upon what it was made")
    return Change(action, value, crops, upon)


def checked_tag(value: Any) -> str:
    """A tag without spaces around it.

    Raises:
        Fault: 400; it is empty, too long or no text.
    """
    tag = " ".join(value.split()) if isinstance(value, str) else ""
    if not tag or len(tag) > _LONGEST_TAG or not tag.isprintable():
        raise Fault(400, f"a tag has 1 to {_LONGEST_TAG} printable characters")
    return tag


def checked_reason(value: Any) -> str:
    """Why, in the person's words; may be empty.

    Raises:
        Fault: 400; it is too long or no text.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_REASON:
        raise Fault(400, f"a reason has up to {_LONGEST_REASON} characters")
    return " ".join(value.split())


def checked_batch(value: Any) -> str:
    """The name of a gesture.

    Raises:
        Fault: 400; it is not one that the page chooses.
    """
    if not isinstance(value, str) or not BATCH.fullmatch(value):
        raise Fault(400, "a gesture needs a name of its own")
    return value


def _numbers(data: Any) -> tuple[int, ...]:
    if not isinstance(data, list) or any(type(one) is not int for one in data):
        raise Fault(400, "crops and decisions are named by their numbers")
    return tuple(data)


def write(
    catalog: Catalog, style: str, changes: list[Change], *, by: str, reason: str, batch: str
) -> Written:
    """Write a gesture down, all of it or nothing.

    Raises:
        Fault: 404, a crop is not of this style; 409, somebody else has decided meanwhile:
            `states` says what holds now about the crops concerned.
    """
    crops = sorted({crop for change in changes for crop in change.crops})
    with catalog.transaction():
        if not _is_written(catalog, batch):
            _check_style(catalog, style, crops)
            before = states_of(catalog, style, crops)
            _check_conflicts(changes, before)
            last = _count(catalog)
            for change in changes:
                for crop in change.crops:
                    catalog.decide(
                        crop, change.action, change.value, reason=reason, by=by, batch=batch
                    )
            made = _count(catalog) - last
        else:
            made = len(catalog.rows("SELECT 1 FROM decision WHERE batch = ?", batch))
        return Written(_all_states(catalog, style, crops), made)


def rename(catalog: Catalog, style: str, old: str, new: str, *, by: str, batch: str) -> Written:
    """Give every crop that has a tag another one in its place.

    Raises:
        Fault: 404; no crop has it.
    """
    with catalog.transaction():
        states = states_of(catalog, style)
        crops = tuple(crop for crop, state in states.items() if old in state.tags)
        if not crops and not _is_written(catalog, batch):
            raise Fault(404, f"no crop has the tag {old!r} any more")
        changes = [Change("tag", new, crops, ()), Change("untag", old, crops, ())]
        reason = f"{old} is called {new}"
        return write(catalog, style, changes, by=by, reason=reason, batch=batch)


def undo(catalog: Catalog, style: str, batch: str, *, by: str) -> Written:
    """Take one's own gesture back; doing it twice is doing it once.

    Raises:
        Fault: 404, there is no such gesture; 403, it is somebody else's.
    """
    with catalog.transaction():
        found = catalog.rows('SELECT crop, "by" FROM decision WHERE batch = ?', batch)
        if not found:
            raise Fault(404, "there is nothing to undo")
        if any(who != by for _, who in found):
            raise Fault(403, "only one's own decisions can be undone here")
        made = catalog.undo_batch(batch, by=by, reason="undone in the review")
        return Written(_all_states(catalog, style, sorted({crop for crop, _ in found})), made)


def history(catalog: Catalog, style: str) -> list[dict[str, Any]]:
    """The last gestures, the newest first."""
    query = """
        SELECT made.batch, made."by", min(made.at), max(made.id),
               count(*), sum(undoing.id IS NULL), count(DISTINCT made.crop), min(made.crop),
               group_concat(DISTINCT made.action || coalesce(' ' || made.value, '')),
               max(made.reason)
        FROM (SELECT * FROM decision ORDER BY id DESC LIMIT ?1) AS made
        JOIN crop ON crop.id = made.crop LEFT JOIN decision AS undoing ON undoing.undoes = made.id
        WHERE crop.style = ?2 AND made.batch IS NOT NULL
        GROUP BY made.batch ORDER BY max(made.id) DESC LIMIT ?3
    """
    names = ("batch", "by", "at", "id", "decisions", "standing", "crops", "crop", "what", "reason")
    rows = catalog.rows(query, _HISTORY_LOOKS_BACK, style, _HISTORY_SHOWS)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _is_written(catalog: Catalog, batch: str) -> bool:
    return bool(catalog.rows("SELECT 1 FROM decision WHERE batch = ? LIMIT 1", batch))


def _count(catalog: Catalog) -> int:
    return int(catalog.rows("SELECT count(*) FROM decision")[0][0])


def _check_style(catalog: Catalog, style: str, crops: list[int]) -> None:
    query = "SELECT count(*) FROM crop WHERE style = ? AND id IN (SELECT value FROM json_each(?))"
    if catalog.rows(query, style, json.dumps(crops))[0][0] != len(crops):
        raise Fault(404, f"not all of these crops belong to {style}")


def _check_conflicts(changes: Iterable[Change], now: dict[int, State]) -> None:
    conflicts = sorted(set(_conflicting(changes, now)))
    if conflicts:
        raise Fault(
            409,
            "somebody else has decided meanwhile",
            states=state_columns({crop: now.get(crop, State()) for crop in conflicts}),
        )


def _conflicting(changes: Iterable[Change], now: dict[int, State]) -> Iterator[int]:
    for change in changes:
        for crop, upon in zip(change.crops, change.upon, strict=False):
            if now.get(crop, State()).upon != upon:
                yield crop


def _all_states(catalog: Catalog, style: str, crops: Iterable[int]) -> dict[int, State]:
    known = states_of(catalog, style, crops := list(crops))
    return {crop: known.get(crop, State()) for crop in crops}
