"""The folder of a tuned method: its settings as JSON, and a fitted classifier without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED

import skops.io
from sklearn.base import BaseEstimator

from hrtem_lab.atomic_write import atomic_write, write_text
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.classical.lattice import BandPass, BraggFilter
from hrtem_lab.segmentation.classical.pixels import KMeansClusters, PixelForest
from hrtem_lab.segmentation.classical.regions import ChanVese, RandomWalker, Watershed
from hrtem_lab.segmentation.classical.thresholds import LocalThreshold, Otsu
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.segmenter import Segmenter

METHODS: dict[str, Any] = {
    kind.name: kind
    for kind in (
        *(Otsu, LocalThreshold, Watershed, BandPass, BraggFilter),
        *(KMeansClusters, ChanVese, RandomWalker, PixelForest),
    )
}
"""Methods by their names."""
METHOD_SETTINGS, CLASSIFIER = "method.json", "classifier.skops"
TRUSTED = ("sklearn.tree._tree.Tree",)  # it holds arrays of numbers and nothing else


def save_method(method: Segmenter, folder: Path) -> None:
    """Write the settings of a method, and its classifier if it has one."""
    settings = {part.name: getattr(method, part.name) for part in fields(method)}
    settings["preprocessing"] = asdict(method.preprocessing)
    for name, value in list(settings.items()):
        if isinstance(value, BaseEstimator):
            del settings[name]
            with atomic_write(folder / CLASSIFIER) as unfinished:
                skops.io.dump(value, unfinished, compression=ZIP_DEFLATED)
    write_text(folder / METHOD_SETTINGS, json.dumps({"method": method.name} | settings, indent=2))


def load_method(folder: Path) -> Segmenter:
    """Read what `save_method` wrote.

    Raises:
        InputError: The folder holds no such method, or it cannot be read.
    """
    try:
        settings = json.loads((folder / METHOD_SETTINGS).read_text(encoding="utf-8"))
        kind = METHODS[settings.pop("method")]
        settings["preprocessing"] = Preprocessing(**settings["preprocessing"])
        if (folder / CLASSIFIER).is_file():
            settings["classifier"] = skops.io.load(folder / CLASSIFIER, trusted=list(TRUSTED))
        method: Segmenter = kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()})
        return method
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{folder}: the method cannot be read ({reason}); copy its folder whole") from error
