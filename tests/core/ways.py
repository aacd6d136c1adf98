"""Both ways to decode: in C, where it was compiled, and in numpy. A module that imports `way` is run once each."""

import pytest

from xr_inr.core import kernels

COMPILED = kernels.KERNELS
needs_kernels = pytest.mark.skipif(COMPILED is None, reason=kernels.TOLD)


@pytest.fixture(scope="module", autouse=True, params=[pytest.param("compiled", marks=needs_kernels), "numpy"])
def way(request):
    """How the module's tests decode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "KERNELS", COMPILED if request.param == "compiled" else None)
        yield request.param


def both_ways(call):
    """Return what a call gives in C and what it gives in numpy."""
    found = []
    for compiled in (COMPILED, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "KERNELS", compiled)
            found.append(call())
    return found
