"""What every program's script shares, in whichever environment it runs: arrays, Dice, the curve, masks as pictures."""

import argparse
import csv
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

THRESHOLDS = np.linspace(0.05, 0.95, 19)
COLUMNS = ("steps", "seconds", "processor_seconds", "dice", "threshold")


def arguments(description: str | None) -> argparse.Namespace:
    """Read the command line of a script."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, help="folder that images.py has written")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=500, help="number of training steps, or of trees")
    parser.add_argument("--every", type=int, default=25, help="steps between two validations")
    parser.add_argument("--target", type=float, default=1.0, help="validation Dice at which training ends")
    parser.add_argument("--masks", type=Path, help="folder for the masks of the test images")
    return parser.parse_args()


def load(folder: Path, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, rows, columns) float32 and masks, 0 or 1, of `train` or `validation`."""
    with np.load(folder / f"{side}.npz") as arrays:
        return arrays["images"], arrays["masks"]


class Curve:
    """Prints steps, seconds and validation Dice as CSV while a program trains; validation itself is not counted.

    Args:
        folder: Folder of the arrays.
        predict: (n, rows, columns) images -> probabilities of the same shape.
        fixed: Threshold of the probability; None for the best one on the validation images.
    """

    def __init__(self, folder: Path, predict: Callable[[np.ndarray], np.ndarray], fixed: float | None = None) -> None:
        self.predict, self.candidates = predict, THRESHOLDS if fixed is None else np.array([fixed])
        self.images, self.masks = load(folder, "validation")
        self.best = (0.0, 0.5)
        self.table = csv.writer(sys.stdout)
        self.table.writerow(COLUMNS)
        self.spent = np.array([time.perf_counter(), _processor_seconds()])

    def note(self, steps: int) -> float:
        """Validate, print a line, and return the Dice of all validation pixels together."""
        began = np.array([time.perf_counter(), _processor_seconds()])
        probabilities = self.predict(self.images)
        found = max((dice(probabilities > t, self.masks), float(t)) for t in self.candidates)
        self.best = max(self.best, found)
        self.table.writerow([steps, *np.round(began - self.spent, 1), round(found[0], 4), round(found[1], 2)])
        sys.stdout.flush()
        self.spent += np.array([time.perf_counter(), _processor_seconds()]) - began
        return found[0]


def dice(predicted: np.ndarray, true: np.ndarray) -> float:
    """Dice of the particle class, all pixels together."""
    return float(2 * np.sum(predicted & (true > 0)) / max(predicted.sum() + true.sum(), 1))


def write_masks(folder: Path, arrays: Path, predict: Callable[[np.ndarray], np.ndarray], threshold: float) -> None:
    """Write a mask of every test micrograph on its own grid: `<name>.png`, white where a particle is."""
    folder.mkdir(parents=True, exist_ok=True)
    with np.load(arrays / "test.npz") as images, np.load(arrays / "test_shapes.npz") as shapes:
        for name, image in _padded(images).items():
            rows, columns = images[name].shape
            mask = 255 * (predict(image[None])[0, :rows, :columns] > threshold).astype(np.uint8)
            height, width = map(int, shapes[name])
            Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST).save(folder / f"{name}.png")


def _padded(images: Mapping[str, np.ndarray], multiple: int = 32) -> dict[str, np.ndarray]:
    """Images whose sides are multiples of a number, mirrored at the end."""
    missing = {name: [(0, -side % multiple) for side in images[name].shape] for name in images}
    return {name: np.pad(images[name], width, mode="symmetric") for name, width in missing.items()}


def _processor_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
