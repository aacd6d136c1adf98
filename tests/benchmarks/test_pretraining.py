"""The context network's own fit, on tiny scenes: examples, contexts as the decoder has them, networks, the table."""

import csv
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import pretraining, results, scenes
from benchmarks.pretraining import fit
from benchmarks.pretraining import run as networks
from benchmarks.pretraining.contexts import contexts_of
from benchmarks.pretraining.examples import SCENES, VIEWS, View, examples_of
from benchmarks.pretraining.fit import FitSettings, Lesson, fit_network
from benchmarks.pretraining.start import scale_alone
from benchmarks.pretraining.trainable import TrainableContext
from xr_inr.core.arrays import NUMPY
from xr_inr.core.latent import latents
from xr_inr.core.latent.latents import encode_latents
from xr_inr.core.latent.network import LARGEST_WEIGHT, OFFSET_UNIT, SHAPES, ContextNetwork, shipped
from xr_inr.core.latent.scales import ScaleIndices
from xr_inr.core.latent.soft import code_lengths
from xr_inr.core.latent.symbols import SymbolEncoder

NAMES = ("first", "second")
SHAPE = (6, 24, 21)
VIEW, CROP = View((1.0, 4.0)), View((2.0,), 16, (1.0, 0.5))


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory, make_scene):
    """A folder with two tiny scenes, and one for results."""
    folder = tmp_path_factory.mktemp("scenes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "FOLDER", folder / "results")
        patch.setenv(scenes.FOLDER, str(folder))
        for seed, name in enumerate(NAMES):
            patch.setitem(scenes.SCENES, name, scenes.Source(name, name, SHAPE))
            np.save(folder / f"{name}.npy", make_scene(SHAPE, seed=seed))
        yield folder


@pytest.fixture(scope="module")
def examples(folder):  # noqa: ARG001 - holds the scenes
    return list(examples_of(NAMES, shipped(), [VIEW, CROP]))


def lessons_of(examples, known=None):
    known = known or shipped()
    return [Lesson(one.scene, contexts_of(one, known), one.bits(known)) for one in examples]


def of_first_round(examples):
    """The network that a run with 6 steps and seed 3 fits first."""
    return fit_network(lessons_of(examples, scale_alone()), FitSettings(steps=3, seed=3))


def changed(trainable, name, values):
    """Set parameters of a trainable network."""
    trainable.load_state_dict(
        {key: values if key.endswith(f".{name}") else part for key, part in trainable.state_dict().items()}
    )
    return trainable


class Recording(SymbolEncoder):
    """An encoder that keeps the indices it is told."""

    def __init__(self):
        super().__init__()
        self.told = []

    def put(self, values, scales, means, told=None):
        self.told.append(scales)
        super().put(values, scales, means, told)

    def put_calls(self, values, scales, means, sizes, told=None):
        self.told.append(scales)
        super().put_calls(values, scales, means, sizes, told)


def indices_of(example, network):
    """The index of each latent's scale, as the coder hears it."""
    recording = Recording()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latents, "SymbolEncoder", lambda: recording)
        encode_latents(example.latents, example.side, example.pyramid, network)
    return np.concatenate(recording.told)


def indices_when_trained(trainable, contexts):
    with torch.no_grad():
        return trainable(contexts.features.float(), contexts.places.long(), contexts.offsets).numpy()


def test_every_view_gives_an_example_at_each_of_its_rates(examples):
    found = [(one.scene, one.view, one.bpppb) for one in examples]
    views = [("whole", 1.0), ("whole", 4.0), ("16 x 16 at 8, 2", 2.0)]
    assert found == [(name, *view) for name, view in itertools.product(NAMES, views)]


def test_a_crop_is_analysed_on_its_own(examples):
    assert {one.pyramid.size for one in examples if one.view == "whole"} == {SHAPE[1:]}
    assert {one.pyramid.size for one in examples if one.view != "whole"} == {(16, 16)}


def test_a_higher_rate_takes_more_bits(examples):
    coarse, fine = (one for one in examples if one.scene == "first" and one.view == "whole")
    assert fine.step < coarse.step
    assert fine.bits(shipped()) > coarse.bits(shipped())


def test_a_rate_that_leaves_no_latent_gives_no_example():
    assert list(examples_of(["first"], shipped(), [View((1e-6,))])) == []


def test_shipped_network_learns_from_small_and_large_parts_from_0_005_to_4_bpppb():
    rates = [rate for view in VIEWS for rate in view.rates]
    assert {view.side for view in VIEWS} == {None, 32, 64}
    assert (min(rates), max(rates)) == (0.005, 4.0)
    assert set(SCENES) <= set(scenes.SCENES)


def test_missing_scene_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(scenes.FOLDER, str(tmp_path / "nowhere"))
    with pytest.raises(scenes.MissingSceneError, match="second"):
        list(examples_of(["second"], shipped()))


