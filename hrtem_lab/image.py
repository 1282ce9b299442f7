"""Operations on images that several subpackages share: resampling, flattening, stretching, noise of a spectrum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from hrtem_lab.micrograph import BoolArray, IntArray

Indices = npt.NDArray[np.intp]
Labels = TypeVar("Labels", IntArray, BoolArray)
"""Numbers or truth values of pixels, between which nothing can be interpolated."""

_ROW_POWER, _COLUMN_POWER = np.array([(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0)]).T


def resample_nearest(instances: Labels, shape: tuple[int, int]) -> Labels:
    """Return an instance map or a mask on another grid of the same field.

    Each new pixel takes the old one that holds its centre.

    Args:
        instances: (rows, columns).
        shape: Rows and columns of the result.
    """
    row, column = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(shape, instances.shape, strict=True)
    )
    return instances[np.ix_(row, column)]


def quadratic_surface(image: npt.NDArray[Any], mask: BoolArray | None = None) -> npt.NDArray[np.float64]:
    """Return the least-squares quadratic surface of an image, such as uneven illumination or thickness.

    The six normal equations are set up from moments of the mask, so the cost is one pass over the image.

    Args:
        image: (rows, columns), 0 outside the mask.
        mask: Pixels that the surface is fitted to; all by default.

    Returns:
        (rows, columns), also outside the mask.
    """
    y, x = (np.vander(np.linspace(-1, 1, side), 5, increasing=True) for side in image.shape)
    if mask is None:
        rows, columns = (powers[:, :3].T @ powers[:, :3] for powers in (y, x))
        normal = rows[np.ix_(_ROW_POWER, _ROW_POWER)] * columns[np.ix_(_COLUMN_POWER, _COLUMN_POWER)]
    else:
        moments = y.T @ mask.astype(np.float64) @ x
        normal = moments[_ROW_POWER[:, None] + _ROW_POWER, _COLUMN_POWER[:, None] + _COLUMN_POWER]
    y, x = y[:, :3], x[:, :3]
    coefficients = np.zeros((3, 3))
    right = (y.T @ image @ x)[_ROW_POWER, _COLUMN_POWER]
    coefficients[_ROW_POWER, _COLUMN_POWER] = np.linalg.lstsq(normal, right, rcond=None)[0]
    surface: npt.NDArray[np.float64] = y @ coefficients @ x.T
    return surface


def rescale_intensity(image: npt.NDArray[Any], saturated: float) -> npt.NDArray[np.floating[Any]]:
    """Return an image stretched to the range from 0 to 1, (rows, columns).

    Args:
        image: (rows, columns).
        saturated: Fraction of the pixels that becomes 0, and fraction that becomes 1: hot pixels do not set the range.
    """
    low, high = np.quantile(image, [saturated, 1 - saturated])
    stretched: npt.NDArray[np.floating[Any]] = np.clip((image - low) / max(high - low, 1e-12), 0, 1)
    return stretched


def ring_noise(
    power: npt.NDArray[np.floating[Any]],
    radius: npt.NDArray[np.floating[Any]],
    rings: Mapping[float, Indices],
    allowed: Callable[[Indices], BoolArray],
) -> npt.NDArray[np.float64]:
    """Return the mean power of the noise in a power spectrum, interpolated between rings, of the shape of `radius`.

    The power of noise is exponentially distributed, and the median of that is ln 2 times its mean. Unlike a mean, the
    median hardly changes with what a spot still adds to a few samples.

    Args:
        power: Power spectrum, of any shape.
        radius: Distances from zero frequency at which the noise is wanted.
        rings: Radius of each ring, in rising order, and the flat indices of its samples in `power`.
        allowed: Selects the samples of a ring that noise is measured at, away from spots: indices (n,) -> mask (n,).
    """
    samples = power.ravel()
    medians = [median(samples[ring[allowed(ring)]]) for ring in rings.values()]
    return np.asarray(np.interp(radius, list(rings), medians) / np.log(2))


def robust_deviation(values: npt.NDArray[Any], middle: float | np.floating[Any]) -> Any:
    """Standard deviation of the normal distribution with the median absolute deviation of values from their median.

    Args:
        values: Numbers, in an array of any shape.
        middle: Median of the values.
    """
    return 1.4826 * np.median(np.abs(values - middle))


def median(values: npt.NDArray[np.floating[Any]]) -> float:
    """Median of values (n,), `nan` of none; `numpy.median` takes five times as long for a few hundred."""
    middle = len(values) // 2
    ranks = (middle,) if len(values) % 2 else (middle - 1, middle)
    return float(np.partition(values, ranks)[list(ranks)].mean()) if len(values) else np.nan
