"""What a network told of the pixels of a particle, as features beside those of its lattice."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.ndimage import mean

from hrtem_lab.micrograph import FloatArray, IntArray

OUTPUTS = ("particle", "core")
"""What a network tells of every pixel, in the order of its outputs: that it is of a particle, of a particle's core (see
`cores`)."""
SEEN = {f"seen_{name}": f"mean probability of `{name}` within the outline, by the network" for name in OUTPUTS}


def seen_features(maps: FloatArray | None, instances: IntArray) -> pd.DataFrame:
    """Means of a network's probabilities over every particle.

    Args:
        maps: (outputs, rows, columns), the first of `OUTPUTS`; None where no network was asked.
        instances: (rows, columns), 0 = background; numbers may have gaps.

    Returns:
        One row per particle, indexed by `particle`, with the columns `SEEN`; `nan` for what the network does not tell.
    """
    numbers = np.unique(instances[instances > 0])
    planes = () if maps is None else maps
    told = {name: mean(plane, instances, numbers) for name, plane in zip(SEEN, planes, strict=False)}
    index = pd.Index(numbers, name="particle")
    return pd.DataFrame(told, index=index, columns=list(SEEN), dtype=float)
