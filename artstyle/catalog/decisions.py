"""What was decided about crops: every decision stays written, an undo is one more of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any, Literal, TypeAlias

from artstyle.catalog.database import Database
from artstyle.errors import CatalogError
from artstyle.names import shown

Action: TypeAlias = Literal["keep", "drop", "tag", "untag", "split"]

# Action -> those of which only the last one about a crop (and a tag) is in force.
_RIVALS: dict[Action, tuple[Action, Action]] = {
    "keep": ("keep", "drop"),
    "drop": ("keep", "drop"),
    "tag": ("tag", "untag"),
    "untag": ("tag", "untag"),
    "split": ("split", "split"),
}


@dataclass(frozen=True)
class NewDecision:
    """A decision that is to be made; see `Decisions.decide`."""

    crop: int
    action: Action
    value: str | None  # the tag, or the name of the split
    reason: str
    figure: float | None = None


class Decisions(Database):
    """Keep, drop, tag, split and undo; part of `artstyle.catalog.Catalog`."""

    def decide(
        self,
        crop: int,
        action: Action,
        value: str | None = None,
        *,
        reason: str,
        by: str,
        figure: float | None = None,
        batch: str | None = None,
    ) -> int:
        """Decide something about a crop; earlier decisions stay written.

        Args:
            crop: its id.
            action: keep, drop, tag, untag or split.
            value: the tag, or the name of the split; None for keep and drop.
            reason: in words.
            by: a person, or the command that decided.
            figure: the measurement that led to it.
            batch: a name for decisions that are to be undone together.

        Returns:
            The decision's id; that of the one in force if it says the same.
        """
        with self.transaction():
            last = self._in_force(crop, action, value)
            if last is not None and last[1:] == (action, value, reason, by):
                return int(last[0])
            given = {"crop": crop, "action": action, "value": value, "reason": reason}
            rest = {"figure": figure, "by": by, "batch": batch, "at": self._now()}
            return self.insert("decision", given | rest)

    def decide_all(
        self, decisions: Iterable[NewDecision], *, by: str, batch: str | None = None
    ) -> int:
        """Decide many things at once, in one transaction; gives how many.

        Unlike `decide` it writes all of them, whatever is in force: look at that first, in the
        same transaction.
        """
        rows = [(*astuple(one), by, batch, self._now()) for one in decisions]
        query = (
            'INSERT INTO decision (crop, action, value, reason, figure, "by", batch, at)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self.change_many(query, rows)
        return len(rows)

    def _in_force(self, crop: int, action: Action, value: str | None) -> tuple[Any, ...] | None:
        """The decision that a new one would take the place of."""
        found = self.rows(
            'SELECT id, action, value, reason, "by" FROM standing_decision'
            " WHERE crop = ? AND action IN (?, ?) AND (action NOT IN ('tag', 'untag') OR value = ?)"
            " ORDER BY id DESC LIMIT 1",
            *(crop, *_RIVALS[action], value),
        )
        return found[0] if found else None

    def undo(self, decision: int, *, by: str, reason: str = "") -> int:
        """Take a decision back; what held before it holds again.

        Returns:
            The id of the undoing.

        Raises:
            CatalogError: there is no such decision, or it is an undoing itself.
        """
        with self.transaction():
            done = self.rows("SELECT id FROM decision WHERE undoes = ?", decision)
            if done:
                return int(done[0][0])
            found = self.rows("SELECT crop FROM decision WHERE id = ?", decision)
            if not found:
                raise CatalogError(f"there is no decision number {decision} in {shown(self.path)}")
            given = {"crop": found[0][0], "action": "undo", "undoes": decision}
            return self.insert("decision", given | {"reason": reason, "by": by, "at": self._now()})

    def undo_batch(self, batch: str, *, by: str, reason: str = "") -> int:
        """Take back what was decided together and still stands; gives how many decisions."""
        with self.transaction():
            ids = self.rows("SELECT id FROM standing_decision WHERE batch = ?", batch)
            for (decision,) in ids:
                self.undo(decision, by=by, reason=reason)
        return len(ids)
