"""docs/format.md says all that a decoder needs: one written from it gives the samples of every golden payload."""

import ast
import functools
import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.golden import make

from . import coder, container, latent, repeats, residual, siren

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "format.md").read_text()
NETWORK = (ROOT / "xr_inr" / "core" / "latent" / "context_network.bin").read_bytes()
"""Which the page calls a file of the package: data, to any decoder."""

READER = [path for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith(("test_", "__"))]


def decode(payload):
    """Return the samples of a payload, by what the page says."""
    model, sections = container.sections_of(payload)
    header = container.header_of(sections)
    if not len(header.fitted):
        return container.samples_of(header, None)
    values = siren.values_of(sections, header) if model == 1 else latent.values_of(sections, header, NETWORK)
    residuals = None
    if 11 in sections:
        told = repeats.repeats_of(sections[14], header.shape[1:]) if 14 in sections else None
        residuals = functools.partial(residual.with_residuals, sections[11], header, told)
    return container.samples_of(header, values, residuals)


@pytest.mark.parametrize("entry", make.manifest(), ids=lambda entry: entry["name"])
def test_every_golden_payload_decodes_to_its_samples(entry):
    samples = decode(make.path_of(entry["name"]).read_bytes())
    assert ("x".join(map(str, samples.shape)), samples.dtype.str) == (entry["shape"], entry["dtype"])
    assert make.digest(samples) == entry["sha256"]


@pytest.mark.parametrize("path", READER, ids=lambda path: path.name)
def test_the_reader_imports_neither_the_package_nor_what_the_package_decodes_with(path):
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    assert not {name.partition(".")[0] for name in names} & {
        "xr_inr",
        "constriction",
        "google_crc32c",
        "torch",
        "tests",
    }


def test_the_checks_that_the_page_gives_are_true():
    counts = coder.counts()
    assert container.crc32c(b"123456789") == 0xE3069283
    assert hashlib.sha256(counts.astype("<u2").tobytes()).hexdigest() in PAGE
    for row in (100, 127):
        assert f"| {row} | {' '.join(map(str, counts[row]))} |" in PAGE


def test_the_reader_refuses_an_altered_payload():
    payload = bytearray(make.path_of("siren_fast_uint16_plain").read_bytes())
    payload[40] ^= 1
    with pytest.raises(AssertionError):
        decode(bytes(payload))


def test_coded_integers_are_those_of_the_package_far_beyond_what_golden_payloads_hold():
    """Wide laws and escapes."""
    from xr_inr.core.latent.symbols import SymbolEncoder

    generator = np.random.default_rng(0)
    encoder, calls = SymbolEncoder(), []
    for spread in (1, 20, 2_000, 2_000_000):
        values = np.rint(spread * generator.standard_cauchy(300)).clip(-(2**25), 2**25).astype(np.int32)
        scales, means = generator.integers(0, 48, 300), generator.integers(-400, 400, 300)
        encoder.put(values, scales, means)
        calls.append((scales, means, values))

    stream = coder.Stream(encoder.getvalue())
    for scales, means, values in calls:
        np.testing.assert_array_equal(stream.call(scales, means), values)
    stream.end()


@pytest.mark.parametrize("shape", [(3, 41, 45), (4, 5, 7), (3, 1, 40)], ids=str)
def test_scenes_of_other_sizes_decode_to_their_samples(shape, encode, make_scene):
    """Three levels of subbands, with sides of odd length, and none; integers of 64 bits."""
    from xr_inr.core.decode import decode as expected

    payload = encode(1_000_003 * make_scene(shape, "i8"), model="latent", bpppb=12.0, nodata=1_000_003).payload
    np.testing.assert_array_equal(decode(payload), expected(payload))


CASCADES = {
    "one-network-that-sees-one-plane": [(1, 4, 3, (3, 4, 5))],
    "each-begins-where-the-one-before-ends": [(1, 1, 5, (3, 3, 3)), (2, 1, 1, (0, 20, 7)), (3, 3, 4, (6, 5, 4))],
    "planes-between-that-none-foretells": [(1, 1, 6, (4, 4, 4)), (4, 1, 6, (4, 4, 4))],
    "outputs-of-one-are-inputs-of-the-next": [(1, 2, 8, (5, 5, 5)), (3, 2, 8, (5, 5, 5)), (5, 1, 8, (5, 5, 5))],
}
"""(inputs, outputs, hidden width, bits of each layer) of each network."""


@pytest.fixture(scope="module")
def payload_of_eight_components(encode, make_scene):
    return encode(make_scene((8, 24, 26), "f4"), model="latent", bpppb=4.0).payload


