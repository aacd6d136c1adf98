"""The experiments of the paper, on its scenes and with its settings.

Rezasoltani and Qureshi, 'Hyperspectral Image Compression Using Implicit Neural Representation', arXiv 2302.04129.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.paper import capacity, figures, iterations, rate_distortion, search
from benchmarks.paper.experiment import Experiment, run_experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (search.EXPERIMENT, capacity.EXPERIMENT, rate_distortion.EXPERIMENT, iterations.EXPERIMENT)
}
"""By the names the command line takes, in the order `all` runs them."""

PAPER_ITERATIONS = 15_000
"""How long the preset `paper` fits a network."""


def run(
    experiment: str,
    *,
    scenes: Iterable[str] | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    device: str = "cpu",
    say: Callable[[str], None] = print,
) -> bool:
    """Measure what an experiment still lacks and write its rows to ``results/paper_<name>.tsv``, fit by fit.

    Parameters
    ----------
    experiment
        A name in `EXPERIMENTS`, or ``all``.
    scenes
        Names in `benchmarks.scenes.SCENES`; those of the experiment if None.
    iterations
        Of every fit, in place of the experiment's own number; `PAPER_ITERATIONS` gives the paper's.
    minutes
        When to stop; what is being fitted goes on from there in the next run.
    device
        Where to fit: 'auto', 'cpu', 'cuda' or 'cuda:N'.
    say
        Takes a line for each fit.

    Returns
    -------
    bool
        Whether all is measured; scenes that are missing here do not count.
    """
    chosen = EXPERIMENTS.values() if experiment == "all" else [EXPERIMENTS[experiment]]
    names = None if scenes is None else list(scenes)
    deadline = None if minutes is None else time.monotonic() + 60.0 * minutes
    return all(
        run_experiment(
            one,
            scenes=one.scenes if names is None else names,
            iterations=one.iterations if iterations is None else iterations,
            deadline=deadline,
            device=device,
            say=say,
        )
        for one in chosen
    )


def draw() -> list[Path]:
    """Draw ``docs/images/benchmarks/paper_*.png`` from the results and return what was drawn."""
    return figures.draw()
