"""Every way into the package for bytes and configurations of others, and the errors it may end in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numcodecs.registry import get_codec
from zarr.core.array_spec import ArrayConfig, ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.dtype import parse_dtype

from benchmarks.fuzz import mutation, networks, seeds
from benchmarks.fuzz.mutation import Mutation
from xr_inr.codecs.numcodecs import InrCodec as NumcodecsCodec
from xr_inr.codecs.zarr import InrCodec as ZarrCodec
from xr_inr.core.bitstream import Section, read_container, write_container
from xr_inr.core.decode import Payload, decode
from xr_inr.core.latent.basis import LatentBasis
from xr_inr.core.latent.cascade import foretell, read_cascade
from xr_inr.core.latent.outlier_list import read_outliers
from xr_inr.core.latent.reading import LatentReader, read_side
from xr_inr.core.latent.repeat_map import read_repeats
from xr_inr.core.latent.restoration import read_restoration, restore
from xr_inr.core.latent.wavelet import Pyramid
from xr_inr.core.mask import Mask
from xr_inr.core.scene_layout import SceneLayout
from xr_inr.core.siren.evaluate import Evaluator
from xr_inr.core.siren.storage import read_quantised, read_table_i
from xr_inr.core.spectral import SpectralBasis
from xr_inr.exceptions import PayloadError, RequestError
from xr_inr.report import Report

MAX_SAMPLES = 2**16
"""What the caller allows; memory is measured against it."""

_SIZE, _BANDS = (8, 8), 3

LAYERS: Mapping[str, Mutation] = {
    "raw bytes": mutation.raw,
    "sealed sections": mutation.sealed,
    "sealed fields": mutation.fields,
    "sealed networks": networks.sealed,
    "networks": networks.alone,
    "restoring networks": networks.restoring_alone,
    "values": mutation.values,
}
"""Ways to alter, by the names they have in the table."""

_OF_PAYLOADS = ("raw bytes", "sealed sections", "sealed fields")


@dataclass(frozen=True)
class Entry:
    """A way in."""

    call: Callable[[bytes], Any]
    """Reads bytes to the end."""

    given: Callable[[], Sequence[bytes]]
    """What it reads where nothing is altered."""

    layers: tuple[str, ...]
    """How that is altered: names of `LAYERS`."""

    refusals: tuple[type[Exception], ...] = (PayloadError,)
    """What it may raise, and say why."""


_PARTS = ((None, None), (((0, 2), (0, 1)), None), (((5, 6), (3, 4)), None), (None, [0]))
"""Window and bands of what is decoded."""


def _decode(data: bytes) -> None:
    """Decode the whole, a window, a spectrum, or some bands, by the payload's size."""
    part = _PARTS[len(data) % len(_PARTS)]
    try:
        decode(data, *part, max_samples=MAX_SAMPLES)
    except RequestError:
        # A scene may have become smaller than the window.
        if part[0] is None:
            raise


def _payload(data: bytes) -> None:
    payload = Payload(data, max_samples=MAX_SAMPLES)
    _ = payload.architecture, payload.rank, payload.shape, payload.dtype.str


def _spec(shape: tuple[int, int, int], dtype: str) -> ArraySpec:
    data_type = parse_dtype(dtype, zarr_format=3)
    return ArraySpec(shape, data_type, data_type.cast_scalar(0), ArrayConfig("C", False), default_buffer_prototype())


_ZARR_CODEC = ZarrCodec.from_dict({"name": "xr_inr", "configuration": {"bpppb": 1.0}})
_SPECS = [_spec((bands, 8, 8), dtype) for bands in (3, 5) for dtype in ("uint16", "float32", "float64")]


def _zarr(data: bytes) -> None:
    spec = _SPECS[len(data) % len(_SPECS)]
    _ZARR_CODEC._decode_sync(spec.prototype.buffer.from_bytes(data), spec)  # noqa: SLF001 - what the pipeline calls


_NUMCODECS = [get_codec({"id": "xr_inr", "bpppb": 1.0, "shape": [bands, 8, 8]}) for bands in (3, 5)]


def _numcodecs(data: bytes) -> None:
    _NUMCODECS[len(data) % 2].decode(data)


def _configured_zarr(data: bytes) -> None:
    codec = ZarrCodec.from_dict({"name": "xr_inr", "configuration": json.loads(data)})
    json.dumps(codec.to_dict())


def _configured_numcodecs(data: bytes) -> None:
    codec = NumcodecsCodec.from_config({"id": "xr_inr", **json.loads(data)})
    json.dumps(codec.get_config())


def _report(data: bytes) -> None:
    report = Report.from_attribute(data.decode("utf-8", "surrogateescape"))
    str(report)
    report.to_dict()


def _layout(data: bytes) -> None:
    SceneLayout.from_sections({Section.SCENE: data}, MAX_SAMPLES)


