"""The machine, and the packages that are installed on it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from artstyle import machine
from artstyle.pipeline.doctor.finding import Finding, State

# Import name -> (distribution, what it is for). Without one of these the main job does not work.
ESSENTIAL = {
    "torch": ("torch", "every network"),
    "numpy": ("numpy", "arrays"),
    "scipy": ("scipy", "filters, distances and statistics"),
    "pandas": ("pandas", "tables of what was found and measured"),
    "PIL": ("pillow", "reading and writing pictures"),
    "cv2": ("opencv-python-headless", "finding faces, warping and comparing pictures"),
    "av": ("av", "reading and writing video"),
    "safetensors": ("safetensors", "model files"),
    "click": ("click", "the command line"),
    "rich": ("rich", "progress bars"),
    "matplotlib": ("matplotlib", "plots of what was measured"),
    "tensorboardX": ("tensorboardX", "what TensorBoard shows of a training"),
}
# Extra of this package -> what it is for.
EXTRAS = {
    "track": "runs shown in TensorBoard, or written to MLflow",
    "distributed": "training on several devices",
    "parquet": "the catalog as Parquet tables",
}
DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg4", "gif")
ENCODERS = ("libx264", "libvpx-vp9", "mpeg4", "gif")
OPENCV = "opencv-python-headless>=4.10,<5"

_EXTRA_OF = re.compile(r"""^([A-Za-z0-9._-]+).*;.*extra\s*==\s*["']([A-Za-z0-9._-]+)["']""")


def reinstall(requirement: str) -> str:
    """What to type to get a package whole again."""
    return f"pip install --force-reinstall --no-deps '{requirement}'"


def gigabytes(size_bytes: int | None) -> str:
    """A size of memory or disk for people."""
    return "unknown" if size_bytes is None else f"{size_bytes / 1e9:.1f} GB"


def version_of(distribution: str) -> str | None:
    """The version of what is installed, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def imported(
    module: str, distribution: str, section: str, purpose: str, *, essential: bool = False
) -> Finding:
    """Whether a module can be imported; being installed is not enough.

    The import happens in this process: never ask for a module that ends it (face_recognition).
    """
    version = version_of(distribution)
    if version is None and find_spec(module) is None:
        remedy = f"pip install '{distribution}'"
        return Finding(section, distribution, "missing", "", purpose, remedy, essential)
    try:
        import_module(module)
    except Exception as error:  # whatever a foreign package raises is the finding
        value = f"{version or 'unknown version'} cannot be imported: {error}"
        remedy = reinstall(distribution)
        return Finding(section, distribution, "broken", value, purpose, remedy, essential)
    value = version or "without metadata"
    return Finding(section, distribution, "ok", value, purpose, "", essential)


def machine_facts(workspace: Path) -> Iterator[Finding]:
    """Python, system, processor, memory and disk."""
    section = "machine"
    version = f"{platform.python_version()} in {sys.prefix}"
    yield Finding(section, "python", "ok", version, essential=True)
    yield Finding(section, "system", "ok", platform.platform(terse=True))
    yield Finding(section, "processor", "ok", f"{machine.processor()}, {machine.cores()} cores")
    yield Finding(section, "memory", "ok", gigabytes(machine.memory_bytes()))
    free = gigabytes(machine.free_disk_bytes(workspace))
    yield Finding(section, "disk", "ok", f"{free} free at {workspace}")


def packages() -> Iterator[Finding]:
    """What the main job stands on."""
    for module, (distribution, purpose) in ESSENTIAL.items():
        yield imported(module, distribution, "packages", purpose, essential=True)
    for rival in ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"):
        version = version_of(rival)
        if version is not None:
            yield Finding(
                "packages",
                rival,
                "broken",
                f"{version} beside opencv-python-headless: both bring the module cv2",
                "nothing here: whichever was installed last is the one that is imported",
                f"pip uninstall {rival} && {reinstall(OPENCV)}",
            )


def devices() -> Iterator[Finding]:
    """What torch can compute on, tried out; nothing where torch cannot be imported."""
    if imported("torch", "torch", "", "").state != "ok":
        return
    import torch

    section, purpose = "devices", "training and drawing"
    for device in machine.devices():
        memory = "" if device.memory_bytes is None else f", {gigabytes(device.memory_bytes)}"
        value = f"{device.title}{memory}, bf16 {'yes' if device.bf16 else 'no'}"
        try:
            ones = torch.ones(8, 8, device=device.name)
            right = float((ones @ ones).sum()) == 512
        except RuntimeError as error:
            value, right = f"{value}; {str(error).splitlines()[0]}", False
        remedy = "" if right else "install the torch build that fits the driver"
        state: State = "ok" if right else "broken"
        yield Finding(section, device.name, state, value, purpose, remedy, device.name == "cpu")
    yield Finding(section, "threads", "ok", f"{torch.get_num_threads()} of {machine.cores()} cores")


def video() -> Iterator[Finding]:
    """Which films can be read and which can be written; nothing where PyAV cannot be imported."""
    if imported("av", "av", "", "").state == "ok":
        yield _codecs("reads", "r", DECODERS)
        yield _codecs("writes", "w", ENCODERS)


def _codecs(name: str, mode: Literal["r", "w"], codecs: tuple[str, ...]) -> Finding:
    there = [codec for codec in codecs if _has_codec(codec, mode)]
    lacking = [codec for codec in codecs if codec not in there]
    value, purpose = ", ".join(there), "films as sources and as results"
    if not lacking:
        return Finding("video", name, "ok", value, purpose)
    value = f"{value}; not {', '.join(lacking)}"
    return Finding("video", name, "missing", value, purpose, reinstall("av"))


def _has_codec(codec: str, mode: Literal["r", "w"]) -> bool:
    from av.codec.codec import Codec, UnknownCodecError

    try:
        Codec(codec, mode)
    except UnknownCodecError:
        return False
    return True


def extras() -> Iterator[Finding]:
    """The optional parts; none of them is needed for the main job."""
    for extra, purpose in EXTRAS.items():
        wanted = requirements_of(extra)
        lacking = [name for name in wanted if version_of(name) is None]
        if lacking:
            remedy = f"pip install 'artstyle[{extra}]'"
            value = f"without {', '.join(lacking)}"
            yield Finding("optional", extra, "missing", value, purpose, remedy)
        else:
            value = ", ".join(f"{name} {version_of(name)}" for name in wanted)
            yield Finding("optional", extra, "ok", value or "nothing to install", purpose)


def requirements_of(extra: str) -> tuple[str, ...]:
    """The distributions that an extra of this package asks for, as its metadata say."""
    try:
        lines = metadata.requires("artstyle") or []
    except metadata.PackageNotFoundError:  # used from a folder on the path, without pip
        return ()
    found = (_EXTRA_OF.match(line) for line in lines)
    return tuple(match[1] for match in found if match and match[2] == extra)
