"""What measured times make of a scene, a day of a mission and its archive: hours, memory and money, as a table.

Times are those of the largest scenes that `benchmarks.speed` measured, on one thread; what they are multiplied by
stands in `Plan`, as data, and is an assumption wherever no measurement says it.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import results
from benchmarks.results import Row, number

METHODS = ("latent, fast", "latent, balanced")
"""The methods whose cost is foretold."""


NOT_MEASURED = "not measured"
"""What stands for a device that no row is of."""


@dataclass(frozen=True)
class Plan:
    """What is to be encoded, and what a machine is taken to cost."""

    scene: tuple[int, int, int] = (285, 1280, 1242)
    """(bands, height, width) of an EMIT granule."""

    scenes_a_day: int = 150
    """Of a mission; an assumption."""

    scenes_in_archive: int = 100_000
    """Of a mission of some years; an assumption."""

    node_cores: int = 64
    """Of one CPU node."""

    core_hour: float = 0.04
    """Price of an hour of one core in US dollars; an assumption."""

    terabyte_month: float = 23.0
    """Price of keeping a terabyte for a month in an object store, in US dollars; an assumption."""

    @property
    def samples(self) -> int:
        """Samples of one scene."""
        return math.prod(self.scene)


EMIT = Plan()
"""The plan of the page."""


@dataclass(frozen=True)
class Cost:
    """What a sample costs with one method."""

    method: str
    """Its name."""

    encode: float
    """Core-seconds for a sample."""

    decode: float
    """Core-seconds for a sample."""

    samples: int
    """Of the scene that encoding was measured on."""

    bpppb: float
    """Bits per pixel per band that were asked for."""


def costs(rows: Sequence[Row], larger: Sequence[Row] = ()) -> list[Cost]:
    """Return what `METHODS` cost a sample.

    Parameters
    ----------
    rows
        Of ``results/scaling.tsv``: the largest cut counts, with medians over the repeats.
    larger
        Of ``results/pixels.tsv``, one method on larger scenes. Where there are any, the largest tells what encoding
        costs, and `rows` how many times as much another method takes.
    """
    found = []
    for method in METHODS:
        own = [row for row in rows if row["method"] == method and row["axis"] == "pixels"]
        if not own:
            continue
        samples = max(_samples(row) for row in own)
        chosen = [row for row in own if _samples(row) == samples]
        encode, decode = (
            statistics.median(number(row, "in_process_s") for row in chosen if row["operation"] == operation) / samples
            for operation in ("encode", "decode")
        )
        found.append(Cost(method, encode, decode, samples, number(chosen[0], "asked_bpppb")))
    if not larger:
        return found
    largest = max(larger, key=_samples)
    seconds = number(largest, "encode_cpu_s") / _samples(largest)
    reference = next((cost.encode for cost in found if cost.method == f"latent, {largest['preset']}"), None)
    if reference is None:
        return found
    return [
        dataclasses.replace(cost, encode=seconds * cost.encode / reference, samples=_samples(largest)) for cost in found
    ]


def scale(rows: Sequence[Row], plan: Plan = EMIT, larger: Sequence[Row] = ()) -> str:
    """Return the table of the page: work, bytes, time on one core, on a node and on a hundred, and its price."""
    known = costs(rows, larger)
    if not known:
        return "Not measured."
    works = {"a scene": 1, "a day": plan.scenes_a_day, "the archive": plan.scenes_in_archive}
    head = (
        "",
        "",
        "method",
        "raw int16",
        "stored",
        "one core",
        f"a node of {plan.node_cores}",
        "its price",
        "a GPU",
        "100 GPUs",
    )
    lines = [f"| {' | '.join(head)} |", "|---|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    for operation in ("encode", "decode"):
        for work, scenes in works.items():
            for cost in known:
                samples = plan.samples * scenes
                seconds = samples * getattr(cost, operation)
                cells = (
                    operation,
                    work,
                    f"`{cost.method}`",
                    _bytes(2 * samples),
                    _bytes(cost.bpppb / 8 * samples),
                    _time(seconds),
                    _time(seconds / plan.node_cores),
                    f"{seconds / 3600 * plan.core_hour:,.2f} $",
                    *(NOT_MEASURED, NOT_MEASURED),
                )
                lines.append(f"| {' | '.join(cells)} |")
    bands, height, width = plan.scene
    cut = known[0]
    intro = (
        f"A scene is {bands} x {height} x {width}, {plan.samples / 1e6:,.0f} million samples, kept at {cut.bpppb:g} "
        f"bpppb. Measured: {_measured(cut, rows, larger)} "
        "Everything else is multiplied: by samples (the exponent of growth stands in the benchmarks), by cores as if "
        "each fitted chunks of its own at that speed (memory bandwidth takes its share of that on a full node), by "
        f"{plan.scenes_a_day:,} scenes a day, {plan.scenes_in_archive:,} scenes and "
        f"{plan.core_hour:g} $ a core-hour, which are assumptions."
    )
    return "\n".join([intro, "", *lines, "", _storage(known, plan)])


def table() -> str:
    """Return the table of what ``results/scaling.tsv`` and ``results/pixels.tsv`` hold."""
    return scale(results.read("scaling"), larger=results.read("pixels"))


def _measured(cost: Cost, rows: Sequence[Row], larger: Sequence[Row]) -> str:
    """Return what is measured, as a sentence."""
    own = max(_samples(row) for row in rows if row["method"] == cost.method and row["axis"] == "pixels")
    if own == cost.samples:
        return f"seconds of one thread for {own / 1e6:.1f} million samples of real ones ({rows[0]['date']})."
    largest = max(larger, key=_samples)
    return (
        f"processor seconds of one thread that `latent, {largest['preset']}` encodes {cost.samples / 1e6:.0f} million "
        f"samples in ({largest['date']}); how many times as much another preset takes, and decoding, on "
        f"{own / 1e6:.1f} million ({rows[0]['date']})."
    )


def _storage(known: Sequence[Cost], plan: Plan) -> str:
    """Return how soon a fit of the archive has paid for itself, as a sentence."""
    samples = plan.samples * plan.scenes_in_archive
    monthly = 2 * samples / 1e12 * plan.terabyte_month
    months = (
        f"{samples * cost.encode / 3600 * plan.core_hour / monthly:.1f} months of it with `{cost.method}`"
        for cost in known
    )
    return (
        f"The other side of the bill: raw, the archive takes {monthly:,.0f} $ a month to keep "
        f"({plan.terabyte_month:g} $ a terabyte, an assumption). Fitting it once costs as much as "
        f"{', '.join(months)}."
    )


def _samples(row: Row) -> int:
    return int(row["bands"]) * int(row["height"]) * int(row["width"])


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} PB"


def _time(seconds: float) -> str:
    """Return a time in the largest unit of which it has more than two."""
    for name, size in (("years", 365.25 * 86400), ("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.3g} {name}" if seconds < 1000 * size else f"{seconds / size:,.0f} {name}"
    return f"{seconds:.3g} s"
