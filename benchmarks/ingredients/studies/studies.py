"""All studies by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.ingredients.studies.coarser import from_coarser
from benchmarks.ingredients.studies.contexts import contexts
from benchmarks.ingredients.studies.dependent import dependent
from benchmarks.ingredients.studies.directions import directions
from benchmarks.ingredients.studies.lifting import lifting
from benchmarks.ingredients.studies.loop_filters import loop_filters
from benchmarks.ingredients.studies.outliers import outliers
from benchmarks.ingredients.studies.packets import packets
from benchmarks.ingredients.studies.place import place
from benchmarks.ingredients.studies.planes import StudyPlanes
from benchmarks.ingredients.studies.reconstruction import reconstruction
from benchmarks.ingredients.studies.repeats import repeats
from benchmarks.ingredients.studies.turns import turns


@dataclass(frozen=True)
class Study:
    """Something that was tried outside the codec."""

    name: str
    """What the command line and the table call it."""

    what: str
    """A sentence or two on what it does, and what its percentages are of."""

    measure: Callable[[StudyPlanes], Mapping[str, float]]
    """Takes the planes of a scene and returns percentages by the names of cases."""


STUDIES = {
    study.name: study
    for study in (
        Study(
            "dependent quantisation",
            "Four states and a trellis in place of rounding each latent by itself, both rate-distortion optimised, "
            "laws known from surroundings: bits of the details at equal error.",
            dependent,
        ),
        Study(
            "wavelet packets",
            "The finest details along x, and those along y, halved once more: what all subbands cost, bits and error.",
            packets,
        ),
        Study(
            "details from the coarser plane",
            "The share of the energy of held-out details that 5 x 5 samples of the low-pass plane of their level "
            "foretell, by ridge regression or a network of 24 units; leading three components, level 1 the finest.",
            from_coarser,
        ),
        Study(
            "reconstruction points",
            "Latents stand for the mean of what was rounded to them, in cells of what the decoder knows, in place of "
            "themselves: squared error, at most.",
            reconstruction,
        ),
        Study(
            "fitted lifting",
            "The wavelet's four lifting steps with two pairs of neighbours each, all eight coefficients fitted to the "
            "scene by gradient: what all subbands cost, bits and error.",
            lifting,
        ),
        Study(
            "directions of lifting",
            "Lifting steps of the two finest levels look up to 2 samples aside, by a map of blocks that all components "
            "share; a block looks straight where no slant makes details cost less: what all subbands cost, bits and "
            "error.",
            directions,
        ),
        Study(
            "richer contexts",
            "Laws by networks of two layers of 48 units, fitted to half of the scene, which see a hundred magnitudes "
            "around a latent, and then what a local regression on components before foretells of it: bits of the other "
            "half's latents, networks for nothing, against the shipped context network.",
            contexts,
        ),
        Study(
            "turns of levels",
            "Directions turned by local energies, as a fit does, or anew for each level of the wavelet: what all "
            "subbands cost, bits and error, before and after; an angle that is stored is counted 6 bits.",
            turns,
        ),
        Study(
            "place in the restoring network",
            "What a fit of `balanced` leaves when its restoring network is due, given to restoring networks that see "
            "column and row beside the planes, or do not, each from four initial weights; or 8 x 8 cosines over the "
            "scene are added to each plane: squared error, bytes counted as the error that they are worth.",
            place,
        ),
        Study(
            "repeated pixels",
            "Whole fits that may tell which pixels repeat a neighbour to the last bit, against fits that know of none: "
            "squared error of payloads of one size. The model has this.",
            repeats,
        ),
        Study(
            "outliers",
            "Whole fits that may tell of samples that stand alone, against fits that know of none: squared error of "
            "payloads of one size, of the scene and of the scene with one in ten thousand samples moved by one to six "
            "standard deviations of their band. The model has this.",
            outliers,
        ),
        Study(
            "loop filters",
            "Filters of 5 x 5 taps for decoded planes, fitted to the scene, as the adaptive loop filters of video "
            "codecs: squared error of the planes, the taps counted as the error that their bits are worth.",
            loop_filters,
        ),
    )
}
"""In the order of the table."""
