"""How much memory is free, how a lack of it is told, and where to keep what a device lacks memory for."""

from __future__ import annotations

import re
from pathlib import Path

import torch

CPU = torch.device("cpu")

_NO_MEMORY = re.compile(r"DefaultCPUAllocator.*(can't allocate|not enough) memory", re.DOTALL)
"""torch has no type of its own for memory of a CPU."""

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice: Python's own, or what torch raises for a device or a CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None


def free_memory(device: torch.device) -> int | None:
    """Return the bytes of memory that are free for a device; None where the system does not tell.

    Of a CUDA device its own, with what torch holds of it for later; else what Linux calls available, or what the
    control group of this process leaves of its limit where that is less.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    told = [free for free in (_available(), _left_by_group()) if free is not None]
    return min(told, default=None)


def kept_on(device: torch.device, taken: float) -> torch.device:
    """Return where to keep what takes so many bytes: on a device where they are free, else in the memory of the CPU.

    A device of which the system does not tell is taken to have them.
    """
    free = None if device == CPU else free_memory(device)
    return device if free is None or taken <= free else CPU


def _available() -> int | None:
    """Return MemAvailable of proc_meminfo(5), in bytes."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _left_by_group() -> int | None:
    """Return what the limit of control groups (version 2) leaves, in bytes; None without one."""
    try:
        limit, used = ((_CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return max(0, int(limit) - int(used)) if limit.isdecimal() and used.isdecimal() else None
