"""How many latents can be swept at once in the memory that is free."""

from __future__ import annotations

import torch

from xr_inr.core.memory import free_memory

BYTES_OF_A_LATENT = 256
"""What a sweep holds for each latent: planes, gradients, targets; activations are held for few at a time."""

_SHARE = 0.5
"""Part of the free memory that sweeps may take; the scenes and planes of the fits need the rest."""

_FEWEST = 2**14


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
