"""Where a fit runs, or a decoding: names of devices, checked before any work, and one fit at a time on each."""

from __future__ import annotations

import os
import re
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from xr_inr.exceptions import DependencyError, RequestError

if TYPE_CHECKING:
    import torch

_NAMES = re.compile(r"auto|cpu|cuda(:\d+)?")
_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)


def check_name(name: str) -> None:
    """Refuse a device name that is not auto, cpu, cuda or cuda:N; raises `RequestError`."""
    if not _NAMES.fullmatch(str(name)):
        raise RequestError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:N'. Got {name!r}.")


def resolve(name: str) -> torch.device:
    """Return the torch device of that name.

    If torch is not loaded yet and the environment variable GOMP_SPINCOUNT is not set, it is set to 10000.

    Parameters
    ----------
    name
        'auto' (a CUDA device if there is one), 'cpu', 'cuda' or 'cuda:N'.

    Raises
    ------
    RequestError
        For another name or a CUDA device that is not there.
    DependencyError
        Where torch cannot be imported.
    """
    check_name(name)
    # Threads that spin for long while they wait make a fit several times slower as soon as a core is shared; threads
    # that never spin gain nothing from a second core.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    try:
        import torch  # noqa: PLC0415 - reading must not load it
    except ImportError as error:
        raise DependencyError(
            f"fits, and decoding on a device, need torch, which cannot be imported: pip install 'xr-inr[fit]' ({error})"
        ) from error

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        raise RequestError(f"device {name!r} is not there: this machine has {count} CUDA devices")
    return torch.device("cuda", index)


def spread(name: str) -> list[str]:
    """Return the names of the devices that many fits may be spread over.

    Parameters
    ----------
    name
        What `resolve` takes. 'auto' stands for all CUDA devices where there are several; another name for itself.
    """
    if resolve(name).type == "cpu" or name != "auto":
        return [name]
    import torch  # noqa: PLC0415 - reading must not load it

    return [f"cuda:{index}" for index in range(torch.cuda.device_count())]


def lock(device: torch.device) -> threading.Lock:
    """Return the lock that a fit on `device` holds: several at once only slow each other down or run out of memory."""
    return _locks[str(device)]
