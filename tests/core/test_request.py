"""What can be asked for, and that every broken rule is named together with the value."""

import sys

import numpy as np
import pytest
import torch

from xr_inr.core import device as devices
from xr_inr.core.encode import foresee
from xr_inr.core.latent.presets import LATENT_PRESETS
from xr_inr.core.monitor import Monitor
from xr_inr.core.request import MODELS, PRESETS_OF, FitRequest
from xr_inr.core.siren.presets import PRESETS
from xr_inr.exceptions import BudgetError, DependencyError, RequestError

INF, NAN = float("inf"), float("nan")


def test_defaults():
    request = FitRequest(bpppb=0.1)
    assert (request.model, request.preset, request.device, request.seed) == ("latent", "balanced", "auto", 0)
    assert request.latent_preset is LATENT_PRESETS["balanced"]


def test_each_model_has_its_presets():
    assert {model: tuple(presets) for model, presets in PRESETS_OF.items()} == {
        "latent": ("fast", "balanced", "best"),
        "siren": ("fast", "balanced", "best", "paper"),
    }


def test_siren_takes_its_presets_weight_bits():
    request = FitRequest(bpppb=0.1, model="siren", preset="paper")
    assert request.siren_preset is PRESETS["paper"]
    assert request.stored_bits == PRESETS["paper"].weight_bits


@pytest.mark.parametrize(
    "target", [{"bpppb": 0.1}, {"psnr": 40}, {"psnr": 40.0}, {"sam": 0.5}, {"bpppb": np.float64(0.1)}]
)
def test_target_is_the_one_given(target):
    assert FitRequest(**target).target == next(iter(target.values()))


@pytest.mark.parametrize(
    "number", [np.float32(0.5), np.float16(0.5), np.int16(1)], ids=lambda value: type(value).__name__
)
def test_numpy_numbers_are_numbers(number):
    assert FitRequest(bpppb=number).target == number


