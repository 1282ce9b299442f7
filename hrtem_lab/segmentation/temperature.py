"""Temperature scaling: probabilities that agree with how often they are right."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from hrtem_lab.micrograph import BoolArray, FloatArray

TEMPERATURE_RANGE = (0.1, 10.0)
"""Search range. A network without an error on the validation data would get a temperature of 0."""


def fit_temperature(logits: FloatArray, truth: BoolArray) -> float:
    """The temperature in `TEMPERATURE_RANGE` with the highest likelihood (Guo et al., ICML 2017).

    Args:
        logits: (pixels,).
        truth: (pixels,).
    """
    signed = np.where(truth, -logits, logits)  # the likelihood of a pixel is 1 / (1 + exp(signed / temperature))

    def negative_log_likelihood(log_temperature: float) -> float:
        return float(np.logaddexp(0, signed / np.exp(log_temperature)).mean())

    bounds = np.log(TEMPERATURE_RANGE)
    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded").x))
