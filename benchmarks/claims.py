"""The paper's claim held against the measurements: where a SIREN beats the peers it names, and where it does not.

The claim, in the abstract of arXiv 2302.04129: better than JPEG, JPEG 2000 and PCA-DCT at low bit rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from benchmarks.curves import Measured, title
from benchmarks.paper import PAPER_ITERATIONS, rate_distortion
from benchmarks.paper.length import UNMEASURED
from benchmarks.results import number

PEERS = {
    "jpeg, per band": "JPEG",
    "jpeg 2000, per band": "JPEG 2000",
    "pca + dct": "PCA-DCT",
    "klt + jpeg 2000": "KLT + JPEG 2000",
}
"""The three the paper compares with, and one it does not have, as a sentence calls them."""

NETWORKS = ("siren, fast", "siren, balanced", "siren, best")
"""Ours, which are the paper's model fitted and stored better."""

OURS = "siren, balanced"
"""The one of `NETWORKS` that the verdict is about."""

PAPER_BITS = "16"
"""Bits of a weight of the paper's networks that are compared, its half precision."""

Scenes = dict[str, list[Measured]]
"""What was measured on each scene."""


@dataclass(frozen=True)
class _Case:
    """A budget given to a network and to a peer; the network has a stream of it."""

    network: str
    peer: str
    scene: str
    rate: float
    margin: float | None
    """PSNR of the network less that of the peer in dB, None where the peer has no stream that small."""


def paper_claim(scenes: Scenes) -> str:
    """Return `paper_verdict`, and how many dB lie between the networks and each peer, scene by scene."""
    cases = _cases(scenes)
    if not cases:
        return UNMEASURED
    lines = [f"| scene | network | {' | '.join(PEERS.values())} |", "|---|---|" + "--:|" * len(PEERS)]
    for scene, network in product(scenes, _networks(cases)):
        here = [case for case in cases if (case.scene, case.network) == (scene, network)]
        if here:
            cells = [_span([case for case in here if case.peer == peer]) for peer in PEERS]
            lines.append(f"| {title(scene)} | {_named(network)} | {' | '.join(cells)} |")
    note = (
        "PSNR of the network less that of the peer in dB, least to most over the budgets given to both; in brackets "
        "at how many of them the network is ahead."
    )
    return "\n\n".join([paper_verdict(scenes), note, "\n".join(lines)])


def paper_verdict(scenes: Scenes) -> str:
    """Return what was compared, and for each peer whether the claim holds for our network and for the paper's."""
    cases = [case for case in _cases(scenes) if case.network == OURS or case.network not in NETWORKS]
    if not cases:
        return UNMEASURED
    networks = _networks(cases)
    header = [f"ours, {_named(network)}" if network == OURS else network for network in networks]
    lines = [f"| against | {' | '.join(header)} |", "|---" * (1 + len(networks)) + "|"]
    for peer, name in PEERS.items():
        cells = [_verdict([case for case in cases if (case.network, case.peer) == (of, peer)]) for of in networks]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n\n".join([_intro(cases), "\n".join(lines), *_unreached(cases)])


def _cases(scenes: Scenes) -> list[_Case]:
    """Return all budgets with a network and a peer, of the paper's networks those stored in `PAPER_BITS`."""
    of_the_paper = [row for row in rate_distortion.fitted() if row["weight_bits"] == PAPER_BITS]
    cases = []
    for scene, found in scenes.items():
        networks = [
            (one.codec, one.asked, one.figure("psnr_db")) for one in found if one.codec in NETWORKS and one.stored
        ]
        networks += [
            (_label(int(row["iterations"])), float(row["asked_bpppb"]), number(row, "psnr_db"))
            for row in of_the_paper
            if row["scene"] == scene
        ]
        peers = {(one.codec, one.asked): one for one in found if one.stored or _is_out_of_reach(one)}
        for (network, rate, psnr), peer in product(networks, PEERS):
            other = peers.get((peer, rate))
            if rate is not None and other is not None:
                margin = psnr - other.figure("psnr_db") if other.stored else None
                cases.append(_Case(network, peer, scene, rate, margin))
    return cases


