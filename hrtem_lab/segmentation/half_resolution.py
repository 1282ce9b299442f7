"""A U-Net that works at half the resolution of its input, and so at a quarter of the cost."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import interpolate, pixel_unshuffle

from hrtem_lab.segmentation.smp import smp


class HalfResolutionUnet(smp.Unet):
    """The U-Net of segmentation-models-pytorch on the four half-resolution images that a micrograph consists of.

    Every second pixel of every second row is an image of its own (Shi et al., CVPR 2016, backwards): nothing that the
    micrograph shows of a lattice is lost, while the network sees four times the area at the same cost. Its outputs are
    as smooth as a distance from an outline is, and are interpolated back to the resolution of the input.

    Args:
        in_channels: Channels of the input.
        settings: Other arguments of `segmentation_models_pytorch.Unet`.
    """

    def __init__(self, in_channels: int = 1, **settings: Any) -> None:
        super().__init__(in_channels=4 * in_channels, **settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, (n, classes, h, w), of images (n, in_channels, h, w); h and w are multiples of 32."""
        halves = pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        return interpolate(super().forward(halves), scale_factor=2, mode="bilinear")