def test_contexts_are_those_of_the_coder(examples):
    for one in examples:
        contexts = contexts_of(one, shipped())
        features, places = contexts.features.numpy().T.astype(np.float32), contexts.places.numpy().astype(int)
        indices = np.zeros(one.count, int)
        for place in np.unique(places, axis=0):
            there = (places == place).all(axis=1)
            offsets = contexts.offsets.numpy()[there].astype(np.float32) / OFFSET_UNIT
            indices[there] = ScaleIndices(shipped(), NUMPY)(features[:, there], tuple(place.tolist()), offsets)
        assert len(contexts) == one.count
        np.testing.assert_array_equal(indices, indices_of(one, shipped()))


def test_code_lengths_of_contexts_add_up_to_the_stream(examples):
    for one in examples:
        contexts = contexts_of(one, shipped())
        indices = torch.from_numpy(indices_of(one, shipped())).float()
        bits = float(code_lengths(contexts.values, contexts.means, indices).sum())
        assert bits == pytest.approx(one.bits(shipped()), rel=0.02, abs=40)


@pytest.mark.parametrize("seed", range(3))
def test_network_in_training_says_what_the_stored_one_says(examples, seed):
    trainable = TrainableContext(levels=4, seed=seed)
    for one in examples:
        indices = indices_when_trained(trainable, contexts_of(one, shipped()))
        np.testing.assert_array_equal(np.floor(indices + 0.5), indices_of(one, trainable.network()))


def test_gradients_reach_every_parameter(examples):
    trainable = TrainableContext(levels=4, seed=0)
    contexts = contexts_of(examples[0], shipped())
    indices = trainable(contexts.features.float(), contexts.places.long(), contexts.offsets)
    code_lengths(contexts.values, contexts.means, indices).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in trainable.parameters())


def test_levels_that_no_example_has_take_the_biases_of_the_last():
    network = TrainableContext(levels=2, seed=0)
    biases = torch.arange(float(np.prod(SHAPES["of_level"]))).reshape(SHAPES["of_level"])
    stored = changed(network, "of_level", biases).network().of_level
    assert (stored[0] != stored[1]).all()
    assert (stored[1:] == stored[1]).all()


def test_weights_are_kept_within_what_is_stored():
    trainable = changed(TrainableContext(levels=1, seed=0), "second", torch.full(SHAPES["second"], -1e6))
    trainable.confine()
    assert (trainable.network().second == -LARGEST_WEIGHT).all()


def test_stored_network_is_read_back():
    network = TrainableContext(levels=4, seed=0).network()
    assert ContextNetwork.from_bytes(network.to_bytes()).identity == network.identity


def test_fit_lessens_the_bits(examples):
    lessons = lessons_of(examples)
    first, last = (fit_network(lessons, FitSettings(steps=steps, batch=512)) for steps in (1, 100))
    assert sum(one.bits(last) for one in examples) < 0.9 * sum(one.bits(first) for one in examples)


def test_fit_gives_the_same_bytes_for_the_same_seed(examples):
    lessons = lessons_of(examples)
    fitted = [fit_network(lessons, FitSettings(steps=5, seed=seed, batch=64)).to_bytes() for seed in (0, 0, 1)]
    assert fitted[0] == fitted[1] != fitted[2]


def test_scenes_count_alike_however_many_examples_they_have_and_however_many_bits(examples):
    lessons = lessons_of(examples[:3] + examples[-1:])
    shares = fit._Drawing(lessons, FitSettings(batch=8)).batch()[-1].reshape(len(lessons), -1).sum(1).tolist()
    losses = [share * one.bits / len(one.contexts) for share, one in zip(shares, lessons, strict=True)]
    assert losses == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_latents_are_drawn_from_every_example_alike(examples):
    lessons = lessons_of(examples)
    numbered = [
        dataclasses.replace(one, contexts=dataclasses.replace(one.contexts, values=torch.full((len(one.contexts),), i)))
        for i, one in enumerate(lessons)
    ]
    drawn = fit._Drawing(numbered, FitSettings(batch=7 * len(lessons))).batch()[2]
    assert torch.bincount(drawn).tolist() == [7] * len(lessons)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}])
def test_fit_without_steps_or_latents_is_refused(wrong):
    with pytest.raises(ValueError, match="must be at least 1"):
        FitSettings(**wrong)


def test_fit_to_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one example"):
        fit_network([], FitSettings())


@pytest.fixture
def run(monkeypatch, tmp_path, examples):
    """A function that runs all but the making of examples; returns the network, the rows and what was said."""
    monkeypatch.setattr(networks, "examples_of", lambda *_: iter(examples))

    def run(**options):
        said = []
        network = networks.run(6, 3, tmp_path / "network.bin", scenes=NAMES, say=said.append, **options)
        return network, results.read(pretraining.TABLE), said

    return run


