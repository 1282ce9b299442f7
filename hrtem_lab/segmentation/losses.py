"""Losses that segmentation-models-pytorch does not have: of outlines, and the sum of several losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import l1_loss

from hrtem_lab.segmentation.targets import DISTANCE, signed_distance


class BoundaryLoss(nn.Module):
    """Mean of probability times signed distance from the outline: errors far from the outline cost more.

    Distances are in units of the image's longer side and negative inside a mask. An empty or full mask has no outline
    and costs nothing, so this loss needs another one besides (Kervadec et al., Medical Image Analysis 67 (2021) 101851,
    equation 5, with a constant weight).
    """

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Mean over all pixels of logits and masks, both (n, k, h, w)."""
        planes = masks.flatten(0, 1).bool().cpu().numpy()
        distances = np.stack([signed_distance(plane) for plane in planes]) / max(masks.shape[-2:])
        return (logits.sigmoid() * torch.from_numpy(distances).to(logits).view_as(logits)).mean()


class SumLoss(nn.Module):
    """Sum of several losses: where the gradient of one is weak, another's may be strong.

    Args:
        losses: Functions (logits, masks) -> scalar.
    """

    def __init__(self, losses: Sequence[nn.Module]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Sum of the losses of logits and masks."""
        return torch.stack([loss(logits, masks) for loss in self.losses]).sum()


class MasksAndDistanceLoss(nn.Module):
    """Loss of masks, and of the signed distance from an outline where the network has an output for it.

    The error of the distance is absolute, so that the network learns its median: where an outline may lie here or
    there, the mean would be neither.

    Args:
        masks_loss: Function (logits, masks) -> scalar for the outputs before the distance.
        distance_weight: Weight of the mean absolute error of the distance.
    """

    def __init__(self, masks_loss: nn.Module, distance_weight: float = 1.0) -> None:
        super().__init__()
        self.masks_loss, self.distance_weight = masks_loss, distance_weight

    def forward(self, logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """Loss of logits and targets, both (n, k, h, w)."""
        loss: torch.Tensor = self.masks_loss(logits[:, :DISTANCE], masks[:, :DISTANCE])
        if logits.shape[1] > DISTANCE:
            loss = loss + self.distance_weight * l1_loss(logits[:, DISTANCE], masks[:, DISTANCE])
        return loss
