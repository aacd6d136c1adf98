"""Fits the context network that the package ships: ``python -m benchmarks networks``.

The network says how wide the law of each latent is, so it is learnt once, from the latents that fits of known scenes
make, and every payload names it. A fit needs a network to round its latents, so a run starts from the one shipped so
far; the table of results names it.
"""

from __future__ import annotations

from pathlib import Path

STEPS = 6000
"""Steps of the optimiser; the loss has settled by then."""

OUTPUT = Path(__file__).parents[2] / "xr_inr" / "core" / "latent" / "context_network.bin"
"""The file that the package ships."""

TABLE = "context_network"
"""The table of what the fitted network takes for each example."""
