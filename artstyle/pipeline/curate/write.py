"""From proposals to decisions: what differs from what stands, in one transaction, as one batch.

A person's decisions stand: they are read again inside the transaction, so that one that was made
while curating measured is not overruled either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from artstyle.catalog import Catalog
from artstyle.catalog.decisions import NewDecision
from artstyle.catalog.rows import Standing, last_batch, standing
from artstyle.pipeline.curate.plan import CLUSTER_TAG, ByPerson, Plan

BY = "artstyle curate"

_BY_PERSON = """
SELECT made.crop, made.action, made.value FROM standing_decision AS made
JOIN crop ON crop.id = made.crop
WHERE crop.style = ? AND made."by" <> ? AND (made.action IN ('keep', 'drop', 'split')
      OR (made.action IN ('tag', 'untag') AND made.value LIKE 'cluster:%'))
ORDER BY made.id
"""
_BATCHES = """
SELECT count(DISTINCT made.batch) FROM decision AS made JOIN crop ON crop.id = made.crop
WHERE crop.style = ? AND made."by" = ?
"""


@dataclass(frozen=True)
class Written:
    """What became of a plan."""

    batch: str | None  # None: everything stood already
    decisions: int
    by_action: dict[str, int]


def by_person(catalog: Catalog, style: str) -> ByPerson:
    """What people decided about a style's crops and still stands."""
    verdicts: dict[int, str] = {}
    splits: dict[int, str] = {}
    tagged: set[int] = set()
    for crop, action, value in catalog.rows(_BY_PERSON, style, BY):
        if action in ("keep", "drop"):
            verdicts[crop] = action
        elif action == "split":
            splits[crop] = value
        else:
            tagged.add(crop)
    return ByPerson(verdicts, splits, frozenset(tagged))


def write_plan(catalog: Catalog, style: str, plan: Plan) -> Written:
    """Write what differs from what stands; all of it or nothing.

    Args:
        catalog: open.
        style: whose crops.
        plan: what is proposed.
    """
    with catalog.transaction():
        new = changes(plan, standing(catalog, style), by_person(catalog, style))
        counts: dict[str, int] = {}
        for one in new:
            counts[one.action] = counts.get(one.action, 0) + 1
        if not new:
            return Written(None, 0, {})
        ((number,),) = catalog.rows(_BATCHES, style, BY)
        batch = f"curate {style} {number + 1}"
        catalog.decide_all(new, by=BY, batch=batch)
    return Written(batch, len(new), counts)


def changes(plan: Plan, before: Mapping[int, Standing], people: ByPerson) -> list[NewDecision]:
    """The decisions that bring what stands to what is proposed."""
    nothing = Standing()
    found: list[NewDecision] = []
    for crop in sorted({*plan.sides, *plan.drops}):
        stands = before.get(crop, nothing)
        if crop not in people.verdicts:
            found.extend(_verdict(plan, crop, stands))
        side = plan.sides.get(crop)
        if side is not None and crop not in people.splits and side != stands.split:
            found.append(NewDecision(crop, "split", side, "split: drawn with its group"))
        if plan.tags and crop not in people.tagged:
            found.extend(_tags(plan.tags.get(crop), crop, stands))
    return found


def undo_last(catalog: Catalog, style: str) -> tuple[str, int] | None:
    """Take the last batch of a style back; gives its name and how many decisions, or None."""
    with catalog.transaction():
        batch = last_batch(catalog, style, by=BY)
        if batch is None:
            return None
        return batch, catalog.undo_batch(batch, by=BY, reason="undone: artstyle curate --undo")


def name_clusters(
    catalog: Catalog, style: str, names: Mapping[str, str], *, by: str
) -> dict[str, int]:
    """Tag the crops of clusters with names that a person gives; the clusters' tags stay.

    Args:
        catalog: open.
        style: whose crops.
        names: cluster ("2" or "unsure") -> tag.
        by: the person.

    Returns:
        Tag -> how many crops got it now.
    """
    given = dict.fromkeys(names.values(), 0)
    with catalog.transaction():
        new = []
        for crop, stands in standing(catalog, style).items():
            for cluster, tag in names.items():
                if f"{CLUSTER_TAG}{cluster}" in stands.tags and tag not in stands.tags:
                    new.append(NewDecision(crop, "tag", tag, f"cluster {cluster} is called {tag}"))
                    given[tag] += 1
        if new:
            ((number,),) = catalog.rows(_BATCHES, style, by)
            catalog.decide_all(new, by=by, batch=f"names {style} {number + 1}")
    return given


def _verdict(plan: Plan, crop: int, stands: Standing) -> list[NewDecision]:
    drop = plan.drops.get(crop)
    if drop is not None:
        if (stands.verdict, stands.reason) == ("drop", drop.reason):
            return []
        return [NewDecision(crop, "drop", None, drop.reason, drop.figure)]
    if stands.verdict == "drop":
        return [NewDecision(crop, "keep", None, "keep: nothing speaks against it any more")]
    return []


def _tags(tag: str | None, crop: int, stands: Standing) -> list[NewDecision]:
    old = sorted(one for one in stands.tags if one.startswith(CLUSTER_TAG) and one != tag)
    found = [NewDecision(crop, "untag", one, "clusters were made anew") for one in old]
    if tag is not None and tag not in stands.tags:
        found.append(NewDecision(crop, "tag", tag, "cluster: looks like the others in it"))
    return found
