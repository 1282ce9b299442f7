"""Fixtures of the segmentation tests."""

import pytest
import segmentation_models_pytorch
import torch


@pytest.fixture
def full_precision(monkeypatch):
    """Without it the last digits would depend on the processor."""
    monkeypatch.setattr("hrtem_lab.segmentation.device.has_bfloat16", lambda: False)


@pytest.fixture(scope="module")
def net():
    """The smallest network of segmentation-models-pytorch that downsamples as the real one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return segmentation_models_pytorch.Unet(
            "mobileone_s0", encoder_weights=None, in_channels=1, classes=1, encoder_depth=3, decoder_channels=(8, 4, 4)
        ).eval()