def with_cascade(payload, heads, unit):
    """Return a payload with networks of drawn weights, under which some inputs are clipped and most are not."""
    from xr_inr.core import bitstream
    from xr_inr.core.latent.cascade import write_cascade
    from xr_inr.core.latent.synthesis import SineSynthesis

    generator = np.random.default_rng(len(heads))
    seen = heads[-1][0]
    planes, slopes = generator.integers(3, 9, seen), generator.integers(1, 7, seen)
    cascade = []
    for inputs, outputs, width, bits in heads:
        layers = []
        for (units, wide), own in zip(((width, 5 * inputs), (width, width), (outputs, width)), bits, strict=True):
            numbers = np.rint(generator.normal(size=(units, wide + 1)) * min(2**own, 2**12)).astype(np.int64)
            layers.append((numbers[:, :-1], numbers[:, -1]))
        octaves = generator.integers(-1, 5, outputs)
        cascade.append(SineSynthesis(np.float32(unit), planes[:inputs], slopes[:inputs], octaves, bits, tuple(layers)))
    model, sections = bitstream.read_container(payload)
    return bitstream.write_container(
        model, {**sections, bitstream.Section.LATENT_SYNTHESIS: write_cascade(tuple(cascade))}
    )


@pytest.mark.parametrize("unit", [1.0, 0.37], ids=lambda unit: f"unit-{unit}")
@pytest.mark.parametrize("heads", CASCADES.values(), ids=CASCADES.keys())
def test_sinusoidal_networks_in_turn_give_the_samples_of_the_package(payload_of_eight_components, heads, unit):
    from xr_inr.core.decode import decode as expected

    payload = with_cascade(payload_of_eight_components, heads, unit)
    samples = decode(payload)
    assert (samples != decode(payload_of_eight_components)).any()
    np.testing.assert_array_equal(samples, expected(payload))


RESTORING = {
    "sees-one-plane": (1, 4, (3, 4, 5)),
    "sees-some-planes": (5, 1, (0, 20, 7)),
    "sees-all-planes": (8, 9, (6, 5, 4)),
}
"""Inputs, hidden width and bits of each layer of a restoring network."""


def with_restoring(payload, shape, unit):
    """Return a payload of eight components with a restoring network of drawn weights."""
    from xr_inr.core import bitstream
    from xr_inr.core.latent.restoration import write_restoration
    from xr_inr.core.latent.synthesis import SineSynthesis

    inputs, width, bits = shape
    generator = np.random.default_rng(inputs)
    layers = []
    for (units, wide), own in zip(((width, 2 * inputs), (width, width), (8, width)), bits, strict=True):
        numbers = np.rint(generator.normal(size=(units, wide + 1)) * min(2**own, 2**12)).astype(np.int64)
        layers.append((numbers[:, :-1], numbers[:, -1]))
    octaves = generator.integers(3, 9, inputs), generator.integers(1, 7, inputs), generator.integers(-1, 5, 8)
    network = SineSynthesis(np.float32(unit), *octaves, bits, tuple(layers), curved=True)
    model, sections = bitstream.read_container(payload)
    return bitstream.write_container(
        model, {**sections, bitstream.Section.LATENT_RESTORATION: write_restoration(network)}
    )


@pytest.mark.parametrize("unit", [1.0, 0.37], ids=lambda unit: f"unit-{unit}")
@pytest.mark.parametrize("shape", RESTORING.values(), ids=RESTORING.keys())
@pytest.mark.parametrize("heads", [None, CASCADES["planes-between-that-none-foretells"]], ids=["alone", "after-others"])
def test_a_restoring_network_gives_the_samples_of_the_package(payload_of_eight_components, heads, shape, unit):
    from xr_inr.core.decode import decode as expected

    before = payload_of_eight_components if heads is None else with_cascade(payload_of_eight_components, heads, 1.0)
    payload = with_restoring(before, shape, unit)
    samples = decode(payload)
    assert (samples != decode(before)).any()
    np.testing.assert_array_equal(samples, expected(payload))


