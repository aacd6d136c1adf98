"""The network's shape and cost (eq. 4 and 5 by hand), its torch form, and what fits a budget."""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xr_inr.core.bitstream import Section, write_container
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import budget_bytes
from xr_inr.core.scene import prepare_scene
from xr_inr.core.siren import batch
from xr_inr.core.siren import plan as plan_module
from xr_inr.core.siren.architecture import Architecture, bpppb
from xr_inr.core.siren.fit import Best
from xr_inr.core.siren.network import evaluate, initialise
from xr_inr.core.siren.plan import candidates, make_plan, smallest_payload
from xr_inr.core.siren.presets import DEFAULT_PRESET, PRESETS
from xr_inr.core.siren.rank import ranks_by_error
from xr_inr.core.siren.storage import FLOAT_BITS, network_bytes
from xr_inr.core.spectral import SpectralBasis, analyse
from xr_inr.exceptions import BudgetError, RequestError

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("architecture", "weights", "biases"),
    [
        # eq. 5: 2 w_h + w_h^2 (n_h - 1) + c w_h
        pytest.param((1, 1, 1), 2 + 0 + 1, 2, id="smallest"),
        pytest.param((5, 20, 224), 40 + 400 * 4 + 224 * 20, 5 * 20 + 224, id="jasper-ridge"),
        pytest.param((10, 100, 200), 200 + 10_000 * 9 + 20_000, 1_000 + 200, id="indian-pines"),
        pytest.param((2, 3, 4), 6 + 9 + 12, 3 + 3 + 4, id="small"),
    ],
)
def test_parameters_by_hand(architecture, weights, biases):
    shape = Architecture(*architecture)
    assert (shape.weights, shape.biases, shape.parameters) == (weights, biases, weights + biases)


def test_layer_shapes_by_hand():
    assert Architecture(3, 7, 5).layer_shapes == ((7, 2), (7, 7), (7, 7), (5, 7))


def test_bits_per_pixel_per_band_by_hand():
    # eq. 4: 6,120 parameters of 16 bits over 100 x 100 pixels x 224 bands: 97,920 / 2,240,000
    assert bpppb(6_120, 16, 100 * 100, 224) == pytest.approx(0.043714285714, rel=1e-9)


def test_architecture_names_itself():
    assert str(Architecture(5, 20, 224)) == "5 x 20 -> 224"


def test_initialisation_is_that_of_the_siren_paper():
    layers = initialise(Architecture(2, 600, 400), torch.Generator().manual_seed(0), CPU)
    bounds = [(1 / 2, 1 / math.sqrt(2)), *[(math.sqrt(6 / 600) / 30, 1 / math.sqrt(600))] * 2]
    for (weights, biases), (weight_bound, bias_bound) in zip(layers, bounds, strict=True):
        for parameters, bound in ((weights, weight_bound), (biases, bias_bound)):
            assert parameters.requires_grad
            parameters = parameters.detach()  # noqa: PLW2901
            assert 0.95 * bound < float(parameters.abs().max()) <= bound
            assert abs(float(parameters.mean())) < 0.1 * bound


def test_initialisation_repeats_with_the_seed_alone():
    def drawn(seed):
        layers = initialise(Architecture(1, 4, 3), torch.Generator().manual_seed(seed), CPU)
        return [parameters.tolist() for layer in layers for parameters in layer]

    assert drawn(1) == drawn(1) != drawn(2)


def test_torch_network_by_hand():
    layers = [
        (torch.tensor([[0.01, -0.02]]), torch.tensor([0.03])),
        (torch.tensor([[0.04]]), torch.tensor([-0.05])),
        (torch.tensor([[2.0], [-3.0]]), torch.tensor([0.5, 0.25])),
    ]
    hidden = math.sin(30 * (0.04 * math.sin(30 * (0.01 * 0.5 - 0.02 * -1.0 + 0.03)) - 0.05))
    found = evaluate(layers, torch.tensor([[0.5, -1.0]]))
    assert found.tolist()[0] == pytest.approx([2 * hidden + 0.5, -3 * hidden + 0.25], abs=1e-6)


