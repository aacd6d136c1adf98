"""Land cover from single spectra, by a support vector machine, under two protocols of training and testing.

``pixels``
    Training pixels are drawn at random, stratified by class, and all others are tested. Most of these lie in a field
    that was trained on, some beside a training pixel: accuracies are those of mapping the same fields.
``fields``
    A field is a connected area of one class, corners included; whole fields are trained on or tested, half of a class's
    fields each. Accuracies are those of mapping new fields of the same scene. A class of a single field has none to
    test on and is left out of both.

A class has as many training pixels under either protocol, as far as its training fields have them. Splits depend on the
labels and seeds alone, so they are the same for every decoded scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import accuracy_score, cohen_kappa_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

TRAIN_SHARE = 0.1
"""Of the labelled pixels of a class."""

PROTOCOLS = {"pixels": 5, "fields": 10}
"""How many splits each has; accuracies on new fields vary more."""

TRAININGS = {"": "the same scene", "original_": "the original"}
"""On what the classifier was trained; what it is called in the names of columns."""

COLUMNS = tuple(
    f"{protocol}_{training}{figure}_{statistic}"
    for protocol in PROTOCOLS
    for training in TRAININGS
    for figure in ("accuracy", "kappa", "accuracy_change")
    for statistic in ("mean", "std")
)
"""What `Classification.figures` returns. `accuracy` is the share of test pixels of the right class, `kappa` Cohen's,
`accuracy_change` the difference to the original scene in the same split; mean and standard deviation (n - 1) over the
splits."""

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""The pixels that are trained on and those that are tested, as places in the flattened labels."""


def pixel_splits(labels: NDArray[Any], count: int) -> list[Split]:
    """Return splits of single pixels; `labels` is (height, width), 0 where the class is not known."""
    known = np.flatnonzero(labels)
    classes = labels.ravel()[known]
    return [
        tuple(train_test_split(known, train_size=TRAIN_SHARE, stratify=classes, random_state=seed))
        for seed in range(count)
    ]


def field_splits(labels: NDArray[Any], count: int) -> list[Split]:
    """Return splits of whole fields; `labels` is (height, width), 0 where the class is not known."""
    corners = np.ones((3, 3))
    numbered = [ndimage.label(labels == name, corners) for name in np.unique(labels[labels > 0])]
    classes = [(fields.ravel(), number) for fields, number in numbered if number > 1]
    splits = []
    for seed in range(count):
        generator = np.random.default_rng(seed)
        parts = [_divided(fields, number, generator) for fields, number in classes]
        train, test = (np.concatenate(side) for side in zip(*parts, strict=True))
        splits.append((train, test))
    return splits


def _divided(fields: NDArray[Any], number: int, generator: np.random.Generator) -> Split:
    """Return the split of one class, whose fields are numbered from 1, 0 elsewhere."""
    chosen = generator.permutation(number)[: number // 2] + 1
    inside = np.isin(fields, chosen)
    candidates = np.flatnonzero(inside)
    wanted = round(TRAIN_SHARE * np.count_nonzero(fields))
    train = generator.choice(candidates, max(1, min(wanted, len(candidates))), replace=False)
    return train, np.flatnonzero((fields > 0) & ~inside)


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


class _Protocol:
    """Classifiers trained on one scene and tested on others, in the same splits."""

    def __init__(self, original: NDArray[Any], labels: NDArray[Any], splits: Sequence[Split]) -> None:
        self._labels = labels.ravel()
        self._splits = splits
        self._models = self._trained(original)
        self._baseline = self._tested(self._models, original)

    def figures(self, scene: NDArray[Any]) -> dict[str, float]:
        """Return means and standard deviations under the names of `COLUMNS`, less that of the protocol."""
        found = {}
        for training in TRAININGS:
            tested = self._tested(self._models if training else self._trained(scene), scene)
            values = {
                "accuracy": tested[:, 0],
                "kappa": tested[:, 1],
                "accuracy_change": tested[:, 0] - self._baseline[:, 0],
            }
            for name, value in values.items():
                found[f"{training}{name}_mean"] = float(value.mean())
                found[f"{training}{name}_std"] = float(value.std(ddof=1))
        return found

    def _trained(self, scene: NDArray[Any]) -> list[_Model]:
        return [_Model(_spectra(scene, train), self._labels[train]) for train, _ in self._splits]

    def _tested(self, models: Iterable[_Model], scene: NDArray[Any]) -> NDArray[np.float64]:
        """Return accuracy and kappa in each split, (splits, 2)."""
        tested = []
        for model, (_, test) in zip(models, self._splits, strict=True):
            predicted, truth = model.predict(_spectra(scene, test)), self._labels[test]
            tested.append((float(accuracy_score(truth, predicted)), float(cohen_kappa_score(truth, predicted))))
        return np.array(tested)


def _spectra(scene: NDArray[Any], pixels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return spectra, (pixels, bands)."""
    found: NDArray[np.float64] = scene.reshape(len(scene), -1)[:, pixels].T.astype(np.float64)
    return found


class Classification:
    """The accuracies of decoded scenes beside those of the original, under both protocols.

    Parameters
    ----------
    original
        Samples, (bands, height, width).
    labels
        Classes, (height, width); 0 where the class is not known.
    splits
        How many of each protocol, at least 2.
    """

    def __init__(self, original: NDArray[Any], labels: NDArray[Any], splits: Mapping[str, int] = PROTOCOLS) -> None:
        divide = {"pixels": pixel_splits, "fields": field_splits}
        self._protocols = {
            name: _Protocol(original, labels, divide[name](labels, count)) for name, count in splits.items()
        }

    def figures(self, scene: NDArray[Any]) -> dict[str, float]:
        """Return `COLUMNS` of a scene, (bands, height, width)."""
        return {
            f"{name}_{column}": value
            for name, protocol in self._protocols.items()
            for column, value in protocol.figures(scene).items()
        }
