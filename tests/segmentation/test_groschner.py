"""The published network has the published number of weights and receptive field."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation import groschner
from hrtem_lab.segmentation.groschner import Groschner2021
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from tests.segmentation.scenes import PREPROCESSING


def test_it_has_the_65_thousand_weights_of_the_paper():
    """Keras, with which it was published, counts the running statistics of batch norm as weights."""
    net = Groschner2021()
    learned = sum(weight.numel() for weight in net.parameters())
    running = sum(v.numel() for name, v in net.state_dict().items() if "running" in name)
    # added up by hand from the layers that the authors released
    convolutions = 40 + 296 + 1168 + 4640 + 2 * 9248 + (18464 + 9248) + (6928 + 2320) + (1736 + 584) + (436 + 148) + 10
    channels = 4 + 8 + 16 + 32 + 2 * 32 + 2 * (32 + 16 + 8 + 4)
    assert (learned, running) == (convolutions + 2 * channels, 2 * channels)
    assert (learned, learned + running) == (65_002, 65_490)


def test_the_receptive_field_is_about_170_pixels(monkeypatch):
    monkeypatch.setattr(groschner, "max_pool2d", avg_pool2d)  # it passes a gradient on to all of its pixels
    net = Groschner2021().double().eval()
    for weight in net.parameters():  # no ReLU shuts
        nn.init.constant_(weight, 0.1)
    extents = []
    for place in range(128, 128 + 16):  # a place sees less to one side where it lies at the edge of a coarse pixel
        image = torch.ones(1, 1, 272, 16, dtype=torch.float64, requires_grad=True)
        net(image)[0, 0, place, 8].backward()
        rows = image.grad[0, 0].abs().sum(dim=1).nonzero()
        extents.append(int(rows.max() - rows.min()) + 1)
    assert (min(extents), max(extents)) == (158, 174)


@pytest.mark.parametrize("classes", [1, 2])
def test_every_multiple_of_the_stride_is_accepted(classes):
    net = Groschner2021(classes=classes).eval()
    for rows, columns in ((16, 16), (48, 80)):
        assert net(torch.zeros(2, 1, rows, columns)).shape == (2, classes, rows, columns)


def test_a_saved_network_is_loaded_unchanged(tmp_path):
    torch.manual_seed(0)
    method = NetworkSegmenter(net=Groschner2021(filters=(2, 4), dropout=0.1), preprocessing=PREPROCESSING, stride=16)
    method.save(tmp_path)
    again = NetworkSegmenter.load(tmp_path)
    assert isinstance(again.net, Groschner2021)
    image = np.random.default_rng(0).normal(size=(48, 64)).astype(np.float32)
    np.testing.assert_allclose(again.output_maps(image), method.output_maps(image), atol=1e-2)
    assert method.output_maps(image).shape == (2, 48, 64)


@pytest.mark.parametrize("name", ["os.system", "hrtem_lab.segmentation.groschner.Groschner2021", "Groschner2022"])
def test_an_unknown_class_name_is_refused(tmp_path, name):
    NetworkSegmenter(net=Groschner2021(filters=(2, 4)), preprocessing=PREPROCESSING).save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["_model_class"] == "Groschner2021"
    (tmp_path / "config.json").write_text(json.dumps(config | {"_model_class": name}))
    with pytest.raises(InputError, match="the model cannot be read"):
        NetworkSegmenter.load(tmp_path)
