"""A U-Net with instance norm: its predictions do not depend on statistics of other images."""

from __future__ import annotations

from typing import Any

from torch import nn

from hrtem_lab.segmentation.smp import smp


class InstanceNormUnet(smp.Unet):
    """The U-Net of segmentation-models-pytorch with instance norm for every batch norm in encoder and decoder.

    In training and in use, each channel is standardised by its mean and standard deviation in the image at hand
    (Ulyanov, Vedaldi and Lempitsky, arXiv:1607.08022).

    Args:
        settings: Arguments of `segmentation_models_pytorch.Unet`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _replace_batch_norm(self)


def _replace_batch_norm(module: nn.Module) -> None:
    """Replace every batch norm below a module by an instance norm with learned scale and offset."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            norm = nn.InstanceNorm2d(child.num_features, eps=child.eps, affine=True)
            setattr(module, name, nn.Sequential(norm, *child.children()))  # some norms of timm hold an activation
        else:
            _replace_batch_norm(child)
