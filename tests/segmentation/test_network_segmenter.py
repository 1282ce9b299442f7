"""The network in use: tiles that leave no trace, any size, and models that travel without code."""

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
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import log_loss
from torch import nn

from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.model_folder import SETTINGS
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.orientations import ORIENTATIONS
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.temperature import fit_temperature
from tests.segmentation.scenes import PREPROCESSING, Pointwise, Tiny, Where, dark_discs, plain


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch):
    """Or the last digits would depend on the processor."""
    monkeypatch.setattr("hrtem_lab.segmentation.device.has_bfloat16", lambda: False)


def unet(net, **arguments):
    return NetworkSegmenter(net=net, preprocessing=PREPROCESSING, **arguments)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def net():
    """The smallest network of the library's that downsamples as the real one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return segmentation_models_pytorch.Unet(
            "mobileone_s0", encoder_weights=None, in_channels=1, classes=1, encoder_depth=3, decoder_channels=(8, 4, 4)
        ).eval()


SHAPES = [(1, 1), (33, 700), (700, 33), (64, 64), (65, 63), (97, 130), (1, 200), (31, 31)]


@pytest.mark.parametrize("shape", SHAPES)
def test_tiles_leave_no_trace_of_a_network_that_looks_at_single_pixels(shape):
    image = noise(*shape)
    result = unet(Pointwise(), tile=64, overlap=16).score_map(image)
    assert result.shape == shape
    np.testing.assert_allclose(result, expit(-2 * image + 0.3), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_tiles_are_of_the_networks_stride(shape):
    net = Where()
    unet(net, tile=64, overlap=16).score_map(noise(*shape))
    assert all(size % 32 == 0 and size <= 64 for seen in net.seen for size in seen)


def test_a_network_that_looks_around_gives_the_same_inside_one_tile_and_in_many():
    """Two 5 x 5 convolutions reach 4 pixels; no pixel that far from a seam can know of it."""
    image = noise(160, 192)
    whole, tiled = (unet(Tiny(), tile=tile, overlap=32).score_map(image) for tile in (512, 64))
    far = np.ones(image.shape, dtype=bool)
    method = unet(Tiny(), tile=64, overlap=32)
    for rows, columns in method.tiling.windows(160, 192):
        for axis, side in ((0, rows), (1, columns)):
            edges = [e for e in (side.start, side.stop) if 0 < e < image.shape[axis]]
            for edge in edges:
                far[(slice(None),) * axis + (slice(edge - 4, edge + 4),)] = False
    assert far.mean() > 0.3
    np.testing.assert_allclose(tiled[far], whole[far], atol=1e-5)
    assert np.abs(tiled - whole).max() < 0.2


def test_blending_goes_smoothly_from_tile_to_tile():
    """Where overlapping tiles disagree by 0.6, no step is a quarter as large as without blending."""
    result = unet(Where(), tile=256, overlap=128).score_map(noise(64, 640))
    assert np.abs(np.diff(result, axis=1)).max() < 0.12


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 3), st.integers(0, 31))
def test_windows_cover_everything_and_overlap_as_asked(rows, columns, tile, overlap):
    method = unet(Pointwise(), tile=32 * tile, overlap=overlap)
    covered = np.zeros((rows, columns), dtype=int)
    starts = ({w[axis].start for w in method.tiling.windows(rows, columns)} for axis in (0, 1))
    for window in method.tiling.windows(rows, columns):
        assert covered[window].shape == (min(32 * tile, rows), min(32 * tile, columns))
        covered[window] += 1
    assert covered.min() >= 1
    for begun in starts:
        steps = np.diff(sorted(begun))
        assert (steps <= 32 * tile - overlap).all()


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 96))
def test_tiles_begin_on_the_networks_grid_where_their_overlap_leaves_room(length, tile, overlap):
    method = unet(Pointwise(), tile=32 * tile, overlap=min(overlap, 32 * tile - 32))
    assert all(start % 32 == 0 for start in method.tiling.starts(32 * length))


@pytest.fixture(scope="module")
def sharp():
    """A ResNet-18 U-Net as ours in use, with random weights and answers from 0 to 1 (logits of deviation 3)."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = segmentation_models_pytorch.Unet(
            "tu-resnet18", encoder_weights=None, in_channels=1, encoder_depth=4, decoder_channels=(32, 16, 16, 8)
        )
        with torch.no_grad():
            for _ in range(12):  # the statistics of batch norm are those of what it sees
                spread = net(torch.randn(2, 1, 128, 128)).std()
            for values in net.segmentation_head.parameters():
                values *= 3 / spread
    return net.eval()


