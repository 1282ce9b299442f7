"""Statistics of a network's outputs over a micrograph: how sure it is, of how much, and whether its outputs agree.

A network that looks at something that it has not learned from answers in an unusual way. Its outputs are there from
every program that runs it, unlike what its inner levels see. (Logits for this purpose: Liu et al., "Energy-based
out-of-distribution detection", NeurIPS 2020.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from hrtem_lab.micrograph import FloatArray

LOGIT_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
UNSURE = (0.1, 0.9)
"""Probabilities between which a network is unsure."""
CLIP = 1e-4
"""Distance from 0 and 1 at which a probability still counts: beyond, precision of the engine decides."""


def measure_outputs(probabilities: FloatArray) -> npt.NDArray[np.float64]:
    """Compute statistics of the outputs, (9 or 20,), finite.

    Args:
        probabilities: Probability of a particle and, of networks that say it, of the core of one, (1 or 2, rows,
            columns).
    """
    values = [value for output in probabilities for value in _describe(output)]
    if len(probabilities) > 1:
        particle, core = probabilities[:2]
        inside = particle > 0.5
        values += [float((core[inside] > 0.5).mean()) if inside.any() else 0.5, float((core > particle + 0.1).mean())]
    return np.array(values, dtype=np.float64)


def _describe(probability: FloatArray) -> list[float]:
    """Quantiles of the logit, the share above one half and the share that is unsure."""
    quantiles = logit(np.clip(np.quantile(probability, LOGIT_QUANTILES), CLIP, 1 - CLIP))
    unsure = (probability > UNSURE[0]) & (probability < UNSURE[1])
    return [*quantiles.tolist(), float(np.sqrt((probability > 0.5).mean())), float(np.sqrt(unsure.mean()))]
