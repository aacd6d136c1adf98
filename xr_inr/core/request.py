"""What a caller asks for, checked before any work is done."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from xr_inr.core import device as devices
from xr_inr.core.latent.presets import LATENT_PRESETS, LatentPreset
from xr_inr.core.siren.presets import DEFAULT_PRESET, PRESETS, SirenPreset
from xr_inr.core.siren.storage import FLOAT_BITS, INTEGER_BITS
from xr_inr.core.weights import checked_weights
from xr_inr.exceptions import RequestError

PRESETS_OF: Mapping[str, Mapping[str, LatentPreset | SirenPreset]] = {"latent": LATENT_PRESETS, "siren": PRESETS}
"""The presets of each model, by their names."""

MODELS = tuple(PRESETS_OF)
"""The models that can be asked for, the default first."""

TARGETS = ("bpppb", "psnr", "sam", "max_error")
"""What a payload can be asked to reach."""

_WIDEST_ANGLE = 180.0


@dataclass(frozen=True, kw_only=True)
class FitRequest:
    """How large or how good a payload shall be, and how to fit it.

    Exactly one target must be given.

    Raises
    ------
    RequestError
        When a rule is broken; the message names the rule and the value.
    """

    bpppb: float | None = None
    """Target: bits per pixel per band of all bytes of the payload, never exceeded."""

    psnr: float | None = None
    """Target: PSNR in dB over all valid samples, at least."""

    sam: float | None = None
    """Target: mean spectral angle in degrees over the pixels that have one, at most."""

    max_error: float | None = None
    """Target: the largest error of any valid sample, in data units; 0 keeps integers as they are."""

    band_weights: Sequence[float] | None = None
    """What the errors of each band count in the targets but `max_error`, a number a band; 0 is that of a bad band.

    Weights are relative: those of the fitted bands are scaled to a mean square of 1. A `psnr` is then that of the
    weighted errors. A `sam` stays the angle of reports, and weights say where its error goes. Reports are unweighted.
    """

    model: str = MODELS[0]
    """Which representation."""

    preset: str = DEFAULT_PRESET
    """How thoroughly to fit; what it can be depends on the model."""

    weight_bits: int | None = None
    """Bits of a weight of a siren: 32 or 16 (floats), 8 to 4 (integers); what the preset says if None."""

    device: str = field(default="auto", compare=False)
    """'auto', 'cpu', 'cuda' or 'cuda:N'."""

    seed: int = 0
    """Of everything drawn at random; the same seed on the same machine gives the same payload."""

    def __post_init__(self) -> None:
        targets = {name: value for name in TARGETS if (value := getattr(self, name)) is not None}
        if len(targets) != 1:
            given = ", ".join(f"{name}={value}" for name, value in targets.items()) or "none"
            raise RequestError(
                f"exactly one target of {', '.join(TARGETS[:-1])} and {TARGETS[-1]} must be given. Got {given}."
            )
        for name, value in targets.items():
            number = real_number(name, value)
            if not math.isfinite(number) or number < 0 or (number == 0 and name != "max_error"):
                sign = "non-negative" if name == "max_error" else "positive"
                raise RequestError(f"{name} must be a {sign}, finite number. Got {value!r}.")
            object.__setattr__(self, name, number)
        if self.sam is not None and self.sam > _WIDEST_ANGLE:
            raise RequestError(f"sam must be at most {_WIDEST_ANGLE:g} degrees. Got {self.sam:g}.")
        _check_choice("model", self.model, MODELS)
        _check_choice("preset", self.preset, tuple(PRESETS_OF[self.model]), f" with model={self.model!r}")
        if self.max_error is not None and self.model != "latent":
            raise RequestError(f"max_error must come with model='latent'. Got model={self.model!r}.")
        self._take_band_weights()
        if self.weight_bits is not None:
            bits = whole_number("weight_bits", self.weight_bits)
            _check_choice("weight_bits", bits, FLOAT_BITS + INTEGER_BITS)
            if self.model != "siren":
                raise RequestError(
                    f"weight_bits must come with model='siren'. Got weight_bits={bits} with model={self.model!r}."
                )
            object.__setattr__(self, "weight_bits", bits)
        devices.check_name(self.device)
        seed = whole_number("seed", self.seed)
        if not 0 <= seed < 2**63:
            raise RequestError(f"seed must be in [0, 2**63). Got {seed}.")
        object.__setattr__(self, "seed", seed)

    def _take_band_weights(self) -> None:
        if self.band_weights is None:
            return
        if self.max_error is not None:
            raise RequestError(
                f"band_weights must come without max_error, which holds for all bands alike. Got {self.max_error:g}."
            )
        object.__setattr__(self, "band_weights", checked_weights(self.band_weights))

    @property
    def target(self) -> float:
        """The value of the one target that is given."""
        found: float = next(value for name in TARGETS if (value := getattr(self, name)) is not None)
        return found

    @property
    def latent_preset(self) -> LatentPreset:
        """The settings that `preset` names, where the model is latent."""
        return LATENT_PRESETS[self.preset]

    @property
    def siren_preset(self) -> SirenPreset:
        """The settings that `preset` names, where the model is siren."""
        return PRESETS[self.preset]

    @property
    def stored_bits(self) -> int:
        """Bits of a stored weight of a siren, the preset's if none were asked for."""
        return self.siren_preset.weight_bits if self.weight_bits is None else self.weight_bits

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the defaults and is needed to repeat the request; the device is not."""
        defaults = {known.name: known.default for known in fields(self)}
        return {
            # As JSON has it.
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != defaults[name] and name != "device"
        }


def budget_bytes(bpppb: float, samples: int) -> int:
    """Return the largest payload, in bytes, of at most `bpppb` bits for each of `samples`."""
    return int(min(bpppb * samples / 8, 2.0**62))


def whole_number(name: str, value: object) -> int:
    """Return an integer of any kind as int; raises `RequestError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise RequestError(f"{name} must be an integer. Got {value!r}.")
    return int(value)


def real_number(name: str, value: object) -> float:
    """Return a number of any real kind as float; raises `RequestError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise RequestError(f"{name} must be a number. Got {value!r}.")
    try:
        return float(value)
    except OverflowError:
        raise RequestError(f"{name} must be a number that a float64 can hold. Got one beyond it.") from None


def _check_choice(name: str, value: object, known: tuple[object, ...], where: str = "") -> None:
    if value not in known or isinstance(value, bool):
        raise RequestError(f"{name} must be one of {', '.join(map(repr, known))}{where}. Got {value!r}.")
