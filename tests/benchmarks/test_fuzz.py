"""The alterations, what is held against each reader, and a little of it all in every run."""

import json
import random
import re
import shutil
import subprocess
import sys
import warnings
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import entries, mutation, run, sanitized_worker, sanitizers, seeds, worker
from benchmarks.fuzz.entries import ENTRIES, LAYERS
from xr_inr.core.bitstream import Model, Section, read_container, write_container
from xr_inr.core.decode import Payload, decode
from xr_inr.core.kernels import KERNELS
from xr_inr.exceptions import PayloadError

PAIRS = [(name, layer) for name, entry in ENTRIES.items() for layer in entry.layers]
LATENTS = [payload for payload in seeds.payloads() if read_container(payload)[0] is Model.LATENT]


def is_sealed(payload):
    """Whether a payload gets past the checksum."""
    try:
        read_container(payload)
    except PayloadError as error:
        return "CRC32C" not in str(error)
    return True


def some(mutate, given, count=200):
    chance = random.Random(0)  # noqa: S311 - to be repeated
    return [mutate(chance, given) for _ in range(count)]


def test_what_is_altered_is_read_as_long_as_it_is_not():
    entries.check()
    assert all(np.isfinite(decode(payload).astype(float)).any() for payload in seeds.payloads())


def test_every_section_of_the_format_is_altered_by_itself_and_within_payloads():
    assert {f"section {tag.name}" for tag in Section} <= set(ENTRIES)
    assert {tag for _, held in seeds.parts() for tag in held} == set(Section)


@pytest.mark.parametrize("layer", ["sealed sections", "sealed fields"])
def test_sealed_alterations_get_past_the_checksum(layer):
    assert all(is_sealed(payload) for payload in some(LAYERS[layer], seeds.payloads()))


def test_raw_alterations_hardly_ever_do():
    assert sum(map(is_sealed, some(mutation.raw, seeds.payloads()))) < 40


REFUSALS_OF_EVERY_NETWORK = [
    "unit of the .* must be positive and finite",
    "inputs in the .* must be in",
    "hidden width in the .* must be in",
    "step in the .* must be in",
    "an octave must lie within",
    "a stored parameter must lie within",
    "weights of a unit must sum to less than",
    "must end where their stream does",
]
REFUSALS = [
    *REFUSALS_OF_EVERY_NETWORK,
    r"networks in the .* must be in",
    "outputs in the .* must be in",
    "inputs needs more than",
]


@pytest.mark.parametrize(
    ("layer", "name", "refusals"),
    [
        ("networks", "section LATENT_SYNTHESIS", REFUSALS),
        ("restoring networks", "section LATENT_RESTORATION", REFUSALS_OF_EVERY_NETWORK),
        ("sealed networks", "decode", REFUSALS),
    ],
    ids=["networks", "restoring networks", "sealed networks"],
)
def test_coded_networks_reach_every_refusal_of_theirs_and_many_are_read(layer, name, refusals):
    entry = ENTRIES[name]
    said = []
    for data in some(LAYERS[layer], entry.given(), 600):
        try:
            entry.call(data)
        except PayloadError as error:
            said.append(str(error))

    assert len(said) < 450
    assert [rule for rule in refusals if not any(re.search(rule, reason) for reason in said)] == []


def test_values_stay_json():
    assert all(isinstance(json.loads(text), dict) for text in some(mutation.values, seeds.reports()))


def test_the_same_seed_alters_in_the_same_way():
    assert some(mutation.fields, seeds.payloads()) == some(mutation.fields, seeds.payloads())


def test_all_executions_are_shared_out():
    found = run.jobs(1_000_000)
    assert {(job["target"], job["layer"]) for job in found} == set(PAIRS)
    assert sum(job["executions"] for job in found) == pytest.approx(1_000_000, rel=1e-3)


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match=r"targets must be among decode, .*Got nothing"):
        run.jobs(1, ["nothing"])


def test_sanitized_kernels_are_given_what_reaches_them():
    found = {(job["target"], job["layer"]) for job in run.jobs(10_000, sanitized=True)}
    assert {("decode", "sealed networks"), ("section LATENT_STREAM", "raw bytes")} <= found
    assert ("decode", "raw bytes") not in found
    assert {name for name, _ in found} == set(run.SANITIZED_TARGETS)


def test_kernels_that_do_not_compile_with_sanitizers_are_told_of(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(sanitizers.SanitizerError, match="kernels must compile with -fsanitize=address,undefined"):
        sanitizers.compiled(tmp_path)


LOADING = """
import sys
from pathlib import Path
from benchmarks.fuzz import sanitized_worker
sanitized_worker.load(Path(sys.argv[1]))
from xr_inr.core.kernels import KERNELS
print(KERNELS.__file__)
"""


@pytest.mark.skipif(KERNELS is None, reason="needs compiled kernels")
def test_a_worker_reads_with_the_kernels_that_it_is_given(tmp_path):
    given = shutil.copy(KERNELS.__file__, tmp_path)
    done = subprocess.run([sys.executable, "-c", LOADING, given], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == given


def test_other_kernels_are_refused_once_the_package_has_its_own(tmp_path):
    with pytest.raises(RuntimeError, match=r"before xr_inr\.core is imported"):
        sanitized_worker.load(tmp_path / "kernels.so")


def reader(error):
    def call(_data):
        if error is not None:
            raise error

    return entries.Entry(call, lambda: [b""], ("raw bytes",))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, "result"),
        (PayloadError("too short"), "refused"),
        (PayloadError(""), "an error without a reason"),
        (ValueError("no"), "ValueError at test_fuzz.py"),
        (MemoryError(), "MemoryError at test_fuzz.py"),
        (worker.TooSlowError("more than 5 s"), "TooSlowError at test_fuzz.py"),
    ],
    ids=repr,
)
def test_only_results_and_refusals_with_a_reason_are_no_findings(error, expected):
    assert worker.outcome(reader(error), b"").startswith(expected)


@pytest.mark.parametrize(("name", "layer"), PAIRS, ids=" - ".join)
def test_altered_inputs_end_in_a_result_or_a_refusal(name, layer):
    entry = ENTRIES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {worker.outcome(entry, data) for data in some(LAYERS[layer], entry.given(), 30)}
    assert found <= {"result", "refused"}


numbers = st.sampled_from(mutation.NUMBERS)


@settings(max_examples=150)
@given(
    code=st.integers(0, 255), sizes=st.tuples(numbers, numbers, numbers), flags=st.integers(0, 255), rest=st.binary()
)
def test_any_scene_header_is_read_or_refused(code, sizes, flags, rest):
    header = bytes([code]) + b"".join(map(mutation.varint, sizes)) + bytes([flags]) + rest
    held = read_container(LATENTS[0])[1]
    with suppress(PayloadError):
        payload = Payload(write_container(Model.LATENT, held | {Section.SCENE: header}), max_samples=2**14)
        assert np.prod(payload.shape) <= 2**14


@settings(max_examples=50)
@given(data=st.data())
def test_any_sections_are_read_or_refused(data):
    model, held = data.draw(st.sampled_from(seeds.parts()))
    tag = data.draw(st.sampled_from(sorted(held)))
    content = data.draw(st.one_of(st.binary(max_size=300), st.just(held[tag]).map(lambda given: given[::-1])))
    with suppress(PayloadError):
        decode(write_container(model, held | {tag: content}), max_samples=2**14)
