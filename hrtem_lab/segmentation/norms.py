"""A U-Net whose norm layers keep nothing of other images."""

from __future__ import annotations

from typing import Any

from torch import nn

from hrtem_lab.segmentation.smp import smp


class InstanceNormUnet(smp.Unet):
    """The U-Net of segmentation-models-pytorch with instance norm in place of every batch norm, on both ways.

    Each channel is standardised by its own mean and deviation in the image at hand (Ulyanov, Vedaldi and Lempitsky,
    arXiv:1607.08022), in use as in training, whatever the batch.

    Args:
        settings: Of `segmentation_models_pytorch.Unet`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _replace_batch_norm(self)


def _replace_batch_norm(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            norm = nn.InstanceNorm2d(child.num_features, eps=child.eps, affine=True)
            setattr(module, name, nn.Sequential(norm, *child.children()))  # some of timm's have an activation
        else:
            _replace_batch_norm(child)
