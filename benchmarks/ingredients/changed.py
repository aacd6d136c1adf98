"""What the model has otherwise, or does not have: one variant for each setting or ingredient that was tried."""

from __future__ import annotations

from typing import Any

from benchmarks.ingredients import refinement
from benchmarks.ingredients.own_network import own_network
from benchmarks.ingredients.variant import Variant, constant
from xr_inr.core.latent.presets import LATENT_PRESETS

NO = "no"


def _in_presets(setting: str, value: Any) -> str:
    """Say which presets have a value, alone or among others."""
    found = {name: getattr(preset, setting) for name, preset in LATENT_PRESETS.items()}
    names = [f"`{name}`" for name, own in found.items() if own == value or (isinstance(own, tuple) and value in own)]
    return f"in {', '.join(names)}" if names else NO


CHANGED = (
    *(
        Variant(
            name,
            f"{what} Where so few planes have latents that none of these begins, one looks at the first.",
            kept=NO,
            replaces={"cascade_fit.FORETOLD_FROM": constant(starts), "cascade_fit._FORETOLD_SHARE": constant(1.0)},
        )
        for name, starts, what in (
            ("one network", (3,), "One sinusoidal network foretells all later planes from the first three."),
            ("two networks", (1, 3), "Sinusoidal networks begin at planes 1 and 3 only."),
        )
    ),
    *(
        Variant(
            f"width {width}",
            f"Hidden layers of all sinusoidal networks have {width} units; there is none where that saves nothing.",
            kept=_in_presets("synthesis_widths", width),
            preset={"synthesis_widths": (width,)},
        )
        for width in (8, 12, 24, 48)
    ),
    *(
        Variant(
            f"restoring network of width {width}",
            f"A last network, of {width} units a layer, adds to all planes what it makes of them and their curvature.",
            kept=_in_presets("restoration_widths", width),
            preset={"restoration_widths": (width,)},
        )
        for width in (8, 24, 48)
    ),
    *(
        Variant(
            f"{count} iterations",
            f"Each sinusoidal network is fitted for {count} iterations.",
            kept=_in_presets("synthesis_iterations", count),
            preset={"synthesis_iterations": count},
        )
        for count in (250, 800)
    ),
    Variant(
        "three tries",
        "Networks and latents are fitted three times, each time but the first to what the try before decodes to.",
        kept=_in_presets("tries", 3),
        preset={"tries": 3},
    ),
    *(
        Variant(
            f"{count} sweeps",
            f"{count} sweeps of rate-distortion optimised rounding.",
            kept=_in_presets("sweeps", count),
            preset={"sweeps": count},
        )
        for count in (20, 32)
    ),
    Variant(
        "joint refinement",
        f"After the sweeps, in place of the trellis, {refinement.ITERATIONS} steps of gradient descent on latents and "
        "sinusoidal networks together, latents rounded softly with noise. Budgets may stay unfilled by 10 %; real "
        "sizes are compared.",
        kept=NO,
        preset={"trellis_rounds": 0},
        replaces={"model.Fitting._round": refinement.after_sweeps, "aim.FULL": constant(0.9)},
    ),
    Variant(
        "own context network",
        "The context network is fitted on to the latents of the scene, and its differences to the shipped one are "
        "stored in the payload, in the steps that take fewest bytes in all.",
        kept=NO,
        around=own_network,
    ),
    Variant(
        "another seed",
        "The model as it is with other random numbers: differences of this size mean nothing.",
        kept="",
        seed=1,
    ),
)
"""Settings first, then what the model does not have, then what chance does."""