def _is_out_of_reach(one: Measured) -> bool:
    return one.row["status"].startswith("out of reach")


def _label(iterations: int) -> str:
    return f"the paper's settings, {iterations:,} iterations"


def _named(network: str) -> str:
    return f"`{network}`" if network in NETWORKS else network


def _networks(cases: Sequence[_Case]) -> list[str]:
    """Return the networks of the cases, ours first, then the paper's by rising iterations."""
    order = [*NETWORKS, *map(_label, sorted(int(row["iterations"]) for row in rate_distortion.fitted()))]
    return [network for network in dict.fromkeys(order) if any(case.network == network for case in cases)]


def _intro(cases: Sequence[_Case]) -> str:
    compared = [f"- {_named(network)}: {_extent(cases, network)}" for network in _networks(cases)]
    return (
        "The paper claims a higher PSNR than JPEG, JPEG 2000 and PCA-DCT at low bit rates, for networks fitted for "
        f"{PAPER_ITERATIONS:,} iterations; KLT + JPEG 2000 is not among its peers. In brackets stands at how many of "
        "the budgets given to both, in bits per pixel per band (bpppb), the network has the higher PSNR. Compared "
        "were:\n\n" + "\n".join(compared)
    )


def _extent(cases: Sequence[_Case], network: str) -> str:
    """Return how many budgets of a network were compared, at which rates, on which scenes."""
    budgets = {(case.scene, case.rate): None for case in cases if case.network == network}
    rates = sorted({rate for _, rate in budgets})
    span = f"{rates[0]:g}" if len(rates) == 1 else f"{len(rates)} rates from {rates[0]:g} to {rates[-1]:g}"
    names = [title(scene) for scene in dict.fromkeys(scene for scene, _ in budgets)]
    return f"{_count(len(budgets), 'budget')} ({span} bpppb) on {_count(len(names), 'scene')} ({' / '.join(names)})"


def _unreached(cases: Sequence[_Case]) -> list[str]:
    """Say at how many budgets of the networks each peer has no stream; an empty list where all have."""
    missing = {
        peer: {(case.scene, case.rate) for case in cases if case.peer == peer and case.margin is None} for peer in PEERS
    }
    parts = [
        f"at {_count(len(budgets), 'budget')} {PEERS[peer]} has no stream that small"
        for peer, budgets in missing.items()
        if budgets
    ]
    return [f"Not in the counts: {', '.join(parts)}."] if parts else []


def _verdict(cases: Sequence[_Case]) -> str:
    margins = [case.margin for case in cases if case.margin is not None]
    beyond = len(cases) - len(margins)
    unreached = [f"out of the peer's reach at {beyond}"] if beyond else []
    if not margins:
        return unreached[0] if unreached else "not tested"
    ahead = sum(margin > 0 for margin in margins)
    word = "holds in part" if ahead else "is overturned"
    if ahead == len(margins):
        word = "holds everywhere" if ahead > 1 else "holds"
    return f"{word} ({'; '.join([f'{ahead} of {len(margins)}', *unreached])})"


def _span(cases: Sequence[_Case]) -> str:
    margins = [case.margin for case in cases if case.margin is not None]
    beyond = len(cases) - len(margins)
    unreached = [f"{beyond} out of its reach"] if beyond else []
    if not margins:
        return unreached[0] if unreached else "-"
    span = f"{min(margins):+.1f}" + (f" to {max(margins):+.1f}" if len(margins) > 1 else "")
    return f"{span} ({'; '.join([f'{sum(margin > 0 for margin in margins)} of {len(margins)}', *unreached])})"


def _count(number_of: int, what: str) -> str:
    return f"{number_of} {what}{'s' * (number_of != 1)}"