@pytest.mark.parametrize(("bits", "budget"), [(16, 300), (16, 5_000), (32, 5_000), (8, 5_000), (8, 300), (4, 80)])
def test_candidates_are_the_widest_that_fit(bits, budget):
    def size(architecture):
        return network_bytes(architecture, bits)

    found = candidates((1, 2, 3, 5), 4, size, budget, table_i=bits in FLOAT_BITS)
    assert found
    for architecture in found:
        wider = Architecture(architecture.hidden_layers, architecture.hidden_width + 1, 4)
        assert size(architecture) <= budget < size(wider)


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        pytest.param({1: 100, 2: 99, 3: 97, 4: 96}, [1, 2, 3], id="within-3-percent"),
        pytest.param({1: 90, 2: 96, 3: 50}, [2], id="the-largest-where-none-is"),
        pytest.param({1: 101, 2: 98}, [2], id="too-large"),
        pytest.param({1: 101}, [], id="none"),
    ],
)
def test_candidates_that_leave_budget_unused_are_dropped(sizes, kept):
    def size(architecture):
        return sizes[architecture.hidden_layers] + 1000 * (architecture.hidden_width - 1)

    assert [found.hidden_layers for found in candidates(sizes, 4, size, 100, table_i=False)] == kept


def test_widths_end_where_table_i_ends():
    def size(architecture):
        return network_bytes(architecture, 32)

    assert [found.hidden_width for found in candidates((1, 2), 4, size, 10**9, table_i=True)] == [255]


@pytest.mark.parametrize("bits", [32, 16, 8, 6, 4])
@pytest.mark.parametrize("name", ["fast", "paper"])
def test_plan_fills_the_budget_and_never_exceeds_it(make_scene, name, bits):
    scene = prepare_scene(make_scene((12, 40, 50), "u2"))
    for rate in (0.5, 0.7, 1.1):
        budget = budget_bytes(rate, scene.layout.samples)
        plan = make_plan(scene, dataclasses.replace(PRESETS[name], hidden_layers=(2, 3, 5)), budget, bits)
        assert plan.architectures
        for architecture in plan.architectures:
            assert 0.9 * budget <= plan.size(architecture) <= budget


def test_plan_falls_back_to_the_mean_spectrum(make_scene):
    scene = prepare_scene(make_scene())
    smallest = smallest_payload(scene, PRESETS["fast"], 8)
    plan = make_plan(scene, PRESETS["fast"], smallest, 8)
    assert (plan.basis.rank, plan.architectures) == (0, [])
    sections = scene.layout.to_sections() | {Section.SPECTRAL: plan.basis.to_bytes()}
    assert len(write_container(1, sections)) == smallest


@pytest.mark.parametrize(("name", "bits"), [("fast", 8), ("fast", 16), ("paper", 8), ("paper", 16), ("paper", 32)])
def test_budget_below_the_smallest_payload_says_the_smallest(make_scene, name, bits):
    scene = prepare_scene(make_scene((4, 10, 10)))
    smallest = smallest_payload(scene, PRESETS[name], bits)
    make_plan(scene, PRESETS[name], smallest, bits)
    with pytest.raises(BudgetError, match=rf"{smallest - 1:,} bytes .* takes {smallest:,} bytes \(\d.*bpppb\)"):
        make_plan(scene, PRESETS[name], smallest - 1, bits)


def test_basis_of_any_plan_can_be_read_back():
    array = np.random.default_rng(0).random((425, 10, 60)).astype("f4")  # as many bands as AVIRIS-NG has
    basis = make_plan(prepare_scene(array), PRESETS["fast"], 3_000_000, 8).basis
    assert SpectralBasis.from_bytes(basis.to_bytes(), 425).rank == basis.rank


def scene_of(components):
    """A scene of some orthogonal components in noise."""
    generator = np.random.default_rng(0)
    rows, columns = np.indices((24, 32))
    planes = [np.cos(2 * np.pi * ((i + 1) * rows / 24 + i * columns / 32)) for i in range(components)]
    spectra = np.linalg.qr(generator.normal(size=(12, 12)))[0][:, :components]
    array = np.einsum("bi,iyx->byx", spectra, planes) + generator.normal(0.0, 0.01, (12, 24, 32))
    return prepare_scene(array)


def rank_of(components, parameters):
    """The rank with the smallest predicted error; a direction costs 12 parameters."""
    scene = scene_of(components)
    return ranks_by_error(scene, analyse(scene), lambda rank: parameters - 12 * rank)[0]


@pytest.mark.parametrize(("components", "parameters"), [(1, 25), (3, 70), (5, 100)])
def test_rank_is_the_number_of_components_that_stand_out(components, parameters):
    assert rank_of(components, parameters) == components


def test_rank_grows_with_the_parameters_there_are():
    ranks = [rank_of(5, parameters) for parameters in (1, 20, 40, 100)]
    assert ranks == sorted(ranks)
    assert ranks[0] == 1 < ranks[-1]


