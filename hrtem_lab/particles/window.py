"""The window through which a particle's spectrum is taken: soft edges, and no slow changes of the intensity."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from hrtem_lab.image import quadratic_surface
from hrtem_lab.micrograph import BoolArray

Array = npt.NDArray[np.float64]


def distance_to_edge_px(mask: BoolArray) -> Array:
    """Distance of every pixel of a mask to the nearest pixel outside it; the same as SciPy's, but faster."""
    squared = squared_distance_px(mask).astype(np.float64)
    distance: Array = np.sqrt(squared, out=squared)
    return distance


def squared_distance_px(mask: BoolArray) -> npt.NDArray[np.float32]:
    """Squared distance of every pixel of a mask to the nearest pixel outside it: whole numbers."""
    distance = np.asarray(cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    squared: npt.NDArray[np.float32] = np.square(distance, dtype=np.float32)
    return np.rint(squared, out=squared)  # OpenCV's last digit depends on the position of the mask in memory


def tapered_window(mask: BoolArray, width_px: float) -> Array:
    """Make a window that is 1 in the middle of a mask and falls to 0 at its edge as a squared sine.

    The taper takes at most half the inner radius. The border of the array counts as an edge.

    Args:
        mask: (rows, columns).
        width_px: Width of the taper.
    """
    squared = squared_distance_px(np.pad(mask, 1))[1:-1, 1:-1]
    width = max(min(width_px, np.sqrt(squared.max(initial=0)) / 2), 1.0)
    # the window at every squared distance, which are few, up to the one from which on it is 1
    rise = np.clip((np.sqrt(np.arange((width + 0.5) ** 2 + 1)) - 0.5) / width, 0, 1)
    window: Array = (np.sin(np.pi / 2 * rise) ** 2)[np.minimum(squared, len(rise) - 1).astype(np.intp)]
    return window


def detrend(image: npt.NDArray[Any], mask: BoolArray) -> Array:
    """Subtract the best quadratic surface in a mask (thickness, illumination); 0 outside the mask."""
    inside = mask.astype(np.float64)
    values = np.where(mask, image, 0).astype(np.float64)
    values -= inside * (values.sum() / inside.sum())  # a large offset would cost digits in the fit
    flat: Array = values - inside * quadratic_surface(values, mask)
    return flat
