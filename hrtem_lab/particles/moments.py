"""Shape of a distribution by its moments; scipy.stats, which has the same, takes half a second to import."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def standardised_moment(values: Array, order: Literal[3, 4]) -> Array:
    """Mean power of the deviation in standard deviations, along the last axis: order 3 is skewness, 4 is kurtosis."""
    deviation = values - values.mean(axis=-1, keepdims=True)
    squared = deviation**2
    variance = squared.mean(axis=-1)
    power = squared * (deviation if order == 3 else squared)
    return np.asarray(power.mean(axis=-1) / variance ** (order / 2))