def test_no_seam_shows_in_a_network_that_looks_as_far_as_ours(sharp):
    """Its answer in tiles of the default size is that in one piece, and that of a window is that of the whole."""
    image = noise(192, 1856)
    tiled, whole = unet(sharp), unet(sharp, tile=2048)
    assert len(list(tiled.tiling.windows(*image.shape))) > 1
    found = tiled.score_map(image)
    assert found.std() > 0.2
    np.testing.assert_allclose(found, whole.score_map(image), atol=1e-2)
    shifted = tiled.score_map(image[:, 160:])
    np.testing.assert_allclose(shifted[:, 160:], found[:, 320:], atol=1e-2)
    assert np.abs(shifted[:, :32] - found[:, 160:192]).max() > 1e-2  # its border has lost its surroundings


@pytest.mark.parametrize("settings", [{"tile": 64, "overlap": 64}, {"tile": 100}, {"overlap": -1}, {"tile": 0}])
def test_impossible_tiles_are_refused(settings):
    with pytest.raises(InputError, match="tile"):
        unet(Pointwise(), **settings)


def test_progress_counts_the_tiles():
    steps = []
    unet(Pointwise(), tile=64, overlap=16).probability_maps(
        noise(100, 200), lambda done, total: steps.append((done, total))
    )
    # 100 x 200 pixels are padded to 128 x 224; three and six tiles of 64 that share 16 or more and begin at 0, 32, ...
    assert steps == [(i, 18) for i in range(1, 19)]


def test_a_network_that_knows_cores_separates_by_them():
    """Two squares side by side, whose outline tells nothing: particle below -1, core below -3."""

    class Cores(nn.Module):
        def forward(self, images):
            return torch.cat([-4 * (images + 1.5), -4 * (images + 3.5)], dim=1)

    image = noise(240, 320)
    image[80:120, 100:180] = -2.5
    image[90:110, 110:130] = image[90:110, 150:170] = -5
    alone, method = unet(Pointwise()), unet(Cores(), tile=64, overlap=32)
    micrograph = plain(image, 0.05)
    assert method.probability_maps(noise(40, 70)).shape == (2, 40, 70)
    assert alone.probability_maps(noise(40, 70)).shape == (1, 40, 70)
    maps, instances = method.segment(micrograph)
    assert maps.shape == (2, *image.shape)
    assert instances.shape == image.shape
    assert instances.max() == 2
    assert len({instances[100, 120], instances[100, 160], 0}) == 3


@pytest.mark.parametrize("slope", [1e3, -1e3])
def test_a_network_that_is_very_sure_is_no_error(slope):
    image = noise(64, 64)
    sure = np.abs(image) > 0.1
    np.testing.assert_array_equal(unet(Pointwise(slope)).score_map(image)[sure], (slope * image > 0)[sure])


def test_the_network_is_used_as_trained_and_learns_nothing():
    class Noted(Pointwise):
        def forward(self, images):
            assert not self.training
            assert not torch.is_grad_enabled()
            return super().forward(images)

    unet(Noted()).score_map(noise(32, 32))


def test_thresholds_are_tuned():
    tuned = unet(Pointwise(-0.7)).tune([dark_discs(contrast=8.0)])
    assert 0.1 <= tuned.threshold <= 0.9
    assert (tuned(dark_discs(1, contrast=8.0)) > 0)[dark_discs(1).mask].mean() > 0.9
    thresholds = [c["threshold"] for c in tuned.candidates()]
    assert thresholds[0] == 0.1
    np.testing.assert_allclose(np.diff(thresholds), 0.05)


# Augmentation and temperature


def test_the_eight_views_differ_and_come_back():
    image = noise(5, 5)
    views = [turned(image) for turned, _ in ORIENTATIONS]
    assert len({view.tobytes() for view in views}) == 8
    for (_, back), view in zip(ORIENTATIONS, views, strict=True):
        np.testing.assert_array_equal(back(view), image)


@pytest.mark.parametrize("turned", [lambda a: np.rot90(a), lambda a: a[::-1], lambda a: np.rot90(a, 2)[:, ::-1]])
def test_an_augmented_network_does_not_know_how_the_micrograph_lies(turned):
    image = noise(64, 96)
    plain, averaged = unet(Tiny()), unet(Tiny(), tta=True)
    assert np.abs(plain.score_map(turned(image)) - turned(plain.score_map(image))).max() > 1e-3
    np.testing.assert_allclose(averaged.score_map(turned(image)), turned(averaged.score_map(image)), atol=1e-6)


