"""What compression costs a user of Indian Pines: accuracy of a land-cover map, and errors of two vegetation indices.

The land cover is classified from single spectra by a support vector machine with a Gaussian kernel behind a
standardisation, trained on a tenth of the labelled pixels, stratified by class, and tested on the others; the splits
are the same for every decoded scene. It is trained on the decoded scene, as one who has nothing else would, and also
on the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, cohen_kappa_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks import results, runner, scenes
from benchmarks.codecs import registry
from benchmarks.results import Row, number
from benchmarks.styles import style

SCENE = "indian_pines_200"
TABLE = "downstream"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "benchmarks" / "downstream.png"

ORIGINAL = "original"
"""What the row of the scene that was not compressed has for a codec."""

LOSSY = tuple(codec for codec in registry.CODECS if codec not in registry.LOSSLESS)

SEEDS = (0, 1, 2, 3, 4)
TRAIN_SHARE = 0.1

INDICES = {"ndvi": (800.0, 670.0), "ndre": (800.0, 720.0)}
"""Nanometres of a and b in (a - b) / (a + b): Rouse et al. (1974), and Gitelson and Merzlyak (1994) at the red edge."""

DARK = 1000
"""Added to the radiance, in units of 1/500, that the samples hold: D. Landgrebe and L. Biehl, "Information on 220
Channel AVIRIS Data Set", Purdue University, which also lists the centres of the bands."""

TRAININGS = {"": "the same scene", "original_": "the original"}
"""Prefixes of the columns of accuracies, and on what the classifier was trained."""

COLUMNS = (
    "scene",
    "codec",
    "asked_bpppb",
    "bytes",
    "bpppb",
    *(
        f"{prefix}{figure}_{statistic}"
        for prefix in TRAININGS
        for figure in ("accuracy", "kappa", "accuracy_change")
        for statistic in ("mean", "std")
    ),
    *(f"{index}_{figure}" for index in INDICES for figure in ("std", "rmse", "max_error")),
    "seeds",
    *results.machine(),
)
"""`accuracy` is the share of test pixels of the right class, `kappa` Cohen's, `accuracy_change` the difference to the
original scene in the same split; mean and standard deviation (n - 1) over the splits. Columns with ``original_`` are of
a classifier trained on the original scene. `ndvi_std` is the spread of the map itself."""


def ground_truth() -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the classes, (height, width), 0 where there is none, and the bands' centres in nanometres."""
    from tensorly.datasets import load_indian_pines  # noqa: PLC0415 - slow to import

    labels, wavelengths = load_indian_pines()["ticks"]
    return np.asarray(labels), np.asarray(wavelengths, dtype=np.float64)


