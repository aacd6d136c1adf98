"""What fits of latents need of the memory that is free: how many are swept at once, and where they lie."""

from __future__ import annotations

import torch

from xr_inr.core.memory import free_memory, kept_on

BYTES_OF_A_LATENT = 256
"""What a sweep holds for each latent: planes, gradients, targets; activations are held for few at a time."""

_SHARE = 0.5
"""Part of the free memory that sweeps may take; the scenes and planes of the fits need the rest."""

_FEWEST = 2**14

_LEAST_BYTES_OF_A_LATENT = 128
_LEAST_BYTES_OF_FEATURES = 256
_MOST_BYTES_OF_FEATURES = 2**30
"""What a sweep of one chunk holds for each latent, and for each of those whose features are held at once."""

_SHARE_OF_ONE = 0.8
"""Part of the free memory that the latents of one chunk may take; what lacks memory nevertheless is begun anew."""


def latents_at_once(device: torch.device, most: int) -> int:
    """Return how many latents to sweep at once on a device: at most `most`, and no more than memory is free for.

    Parameters
    ----------
    device
        Where the sweeps run.
    most
        More than that gains nothing.
    """
    free = free_memory(device)
    return most if free is None else min(most, max(_FEWEST, int(_SHARE * free) // BYTES_OF_A_LATENT))


def home_of(device: torch.device, latents: int) -> torch.device:
    """Return where the latents of a fit shall lie: on its device, or, where that lacks memory, in that of the CPU.

    Parameters
    ----------
    device
        Where the fit is computed.
    latents
        How many there are.
    """
    features = min(latents * _LEAST_BYTES_OF_FEATURES, _MOST_BYTES_OF_FEATURES)
    return kept_on(device, (latents * _LEAST_BYTES_OF_A_LATENT + features) / _SHARE_OF_ONE)