def with_fine_latents(payload, fine_from, spread):
    """Return a payload with latents drawn under their laws, those under wide laws on the grids of a trellis."""
    from tests.core.latent_examples import make_fine
    from xr_inr.core import bitstream
    from xr_inr.core.latent.latents import encode_latents
    from xr_inr.core.latent.reading import read_side, write_fine
    from xr_inr.core.latent.wavelet import Pyramid

    model, sections = bitstream.read_container(payload)
    pyramid = Pyramid.of((24, 26))
    side, network = read_side(sections[bitstream.Section.LATENT_SIDE], 8, pyramid)
    latents, side = make_fine(side, (24, 26), network, fine_from=fine_from, spread=spread)
    changed = {
        bitstream.Section.LATENT_STREAM: encode_latents(latents, side, pyramid, network),
        bitstream.Section.LATENT_FINE: write_fine(side),
    }
    return bitstream.write_container(model, {**sections, **changed})


@pytest.mark.parametrize(("fine_from", "spread"), [(6, 1.0), (1, 1.0), (9, 2.0), (12, 40.0), (47, 1.0)], ids=str)
def test_fine_latents_give_the_samples_of_the_package(payload_of_eight_components, fine_from, spread):
    """With laws that have uniform low bits and laws that have none, and escapes of both."""
    from xr_inr.core.decode import decode as expected

    payload = with_fine_latents(payload_of_eight_components, fine_from, spread)
    np.testing.assert_array_equal(decode(payload), expected(payload))


def with_repeats(payload, share):
    """Return a payload in which some pixels repeat others, with latents for the laws that follow."""
    from dataclasses import replace

    from tests.core.latent_examples import make_latents, make_repeats
    from xr_inr.core import bitstream
    from xr_inr.core.latent.latents import encode_latents
    from xr_inr.core.latent.reading import read_side
    from xr_inr.core.latent.repeat_map import write_repeats
    from xr_inr.core.latent.wavelet import Pyramid

    model, sections = bitstream.read_container(payload)
    sections.pop(bitstream.Section.LATENT_FINE, None)
    pyramid, alike = Pyramid.of((24, 26)), make_repeats((24, 26), share=share)
    side, network = read_side(sections[bitstream.Section.LATENT_SIDE], 8, pyramid)
    latents = make_latents((24, 26), 8)
    for part, row in zip(latents, [0, *np.repeat(np.arange(1, pyramid.levels + 1), 3)], strict=True):
        part[side.scales[row] == 0] = 0
    side = replace(side, repeated=alike.repeated[None])
    changed = {
        bitstream.Section.LATENT_STREAM: encode_latents(latents, side, pyramid, network),
        bitstream.Section.LATENT_REPEATS: write_repeats(alike),
    }
    return bitstream.write_container(model, {**sections, **changed})


@pytest.mark.parametrize("share", [0.0, 0.03, 0.2, 0.6, 0.97])
def test_repeated_pixels_have_the_samples_of_the_package(payload_of_eight_components, share):
    from xr_inr.core.decode import decode as expected

    payload = with_repeats(payload_of_eight_components, share)
    samples = decode(payload)
    np.testing.assert_array_equal(samples, expected(payload))
    np.testing.assert_array_equal(expected(payload, window=(slice(7, 9), slice(11, 12))), samples[:, 7:9, 11:12])


@pytest.mark.parametrize(("count", "bits"), [(1, 1), (7, 9), (400, 24), (4992, 13)], ids=str)
def test_outliers_have_the_samples_of_the_package(payload_of_eight_components, count, bits):
    """One, some, and every sample of all fitted bands."""
    from tests.core.latent_examples import make_outliers
    from xr_inr.core import bitstream
    from xr_inr.core.decode import decode as expected
    from xr_inr.core.latent.outlier_list import write_outliers

    model, sections = bitstream.read_container(payload_of_eight_components)
    shape = expected(payload_of_eight_components).shape
    listed = write_outliers(make_outliers(shape, count, bits=bits), shape[0], shape[1] * shape[2])
    payload = bitstream.write_container(model, {**sections, bitstream.Section.LATENT_OUTLIERS: listed})
    samples = decode(payload)
    assert (samples != expected(payload_of_eight_components)).sum() > 0.9 * count
    np.testing.assert_array_equal(samples, expected(payload))


@pytest.mark.parametrize("window", [np.s_[12:14, 6:9], np.s_[0:1, 0:1], np.s_[23:24, 20:26]], ids=str)
def test_windows_of_the_package_are_parts_of_what_the_page_gives(payload_of_eight_components, window):
    """With as many pixels around them as there are networks, which the page says is enough."""
    from xr_inr.core.decode import Payload

    payload = with_cascade(payload_of_eight_components, CASCADES["outputs-of-one-are-inputs-of-the-next"], 1.0)
    payload = with_restoring(payload, RESTORING["sees-all-planes"], 1.0)
    np.testing.assert_array_equal(Payload(payload).read(window), decode(payload)[:, *window])
