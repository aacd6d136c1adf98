"""docs/format.md says all that a decoder needs: one written from it gives the samples of every golden payload."""

import ast
import functools
import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.golden import make

from . import coder, container, latent, residual, siren

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
        residuals = functools.partial(residual.with_residuals, sections[11], header)
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
