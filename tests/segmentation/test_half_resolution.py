"""The U-Net at half resolution."""

import numpy as np
import torch

from hrtem_lab.segmentation.half_resolution import HalfResolutionUnet
from hrtem_lab.segmentation.model_folder import read_network, write_network

SMALL = {"encoder_name": "resnet18", "encoder_weights": None, "encoder_depth": 3, "decoder_channels": [16, 8, 8]}


def net() -> HalfResolutionUnet:
    torch.manual_seed(0)
    return HalfResolutionUnet(**SMALL, classes=3).eval()


@torch.no_grad()
def test_outputs_lie_on_the_grid_of_the_input():
    assert net()(torch.randn(2, 1, 64, 96)).shape == (2, 3, 64, 96)


@torch.no_grad()
def test_every_pixel_of_the_input_counts():
    """Each of the four pixels of a cell changes what the network says."""
    model, image = net(), torch.randn(1, 1, 32, 32)
    before = model(image)
    for row, column in ((16, 16), (16, 17), (17, 16), (17, 17)):
        changed = image.clone()
        changed[0, 0, row, column] += 3
        assert (model(changed) - before).abs().max() > 1e-4


def test_it_is_saved_and_read_again(tmp_path):
    model, image = net(), torch.randn(1, 1, 32, 64)
    write_network(model, tmp_path)
    again = read_network(tmp_path).eval()
    with torch.no_grad():
        np.testing.assert_allclose(again(image), model(image), atol=0.02)
    assert again.encoder.conv1.in_channels == 4
