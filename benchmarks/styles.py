"""How codecs look in pictures: families share a hue, ours are strong, the anchors dark, those farther off paler."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """The look of one codec."""

    colour: str
    """Of its line, and of its name beside it."""

    marker: str
    """Matplotlib's name of it."""

    strong: bool = False
    """Whether it lies above the others, in a thicker line and bold type."""

    dashed: bool = False
    """Whether its line is dashed."""


_SIREN = "#C24E00"
_LATENT = "#0072B2"
_KLT = "#1A1A1A"
_PAPER = "#007358"
_SCIENTIFIC = "#959595"
_NEURAL = "#A8527F"
_UNKNOWN = "#8C7A4F"

# Hues of Okabe and Ito (2008), which people with any colour vision tell apart; within a family markers do that.
STYLES = {
    "latent, fast": Style("#5AA9D6", "v", strong=True),
    "latent, balanced": Style("#2A8CC7", "o", strong=True),
    "latent, best": Style(_LATENT, "^", strong=True),
    "siren, fast": Style("#EE9A4D", "v", strong=True),
    "siren, balanced": Style("#E27A1E", "o", strong=True),
    "siren, best": Style(_SIREN, "^", strong=True),
    "siren, paper, 30 s": Style("#C98A5A", "+", dashed=True),
    "klt + jpeg 2000": Style(_KLT, "s"),
    "klt + hevc intra": Style(_KLT, "D"),
    "klt + jpeg xl": Style("#444444", "P"),
    "klt + avif": Style("#5E5E5E", "X"),
    "jpeg, per band": Style(_PAPER, "v"),
    "jpeg 2000, per band": Style(_PAPER, "s"),
    "pca + dct": Style(_PAPER, "o"),
    "sperr 3-d": Style(_SCIENTIFIC, "o"),
    "sz3": Style(_SCIENTIFIC, "s"),
    "zfp": Style(_SCIENTIFIC, "v"),
    "tthresh": Style(_SCIENTIFIC, "D"),
    "fourier network": Style(_SCIENTIFIC, "x"),
    "atlas-hsi": Style(_NEURAL, "p"),
    "zstd, bit-shuffled": Style(_SCIENTIFIC, "1", dashed=True),
    "jpeg-ls": Style(_SCIENTIFIC, "2", dashed=True),
    "pcodec": Style(_SCIENTIFIC, "3", dashed=True),
}
"""The codecs that are known by name."""

FAMILIES = {
    "siren": Style(_SIREN, "h", strong=True),
    "latent": Style(_LATENT, "h", strong=True),
    "klt": Style(_KLT, "h"),
}
"""Codecs that are known by the first word of their name."""

UNKNOWN = Style(_UNKNOWN, "*", dashed=True)
"""Any other codec."""


def style(codec: str) -> Style:
    """Return how a codec looks; one of no known name looks as its family does, or like `UNKNOWN`."""
    family = codec.replace(",", " ").split()[0] if codec.strip(", ") else ""
    return STYLES.get(codec) or FAMILIES.get(family, UNKNOWN)
