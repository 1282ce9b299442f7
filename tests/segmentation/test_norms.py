"""Instance norm is everywhere, and predictions do not depend on other images."""

import pytest
import torch
from torch import nn

from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.norms import InstanceNormUnet
from tests.segmentation.scenes import PREPROCESSING

SMALL = {"encoder_weights": None, "encoder_depth": 3, "decoder_channels": (16, 8, 8), "in_channels": 1, "classes": 2}


@pytest.mark.parametrize("encoder", ["tu-resnet18", "tu-regnety_002"])
def test_every_norm_is_an_instance_norm(encoder: str):
    torch.manual_seed(0)
    net = InstanceNormUnet(encoder_name=encoder, **SMALL)
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())
    usual = InstanceNormUnet.__base__(encoder_name=encoder, **SMALL)
    count = lambda of: sum(weight.numel() for weight in of.parameters())  # noqa: E731
    assert count(net) == count(usual)
    kinds = lambda of: sum(isinstance(module, nn.ReLU) for module in of.modules())  # noqa: E731
    assert kinds(net) == kinds(usual)
    images = torch.randn(3, 1, 64, 64) * torch.tensor([1.0, 5.0, 0.2])[:, None, None, None]
    with torch.inference_mode():
        together = net(images)
        alone = torch.cat([net.eval()(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_a_saved_network_is_loaded_unchanged(tmp_path):
    torch.manual_seed(0)
    method = NetworkSegmenter(net=InstanceNormUnet(encoder_name="tu-resnet18", **SMALL), preprocessing=PREPROCESSING)
    method.save(tmp_path)
    again = NetworkSegmenter.load(tmp_path)
    assert isinstance(again.net, InstanceNormUnet)
    restored = again.net.state_dict()
    for name, weight in method.net.state_dict().items():
        torch.testing.assert_close(restored[name], weight, rtol=1e-3, atol=1e-6)
