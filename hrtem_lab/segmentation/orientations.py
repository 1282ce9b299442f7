"""Test-time augmentation: the mean prediction over the eight orientations of an image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hrtem_lab.micrograph import FloatArray

Transform = Callable[[FloatArray], FloatArray]


def _orientation(quarter_turns: int, mirrored: bool) -> tuple[Transform, Transform]:
    """A rotation of the last two axes by quarter turns, after mirroring or not, and its inverse."""
    direction = -1 if mirrored else 1
    return (
        lambda image: np.rot90(image[..., ::direction], quarter_turns, axes=(-2, -1)),
        lambda image: np.rot90(image, -quarter_turns, axes=(-2, -1))[..., ::direction],
    )


ORIENTATIONS = tuple(_orientation(turns, mirrored) for mirrored in (False, True) for turns in range(4))
"""The eight symmetries of the square, the identity first, each with its inverse."""


def average_over_orientations(predict: Transform, image: FloatArray) -> FloatArray:
    """Predict in all eight orientations, rotate the predictions back and take their mean.

    Args:
        predict: (rows, columns) -> (outputs, rows, columns).
        image: (rows, columns).
    """
    return np.mean([inverse(predict(orient(image))) for orient, inverse in ORIENTATIONS], axis=0)
