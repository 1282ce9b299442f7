"""Models on disk hold no code and are loaded unchanged."""

import builtins
import json
import pickle
import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import segmentation_models_pytorch
import torch

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.model_folder import SETTINGS
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from tests.segmentation.scenes import noise, plain, unet

pytestmark = pytest.mark.usefixtures("full_precision")


PROVENANCE = {"run": "abc", "commit": "1234"}


@pytest.fixture
def saved(net, tmp_path):
    """A model none of whose settings is a default."""
    preprocessing = Preprocessing(pixel_size_nm=0.04, max_pixel_size_nm=0.1, hot_sigma=4.0, clip_sigma=5.0)
    method = NetworkSegmenter(
        net=net,
        preprocessing=preprocessing,
        threshold=0.35,
        min_diameter_nm=0.6,
        tile=64,
        overlap=24,
        stride=8,
        tta=True,
        temperature=1.7,
        provenance=PROVENANCE,
    )
    method.save(tmp_path / "model")
    return replace(method, net=in_half_precision(net)), tmp_path / "model"


def in_half_precision(net):
    """The network with the weights that are written."""
    net = deepcopy(net)
    for weight in net.parameters():
        weight.data = weight.data.half().float()
    return net


def test_weights_are_written_in_half_precision_and_the_network_stays_as_it_is(net, tmp_path):
    before = deepcopy(net.state_dict())
    unet(net).save(tmp_path / "model")
    for name, weight in net.state_dict().items():
        assert torch.equal(weight, before[name])
    image = noise(64, 64)
    again = NetworkSegmenter.load(tmp_path / "model")
    assert {weight.dtype for weight in again.net.parameters()} == {torch.float32}
    np.testing.assert_allclose(again.score_map(image), unet(net).score_map(image), atol=0.02)
    whole = sum(weight.numel() for weight in net.parameters())
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 2.5 * whole + 1e5


def test_a_saved_model_is_the_same_model(saved):
    method, folder = saved
    again = NetworkSegmenter.load(folder)
    assert replace(again, net=method.net) == method
    image = noise(90, 130)
    assert method.score_map(image).std() > 1e-4
    np.testing.assert_array_equal(again.score_map(image), method.score_map(image))
    micrograph = plain(noise(60, 60), 0.05)
    np.testing.assert_array_equal(
        again.segment(micrograph).particle_probability, method.segment(micrograph).particle_probability
    )


def test_a_loaded_model_can_be_saved_again(saved, tmp_path):
    method, folder = saved
    NetworkSegmenter.load(folder).save(tmp_path / "again")
    image = noise(64, 64)
    np.testing.assert_array_equal(NetworkSegmenter.load(tmp_path / "again").score_map(image), method.score_map(image))


def test_a_model_of_an_older_version_is_read(saved):
    method, folder = saved
    settings = json.loads((folder / SETTINGS).read_text())
    settings["preprocessing"]["coarsest_nm"] = settings["preprocessing"].pop("max_pixel_size_nm")
    (folder / SETTINGS).write_text(json.dumps(settings))
    assert replace(NetworkSegmenter.load(folder), net=method.net) == method


def test_a_model_from_before_there_was_a_temperature_is_read(saved):
    settings = json.loads((saved[1] / SETTINGS).read_text())
    for name in ("temperature", "augmented"):
        del settings[name]
    (saved[1] / SETTINGS).write_text(json.dumps(settings))
    again = NetworkSegmenter.load(saved[1])
    assert (again.temperature, again.tta, again.threshold) == (1.0, False, 0.35)


def test_the_folder_holds_no_code(saved):
    assert {path.suffix for path in saved[1].iterdir()} <= {".json", ".safetensors", ".md"}


