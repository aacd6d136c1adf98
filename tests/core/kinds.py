"""The kinds of arrays that decode: numpy, torch, and torch on a CUDA device where there is one."""

import pytest
import torch

from xr_inr.core.arrays import Arrays

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
every_kind = pytest.mark.parametrize(
    "arrays",
    [
        pytest.param(Arrays.on(None), id="numpy"),
        pytest.param(Arrays.on("cpu"), id="torch"),
        pytest.param(Arrays.on("auto"), id="cuda", marks=needs_cuda),
    ],
)