def test_run_from_the_scenes_on_gives_the_same_bytes_twice(tmp_path):
    files = [tmp_path / "first.bin", tmp_path / "second.bin"]
    for file in files:
        networks.run(6, 3, file, leave_one_out=False, scenes=NAMES[:1], views=[CROP], say=lambda _: None)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_run_writes_the_network_and_says_its_identity(run, tmp_path):
    network, _, said = run()
    output = tmp_path / "network.bin"
    assert ContextNetwork.from_bytes(output.read_bytes()).identity == network.identity
    assert any(network.identity.hex() in line and str(output) in line for line in said)


def test_row_has_bits_per_latent_under_each_network(run, examples):
    network, rows, _ = run()
    rounding = of_first_round(examples)
    assert tuple(rows[0]) == networks.COLUMNS
    assert [(row["scene"], row["part"], row["asked_bpppb"]) for row in rows] == [
        (one.scene, one.view, f"{one.bpppb:g}") for one in examples
    ]
    for row, one in zip(rows, examples, strict=True):
        assert int(row["latents"]) == one.count
        assert float(row["bits_per_latent"]) == pytest.approx(one.bits(network) / one.count, abs=1e-5)
        assert float(row["rounding_bits_per_latent"]) == pytest.approx(one.bits(rounding) / one.count, abs=1e-5)
        assert row["network"] == network.identity.hex()
        assert row["rounding_network"] == rounding.identity.hex()
        assert row["settings"] == "2 rounds, 6 steps, seed 3; left out: 3 steps"


def test_left_out_scene_is_coded_by_a_network_that_never_saw_it(run, examples):
    _, rows, _ = run()
    others = lessons_of([one for one in examples if one.scene == "second"], of_first_round(examples))
    network = fit_network(others, FitSettings(steps=3, seed=3))
    found = [float(row["left_out_bits_per_latent"]) for row in rows if row["scene"] == "first"]
    expected = [one.bits(network) / one.count for one in examples if one.scene == "first"]
    assert found == pytest.approx(expected, abs=1e-5)


def test_nothing_is_left_out_when_not_asked_for(run):
    _, rows, said = run(leave_one_out=False)
    assert {row["left_out_bits_per_latent"] for row in rows} == {""}
    assert {row["settings"] for row in rows} == {"2 rounds, 6 steps, seed 3"}
    assert not any("other scenes" in line for line in said)


def test_summary_says_what_each_scene_gains_in_all(examples):
    measured = [
        networks.Measured(example, 1000, 900, left_out)
        for example, left_out in zip(examples[2:4], (990, None), strict=True)
    ]
    assert list(networks.summary(measured)) == [
        "first: 900 bits, -10.00 % against the network that rounded; -1.00 % when fitted to the other scenes",
        "second: 900 bits, -10.00 % against the network that rounded",
    ]


def test_leaving_out_the_only_scene_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 2 scenes"):
        networks.run(6, 3, tmp_path / "network.bin", scenes=NAMES[:1])


def test_run_leaves_the_number_of_threads_as_it_was(run, monkeypatch):
    told = []
    monkeypatch.setattr(networks.torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(networks.torch, "set_num_threads", told.append)
    run(leave_one_out=False)
    assert told == [1, 2]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], (pretraining.STEPS, 0, pretraining.OUTPUT, True)),
        (["--steps", "9", "--seed", "4", "--output", "net.bin"], (9, 4, Path("net.bin"), True)),
        (["--no-leave-one-out"], (pretraining.STEPS, 0, pretraining.OUTPUT, False)),
    ],
)
def test_command_line_takes_steps_seed_output_and_whether_to_leave_out(monkeypatch, words, expected):
    asked = []
    monkeypatch.setattr("sys.argv", ["benchmarks", "networks", *words])
    monkeypatch.setattr(
        networks,
        "run",
        lambda steps, seed, output, *, leave_one_out: asked.append((steps, seed, output, leave_one_out)),
    )
    command.main()
    assert asked == [expected]


def test_network_is_written_where_the_package_reads_it():
    assert pretraining.OUTPUT.read_bytes() == shipped().to_bytes()


def test_committed_table_is_of_the_shipped_network():
    folder = Path(results.__file__).parent / "results"
    with (folder / f"{pretraining.TABLE}.tsv").open() as file:
        assert {row["network"] for row in csv.DictReader(file, delimiter="\t")} == {shipped().identity.hex()}


def test_first_round_rounds_with_a_network_that_knows_but_the_stored_scales(run):
    _, _, said = run(leave_one_out=False)
    rounds = [line for line in said if line.startswith("round ")]
    assert len(rounds) == pretraining.ROUNDS
    assert scale_alone().identity.hex() in rounds[0]