@pytest.mark.parametrize("bits", [32, 16, 8, 7, 6, 5, 4])
def test_weight_bits_replace_those_of_the_preset(bits):
    assert FitRequest(bpppb=1.0, model="siren", weight_bits=bits).stored_bits == bits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            {}, "exactly one target of bpppb, psnr, sam and max_error must be given. Got none", id="no-target"
        ),
        pytest.param({"bpppb": 0.1, "psnr": 40}, "exactly one target .* Got bpppb=0.1, psnr=40", id="two-targets"),
        pytest.param({"bpppb": 0}, "bpppb must be a positive, finite number. Got 0", id="bpppb-0"),
        pytest.param({"bpppb": -0.1}, "bpppb must be a .*number. Got -0.1", id="bpppb-negative"),
        pytest.param({"bpppb": NAN}, "bpppb must be a .*number. Got nan", id="bpppb-nan"),
        pytest.param({"bpppb": INF}, "bpppb must be a .*number. Got inf", id="bpppb-inf"),
        pytest.param({"bpppb": "0.1"}, "bpppb must be a .*number. Got '0.1'", id="bpppb-text"),
        pytest.param({"bpppb": True}, "bpppb must be a .*number. Got True", id="bpppb-bool"),
        pytest.param({"bpppb": [0.1]}, r"bpppb must be a .*number. Got \[0.1\]", id="bpppb-list"),
        pytest.param({"bpppb": 1j}, "bpppb must be a .*number. Got 1j", id="bpppb-complex"),
        pytest.param({"psnr": -1}, "psnr must be a .*number. Got -1", id="psnr-negative"),
        pytest.param({"sam": 0}, "sam must be a positive, finite number. Got 0", id="sam-0"),
        pytest.param({"sam": 181}, "sam must be at most 180 degrees. Got 181", id="sam-beyond"),
        pytest.param({"psnr": INF}, "psnr must be a .*number. Got inf", id="psnr-inf"),
        pytest.param(
            {"bpppb": 1, "model": "latents"}, "model must be one of 'latent', 'siren'.* Got 'latents'", id="model"
        ),
        pytest.param({"bpppb": 1, "model": None}, "model must be one of .* Got None", id="model-none"),
        pytest.param(
            {"bpppb": 1, "preset": "slow"},
            "preset must be one of 'fast', 'balanced', 'best' with model='latent'. Got 'slow'",
            id="preset",
        ),
        pytest.param(
            {"bpppb": 1, "preset": "paper"},
            "preset must be one of 'fast', 'balanced', 'best' with model='latent'. Got 'paper'",
            id="preset-of-the-other-model",
        ),
        pytest.param(
            {"bpppb": 1, "model": "siren", "preset": "slow"},
            "preset must be one of 'fast', 'balanced', 'best', 'paper' with model='siren'. Got 'slow'",
            id="preset-of-no-model",
        ),
        pytest.param(
            {"bpppb": 1, "weight_bits": 8},
            "weight_bits must come with model='siren'. Got weight_bits=8 with model='latent'",
            id="bits-of-the-other-model",
        ),
        pytest.param({"bpppb": 1, "preset": []}, r"preset must be one of .* Got \[\]", id="preset-list"),
        pytest.param({"bpppb": 1, "weight_bits": 3}, "weight_bits must be one of 32, 16, 8.* Got 3", id="3-bits"),
        pytest.param({"bpppb": 1, "weight_bits": 64}, "weight_bits must be one of .* Got 64", id="64-bits"),
        pytest.param({"bpppb": 1, "weight_bits": 8.0}, "weight_bits must be .* Got 8.0", id="float-bits"),
        pytest.param({"bpppb": 1, "weight_bits": "8"}, "weight_bits must be .* Got '8'", id="text-bits"),
        pytest.param({"bpppb": 1, "device": "gpu"}, "device must be 'auto', 'cpu'.* Got 'gpu'", id="device"),
        pytest.param({"bpppb": 1, "device": "cuda:"}, "device must be .* Got 'cuda:'", id="device-without-number"),
        pytest.param({"bpppb": 1, "device": "cuda:-1"}, "device must be .* Got 'cuda:-1'", id="device-negative"),
        pytest.param({"bpppb": 1, "device": None}, "device must be .* Got None", id="device-none"),
        pytest.param({"bpppb": 1, "seed": -1}, r"seed must be.* in \[0, 2\*\*63\). Got -1", id="seed-negative"),
        pytest.param({"bpppb": 1, "seed": 2**63}, "seed must be .* Got 9223372036854775808", id="seed-too-large"),
        pytest.param({"bpppb": 1, "seed": 0.5}, "seed must be an integer.* Got 0.5", id="seed-fraction"),
        pytest.param({"bpppb": 1, "seed": 1.0}, "seed must be an integer.* Got 1.0", id="seed-float"),
        pytest.param({"bpppb": 1, "seed": NAN}, "seed must be an integer.* Got nan", id="seed-nan"),
        pytest.param({"bpppb": 1, "seed": INF}, "seed must be an integer.* Got inf", id="seed-inf"),
        pytest.param({"bpppb": 1, "seed": "1"}, "seed must be an integer.* Got '1'", id="seed-text"),
        pytest.param({"bpppb": 1, "seed": True}, "seed must be an integer.* Got True", id="seed-bool"),
        pytest.param({"bpppb": 1, "seed": None}, "seed must be an integer.* Got None", id="seed-none"),
    ],
)
def test_request_is_refused(arguments, message):
    with pytest.raises(RequestError, match=message):
        FitRequest(**arguments)


def test_arguments_are_keywords():
    with pytest.raises(TypeError, match="positional"):
        FitRequest(0.1)


def test_to_dict_says_what_differs_from_the_defaults():
    request = FitRequest(psnr=40.0, weight_bits=16, seed=7, device="cpu", model="siren")
    assert request.to_dict() == {"psnr": 40.0, "model": "siren", "weight_bits": 16, "seed": 7}
    assert FitRequest(psnr=40.0, model="latent", preset="fast").to_dict() == {"psnr": 40.0, "preset": "fast"}


@pytest.mark.parametrize(
    "arguments", [{"bpppb": 0.1}, {"psnr": 40, "model": "siren", "preset": "paper", "seed": 2**63 - 1}]
)
def test_to_dict_repeats_the_request(arguments):
    assert FitRequest(**FitRequest(**arguments).to_dict()) == FitRequest(**arguments)


@pytest.mark.parametrize(
    ("name", "cuda_devices", "resolved"),
    [
        ("cpu", 0, "cpu"),
        ("cpu", 2, "cpu"),
        ("auto", 0, "cpu"),
        ("auto", 1, "cuda:0"),
        ("cuda", 1, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_device_names(monkeypatch, name, cuda_devices, resolved):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda_devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda_devices)
    assert str(devices.resolve(name)) == resolved


@pytest.mark.parametrize(
    ("name", "cuda_devices"), [("cuda", 0), ("cuda:0", 0), ("cuda:1", 1), ("cuda:300", 1), ("cuda:1000", 1)]
)
def test_device_that_is_not_there_is_refused(monkeypatch, name, cuda_devices):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda_devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda_devices)
    with pytest.raises(RequestError, match=f"device '{name}' is not there: this machine has {cuda_devices} CUDA"):
        devices.resolve(name)


def test_missing_torch_says_the_command_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DependencyError, match=r"pip install 'xr-inr\[fit\]'"):
        devices.resolve("cpu")


