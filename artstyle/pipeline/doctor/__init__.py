"""What this machine can do, what is missing, what that is for, and what to type."""

from __future__ import annotations

from pathlib import Path

from artstyle.pipeline.doctor.data import faces, weights, workspace_state
from artstyle.pipeline.doctor.finding import Finding as Finding
from artstyle.pipeline.doctor.finding import in_words as in_words
from artstyle.pipeline.doctor.finding import is_well as is_well
from artstyle.pipeline.doctor.software import devices, extras, machine_facts, packages, video


def examine(workspace: Path) -> tuple[Finding, ...]:
    """Look at everything; takes seconds, since it imports what the commands will import.

    Args:
        workspace: the folder that the commands would use.
    """
    return (
        *machine_facts(workspace),
        *packages(),
        *devices(),
        *faces(),
        *video(),
        *extras(),
        *weights(),
        *workspace_state(workspace),
    )
