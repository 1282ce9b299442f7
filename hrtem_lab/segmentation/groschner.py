"""The network of Groschner, Choi and Scott (Microsc. Microanal. 27, 549, 2021), for comparison."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d, relu

from hrtem_lab.segmentation.smp import smp


class Groschner2021(nn.Module, smp.base.hub_mixin.SMPHubMixin):
    """A small U-Net with one convolution per level on the way down and two on the way up.

    It has the layers of the published code: 65 002 trainable weights, the 65 k of the paper, or 65 490 with the running
    statistics of batch norm. The receptive field is 170 pixels wide by the usual formula, and 158 to 174 pixels
    depending on the position on the coarse grids. This is 8.5 nm at the 0.05 nm of our models, and 3.7 nm at the
    0.0215 nm of the paper, which is less than its particles.

    Args:
        filters: Number of filters of each level, from the finest.
        dropout: Dropout probability between the two convolutions of a level on the way up.
        in_channels: Number of channels of the image.
        classes: Number of outputs: particle and, where there are two, core of a particle.
    """

    def __init__(
        self,
        filters: tuple[int, ...] = (4, 8, 16, 32),
        dropout: float = 0.2,
        in_channels: int = 1,
        classes: int = 2,
    ) -> None:
        super().__init__()
        deepest = filters[-1]
        self.encoder = nn.ModuleList(_convolution(a, b) for a, b in zip([in_channels, *filters], filters, strict=False))
        self.centre = _double_convolution(deepest, deepest, 0.0)
        coarser = [*filters[1:], deepest]
        self.decoder = nn.ModuleList(
            _double_convolution(skipped + upsampled, skipped, dropout)
            for skipped, upsampled in reversed(list(zip(filters, coarser, strict=True)))
        )
        self.segmentation_head = nn.Conv2d(filters[0], classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (n, classes, h, w), of images (n, in_channels, h, w) whose sides are multiples of 16."""
        features, skipped = images, []
        for level in self.encoder:
            features = level(features)
            skipped.append(relu(features))
            features = max_pool2d(features, 2)  # before the ReLU, as in the published code
        features = self.centre(features)
        for level, skip in zip(self.decoder, reversed(skipped), strict=True):
            features = level(torch.cat([skip, interpolate(features, scale_factor=2, mode="nearest")], dim=1))
        return self.segmentation_head(features)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs, eps=1e-4))


def _double_convolution(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    first, second = _convolution(inputs, outputs), _convolution(outputs, outputs)
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), second, nn.ReLU())
