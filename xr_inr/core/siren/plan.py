"""What can be fitted within a budget: the rank of the basis and the networks to try. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from xr_inr.core.bitstream import Section, container_bytes
from xr_inr.core.scene import Scene
from xr_inr.core.siren.architecture import Architecture
from xr_inr.core.siren.presets import SirenPreset
from xr_inr.core.siren.rank import ranks_by_error
from xr_inr.core.siren.storage import FLOAT_BITS, network_bytes, network_section
from xr_inr.core.spectral import SpectralBasis, analyse
from xr_inr.exceptions import BudgetError, RequestError

Size = Callable[[Architecture], int]
"""The bytes of the whole payload with a network of that architecture."""

_WIDEST = 65_535
_WIDEST_TABLE_I = 255
_LARGEST_TABLE_I = 65_535
_FULL = 0.97
_RANK_STEPS = 2


@dataclass(frozen=True)
class Plan:
    """What can be fitted within a budget."""

    basis: SpectralBasis | None
    """What the network feeds; None where it gives the bands themselves."""

    architectures: list[Architecture]
    """The networks to try; none where a mean spectrum is all that fits."""

    fixed: dict[Section, int]
    """The lengths of the sections beside the network."""

    weight_bits: int
    """Bits of a weight."""

    def size(self, architecture: Architecture) -> int:
        """Return the bytes of the whole payload with a network of that architecture."""
        network = {network_section(self.weight_bits): network_bytes(architecture, self.weight_bits)}
        return container_bytes(self.fixed | network)


def smallest_payload(scene: Scene, preset: SirenPreset, weight_bits: int) -> int:
    """Return the bytes of the smallest payload a scene can be stored in."""
    if weight_bits in FLOAT_BITS and max(scene.layout.shape) > _LARGEST_TABLE_I:
        raise RequestError(
            f"bands and sides must be at most {_LARGEST_TABLE_I} to be stored as Table I says "
            f"({weight_bits}-bit weights). Got shape {scene.layout.shape}."
        )
    bands = len(scene.layout.fitted_bands)
    fixed = {tag: len(content) for tag, content in scene.layout.to_sections().items()}
    if not bands:
        return container_bytes(fixed)
    if preset.spectral:
        return container_bytes(fixed | {Section.SPECTRAL: SpectralBasis.stored_bytes(bands, 0)})
    return Plan(None, [], fixed, weight_bits).size(Architecture(min(preset.hidden_layers), 1, bands))


def check_budget(
    scene: Scene, preset: SirenPreset, budget: int, weight_bits: int, *, asked: float | None = None
) -> None:
    """Raise `BudgetError` when no payload of at most `budget` bytes is possible; it says how small one can be.

    `asked` is the size in bpppb that the message names; what `budget` amounts to if None.
    """
    smallest = smallest_payload(scene, preset, weight_bits)
    if smallest > budget:
        samples = scene.layout.samples
        bpppb = budget * 8 / samples if asked is None else asked
        raise BudgetError(
            f"a budget of {budget:,} bytes ({bpppb:.4g} bpppb) is too small: "
            f"the smallest payload of this scene takes {smallest:,} bytes ({smallest * 8 / samples:.4g} bpppb)"
        )


def make_plan(scene: Scene, preset: SirenPreset, budget: int, weight_bits: int) -> Plan:
    """Return what to fit so that the payload takes at most `budget` bytes; raises `BudgetError` if none can."""
    check_budget(scene, preset, budget, weight_bits)
    bands = len(scene.layout.fitted_bands)
    fixed = {tag: len(content) for tag, content in scene.layout.to_sections().items()}
    table_i = weight_bits in FLOAT_BITS

    def found(plan: Plan, outputs: int) -> list[Architecture]:
        return candidates(preset.hidden_layers, outputs, plan.size, budget, table_i=table_i)

    if not preset.spectral:
        plan = Plan(None, [], fixed, weight_bits)
        return Plan(None, found(plan, bands), fixed, weight_bits)
    analysis = analyse(scene)

    def parameters(rank: int) -> int:
        return (budget - container_bytes(fixed) - SpectralBasis.stored_bytes(bands, rank)) * 8 // weight_bits

    def with_rank(rank: int) -> Plan:
        basis = SpectralBasis.quantise(analysis, rank, scene.weights)
        plan = Plan(basis, [], fixed | {Section.SPECTRAL: SpectralBasis.stored_bytes(bands, rank)}, weight_bits)
        return replace(plan, architectures=found(plan, rank))

    def filled(plan: Plan) -> int:
        return max(plan.size(architecture) for architecture in plan.architectures)

    ranks = ranks_by_error(scene, analysis, parameters)
    wanted = ranks[0]
    # Widths are coarse steps: a rank beside the wanted one may use a budget that it leaves unused.
    beside = [rank for rank in ranks if abs(rank - wanted) <= _RANK_STEPS]
    plans = []
    for rank in beside + list(range(wanted - _RANK_STEPS - 1, 0, -1)):
        plan = with_rank(rank)
        if plan.architectures:
            if filled(plan) >= _FULL * budget:
                return plan
            plans.append(plan)
        if plans and rank < wanted - _RANK_STEPS:
            break
    return (
        max(plans, key=filled)
        if plans
        else Plan(SpectralBasis.quantise(analysis, 0, scene.weights), [], fixed, weight_bits)
    )


def candidates(
    hidden_layers: Iterable[int], outputs: int, size: Size, budget: int, *, table_i: bool
) -> list[Architecture]:
    """Return the widest network of each depth whose payload fits the budget.

    Parameters
    ----------
    hidden_layers
        The depths n_h to consider.
    outputs
        Values the network gives.
    size
        The payload's size, growing with the width.
    budget
        Bytes that the payload may take.
    table_i
        Whether the network is stored as Table I says, which ends at a width of 255.

    Returns
    -------
    list of Architecture
        Without the depths of which no network fits; those that leave more than 3 % of the budget unused only where
        none uses more.
    """
    found = []
    for depth in hidden_layers:
        low, high = 0, _WIDEST_TABLE_I if table_i else _WIDEST
        while low < high:
            middle = (low + high + 1) // 2
            if size(Architecture(depth, middle, outputs)) <= budget:
                low = middle
            else:
                high = middle - 1
        if low:
            found.append(Architecture(depth, low, outputs))
    full = [architecture for architecture in found if size(architecture) >= _FULL * budget]
    return full or sorted(found, key=size)[-1:]