@pytest.mark.parametrize("budget", range(330, 700, 37))
def test_where_the_best_rank_leaves_budget_unused_the_next_best_beside_it_is_taken(monkeypatch, budget):
    scene, preset = scene_of(5), PRESETS["balanced"]
    order = []

    def remember(*arguments):
        order[:] = ranks_by_error(*arguments)
        return order

    monkeypatch.setattr(plan_module, "ranks_by_error", remember)
    chosen = make_plan(scene, preset, budget, 8).basis.rank
    better = [rank for rank in order[: order.index(chosen)] if abs(rank - order[0]) <= 2]
    monkeypatch.setattr(plan_module, "ranks_by_error", lambda *_: better[:1])
    while better:
        plan = make_plan(scene, preset, budget, 8)
        sizes = [plan.size(architecture) for architecture in plan.architectures]
        assert plan.basis.rank != better.pop(0) or max(sizes, default=0) < 0.97 * budget


@pytest.mark.parametrize("shape", [(1, 1, 65_536), (1, 65_536, 1)], ids=["too-wide", "too-high"])
def test_plan_refuses_what_table_i_cannot_say(shape):
    scene = prepare_scene(np.arange(65_536.0).reshape(shape))
    with pytest.raises(RequestError, match=r"must be at most 65535 to be stored as Table I says .* Got shape"):
        make_plan(scene, PRESETS["paper"], 20_000, 16)


def test_presets_are_sound():
    assert DEFAULT_PRESET in PRESETS
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert preset.rungs[-1] < preset.iterations
        assert all(before < after for before, after in itertools.pairwise(preset.rungs))


def test_paper_preset_has_the_settings_of_the_paper():
    paper = PRESETS["paper"]
    assert (paper.optimiser, paper.learning_rate, paper.schedule) == ("adam", 2e-4, "constant")
    assert (paper.iterations, paper.spectral, paper.weight_bits) == (15_000, False, 16)


class Candidate:
    """A fit that reaches a PSNR of 20 dB and one more for each hidden layer, without fitting."""

    def __init__(self, _objectives, architecture, preset, **_):
        best = Best(20.0 + architecture.hidden_layers, layers=[()])
        self.found, self.finished = {0: (best, preset.iterations)}, True


def searched(monkeypatch, depths, rungs, monitor=None, size=7):
    """Return a chunk after the search among networks of some depths; every payload is of that size."""
    monkeypatch.setattr(batch, "StackTrainer", Candidate)
    aim = SimpleNamespace(stop_at=math.inf)
    plan = SimpleNamespace(weight_bits=8, size=lambda _: size)
    chunk = batch._Chunk(
        aim, plan, SimpleNamespace(points=9, home=CPU), [Architecture(depth, 5, 3) for depth in depths]
    )
    preset = dataclasses.replace(PRESETS["fast"], rungs=rungs)
    batch._Batch([chunk], preset, CPU, 0, monitor or Monitor()).run()
    return chunk


@pytest.mark.parametrize(
    ("depths", "rungs", "fitted"),
    [
        pytest.param([1], (10, 20), [], id="one-candidate-needs-no-search"),
        pytest.param([2, 1], (10, 20), [{1, 2}], id="two"),
        pytest.param([2, 4, 1, 3], (10, 20), [{1, 2, 3, 4}, {3, 4}], id="four"),
        pytest.param([5, 1, 2, 4, 3], (10, 20, 30), [{1, 2, 3, 4, 5}, {3, 4, 5}, {4, 5}], id="five"),
        pytest.param([3, 1, 2], (10,), [{1, 2, 3}], id="rungs-end-before-the-candidates"),
    ],
)
def test_search_drops_the_worse_half_in_each_round(monkeypatch, depths, rungs, fitted):
    chunk = searched(monkeypatch, depths, rungs)
    assert chunk.best[0].hidden_layers == max(depths)
    seen = [(result.iterations, result.architecture.hidden_layers) for result in chunk.tried]
    expected = {(rung, depth) for rung, depths in zip(rungs, fitted, strict=False) for depth in depths}
    assert set(seen) == expected
    assert len(seen) == len(expected)


def test_search_says_a_line_for_each_candidate_and_round(monkeypatch):
    lines = []
    chunk = searched(monkeypatch, (1, 2), (10,), Monitor(note=lines.append), size=12_345)
    assert lines[0].split() == ["1", "x", "5", "->", "3", "12,345", "bytes", "10", "iterations", "21.00", "dB"]
    assert lines[:2] == list(map(str, chunk.tried))


def test_rank_is_that_of_the_measured_pixels(make_scene):
    inside = make_scene((40, 24, 24), "f4", seed=2) + np.random.default_rng(1).normal(0.0, 0.02, (40, 24, 24))
    around = np.full((40, 48, 96), np.nan)
    around[:, 12:36, 36:60] = inside
    ranks = [
        ranks_by_error(scene, analyse(scene), lambda rank: 400 - 42 * rank)[0]
        for scene in (prepare_scene(inside), prepare_scene(around))
    ]

    assert abs(ranks[0] - ranks[1]) <= 1
