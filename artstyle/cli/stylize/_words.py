"""What people are told about pictures that were drawn, or would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artstyle.pipeline.stylize.common import Stylized
    from artstyle.pipeline.stylize.gatys import Planned


def plan_text(plan: Planned) -> str:
    """What a dry run tells a person."""
    cost = plan.estimate
    lines = [
        f"would draw {plan.out}, {plan.width_px}x{plan.height_px} px, seen by {plan.perception}",
        f"{cost.evaluations} evaluations at {len(cost.sizes_px)} sizes: about {cost.seconds:.0f} s"
        f" and {cost.memory_bytes / 1e9:.1f} GB"
        + (f", in tiles of {cost.tile_px} px" if cost.tile_px else ""),
    ]
    if plan.faces is not None:
        lines.append(f"{plan.faces} faces would be held")
    return "\n".join(lines)


def done_text(done: Stylized) -> str:
    """What is told of a picture that is there."""
    record = done.record
    size = f"{record['file']['width_px']}x{record['file']['height_px']} px"
    state = "was done" if done.was_done else f"{record['seconds']:.0f} s"
    lines = [f"{done.file}: {size}, {state}, seen by {record['perception']}"]
    for face in record.get("faces", ()):
        if "descriptor_distance" in face:
            kept = (
                "still the same person" if face["is_same_person"] else "no longer the same person"
            )
            lines.append(f"face: distance {face['descriptor_distance']:.2f}, {kept} (below 0.6)")
    return "\n".join(lines)