def index_map(scene: NDArray[Any], wavelengths: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return one of `INDICES`, (height, width), of radiances at the bands nearest to its wavelengths; 0 where dark."""
    a, b = (
        scene[int(np.abs(wavelengths - nanometres).argmin())].astype(np.float64) - DARK for nanometres in INDICES[name]
    )
    values: NDArray[np.float64] = np.divide(a - b, a + b, out=np.zeros_like(a), where=a + b > 0)
    return values


def index_errors(scene: NDArray[Any], original: NDArray[Any], wavelengths: NDArray[np.float64]) -> dict[str, float]:
    """Return spread, root mean square error and largest error of each index."""
    found: dict[str, float] = {}
    for name in INDICES:
        values = index_map(scene, wavelengths, name)
        error = values - index_map(original, wavelengths, name)
        found |= {
            f"{name}_std": float(values.std()),
            f"{name}_rmse": float(np.sqrt(np.square(error).mean())),
            f"{name}_max_error": float(np.abs(error).max()),
        }
    return found


class _Model:
    """A support vector machine on standardised spectra, (pixels, bands); kernel exp(-|u - v|^2 / bands), C = 100.

    scikit-learn is handed the kernel's values: the same answers as with its own kernel, in a third of the time.
    """

    def __init__(self, spectra: NDArray[np.float64], classes: NDArray[Any]) -> None:
        self._scaler = StandardScaler().fit(spectra)
        self._support = self._scaler.transform(spectra)
        self._machine = SVC(C=100.0, kernel="precomputed").fit(self._kernel(spectra), classes)

    def predict(self, spectra: NDArray[np.float64]) -> NDArray[Any]:
        """Return the class of each pixel."""
        return np.asarray(self._machine.predict(self._kernel(spectra)))

    def _kernel(self, spectra: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rbf_kernel(self._scaler.transform(spectra), self._support, gamma=1 / spectra.shape[1]))


class Classification:
    """Classifiers trained on one scene and tested on others, in the same splits.

    Parameters
    ----------
    original
        Samples, (bands, height, width).
    labels
        Classes, (height, width); 0 where the class is not known.
    seeds
        One split for each.
    """

    def __init__(self, original: NDArray[Any], labels: NDArray[Any], seeds: Sequence[int] = SEEDS) -> None:
        self._known = labels > 0
        self._classes = labels[self._known]
        pixels = np.arange(len(self._classes))
        self._splits = [
            train_test_split(pixels, train_size=TRAIN_SHARE, stratify=self._classes, random_state=seed)
            for seed in seeds
        ]
        self._models = self._trained(original)
        self._baseline = np.array(self._tested(self._models, original))

    def figures(self, scene: NDArray[Any]) -> dict[str, float]:
        """Return the columns of accuracies of a scene."""
        found = {}
        for prefix in TRAININGS:
            tested = np.array(self._tested(self._models if prefix else self._trained(scene), scene))
            values = {
                "accuracy": tested[:, 0],
                "kappa": tested[:, 1],
                "accuracy_change": tested[:, 0] - self._baseline[:, 0],
            }
            for name, value in values.items():
                found[f"{prefix}{name}_mean"] = float(value.mean())
                found[f"{prefix}{name}_std"] = float(value.std(ddof=1))
        return found

    def _trained(self, scene: NDArray[Any]) -> list[_Model]:
        spectra = self._spectra(scene)
        return [_Model(spectra[train], self._classes[train]) for train, _ in self._splits]

    def _tested(self, models: Iterable[_Model], scene: NDArray[Any]) -> list[tuple[float, float]]:
        """Return accuracy and kappa in each split."""
        spectra = self._spectra(scene)
        tested = []
        for model, (_, test) in zip(models, self._splits, strict=True):
            predicted = model.predict(spectra[test])
            truth = self._classes[test]
            tested.append((float(accuracy_score(truth, predicted)), float(cohen_kappa_score(truth, predicted))))
        return tested

    def _spectra(self, scene: NDArray[Any]) -> NDArray[np.float64]:
        """Return the labelled pixels, (pixels, bands)."""
        spectra: NDArray[np.float64] = scene[:, self._known].T.astype(np.float64)
        return spectra


def run(
    streams: Path = runner.STREAMS,
    codecs: Sequence[str] = LOSSY,
    rates: Sequence[float] = results.RATES,
) -> None:
    """Measure the original and every stream that is there, and write ``results/downstream.tsv`` after each.

    Parameters
    ----------
    streams
        Folder of the streams that `runner.run` keeps.
    codecs
        Names in `registry.CODECS`.
    rates
        Bits per pixel per band the streams were asked for.
    """
    original = scenes.load(SCENE)
    labels, wavelengths = ground_truth()
    classification = Classification(original, labels)
    rows: list[Mapping[str, Any]] = []
    for described, scene in _decoded(original, streams, codecs, rates):
        figures = classification.figures(scene) | index_errors(scene, original, wavelengths)
        row = described | {name: f"{value:.6f}" for name, value in figures.items()}
        rows.append(row | {"seeds": str(len(SEEDS))} | results.machine(("scikit-learn",)))
        results.write(TABLE, rows, COLUMNS)
        print(f"{row['codec']} {row['bpppb']}: accuracy {row['accuracy_mean']}, NDVI {row['ndvi_rmse']}", flush=True)


def _decoded(
    original: NDArray[Any], streams: Path, codecs: Iterable[str], rates: Iterable[float]
) -> Iterator[tuple[Row, NDArray[Any]]]:
    """Yield scenes with the columns that describe them: the original, then what can be decoded."""
    yield {"scene": SCENE, "codec": ORIGINAL, "asked_bpppb": "", "bytes": str(original.nbytes), "bpppb": ""}, original
    chosen = list(rates)
    for name in codecs:
        for rate in chosen:
            file = streams / runner.Job(SCENE, name, rate).stream.name
            if not file.exists():
                print(f"skipped: {name} at {rate:g} bpppb, there is no {file.name}", flush=True)
                continue
            codec = registry.make(name)
            lacking = codec.missing()
            if lacking is not None:
                print(f"skipped: {name}, {lacking}", flush=True)
                break
            payload = file.read_bytes()
            described = {
                "scene": SCENE,
                "codec": name,
                "asked_bpppb": f"{rate:g}",
                "bytes": str(len(payload)),
                "bpppb": f"{len(payload) * 8 / original.size:.5f}",
            }
            yield described, codec.decode(payload)


def draw() -> None:
    """Draw accuracy and the errors of the indices over bits per pixel per band, from ``results/downstream.tsv``."""
    rows = results.read(TABLE)
    if not rows:
        return
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    plots: Sequence[Axes] = figure.subplots(1, 3)
    compressed = [row for row in rows if row["codec"] != ORIGINAL]
    titles = {
        "accuracy_mean": "overall accuracy",
        "ndvi_rmse": "NDVI, RMSE",
        "ndre_rmse": "NDRE, RMSE",
    }
    for plot, (column, title) in zip(plots, titles.items(), strict=True):
        for codec in dict.fromkeys(row["codec"] for row in compressed):
            look = style(codec)
            own = sorted((number(row, "bpppb"), number(row, column)) for row in compressed if row["codec"] == codec)
            plot.plot(
                *zip(*own, strict=True),
                color=look.colour,
                marker=look.marker,
                linestyle="--" if look.dashed else "-",
                linewidth=2.0 if look.strong else 1.0,
                markersize=4,
                label=codec,
            )
        plot.set(xscale="log", xlabel="bits per pixel per band", title=title)
        plot.grid(visible=True, alpha=0.3)
    for plot in plots[1:]:
        plot.set_yscale("log")
    original = next(row for row in rows if row["codec"] == ORIGINAL)
    mean, spread = number(original, "accuracy_mean"), number(original, "accuracy_std")
    plots[0].axhline(mean, color="black", linestyle="--", linewidth=1.0, label="original, mean ± standard deviation")
    plots[0].axhspan(mean - spread, mean + spread, color="black", alpha=0.1, linewidth=0)
    figure.legend(*plots[0].get_legend_handles_labels(), loc="outside right center", fontsize="small")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
