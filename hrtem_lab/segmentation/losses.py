"""Losses that are made of others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Sum(nn.Module):
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
