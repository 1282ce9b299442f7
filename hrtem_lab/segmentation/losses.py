"""Losses that segmentation-models-pytorch has not: what lies far from an outline, and sums of several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import nn

from hrtem_lab.micrograph import BoolArray, FloatArray


class BoundaryLoss(nn.Module):
    """Mean of probability times signed distance from the outline: an error costs the more, the farther off it is.

    Distances are in units of the image's longer side, negative within a mask. A mask without an outline, empty or
    full, costs nothing, so it stands beside another loss: Kervadec et al., Medical Image Analysis 67 (2021) 101851,
    equation 5, with a constant weight.
    """

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Scalar, for logits and masks of one shape (n, k, h, w)."""
        planes = masks.flatten(0, 1).bool().cpu().numpy()
        distances = np.stack([signed_distance(plane) for plane in planes]) / max(masks.shape[-2:])
        return (logits.sigmoid() * torch.from_numpy(distances).to(logits).view_as(logits)).mean()


def signed_distance(mask: BoolArray) -> FloatArray:
    """Distance of each pixel's centre from a mask's outline, halfway between pixels on its two sides, in pixels.

    Positive without, negative within, 0 everywhere where nothing or all is masked; float32, in the shape of the mask.
    """
    if mask.all() or not mask.any():
        return np.zeros(mask.shape, np.float32)
    within, without = distance_transform_edt(mask), distance_transform_edt(~mask)
    return np.where(mask, 0.5 - within, without - 0.5).astype(np.float32)


class SumLoss(nn.Module):
    """The sum of several losses, so that one's gradient stands in where another's is weak.

    Args:
        losses: Each (logits, masks) -> scalar.
    """

    def __init__(self, losses: Sequence[nn.Module]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Scalar."""
        return torch.stack([loss(logits, masks) for loss in self.losses]).sum()
