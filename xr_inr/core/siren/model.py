"""The siren model whole: budget in, sections of a payload out."""

from __future__ import annotations

from dataclasses import dataclass, field

from xr_inr.core.bitstream import Section
from xr_inr.core.scene import Scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.fit import Best
from xr_inr.core.siren.network import OMEGA_0
from xr_inr.core.siren.plan import Plan
from xr_inr.core.siren.quantisation import to_float_layers, to_integer_layers
from xr_inr.core.siren.search import CandidateResult
from xr_inr.core.siren.storage import FLOAT_BITS, network_section, write_quantised, write_table_i


@dataclass(frozen=True)
class SirenFit:
    """A fitted network, ready to be put into a payload."""

    sections: dict[Section, bytes]
    """The sections that hold it."""

    architecture: Architecture | None
    """Its shape; None where a mean spectrum is all that fits the budget."""

    iterations: int = 0
    """Iterations done."""

    interrupted: bool = False
    """Whether it was cut short and kept on a person's word."""

    search: list[CandidateResult] = field(default_factory=list)
    """What the architecture search saw."""


def sections_of(scene: Scene, plan: Plan, architecture: Architecture, best: Best) -> dict[Section, bytes]:
    """Return the sections of a payload that hold a fitted network and the basis it feeds."""
    sections = {} if plan.basis is None else {Section.SPECTRAL: plan.basis.to_bytes()}
    bits = plan.weight_bits
    if bits in FLOAT_BITS:
        network = write_table_i(to_float_layers(best.layers), architecture, OMEGA_0, scene.layout.shape[1:], bits)
    else:
        first = to_float_layers(best.layers[:1])[0]
        network = write_quantised(first, to_integer_layers(best.layers, bits), architecture, OMEGA_0, bits)
    return sections | {network_section(bits): network}