def test_augmentation_is_the_mean_of_probabilities():
    """Of a network that sees pixels from left to right: half the views go the other way, and half go up or down."""
    image = noise(64, 64)
    along = expit(np.linspace(-3, 3, 64))
    views = [along[None, :], along[None, ::-1], along[:, None], along[::-1, None]]
    np.testing.assert_allclose(unet(Where(), tta=True).score_map(image), sum(views) / 4, atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_logits_are_divided_by_the_temperature(temperature):
    image = noise(40, 50)
    for tta in (False, True):
        found = unet(Pointwise(), temperature=temperature, tta=tta).score_map(image)
        np.testing.assert_allclose(found, expit((-2 * image + 0.3) / temperature), atol=1e-6)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_that_of_the_dice_that_were_thrown(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 40_000)
    truth = rng.random(len(logits)) < expit(logits / temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def test_a_network_that_makes_no_mistake_is_not_trusted_without_limit():
    logits = noise(1000)
    assert fit_temperature(logits, logits > 0) == pytest.approx(0.1, rel=0.01)


def test_tuning_finds_the_likeliest_temperature_and_a_network_that_brags_is_told_so():
    """Noise of deviation 1, particles at -2 on 22 % of the field: the odds at x are exp(-2 x - 2) * 0.22 / 0.78.

    The network says five times the logarithm of that, of an image that has been standardised.
    """

    class Sure(nn.Module):
        def forward(self, images):
            return 5 * (-2 * images - 2 + np.log(0.22 / 0.78))

    def loss(method, micrograph):
        return log_loss(micrograph.mask.ravel(), method.segment(micrograph).particle_probability.ravel())

    sure, shown, fresh = unet(Sure()), dark_discs(0, contrast=2.0), dark_discs(2, contrast=2.0)
    tuned = sure.tune([shown])
    assert 3 < tuned.temperature < 9
    for factor in (0.8, 1.25):
        assert loss(tuned, shown) < loss(replace(tuned, temperature=factor * tuned.temperature), shown)
    assert loss(tuned, fresh) < loss(sure, fresh) / 2


def test_without_validation_the_temperature_stays():
    assert unet(Pointwise(), temperature=1.5).tune([]).temperature == 1.5


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan])
def test_an_impossible_temperature_is_refused(temperature):
    with pytest.raises(InputError, match="temperature"):
        unet(Pointwise(), temperature=temperature)


# Models on disk

PROVENANCE = {"run": "abc", "commit": "1234"}


@pytest.fixture
def saved(net, tmp_path):
    """A model with settings that are nobody's default."""
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


def test_a_model_from_before_there_was_a_temperature_is_read(saved):
    settings = json.loads((saved[1] / SETTINGS).read_text())
    for name in ("temperature", "augmented"):
        del settings[name]
    (saved[1] / SETTINGS).write_text(json.dumps(settings))
    again = NetworkSegmenter.load(saved[1])
    assert (again.temperature, again.tta, again.threshold) == (1.0, False, 0.35)


def test_nothing_in_the_folder_is_code(saved):
    assert {path.suffix for path in saved[1].iterdir()} <= {".json", ".safetensors", ".md"}


def test_loading_is_silent(saved, capsys):
    NetworkSegmenter.load(saved[1])
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach another machine is an error that no one can mistake."""

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
def test_a_folder_that_is_none_is_not_looked_for_elsewhere(tmp_path):
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
def test_a_damaged_model_is_told_in_one_line(saved, damage):
    damage(saved[1])
    with pytest.raises(InputError, match="the model cannot be read") as caught:
        NetworkSegmenter.load(saved[1])
    assert str(saved[1]) in str(caught.value)
    assert "\n" not in str(caught.value)


class Trap:
    """Tells when it is unpickled."""

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


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 150), st.integers(1, 150))
def test_a_real_network_takes_any_size(rows, columns):
    class Downsampling(nn.Module):
        """Halves five times and comes back, as a U-Net does; a size that is no multiple of 32 would not fit."""

        def forward(self, images):
            down = nn.functional.avg_pool2d(images, 32)
            up = nn.functional.interpolate(down, scale_factor=32)
            return images + up

    result = unet(Downsampling(), tile=64, overlap=20).score_map(noise(rows, columns))
    assert result.shape == (rows, columns)
    assert np.isfinite(result).all()
