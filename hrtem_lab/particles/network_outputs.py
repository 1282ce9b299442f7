"""Outputs of a segmentation network in a particle's pixels, as features beside those of its lattice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hrtem_lab.micrograph import FloatArray, IntArray

NETWORK_OUTPUTS = ("particle", "core")
"""Outputs of a network in order: the probability that a pixel belongs to a particle, and to the core of a particle (see
`cores`)."""
NETWORK_FEATURES = {
    f"seen_{name}": f"mean probability of `{name}` within the outline, by the network" for name in NETWORK_OUTPUTS
}


def network_features(network_outputs: FloatArray | None, instances: IntArray) -> pd.DataFrame:
    """Average a network's probabilities over every particle.

    Args:
        network_outputs: Probabilities, (outputs, rows, columns), the first of `NETWORK_OUTPUTS`; None without a
            network.
        instances: (rows, columns), 0 = background; numbers may have gaps.

    Returns:
        One row per particle, indexed by `particle`, with the columns `NETWORK_FEATURES`; `nan` for outputs that the
        network does not have.
    """
    inside = instances > 0
    particle = instances[inside]
    areas = np.bincount(particle)
    numbers = np.flatnonzero(areas)
    planes = () if network_outputs is None else network_outputs
    means = {
        name: (np.bincount(particle, plane[inside]) / np.maximum(areas, 1))[numbers]
        for name, plane in zip(NETWORK_FEATURES, planes, strict=False)
    }
    index = pd.Index(numbers, name="particle")
    return pd.DataFrame(means, index=index, columns=list(NETWORK_FEATURES), dtype=float)
