"""How well single features tell faults from the rest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy

from hrtem_lab.defects.decision import FAULT


def fault_separation(inputs: npt.NDArray[np.float64], labels: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    """Distance of each feature's area under the ROC of a fault against the rest from 0.5, of chance (features,).

    Args:
        inputs: Features, (n, features), without `nan`.
        labels: True classes, (n,).
    """
    is_fault = labels == FAULT
    faults, rest = int(is_fault.sum()), int((~is_fault).sum())
    ranks = scipy.stats.rankdata(inputs, axis=0)[is_fault].sum(axis=0)  # Mann and Whitney's statistic
    area = (ranks - faults * (faults + 1) / 2) / max(faults * rest, 1)
    return np.abs(area - 0.5)
