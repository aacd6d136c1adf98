"""Fits the context network that the package ships: ``python -m benchmarks networks``.

The network says how wide the law of each latent is, so it is learnt once, from the latents that fits of known scenes
make, and every payload names it. A fit needs a network to round its latents, so there are two rounds: the first rounds
with a network that knows but the stored scales, the second with the one that the first learnt. So a run depends on
nothing but the scenes and the code.
"""

from __future__ import annotations

from pathlib import Path

STEPS = 6000
"""Steps of the optimiser; the loss has settled by then."""

ROUNDS = 2
"""How often latents are made and a network is fitted to them."""

EARLIER_SHARE = 0.5
"""Steps of a round before the last, over those of the last."""

OUTPUT = Path(__file__).parents[2] / "xr_inr" / "core" / "latent" / "context_network.bin"
"""The file that the package ships."""

TABLE = "context_network"
"""The table of what the fitted network takes for each example."""
