"""Small parts of latent payloads, from arithmetic that no library version changes."""

from dataclasses import astuple, dataclass, replace

import numpy as np

from xr_inr.core.bitstream import Section
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.cascade import write_cascade
from xr_inr.core.latent.context import MEAN_CLASSES, MEAN_WEIGHTS
from xr_inr.core.latent.fine import FineLaws
from xr_inr.core.latent.latents import LatentSide, encode_latents, scales_of, walk
from xr_inr.core.latent.laws import SCALES, scale_of_index
from xr_inr.core.latent.network import LARGEST_BIAS, LARGEST_OFFSET, LARGEST_WEIGHT, SHAPES, ContextNetwork, shipped
from xr_inr.core.latent.outlier_list import write_outliers
from xr_inr.core.latent.reading import write_fine, write_side
from xr_inr.core.latent.repeat_map import write_repeats
from xr_inr.core.latent.restoration import write_restoration
from xr_inr.core.latent.synthesis import BESIDE, SineSynthesis
from xr_inr.core.latent.trellis import Chains
from xr_inr.core.latent.wavelet import LARGEST_LATENT, Pyramid
from xr_inr.core.outliers import Outliers
from xr_inr.core.repeats import Repeats


def drawn(low, high, shape, seed=0):
    """Return int64 in [low, high] that look random: hashed positions, the same for ever."""
    mixed = np.arange(np.prod(shape, dtype=int), dtype=np.uint64) + np.uint64(seed * 1_000_003 + 1)
    for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(factor)
    mixed >>= np.uint64(11)
    return (mixed % np.uint64(high - low + 1)).astype(np.int64).reshape(shape) + low


def make_latents(size, rank, *, largest=6, seed=0):
    """Return latents of planes of `size` that shrink from coarse to fine and from component to component."""
    found = []
    for index, subband in enumerate(Pyramid.of(size).subbands):
        part = drawn(-largest, largest, (rank, *subband.shape), seed + index)
        shrunk = part // (1 + index // 3) // (1 + np.arange(rank)[:, None, None] // 2)
        found.append(np.where(drawn(0, 2, part.shape, seed + index + 77) > 0, shrunk, 0).astype(np.int32))
    return found


def make_side(latents, size, *, seed=0):
    """Return what is stored beside such latents, with mean weights and offsets of all signs."""
    weights = drawn(-40, 60, (MEAN_CLASSES, MEAN_WEIGHTS), seed).astype(np.int32)
    offsets = drawn(-LARGEST_OFFSET, LARGEST_OFFSET, len(latents[0]), seed).astype(np.int32)
    return LatentSide(scales_of(latents, Pyramid.of(size)), weights, offsets)


