"""What this machine is: processor, memory, disk, and the devices torch can compute on."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from artstyle.errors import UsageError


@dataclass(frozen=True)
class Device:
    """Something torch can compute on."""

    name: str  # as torch calls it: "cpu", "cuda:0", "mps"
    title: str  # for people
    memory_bytes: int | None  # its own memory; None: it shares the machine's
    bf16: bool  # whether it has instructions for bfloat16, so that bf16 pays


def processor() -> str:
    """The processor's name, or at least its kind."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "unknown"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """The memory this process may use: the machine's, or less where a control group says so."""
    total = _machine_memory_bytes()
    limits = [limit for limit in (_group_limit_bytes(), total) if limit is not None]
    return min(limits, default=None)


def free_disk_bytes(folder: Path) -> int:
    """How much room is left where a folder is, or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def devices() -> tuple[Device, ...]:
    """What torch can compute on, the fastest first. Imports torch."""
    import torch

    found = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        facts = torch.cuda.get_device_properties(index)
        bf16 = facts.major >= 8  # Ampere and later have it in hardware
        found.append(Device(f"cuda:{index}", facts.name, facts.total_memory, bf16))
    if torch.backends.mps.is_available():
        found.append(Device("mps", f"GPU of {processor()}", None, bf16=True))
    found.append(Device("cpu", processor(), None, cpu_has_bf16()))
    return tuple(found)


def choose_device(wish: str) -> str:
    """The device torch shall compute on.

    Args:
        wish: "auto" for the fastest there is, or a name as torch has it: cpu, cuda, cuda:1, mps.

    Raises:
        UsageError: this machine has no such device; the message names those it has.
    """
    there = [device.name for device in devices()]
    if wish == "auto":
        return there[0]
    if wish in there or f"{wish}:0" in there:
        return wish
    raise UsageError(
        f"this machine has no device {wish!r}; it has {', '.join(there)}",
        hint="leave --device out to take the fastest",
    )


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; where it does not, bf16 is slower."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return False
    words = set(info.read_text(encoding="utf-8", errors="replace").split())
    return not words.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def _machine_memory_bytes() -> int | None:
    """All of the machine's memory."""
    if sys.platform == "win32":
        return _windows_memory_bytes()
    names = os.sysconf_names
    if "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _windows_memory_bytes() -> int | None:
    kilobytes = ctypes.c_ulonglong()
    kernel = ctypes.CDLL("kernel32")
    if not kernel.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
        return None
    return kilobytes.value * 1024


def _group_limit_bytes() -> int | None:
    """The memory limit of the control group this process runs in, where there is one."""
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        path = Path(name)
        if path.exists():
            text = path.read_text(encoding="utf-8").strip()
            return int(text) if text.isdigit() else None
    return None