def test_each_device_has_one_lock():
    assert devices.lock(torch.device("cpu")) is devices.lock(torch.device("cpu"))
    assert devices.lock(torch.device("cpu")) is not devices.lock(torch.device("cuda:0"))


def test_requests_foresight_and_reading_load_no_torch(encode, make_scene):
    import subprocess

    payloads = [encode(make_scene(), bpppb=16.0, model=model).payload for model in MODELS]
    code = (
        "import sys; sys.modules['torch'] = None; import numpy as np; from xr_inr.core.decode import decode; "
        "from xr_inr.core.encode import foresee; from xr_inr.core.request import FitRequest; "
        f"scenes = [decode(payload) for payload in {payloads}]; "
        f"[foresee(scene, FitRequest(bpppb=1.0, model=model)) for scene in scenes for model in {MODELS}]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("array", "options"),
    [
        pytest.param(np.arange(24.0).reshape(1, 4, 6) * 1j, {}, id="complex"),
        pytest.param(np.full((1, 4, 6), np.inf), {}, id="infinite"),
        pytest.param(np.arange(24.0).reshape(4, 6), {}, id="two-axes"),
        pytest.param(np.arange(24).reshape(1, 4, 6), {"nodata": 0.5}, id="nodata"),
        pytest.param(np.arange(24.0).reshape(1, 4, 6), {"bpppb": 0.01}, id="budget"),
        pytest.param(np.arange(24.0).reshape(1, 4, 6), {"device": "cuda:99"}, id="device"),
        pytest.param(
            np.arange(66_000.0).reshape(1, 1, -1),
            {"model": "siren", "preset": "paper", "bpppb": 0.1},
            id="too-wide-for-table-i",
        ),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_bad_input_is_refused_before_any_fitting(encode, array, options, model):
    reports = []
    with pytest.raises(RequestError):
        encode(array, monitor=Monitor(report=reports.append), **{"model": model} | options)
    assert not reports


@pytest.mark.parametrize(
    ("array", "nodata", "message"),
    [
        pytest.param(np.full((1, 4, 6), np.inf), None, "must be finite", id="infinite"),
        pytest.param(np.arange(24).reshape(1, 4, 6), 0.5, "nodata must be", id="nodata"),
        pytest.param(np.arange(24.0).reshape(4, 6), None, "must have 3 axes", id="two-axes"),
    ],
)
def test_bad_input_is_foreseen(array, nodata, message):
    with pytest.raises(RequestError, match=message):
        foresee(array, FitRequest(bpppb=0.01), nodata=nodata)


@pytest.mark.parametrize("model", MODELS)
def test_size_and_valid_samples_are_foreseen(encode, masked_scene, model):
    request = FitRequest(bpppb=16.0, model=model, preset="fast")
    prospect = foresee(masked_scene, request, nodata=-999.0)
    assert prospect.valid_samples == 380
    smallest = encode(masked_scene, nodata=-999.0, bpppb=prospect.smallest * 8 / masked_scene.size, model=model)
    assert len(smallest.payload) == prospect.smallest
    assert foresee(np.full((1, 2, 3), np.nan), request).valid_samples == 0


@pytest.mark.parametrize("model", MODELS)
def test_budget_below_the_header_says_the_smallest_and_that_one_works(encode, make_scene, model):
    scene = make_scene()
    with pytest.raises(BudgetError, match=r"smallest payload of this scene takes (\d+) bytes") as refused:
        encode(scene, bpppb=0.01, model=model)
    smallest = int(str(refused.value).split("takes ")[1].split()[0])
    assert len(encode(scene, bpppb=smallest * 8 / scene.size, model=model).payload) == smallest
    with pytest.raises(BudgetError, match="smallest payload"):
        encode(scene, bpppb=(smallest - 1) * 8 / scene.size, model=model)


@pytest.mark.parametrize("model", MODELS)
def test_budget_below_an_exact_scene_says_the_smallest(encode, model):
    with pytest.raises(BudgetError, match=r"is too small: the smallest payload of this scene takes \d+ bytes"):
        encode(np.full((2, 5, 5), 3), bpppb=0.01, model=model)


@pytest.mark.parametrize("options", [{"model": "latent"}, {"weight_bits": 16}], ids=["latent", "siren"])
def test_vast_budget_is_no_error(encode, make_scene, options):
    assert encode(make_scene((2, 3, 3)), bpppb=1e308, **options).architecture