def test_loading_is_silent(saved, capsys):
    NetworkSegmenter.load(saved[1])
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach another machine is an error."""

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["resnet18", "mobileone_s0", "tu-resnet18"])
def test_loading_never_downloads_the_weights_that_training_started_from(tmp_path, name):
    net = segmentation_models_pytorch.Unet(
        name, encoder_weights=None, in_channels=1, encoder_depth=3, decoder_channels=(8, 4, 4)
    )
    method = unet(net)
    method.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"encoder_weights": "imagenet"}))
    kept = replace(method, net=in_half_precision(method.net))
    np.testing.assert_array_equal(
        NetworkSegmenter.load(tmp_path).score_map(noise(32, 32)), kept.score_map(noise(32, 32))
    )


@pytest.mark.usefixtures("no_network")
def test_a_missing_folder_is_not_searched_for_online(tmp_path):
    for name in ("missing", "org/model"):
        with pytest.raises(InputError, match=r"holds no segmenter.json; give a folder that training saved"):
            NetworkSegmenter.load(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no segmenter.json"):
        NetworkSegmenter.load(tmp_path / "empty")


def damaged(name, content):
    def damage(folder):
        (folder / name).write_bytes(content)

    return damage


def removed(name):
    return lambda folder: (folder / name).unlink()


def truncated(folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])


def without_a_layer(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file(weights, folder / "model.safetensors")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        without_a_layer,
        removed("model.safetensors"),
        removed("config.json"),
        damaged("model.safetensors", b""),
        damaged("model.safetensors", b"not weights at all"),
        damaged("config.json", b"{"),
        damaged("config.json", b'{"_model_class": "no_such_net"}'),
        damaged(SETTINGS, b"{}"),
        damaged(SETTINGS, b"\x00\xff"),
        damaged(SETTINGS, b'{"preprocessing": {"unknown": 1}}'),
    ],
    ids=lambda damage: getattr(damage, "__name__", ""),
)
def test_a_damaged_model_is_reported_in_one_line(saved, damage):
    damage(saved[1])
    with pytest.raises(InputError, match="the model cannot be read") as caught:
        NetworkSegmenter.load(saved[1])
    assert str(saved[1]) in str(caught.value)
    assert "\n" not in str(caught.value)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self):
        return builtins.exec, ("import builtins; builtins.trapped = True",)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_pickled_weights_are_refused_unread(saved, name):
    folder = saved[1]
    if name != "model.safetensors":
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="the model cannot be read"):
        NetworkSegmenter.load(folder)
    assert not hasattr(builtins, "trapped")


def test_a_save_that_was_interrupted_is_no_model(net, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(net), "_save_pretrained", interrupted)
        with pytest.raises(KeyboardInterrupt):
            unet(net).save(tmp_path / "model")
    with pytest.raises(InputError, match=r"holds no segmenter.json"):
        NetworkSegmenter.load(tmp_path / "model")


def test_other_norm_layers_are_saved_and_come_back(tmp_path):
    """Group norm in the encoder, instance norm in the decoder, as in conf/net/unet_resnet18_groupnorm.yaml."""
    torch.manual_seed(0)
    norms = {"norm_layer": "groupnorm", "decoder_use_norm": {"type": "instancenorm", "affine": True}}
    settings = {"encoder_weights": None, "in_channels": 1, "encoder_depth": 2, "decoder_channels": (8, 4)}
    net = segmentation_models_pytorch.Unet("tu-resnet18", **settings, **norms)
    kinds = [type(layer).__name__ for layer in net.modules()]
    assert "BatchNorm2d" not in kinds
    assert {"GroupNorm", "InstanceNorm2d"} <= set(kinds)
    unet(net).save(tmp_path)
    again = NetworkSegmenter.load(tmp_path)
    image = noise(64, 64)
    np.testing.assert_allclose(again.score_map(image), unet(in_half_precision(net)).score_map(image), atol=1e-5)


def test_a_model_may_be_moved(saved, tmp_path):
    shutil.move(saved[1], tmp_path / "élsewhere with spaces")
    image = noise(40, 40)
    np.testing.assert_array_equal(
        NetworkSegmenter.load(tmp_path / "élsewhere with spaces").score_map(image), saved[0].score_map(image)
    )