def make_fine(side, size, network, *, fine_from=6, spread=1.0, largest=LARGEST_LATENT, seed=0):
    """Return fine latents under the laws of a network, and the side with `fine_from`.

    Integers are drawn around the means of their laws, as widely as their scales say times `spread`; no latent exceeds
    `largest` steps. Latents are of the grids that the states of their components say.
    """
    side, pyramid = replace(side, fine_from=fine_from), Pyramid.of(size)
    random, states = np.random.default_rng(seed), np.zeros(side.scales.shape[1], np.int32)

    def drawn_under(_place, chosen, _known, halves, means):
        laws = FineLaws.of(halves, means, fine_from)
        found = np.zeros(means.shape, np.int32)
        for row, component in enumerate(np.arange(len(states))[chosen]):
            for n in range(means.shape[1]):
                one = FineLaws(*(part[row : row + 1, n : n + 1] for part in astuple(laws)))
                odd = np.where(one.fine, states[component] & 1, 0)
                width = spread * scale_of_index(one.scales[0, 0])
                limit = np.where(one.fine, (16 * largest - 9) // 18, largest)
                integer = np.rint(one.means_of(odd) / 8 + random.logistic() * width)
                integer = integer.clip(-limit, limit).astype(np.int32)
                states[component] = one.checked(integer, odd, states[[component]])[0]
                found[row, n] = one.latents(integer, odd)[0, 0]
        return found

    return walk(None, side, pyramid, network, drawn_under), side


def make_network(*, weight=24, bias=600, seed=0):
    """Return a context network of whole numbers up to `weight` and `bias`."""
    limits = _limits(weight, bias)
    return ContextNetwork(
        **{name: drawn(-limits[name], limits[name], shape, seed).astype(np.int32) for name, shape in SHAPES.items()}
    )


def extreme_network(sign=1):
    """Return the context network whose sums are largest: every weight and bias at its limit."""
    limits = _limits(LARGEST_WEIGHT, LARGEST_BIAS)
    return ContextNetwork(**{name: np.full(shape, sign * limits[name], np.int32) for name, shape in SHAPES.items()})


def make_chains(count, points, *, halves=(0, 94), largest=40, seed=0):
    """Return chains of latents that look random, targets up to `largest` steps."""
    shape = (count, points)
    return Chains(
        targets=drawn(-1000, 1000, shape, seed) * largest / 1000,
        norms=drawn(20, 200, shape, seed + 1) / 100,
        slopes=drawn(-30, 100, shape, seed + 2) / 1000,
        halves=drawn(*halves, shape, seed + 3).astype(np.int32),
        means=drawn(-90, 90, shape, seed + 4).astype(np.int32),
        now=(drawn(-40, 40, shape, seed + 5) * 8).astype(np.int32),
    )


def _limits(weight, bias):
    return {name: weight if name in ("first", "second", "third") else bias for name in SHAPES}


NETWORKS = {
    "small": make_network(),
    "large": make_network(weight=LARGEST_WEIGHT, bias=LARGEST_BIAS, seed=1),
    "highest": extreme_network(),
    "lowest": extreme_network(-1),
    "shipped": shipped(),
}
"""Context networks, of which some have the largest weights there can be."""


def make_basis(bands=5, rank=4, *, step=0.01, pixels=9_000, seed=0):
    """Return the rounded form of a mean and of directions that change slowly along the bands."""
    position = np.linspace(0.0, 1.0, bands)[:, None]
    directions = np.cos(np.pi * position * np.arange(rank)) / np.sqrt(bands)
    mean = drawn(10, 90, bands, seed) + 0.3
    return LatentBasis.quantise(mean, directions, make_gram(4.0 ** np.arange(rank)[::-1] * 100.0, pixels), step)


def make_gram(energies, pixels=100):
    """Return the Gram matrix of a plane of ones and of planes that are orthogonal to it and to one another."""
    return np.diag(np.concatenate([[float(pixels)], energies]))


def make_synthesis(rank=4, *, inputs=2, outputs=None, width=3, unit=1.0, bits=(4, 5, 6), seed=0):
    """Return a small sinusoidal network for `rank` components; it foretells all after its inputs, or the next few."""
    outputs = rank - inputs if outputs is None else outputs
    shapes = [(width, inputs * (1 + len(BESIDE))), (width, width), (outputs, width)]
    layers = tuple((drawn(-20, 20, shape, seed + 5), drawn(-9, 9, shape[0], seed + 6)) for shape in shapes)
    octaves = np.arange(inputs, inputs + outputs) % 3 - 1
    return SineSynthesis(np.float32(unit), 3 - np.arange(inputs) % 2, np.full(inputs, 2), octaves, bits, layers)


def make_cascade(rank=4, *, starts=(1, 2), seed=0, **shape):
    """Return networks that look at the first `starts` of `rank` components; each foretells up to where the next begins.

    `shape` is what `make_synthesis` takes beside.
    """
    return tuple(
        make_synthesis(rank, inputs=start, outputs=end - start, seed=seed + start, **shape)
        for start, end in zip(starts, [*starts[1:], rank], strict=True)
    )


def make_restoring(rank=4, *, inputs=None, width=3, unit=1.0, bits=(4, 5, 6), seed=0):
    """Return a small restoring network for `rank` components that looks at the first `inputs` of them, or at all."""
    inputs = rank if inputs is None else inputs
    shapes = [(width, 2 * inputs), (width, width), (rank, width)]
    layers = tuple((drawn(-20, 20, shape, seed + 7), drawn(-9, 9, shape[0], seed + 8)) for shape in shapes)
    octaves = 3 - np.arange(inputs) % 2, np.full(inputs, 2), np.arange(rank) % 3 - 1
    return SineSynthesis(np.float32(unit), *octaves, bits, layers, curved=True)


@dataclass(frozen=True)
class Example:
    """A payload's sections and what they were made from."""

    size: tuple[int, int]
    bands: int
    latents: list
    sections: dict


def make_repeats(size, *, share=0.3, seed=0):
    """Return pixels that repeat others: so many of all are like the one left of them, and so many the one above."""
    generator = np.random.default_rng(seed)
    left, above = generator.random((2, *size)) < share
    left[:, 0], above[0] = False, False
    return Repeats(left, above)


def make_outliers(shape, count, *, bits=12, seed=0):
    """Return so many outliers of a scene whose fitted bands have some shape, anywhere and of any value."""
    generator = np.random.default_rng(seed)
    positions = np.sort(generator.choice(int(np.prod(shape)), count, replace=False))
    pixels, bands = np.divmod(positions, shape[0])
    return Outliers(pixels, bands, generator.integers(0, 1 << bits, count), bits)


def make_example(
    size=(24, 27),
    *,
    bands=5,
    rank=4,
    synthesis=True,
    restoring=False,
    fine_from=SCALES,
    seed=0,
    silent=(),
    repeats=None,
    outliers=None,
):
    """Return the sections of a whole latent model; the latents of `silent` components are all zero."""
    latents = make_latents(size, rank, seed=seed)
    for part in latents:
        part[list(silent)] = 0
    side = make_side(latents, size, seed=seed)
    if repeats is not None:
        side = replace(side, repeated=repeats.repeated[None])
    if fine_from < SCALES:
        latents, side = make_fine(side, size, shipped(), fine_from=fine_from, seed=seed)
    sections = {
        Section.LATENT_BASIS: make_basis(bands, rank, seed=seed).to_bytes(),
        Section.LATENT_SIDE: write_side(side, shipped()),
        Section.LATENT_STREAM: encode_latents(latents, side, Pyramid.of(size), shipped()),
    }
    if synthesis:
        sections[Section.LATENT_SYNTHESIS] = write_cascade(make_cascade(rank, seed=seed))
    if restoring:
        sections[Section.LATENT_RESTORATION] = write_restoration(make_restoring(rank, seed=seed))
    if fine_from < SCALES:
        sections[Section.LATENT_FINE] = write_fine(side)
    if repeats is not None:
        sections[Section.LATENT_REPEATS] = write_repeats(repeats)
    if outliers is not None:
        sections[Section.LATENT_OUTLIERS] = write_outliers(outliers, bands, size[0] * size[1])
    return Example(size, bands, latents, sections)
