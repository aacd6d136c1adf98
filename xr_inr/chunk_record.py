"""What is kept of a fitted chunk beside its payload: all that a report tells of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from xr_inr.codecs.config import CodecConfig
from xr_inr.core.encode import Encoded
from xr_inr.core.metrics import Figures

ChunkIndex = tuple[int, ...]
"""The place of a chunk in the grid of chunks."""


@dataclass(frozen=True)
class ChunkRecord:
    """What a chunk cost and kept."""

    payload_bytes: int
    """Size of its payload."""

    figures: Figures
    """How far its decoded samples are from the original's."""

    architecture: str | None
    """What was fitted, in a few words."""

    seconds: float
    """Wall time of encoding."""

    search: tuple[str, ...] = ()
    """The architecture search of a siren."""

    @classmethod
    def of(cls, encoded: Encoded) -> Self:
        """Return the record of what has just been fitted."""
        search = tuple(encoded.search)
        return cls(len(encoded.payload), encoded.figures, encoded.architecture, encoded.seconds, search)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, from which `from_dict` makes an equal record, to the last bit."""
        return {
            "bytes": self.payload_bytes,
            "architecture": self.architecture,
            "seconds": self.seconds,
            "search": list(self.search),
            "figures": {field.name: _plain(getattr(self.figures, field.name)) for field in fields(Figures)},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned; raises KeyError, TypeError or ValueError for anything else."""
        figures = Figures(**{name: _restored(value) for name, value in stored["figures"].items()})
        search = tuple(stored["search"])
        return cls(int(stored["bytes"]), figures, stored["architecture"], float(stored["seconds"]), search)


class Recorded:
    """What a variable cost and kept, from the records of its chunks: the base of those who have them."""

    shape: tuple[int, ...]
    """Shape of the variable."""

    dtype: np.dtype[Any]
    """Its sample type."""

    chunk_shape: tuple[int, ...]
    """Shape of a chunk; those at the edge may reach beyond the array."""

    config: CodecConfig
    """The codec's parameters."""

    @property
    def records(self) -> Mapping[ChunkIndex, ChunkRecord]:
        """The record of each chunk, in the order of the fits."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of all payloads."""
        return sum(record.payload_bytes for record in self.records.values())

    @property
    def samples(self) -> int:
        """Samples of the variable, masked ones included."""
        return math.prod(self.shape)

    @property
    def figures(self) -> Figures:
        """The error over all chunks."""
        first, *rest = (record.figures for record in self.records.values())
        return sum(rest, start=first)


def _plain(value: Any) -> Any:
    return {"dtype": value.dtype.str, "values": value.tolist()} if isinstance(value, np.ndarray) else value


def _restored(value: Any) -> Any:
    return np.array(value["values"], value["dtype"]) if isinstance(value, dict) else value
