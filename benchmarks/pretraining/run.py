"""The run: rounds of examples and a network fitted to them, networks fitted without each scene, and the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks import results
from benchmarks.pretraining import EARLIER_SHARE, OUTPUT, ROUNDS, STEPS, TABLE
from benchmarks.pretraining.contexts import contexts_of
from benchmarks.pretraining.examples import SCENES, VIEWS, Example, View, examples_of
from benchmarks.pretraining.fit import FitSettings, Lesson, fit_network
from benchmarks.pretraining.start import scale_alone
from benchmarks.results import Row
from xr_inr.core.latent.network import ContextNetwork

COLUMNS = (
    "scene",
    "part",
    "asked_bpppb",
    "step",
    "rank",
    "latents",
    "bits_per_latent",
    "left_out_bits_per_latent",
    "rounding_bits_per_latent",
    "settings",
    "network",
    "rounding_network",
    "cores",
    "threads",
    "device",
    "versions",
    "date",
)
"""What is recorded of an example. `bits_per_latent` is the length of its stream under the network fitted to all scenes,
`left_out_bits_per_latent` under one fitted to all scenes but its own (empty where none was), `rounding_bits_per_latent`
under the network that rounded its latents. Networks go by their identities."""

_LEFT_OUT_SHARE = 0.5
"""Steps of a network that leaves a scene out, over those of the one fitted to all."""


@dataclass(frozen=True)
class Measured:
    """An example and what its stream takes, in bits."""

    example: Example
    """The example."""

    rounding: int
    """Under the network that rounded it."""

    fitted: int
    """Under the network fitted to all scenes."""

    left_out: int | None
    """Under the network fitted to all scenes but its own; None where there is none."""


def run(
    steps: int = STEPS,
    seed: int = 0,
    output: Path = OUTPUT,
    *,
    leave_one_out: bool = True,
    scenes: Sequence[str] = SCENES,
    views: Sequence[View] = VIEWS,
    say: Callable[[str], None] = print,
) -> ContextNetwork:
    """Fit a context network, write it, and write ``results/context_network.tsv``.

    Parameters
    ----------
    steps
        Of the optimiser; networks that leave a scene out take half of them.
    seed
        Of everything drawn at random.
    output
        The file for the network.
    leave_one_out
        Whether to fit also, for each scene, a network to all others.
    scenes
        Names in `benchmarks.scenes.SCENES`; at least two to leave one out.
    views
        What to take of each scene.
    say
        Takes a line for each thing done.

    Returns
    -------
    ContextNetwork
        What was written; the same bytes for the same arguments and scenes.

    Raises
    ------
    MissingSceneError
        When no file of a scene is in the folder.
    ValueError
        When there are too few steps or scenes, or no example holds a latent.
    """
    settings = FitSettings(steps, seed)
    if leave_one_out and len(scenes) < 2:
        raise ValueError(f"to leave one out there must be at least 2 scenes. Got {len(scenes)}.")
    threads = torch.get_num_threads()
    # More threads would sum in another order.
    torch.set_num_threads(1)
    try:
        network = scale_alone()
        for number in range(1, ROUNDS + 1):
            rounding = network
            say(f"round {number} of {ROUNDS}: latents are rounded with {rounding.identity.hex()}")
            examples = list(_told(examples_of(scenes, rounding, views), say))
            lessons = [Lesson(one.scene, contexts_of(one, rounding), one.bits(rounding)) for one in examples]
            network = fit_network(lessons, settings if number == ROUNDS else _shorter(settings, EARLIER_SHARE), say)
        output.write_bytes(network.to_bytes())
        say(f"{output}: context network {network.identity.hex()}, rounded with {rounding.identity.hex()}")
        others = _others(lessons, scenes, settings, say) if leave_one_out else {}
    finally:
        torch.set_num_threads(threads)
    measured = [
        Measured(one, lesson.bits, one.bits(network), one.bits(others[one.scene]) if one.scene in others else None)
        for one, lesson in zip(examples, lessons, strict=True)
    ]
    common = {"settings": _described(settings, leave_one_out), "network": network.identity.hex()}
    common |= {"rounding_network": rounding.identity.hex()} | results.machine(["torch", "constriction"])
    with results.locked():
        results.write(TABLE, (_row(one) | common for one in measured), COLUMNS)
    for line in summary(measured):
        say(line)
    return network


def summary(measured: Sequence[Measured]) -> Iterator[str]:
    """Say for each scene what all its examples take together, against the network that rounded them."""
    for scene in dict.fromkeys(one.example.scene for one in measured):
        found = [one for one in measured if one.example.scene == scene]
        before = sum(one.rounding for one in found)
        after = sum(one.fitted for one in found)
        line = f"{scene}: {after:,} bits, {_change(after, before)} against the network that rounded"
        without = [one.left_out for one in found if one.left_out is not None]
        if len(without) == len(found):
            line += f"; {_change(sum(without), before)} when fitted to the other scenes"
        yield line


def _told(examples: Iterator[Example], say: Callable[[str], None]) -> Iterator[Example]:
    for one in examples:
        say(f"{one.scene}, {one.view}, {one.bpppb:g} bpppb: {one.count:,} latents of {one.rank} components")
        yield one


def _others(
    lessons: Sequence[Lesson], scenes: Sequence[str], settings: FitSettings, say: Callable[[str], None]
) -> dict[str, ContextNetwork]:
    """Fit a network for each scene to all others."""
    shorter = _shorter(settings, _LEFT_OUT_SHARE)
    found = {}
    for scene in scenes:
        found[scene] = fit_network([lesson for lesson in lessons if lesson.scene != scene], shorter)
        say(f"fitted without {scene}")
    return found


def _shorter(settings: FitSettings, share: float) -> FitSettings:
    return replace(settings, steps=max(1, round(share * settings.steps)))


def _described(settings: FitSettings, leave_one_out: bool) -> str:
    text = f"{ROUNDS} rounds, {settings.steps} steps, seed {settings.seed}"
    return f"{text}; left out: {_shorter(settings, _LEFT_OUT_SHARE).steps} steps" if leave_one_out else text


def _row(one: Measured) -> Row:
    example = one.example

    def per_latent(bits: int | None) -> str:
        return "" if bits is None else f"{bits / example.count:.5f}"

    return {
        "scene": example.scene,
        "part": example.view,
        "asked_bpppb": f"{example.bpppb:g}",
        "step": f"{example.step:.6g}",
        "rank": str(example.rank),
        "latents": str(example.count),
        "bits_per_latent": per_latent(one.fitted),
        "left_out_bits_per_latent": per_latent(one.left_out),
        "rounding_bits_per_latent": per_latent(one.rounding),
    }


def _change(after: int, before: int) -> str:
    return f"{100.0 * (after / before - 1.0):+.2f} %"
