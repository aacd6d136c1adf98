"""The paper's claim held against the measurements: where a SIREN beats the peers it names, and where it does not.

The claim, in the abstract of arXiv 2302.04129: better than JPEG, JPEG 2000 and PCA-DCT at low bit rates.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.curves import Measured, title
from benchmarks.paper import rate_distortion
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

PAPER = "the paper's settings"

Margins = dict[tuple[str, str, str], list[float]]
"""By network, scene and peer: PSNR of the network less that of the peer, in dB, for each budget both were given."""


def paper_claim(scenes: dict[str, list[Measured]]) -> str:
    """Return `paper_verdict`, and how many dB lie between the networks and each peer."""
    margins = _of_ours(scenes) | _of_the_paper()
    header = ("scene", "network", *PEERS)
    lines = [f"| {' | '.join(header)} |", "|---|---|" + "--:|" * len(PEERS)]
    for network, scene in dict.fromkeys((network, scene) for network, scene, _ in margins):
        cells = [_cell(margins.get((network, scene, peer), [])) for peer in PEERS]
        lines.append(f"| {title(scene)} | {network} | {' | '.join(cells)} |")
    note = (
        "PSNR of the network less that of the peer in dB, least to most over the budgets given to both; in brackets "
        "at how many of them the network is ahead."
    )
    return "\n\n".join([paper_verdict(scenes), note, "\n".join(lines)])


def paper_verdict(scenes: dict[str, list[Measured]]) -> str:
    """Return a sentence for each peer."""
    margins = _of_ours(scenes) | _of_the_paper()
    return "\n".join(f"- {_verdict(margins, peer)}" for peer in PEERS)


def _of_ours(scenes: dict[str, list[Measured]]) -> Margins:
    margins: Margins = {}
    for scene, found in scenes.items():
        psnr = {(one.codec, one.asked): one.figure("psnr_db") for one in found if one.stored}
        for network in NETWORKS:
            for peer in PEERS:
                both = [rate for codec, rate in psnr if codec == network and (peer, rate) in psnr]
                if both:
                    margins[network, scene, peer] = [psnr[network, rate] - psnr[peer, rate] for rate in both]
    return margins


def _of_the_paper() -> Margins:
    margins: Margins = {}
    for row in rate_distortion.EXPERIMENT.rows():
        if row["weight_bits"] != "16":
            continue
        label = f"{PAPER}, {int(row['iterations']):,} iterations"
        for name, rows in rate_distortion.peers(row["scene"]).items():
            peer = next(known for known in PEERS if name.startswith(known))
            found = rate_distortion.nearest(rows, float(row["asked_bpppb"]))
            if found is not None:
                difference = number(row, "psnr_db") - number(found, "psnr_db")
                margins.setdefault((label, row["scene"], peer), []).append(difference)
    return margins


def _verdict(margins: Margins, peer: str) -> str:
    default = [margin for key, found in margins.items() if key[::2] == ("siren, balanced", peer) for margin in found]
    original = [
        margin for key, found in margins.items() if key[0].startswith(PAPER) and key[2] == peer for margin in found
    ]
    parts = [
        f"{name} ahead in {sum(margin > 0 for margin in found)} of {len(found)} cases"
        for name, found in (("`siren, balanced`", default), (f"{PAPER}", original))
        if found
    ]
    return f"Against **{PEERS[peer]}** the claim {_word(default + original)}: {', '.join(parts) or 'nothing measured'}."


def _word(margins: Sequence[float]) -> str:
    ahead = sum(margin > 0 for margin in margins)
    if not margins:
        return "is not tested"
    if ahead == len(margins):
        return "holds everywhere"
    return "is overturned" if not ahead else "holds in part"


def _cell(margins: Sequence[float]) -> str:
    if not margins:
        return "-"
    ahead = sum(margin > 0 for margin in margins)
    return f"{min(margins):+.1f} to {max(margins):+.1f} ({ahead} of {len(margins)})"
