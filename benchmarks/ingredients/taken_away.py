"""What the model has, taken away: one variant for each ingredient."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.ingredients.basis_variants import BASIS, YES
from benchmarks.ingredients.contexts import networks, without
from benchmarks.ingredients.variant import Variant, constant
from benchmarks.pretraining.start import scale_alone
from xr_inr.core.latent.quantise import Sweep, Swept, first_latents
from xr_inr.core.latent.rotation import Turn
from xr_inr.core.latent.soft_scene import Missed, SoftScene
from xr_inr.core.latent.wavelet import analyse, synthesise_unrounded

Latents = list[Tensor]
"""Whole numbers, one tensor a subband, (rank, height, width)."""

Sweeps = Callable[[Sequence[Sweep]], list[Swept]]
"""`sweep_together`."""

ALL = 1.0
"""Share of the latents that one sweep decides on."""


def _leading(turns: Sequence[Turn]) -> list[NDArray[np.float64]]:
    """Choose the leading components as they are."""
    return [np.eye(turn.components, turn.rank) for turn in turns]


def _no_weights(fit: Callable[..., NDArray[np.int32]]) -> Callable[..., NDArray[np.int32]]:
    return lambda *latents: np.zeros_like(fit(*latents))


def _uncharged(decide: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *args, slopes, **rest: decide(*args, slopes=torch.zeros_like(slopes), **rest)


def _nothing_felt(felt: Callable[..., NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
    return lambda *given: np.zeros_like(felt(*given))


def _ones(norms: Callable[..., list[NDArray[np.float32]]]) -> Callable[..., list[NDArray[np.float32]]]:
    return lambda pyramid: [np.ones_like(part) for part in norms(pyramid)]


def _analysed(missed: Callable[..., Missed]) -> Callable[[SoftScene, Latents], Missed]:
    """Give slopes that, halved, lead from latents straight to the analysed ones."""

    def analysed(self: SoftScene, latents: Latents) -> Missed:
        wanted = analyse(_unforetold(latents, self), self.pyramid, torch)
        slopes = [2.0 * (part - target) for part, target in zip(latents, wanted, strict=True)]
        return replace(missed(self, latents), slopes=slopes)

    return analysed


def _own_tables(probabilities: Any) -> Any:
    """Make tables of laws anew, under what is in force now."""
    return functools.cache(probabilities.__wrapped__)


def _unforetold(latents: Latents, scene: SoftScene) -> Tensor:
    """Return the planes less what the sinusoidal networks say of them now, (rank, height, width)."""
    with torch.no_grad():
        alone: Tensor = synthesise_unrounded(latents, scene.pyramid, torch)
        return scene.planes - scene.decoded(latents) + alone


def _rounded_anew(latents: Latents, scene: SoftScene) -> Latents:
    return first_latents(analyse(_unforetold(latents, scene), scene.pyramid, torch))


def _first_rounding(_: Sweeps) -> Sweeps:
    def rounded(sweeps: Sequence[Sweep]) -> list[Swept]:
        return [
            Swept(_rounded_anew(one.latents, one.scene), float(one.scene.missed(one.latents).squares.sum()))
            for one in sweeps
        ]

    return rounded


def _single_sweep(sweep: Sweeps) -> Sweeps:
    return lambda sweeps: sweep(
        [replace(one, latents=_rounded_anew(one.latents, one.scene), share=ALL) for one in sweeps]
    )


TAKEN_AWAY = (
    Variant(
        "plain klt",
        "The leading KLT directions as they are, not turned so that their subbands take few bits.",
        kept=YES,
        replaces={"batch.rotate_together": constant(_leading)},
        preset={"turn_iterations": 0},
    ),
    Variant(
        "no first turn",
        "Directions are turned by local energies alone, among the leading ones, not by covariances of subbands before.",
        kept=YES,
        replaces={"batch.rotate_together": constant(_leading)},
    ),
    Variant(
        "no second turn",
        "Directions are turned by covariances of subbands alone, not by local energies as well.",
        kept=YES,
        preset={"turn_iterations": 0},
    ),
    Variant(
        "free weights",
        "Fits of sinusoidal networks know nothing of the bits that their weights take.",
        kept=YES,
        preset={"toll": 0.0},
    ),
    *BASIS,
    Variant(
        "no neighbour means",
        "The law of every latent has a mean of 0, not a weighted sum of its neighbours.",
        kept=YES,
        replaces={"quantise.fit_mean_weights": _no_weights},
        overstated=True,
    ),
    Variant(
        "no sinusoidal network",
        "Later planes have their latents alone; nothing is foretold from the first planes.",
        kept=YES,
        preset={"synthesis_widths": ()},
    ),
    Variant(
        "pointwise",
        "Sinusoidal networks see the planes at a pixel alone, not their differences from its neighbours.",
        kept=YES,
        replaces={
            f"{module}.BESIDE": constant(()) for module in ("synthesis", "synthesis_fit", "soft_scene", "cascade")
        },
    ),
    Variant(
        "one rounding",
        "Sinusoidal networks are fitted to the planes that one step leaves, not to those of other steps as well.",
        kept=YES,
        replaces={"cascade_fit.STEPS_LIKEWISE": constant((1.0,))},
    ),
    Variant(
        "no components without latents",
        "The last sinusoidal network foretells components that have latents, and none beyond them.",
        kept=YES,
        replaces={"foretold.MOST_BEYOND": constant(0)},
    ),
    Variant(
        "no context network",
        "The law of a latent has the scale that is stored for its component and level, whatever is decoded around it.",
        kept=YES,
        replaces=networks(scale_alone),
    ),
    Variant(
        "no offsets",
        "The context network speaks alike for all components; none has an offset of its laws' scales.",
        kept=YES,
        replaces={"quantise._better_offsets": constant(lambda offsets, _bits: offsets)},
    ),
    *(
        Variant(
            f"context without {group}",
            f"The context network hears nothing of {what}.",
            kept=YES,
            replaces=networks(functools.partial(without, group)),
            overstated=True,
        )
        for group, what in {
            "neighbours": "the neighbours that are decoded already",
            "coarser subband": "the coarser subband of the same orientation",
            "next component": "the components before and after",
            "siblings": "the other orientations of the level",
            "stored scale": "the scale stored for the component and level",
            "coarser scale": "the scale stored for the component and the next coarser level",
            "component number": "which component it is, the strongest being the first",
            "earlier groups": "the magnitudes of all components of earlier groups at the place",
        }.items()
    ),
    Variant(
        "light tails",
        "Laws of one logistic density; no second, wider one for the tails.",
        kept=YES,
        replaces={
            "laws.TAIL_SHARE": constant(0.0),
            "soft.TAIL_SHARE": constant(0.0),
            "symbols.probabilities": _own_tables,
            "parameters.probabilities": _own_tables,
            "parameters.table_bits": _own_tables,
        },
        overstated=True,
    ),
    Variant(
        "first rounding alone",
        "Latents are rounded once, with a dead zone; the step alone meets the target. No rate-distortion optimisation.",
        kept=YES,
        replaces={"batch.sweep_together": _first_rounding, "rounding._FAR": constant(0.0)},
        preset={"sweeps": 1},
    ),
    Variant(
        "one sweep",
        "Every payload that is looked at comes from the first rounding by one sweep over all latents.",
        kept=YES,
        replaces={"batch.sweep_together": _single_sweep, "rounding.PROBE_SWEEPS": constant(1)},
        preset={"sweeps": 1},
    ),
    Variant(
        "no trellis",
        "Every latent is rounded by itself, however wide its law.",
        kept=YES,
        preset={"trellis_rounds": 0},
    ),
    Variant(
        "trellis, fixed targets",
        "While latents go through the trellis, their targets do not follow what was changed before them.",
        kept=YES,
        replaces={"level_changes.LevelChanges.felt": _nothing_felt},
    ),
    Variant(
        "no charge for others",
        "A latent is charged its own bits only, not those it adds to latents that see it.",
        kept=YES,
        replaces={"quantise._decide": _uncharged},
    ),
    Variant(
        "no bound on joint errors",
        "A latent is charged the squared error it makes alone, not the upper bound for many that change at once.",
        kept=YES,
        replaces={"quantise._OVERLAP": constant(0.0)},
    ),
    Variant(
        "norms of one",
        "Sweeps take the wavelet for orthonormal; steps along the gradient overshoot where norms are larger.",
        kept=YES,
        replaces={"quantise.squared_norms": _ones},
    ),
    Variant(
        "analysed targets",
        "Sweeps aim at the analysed planes as if the wavelet were orthonormal, not where the gradient of errors leads.",
        kept=YES,
        replaces={
            "soft_scene.SoftScene.missed": _analysed,
            "quantise.squared_norms": _ones,
            "quantise._OVERLAP": constant(0.0),
        },
    ),
    Variant(
        "no dead zone",
        "The first rounding, from which sweeps begin, is to the nearest whole number.",
        kept=YES,
        replaces={"quantise._FIRST_ROUNDING": constant(0.5)},
    ),
)
"""The ingredients in the order of their way through the model."""
