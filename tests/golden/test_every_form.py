"""Every model with every preset, sample type and byte order: its golden payload decodes to the same samples."""

import numpy as np
import pytest

from tests.independent.test_reader import decode as decode_by_the_page
from xr_inr.core.bitstream import FORMAT_VERSION, read_container
from xr_inr.core.decode import Payload, decode
from xr_inr.exceptions import PayloadError

from . import every_form, make

FOLDERS = sorted(path.parent for path in make.FOLDER.glob(f"version_*/{make.MANIFEST}"))
ENTRIES = [(folder, entry) for folder in FOLDERS for entry in make.manifest(folder)]
every_entry = pytest.mark.parametrize(
    ("folder", "entry"), [pytest.param(*case, id=f"{case[0].name}-{case[1]['name']}") for case in ENTRIES]
)


def is_whole(payload):
    try:
        read_container(payload)
    except PayloadError:
        return False
    return True


@every_entry
def test_a_payload_decodes_to_the_samples_it_was_written_with(folder, entry):
    assert make.entry(entry["name"], make.path_of(entry["name"], folder).read_bytes()) == entry


@every_entry
def test_the_reader_written_from_the_page_gives_the_same_samples(folder, entry):
    data = make.path_of(entry["name"], folder).read_bytes()
    ours, theirs = decode(data), decode_by_the_page(data)
    assert (theirs.dtype, theirs.tobytes()) == (ours.dtype, ours.tobytes())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_manifest_of_a_version_names_every_payload_of_its_folder(folder):
    names = [entry["name"] for entry in make.manifest(folder)]
    assert sorted(names) == sorted(path.stem for path in folder.glob("*.bin"))


def test_there_is_a_folder_for_every_version_of_the_format():
    assert [folder.name for folder in FOLDERS] == [f"version_{number}" for number in range(1, FORMAT_VERSION + 1)]


def test_the_newest_version_has_every_model_preset_sample_type_and_byte_order():
    """A new one of any of them fails here until `python -m tests.golden.every_form` has written its payloads."""
    held = {entry["name"]: entry["dtype"] for entry in make.manifest(every_form.FOLDER)}
    assert held == {case.name: np.dtype(case.dtype).str for case in every_form.CASES}
    for case in every_form.CASES:
        payload = Payload(make.path_of(case.name, every_form.FOLDER).read_bytes())
        assert (payload.model.name.lower(), payload.dtype.str) == (case.model, np.dtype(case.dtype).str)


@pytest.mark.parametrize("folder", [make.FOLDER, *FOLDERS], ids=lambda folder: folder.name)
def test_every_single_bit_flipped_is_detected(folder):
    undetected = []
    for entry in make.manifest(folder):
        payload = bytearray(make.path_of(entry["name"], folder).read_bytes())
        for place in range(8 * len(payload)):
            payload[place // 8] ^= 1 << place % 8
            if is_whole(bytes(payload)):
                undetected.append((entry["name"], place))
            payload[place // 8] ^= 1 << place % 8
    assert not undetected


def test_payloads_are_a_few_hundred_bytes():
    assert all(int(entry["bytes"]) < 500 for _, entry in ENTRIES)