def _constants(data: bytes) -> None:
    _, held = read_container(seeds.payloads()[-1])
    SceneLayout.from_sections({Section.SCENE: held[Section.SCENE], Section.CONSTANTS: data}, MAX_SAMPLES)


_PLANES = np.random.default_rng(0).integers(-(2**17), 2**17, (seeds.RANK, *_SIZE)).astype(np.float32)


def _networks(data: bytes) -> None:
    """Foretell planes by sinusoidal networks."""
    foretell(_PLANES, read_cascade(data, seeds.RANK))


def _restoring(data: bytes) -> None:
    """Restore planes by a restoring network."""
    restore(_PLANES, read_restoration(data, seeds.RANK))


def _stream(data: bytes) -> None:
    """Decode latents: another stream with the side information of a payload."""
    _, held = next(part for part in seeds.parts() if Section.LATENT_STREAM in part[1])
    reader = LatentReader({**held, Section.LATENT_STREAM: data}, _BANDS, _SIZE)
    reader.within((0, 8), (0, 8))


def _fine(data: bytes) -> None:
    """Decode latents of a payload as if other ones of them were fine."""
    _, held = next(part for part in seeds.parts() if Section.LATENT_STREAM in part[1])
    reader = LatentReader({**held, Section.LATENT_FINE: data}, _BANDS, _SIZE)
    reader.within((0, 8), (0, 8))


def _repeats(data: bytes) -> None:
    """Read a map of repeated pixels, and resolve it."""
    _ = read_repeats(data, _SIZE).repeated


def _residual(data: bytes) -> None:
    """Decode samples: another residual layer on top of a payload's model."""
    model, held = next(part for part in seeds.parts() if Section.RESIDUAL in part[1])
    decode(write_container(model, {**held, Section.RESIDUAL: data}), max_samples=MAX_SAMPLES)


_READERS: Mapping[Section, Callable[[bytes], Any]] = {
    Section.SCENE: _layout,
    Section.MASK: lambda data: Mask.from_bytes(data, (_BANDS + 2, *_SIZE)),
    Section.CONSTANTS: _constants,
    Section.SPECTRAL: lambda data: SpectralBasis.from_bytes(data, _BANDS),
    Section.NETWORK_TABLE_I: lambda data: Evaluator(read_table_i(data, _SIZE), _SIZE),
    Section.NETWORK_QUANTISED: lambda data: Evaluator(read_quantised(data), _SIZE),
    Section.LATENT_BASIS: lambda data: LatentBasis.from_bytes(data, _BANDS),
    Section.LATENT_SYNTHESIS: _networks,
    Section.LATENT_SIDE: lambda data: read_side(data, _BANDS, Pyramid.of(_SIZE)),
    Section.LATENT_STREAM: _stream,
    Section.LATENT_FINE: _fine,
    Section.LATENT_REPEATS: _repeats,
    Section.LATENT_OUTLIERS: lambda data: read_outliers(data, _BANDS, _SIZE[0] * _SIZE[1]),
    Section.LATENT_RESTORATION: _restoring,
    Section.RESIDUAL: _residual,
}
"""What reads a section by itself."""


_CODED = {Section.LATENT_SYNTHESIS: ("networks",), Section.LATENT_RESTORATION: ("restoring networks",)}
"""How the numbers of a section are coded anew."""


def _section(tag: Section) -> Entry:
    """Return the entry of a section; one without a reader here is read within a payload that has it."""
    if tag in _READERS:
        return Entry(_READERS[tag], lambda: seeds.sections(tag), ("raw bytes", *_CODED.get(tag, ())))
    return Entry(
        _decode, lambda: [payload for payload in seeds.payloads() if tag in read_container(payload)[1]], _OF_PAYLOADS
    )


ENTRIES: Mapping[str, Entry] = {
    "decode": Entry(_decode, seeds.payloads, (*_OF_PAYLOADS, "sealed networks")),
    "Payload": Entry(_payload, seeds.payloads, _OF_PAYLOADS),
    "zarr codec": Entry(_zarr, seeds.payloads, _OF_PAYLOADS),
    "numcodecs codec": Entry(_numcodecs, seeds.payloads, _OF_PAYLOADS),
    **{f"section {tag.name}": _section(tag) for tag in Section},
    "zarr configuration": Entry(_configured_zarr, seeds.configurations, ("values",), (RequestError,)),
    "numcodecs configuration": Entry(_configured_numcodecs, seeds.configurations, ("values",), (RequestError,)),
    "report": Entry(_report, seeds.reports, ("values", "raw bytes"), (RequestError,)),
}
"""By the names they have in the table."""


def check() -> None:
    """Read everything that is to be altered as it is; raises where that does not do, for nothing else would tell."""
    with np.errstate(all="raise", under="ignore"):
        for entry in ENTRIES.values():
            for data in entry.given():
                try:
                    entry.call(data)
                except entry.refusals:
                    # A codec is for payloads of one shape and dtype, a reader of sections for one dtype.
                    continue
