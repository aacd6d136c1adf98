"""Sweeps within the memory that is free, and what happens when it does not suffice."""

import gc
import weakref

import numpy as np
import pytest
import torch

from xr_inr.core import device as devices
from xr_inr.core import encode, memory
from xr_inr.core.encode import encode_arrays
from xr_inr.core.latent import batch, model, rounding, tries
from xr_inr.core.latent.memory import latents_at_once
from xr_inr.core.request import FitRequest
from xr_inr.exceptions import BatchError, BudgetError

CPU = torch.device("cpu")
GIBIBYTE = 2**30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return what lets files tell how many bytes are free, and the limit and use of a control group."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)

    def tell(available=None, limit=None, used=0):
        if available is not None:
            (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable:  {available // 1024} kB\n")
        if limit is not None:
            (tmp_path / "memory.max").write_text(f"{limit}\n")
            (tmp_path / "memory.current").write_text(f"{used}\n")

    return tell


@pytest.mark.parametrize(
    ("told", "free"),
    [
        ({}, None),
        ({"available": 4 * GIBIBYTE}, 4 * GIBIBYTE),
        ({"available": 4 * GIBIBYTE, "limit": "max"}, 4 * GIBIBYTE),
        ({"available": 4 * GIBIBYTE, "limit": 3 * GIBIBYTE, "used": GIBIBYTE}, 2 * GIBIBYTE),
        ({"available": 4 * GIBIBYTE, "limit": GIBIBYTE, "used": 2 * GIBIBYTE}, 0),
    ],
)
def test_free_memory_is_what_the_system_and_the_control_group_leave(machine, told, free):
    machine(**told)
    assert memory.free_memory(CPU) == free


@pytest.mark.parametrize(
    ("available", "latents"), [(None, 500_000), (GIBIBYTE, 500_000), (2**26, 2**26 // 2 // 256), (1024, 2**14)]
)
def test_latents_at_once_follow_from_the_free_memory(machine, available, latents):
    machine(available)
    assert latents_at_once(CPU, 500_000) == latents


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_free_memory_of_a_gpu_is_its_own():
    assert 0 < memory.free_memory(torch.device("cuda", 0)) <= torch.cuda.get_device_properties(0).total_memory


LACKING = [
    MemoryError("injected"),
    torch.OutOfMemoryError("injected"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: injected"),
]


@pytest.mark.parametrize("error", LACKING, ids=lambda error: type(error).__name__)
def test_lack_of_memory_is_known_however_it_is_told(error):
    assert memory.lacks_memory(error)


def test_what_torch_says_of_a_cpu_without_memory_is_known():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.lacks_memory(raised.value)


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("memory")])
def test_other_errors_are_no_lack_of_memory(error):
    assert not memory.lacks_memory(error)


def chunks(count):
    random = np.random.default_rng(0)
    field = np.sin(np.mgrid[0:16, 0:16].sum(axis=0) / 4.0)
    return [
        (500 + 200 * field * random.uniform(0.5, 2, (6, 1, 1)) + random.normal(0, 3, (6, 16, 16))).astype("u2")
        for _ in range(count)
    ]


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("error", LACKING, ids=lambda error: type(error).__name__)
def test_a_batch_that_memory_does_not_suffice_for_is_halved_and_comes_to_the_same(monkeypatch, error):
    request = FitRequest(preset="fast", device="cpu", bpppb=2.0)
    expected = encode_arrays(chunks(4), request)
    sweep, refused = batch.sweep_together, []

    def sweep_few(sweeps):
        if len(sweeps) > 1:
            refused.append(len(sweeps))
            sweeps[0].rounder.drawn(100, 0.5)
            raise error
        return sweep(sweeps)

    monkeypatch.setattr(batch, "sweep_together", sweep_few)
    found = encode_arrays(chunks(4), request)
    assert 4 in refused
    for one, other in zip(found, expected, strict=True):
        assert len(one.payload) == pytest.approx(len(other.payload), rel=0.03)
        assert one.figures.psnr == pytest.approx(other.figures.psnr, abs=0.05)


@pytest.mark.usefixtures("tiny_presets")
def test_a_single_chunk_that_memory_does_not_suffice_for_ends_the_fit(monkeypatch):
    def refuse(_):
        raise MemoryError("injected")

    monkeypatch.setattr(batch, "sweep_together", refuse)
    with pytest.raises(MemoryError, match="injected"):
        encode_arrays(chunks(1), FitRequest(preset="fast", device="cpu", bpppb=2.0))


BESIDE = torch.device("cpu", 0)
"""Stands for a device that is not the CPU."""


@pytest.fixture
def beside(monkeypatch, tiny_presets):  # noqa: ARG001 - in force while a test encodes
    """Fits begin on a device beside the CPU."""
    monkeypatch.setattr(encode.devices, "resolve", lambda _: BESIDE)


def lacking(do, device_of):
    """Return what does the same, but for a lack of memory beside the CPU."""

    def refuse(*arguments, **named):
        if device_of(*arguments) == BESIDE:
            raise torch.OutOfMemoryError("injected")
        return do(*arguments, **named)

    return refuse


LACKS = {
    "in a sweep": (batch, "sweep_together", lambda sweeps: sweeps[0].rounder.soft.device),
    "between sweeps": (rounding, "Rounder", lambda *arguments: arguments[3]),
}


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("place", LACKS)
@pytest.mark.parametrize("count", [1, 3])
def test_chunks_too_large_for_a_device_are_fitted_on_the_cpu_with_a_warning(monkeypatch, place, count):
    request = FitRequest(preset="fast", bpppb=2.0)
    expected = encode_arrays(chunks(count), request)
    module, name, device_of = LACKS[place]
    monkeypatch.setattr(module, name, lacking(getattr(module, name), device_of))
    with pytest.warns(RuntimeWarning, match="cpu:0 lacks memory for a chunk of 1,536 samples, .* on the CPU") as told:
        found = encode_arrays(chunks(count), request)
    assert len(told) == count
    for one, other in zip(found, expected, strict=True):
        assert len(one.payload) == pytest.approx(len(other.payload), rel=0.03)
        assert one.figures.psnr == pytest.approx(other.figures.psnr, abs=0.05)
    assert not devices.lock(CPU).locked()


@pytest.mark.usefixtures("beside")
def test_a_chunk_too_large_for_the_cpu_as_well_ends_the_fit(monkeypatch):
    monkeypatch.setattr(batch, "sweep_together", lacking(batch.sweep_together, lambda _: BESIDE))
    with (
        pytest.warns(RuntimeWarning, match="on the CPU"),
        pytest.raises(torch.OutOfMemoryError, match="injected"),
    ):
        encode_arrays(chunks(1), FitRequest(preset="fast", bpppb=2.0))
    assert not devices.lock(CPU).locked()


@pytest.mark.usefixtures("tiny_presets")
def test_another_error_of_torch_is_not_taken_for_a_lack_of_memory(monkeypatch):
    tried = []

    def refuse(sweeps):
        tried.append(len(sweeps))
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(batch, "sweep_together", refuse)
    with pytest.raises(RuntimeError, match="shapes differ"):
        encode_arrays(chunks(2), FitRequest(preset="fast", device="cpu", bpppb=2.0))
    assert tried == [2]


@pytest.mark.usefixtures("tiny_presets")
def test_an_error_that_is_kept_holds_nothing_of_the_fit_that_came_to_it(monkeypatch):
    fittings = []

    class Watched(model.Fitting):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            fittings.append(weakref.ref(self))

    monkeypatch.setattr(tries, "Fitting", Watched)
    floats = [one * np.float32(1.1) for one in chunks(2)]
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(BatchError, match="was not reached") as raised:
            encode_arrays(floats, FitRequest(preset="fast", device="cpu", psnr=200))
        kept = raised.value.with_traceback(None)
        del raised
        assert fittings
        assert not any(fitting() for fitting in fittings), kept
    finally:
        gc.enable()


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("anew", ["at another step", "for want of quality"])
def test_a_fit_that_begins_anew_finds_the_memory_of_the_one_before_free(monkeypatch, anew):
    begun, held = [], []

    class Watched(model.Fitting):
        def __init__(self, *arguments):
            held.append(sum(fitting() is not None for fitting in begun))
            super().__init__(*arguments)
            begun.append(weakref.ref(self))

        def run(self):
            if anew == "for want of quality" and len(begun) < 3:
                raise BudgetError("injected")
            return (yield from super().run())

    monkeypatch.setattr(tries, "Fitting", Watched)
    monkeypatch.setattr(tries, "_PROBES", 3 if anew == "at another step" else 1)
    monkeypatch.setattr(tries, "_CLOSE", 0.0)
    encode_arrays(chunks(1), FitRequest(preset="fast", device="cpu", psnr=40.0))
    assert held == [0, 0, 0]


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("model", ["latent", "siren"])
def test_a_fit_leaves_no_tensor_in_a_reference_cycle(model):
    request = FitRequest(model=model, preset="fast", device="cpu", bpppb=8.0)
    encode_arrays(chunks(2), request)
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        encode_arrays(chunks(2), request)
        gc.collect()
        assert not [found for found in gc.garbage if isinstance(found, torch.Tensor)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
