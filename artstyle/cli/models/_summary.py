"""A model's summary in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artstyle.pipeline.models import ModelSummary, NetworkSummary


def summary_text(summary: ModelSummary) -> str:
    """What a model holds, a line each."""
    from artstyle.names import shown

    width = max(map(len, summary.networks), default=0)
    lines = [shown(str(summary.path))]
    for name, network in summary.networks.items():
        lines.append(f"  {name.ljust(width)}  {_network_text(network)}")
    if summary.kimg is not None:
        guessed = " (from the file's name)" if "kimg_from" in summary.notes else ""
        lines.append(f"  seen     {summary.kimg:g} thousand pictures in training{guessed}")
    lines.append(f"  licence  {shown(summary.licence)}")
    if summary.source:
        lines.append(f"  source   {shown(summary.source)}")
    if summary.source_sha256:
        lines.append(f"  sha256   {summary.source_sha256} (of the source)")
    lines.append(f"  content  {summary.content_sha256}")
    return "\n".join(lines)


def _network_text(network: NetworkSummary) -> str:
    words = [f"{network.kind}, {network.resolution} px, {network.channels} channels"]
    if network.z_dim is not None:
        words.append(f"z {network.z_dim}, w {network.w_dim}")
    words.append(f"{network.classes} classes" if network.classes else "no labels")
    words.append(f"{network.numbers / 1e6:.1f} M numbers")
    return ", ".join(words)
