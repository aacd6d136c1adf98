"""A variant of the latent model: a name, a sentence, and what stands in the place of which names in its code."""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from numpy.typing import NDArray

from xr_inr.core import kernels
from xr_inr.core.encode import Encoded, encode_array
from xr_inr.core.latent.presets import LATENT_PRESETS, LatentPreset
from xr_inr.core.request import FitRequest

PACKAGE = "xr_inr.core.latent"
"""Where the names lie that variants replace."""

Maker = Callable[[Any], Any]
"""Takes what a name stands for and returns what it shall stand for."""


class VanishedNameError(AttributeError):
    """A variant replaces a name that the model does not have; the message says which."""


@dataclass(frozen=True)
class Task:
    """A scene and what is asked for."""

    cube: NDArray[Any]
    """(bands, height, width)."""

    request: FitRequest
    """What is asked for."""

    def encode(self) -> Encoded:
        """Fit the model as it is now."""
        return encode_array(self.cube, self.request)


@dataclass(frozen=True)
class Variant:
    """The model with one thing otherwise."""

    name: str
    """What the command line and the tables call it."""

    what: str
    """A sentence or two on what it does."""

    kept: str
    """Whether the model has the ingredient that is taken away, changed or added: yes, no, or in which presets."""

    replaces: Mapping[str, Maker] = field(default_factory=dict)
    """What stands in the place of names in `PACKAGE`, such as ``model.rotate``."""

    preset: Mapping[str, Any] = field(default_factory=dict)
    """Settings that every preset has instead of its own."""

    seed: int = 0
    """Of everything drawn at random."""

    around: Callable[[Task], AbstractContextManager[None]] | None = None
    """What else is in force while a task is encoded and decoded; for changes that depend on the task."""

    overstated: bool = False
    """Whether the shipped context network, fitted with the ingredient, makes its lack seem worse than it need be."""

    def check(self) -> None:
        """Refuse a variant of a model that is no more.

        Raises
        ------
        VanishedNameError
            When a name or a setting it replaces is gone.
        """
        for name in self.replaces:
            _found(name)
        known = [setting.name for setting in dataclasses.fields(LatentPreset)]
        for setting in self.preset:
            if setting not in known:
                raise VanishedNameError(f"a latent preset has no {setting!r} any more, only {', '.join(known)}")

    @contextmanager
    def in_force(self, task: Task) -> Iterator[None]:
        """Change the model, encoder and decoder alike, until the block is left."""
        self.check()
        presets = {name: dataclasses.replace(preset, **self.preset) for name, preset in LATENT_PRESETS.items()}
        with ExitStack() as stack:
            # What is compiled knows of no change.
            stack.enter_context(mock.patch.object(kernels, "KERNELS", None))
            stack.enter_context(mock.patch.dict(LATENT_PRESETS, presets))
            stack.enter_context(replaced(self.replaces))
            if self.around is not None:
                stack.enter_context(self.around(task))
            yield


@contextmanager
def replaced(makers: Mapping[str, Maker]) -> Iterator[None]:
    """Replace what names in `PACKAGE` stand for until the block is left.

    Raises
    ------
    VanishedNameError
        When there is no such name.
    """
    with ExitStack() as stack:
        for name, make in makers.items():
            owner, original = _found(name)
            stack.enter_context(mock.patch.object(owner, name.rpartition(".")[2], make(original)))
        yield


def constant(value: object) -> Maker:
    """Return a maker that gives `value` whatever was there."""
    return lambda _original: value


def _found(name: str) -> tuple[Any, Any]:
    """Return what holds a name and what the name stands for."""
    path, _, attribute = name.rpartition(".")
    try:
        owner = pkgutil.resolve_name(f"{PACKAGE}.{path}")
        return owner, getattr(owner, attribute)
    except (ImportError, AttributeError) as error:
        raise VanishedNameError(
            f"{PACKAGE} has no {name!r} any more: the variant that replaces it must follow the model's code"
        ) from error
