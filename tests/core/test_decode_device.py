"""Decoding on a device: the samples of numpy bit for bit, whatever torch is told elsewhere, or a clear refusal."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.kinds import every_device, every_kind
from tests.core.latent_examples import drawn, make_basis, make_example, make_latents, make_side, make_synthesis
from tests.core.test_latent_stream import fine_problems, problems
from tests.core.test_siren_evaluate import COLUMNS, ROWS, SIZE, network
from xr_inr.core.arrays import Arrays
from xr_inr.core.decode import Payload, decode
from xr_inr.core.latent.latents import decode_latents, encode_latents
from xr_inr.core.latent.network import shipped
from xr_inr.core.latent.reading import LatentReader
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.request import MODELS
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.exceptions import DependencyError, PayloadError, RequestError


@pytest.fixture(scope="module", params=MODELS)
def payload(request, encode, masked_scene):
    """The payload of `masked_scene`, of either model."""
    return encode(masked_scene, nodata=-999.0, model=request.param).payload


@every_device
@pytest.mark.parametrize(
    ("window", "bands"),
    [(None, None), (((2, 7), (0, 9)), None), (((3, 4), (5, 6)), [4, 0, 2]), (None, 1), (((4, 4), (0, 9)), None)],
    ids=str,
)
def test_samples_are_those_of_numpy(payload, device, window, bands):
    found, expected = decode(payload, window, bands, device=device), decode(payload, window, bands)
    assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


@every_device
def test_points_are_those_of_numpy(payload, device):
    rows, columns, bands = np.array([7, 0, 3, 3]), np.array([0, 9, 4, 4]), np.array([5, 0])
    found = Payload(payload, device=device).read_points(rows, columns, bands)
    assert found.tobytes() == Payload(payload).read_points(rows, columns, bands).tobytes()


@every_kind
@settings(max_examples=25)
@given(problem=problems())
def test_latents_are_those_of_numpy(arrays, problem):
    latents, side, pyramid, context_network = problem
    data = encode_latents(latents, side, pyramid, context_network)
    found = decode_latents(data, side, pyramid, context_network, arrays)
    for part, expected in zip(found, latents, strict=True):
        np.testing.assert_array_equal(arrays.get(part), expected)


@st.composite
def networks(draw):
    """Return a sinusoidal network of any size, and its rank."""
    rank = draw(st.integers(2, 9))
    bits = tuple(draw(st.lists(st.integers(4, 12), min_size=3, max_size=3)))
    shape = {"inputs": draw(st.integers(1, rank - 1)), "width": draw(st.integers(1, 12))}
    unit = draw(st.floats(0.125, 8.0, width=32))
    return make_synthesis(rank, **shape, unit=unit, bits=bits, seed=draw(st.integers(0, 99)))


@every_kind
@settings(max_examples=40)
@given(synthesis=networks(), largest=st.sampled_from([0, 90, 5_000, 2**27]), seed=st.integers(0, 99))
def test_what_is_foretold_is_that_of_numpy(arrays, synthesis, largest, seed):
    planes = drawn(-largest, largest, (synthesis.inputs, 20, 15), seed).astype(np.float32)
    found = arrays.get(synthesis(arrays.put(planes), arrays))
    assert found.tobytes() == synthesis(planes).tobytes()


@every_kind
@settings(max_examples=40)
@given(rank=st.integers(0, 9), step=st.floats(2.0**-30, 2.0**30, width=32), seed=st.integers(0, 99))
def test_spectra_are_those_of_numpy(arrays, rank, step, seed):
    basis, bands = make_basis(11, rank, step=step, seed=seed), np.array([3, 0, 10])
    planes = drawn(-(2**27), 2**27, (rank, 200), seed).astype(np.float32)
    found = arrays.get(basis.spectra(arrays.put(planes), bands, arrays))
    assert found.tobytes() == basis.spectra(planes, bands).tobytes()


@every_kind
@pytest.mark.parametrize("architecture", [(1, 1, 1), (3, 24, 5), (8, 16, 2)], ids=str)
def test_a_siren_gives_what_it_gives_numpy(arrays, architecture):
    found = arrays.get(Evaluator(network(architecture), SIZE, arrays)(ROWS, COLUMNS))
    assert found.tobytes() == Evaluator(network(architecture), SIZE)(ROWS, COLUMNS).tobytes()


def samples(example, device):
    """Return all samples of an example, a window of it first."""
    reader = LatentReader(example.sections, example.bands, example.size, Arrays.on(device))
    first = reader.within((5, 9), (2, 30))(*np.ogrid[5:9, 2:30], np.arange(example.bands))
    whole = reader.within((0, example.size[0]), (0, example.size[1]))
    return first.tobytes() + whole(*np.ogrid[: example.size[0], : example.size[1]], np.arange(example.bands)).tobytes()


@pytest.fixture
def restored():
    """Put back what is told torch for all of the process."""
    threads, precision, dtype = torch.get_num_threads(), torch.get_float32_matmul_precision(), torch.get_default_dtype()
    yield
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    torch.set_default_dtype(dtype)
    torch.set_default_device(None)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_leaves_no_trace(threads):
    """Planes are so large that torch shares them out among its threads."""
    example = make_example((12, 2_000), rank=4, bands=5)
    torch.set_num_threads(threads)
    assert samples(example, "cpu") == samples(example, None)


@pytest.mark.usefixtures("restored")
@every_device
def test_what_a_user_told_torch_leaves_no_trace(device):
    example = make_example((40, 37), rank=8, bands=9)
    expected = samples(example, None)
    torch.set_float32_matmul_precision("medium")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    with torch.autocast(device, torch.bfloat16):
        assert samples(example, device) == expected
    assert torch.get_float32_matmul_precision() == "medium"


@every_kind
@settings(max_examples=20, deadline=None)
@given(problem=fine_problems())
def test_fine_latents_are_those_of_numpy(arrays, problem):
    latents, side, pyramid, network = problem
    data = encode_latents(latents, side, pyramid, network)
    for part, expected in zip(decode_latents(data, side, pyramid, network, arrays), latents, strict=True):
        np.testing.assert_array_equal(arrays.get(part), expected)


@every_device
def test_latents_that_are_not_there_are_refused(device):
    latents = make_latents((24, 27), 4)
    data = encode_latents(latents, make_side(latents, (24, 27)), Pyramid.of((24, 27)), shipped())
    with pytest.raises(PayloadError):
        decode_latents(data[:200], make_side(latents, (24, 27)), Pyramid.of((24, 27)), shipped(), Arrays.on(device))


def test_auto_is_a_device_that_is_there(payload):
    assert decode(payload, device="auto").tobytes() == decode(payload).tobytes()


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "device must be 'auto', 'cpu', 'cuda' or 'cuda:N'. Got 'gpu'"),
        ("cuda:99", "device 'cuda:99' is not there"),
        (0, "device must be .* Got 0"),
    ],
)
def test_a_device_is_refused_before_the_payload_is_looked_at(device, message):
    for call in (Payload, decode):
        with pytest.raises(RequestError, match=message):
            call(b"no payload", device=device)


def test_without_torch_only_a_device_is_refused(payload, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    decode(payload)
    with pytest.raises(DependencyError, match="decoding on a device, need torch"):
        decode(payload, device="cpu")
