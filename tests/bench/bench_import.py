"""How long `artstyle models import` takes for a 1024 px snapshot, and how much memory.

    python tests/bench/bench_import.py [--quick] [--json FILE] [--markdown FILE]

A snapshot of full width (channel_base 32768, channel_max 512, z = w = 512, 8 mapping layers) with
G, D and G_ema is made in a temporary folder with our own exporter, imported by the installed
command in a process of its own, and deleted. Wall time is the whole command, start included; peak
memory is the child's largest resident set, start included.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMIT_S, LIMIT_TIMES_SIZE = 15.0, 3.0  # what the project promises for the 1024 px snapshot
IMPORT = "from artstyle.cli import run; run()"


def write_snapshot(path: Path, resolution: int) -> None:
    """An official-like snapshot with G, D and G_ema of full width."""
    import torch

    from stylegan_ext.convert import write_foreign
    from stylegan_ext.networks import construct
    from stylegan_ext.records import Kind, ModelFile, NetworkRecord

    sizes = {"img_resolution": resolution, "img_channels": 3, "c_dim": 0}
    widths = {"channel_base": 32768, "channel_max": 512}
    generator = {
        **sizes,
        "z_dim": 512,
        "w_dim": 512,
        "mapping_kwargs": {"num_layers": 8},
        "synthesis_kwargs": widths,
    }
    torch.manual_seed(0)
    networks = {}
    made: dict[str, tuple[Kind, dict[str, Any]]] = {
        "G_ema": ("stylegan2-generator", generator),
        "G": ("stylegan2-generator", generator),
        "D": ("stylegan2-discriminator", {**sizes, **widths}),
    }
    for name, (kind, kwargs) in made.items():
        networks[name] = NetworkRecord(kind, kwargs, construct(kind, kwargs).state_dict())
    write_foreign(path, ModelFile(networks))


def measured(command: list[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a command of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return wall_s, usage.ru_maxrss * unit


def measure(resolution: int, repeats: int) -> dict[str, Any]:
    """The best wall time of several runs, and the largest memory of them."""
    with tempfile.TemporaryDirectory(prefix="bench-import-") as folder:
        source, out = Path(folder) / "snapshot.pkl", Path(folder) / "model.safetensors"
        # In a process of its own: a child's peak begins with what its parent holds at the fork.
        maker = [sys.executable, __file__, "--make", str(source), "--resolution", str(resolution)]
        subprocess.run(maker, check=True)
        command = [sys.executable, "-c", IMPORT, "-q", "models", "import", str(source)]
        command += ["--out", str(out), "--licence", "CC0-1.0"]
        runs = []
        for _ in range(repeats):
            out.unlink(missing_ok=True)
            runs.append(measured(command))
        size_bytes = source.stat().st_size
        idle_s, idle_bytes = measured([sys.executable, "-c", "import torch"])
    peak_bytes = max(peak for _, peak in runs)
    return {
        "resolution": resolution,
        "size_bytes": size_bytes,
        "wall_s": round(min(wall for wall, _ in runs), 2),
        "peak_bytes": peak_bytes,
        "peak_times_size": round(peak_bytes / size_bytes, 2),
        "import_torch_s": round(idle_s, 2),
        "import_torch_bytes": idle_bytes,
    }


def markdown(result: dict[str, Any]) -> str:
    """One table."""
    rows = [
        ("snapshot", f"{result['resolution']} px, {result['size_bytes'] / 1e6:.0f} MB"),
        ("wall time", f"{result['wall_s']} s (limit {LIMIT_S:g} s)"),
        ("peak memory", f"{result['peak_bytes'] / 1e6:.0f} MB"),
        ("peak / size", f"{result['peak_times_size']} (limit {LIMIT_TIMES_SIZE:g})"),
        (
            "of which torch alone",
            f"{result['import_torch_bytes'] / 1e6:.0f} MB, {result['import_torch_s']} s",
        ),
    ]
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| import | |", "|---|---|", *lines]) + "\n"


def main() -> None:
    """Measure, print, and fail where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="256 px, one run, no limits")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--resolution", type=int, default=1024, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        write_snapshot(options.make, options.resolution)
        return
    result = measure(256, 1) if options.quick else measure(1024, 3)
    result["machine"] = f"{platform.platform()}, Python {platform.python_version()}"
    print(markdown(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(markdown(result), encoding="utf-8")
    slow = result["wall_s"] > LIMIT_S or result["peak_times_size"] > LIMIT_TIMES_SIZE
    if slow and not options.quick:
        raise SystemExit("a promise is broken")


if __name__ == "__main__":
    main()
