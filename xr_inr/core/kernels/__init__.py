"""The loops of a decoding in C, where they were compiled; numpy does the same without them, bit for bit, more slowly.

They take what they work on as buffers and know nothing of Python: the headers in this folder say what each does. A
build without a C compiler leaves them out. The environment variable ``XR_INR_KERNELS=0`` turns them off.
"""

from __future__ import annotations

import importlib
import os
import types

SWITCH = "XR_INR_KERNELS"
"""The environment variable that turns the kernels off where it is 0, when xr_inr is imported."""


def _loaded() -> tuple[types.ModuleType | None, str]:
    """Return the compiled module, or None, and in a few words why."""
    if os.environ.get(SWITCH) == "0":
        return None, f"turned off by {SWITCH}=0; numpy decodes"
    try:
        return importlib.import_module("xr_inr.core.kernels._kernels"), "compiled"
    except ModuleNotFoundError:
        return None, "not compiled: no C compiler was at hand when xr-inr was built; numpy decodes"
    except ImportError as error:
        return None, f"compiled, but not for this Python ({error}); numpy decodes"


KERNELS, TOLD = _loaded()
"""The compiled module that `_kernels.pyi` describes, or None; and in a few words why."""
