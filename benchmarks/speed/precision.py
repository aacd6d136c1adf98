"""What products of networks in bfloat16 would cost, on a CPU: ``python -m benchmarks speed precision``.

A GPU multiplies matrices of bfloat16 several times faster than those of float32, and adds in float32. Here the factors
of every float32 product of a fit, forwards and backwards, are rounded as that would, and all else is left alone: what
comes of it tells the quality, and nothing of the time. TF32 keeps three bits more and lies between the two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import xr_inr
from benchmarks import results, scenes
from benchmarks.curves import title as title_of
from benchmarks.results import Row, number

TABLE = "precision"
SCENES = ("indian_pines_200", "jasper_ridge_224")
"""Two, since what holds of one may not hold of another."""

MODELS = ("latent", "siren")
PRECISIONS = ("float32", "bfloat16")
SIDE, PRESET, BPPPB = 64, "fast", 0.1

COLUMNS = (
    "scene",
    "model",
    "preset",
    "asked_bpppb",
    "bands",
    "height",
    "width",
    "precision",
    "bytes",
    "psnr_db",
    *results.machine(),
)
ALLOWED = 0.02
"""dB that rounded products may cost to be worth a switch."""

_PRODUCTS = frozenset({torch.ops.aten.mm, torch.ops.aten.bmm, torch.ops.aten.addmm, torch.ops.aten.baddbmm})
_FACTORS = 2


class RoundedProducts(TorchDispatchMode):
    """While it is entered, the factors of float32 matrix products are rounded to bfloat16."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0
        """Products that were rounded."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func.overloadpacket in _PRODUCTS and args[-1].dtype == torch.float32:
            self.count += 1
            factors = [factor.bfloat16().float() for factor in args[-_FACTORS:]]
            args = (*args[:-_FACTORS], *factors)
        return func(*args, **dict(kwargs or {}))


def measure(scene: str, model: str, precision: str) -> Row:
    """Encode a square of a scene, and return its row."""
    samples = np.ascontiguousarray(scenes.load(scene)[:, :SIDE, :SIDE])
    manner: Callable[[], contextlib.AbstractContextManager[Any]]
    manner = RoundedProducts if precision == "bfloat16" else contextlib.nullcontext
    with manner():
        payload = xr_inr.encode(samples, bpppb=BPPPB, model=model, preset=PRESET, device="cpu")
    bands, height, width = samples.shape
    return {
        "scene": scene,
        "model": model,
        "preset": PRESET,
        "asked_bpppb": f"{BPPPB:g}",
        "bands": str(bands),
        "height": str(height),
        "width": str(width),
        "precision": precision,
        "bytes": str(len(payload)),
        "psnr_db": f"{xr_inr.compare(samples, xr_inr.decode(payload)).psnr:.3f}",
        **results.machine(("torch", "constriction")),
    }


def run() -> None:
    """Measure what has no row yet, and write ``results/precision.tsv`` after each."""
    rows = results.read(TABLE)
    known = {(row["scene"], row["model"], row["precision"]) for row in rows}
    for scene in SCENES:
        for model in MODELS:
            for precision in PRECISIONS:
                if (scene, model, precision) not in known:
                    rows.append(measure(scene, model, precision))
                    print(*(rows[-1][name] for name in COLUMNS), flush=True)
                    results.write(TABLE, rows, COLUMNS)


def tables() -> dict[str, str]:
    """Return the block ``precision``, if there are results."""
    rows = results.read(TABLE)
    return {TABLE: table(rows)} if rows else {}


def table(rows: Sequence[Row]) -> str:
    """Return the qualities side by side, as Markdown, and what follows from them."""
    found = {(row["scene"], row["model"], row["precision"]): number(row, "psnr_db") for row in rows}
    pairs = [key[:2] for key in found if key[2] == "float32" and (*key[:2], "bfloat16") in found]
    lines = ["| scene | model | float32 dB | bfloat16 dB | difference dB |", "|---|---|--:|--:|--:|"]
    costs = []
    for scene, model in pairs:
        exact, rounded = found[scene, model, "float32"], found[scene, model, "bfloat16"]
        costs.append(exact - rounded)
        lines.append(f"| {title_of(scene)} | `{model}` | {exact:.2f} | {rounded:.2f} | {rounded - exact:+.3f} |")
    first = rows[0]
    worst = max(costs, default=0.0)
    verdict = (
        f"They cost up to {worst:.2f} dB, more than {ALLOWED:g}: fits multiply in float32 on every device."
        if worst > ALLOWED
        else f"They cost no more than {max(worst, 0.0):.3f} dB here."
    )
    intro = (
        f"Preset `{first['preset']}` at {first['asked_bpppb']} bpppb on {first['height']} x {first['width']} pixels, "
        f"with the factors of all products rounded to bfloat16, computed on a CPU; {first['date']}. {verdict}"
    )
    return "\n".join([intro, "", *lines])
